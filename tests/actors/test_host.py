import asyncio
from collections.abc import Sequence

import pytest

from doorward.actors import storefront
from doorward.actors.errors import (
    NotOwner,
    Overloaded,
    StoreUnreachable,
    TurnFailed,
    Unavailable,
)
from doorward.actors.gate import FLIGHTS, WORTH_ANOTHER_FLIGHT
from doorward.actors.host import LONELY, MAX_RUNS, TURNS
from doorward.actors.journal import Commit, Ending
from doorward.actors.ledger import Event
from doorward.actors.messages.envelope import Caller, Outcome, Request
from doorward.actors.messages.operator import GetStorefront, StorefrontView
from doorward.actors.messages.refusals import NotFound, TooMany
from doorward.actors.messages.sign_in import (
    CodeSent,
    Me,
    ReadMe,
    RequestCode,
    SignedIn,
    SignInRefused,
    SignOut,
    VerifyCode,
)
from doorward.actors.partitions import partition_of, record_prefix
from doorward.actors.records.codec import encode
from doorward.actors.records.sign_in import Traffic
from doorward.actors.turns import Turn
from tests.actors.harness import CALLER, EMAIL, LEASE_SECONDS, Site, World, cookie
from tests.actors.simulation.model_journal import ModelJournal
from tests.actors.simulation.model_store import ModelStore
from tests.actors.simulation.world import neighbour_of

ALPHA = partition_of("alpha")
NEIGHBOUR = neighbour_of("alpha")


class Poison(Request, frozen=True, kw_only=True):
    """A message that no desk knows."""


class Greedy(Request, frozen=True, kw_only=True):
    """A message whose turn always misses something else."""


class Broad(Request, frozen=True, kw_only=True):
    """A message whose turn reads a hundred records of its own, twenty at a time."""

    number: int


def read_broadly(turn: Turn, message: Broad) -> Outcome:
    for step in range(5):
        turn.ledger.need(*((Traffic, f"{message.number}-{step}-{name}") for name in range(20)))
    return NotFound()


class SlowJournal(ModelJournal):
    """Flushes only when it is told to, and how it is told to."""

    def __init__(self, store: ModelStore) -> None:
        super().__init__(store)
        self.flushes: list[tuple[asyncio.Future[None], Sequence[Commit]]] = []
        self.slow = False

    async def flush(
        self, commits: Sequence[Commit], reads: Sequence[str]
    ) -> tuple[list[Ending], list[bytes | None]]:
        if self.slow:
            told = asyncio.get_running_loop().create_future()
            self.flushes.append((told, commits))
            await told
        return await super().flush(commits, reads)

    def land(self, error: Exception | None = None) -> None:
        """Let the oldest flight arrive, or fail."""
        told, _ = self.flushes.pop(0)
        if error is None:
            told.set_result(None)
        else:
            told.set_exception(error)


async def opened(**different: object) -> World:
    return await (await World(**different).open()).furnish("alpha", "bravo", NEIGHBOUR)  # type: ignore[arg-type]


async def slow_world(*emails: str) -> tuple[World, SlowJournal]:
    """Make a world whose flushes wait, with these emails' records in memory."""
    site = Site()
    journal = SlowJournal(site.store)
    world = await opened(site=site, journal=journal)
    for email in (EMAIL, *emails):
        await world.ask("alpha", request(email))
    journal.slow = True
    return world, journal


def request(email: str = EMAIL) -> RequestCode:
    return RequestCode(email=email, caller=Caller(address=f"of {email}"))


async def spin() -> None:
    """Let everything run that can run without anything arriving."""
    for _ in range(20):
        await asyncio.sleep(0)


async def cycle(world: World) -> None:
    world.host.cycle()
    await spin()


async def test_an_outcome_waits_for_the_commit_that_makes_it_true() -> None:
    world, journal = await slow_world()

    future = world.send("alpha", request())
    await cycle(world)
    waited = not future.done()
    journal.land()
    await spin()

    assert waited
    assert isinstance(future.result(), CodeSent)


