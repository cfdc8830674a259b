"""Handing a partition over: what is under way is finished, nothing else is begun, and it is quick.

One host gives partitions up and goes on with the others; the next one takes them as they come.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from doorward.actors import storefront
from doorward.actors.errors import NotOwner, StoreUnreachable, Unavailable
from doorward.actors.host import HAND_OVER_MS
from doorward.actors.keyring import Keyring
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.operator import PutStorefront, StorefrontDocument
from doorward.actors.messages.sign_in import (
    CodeSent,
    Me,
    RequestCode,
    SignedIn,
    SignInRefused,
    VerifyCode,
)
from doorward.actors.ownership import ALL
from doorward.actors.partitions import partition_of
from doorward.actors.post.mail import Mail
from doorward.actors.post.transport import Retryable
from doorward.actors.records.sign_in import Traffic
from doorward.actors.redis_journal import RedisJournal
from doorward.actors.systems.hosting import Hosting, Wiring
from doorward.actors.turns import MINUTE_MS, Place, Turn
from doorward.actors.work_loop import TICK_SECONDS
from tests.actors.harness import CALLER, EMAIL, LEASE_SECONDS, MASTER_KEY, Site, World
from tests.actors.store_client import client_of
from tests.actors.test_host import SlowJournal, request, spin
from tests.actors.test_outbox import Carrier, Posted

ALPHA, BRAVO = partition_of("alpha"), partition_of("bravo")
WITHOUT_ALPHA = ALL - {ALPHA}


class Counted(Request, frozen=True, kw_only=True):
    """A message of which only a count is kept."""


def count(turn: Turn, message: Counted) -> Outcome:
    turn.ledger.count(Traffic(), "counted", keep_ms=MINUTE_MS)
    return Me(customer=None)


class Two:
    """A host that has everything, and one that stands by."""

    def __init__(self) -> None:
        site = Site()
        self.site = site
        self.journal = SlowJournal(site.store)
        self.ann = World(site, owner="host-1", journal=self.journal)
        self.bob = World(site, owner="host-2", seed=2)
        self.bob.jobs = self.ann.jobs
        self.bob.ownership._look_again = TICK_SECONDS / 2  # noqa: SLF001 - with every tick

    @property
    def owner(self) -> str:
        """Tell whose alpha's partition is, as the store says."""
        return self.site.store.row(ALPHA).owner

    async def move(self) -> None:
        """Want alpha of the other host from now on, and let both notice."""
        self.ann.host.want(WITHOUT_ALPHA)
        self.bob.host.want(frozenset({ALPHA}))
        await self.tend()

    async def tend(self) -> None:
        """Let both do what a tick asks for, with no time passing."""
        for world in (self.ann, self.bob):
            await world.host.tend()
            world.host.cycle()
            await spin()

    async def tick(self) -> None:
        """Let a tick pass."""
        self.site.seconds += TICK_SECONDS
        await self.tend()

    def answers(self, world: World) -> bool:
        return world.ownership.serves(ALPHA)


@pytest.fixture
async def two() -> Two:
    two = Two()
    await (await two.ann.open()).furnish("alpha", "bravo")
    two.bob.host.want(frozenset())
    await two.bob.open()
    await two.ann.ask("alpha", request())
    return two


async def test_an_idle_partition_is_handed_over_and_served_at_once(two: Two) -> None:
    began = two.site.seconds

    await two.move()
    await two.bob.host.tend()

    assert two.site.seconds == began
    assert two.owner == "host-2"
    assert isinstance(await two.bob.me(None), Me)


async def test_a_message_in_flight_is_answered_and_only_then_is_the_claim_released(
    two: Two,
) -> None:
    two.journal.slow = True
    asked = two.ann.send("alpha", request())
    two.ann.host.cycle()
    await spin()

    await two.move()
    during = asked.done(), two.owner, two.answers(two.bob)
    two.journal.land()
    await spin()
    answered = asked.done(), two.owner
    await two.tick()

    assert during == (False, "host-1", False)
    assert answered == (True, "host-1")
    assert isinstance(await asked, CodeSent)
    assert two.owner == "host-2"
    assert two.answers(two.bob)


