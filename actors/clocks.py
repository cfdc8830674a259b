"""Two clocks, and which one may decide what.

*Leases* are measured on the machine's boot-time clock: it never steps and it keeps counting while
the process or the machine sleeps: a host that was frozen wakes up knowing that its lease is over.

*Deadlines* (codes, windows, sessions) are points in store time: Redis' wall clock read once when
the store is opened, then advanced by the boot-time clock alone. A wall clock that is set forward or
back on this machine therefore neither expires nor revives anything while the host runs.
"""

import time
from collections.abc import Callable

Ticks = Callable[[], float]
"""Seconds on a clock that never steps; only differences mean anything."""


def boot_seconds() -> float:
    """Read the boot-time clock.

    Returns:
        Seconds since the machine started, sleep included (``CLOCK_BOOTTIME``); where the system
        has no such clock, the monotonic one.
    """
    return time.clock_gettime(_BOOT_CLOCK)


_BOOT_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class StoreClock:
    """Store time in milliseconds: set from Redis, advanced by ticks, never turned back."""

    __slots__ = ("_offset_ms", "_ticks")

    def __init__(self, ticks: Ticks) -> None:
        self._ticks = ticks
        self._offset_ms = 0

    def now_ms(self) -> int:
        """Tell store time, in milliseconds since the Unix epoch."""
        return int(self._ticks() * 1000) + self._offset_ms

    def start_at(self, store_ms: int) -> None:
        """Begin at ``store_ms``, or stay where the clock is when that is later.

        Called once per opened store, and again with the latest commit time found in a partition:
        a Redis whose wall clock was set back between two runs must not make time repeat.
        """
        self._offset_ms += max(0, store_ms - self.now_ms())