async def test_an_outcome_that_only_reads_what_is_unflushed_waits_too() -> None:
    world, journal = await slow_world()

    futures = [world.send("alpha", request()) for _ in range(3)]
    await cycle(world)
    waited = [future.done() for future in futures]
    journal.land()
    await spin()

    assert waited == [False] * 3
    assert [type(future.result()) for future in futures] == [CodeSent, CodeSent, TooMany]


async def test_a_read_that_depends_on_nothing_unflushed_leaves_at_once() -> None:
    world, journal = await slow_world()

    pending = world.send("alpha", request())
    future = world.send("bravo", ReadMe(caller=CALLER))
    await cycle(world)
    waited = not pending.done()
    journal.land()
    await spin()

    assert isinstance(future.result(), Me)
    assert waited


async def test_a_read_of_another_storefront_in_the_same_partition_waits_behind_the_commit() -> None:
    world, journal = await slow_world()

    world.send("alpha", request())
    future = world.send(NEIGHBOUR, ReadMe(caller=CALLER))
    await cycle(world)
    waited = not future.done()
    journal.land()
    await spin()

    assert waited
    assert isinstance(future.result(), Me)


async def test_no_mail_leaves_and_no_event_is_told_before_the_commit() -> None:
    world, journal = await slow_world()
    mails, events = len(world.jobs), len(world.events)

    world.send("alpha", request())
    world.send("alpha", request("bob@example.org"))
    await cycle(world)
    before = len(world.jobs), len(world.events)
    journal.land()
    await spin()
    await cycle(world)
    journal.land()
    await spin()

    assert before == (mails, events)
    assert len(world.jobs) == mails + 2


async def test_turns_run_on_while_a_flight_is_out() -> None:
    world, journal = await slow_world()
    secret = (await _signed_in(world, journal)).secret

    world.send("alpha", SignOut(caller=CALLER, session=cookie(secret)))
    await cycle(world)
    future = world.send("alpha", ReadMe(caller=CALLER, session=cookie(secret)))
    await cycle(world)
    waited = not future.done()
    journal.land()
    await spin()

    assert waited
    assert future.result() == Me(customer=None)


async def _signed_in(world: World, journal: SlowJournal) -> SignedIn:
    journal.slow = False
    signed_in = await world.sign_in()
    await world.me(signed_in.secret)
    journal.slow = True
    return signed_in


async def test_a_poisonous_message_fails_alone() -> None:
    world = await opened()

    futures = [world.send("alpha", m) for m in (request(), Poison(), request("bob@example.org"))]
    await world.work()

    assert [isinstance(futures[n].result(), CodeSent) for n in (0, 2)] == [True, True]
    with pytest.raises(TurnFailed, match="KeyError"):
        await futures[1]
    assert [what for what, _ in world.troubles] == ["turn Poison"]
    assert world.host.figures.failed_turns == 1


async def test_what_a_failed_turn_staged_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await opened()

    def write_and_fail(turn: Turn, message: Request) -> Outcome:
        turn.ledger.put(Traffic())
        turn.note("never")
        raise RuntimeError("poison")

    monkeypatch.setitem(storefront._DESKS, Poison, write_and_fail)  # noqa: SLF001
    commits = world.site.store.row(ALPHA).seq
    with pytest.raises(TurnFailed):
        await world.ask("alpha", Poison())

    assert world.site.store.row(ALPHA).seq == commits
    assert "never" not in [event.name for event in world.events]


async def test_a_turn_that_never_has_enough_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await opened()
    asked = []

    def always_miss(turn: Turn, message: Request) -> Outcome:
        asked.append(turn.ledger.get(Traffic, f"{len(asked)}"))
        return always_miss(turn, message)

    monkeypatch.setitem(storefront._DESKS, Greedy, always_miss)  # noqa: SLF001
    turns = world.host.figures.turns
    with pytest.raises(TurnFailed, match="Miss"):
        await world.ask("alpha", Greedy())

    assert world.host.figures.turns == turns + MAX_RUNS + 1


