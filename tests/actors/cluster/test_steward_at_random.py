"""A steward among all that can go wrong at once; once it ends, everything comes to rest."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from random import Random

import pytest

from doorward.actors.cluster.plan import Plan
from doorward.actors.errors import ClusterRefused, StoreUnreachable
from doorward.actors.partitions import PARTITIONS
from tests.actors.cluster.pretence import Cluster, virtually

SEEDS = 10
SLUGS = ("alpha", "bravo", "charlie")
RESTS_WITHIN_SECONDS = 60.0
"""A host that is gone and not known yet may take ten seconds to be given up, and as long to be
replaced; what it had moves in a few beats."""


class Chaos:
    """What goes wrong, and what must hold all the while."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self.cluster = cluster
        self.random = Random(seed)
        self.plan = Plan()
        self.gone: set[str] = set()
        self.faults: list[Callable[[], None]] = [
            self.crash,
            self.lose,
            self.freeze,
            self.freeze,
            self.thaw,
            self.cut_off,
            self.mend,
            self.store_away,
            self.store_back,
            self.sleep,
        ]

    async def happen(self) -> None:
        """Let one thing happen."""
        if self.random.random() < 0.35:
            await self.order()
        elif self.random.random() < 0.15:
            await self.replace()
        else:
            self.random.choice(self.faults)()
        await asyncio.sleep(self.random.choice((0.05, 0.3, 1.0, 3.0)))
        self.check()

    async def order(self) -> None:
        steward = self.cluster.steward
        hosts = [*steward.plan.hosts, "host-99"]
        orders: list[Callable[[], object]] = [
            lambda: steward.scale(self.random.randint(1, 4)),
            lambda: steward.drain(self.random.choice(hosts)),
            lambda: steward.drain("node-3"),
            lambda: steward.pin(self.random.choice(SLUGS), self.random.choice(["", *hosts])),
        ]
        with suppress(ClusterRefused, StoreUnreachable):
            await self.random.choice(orders)()  # type: ignore[misc]

    async def replace(self) -> None:
        cluster = self.cluster
        cluster.dismiss()
        await asyncio.sleep(self.random.choice((0.0, 1.0, 20.0)))
        cluster.steward = cluster.hire()
        cluster.store.away = False
        await cluster.begin()

    def crash(self) -> None:
        if name := self.one(set(self.cluster.fleet.hosts) - self.cluster.fleet.gone):
            self.cluster.fleet.crash(name, back_after=self.random.choice((0.2, 3.0, 20.0)))

    def lose(self) -> None:
        if name := self.one(set(self.cluster.fleet.hosts) - self.cluster.fleet.gone):
            self.cluster.fleet.lose(name)

    def freeze(self) -> None:
        if name := self.one(set(self.cluster.fleet.hosts)):
            self.cluster.fleet.frozen.add(name)

    def thaw(self) -> None:
        self.cluster.fleet.frozen.clear()

    def cut_off(self) -> None:
        if name := self.one(set(self.cluster.fleet.hosts)):
            self.cluster.fleet.cut.add(name)

    def mend(self) -> None:
        self.cluster.fleet.cut.clear()

    def store_away(self) -> None:
        self.cluster.store.away = True

    def store_back(self) -> None:
        self.cluster.store.away = False
        self.cluster.store.answers_lost = self.random.randint(0, 1)

    def sleep(self) -> None:
        self.cluster.loop.leap(self.random.choice((1.0, 20.0, 600.0)))

    def one(self, names: set[str]) -> str:
        return self.random.choice(sorted(names)) if names else ""

    def end(self) -> None:
        """Let nothing go wrong any more."""
        self.thaw()
        self.mend()
        self.store_back()

    def check(self) -> None:
        """Look at what must hold at any time."""
        fleet, plan = self.cluster.fleet, self.cluster.steward.plan
        assert fleet.broken == []
        assert len(set(plan.hosts)) == len(plan.hosts)
        assert set(plan.leaving) <= set(plan.hosts)
        assert len(plan.owners) == PARTITIONS
        assert plan.last >= max((int(name[5:]) for name in plan.hosts), default=0)
        self.gone |= set(self.plan.hosts) - set(plan.hosts)
        assert not self.gone & set(plan.hosts)
        self.plan = plan


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_goes_wrong_everything_comes_to_rest_when_it_ends(seed: int) -> None:
    async def scene(cluster: Cluster) -> None:
        chaos = Chaos(cluster, seed)
        await cluster.up(3)
        for _ in range(40):
            await chaos.happen()
        chaos.end()
        took = await cluster.settled(within=RESTS_WITHIN_SECONDS)
        plan = cluster.steward.plan
        await cluster.beats(40)

        assert took <= RESTS_WITHIN_SECONDS
        assert cluster.steward.plan == plan
        # Each partition is with one host that is there, each host is planned, counts are even.
        assert len(cluster.fleet.served()) == PARTITIONS
        assert set(cluster.fleet.hosts) == set(plan.hosts) == set(plan.members)
        assert max(cluster.counts.values()) - min(cluster.counts.values()) <= 1
        assert not {h.node for h in cluster.fleet.hosts.values()} & set(plan.drained)

    virtually(scene, 6, 6, 6)
