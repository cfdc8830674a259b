import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from doorward.actors.errors import StoreUnreachable
from doorward.actors.journal import Commit
from doorward.actors.keyring import Keyring
from doorward.actors.messages.account import RequestSignIn
from doorward.actors.outbox import HELD_STEP_MS, PAGE, Outbox
from doorward.actors.partitions import outbox_key, partition_of
from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.post.mail import Mail
from doorward.actors.post.transport import Transport, Undeliverable
from doorward.actors.records.codec import encode
from doorward.actors.records.mail import MailJob, OrderLetter, SignInLetter
from tests.actors.harness import CALLER, EMAIL, ORIGIN, World

ALPHA = partition_of("alpha")


class Carrier:
    """Takes mails, or keeps them waiting at the counter until it opens."""

    def __init__(self) -> None:
        self.carried: list[Mail] = []
        self.open = asyncio.Event()
        self.open.set()
        self.refuses = False

    async def send(self, mail: Mail) -> None:
        await self.open.wait()
        if self.refuses:
            raise Undeliverable("never")
        self.carried.append(mail)

    async def close(self) -> None:
        """Nothing is held."""


class Posted:
    """A world whose mails go out."""

    def __init__(self, world: World, transport: Transport, keyring: Keyring | None = None) -> None:
        self.world = world
        self.outbox = Outbox(
            world.journal,
            world.host,
            transport,
            keyring=keyring or world.site.keyring,
            clock_ms=world.clock.now_ms,
        )

    async def send_all(self) -> None:
        """Send what the host told, as the embedded system does."""
        for partition, mail_id, job in self.world.jobs:
            self.outbox.send(partition, mail_id, job)
        self.world.jobs.clear()
        await self.settled()

    async def settled(self) -> None:
        for _ in range(100_000):
            if not self.outbox.delivery.pending:
                return
            await asyncio.sleep(0)
        raise AssertionError("a mail is neither sent nor given up")

    async def struck(self) -> list[tuple[str, bytes]]:
        """Let strikes be committed, and tell what is left in the store."""
        await self.world.host.tend()
        await self.world.work()
        return self.world.site.store.outbox(ALPHA, "", 1_000)


@pytest.fixture
def carrier() -> Carrier:
    return Carrier()


@pytest.fixture
async def posted(carrier: Carrier) -> AsyncIterator[Posted]:
    posted = Posted(await (await World().open()).furnish("alpha"), carrier)
    await posted.outbox.delivery.start()
    yield posted
    await posted.outbox.delivery.stop(grace_seconds=0)


async def taken_over(world: World, carrier: Transport) -> Posted:
    """Start the next host, which knows of no mail but what the store holds."""
    world.jobs.clear()
    after = await world.successor()
    posted = Posted(after, carrier)
    posted.outbox.read_again([partition.index for partition in after.taken])
    await posted.outbox.delivery.start()
    return posted


async def test_a_committed_mail_is_sent_with_its_code_and_struck(
    posted: Posted, carrier: Carrier
) -> None:
    code = await posted.world.code()

    await posted.send_all()

    assert [(mail.to, mail.code) for mail in carrier.carried] == [(EMAIL, code)]
    assert await posted.struck() == []


async def test_the_store_holds_a_mail_until_it_is_settled(posted: Posted, carrier: Carrier) -> None:
    carrier.open.clear()
    await posted.world.request()
    posted.outbox.send(*posted.world.jobs[-1])

    before = await posted.struck()
    carrier.open.set()
    await posted.settled()

    assert len(before) == 1
    assert await posted.struck() == []


async def test_a_mail_that_was_not_settled_is_sent_by_the_next_host(
    posted: Posted, carrier: Carrier
) -> None:
    code = await posted.world.code()

    after = await taken_over(posted.world, carrier)
    await after.outbox.catch_up()
    await after.settled()

    assert [mail.code for mail in carrier.carried] == [code]
    assert await after.struck() == []
    await after.outbox.delivery.stop(grace_seconds=0)