async def test_a_damaged_record_fails_its_turns_and_no_others() -> None:
    world = await opened()
    world.site.store.image.records[f"{record_prefix('alpha')}traffic:"] = (b"\x01junk", 0)

    futures = [world.send("alpha", request()), world.send("bravo", request())]
    await world.work()

    with pytest.raises(TurnFailed, match="RecordUnreadable"):
        await futures[0]
    assert isinstance(await futures[1], CodeSent)


async def test_a_record_of_a_newer_doorward_is_refused_not_guessed_at() -> None:
    world = await opened()
    newer = b"\x02" + encode(Traffic())[1:]
    world.site.store.image.records[f"{record_prefix('alpha')}traffic:"] = (newer, 0)

    with pytest.raises(TurnFailed, match="RecordUnreadable"):
        await world.request()


async def test_what_cannot_be_written_fails_its_partition_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = await opened()

    def unwritable(turn: Turn, message: Request) -> Outcome:
        turn.ledger.put(Traffic(codes=object()))  # type: ignore[arg-type]
        return NotFound()

    monkeypatch.setitem(storefront._DESKS, Poison, unwritable)  # noqa: SLF001
    futures = [world.send("alpha", Poison()), world.send("bravo", request())]
    await world.work()

    with pytest.raises(TurnFailed, match="TypeError"):
        await futures[0]
    assert isinstance(await futures[1], CodeSent)
    assert isinstance(await world.request(), CodeSent)


async def test_turns_that_drive_each_other_out_of_memory_end_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(storefront._DESKS, Broad, read_broadly)  # noqa: SLF001
    # What one turn reads fits into half of the memory, what two read does not.
    world = await opened(memory_bytes=80_000)
    broad = [world.send("alpha", Broad(number=number)) for number in range(8)]
    other = world.send("bravo", ReadMe(caller=CALLER))
    await world.work()

    assert [await future for future in broad] == [NotFound()] * 8
    assert await other == Me(customer=None)
    assert world.host.figures.failed_turns == 0
    assert not world.host.is_busy()


@pytest.mark.parametrize("leaving", ["cancelled", "store lost"])
async def test_a_turn_that_runs_alone_stops_nobody_when_it_has_gone(
    monkeypatch: pytest.MonkeyPatch, leaving: str
) -> None:
    def greedy(turn: Turn, _message: Greedy) -> Outcome:
        turn.ledger.get(Traffic, str(world.host.figures.turns))
        return NotFound()

    monkeypatch.setitem(storefront._DESKS, Greedy, greedy)  # noqa: SLF001
    world = await opened()
    alone = world.send("alpha", Greedy())
    for _ in range(LONELY):
        world.host.cycle()
        await spin()
    other = world.send("bravo", ReadMe(caller=CALLER))
    world.host.cycle()
    await spin()
    assert not other.done()

    if leaving == "cancelled":
        alone.cancel()
        await world.work()
        assert await other == Me(customer=None)
    else:
        world.host.lose_everything(StoreUnreachable("gone"))
        await world.host.tend()
        assert await world.me("nobody") == Me(customer=None)


async def test_a_hot_storefront_leaves_room_for_the_others() -> None:
    world = await opened()
    order: list[str] = []
    hot = [world.send("alpha", ReadMe(caller=CALLER)) for _ in range(5 * TURNS)]
    cold = world.send("bravo", ReadMe(caller=CALLER))
    for future in (*hot, cold):
        future.add_done_callback(lambda _, f=future: order.append("cold" if f is cold else "hot"))
    await world.work()

    world.host.cycle()
    await spin()

    assert order.index("cold") < 2 * TURNS
    assert len(order) == 5 * TURNS + 1


async def test_a_full_mailbox_is_refused_at_once() -> None:
    world = await opened(mailbox_limit=3)
    waiting = [world.send("alpha", ReadMe(caller=CALLER)) for _ in range(3)]

    with pytest.raises(Overloaded):
        world.send("alpha", ReadMe(caller=CALLER))
    other = world.send("bravo", ReadMe(caller=CALLER))
    await world.work()

    assert [await future for future in (*waiting, other)] == [Me(customer=None)] * 4
    assert world.host.figures.overloads == 1


