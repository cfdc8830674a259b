"""What a host counts about itself: plain numbers, read by whoever shows them."""

from collections import Counter
from typing import Final

import msgspec

FLUSH_BUCKETS_MS: Final = (0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Histogram(msgspec.Struct, gc=False):
    """Counts per bucket, upper bounds inclusive, and the sum."""

    bounds: tuple[float, ...]
    counts: list[int] = []
    sum: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Count a value."""
        self.sum += value
        for index, bound in enumerate(self.bounds):
            if value <= bound:
                self.counts[index] += 1
                return
        self.counts[-1] += 1


def _batches() -> Histogram:
    return Histogram(BATCH_BUCKETS)


def _flushes() -> Histogram:
    return Histogram(FLUSH_BUCKETS_MS)


class Figures(msgspec.Struct, gc=False):
    """One host's counters since it started; ``refusals`` by the names of rules."""

    asks: int = 0
    turns: int = 0
    misses: int = 0
    failed_turns: int = 0
    overloads: int = 0
    flushes: int = 0
    fenced: int = 0
    unknown: int = 0
    refusals: dict[str, int] = msgspec.field(default_factory=Counter[str])
    batch: Histogram = msgspec.field(default_factory=_batches)
    flush_ms: Histogram = msgspec.field(default_factory=_flushes)


class HostFigures(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a host tells of itself when it is asked.

    Attributes:
        counted: Since it started.
        rollbacks: Times a partition was found to have gone back.
        depth: Messages waiting now.
        remembered: Records in memory now.
        owned: Partitions owned now.
        mails: Mails by how they ended (``Delivery``).
        mail_retries: Tries to send one that failed for now.
        mails_pending: Mails in hand now.
    """

    counted: Figures
    rollbacks: int
    depth: int
    remembered: int
    owned: int
    mails: dict[str, int]
    mail_retries: int
    mails_pending: int
