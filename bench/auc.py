"""How well one measurement tells two kinds apart: the area under the ROC curve, and its error.

0.5 is a coin, 1 is certainty. The area is the Mann–Whitney statistic; its standard error is that of
DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988), which assumes nothing of how the two are
distributed.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import sqrt
from statistics import variance
from typing import Final, NamedTuple

_Z: Final = 1.959964
"""95 % of a normal distribution lie within so many standard deviations."""


class Area(NamedTuple):
    """An area with its 95 % confidence interval."""

    auc: float
    low: float
    high: float


def area(these: Sequence[float], those: Sequence[float]) -> Area:
    """Tell how often one of ``these`` is larger than one of ``those``; a tie counts half.

    Raises:
        statistics.StatisticsError: When either has fewer than two.
    """
    of_these = _shares_below(these, those)
    of_those = [1 - share for share in _shares_below(those, these)]
    auc = sum(of_these) / len(of_these)
    error = sqrt(variance(of_these) / len(these) + variance(of_those) / len(those))
    return Area(auc, auc - _Z * error, auc + _Z * error)


def _shares_below(these: Sequence[float], those: Sequence[float]) -> list[float]:
    """Tell for each of these which share of those lies below it."""
    ordered = sorted(those)
    twice = 2 * len(ordered)
    return [(bisect_left(ordered, each) + bisect_right(ordered, each)) / twice for each in these]