async def test_a_partition_that_was_taken_fails_alone() -> None:
    world = await opened()
    thief = World(world.site, owner="host-9", dead=("host-1",))
    world.site.store.image.marks.clear()
    thief.ownership.want(frozenset({ALPHA}), ())
    await thief.ownership.acquire()

    futures = [world.send(slug, request()) for slug in ("alpha", NEIGHBOUR, "bravo")]
    await world.work()

    for future in futures[:2]:
        with pytest.raises(NotOwner):
            await future
    assert isinstance(await futures[2], CodeSent)
    assert world.host.figures.fenced == 1
    assert not world.ownership.serves(ALPHA)
    with pytest.raises(NotOwner):
        world.send("alpha", request())


async def test_a_fenced_owner_forgets_what_it_held() -> None:
    world = await opened()
    code = await world.code()
    world.site.store.image.marks.clear()
    thief = World(world.site, owner="host-9", dead=("host-1",))
    thief.jobs = world.jobs
    await thief.open()
    signed_in = await thief.verify(code)
    with pytest.raises(NotOwner):
        await world.verify(code)
    await thief.ownership.release()

    await world.host.tend()

    assert isinstance(signed_in, SignedIn)
    assert isinstance(await world.verify(code), SignInRefused)
    assert isinstance(await world.me(signed_in.secret), Me)


async def test_an_unknown_ending_is_told_to_everybody_and_nothing_is_remembered() -> None:
    world, journal = await slow_world()
    remembered = world.host.remembered

    asked = [world.send("alpha", request()), world.send("bravo", request("new@example.org"))]
    await cycle(world)
    late = world.send("alpha", ReadMe(caller=CALLER))
    journal.land(StoreUnreachable("gone"))
    await spin()

    for future in (*asked, late):
        with pytest.raises(StoreUnreachable):
            await future
    assert remembered > 0
    assert world.host.remembered == 0
    assert world.host.figures.unknown == 1
    with pytest.raises(StoreUnreachable):
        world.send("alpha", request())


async def test_both_flights_end_when_one_ends_unknown() -> None:
    world, journal = await slow_world(*(f"{n}@example.org" for n in range(40)))

    first = world.send("alpha", request())
    await cycle(world)
    second = [world.send("alpha", request(f"{n}@example.org")) for n in range(40)]
    await cycle(world)
    await cycle(world)
    assert len(journal.flushes) == 2
    journal.land(StoreUnreachable("gone"))
    journal.land(StoreUnreachable("gone"))
    await spin()

    for future in (first, *second):
        with pytest.raises(StoreUnreachable):
            await future
    assert not world.host.is_busy()


async def test_every_flight_builds_on_the_ones_before_it() -> None:
    per_flight = WORTH_ANOTHER_FLIGHT
    emails = [f"{n}@example.org" for n in range(per_flight * FLIGHTS)]
    world, journal = await slow_world(*emails)
    flights = [emails[n : n + per_flight] for n in range(0, len(emails), per_flight)]
    asked: list[list[asyncio.Future[Outcome]]] = []

    for flight in flights:
        asked.append([world.send("alpha", request(email)) for email in flight])
        await cycle(world)
        await cycle(world)
    assert len(journal.flushes) == FLIGHTS
    landed = []
    for _ in flights:
        journal.land()
        await spin()
        landed.append([all(future.done() for future in futures) for futures in asked])

    assert landed == [[n <= at for n in range(FLIGHTS)] for at in range(FLIGHTS)]
    assert all(isinstance(future.result(), CodeSent) for futures in asked for future in futures)


async def test_what_is_asked_after_an_unknown_ending_reads_the_store_again() -> None:
    world, journal = await slow_world()
    future = world.send("alpha", request())
    await cycle(world)
    journal.land(StoreUnreachable("gone"))
    await spin()
    journal.slow = False

    await world.host.tend()
    sent = await world.request()

    assert isinstance(future.exception(), StoreUnreachable)
    assert isinstance(sent, CodeSent)
    assert world.site.store.row(ALPHA).epoch == 2


async def test_a_fault_of_our_own_in_a_flush_is_an_unknown_ending() -> None:
    world, journal = await slow_world()

    future = world.send("alpha", request())
    await cycle(world)
    journal.land(ValueError("ours"))
    await spin()

    with pytest.raises(StoreUnreachable, match="ValueError"):
        await future
    assert world.host.remembered == 0


