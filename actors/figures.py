"""What a host counts about itself: plain numbers, read by whoever shows them."""

from collections import Counter
from typing import Final

FLUSH_BUCKETS_MS: Final = (0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Histogram:
    """Counts per bucket, upper bounds inclusive, and the sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.sum += value
        for index, bound in enumerate(self.bounds):
            if value <= bound:
                self.counts[index] += 1
                return
        self.counts[-1] += 1


class Figures:
    """One host's counters since it started."""

    def __init__(self) -> None:
        self.asks = 0
        self.turns = 0
        self.misses = 0
        self.failed_turns = 0
        self.overloads = 0
        self.flushes = 0
        self.fenced = 0
        self.unknown = 0
        self.rollbacks = 0
        self.refusals: Counter[str] = Counter()
        self.batch = Histogram(BATCH_BUCKETS)
        self.flush_ms = Histogram(FLUSH_BUCKETS_MS)
