"""What goes wrong in a run, besides the wire: machines, clocks, and a store that is put back."""

from collections.abc import Callable
from random import Random
from typing import Final, TypeVar

from tests.actors.simulation.machine import Machine, Marks
from tests.actors.simulation.model_store import Image, Row
from tests.actors.simulation.world import World

HOUR_SECONDS: Final = 3_600.0
MACHINES: Final = 3
FAVOUR: Final = 0.5
CLOCK_STEP_MS: Final = 55 * 60_000
"""Two of them, one each way, are less than the two hours that records are kept longer."""

T = TypeVar("T")


class Faults:
    """All that can happen to a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = world.random
        self.snapshots: list[tuple[int, Image]] = []
        self._faults: list[tuple[Callable[[], None], int]] = [
            (self.crash, 3),
            (self.start, 4),
            (self.freeze, 5),
            (self.hand_over, 3),
            (self.storm, 6),
            (self.clear_up, 6),
            (self.cut_off, 3),
            (self.rumour, 3),
            (self.place, 6),
            (self.set_clock, 2),
            (self.sleep_long, 3),
            (self.keep_snapshot, 4),
            (self.put_back, 2),
        ]

    def happen(self) -> None:
        """Let one thing go wrong, or start a machine where there is none left."""
        if not self.world.living():
            self.start()
            return
        fault = picked(self.random, self._faults)
        self.world.note(fault.__name__)
        fault()

    def thaw(self, machine: Machine) -> None:
        """Let a frozen machine go on, if it is still there."""
        if machine.frozen and not machine.gone:
            machine.thaw()

    def crash(self) -> None:
        self.random.choice(self.world.living()).crash()

    def start(self) -> None:
        """Start a machine; it may know which ones are dead, as one in their data folder does."""
        if len(self.world.living()) < MACHINES:
            gone = tuple(machine.name for machine in self.world.machines if machine.gone)
            self.world.start_machine(self.random.choice(((), gone)))

    def freeze(self) -> None:
        machine = self.random.choice(self.world.living())
        if not machine.frozen:
            machine.freeze()
            span = self.random.choice((0.2, 1.0, 2.6, 3.2, 5.0, 9.0))
            self.world.loop.call_later(span, self.thaw, machine)

    def hand_over(self) -> None:
        machine = self.random.choice(self.world.living())
        if len(self.world.living()) > 1:
            machine.hand_over()

    def storm(self) -> None:
        weather = self.random.choice(self.world.living()).weather
        weather.request_lost = self.random.choice((0.0, 0.05, 0.2))
        weather.reply_lost = self.random.choice((0.0, 0.05, 0.3))
        weather.torn = self.random.choice((0.0, 0.05, 0.2))
        weather.late = self.random.choice((0.0, 0.05, 0.3))
        weather.slow = self.random.choice((0.0, 0.3))

    def clear_up(self) -> None:
        for machine in self.world.living():
            machine.weather.clear()

    def cut_off(self) -> None:
        self.random.choice(self.world.living()).weather.cut = True

    def rumour(self) -> None:
        """Let everybody believe that some host is dead: whether one is alive is only a hint."""
        self.world.store.image.marks.pop(self.random.choice(self.world.living()).name, None)

    def place(self) -> None:
        """Tell hosts what they are wanted for and who is silent: hints, and as often as not wrong.

        Two may be wanted for the same, and nobody for some of it.
        """
        names = [machine.name for machine in self.world.machines]
        for machine in self.world.living():
            wanted = {p for p in self.world.placement if self.random.random() < FAVOUR}
            silent = {name for name in names if self.random.random() < FAVOUR}
            machine.place(frozenset(wanted), frozenset(silent))

    def set_clock(self) -> None:
        self.world.clock_step_ms = self.random.randint(-CLOCK_STEP_MS, CLOCK_STEP_MS)

    def sleep_long(self) -> None:
        for machine in self.world.living():
            machine.freezes += 1
        hours = self.random.choice((0.01, 0.05, 0.2, 1.1, 24.5))
        self.world.loop.leap(hours * HOUR_SECONDS)

    def keep_snapshot(self) -> None:
        self.snapshots.append((self.world.history.tick(), self.world.store.image.copy()))

    def put_back(self) -> None:
        """Put the store back, where somebody is left who knows how far it had come."""
        world, store = self.world, self.world.store
        for machine in world.living():
            machine.note_marks()
        # What a host was told in its last second is on no disk: of that nobody could tell the loss.
        told = world.told()
        found = [s for s in self.snapshots if _short(s[1], told) <= _short(s[1], world.marks)]
        if not found:
            return
        snapshot, image = self.random.choice(found)
        self.snapshots.clear()
        knowing = [m for m in world.living() if m.ownership.high_water() == world.marks]
        left = self.random.choice([*knowing, None])
        for machine in world.living():
            if machine is not left:
                machine.crash()
        rows = store.image.rows
        lost = {p: (row.epoch, row.seq) for p, row in rows.items() if row != image.rows.get(p)}
        store.image = image
        world.history.went_back(lost, _short(image, world.marks), snapshot)
        world.promises.went_back(lost, snapshot)
        if not world.living():
            world.start_machine(tuple(machine.name for machine in world.machines))


def picked(random: Random, weighed: list[tuple[T, int]]) -> T:
    """Pick one thing by weight."""
    things, weights = zip(*weighed, strict=True)
    return random.choices(things, weights)[0]


def _short(image: Image, marks: Marks) -> set[int]:
    """Tell which partitions of a store lack commits that it was known to have."""
    return {p for p, (_, seq) in marks.items() if image.rows.get(p, Row()).seq < seq}
