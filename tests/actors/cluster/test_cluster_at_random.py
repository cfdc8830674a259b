"""All of a cluster but Ray, among all that can go wrong: nothing told is lost, or done twice.

Hosts, their ownership, their mails, couriers, systems and the steward are the real ones; the store,
the network and the processes are pretended (``quarters``). A seed tells all of a run.
"""

import asyncio
from collections.abc import Callable
from random import Random

import msgspec
import pytest

from doorward.actors.cluster.seats import Agreed
from doorward.actors.cluster.steward import Steward
from doorward.actors.cluster.tables import Order, Table
from doorward.actors.partitions import PARTITIONS
from tests.actors.cluster.pretence import MemoryPlanStore
from tests.actors.cluster.quarters import (
    SETTINGS,
    Process,
    Quarters,
    in_quarters,
    opened_system,
)
from tests.actors.cluster.shoppers import PLACES, Ledger
from tests.actors.simulation.model_store import STORE_ID

SEEDS = 4
NAMES = ("host-1", "host-2", "host-3")
RESTS_WITHIN_SECONDS = 60.0


class Chaos:
    """What goes wrong with processes and roads."""

    def __init__(self, quarters: Quarters, seed: int) -> None:
        self.quarters = quarters
        self.random = Random(seed)
        self.faults: list[Callable[[], None]] = [
            self.kill,
            self.freeze,
            self.freeze,
            self.bad_roads,
            self.bad_roads,
            self.clear_up,
            self.storm,
            self.cut_off,
            self.abandon,
            self.slow_post,
        ]

    def happen(self) -> None:
        self.random.choice(self.faults)()

    def living(self) -> list[Process]:
        return [process for process in self.quarters.owners.values() if not process.dead]

    def kill(self) -> None:
        """Let a process die; another one takes its place after a while."""
        if living := self.living():
            process = self.random.choice(living)
            process.kill()
            if self.quarters.processes.get(process.name) is process:
                span = self.random.choice((0.1, 1.0, 4.0))
                self.quarters.loop.call_later(span, self._back, process)

    def freeze(self) -> None:
        if living := [process for process in self.living() if not process.frozen]:
            process = self.random.choice(living)
            process.freeze()
            span = self.random.choice((0.2, 1.0, 2.8, 3.5, 6.0))
            self.quarters.loop.call_later(span, self._thaw, process)

    def bad_roads(self) -> None:
        road = self.quarters.road
        road.lost_before = self.random.choice((0.0, 0.02, 0.2))
        road.lost_after = self.random.choice((0.0, 0.02, 0.2))
        road.late = self.random.choice((0.0, 0.02, 0.2))

    def storm(self) -> None:
        if living := self.living():
            weather = self.random.choice(living).weather
            weather.request_lost = self.random.choice((0.0, 0.05))
            weather.reply_lost = self.random.choice((0.0, 0.05))
            weather.late = self.random.choice((0.0, 0.1))

    def cut_off(self) -> None:
        """Let a host not reach its store; whoever asks it can."""
        if living := self.living():
            self.random.choice(living).weather.cut = True

    def clear_up(self) -> None:
        self.quarters.road.clear()
        self.quarters.post_is_slow = False
        for process in self.living():
            process.weather.clear()

    def abandon(self) -> None:
        """Let everybody believe that a host is dead, and start another of its name elsewhere."""
        names = [name for name, process in self.quarters.processes.items() if not process.dead]
        if names and self.random.random() < 0.5:
            self.quarters.abandon(self.random.choice(names))

    def slow_post(self) -> None:
        self.quarters.post_is_slow = True

    def end(self) -> None:
        """Let nothing go wrong any more; who was abandoned ends."""
        self.clear_up()
        for process in self.living():
            self._thaw(process)
            if self.quarters.processes.get(process.name) is not process:
                process.kill()

    def _back(self, process: Process) -> None:
        if self.quarters.processes.get(process.name) is process:
            self.quarters.process(process.name, process.node).start()

    def _thaw(self, process: Process) -> None:
        if process.frozen and not process.dead:
            process.thaw()


class Dealer:
    """Deals tables as they come, to whom they reach: hints, and as often as not wrong."""

    def __init__(self, quarters: Quarters, seed: int) -> None:
        self.quarters = quarters
        self.random = Random(seed)
        self.table = Table(STORE_ID, 0, ("host-1",) * PARTITIONS)
        self.silent: tuple[str, ...] = ()

    def deal(self, *, fair: bool = False) -> None:
        """Deal anew; where it is not ``fair``, some have nobody, and anybody may be silent."""
        names = NAMES if fair else (*NAMES, "host-1", "")
        hosts = tuple(self.random.choice(names) for _ in range(PARTITIONS))
        self.table = Table(STORE_ID, self.table.version + 1, hosts)
        owners = sorted(self.quarters.owners)
        favour = 0.0 if fair else 0.3
        self.silent = tuple(owner for owner in owners if self.random.random() < favour)

    async def tell(self, name: str) -> None:
        """Tell one host, if it can be reached."""
        order = msgspec.msgpack.encode(Order(self.table, self.table.version, self.silent))
        try:
            async with asyncio.timeout(1.0):
                await self.quarters.carry(name, lambda server: server.beat(order))
        except Exception:  # noqa: BLE001, S110 - it hears the next
            pass

    async def go_on(self) -> None:
        """Tell everybody, for ever."""
        while True:
            await asyncio.gather(*(self.tell(name) for name in NAMES))
            await asyncio.sleep(0.25)


