import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from doorward.actors.post.backoff import Backoff
from doorward.actors.post.delivery import Delivery, Ending
from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.post.mail import SignInMail
from doorward.actors.post.transport import Retryable, Transport, Undeliverable

MakeMail = Callable[..., SignInMail]
START_MS = 1_700_000_000_000
TTL_MS = 600_000
WAIT_SECONDS = 10.0


class Clock:
    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)


class Alarm:
    """One wait that ends when the test says so."""

    def __init__(self, seconds: float, then: Callable[[], None]) -> None:
        self.seconds = seconds
        self.ring = then
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Scripted:
    """A transport that fails as told, mail by mail, and may hold mails back."""

    def __init__(self) -> None:
        self.script: dict[str, deque[Exception]] = {}
        self.taken: list[SignInMail] = []
        self.tries = 0
        self.at_once = 0
        self.most_at_once = 0
        self.entered = asyncio.Semaphore(0)
        self.may_go = asyncio.Event()
        self.may_go.set()
        self.closed = False

    async def send(self, mail: SignInMail) -> None:
        self.tries += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.entered.release()
        try:
            await self.may_go.wait()
        finally:
            self.at_once -= 1
        if self.script.get(mail.id):
            raise self.script[mail.id].popleft()
        self.taken.append(mail)

    async def close(self) -> None:
        self.closed = True


class Post:
    """A delivery with everything around it in the test's hands."""

    def __init__(self, transport: Transport | None = None, **settings: int) -> None:
        self.clock = Clock()
        self.scripted = Scripted()
        self.settled: asyncio.Queue[tuple[str, Ending]] = asyncio.Queue()
        self.alarms: asyncio.Queue[Alarm] = asyncio.Queue()
        self.events: asyncio.Queue[Alarm | tuple[str, Ending]] = asyncio.Queue()
        self.delivery = Delivery(
            transport or self.scripted,
            clock_ms=self.clock,
            settle=self._settle,
            backoff=Backoff(chance=lambda: 1.0),
            timer=self._timer,
            **settings,
        )

    def fails(self, mail_id: str, *errors: Exception) -> None:
        self.scripted.script[mail_id] = deque(errors)

    async def next_settled(self) -> tuple[str, Ending]:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.settled.get()

    async def next_alarm(self) -> Alarm:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.alarms.get()

    async def next_event(self) -> Alarm | tuple[str, Ending]:
        """Return whichever comes next, in the order in which they happened."""
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.events.get()

    async def entered(self) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            await self.scripted.entered.acquire()

    def _timer(self, seconds: float, then: Callable[[], None]) -> Alarm:
        alarm = Alarm(seconds, then)
        self.alarms.put_nowait(alarm)
        self.events.put_nowait(alarm)
        return alarm

    def _settle(self, mail_id: str, ending: Ending) -> None:
        self.settled.put_nowait((mail_id, ending))
        self.events.put_nowait((mail_id, ending))


@asynccontextmanager
async def posting(transport: Transport | None = None, **settings: int) -> AsyncIterator[Post]:
    post = Post(transport, **settings)
    await post.delivery.start()
    try:
        yield post
    finally:
        await post.delivery.stop(grace_seconds=0)


async def test_a_mail_is_sent_and_settled_once(make_mail: MakeMail) -> None:
    async with posting() as post:
        accepted = post.delivery.offer(make_mail())

        ending = await post.next_settled()

        assert accepted
        assert ending == ("mail-1", "sent")
        assert post.scripted.taken == [make_mail()]
        assert post.settled.empty()
        assert (post.delivery.sent, post.delivery.pending) == (1, 0)


async def test_what_was_offered_before_the_start_is_sent_too(make_mail: MakeMail) -> None:
    post = Post()
    post.delivery.offer(make_mail())

    await post.delivery.start()

    assert await post.next_settled() == ("mail-1", "sent")
    await post.delivery.stop()


async def test_a_mail_is_made_only_when_it_is_about_to_be_sent_and_anew_for_each_try(
    make_mail: MakeMail,
) -> None:
    made: list[int] = []

    async with posting(concurrency=1) as post:

        def making() -> SignInMail:
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
        assert post.scripted.taken[-1].minutes_left == 8


async def test_waits_double_up_to_a_cap_until_no_try_fits_before_the_deadline(
    make_mail: MakeMail,
) -> None:
    waits: list[float] = []

    async with posting() as post:
        post.fails("mail-1", *[Retryable("no session") for _ in range(100)])
        post.delivery.offer(make_mail())
        while isinstance(what := await post.next_event(), Alarm):
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


async def test_an_undeliverable_mail_is_given_up_at_once(make_mail: MakeMail) -> None:
    async with posting() as post:
        post.fails("mail-1", Undeliverable("SMTPRecipientsRefused 550"))

        post.delivery.offer(make_mail())

        assert await post.next_settled() == ("mail-1", "undeliverable")
        assert post.alarms.empty()
        assert (post.delivery.failed, post.delivery.sent, post.delivery.pending) == (1, 0, 0)