async def test_what_was_in_flight_is_known_to_the_next_owner(two: Two) -> None:
    two.journal.slow = True
    asked = two.ann.send("alpha", request())
    two.ann.host.cycle()
    await spin()
    await two.move()
    two.journal.land()
    await spin()
    await two.tick()

    assert isinstance(await asked, CodeSent)
    assert two.answers(two.bob)
    assert isinstance(await two.bob.verify(two.bob.mail().code or ""), SignedIn)


async def test_what_is_queued_or_new_is_turned_away_and_did_nothing(two: Two) -> None:
    jobs, row = len(two.ann.jobs), two.site.store.row(ALPHA)
    queued = [two.ann.send("alpha", request(f"{n}@example.org")) for n in range(3)]

    two.ann.host.want(WITHOUT_ALPHA)
    with pytest.raises(NotOwner):
        two.ann.send("alpha", request())
    two.ann.host.cycle()
    await spin()
    ended = await asyncio.gather(*queued, return_exceptions=True)
    await two.ann.work()

    assert [type(error) for error in ended] == [NotOwner] * 3
    assert len(two.ann.jobs) == jobs
    assert two.site.store.row(ALPHA) == row


async def test_a_message_that_waits_for_what_it_reads_is_turned_away_and_did_nothing(
    two: Two,
) -> None:
    two.journal.slow = True
    row = two.site.store.row(ALPHA)
    asked = two.ann.send("alpha", request("never-seen@example.org"))
    two.ann.host.cycle()
    await spin()
    missing = len(two.journal.flushes)

    await two.move()
    two.journal.land()
    await spin()
    two.ann.host.cycle()

    assert missing == 1
    with pytest.raises(NotOwner):
        await asked
    # Nobody waited for it: the partition changed hands meanwhile.
    assert two.owner == "host-2"
    assert (row.epoch + 1, row.seq) == (two.site.store.row(ALPHA).epoch, row.seq)


async def test_the_other_partitions_are_served_all_the_while(two: Two) -> None:
    two.journal.slow = True
    two.ann.send("alpha", request())
    two.ann.host.cycle()
    await spin()

    await two.move()
    asked = two.ann.send("bravo", request())
    while not asked.done():
        two.ann.host.cycle()
        await spin()
        two.journal.land()
        await spin()

    assert isinstance(await asked, CodeSent)
    assert len(two.ann.ownership.held()) == len(ALL)


async def test_a_partition_that_is_wanted_again_before_it_was_released_stays(two: Two) -> None:
    two.journal.slow = True
    asked = two.ann.send("alpha", request())
    two.ann.host.cycle()
    await spin()
    epoch = two.site.store.row(ALPHA).epoch

    two.ann.host.want(WITHOUT_ALPHA)
    await two.ann.host.tend()
    two.ann.host.want(ALL)
    two.journal.land()
    await spin()
    two.journal.slow = False
    await two.ann.host.tend()

    assert isinstance(await asked, CodeSent)
    assert isinstance(await two.ann.me(None), Me)
    assert (two.owner, two.site.store.row(ALPHA).epoch) == ("host-1", epoch)


async def test_what_was_queued_is_answered_where_the_partition_stays_after_all(two: Two) -> None:
    queued = two.ann.send("alpha", request())

    two.ann.host.want(WITHOUT_ALPHA)
    two.ann.host.want(ALL)
    await two.ann.work()

    assert isinstance(await queued, CodeSent)


async def test_a_partition_goes_to_and_fro_without_anybody_waiting(two: Two) -> None:
    began, secret = two.site.seconds, (await two.ann.sign_in()).secret
    found = []
    for there in (two.bob, two.ann, two.bob, two.ann):
        here = two.ann if there is two.bob else two.bob
        here.host.want(WITHOUT_ALPHA if here is two.ann else frozenset())
        there.host.want(ALL if there is two.ann else frozenset({ALPHA}))
        await here.host.tend()
        await there.host.tend()
        with pytest.raises(NotOwner):
            here.send("alpha", request())
        found.append(await there.me(secret))

    assert two.site.seconds == began
    assert [me.customer is not None for me in found if isinstance(me, Me)] == [True] * 4