async def test_a_settled_mail_is_not_sent_again(posted: Posted, carrier: Carrier) -> None:
    await posted.world.request()
    await posted.send_all()
    await posted.struck()

    after = await taken_over(posted.world, carrier)
    await after.outbox.catch_up()
    await after.settled()

    assert len(carrier.carried) == 1
    await after.outbox.delivery.stop(grace_seconds=0)


async def test_a_mail_that_is_settled_but_not_struck_is_not_sent_again_by_this_host(
    posted: Posted, carrier: Carrier
) -> None:
    await posted.world.request()
    await posted.send_all()

    posted.outbox.read_again([ALPHA])
    await posted.outbox.catch_up()
    await posted.settled()

    assert len(carrier.carried) == 1


async def test_a_mail_in_hand_is_not_taken_twice(posted: Posted, carrier: Carrier) -> None:
    carrier.open.clear()
    await posted.world.request()
    posted.outbox.send(*posted.world.jobs[-1])
    posted.outbox.read_again([ALPHA])

    await posted.outbox.catch_up()
    carrier.open.set()
    await posted.settled()

    assert len(carrier.carried) == 1


async def test_a_mail_that_comes_too_late_is_struck_unsent(
    posted: Posted, carrier: Carrier
) -> None:
    await posted.world.request()
    await posted.world.advance(600)

    await posted.send_all()

    assert carrier.carried == []
    assert await posted.struck() == []


async def test_a_mail_nobody_will_ever_take_is_struck(posted: Posted, carrier: Carrier) -> None:
    carrier.refuses = True
    await posted.world.request()

    await posted.send_all()

    assert await posted.struck() == []


async def test_a_mail_whose_master_key_is_gone_is_struck(carrier: Carrier) -> None:
    world = await (await World().open()).furnish("alpha")
    posted = Posted(world, carrier, keyring=Keyring([b"n" * 32]))
    await posted.outbox.delivery.start()
    await world.request()

    await posted.send_all()

    assert carrier.carried == []
    assert await posted.struck() == []
    await posted.outbox.delivery.stop(grace_seconds=0)


async def test_a_mail_that_cannot_be_read_is_struck_and_holds_up_no_other(
    posted: Posted, carrier: Carrier
) -> None:
    row = posted.world.site.store.row(ALPHA)
    junk = ("m", outbox_key(ALPHA), b"\x09junk", f"{row.seq + 1}-1")
    commit = Commit(ALPHA, row.epoch, row.owner, row.seq + 1, row.at_ms, [junk])
    posted.world.site.store.commit(commit)
    world = await posted.world.successor()
    await world.request()

    after = await taken_over(world, carrier)
    await after.outbox.catch_up()
    await after.settled()

    assert len(carrier.carried) == 1
    assert await after.struck() == []
    await after.outbox.delivery.stop(grace_seconds=0)


async def test_more_mails_than_a_page_are_all_read(posted: Posted, carrier: Carrier) -> None:
    job = await a_job(posted.world)
    fill(posted.world, job, PAGE + 20)

    after = await taken_over(posted.world, carrier)
    await after.outbox.catch_up()
    await after.settled()

    assert len(carrier.carried) == PAGE + 21
    await after.outbox.delivery.stop(grace_seconds=0)


