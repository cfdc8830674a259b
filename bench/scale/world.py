"""A whole cluster in one seeded run: load, hosts, and what happens to them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from hashlib import blake2b
from itertools import count
from random import Random
from time import process_time
from typing import Final, NamedTuple

from bench.scale.agenda import Agenda
from bench.scale.processes import Ground, Process
from bench.scale.protocol import Protocol, Scene
from bench.scale.steward import Steward
from bench.scale.store import Store
from bench.scale.watch import Cause, Violation, Watch

SAMPLED_SECONDS: Final = 5.0
HOT: Final = (0.4, 0.6)
"""The part of the time in which one partition is hot."""
SPARE: Final = 1.1
"""Hosts beyond those that are meant to be there: some leave while others join in their place."""
LOAD_SAMPLES: Final = 4
"""In the time over which the steward averages."""


class Evenness(NamedTuple):
    """How even a table is: the highest host over the mean of all, by count and by load.

    ``hottest``: the hottest partition alone over the mean host's load; no host that has it can be
    below that. ``spread``: between the highest and the lowest count.
    """

    at: float
    by_count: float
    by_load: float
    hottest: float
    spread: int


@dataclass(slots=True)
class Happened:
    """What happened to hosts, and how even the table was meanwhile.

    ``hot_requests``: those that only the hot partition's heat brought.
    """

    changes: Counter[str] = field(default_factory=Counter)
    hot_requests: float = 0.0
    evenness: list[Evenness] = field(default_factory=list)


class World:
    """One run.

    Attributes:
        watch: What was seen.
        happened: What was done to it.
        steward: The steward at its end.
        took_seconds: Processor time.
    """

    def __init__(
        self, seed: int, protocol: Protocol, scene: Scene, *, process: type[Process] = Process
    ) -> None:
        """Make everything; all chance comes from the seed."""
        self.protocol = protocol
        self.scene = scene
        self.happened = Happened()
        self.took_seconds = 0.0
        self._random = Random(seed)  # noqa: S311 - repeatable, not secret
        self._agenda = Agenda()
        self._process = process
        self._rates = rates(scene, protocol.partitions)
        most = round(scene.hosts * (1 + scene.scaled) * SPARE)
        self.watch = Watch(
            lambda: self._agenda.now,
            self._rates,
            lease_seconds=protocol.lease_seconds,
            stray_seconds=protocol.stray_seconds,
            served_seconds=protocol.served_within(most),
            count_from=scene.warm_up_seconds,
        )
        self._ground = Ground(
            agenda=self._agenda,
            random=self._random,
            protocol=protocol,
            store=Store(protocol.partitions),
            watch=self.watch,
            rates=self._rates,
        )
        self.steward = Steward(self._ground, self._start_soon)
        self._boots = count()
        machines = -(-scene.hosts // scene.hosts_per_machine)
        self._machines = [next(self._boots) for _ in range(machines)]

    def run(self) -> None:
        """Let everything happen.

        Raises:
            Violation: Something that must never be.
        """
        began = process_time()
        for number in range(self.scene.hosts):
            machine = self._machines[number % len(self._machines)]
            self._start(self.steward.plan(), machine)
        self._round()
        self._agenda.after(self.scene.warm_up_seconds, self._begin_trouble)
        self._agenda.after(SAMPLED_SECONDS, self._sample)
        self._agenda.after(0.0, self._weigh)
        self._agenda.run(self.scene.seconds)
        self.watch.look_at_all()
        self.watch.close()
        self.took_seconds = process_time() - began

    def requests(self) -> float:
        """Count all requests of the time that counts."""
        scene = self.scene
        seconds = scene.seconds - scene.warm_up_seconds
        return scene.requests_per_second * seconds + self.happened.hot_requests

    # --- hosts ------------------------------------------------------------------------------------

    def _start_soon(self, name: str) -> None:
        seconds = self.protocol.start.drawn(self._random)
        self._agenda.after(seconds, self._start, name, self._random.choice(self._machines))

    def _start(self, name: str, machine: int) -> None:
        if name in self.steward.hosts:
            # What was to start again on a machine that is gone meanwhile starts on another.
            there = machine if machine in self._machines else self._random.choice(self._machines)
            self.steward.enter(self._process(self._ground, name, there))

    def _round(self) -> None:
        self.steward.round()
        self.watch.look()
        for name in self.steward.placed_late():
            raise Violation(f"what {name} had was not placed again in time")
        seconds = self.protocol.round_seconds(len(self.steward.hosts))
        self._agenda.after(seconds, self._round)

    # --- trouble ----------------------------------------------------------------------------------

    def _begin_trouble(self) -> None:
        self.steward.moves.clear()
        self.steward.versions = self.steward.rounds = 0
        self.steward.deciding_seconds = 0.0
        scene = self.scene
        for every, trouble in (
            (scene.kills, self._kill),
            (scene.machine_losses, self._lose_machine),
            (scene.freezes, self._freeze),
            (scene.drains, self._drain),
        ):
            if every:
                self._again(every, trouble)
        many = round(scene.hosts * scene.scaled)
        self._agenda.at(scene.seconds / 3, self._grow, many)
        self._agenda.at(scene.seconds * 2 / 3, self._shrink, many)
        self._agenda.at(scene.seconds * HOT[0], self._heat_up)

    def _again(self, every: float, trouble: Callable[[], None]) -> None:
        def happen() -> None:
            trouble()
            self._again(every, trouble)

        self._agenda.after(self._random.expovariate(1 / every), happen)

    def _running(self) -> list[Process]:
        return [process for process in self.steward.processes.values() if process.running]

    def _fail(self, process: Process, cause: Cause) -> None:
        """End a process or freeze it; who was to serve what nobody serves has failed again."""
        self.watch.failed_again({*self.steward.placed.get(process.name, ()), *process.held})
        if cause is Cause.FROZEN:
            process.freeze()
        else:
            process.end(cause)

    def _kill(self) -> None:
        running = self._running()
        if running:
            process = self._random.choice(running)
            self.happened.changes["processes killed"] += 1
            self._fail(process, Cause.KILLED)
            notice = self.protocol.ray_notice.drawn(self._random)
            self.steward.miss(process, gone_at=self._agenda.now + notice)
            seconds = self.protocol.start.drawn(self._random)
            self._agenda.after(seconds, self._start, process.name, process.machine)

    def _lose_machine(self) -> None:
        machine = self._random.choice(self._machines)
        self.happened.changes["machines lost"] += 1
        # Started again it is another one: nobody can prove there who was dead before.
        self._machines[self._machines.index(machine)] = next(self._boots)
        for process in list(self.steward.processes.values()):
            if process.machine == machine and not process.ended:
                self.happened.changes["hosts lost with their machine"] += 1
                self._fail(process, Cause.MACHINE)
                self.steward.miss(process)

    def _freeze(self) -> None:
        running = self._running()
        if running:
            process = self._random.choice(running)
            self.happened.changes["processes frozen"] += 1
            self._fail(process, Cause.FROZEN)
            self.steward.miss(process)
            seconds = self.scene.frozen.drawn(self._random)
            self._agenda.after(seconds, self._thaw, process)

    def _thaw(self, process: Process) -> None:
        if process.ended:
            return
        process.thaw()
        self.steward.back(process)

    def _drain(self) -> None:
        members = self.steward.members()
        if members:
            self.happened.changes["hosts drained and replaced"] += 1
            self.steward.drain(self._random.choice(members))
            self._start_soon(self.steward.plan())

    def _grow(self, many: int) -> None:
        self.happened.changes["hosts joined by scaling"] += many
        for _ in range(many):
            self._start_soon(self.steward.plan())

    def _shrink(self, many: int) -> None:
        self.happened.changes["hosts left by scaling"] += many
        for name in self.steward.members()[-many:] if many else ():
            self.steward.drain(name)

    # --- load -------------------------------------------------------------------------------------

    def _heat_up(self) -> None:
        """Let a partition of middling load grow hot for a while."""
        ranked = sorted(range(len(self._rates)), key=lambda partition: self._rates[partition])
        hot = ranked[len(ranked) // 2]
        cool, until = self._rates[hot], self.scene.seconds * HOT[1]
        self._rates[hot] *= self.scene.hot_factor
        self.happened.hot_requests = (self._rates[hot] - cool) * (until - self._agenda.now)
        self._agenda.at(until, partial(self._rates.__setitem__, hot, cool))

    def _weigh(self) -> None:
        """Measure loads as the steward does: counts, averaged over a while."""
        seconds, share = self.protocol.load_seconds / LOAD_SAMPLES, 1 / LOAD_SAMPLES
        loads = self.steward.loads
        for partition, rate in enumerate(self._rates):
            noise = self._random.gauss(0.0, (rate / seconds) ** 0.5)
            loads[partition] += share * (max(0.0, rate + noise) - loads[partition])
        self._agenda.after(seconds, self._weigh)

    def _sample(self) -> None:
        self.watch.look_at_all()
        placed = any(self.steward.placed[name] for name in self.steward.members())
        if placed and self._agenda.now >= self.scene.warm_up_seconds:
            self.happened.evenness.append(self._evenness())
        self._agenda.after(SAMPLED_SECONDS, self._sample)

    def _evenness(self) -> Evenness:
        held = [self.steward.placed[name] for name in self.steward.members()]
        counts = [len(partitions) for partitions in held]
        loads = [sum(self._rates[p] for p in partitions) for partitions in held]
        return Evenness(
            self._agenda.now,
            max(counts) * len(counts) / sum(counts),
            max(loads) * len(loads) / sum(loads),
            max(self._rates) * len(loads) / sum(loads),
            max(counts) - min(counts),
        )


def rates(scene: Scene, partitions: int) -> list[float]:
    """Tell every partition's requests per second: Zipf over storefronts, spread by their slugs."""
    shares = [0.0] * partitions
    weights = [rank**-scene.zipf for rank in range(1, scene.storefronts + 1)]
    each = scene.requests_per_second / sum(weights)
    for digest, weight in zip(_digests(scene.storefronts), weights, strict=True):
        shares[digest % partitions] += weight * each
    return shares


@lru_cache(maxsize=2)
def _digests(storefronts: int) -> list[int]:
    """Digest slugs as ``partition_of`` does, for any number of partitions."""
    return [
        int.from_bytes(blake2b(b"storefront-%d" % rank, digest_size=4).digest(), "big")
        for rank in range(1, storefronts + 1)
    ]
