"""Who serves what, seen from outside: what must never be, and what is counted.

At every change: nobody begins to serve what somebody else serves, nobody serves without a lease.
At every round of the steward: what each host believes of what has changed agrees with what was
seen, and nothing is unserved for longer than the protocol says; every few seconds the same of all
partitions. Violations end the simulation.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Final, Protocol

FROZEN_BACK: Final = "frozen, came back"
FROZEN_GONE: Final = "frozen, taken over"
KILLED_NEAR: Final = "killed, taken over on its machine"
KILLED_FAR: Final = "killed, taken over elsewhere"
MACHINE_GONE: Final = "machine lost"
PLANNED: Final = "planned move"
AGAIN: Final = "more than one failure"
KINDS: Final = (
    PLANNED,
    KILLED_NEAR,
    KILLED_FAR,
    MACHINE_GONE,
    FROZEN_BACK,
    FROZEN_GONE,
    AGAIN,
)
_SLACK: Final = 1e-6
"""Seconds that floating point may be wrong by."""


class Violation(Exception):
    """Something was seen that must never be."""


class Cause(StrEnum):
    """Why a partition is not served."""

    PLANNED = "planned"
    KILLED = "killed"
    MACHINE = "machine"
    FROZEN = "frozen"


class Serving(Protocol):
    """What is looked at of a process."""

    name: str
    machine: int

    def serves(self, partition: int) -> bool:
        """Tell whether it answers for a partition now, as far as it knows."""

    def unproven_seconds(self) -> float:
        """Tell how long ago its latest proof of owning was sent."""


class Outage:
    """A partition that nobody serves, since when and why; ``due``: by when somebody must."""

    __slots__ = ("again", "began", "cause", "due", "process")

    def __init__(self, began: float, cause: Cause, process: Serving, due: float) -> None:
        self.began = began
        self.cause = cause
        self.process = process
        self.again = False
        self.due = due

    def kind(self, successor: Serving) -> str:
        """Name what it was, now that somebody serves again."""
        if self.again:
            return AGAIN
        if self.cause is Cause.FROZEN:
            return FROZEN_BACK if successor is self.process else FROZEN_GONE
        if self.cause is Cause.KILLED:
            return KILLED_NEAR if successor.machine == self.process.machine else KILLED_FAR
        return PLANNED if self.cause is Cause.PLANNED else MACHINE_GONE


class Watch:
    """Sees every change of who serves.

    Attributes:
        outages: Seconds that partitions were unserved, by kind.
        met: Requests that met an unserved partition, by kind.
        late: Those of them that looked for their host for longer than they may.
        unserved_seconds: Partition-seconds.
    """

    def __init__(  # noqa: PLR0913 - the wiring of one object
        self,
        clock: Callable[[], float],
        rates: Sequence[float],
        *,
        lease_seconds: float,
        stray_seconds: float,
        served_seconds: float,
        count_from: float,
    ) -> None:
        """See nothing yet.

        Args:
            clock: Tells seconds.
            rates: Requests per second of each partition, as they are at any time.
            lease_seconds: Without a proof of owning for so long, nobody may serve.
            stray_seconds: How long a request may wait.
            served_seconds: Somebody must serve again so soon after the latest failure.
            count_from: Outages that began earlier are not counted.
        """
        self._clock = clock
        self._rates = rates
        self._lease_seconds = lease_seconds
        self._stray_seconds = stray_seconds
        self._served_seconds = served_seconds
        self._count_from = count_from
        self._believers: list[set[Serving]] = [set() for _ in rates]
        self._touched: set[int] = set()
        self._open: dict[int, Outage] = {}
        self.served_by: list[Serving | None] = [None] * len(rates)
        self.served_since: list[float] = [0.0] * len(rates)
        self.outages: defaultdict[str, list[float]] = defaultdict(list)
        self.met: defaultdict[str, float] = defaultdict(float)
        self.late: defaultdict[str, float] = defaultdict(float)
        self.unserved_seconds = 0.0
        self.checks = 0

    def owns(self, partition: int, process: Serving) -> None:
        """Note that a process believes to own a partition."""
        self._believers[partition].add(process)
        self._touched.add(partition)

    def disowns(self, partition: int, process: Serving) -> None:
        """Note that it no longer does."""
        self._believers[partition].discard(process)
        self._touched.add(partition)

    def started(self, partition: int, process: Serving) -> None:
        """Note that a process answers for a partition from now on.

        Raises:
            Violation: Another one does, too.
        """
        serving = self.served_by[partition]
        if serving is process:
            return
        if serving is not None:
            raise Violation(f"{serving.name} and {process.name} both serve partition {partition}")
        self.served_by[partition], self.served_since[partition] = process, self._clock()
        self._touched.add(partition)
        self._look_at(partition)
        outage = self._open.pop(partition, None)
        if outage is not None:
            self._count(partition, outage, outage.kind(process))
            if outage.began >= self._count_from:
                self.outages[outage.kind(process)].append(self._clock() - outage.began)

    def stopped(self, partition: int, process: Serving, cause: Cause) -> None:
        """Note that a process does not answer for a partition any more."""
        if self.served_by[partition] is process:
            self.served_by[partition] = None
            self._touched.add(partition)
            self._open[partition] = Outage(self._clock(), cause, process, self._due())

    def failed_again(self, partitions: Iterable[int]) -> None:
        """Note that whoever was to serve an unserved partition has failed, or fails already."""
        for outage in filter(None, map(self._open.get, partitions)):
            outage.again, outage.due = True, self._due()

    def nobody_left(self) -> None:
        """Note that there is no host that anything could be given to."""
        self.failed_again(list(self._open))

    def look(self) -> None:
        """Look at what has changed since the last look.

        Raises:
            Violation: It is not as it must be.
        """
        touched, self._touched = self._touched, set()
        for partition in touched:
            self._look_at(partition)
        self._look_for_overdue()

    def look_at_all(self) -> None:
        """Look at everything.

        Raises:
            Violation: It is not as it must be.
        """
        for partition in range(len(self.served_by)):
            self._look_at(partition)

    def close(self) -> None:
        """Count what is still open as far as it went."""
        for partition, outage in self._open.items():
            self._count(partition, outage, AGAIN if outage.again else "open at the end")

    def _look_at(self, partition: int) -> None:
        self.checks += 1
        serving = [each for each in self._believers[partition] if each.serves(partition)]
        if len(serving) > 1:
            names = " and ".join(sorted(each.name for each in serving))
            raise Violation(f"{names} both serve partition {partition}")
        seen = self.served_by[partition]
        if serving != ([] if seen is None else [seen]):
            raise Violation(f"partition {partition} is not served by whom it was seen to be")
        if seen is not None and seen.unproven_seconds() > self._lease_seconds:
            raise Violation(f"{seen.name} serves partition {partition} without a lease")

    def _due(self) -> float:
        return self._clock() + self._served_seconds

    def _look_for_overdue(self) -> None:
        now = self._clock()
        for partition, outage in self._open.items():
            if now > outage.due + _SLACK:
                since = f"since {outage.began:.3f}, due {outage.due:.3f}, now {now:.3f}"
                raise Violation(f"partition {partition} is unserved ({outage.cause}) {since}")

    def _count(self, partition: int, outage: Outage, kind: str) -> None:
        if outage.began < self._count_from:
            return
        seconds = self._clock() - outage.began
        self.unserved_seconds += seconds
        self.met[kind] += self._rates[partition] * seconds
        self.late[kind] += self._rates[partition] * max(0.0, seconds - self._stray_seconds)