@pytest.mark.parametrize("late_ms", [0, 1, 86_400_000])
async def test_a_mail_past_its_deadline_is_not_even_tried(
    make_mail: MakeMail, late_ms: int
) -> None:
    async with posting() as post:
        post.clock.now_ms = START_MS + TTL_MS + late_ms

        post.delivery.offer(make_mail())

        assert await post.next_settled() == ("mail-1", "expired")
        assert post.scripted.tries == 0


async def test_a_mail_that_is_no_longer_wanted_expires(make_mail: MakeMail) -> None:
    del make_mail

    async with posting() as post:
        post.delivery.offer(lambda: None, mail_id="mail-9")

        assert await post.next_settled() == ("mail-9", "expired")
        assert post.scripted.tries == 0


async def test_a_mail_that_cannot_be_made_is_undeliverable_and_stops_nobody(
    make_mail: MakeMail,
) -> None:
    def unmakeable() -> SignInMail:
        raise KeyError("buyer@example.org")

    async with posting(concurrency=1) as post:
        post.delivery.offer(unmakeable, mail_id="mail-9")
        post.delivery.offer(unmakeable)
        post.delivery.offer(make_mail())

        assert await post.next_settled() == ("mail-9", "undeliverable")
        assert await post.next_settled() == ("mail-1", "sent")
        assert (post.delivery.failed, post.delivery.pending) == (2, 0)


async def test_an_unforeseen_error_is_retried_like_any_other(make_mail: MakeMail) -> None:
    async with posting(concurrency=1) as post:
        post.fails("mail-1", ZeroDivisionError("buyer@example.org"))

        post.delivery.offer(make_mail())
        (await post.next_alarm()).ring()

        assert await post.next_settled() == ("mail-1", "sent")


async def test_a_waiting_retry_holds_up_no_other_mail(make_mail: MakeMail) -> None:
    async with posting(concurrency=1) as post:
        post.fails("mail-1", Retryable("SMTPDataError 451"))

        post.delivery.offer(make_mail(id="mail-1"))
        post.delivery.offer(make_mail(id="mail-2"))
        alarm = await post.next_alarm()

        assert await post.next_settled() == ("mail-2", "sent")
        assert post.delivery.pending == 1
        alarm.ring()
        assert await post.next_settled() == ("mail-1", "sent")


async def test_no_more_mails_than_allowed_are_with_the_transport(make_mail: MakeMail) -> None:
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


async def test_a_full_hand_takes_no_more_until_a_mail_is_settled(make_mail: MakeMail) -> None:
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
async def test_a_mail_in_hand_is_not_taken_twice(make_mail: MakeMail, *, named: bool) -> None:
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


async def test_a_settled_mail_may_be_offered_again(make_mail: MakeMail) -> None:
    async with posting() as post:
        post.delivery.offer(make_mail())
        await post.next_settled()

        post.delivery.offer(make_mail())

        assert await post.next_settled() == ("mail-1", "sent")
        assert post.delivery.sent == 2


async def test_a_settle_that_raises_stops_nobody(make_mail: MakeMail) -> None:
    settled: asyncio.Queue[str] = asyncio.Queue()

    def settle(mail_id: str, ending: Ending) -> None:
        settled.put_nowait(mail_id)
        raise RuntimeError(ending)

    delivery = Delivery(DevelopmentMailbox(), clock_ms=Clock(), settle=settle, concurrency=1)
    await delivery.start()

    delivery.offer(make_mail(id="mail-1"))
    delivery.offer(make_mail(id="mail-2"))
    async with asyncio.timeout(WAIT_SECONDS):
        ids = [await settled.get(), await settled.get()]
    await delivery.stop()

    assert ids == ["mail-1", "mail-2"]
    assert (delivery.sent, delivery.pending) == (2, 0)


@pytest.mark.parametrize("waiting", [0, 1])
async def test_stopping_finishes_what_is_being_sent_and_begins_nothing(
    make_mail: MakeMail, waiting: int
) -> None:
    async with posting(concurrency=1) as post:
        post.scripted.may_go.clear()
        post.delivery.offer(make_mail(id="mail-1"))
        for _ in range(waiting):
            post.delivery.offer(make_mail(id="mail-2"))
        await post.entered()

        stopping = asyncio.create_task(post.delivery.stop(grace_seconds=WAIT_SECONDS * 100))
        asyncio.get_running_loop().call_soon(post.scripted.may_go.set)
        async with asyncio.timeout(WAIT_SECONDS):
            await stopping

        assert post.settled.get_nowait() == ("mail-1", "sent")
        assert post.settled.empty()
        assert post.scripted.tries == 1
        assert post.scripted.closed
        assert not post.delivery.offer(make_mail(id="mail-3"))


async def test_stopping_cuts_off_what_takes_longer_than_the_grace_unsettled(
    make_mail: MakeMail,
) -> None:
    async with posting() as post:
        post.scripted.may_go.clear()
        post.delivery.offer(make_mail())
        await post.entered()

        await post.delivery.stop(grace_seconds=0)

        assert post.scripted.at_once == 0
        assert post.settled.empty()
        assert post.scripted.closed


