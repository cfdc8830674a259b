"""Times on the wire: ISO 8601, UTC, milliseconds, ``Z``."""

import time
from datetime import date
from functools import lru_cache
from typing import Final

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()


def now() -> str:
    """Tell the wall clock."""
    return iso(time.time_ns() // 1_000_000)


def iso(at_ms: int) -> str:
    """Write a point in time.

    Args:
        at_ms: Milliseconds since the Unix epoch.
    """
    seconds, ms = divmod(at_ms, 1000)
    return f"{_second(seconds)}.{ms:03d}Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    # What is told again and again, the present first of all, is of the same few seconds.
    days, seconds = divmod(seconds, 86_400)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{_day(days)}T{hours:02d}:{minutes:02d}:{seconds:02d}"


@lru_cache(maxsize=4096)
def _day(days: int) -> str:
    # Of lists of orders each entry has seconds of its own; days come again.
    return date.fromordinal(_EPOCH_DAY + days).isoformat()