async def shopped(
    ledger: Ledger, chaos: Chaos, step: Callable[[], object], end: Callable[[], object]
) -> None:
    """Let shoppers come while things go wrong, and then let all of them finish."""
    shopping: list[asyncio.Task[None]] = []
    for number in range(60):
        shopping.append(asyncio.ensure_future(ledger.shop(number)))
        await asyncio.sleep(chaos.random.uniform(0.0, 1.0))
        if chaos.random.random() < 0.3:
            chaos.happen()
        if chaos.random.random() < 0.15:
            step()
    chaos.end()
    end()
    await asyncio.gather(*shopping)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_the_table_says_nothing_is_lost_or_done_twice(seed: int) -> None:
    async def scene(quarters: Quarters) -> None:
        await quarters.hosts(3)
        dealer, chaos = Dealer(quarters, seed), Chaos(quarters, seed)
        dealer.deal(fair=True)
        dealing = asyncio.ensure_future(dealer.go_on())
        await asyncio.sleep(1)
        ledger = Ledger(quarters, [await opened_system(quarters) for _ in range(2)], seed)
        ledger.watch(quarters.loop)
        await ledger.furnish()
        await shopped(ledger, chaos, dealer.deal, lambda: dealer.deal(fair=True))

        await ledger.settle()
        assert len(ledger.stays) >= 5
        dealing.cancel()

    in_quarters(scene, seed=seed)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_with_a_steward_everything_is_served_again_and_nothing_is_lost_or_done_twice(
    seed: int,
) -> None:
    async def scene(quarters: Quarters) -> None:
        steward, working = await _at_work(quarters)
        await steward.scale(3)
        await rested(quarters, steward)
        chaos = Chaos(quarters, seed)
        ledger = Ledger(quarters, [await opened_system(quarters) for _ in range(2)], seed)
        ledger.watch(quarters.loop)
        await ledger.furnish()
        before = ledger.unavailable

        def scale() -> None:
            orders.append(asyncio.ensure_future(steward.scale(chaos.random.randint(2, 4))))

        orders: list[asyncio.Future[None]] = []
        await shopped(ledger, chaos, scale, lambda: None)
        await rested(quarters, steward)
        await ledger.settle()

        assert before == 0
        assert len(ledger.stays) >= 5
        working.cancel()
        await asyncio.gather(*orders)

    in_quarters(scene, seed=seed)


def test_more_hosts_and_fewer_under_load_cost_nobody_an_answer() -> None:
    async def scene(quarters: Quarters) -> None:
        steward, working = await _at_work(quarters)
        await steward.scale(2)
        await rested(quarters, steward)
        ledger = Ledger(quarters, [await opened_system(quarters) for _ in range(2)], 0)
        ledger.watch(quarters.loop)
        await ledger.furnish()
        shopping = []
        for number in range(120):
            shopping.append(asyncio.ensure_future(ledger.shop(number)))
            await asyncio.sleep(0.25)
            if number in {20, 70}:
                await steward.scale({20: 4, 70: 2}[number])
        await asyncio.gather(*shopping)
        await rested(quarters, steward)
        await ledger.settle()

        assert ledger.asked > 500
        assert ledger.unavailable == 0
        assert sorted(quarters.processes) == sorted(steward.plan.hosts)
        assert len(steward.plan.hosts) == 2
        working.cancel()

    in_quarters(scene)


async def rested(quarters: Quarters, steward: Steward) -> None:
    """Wait until every partition is served by whom the plan has, and by nobody else."""
    began = quarters.loop.time()
    while quarters.loop.time() - began < RESTS_WITHIN_SECONDS:
        owners = steward.plan.owners
        members = len(steward.plan.members) == len(steward.plan.hosts) == steward.plan.wanted
        if members and all(quarters.serving(p) == [owners[p]] for p in PLACES):
            held = sum(host.held for host in steward.status().hosts)
            if held == PARTITIONS:
                return
        await asyncio.sleep(0.25)
    raise AssertionError(f"not at rest: {steward.status()}")


async def _at_work(quarters: Quarters) -> tuple[Steward, asyncio.Task[None]]:
    steward = Steward(
        quarters,
        MemoryPlanStore(),
        agreed=Agreed(STORE_ID, SETTINGS),
        ticks=quarters.loop.time,
        find_gone=_proven(quarters),
        on_trouble=lambda *_: None,
    )
    await steward.open()
    return steward, asyncio.ensure_future(steward.run())


def _proven(quarters: Quarters) -> Callable[[frozenset[str]], object]:
    async def find_gone(owners: frozenset[str]) -> frozenset[str]:
        return quarters.gone(owners)

    return find_gone
