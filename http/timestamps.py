"""Times on the wire: ISO 8601, UTC, milliseconds, ``Z``."""

import time
from functools import lru_cache


def now() -> str:
    """Tell the wall clock."""
    return iso(time.time_ns() // 1_000_000)


def iso(at_ms: int) -> str:
    """Write a point in time.

    Args:
        at_ms: Milliseconds since the Unix epoch.
    """
    seconds, millis = divmod(at_ms, 1000)
    return f"{_second(seconds)}.{millis:03d}Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