async def test_a_fault_of_whoever_is_told_leaves_nobody_waiting() -> None:
    world = await opened()

    def fail(event: Event) -> None:
        raise RuntimeError("the log is full")

    codes = [await world.code(email=email) for email in ("a@example.org", "b@example.org")]
    object.__setattr__(world.host._hooks, "on_event", fail)  # noqa: SLF001
    futures = [
        world.send("alpha", VerifyCode(email=email, code=code, caller=CALLER))
        for email, code in zip(("a@example.org", "b@example.org"), codes, strict=True)
    ]
    await world.work()

    assert all(future.done() for future in futures)


async def test_an_outcome_is_kept_back_when_the_lease_ran_out_during_the_flush() -> None:
    world, journal = await slow_world()

    future = world.send("alpha", request())
    await cycle(world)
    world.site.seconds += LEASE_SECONDS
    journal.land()
    await spin()

    # It was done: whoever hears ``NotOwner`` would have it done again elsewhere.
    with pytest.raises(Unavailable) as raised:
        await future
    assert not isinstance(raised.value, NotOwner)


async def test_a_frozen_host_answers_nothing_when_it_wakes() -> None:
    world = await opened()
    signed_in = await world.sign_in()
    waiting = world.send("alpha", ReadMe(caller=CALLER, session=cookie(signed_in.secret)))

    world.site.seconds += LEASE_SECONDS
    world.host.cycle()
    await spin()

    with pytest.raises(NotOwner):
        await waiting
    with pytest.raises(Unavailable):
        world.send("alpha", ReadMe(caller=CALLER))


async def test_a_message_whose_sender_left_is_not_worked_on() -> None:
    world = await opened()
    future = world.send("alpha", request())
    turns = world.host.figures.turns

    future.cancel()
    await world.work()

    assert world.host.figures.turns == turns


async def test_a_sender_may_leave_while_the_commit_is_out() -> None:
    world, journal = await slow_world()
    future = world.send("alpha", request())
    await cycle(world)
    future.cancel()

    journal.land()
    await spin()

    assert not world.host.is_busy()
    assert world.host.figures.flushes > 0


async def test_a_host_that_stops_refuses_what_comes_and_finishes_what_it_has() -> None:
    world = await opened()
    queued = world.send("alpha", request())

    world.host.stop_intake()
    with pytest.raises(Unavailable):
        world.send("alpha", request())
    await world.work()

    assert isinstance(await queued, CodeSent)


async def test_a_host_that_stops_takes_nothing_more() -> None:
    site = Site()
    world = World(site)
    world.host.stop_intake()

    await world.open()

    assert world.ownership.held() == []


async def test_records_are_read_once_and_then_remembered() -> None:
    world = await opened()
    await world.request()
    misses = world.host.figures.misses

    await world.request()

    assert world.host.figures.misses == misses


async def test_absence_is_remembered_like_presence() -> None:
    world = await opened()
    await world.me("never given")
    misses = world.host.figures.misses

    await world.me("never given")

    assert world.host.figures.misses == misses


async def test_all_that_a_batch_misses_is_read_at_once() -> None:
    world = await opened()
    flushes = world.host.figures.flushes

    for number in range(TURNS):
        world.send("alpha", ReadMe(caller=CALLER, session=cookie(f"secret-{number}")))
    await world.work()

    assert world.host.figures.flushes == flushes + 1


async def test_what_is_idle_is_forgotten_and_read_again() -> None:
    world = await opened()
    signed_in = await world.sign_in()

    for _ in range(3):
        await world.advance(61)
    remembered = world.host.remembered
    me = await world.me(signed_in.secret)

    assert remembered == 0
    assert me == Me(customer=signed_in.customer)


async def test_an_unknown_storefront_leaves_nothing_behind() -> None:
    world = await World().open()

    outcomes = [await world.request("nobody"), await world.me("secret", "nobody")]

    assert outcomes == [NotFound(), NotFound()]
    assert world.site.store.image.records == {}
    assert world.jobs == []