async def test_what_finds_no_room_is_read_from_the_store_later(
    posted: Posted, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    carrier.open.clear()
    monkeypatch.setattr(posted.outbox.delivery, "_pending_limit", 2)
    for number in range(5):
        await posted.world.request(email=f"{number}@example.org")
    for sent in posted.world.jobs:
        posted.outbox.send(*sent)
    await posted.outbox.catch_up()
    carrier.open.set()
    await posted.settled()

    for _ in range(5):
        await posted.outbox.catch_up()
        await posted.settled()

    assert sorted(mail.to for mail in carrier.carried) == [f"{n}@example.org" for n in range(5)]
    assert await posted.struck() == []


async def test_an_unreachable_store_is_asked_again(posted: Posted, carrier: Carrier) -> None:
    await posted.world.request()
    outbox = posted.world.journal.outbox

    async def away(*_: object) -> list[tuple[str, bytes]]:
        raise StoreUnreachable("away")

    posted.outbox.read_again([ALPHA])
    posted.world.journal.outbox = away  # type: ignore[method-assign]
    with pytest.raises(StoreUnreachable):
        await posted.outbox.catch_up()
    posted.world.journal.outbox = outbox  # type: ignore[method-assign]
    await posted.outbox.catch_up()
    await posted.settled()

    assert len(carrier.carried) == 1


async def test_a_development_mailbox_keeps_the_mail_without_a_post() -> None:
    world = await (await World().open()).furnish("alpha")
    mailbox = DevelopmentMailbox()
    posted = Posted(world, mailbox)
    code = await world.code()

    for sent in world.jobs:
        posted.outbox.send(*sent)

    assert [mail.code for mail in mailbox.newest()] == [code]
    assert posted.outbox.delivery.sent == 1
    assert await posted.struck() == []


async def test_news_of_orders_are_sent_and_struck_like_codes(
    posted: Posted, carrier: Carrier
) -> None:
    job = an_order_job(await a_job(posted.world))
    posted.world.jobs.clear()
    fill(posted.world, job, 1)

    after = await taken_over(posted.world, carrier)
    await after.outbox.catch_up()
    await after.settled()

    assert len(carrier.carried) == 2
    assert [mail.code is None for mail in carrier.carried] == [False, True]
    assert (carrier.carried[1].link or "").startswith(f"{ORIGIN}/o/")
    assert await after.struck() == []
    await after.outbox.delivery.stop(grace_seconds=0)


async def test_a_code_goes_before_thousands_of_news_that_were_committed_earlier(
    posted: Posted, carrier: Carrier
) -> None:
    carrier.open.clear()
    news = an_order_job(await a_job(posted.world))
    code_job = posted.world.jobs[-1]
    posted.world.jobs.clear()
    for number in range(11_000):
        posted.outbox.send(ALPHA, f"1-{number}", news)
    in_hand = posted.outbox.delivery.pending

    posted.outbox.send(*code_job)
    carrier.open.set()
    await posted.settled()

    codes = [place for place, mail in enumerate(carrier.carried) if mail.code]
    assert in_hand == 5_000
    assert len(codes) == 1
    assert codes[0] < 10


async def test_news_without_room_are_read_again_and_hold_up_no_other_partition(
    posted: Posted, carrier: Carrier
) -> None:
    carrier.open.clear()
    await posted.world.furnish("bravo")
    job = await a_job(posted.world)
    await posted.world.request("bravo")
    fill(posted.world, an_order_job(job), 6_000)

    after = await taken_over(posted.world, carrier)
    await after.outbox.catch_up()
    first = {mail.slug for mail in await in_hand_of(after, carrier)}
    for _ in range(3):
        await after.outbox.catch_up()
        await after.settled()

    assert first == {"alpha", "bravo"}
    assert len(carrier.carried) == 6_002
    await after.outbox.delivery.stop(grace_seconds=0)


async def test_a_mail_that_is_held_back_waits_in_the_store_until_it_is_due(
    posted: Posted, carrier: Carrier
) -> None:
    job = held_for(an_order_job(await a_job(posted.world)), posted.world, 600)
    await posted.send_all()
    await posted.struck()
    carrier.carried.clear()
    fill(posted.world, job, 1)
    after = await taken_over(posted.world, carrier)

    await after.outbox.catch_up()
    await after.world.advance(599)
    await after.outbox.catch_up()
    await after.settled()
    early = list(carrier.carried)
    waiting = after.outbox.delivery.pending
    await after.world.advance(1 + HELD_STEP_MS / 1000)
    await after.outbox.catch_up()
    await after.settled()

    assert (early, waiting) == ([], 0)
    assert [mail.sent_at_ms for mail in carrier.carried] == [job.not_before_ms]
    assert await after.struck() == []
    await after.outbox.delivery.stop(grace_seconds=0)


async def test_a_mail_that_is_held_back_holds_up_no_other(posted: Posted, carrier: Carrier) -> None:
    job = an_order_job(await a_job(posted.world))
    posted.world.jobs.clear()
    fill(posted.world, held_for(job, posted.world, 600), 3)

    after = await taken_over(posted.world, carrier)
    await after.outbox.catch_up()
    await after.settled()

    assert [mail.code is None for mail in carrier.carried] == [False]
    await after.outbox.delivery.stop(grace_seconds=0)


async def test_a_mail_of_this_host_is_held_back_and_sent_once(
    posted: Posted, carrier: Carrier
) -> None:
    job = held_for(an_order_job(await a_job(posted.world)), posted.world, 60)
    await posted.send_all()
    carrier.carried.clear()
    await posted.struck()
    fill(posted.world, job, 1)
    stored = posted.world.site.store.outbox(ALPHA, "", 10)[-1][0]

    posted.outbox.send(ALPHA, stored, job)
    await posted.settled()
    early = list(carrier.carried)
    for _ in range(10):
        await posted.world.advance(10)
        await posted.outbox.catch_up()
        await posted.settled()

    assert early == []
    assert len(carrier.carried) == 1


async def test_held_mails_are_looked_for_at_steps_however_many_there_are(
    posted: Posted, carrier: Carrier
) -> None:
    job = an_order_job(await a_job(posted.world))
    await posted.send_all()
    await posted.struck()
    carrier.carried.clear()
    for number in range(100):
        fill(posted.world, held_for(job, posted.world, 60 + number / 100), 1)
    after = await taken_over(posted.world, carrier)
    await after.outbox.catch_up()
    reads = 0
    outbox = after.world.journal.outbox

    async def counted(partition: int, begin: str, limit: int) -> list[tuple[str, bytes]]:
        nonlocal reads
        reads += 1
        return await outbox(partition, begin, limit)

    after.world.journal.outbox = counted  # type: ignore[method-assign]
    for _ in range(800):
        await after.world.advance(0.1)
        await after.outbox.catch_up()
        await after.settled()

    assert len(carrier.carried) == 100
    assert reads <= 2
    await after.outbox.delivery.stop(grace_seconds=0)


async def test_a_development_mailbox_shows_a_held_mail_when_it_is_due() -> None:
    world = await (await World().open()).furnish("alpha")
    mailbox = DevelopmentMailbox()
    job = held_for(an_order_job(await a_job(world)), world, 60)
    world.jobs.clear()
    fill(world, job, 1)
    world = await world.successor()
    posted = Posted(world, mailbox)
    posted.outbox.read_again([ALPHA])

    await posted.outbox.catch_up()
    early = [mail.code is None for mail in mailbox.newest()]
    await world.advance(60 + HELD_STEP_MS / 1000)
    await posted.outbox.catch_up()

    assert early == [False]
    assert [mail.code is None for mail in mailbox.newest()] == [True, False]


def held_for(job: MailJob, world: World, seconds: float) -> MailJob:
    """Hold a job back for so long."""
    until_ms = world.clock.now_ms() + int(seconds * 1000)
    return msgspec.structs.replace(job, not_before_ms=until_ms, expires_at_ms=until_ms + 86_400_000)


async def in_hand_of(posted: Posted, carrier: Carrier) -> list[Mail]:
    """Let what is in hand go, and tell what that was."""
    carrier.open.set()
    await posted.settled()
    return list(carrier.carried)


def an_order_job(job: MailJob) -> MailJob:
    """Turn a job into news of an order to the same mailbox."""
    assert isinstance(job.letter, SignInLetter)
    letter = OrderLetter("status", "o1", "1042", "confirmed", job.letter.key_id, 0)
    return msgspec.structs.replace(job, letter=letter)


async def a_job(world: World) -> MailJob:
    await world.request()
    return world.jobs[-1][2]


def fill(world: World, job: MailJob, count: int) -> None:
    """Put so many mails like this one into the store, as one commit."""
    row = world.site.store.row(ALPHA)
    mails = [
        ("m", outbox_key(ALPHA), encode(job), f"{row.seq + 1}-{number}")
        for number in range(1, count + 1)
    ]
    commit = Commit(ALPHA, row.epoch, row.owner, row.seq + 1, row.at_ms, [*mails])
    world.site.store.commit(commit)


async def test_a_blank_mail_is_struck_and_never_sent(posted: Posted, carrier: Carrier) -> None:
    message = RequestSignIn(email="stranger@example.org", caller=CALLER, with_link=True)
    await posted.world.ask("alpha", message)
    kept = len(posted.world.site.store.outbox(ALPHA, "", 1_000))

    await posted.send_all()

    assert (kept, carrier.carried) == (1, [])
    assert await posted.struck() == []


async def test_a_blank_mail_of_a_host_that_died_is_not_sent_by_the_next(
    posted: Posted, carrier: Carrier
) -> None:
    message = RequestSignIn(email="stranger@example.org", caller=CALLER, with_link=True)
    await posted.world.ask("alpha", message)

    after = await taken_over(posted.world, carrier)
    await after.outbox.catch_up()
    await after.settled()

    assert carrier.carried == []
    assert await after.struck() == []
    await after.outbox.delivery.stop(grace_seconds=0)


# --- leaving a partition's mails to its next owner ------------------------------------------------


async def test_what_was_to_be_read_again_is_left_to_the_next_owner(
    posted: Posted, carrier: Carrier
) -> None:
    await posted.world.request()
    posted.world.jobs.clear()
    posted.outbox.read_again([ALPHA])

    withdrawn = posted.outbox.withdraw(ALPHA)
    await posted.outbox.catch_up()
    await posted.settled()

    assert withdrawn
    assert carrier.carried == []
    assert len(await posted.struck()) == 1


async def test_what_is_held_back_is_left_to_the_next_owner(
    posted: Posted, carrier: Carrier
) -> None:
    job = held_for(an_order_job(await a_job(posted.world)), posted.world, 60)
    await posted.send_all()
    await posted.struck()
    carrier.carried.clear()
    fill(posted.world, job, 1)
    stored = posted.world.site.store.outbox(ALPHA, "", 10)[-1][0]
    posted.outbox.send(ALPHA, stored, job)

    withdrawn = posted.outbox.withdraw(ALPHA)
    await posted.world.advance(60 + HELD_STEP_MS / 1000)
    await posted.outbox.catch_up()
    await posted.settled()
    early = list(carrier.carried)
    after = await taken_over(posted.world, carrier)
    await after.outbox.catch_up()
    await after.settled()

    assert withdrawn
    assert early == []
    assert len(carrier.carried) == 1
    await after.outbox.delivery.stop(grace_seconds=0)


async def test_a_mail_that_is_being_sent_is_not_left_to_anybody_yet(
    posted: Posted, carrier: Carrier
) -> None:
    carrier.open.clear()
    await posted.world.request()
    posted.outbox.send(*posted.world.jobs[-1])
    await asyncio.sleep(0)

    during = posted.outbox.withdraw(ALPHA)
    carrier.open.set()
    await posted.settled()

    assert (during, posted.outbox.withdraw(ALPHA)) == (False, True)
    assert len(carrier.carried) == 1


async def test_another_partitions_mails_stay(posted: Posted, carrier: Carrier) -> None:
    # Its number begins like the other's.
    posted.outbox.send(77, "1-1", await a_job(posted.world))
    withdrawn = posted.outbox.withdraw(7)
    await posted.settled()

    assert withdrawn
    assert len(carrier.carried) == 1
