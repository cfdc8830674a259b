"""Counts of calls: seen at once by every later turn, stored soon, and waited for by nobody."""

import pytest

from doorward.actors import storefront, windows
from doorward.actors.errors import NotOwner
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.operator import GetStorefront, StorefrontView
from doorward.actors.messages.refusals import Conflict
from doorward.actors.messages.sign_in import CodeSent
from doorward.actors.partitions import partition_of
from doorward.actors.records.storefronts import KeyTraffic
from doorward.actors.turns import MINUTE_MS, Turn
from doorward.actors.windows import Rule
from tests.actors.harness import Site, World
from tests.actors.test_host import SlowJournal, opened, request, spin

ALPHA = partition_of("alpha")
RULE = Rule("calls", 600, MINUTE_MS)


class Call(Request, frozen=True, kw_only=True):
    """A call that is counted."""


def answer(turn: Turn, _message: Call) -> Outcome:
    calls = (turn.ledger.get(KeyTraffic, "k") or KeyTraffic()).calls
    counted = windows.counted(calls, RULE, turn.now_ms)
    turn.ledger.count(KeyTraffic(counted), "k", keep_ms=MINUTE_MS)
    return Conflict(reason=str(counted.total))


@pytest.fixture(autouse=True)
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(storefront._DESKS, Call, answer)  # noqa: SLF001


async def calls(world: World, count: int) -> list[str]:
    outcomes = await world.ask_all("alpha", [Call() for _ in range(count)])
    return [each.reason for each in outcomes if isinstance(each, Conflict)]


def commits(world: World) -> int:
    return world.site.store.row(ALPHA).seq


async def test_every_call_sees_those_before_it_and_nobody_waits_for_the_store() -> None:
    world = await opened()
    await calls(world, 1)
    before = commits(world)

    assert await calls(world, 30) == [str(number) for number in range(2, 32)]
    assert commits(world) == before


async def test_counts_are_stored_with_the_tick_once_for_many() -> None:
    world = await opened()
    await calls(world, 5)
    before = commits(world)

    await world.advance(0.1)
    assert commits(world) == before + 1
    await world.advance(0.1)
    assert commits(world) == before + 1

    heir = await world.successor()
    assert await calls(heir, 1) == ["6"]


async def test_counts_ride_along_with_the_partitions_next_commit() -> None:
    world = await opened()
    await world.ask("alpha", request())
    await calls(world, 5)
    before = commits(world)

    assert isinstance(await world.ask("alpha", request()), CodeSent)

    assert commits(world) == before + 1
    heir = await world.successor()
    assert await calls(heir, 1) == ["6"]


async def test_a_crash_forgets_no_more_than_what_came_since_the_tick() -> None:
    world = await opened()
    await calls(world, 5)
    await world.advance(0.1)
    await calls(world, 3)

    heir = await world.successor()

    assert await calls(heir, 1) == ["6"]


async def test_an_outcome_does_not_wait_behind_counts_that_are_on_their_way() -> None:
    site = Site()
    journal = SlowJournal(site.store)
    world = await opened(site=site, journal=journal)
    await calls(world, 5)
    journal.slow = True
    world.host.gate.stage_rest()
    world.host.cycle()
    await spin()
    assert len(journal.flushes) == 1

    read, counted = world.send("alpha", GetStorefront()), world.send("alpha", Call())
    world.host.cycle()
    await spin()

    assert isinstance(read.result(), StorefrontView)
    assert counted.result() == Conflict(reason="6")
    journal.land()


async def test_a_call_behind_a_promise_waits_for_it_all_the_same() -> None:
    site = Site()
    journal = SlowJournal(site.store)
    world = await opened(site=site, journal=journal)
    await world.ask("alpha", request())
    await calls(world, 1)
    journal.slow = True

    promised, counted = world.send("alpha", request()), world.send("alpha", Call())
    world.host.cycle()
    await spin()
    waited = promised.done(), counted.done()
    journal.land()
    await spin()

    assert waited == (False, False)
    assert counted.result() == Conflict(reason="2")


async def test_counts_of_a_partition_that_was_lost_are_not_stored() -> None:
    world = await opened()
    await calls(world, 5)
    world.site.store.image.marks.clear()
    thief = World(world.site, owner="host-9", dead=("host-1",))
    await thief.open()
    taken = commits(thief)

    await world.advance(0.1)

    assert not world.ownership.serves(ALPHA)
    with pytest.raises(NotOwner):
        world.send("alpha", Call())
    assert commits(thief) == taken
    assert await calls(thief, 1) == ["1"]