async def test_a_turn_that_reads_sees_what_another_just_staged() -> None:
    world = await opened()
    signed_in = await world.sign_in()
    session = cookie(signed_in.secret)

    signed_out, me = await world.ask_all(
        "alpha", [SignOut(caller=CALLER, session=session), ReadMe(caller=CALLER, session=session)]
    )

    assert signed_out.__class__.__name__ == "SignedOut"
    assert me == Me(customer=None)


async def test_refusals_are_counted_by_rule() -> None:
    world = await opened()

    for _ in range(5):
        await world.request()

    assert world.host.figures.refusals == {"codes.email.minute": 2}


async def test_a_host_tells_what_it_took() -> None:
    world = await World().open()

    assert len(world.taken) == 256


async def test_a_store_that_went_back_raises_an_alarm() -> None:
    world = await opened()
    image = world.site.store.image.copy()
    await world.request()
    world.site.store.image = image

    with pytest.raises(Unavailable):
        await world.request()
    await world.host.tend()

    assert any("went back" in what for what, _ in world.troubles)
    assert world.ownership.rollbacks == 1


async def test_a_host_that_cannot_reach_its_store_gives_everything_up() -> None:
    world, journal = await slow_world()
    waiting = world.send("alpha", request())

    async def unreachable(*_: object, **_named: object) -> list[Ending]:
        raise StoreUnreachable("gone")

    journal.confirm = unreachable  # type: ignore[method-assign]
    world.site.seconds += LEASE_SECONDS / 3
    await world.host.tend()

    with pytest.raises(StoreUnreachable):
        await waiting
    assert world.ownership.held() == []


async def test_a_host_renews_its_lease_by_tending() -> None:
    world = await opened()

    for _ in range(10):
        await world.advance(LEASE_SECONDS / 2)

    assert isinstance(await world.ask("alpha", GetStorefront()), StorefrontView)


async def test_settled_mails_ride_on_other_commits() -> None:
    world = await opened()
    await world.request()
    partition, mail_id, _ = world.jobs[-1]

    world.host.gate.strike(partition, mail_id)
    known = world.host.gate.is_struck(partition, mail_id)
    await world.request()

    assert known
    assert [name for name, _ in world.site.store.outbox(partition, "", 10)] != [mail_id]
    assert not world.host.gate.is_struck(partition, mail_id)


async def test_settled_mails_are_flushed_in_a_quiet_moment() -> None:
    world = await opened()
    await world.request()
    partition, mail_id, _ = world.jobs[-1]
    world.host.gate.strike(partition, mail_id)

    await world.host.tend()
    await world.work()

    assert world.site.store.outbox(partition, "", 10) == []


async def test_settled_mails_of_a_partition_that_was_lost_wait_until_it_is_back() -> None:
    world = await opened()
    await world.request()
    partition, mail_id, _ = world.jobs[-1]
    world.ownership.lose_all()
    world.host.gate.strike(partition, mail_id)

    world.host.gate.stage_rest()
    idle = not world.host.is_busy()
    await world.host.tend()
    await world.host.tend()
    await world.work()

    assert idle
    assert world.site.store.outbox(partition, "", 10) == []


async def test_a_mail_is_told_under_the_id_it_has_in_the_outbox() -> None:
    world = await opened()

    await world.ask_all("alpha", [request(), request("bob@example.org")])

    stored = [name for name, _ in world.site.store.outbox(ALPHA, "", 10)]
    assert [mail_id for _, mail_id, _ in world.jobs] == stored


async def test_a_turn_is_never_split_over_two_commits() -> None:
    world = await opened()
    code = await world.code()
    commits: list[Commit] = []

    class Watcher:
        def committed(self, commit: Commit, ending: Ending, before: object) -> None:
            commits.append(commit)

        def taken(self, owner: str, partition: int, row: object) -> None: ...

    world.site.store.watchers.append(Watcher())
    await world.verify(code)

    kinds = {key.split(":")[3] for _, key, _, _ in commits[-1].operations}
    assert len(commits) == 1
    assert kinds == {"traffic", "address", "email", "customer", "session"}
