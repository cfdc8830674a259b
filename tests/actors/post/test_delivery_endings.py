import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from doorward.actors.post.delivery import Ending
from doorward.actors.post.mail import Mail, SignIn
from doorward.actors.post.transport import Retryable, Undeliverable

if TYPE_CHECKING:
    from tests.actors.post.conftest import MakeMail, Post, Posting

START_MS = 1_700_000_000_000
TTL_MS = 600_000


async def test_logs_tell_the_id_and_nothing_that_is_secret(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    link = "https://alpha.example:8443/link?token=lSecretSecret"

    def unmakeable() -> Mail:
        raise ValueError("482913 buyer@example.org")

    with capture_logs() as logs:
        await _lose_three_mails(make_mail, link, unmakeable, posting)

    printed = repr(logs)
    for mail_id in ("mail-1", "mail-2", "mail-3"):
        assert mail_id in printed
    for secret in ("482913", "lSecret", "buyer", "example.org"):
        assert secret not in printed


async def _lose_three_mails(
    make_mail: "MakeMail", link: str, unmakeable: Callable[[], Mail], posting: "Posting"
) -> None:
    async with posting() as post:
        post.fails("mail-1", Retryable("no session"), Undeliverable("SMTPDataError 554"))
        post.fails("mail-2", ValueError(f"482913 buyer@example.org {link}"))
        post.delivery.offer(make_mail(id="mail-1", link=link))
        (await post.next_alarm()).ring()
        await post.next_settled()
        post.delivery.offer(make_mail(id="mail-2", link=link))
        post.clock.now_ms = START_MS + TTL_MS - 1
        await post.next_settled()
        post.delivery.offer(unmakeable, mail_id="mail-3")
        await post.next_settled()


TROUBLE = st.lists(st.sampled_from(["retryable", "unforeseen"]), max_size=4)
LAST = st.sampled_from(["sent", "undeliverable", "expired"])


@given(
    fates=st.lists(st.tuples(TROUBLE, LAST, st.booleans()), max_size=12),
    concurrency=st.integers(1, 4),
)
def test_every_mail_is_settled_exactly_once_whatever_happens(
    posting: "Posting", fates: list[tuple[list[str], str, bool]], concurrency: int
) -> None:
    endings = asyncio.run(all_settled(fates, concurrency, posting))

    assert sorted(endings) == sorted((f"mail-{n}", fate[1]) for n, fate in enumerate(fates))


async def all_settled(
    fates: list[tuple[list[str], str, bool]], concurrency: int, posting: "Posting"
) -> list[tuple[str, Ending]]:
    endings: list[tuple[str, Ending]] = []
    async with posting(concurrency=concurrency) as post:
        for number, (trouble, last, made_late) in enumerate(fates):
            offer_one(post, f"mail-{number}", trouble, last, made_late=made_late)
        assert post.delivery.pending == len(fates)
        while post.delivery.pending or not post.events.empty():
            event = await post.next_event()
            if isinstance(event, tuple):
                endings.append(event)
            else:
                event.ring()
        counted = (post.delivery.sent, post.delivery.failed, post.delivery.expired)
        assert sum(counted) == len(fates)
        assert post.delivery.retried == sum(len(trouble) for trouble, _, _ in fates)
        assert post.scripted.at_once == 0
    return endings


def offer_one(
    post: "Post", mail_id: str, trouble: list[str], last: str, *, made_late: bool
) -> None:
    errors: list[Exception] = [
        Retryable("no session") if kind == "retryable" else OSError("unforeseen")
        for kind in trouble
    ]
    if last == "undeliverable":
        errors.append(Undeliverable("SMTPRecipientsRefused 550"))
    post.fails(mail_id, *errors)
    tries = 0

    def making() -> Mail:
        nonlocal tries
        tries += 1
        too_late = last == "expired" and tries > len(trouble)
        return Mail(
            id=mail_id,
            slug="alpha",
            to="buyer@example.org",
            display_name="Alpha Shop",
            accent="#0a7c66",
            origin="https://alpha.example",
            locale="en",
            expires_at_ms=START_MS if too_late else START_MS + TTL_MS,
            sent_at_ms=START_MS,
            content=SignIn(code="482913", link=None, minutes_left=10),
        )

    if made_late or last == "expired":
        post.delivery.offer(making, mail_id=mail_id if made_late else None)
    else:
        post.delivery.offer(making())