async def test_stopping_calls_off_retries_and_settles_nothing(make_mail: MakeMail) -> None:
    async with posting() as post:
        post.fails("mail-1", Retryable("no session"))
        post.delivery.offer(make_mail())
        alarm = await post.next_alarm()

        await post.delivery.stop()
        alarm.ring()

        assert alarm.cancelled
        assert post.settled.empty()
        assert post.scripted.tries == 1


async def test_a_mail_that_fails_while_stopping_is_left_to_the_outbox(make_mail: MakeMail) -> None:
    async with posting() as post:
        post.fails("mail-1", Retryable("no session"))
        post.scripted.may_go.clear()
        post.delivery.offer(make_mail())
        await post.entered()

        stopping = asyncio.create_task(post.delivery.stop(grace_seconds=WAIT_SECONDS * 100))
        asyncio.get_running_loop().call_soon(post.scripted.may_go.set)
        async with asyncio.timeout(WAIT_SECONDS):
            await stopping

        assert post.scripted.tries == 1
        assert post.alarms.empty()
        assert post.settled.empty()


async def test_a_post_that_was_never_started_can_be_stopped(make_mail: MakeMail) -> None:
    post = Post()
    post.delivery.offer(make_mail())

    await post.delivery.stop()

    assert post.scripted.closed
    assert post.settled.empty()


async def test_an_offer_while_the_loop_is_torn_down_does_no_harm(make_mail: MakeMail) -> None:
    async with posting(concurrency=2) as post:
        post.delivery.offer(make_mail(id="mail-1"))
        await post.next_settled()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

        accepted = [post.delivery.offer(make_mail(id=f"mail-{n}")) for n in (2, 3, 4)]

        assert accepted == [True, True, True]


async def test_stopping_an_idle_post_does_not_wait_for_the_grace() -> None:
    post = Post()
    await post.delivery.start()

    async with asyncio.timeout(WAIT_SECONDS):
        await post.delivery.stop(grace_seconds=WAIT_SECONDS * 100)

    assert post.scripted.closed


async def test_a_transport_that_never_waits_leaves_others_their_turn(make_mail: MakeMail) -> None:
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


async def test_logs_tell_the_id_and_nothing_that_is_secret(make_mail: MakeMail) -> None:
    link = "https://alpha.example:8443/link?token=lSecretSecret"

    def unmakeable() -> SignInMail:
        raise ValueError("482913 buyer@example.org")

    with capture_logs() as logs:
        await _lose_three_mails(make_mail, link, unmakeable)

    printed = repr(logs)
    for mail_id in ("mail-1", "mail-2", "mail-3"):
        assert mail_id in printed
    for secret in ("482913", "lSecret", "buyer", "example.org"):
        assert secret not in printed


async def _lose_three_mails(
    make_mail: MakeMail, link: str, unmakeable: Callable[[], SignInMail]
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


@given(st.lists(st.tuples(TROUBLE, LAST, st.booleans()), max_size=12), st.integers(1, 4))
def test_every_mail_is_settled_exactly_once_whatever_happens(
    fates: list[tuple[list[str], str, bool]], concurrency: int
) -> None:
    endings = asyncio.run(all_settled(fates, concurrency))

    assert sorted(endings) == sorted((f"mail-{n}", fate[1]) for n, fate in enumerate(fates))


async def all_settled(
    fates: list[tuple[list[str], str, bool]], concurrency: int
) -> list[tuple[str, Ending]]:
    endings: list[tuple[str, Ending]] = []
    async with posting(concurrency=concurrency) as post:
        for number, (trouble, last, made_late) in enumerate(fates):
            offer_one(post, f"mail-{number}", trouble, last, made_late=made_late)
        assert post.delivery.pending == len(fates)
        while post.delivery.pending or not post.events.empty():
            event = await post.next_event()
            if isinstance(event, Alarm):
                event.ring()
            else:
                endings.append(event)
        counted = (post.delivery.sent, post.delivery.failed, post.delivery.expired)
        assert sum(counted) == len(fates)
        assert post.delivery.retried == sum(len(trouble) for trouble, _, _ in fates)
        assert post.scripted.at_once == 0
    return endings


def offer_one(post: Post, mail_id: str, trouble: list[str], last: str, *, made_late: bool) -> None:
    errors: list[Exception] = [
        Retryable("no session") if kind == "retryable" else OSError("unforeseen")
        for kind in trouble
    ]
    if last == "undeliverable":
        errors.append(Undeliverable("SMTPRecipientsRefused 550"))
    post.fails(mail_id, *errors)
    tries = 0

    def making() -> SignInMail:
        nonlocal tries
        tries += 1
        too_late = last == "expired" and tries > len(trouble)
        return SignInMail(
            id=mail_id,
            slug="alpha",
            to="buyer@example.org",
            display_name="Alpha Shop",
            accent="#0a7c66",
            origin="https://alpha.example",
            code="482913",
            link=None,
            expires_at_ms=START_MS if too_late else START_MS + TTL_MS,
            minutes_left=10,
            sent_at_ms=START_MS,
        )

    if made_late or last == "expired":
        post.delivery.offer(making, mail_id=mail_id if made_late else None)
    else:
        post.delivery.offer(making())