async def test_a_host_remembers_nothing_of_what_it_gave_up(two: Two) -> None:
    code = await two.ann.code()
    await two.move()
    await two.bob.host.tend()
    used = await two.bob.verify(code)
    two.bob.host.want(frozenset())
    two.ann.host.want(ALL)
    await two.bob.host.tend()
    await two.ann.host.tend()

    assert isinstance(used, SignedIn)
    assert isinstance(await two.ann.verify(code), SignInRefused)


async def test_a_host_that_gave_everything_up_has_nothing_in_memory(two: Two) -> None:
    before = two.ann.host.remembered

    two.ann.host.want(frozenset({BRAVO}))
    await two.ann.host.tend()
    during = two.ann.host.remembered
    two.ann.host.want(frozenset())
    await two.ann.host.tend()

    assert before > during > 0
    assert two.ann.host.remembered == 0


async def test_counts_nobody_waits_for_are_kept_before_it_is_given_up(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(storefront._DESKS, Counted, count)  # noqa: SLF001
    keys = set(two.site.store.image.records)
    assert isinstance(await two.ann.ask("alpha", Counted()), Me)
    uncommitted = set(two.site.store.image.records) - keys

    await two.move()
    early = two.owner
    await two.tick()

    assert uncommitted == set()
    assert early == "host-1"
    assert two.owner == "host-2"
    (kept,) = set(two.site.store.image.records) - keys
    assert kept.endswith(":counted")


async def test_a_partition_that_was_lost_meanwhile_is_not_given_up(two: Two) -> None:
    two.journal.slow = True
    asked = two.ann.send("alpha", request())
    two.ann.host.cycle()
    await spin()
    two.ann.host.want(WITHOUT_ALPHA)
    two.bob.host.want(frozenset({ALPHA}), frozenset({"host-1"}))
    await two.bob.host.tend()
    taken = two.site.store.row(ALPHA).epoch
    released = []

    async def release(owner: str, held: list[tuple[int, int]], **how: object) -> None:
        released.extend(held)

    two.journal.release = release  # type: ignore[method-assign]
    two.journal.land()
    await spin()
    two.site.seconds += LEASE_SECONDS / 3
    await two.ann.host.tend()
    two.site.seconds += LEASE_SECONDS
    await two.tend()

    with pytest.raises(NotOwner):
        await asked
    assert released == []
    assert two.site.store.row(ALPHA).epoch == taken
    assert two.owner == "host-2"


async def test_what_could_not_be_given_up_is_given_up_once_the_store_is_back(
    two: Two,
) -> None:
    release = two.journal.release

    async def away(*held: object, **how: object) -> None:
        raise StoreUnreachable("away")

    two.journal.release = away  # type: ignore[method-assign]
    await two.move()
    lost = not two.ann.ownership.held()
    two.journal.release = release  # type: ignore[method-assign]
    await two.tend()

    assert lost
    # Nobody else would take it while this host lives, so it is given up after all.
    assert two.owner == ""
    assert BRAVO in {partition.index for partition in two.ann.ownership.held()}
    await two.tick()
    assert two.answers(two.bob)


async def test_an_outcome_that_comes_too_late_is_not_done_again_by_the_next(two: Two) -> None:
    code = await two.ann.code()
    two.journal.slow = True
    message = VerifyCode(email=EMAIL, code=code, caller=CALLER)
    asked = two.ann.send("alpha", message)
    while len(two.journal.flushes) != 1 or not two.journal.flushes[0][1]:
        if two.journal.flushes:
            two.journal.land()
        await spin()
        two.ann.host.cycle()
        await spin()
    two.site.seconds += LEASE_SECONDS
    two.journal.land()
    await spin()

    # Not ``NotOwner``, with which it would be asked for again: it was done.
    with pytest.raises(Unavailable) as raised:
        await asked
    assert type(raised.value) is Unavailable
    two.bob.host.want(frozenset({ALPHA}), frozenset({"host-1"}))
    await two.bob.host.tend()
    two.site.seconds += LEASE_SECONDS
    await two.bob.host.tend()
    assert isinstance(await two.bob.verify(code), SignInRefused)


@pytest.mark.parametrize("again", [True, False])
async def test_the_mail_of_a_commit_that_was_answered_too_late_is_the_next_owners(
    two: Two, *, again: bool
) -> None:
    flush, told = two.journal.flush, asyncio.get_running_loop().create_future()

    async def answered_late(*flight: object) -> object:
        result = await flush(*flight)  # type: ignore[arg-type]
        await told
        return result

    two.journal.flush = answered_late  # type: ignore[assignment, method-assign]
    asked, jobs = two.ann.send("alpha", request()), len(two.ann.jobs)
    two.ann.host.cycle()
    await spin()
    two.ann.ownership.lose_all()
    if again:
        await two.ann.ownership.acquire()
    told.set_result(None)
    await spin()

    assert len(two.ann.jobs) == jobs
    assert len(two.site.store.outbox(ALPHA, "", 10)) == 2
    if again:
        # It may say so: it is the owner, and it was done.
        assert isinstance(await asked, CodeSent)
    else:
        with pytest.raises(Unavailable):
            await asked


async def test_what_was_done_before_it_was_lost_is_not_done_again_by_the_next(two: Two) -> None:
    code = await two.ann.code()
    # Read once, so that the next turn misses nothing.
    await two.ann.verify("000000")
    flush, told = two.journal.flush, asyncio.get_running_loop().create_future()

    async def answered_late(*flight: object) -> object:
        result = await flush(*flight)  # type: ignore[arg-type]
        await told
        return result

    two.journal.flush = answered_late  # type: ignore[assignment, method-assign]
    asked = two.ann.send("alpha", VerifyCode(email=EMAIL, code=code, caller=CALLER))
    two.ann.host.cycle()
    await spin()
    two.bob.host.want(frozenset({ALPHA}), frozenset({"host-1"}))
    await two.bob.host.tend()
    two.site.seconds += LEASE_SECONDS / 3
    await two.bob.host.tend()
    await two.ann.host.tend()
    early = asked.done()
    told.set_result(None)
    await spin()

    assert not early
    with pytest.raises(Unavailable) as raised:
        await asked
    assert type(raised.value) is Unavailable
    two.site.seconds += LEASE_SECONDS
    await two.bob.host.tend()
    assert isinstance(await two.bob.verify(code), SignInRefused)


async def test_a_host_told_of_a_silent_owner_takes_at_once_and_answers_a_lease_later(
    two: Two,
) -> None:
    two.bob.host.want(frozenset({ALPHA}), frozenset({"host-1"}))
    await two.bob.host.tend()
    taken, began = two.owner, two.site.seconds
    with pytest.raises(NotOwner):
        two.bob.send("alpha", request())
    while not two.answers(two.bob):
        assert not (two.answers(two.ann) and two.answers(two.bob))
        two.site.seconds += 0.1
        await two.bob.host.tend()

    assert taken == "host-2"
    assert LEASE_SECONDS <= two.site.seconds - began < LEASE_SECONDS + 0.2
    assert isinstance(await two.bob.me(None), Me)


# --- mails ----------------------------------------------------------------------------------------


class Posts:
    """The outboxes of both hosts."""

    def __init__(self, two: Two) -> None:
        self.two = two
        self.carriers = [Carrier(), Carrier()]
        self.ann, self.bob = (
            Posted(world, carrier)
            for world, carrier in zip((two.ann, two.bob), self.carriers, strict=True)
        )
        for posted in (self.ann, self.bob):
            hooks = posted.world.host._hooks  # noqa: SLF001
            object.__setattr__(hooks, "on_leaving", posted.outbox.withdraw)
            object.__setattr__(hooks, "on_taken", self._taker(posted))
            object.__setattr__(hooks, "on_mail", posted.outbox.send)

    async def tend(self, times: int = 4) -> None:
        """Let both hosts work on, mails included, for so many ticks."""
        for _ in range(times):
            await self.two.tick()
            for posted in (self.ann, self.bob):
                await posted.outbox.catch_up()
            await spin()

    def sent(self) -> list[list[str | None]]:
        """Tell whose codes each of the two sent."""
        return [[mail.to for mail in carrier.carried] for carrier in self.carriers]

    def _taker(self, posted: Posted) -> object:
        return lambda taken: posted.outbox.read_again([p.index for p in taken])


@pytest.fixture
async def posts(two: Two) -> AsyncIterator[Posts]:
    posts = Posts(two)
    for posted in (posts.ann, posts.bob):
        await posted.outbox.delivery.start()
    # What the fixture above had mailed.
    posts.ann.outbox.read_again([ALPHA])
    await posts.tend()
    for carrier in posts.carriers:
        carrier.carried.clear()
    yield posts
    for posted in (posts.ann, posts.bob):
        await posted.outbox.delivery.stop(grace_seconds=0)


async def test_mails_in_hand_are_left_to_the_next_owner_who_sends_each_once(posts: Posts) -> None:
    posts.ann.outbox.delivery._concurrency = 0  # noqa: SLF001
    await posts.ann.outbox.delivery.stop(grace_seconds=0)
    posts.ann.outbox.delivery._stopped = False  # noqa: SLF001 - nobody works, all wait in the queue
    emails = [f"{number}@example.org" for number in range(5)]
    for email in emails:
        await posts.two.ann.request(email=email)
    in_hand = posts.ann.outbox.delivery.pending

    await posts.two.move()
    await posts.tend()

    assert in_hand == 5
    assert posts.ann.outbox.delivery.pending == 0
    assert posts.sent() == [[], emails]
    assert await posts.bob.struck() == []


async def test_a_mail_that_is_being_sent_is_waited_for_and_sent_once(posts: Posts) -> None:
    posts.carriers[0].open.clear()
    await posts.two.ann.request(email="slow@example.org")
    await spin()

    await posts.two.move()
    await posts.tend()
    during = posts.two.owner
    posts.carriers[0].open.set()
    await posts.tend()

    assert during == "host-1"
    assert posts.two.owner == "host-2"
    assert posts.sent() == [["slow@example.org"], []]
    assert posts.two.site.store.outbox(ALPHA, "", 10) == []


async def test_a_mail_server_that_hangs_does_not_keep_a_partition_from_being_served(
    posts: Posts,
) -> None:
    posts.carriers[0].open.clear()
    await posts.two.ann.request(email="slow@example.org")
    await spin()

    await posts.two.move()
    await posts.tend(int(HAND_OVER_MS / 1000 / TICK_SECONDS) - 1)
    early = posts.two.owner
    await posts.tend(2)

    # The same mail by its Message-ID: better twice than a minute of nobody signing in.
    assert early == "host-1"
    assert posts.two.owner == "host-2"
    assert posts.sent() == [[], ["slow@example.org"]]


async def test_a_commit_in_flight_is_waited_for_however_long_it_takes(posts: Posts) -> None:
    posts.two.journal.slow = True
    asked = posts.two.ann.send("alpha", request())
    posts.two.ann.host.cycle()
    await spin()

    await posts.two.move()
    await posts.tend(int(3 * HAND_OVER_MS / 1000 / TICK_SECONDS))
    during = posts.two.owner
    posts.two.journal.slow = False
    posts.two.journal.land()
    await posts.tend()

    assert during == "host-1"
    assert isinstance(await asked, CodeSent)
    assert posts.two.owner == "host-2"


async def test_how_long_it_takes_counts_from_when_it_was_first_not_wanted(posts: Posts) -> None:
    posts.carriers[0].open.clear()
    await posts.two.ann.request(email="slow@example.org")
    await spin()

    for _ in range(int(HAND_OVER_MS / 1000 / TICK_SECONDS) + 2):
        # As with every beat of a steward.
        posts.two.ann.host.want(WITHOUT_ALPHA)
        await posts.two.move()
        await posts.tend(1)

    assert posts.two.owner == "host-2"


async def test_a_mail_that_is_to_be_tried_again_is_tried_by_the_next_owner(posts: Posts) -> None:
    class Failing(Carrier):
        async def send(self, mail: Mail) -> None:
            raise Retryable("no session")

    posts.ann.outbox.delivery._transport = Failing()  # noqa: SLF001
    await posts.two.ann.request(email="again@example.org")
    await spin()
    waiting = posts.ann.outbox.delivery.pending

    await posts.two.move()
    await posts.tend()

    assert waiting == 1
    assert posts.sent() == [[], ["again@example.org"]]


async def test_a_mail_whose_commit_is_in_flight_is_sent_once(posts: Posts) -> None:
    posts.two.journal.slow = True
    asked = posts.two.ann.send("alpha", request())
    posts.two.ann.host.cycle()
    await spin()
    await posts.two.move()
    await posts.tend()
    posts.two.journal.slow = False
    posts.two.journal.land()
    await posts.tend()

    assert isinstance(await asked, CodeSent)
    assert posts.two.owner == "host-2"
    assert [to for sent in posts.sent() for to in sent] == [EMAIL]
    assert posts.two.site.store.outbox(ALPHA, "", 10) == []


# --- both at work, on a real store ----------------------------------------------------------------


class Shared:
    """A transport of several hosts."""

    def __init__(self) -> None:
        self.carried: list[Mail] = []
        self.came = asyncio.Event()

    async def send(self, mail: Mail) -> None:
        self.carried.append(mail)
        self.came.set()

    async def close(self) -> None:
        """Nothing is held."""


@asynccontextmanager
async def at_work(
    socket: Path, folder: Path, transport: Shared, wanted: frozenset[int]
) -> AsyncIterator[Hosting]:
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(client_of(socket))
        hosting = await Hosting.open(
            Wiring(
                journal=RedisJournal(redis),
                place=Place(Keyring((MASTER_KEY,))),
                transport=transport,
                folder=folder,
                memory_bytes=64_000_000,
                mailbox_limit=1_000,
                lease_seconds=30.0,
                on_event=lambda _event: None,
                on_trouble=lambda _what, _error: None,
                wanted=wanted,
                look_again_seconds=0.1,
            )
        )
        stack.push_async_callback(hosting.close)
        yield hosting


async def asked_until_served(hosting: Hosting, slug: str, message: Request) -> Outcome:
    async with asyncio.timeout(20):
        while True:
            try:
                return await hosting.ask(slug, message)
            except NotOwner:
                await asyncio.sleep(0.01)


async def test_two_hosts_at_work_hand_over_without_waiting_for_a_lease(
    redis_socket: Path, tmp_path: Path
) -> None:
    async with client_of(redis_socket) as redis:
        await redis.flushall()
    post = Shared()
    folders = [tmp_path / name for name in ("ann", "bob")]
    for folder in folders:
        folder.mkdir()
    async with (
        at_work(redis_socket, folders[0], post, frozenset({ALPHA, BRAVO})) as ann,
        at_work(redis_socket, folders[1], post, frozenset()) as bob,
    ):
        document = StorefrontDocument(display_name="alpha", published=True, origin="https://a.test")
        await ann.ask("alpha", PutStorefront(document=document))
        # Postponed by ann, who will not send it any more.
        await ann.ask("alpha", RequestCode(email=EMAIL, caller=CALLER))
        ann.want(frozenset({BRAVO}), frozenset())
        bob.want(frozenset({ALPHA}), frozenset())
        async with asyncio.timeout(20):
            await post.came.wait()
        code = post.carried[0].code or ""
        verify = VerifyCode(email=EMAIL, code=code, caller=CALLER)
        signed_in = await asked_until_served(bob, "alpha", verify)
        owner = ann.ownership.owner
        async with client_of(redis_socket) as redis:
            alive = await redis.exists(f"dw:host:{owner}")
            taken = await redis.hget(f"dw:{{{ALPHA}}}:partition", "owner")

        assert isinstance(signed_in, SignedIn)
        assert len(post.carried) == 1
        assert alive == 1
        assert ann.ownership.serves(BRAVO)
        with pytest.raises(NotOwner):
            await ann.ask("alpha", verify)
        assert taken is None or taken.decode() == bob.ownership.owner
