import asyncio
from typing import TYPE_CHECKING

import pytest

from doorward.actors.post.delivery import Delivery, Ending
from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.post.mail import Mail, SignIn
from doorward.actors.post.transport import Retryable, Undeliverable

if TYPE_CHECKING:
    from tests.actors.post.conftest import MakeMail, Posting

START_MS = 1_700_000_000_000
TTL_MS = 600_000
WAIT_SECONDS = 10.0


async def test_a_mail_is_sent_and_settled_once(make_mail: "MakeMail", posting: "Posting") -> None:
    async with posting() as post:
        accepted = post.delivery.offer(make_mail())

        ending = await post.next_settled()

        assert accepted
        assert ending == ("mail-1", "sent")
        assert post.scripted.taken == [make_mail()]
        assert post.settled.empty()
        assert (post.delivery.sent, post.delivery.pending) == (1, 0)


async def test_what_was_offered_before_the_start_is_sent_too(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting(started=False) as post:
        post.delivery.offer(make_mail())

        await post.delivery.start()

        assert await post.next_settled() == ("mail-1", "sent")


async def test_a_mail_is_made_only_when_it_is_about_to_be_sent_and_anew_for_each_try(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    made: list[int] = []

    async with posting(concurrency=1) as post:

        def making() -> Mail:
            made.append(post.clock.now_ms)
            return make_mail(minutes_left=10 - len(made))

        post.fails("mail-1", Retryable("SMTPDataError 451"))
        post.scripted.may_go.clear()
        post.delivery.offer(make_mail(id="mail-0"))
        await post.entered()
        post.delivery.offer(making, mail_id="mail-1")
        made_while_waiting = list(made)
        post.scripted.may_go.set()
        alarm = await post.next_alarm()
        post.clock.advance(alarm.seconds)
        alarm.ring()

        assert await post.next_settled() == ("mail-0", "sent")
        assert await post.next_settled() == ("mail-1", "sent")
        assert made_while_waiting == []
        assert made == [START_MS, START_MS + 1000]
        assert minutes_left(post.scripted.taken[-1]) == 8


async def test_waits_double_up_to_a_cap_until_no_try_fits_before_the_deadline(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    waits: list[float] = []

    async with posting() as post:
        post.fails("mail-1", *[Retryable("no session") for _ in range(100)])
        post.delivery.offer(make_mail())
        while not isinstance(what := await post.next_event(), tuple):
            waits.append(what.seconds)
            post.clock.advance(what.seconds)
            what.ring()

        assert what == ("mail-1", "expired")
        assert waits[:7] == [1, 2, 4, 8, 16, 30, 30]
        assert set(waits[5:]) == {30}
        assert sum(waits) < TTL_MS / 1000 <= sum(waits) + 30
        assert post.scripted.tries == len(waits) + 1
        assert (post.delivery.retried, post.delivery.expired) == (len(waits), 1)
        assert post.settled.qsize() == 1


async def test_an_undeliverable_mail_is_given_up_at_once(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting() as post:
        post.fails("mail-1", Undeliverable("SMTPRecipientsRefused 550"))

        post.delivery.offer(make_mail())

        assert await post.next_settled() == ("mail-1", "undeliverable")
        assert post.alarms.empty()
        assert (post.delivery.failed, post.delivery.sent, post.delivery.pending) == (1, 0, 0)


@pytest.mark.parametrize("late_ms", [0, 1, 86_400_000])
async def test_a_mail_past_its_deadline_is_not_even_tried(
    make_mail: "MakeMail", late_ms: int, posting: "Posting"
) -> None:
    async with posting() as post:
        post.clock.now_ms = START_MS + TTL_MS + late_ms

        post.delivery.offer(make_mail())

        assert await post.next_settled() == ("mail-1", "expired")
        assert post.scripted.tries == 0


async def test_a_mail_that_is_no_longer_wanted_expires(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    del make_mail

    async with posting() as post:
        post.delivery.offer(lambda: None, mail_id="mail-9")

        assert await post.next_settled() == ("mail-9", "expired")
        assert post.scripted.tries == 0


async def test_a_mail_that_cannot_be_made_is_undeliverable_and_stops_nobody(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    def unmakeable() -> Mail:
        raise KeyError("buyer@example.org")

    async with posting(concurrency=1) as post:
        post.delivery.offer(unmakeable, mail_id="mail-9")
        post.delivery.offer(unmakeable)
        post.delivery.offer(make_mail())

        assert await post.next_settled() == ("mail-9", "undeliverable")
        assert await post.next_settled() == ("mail-1", "sent")
        assert (post.delivery.failed, post.delivery.pending) == (2, 0)


async def test_an_unforeseen_error_is_retried_like_any_other(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting(concurrency=1) as post:
        post.fails("mail-1", ZeroDivisionError("buyer@example.org"))

        post.delivery.offer(make_mail())
        (await post.next_alarm()).ring()

        assert await post.next_settled() == ("mail-1", "sent")


async def test_a_waiting_retry_holds_up_no_other_mail(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting(concurrency=1) as post:
        post.fails("mail-1", Retryable("SMTPDataError 451"))

        post.delivery.offer(make_mail(id="mail-1"))
        post.delivery.offer(make_mail(id="mail-2"))
        alarm = await post.next_alarm()

        assert await post.next_settled() == ("mail-2", "sent")
        assert post.delivery.pending == 1
        alarm.ring()
        assert await post.next_settled() == ("mail-1", "sent")


async def test_no_more_mails_than_allowed_are_with_the_transport(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting(concurrency=3) as post:
        post.scripted.may_go.clear()
        for number in range(10):
            post.delivery.offer(make_mail(id=f"mail-{number}"))
        for _ in range(3):
            await post.entered()

        post.scripted.may_go.set()
        endings = [await post.next_settled() for _ in range(10)]

        assert sorted(mail_id for mail_id, _ in endings) == [f"mail-{n}" for n in range(10)]
        assert post.scripted.most_at_once == 3


async def test_a_full_hand_takes_no_more_until_a_mail_is_settled(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting(pending_limit=2) as post:
        post.fails("mail-1", Retryable("no session"))
        post.scripted.may_go.clear()

        accepted = [post.delivery.offer(make_mail(id=f"mail-{n}")) for n in (1, 2, 3)]
        post.scripted.may_go.set()
        alarm = await post.next_alarm()
        first = await post.next_settled()

        assert accepted == [True, True, False]
        assert first == ("mail-2", "sent")
        assert post.delivery.offer(make_mail(id="mail-3"))
        assert not post.delivery.offer(make_mail(id="mail-4"))
        alarm.ring()


@pytest.mark.parametrize("named", [True, False])
async def test_a_mail_in_hand_is_not_taken_twice(
    make_mail: "MakeMail", posting: "Posting", *, named: bool
) -> None:
    async with posting(concurrency=2) as post:
        post.scripted.may_go.clear()

        post.delivery.offer(make_mail)
        await post.entered()
        again = post.delivery.offer(make_mail, mail_id="mail-1" if named else None)
        third = post.delivery.offer(make_mail())
        post.delivery.offer(make_mail(id="mail-2"))
        await post.entered()
        post.scripted.may_go.set()
        endings = {await post.next_settled() for _ in range(2)}

        assert again
        assert third
        assert endings == {("mail-1", "sent"), ("mail-2", "sent")}
        assert post.scripted.tries == 2
        assert post.delivery.pending == 0
        assert post.settled.empty()


async def test_a_settled_mail_may_be_offered_again(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting() as post:
        post.delivery.offer(make_mail())
        await post.next_settled()

        post.delivery.offer(make_mail())

        assert await post.next_settled() == ("mail-1", "sent")
        assert post.delivery.sent == 2


async def test_a_settle_that_raises_stops_nobody(make_mail: "MakeMail") -> None:
    settled: asyncio.Queue[str] = asyncio.Queue()

    def settle(mail_id: str, ending: Ending) -> None:
        settled.put_nowait(mail_id)
        raise RuntimeError(ending)

    delivery = Delivery(
        DevelopmentMailbox(), clock_ms=lambda: START_MS, settle=settle, concurrency=1
    )
    await delivery.start()

    delivery.offer(make_mail(id="mail-1"))
    delivery.offer(make_mail(id="mail-2"))
    async with asyncio.timeout(WAIT_SECONDS):
        ids = [await settled.get(), await settled.get()]
    await delivery.stop()

    assert ids == ["mail-1", "mail-2"]
    assert (delivery.sent, delivery.pending) == (2, 0)


async def test_a_transport_that_never_waits_leaves_others_their_turn(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    loop = asyncio.get_running_loop()
    seen: list[int] = []

    async with posting(DevelopmentMailbox()) as post:

        def look() -> None:
            seen.append(post.delivery.pending)
            if post.delivery.pending:
                loop.call_soon(look)

        for number in range(5_000):
            post.delivery.offer(make_mail(id=f"mail-{number}"))
        look()
        for _ in range(5_000):
            await post.next_settled()

    assert len(set(seen)) >= 5


def minutes_left(mail: Mail) -> int:
    assert isinstance(mail.content, SignIn)
    return mail.content.minutes_left
