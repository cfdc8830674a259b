"""Rounds in turn: Doorward, the bare server, Doorward, … so that both have the same weather.

A machine's speed drifts with its neighbours, its heat and its clock; two rounds beside each other
share it. The figure to quote is the ratio of the medians; the spread of the pairs says how far to
trust it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from statistics import median
from typing import Final

from bench.progress import tell
from bench.servers import Door, Server
from bench.steady import Steady
from bench.wrk import SATURATED, Feed, Load, load


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured.

    Attributes:
        rounds: Pairs of rounds.
        seconds: Length of a round.
        storefronts: The most storefronts.
        sandboxes: Storefronts whose codes are read, and that ``me`` is asked in.
        cookies: Live sessions that ``me`` is asked with.
        first_codes: Codes for the warm-up of ``verify-otp``, which tells how many a round takes.
        live_sessions: How many the memory scenarios open.
        connections: Open connections of a load.
        idle_seconds: How long an idle server may take to forget.
        buyers: Signed-in buyers of 20 orders each that ``client-orders`` is asked by.
        imported: Orders that one round of ``import-orders`` brings in.
    """

    rounds: int = 5
    seconds: int = 4
    storefronts: int = 1_000
    sandboxes: int = 100
    cookies: int = 1_000
    first_codes: int = 12_000
    live_sessions: int = 100_000
    connections: int = 64
    idle_seconds: int = 180
    buyers: int = 200
    imported: int = 30_000


_MORE_TRIES: Final = 3
"""A rate that a short warm-up told may be far off."""

WHOLE: Final = Plan()
QUICK: Final = Plan(rounds=2, seconds=2, live_sessions=5_000, imported=5_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two rounds beside each other."""

    door: Load
    bare: Load

    @property
    def ratio(self) -> float:
        """Doorward's requests per second as a share of the bare server's."""
        return self.door.tally.per_second / self.bare.tally.per_second


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a scenario found.

    Attributes:
        faults: Why it does not count; empty when it does.
        troubles: What the server counted that should not happen; a request that was measured and
            hit by it has failed as well, so this may be about the preparation only.
    """

    name: str
    pairs: list[Pair]
    server_rss_bytes: int
    redis_rss_bytes: int
    faults: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    steady: list[Steady] = field(default_factory=list)
    steady_rate: float = 0.0

    def door(self, figure: Callable[[Load], float]) -> float:
        """Return the median of a figure of Doorward's."""
        return median(figure(pair.door) for pair in self.pairs)

    def bare(self, figure: Callable[[Load], float]) -> float:
        """Return the median of a figure of the bare server's."""
        return median(figure(pair.bare) for pair in self.pairs)

    @property
    def ratio(self) -> float:
        """The ratio of the median rates."""
        return self.door(per_second) / self.bare(per_second)

    @property
    def ratios(self) -> tuple[float, float]:
        """The lowest and the highest ratio of a pair."""
        ratios = [pair.ratio for pair in self.pairs]
        return min(ratios), max(ratios)

    @property
    def failures(self) -> int:
        """Requests that failed, on either side."""
        loads = [load for pair in self.pairs for load in (pair.door, pair.bare)]
        return sum(load.tally.failures for load in loads) + sum(s.failures for s in self.steady)

    @property
    def remarks(self) -> list[str]:
        """What a reader of the figures has to know."""
        busiest = max(load.wrk_core_share for pair in self.pairs for load in (pair.door, pair.bare))
        told = list(self.troubles)
        if busiest >= SATURATED:
            told.append(f"wrk used {busiest:.0%} of a core and may itself be the limit")
        return told


def per_second(load: Load) -> float:
    """Requests per second of a load."""
    return load.tally.per_second


FeedMaker = Callable[[int, Load | None], Feed]
"""Makes what a round sends, right before it: from its number, which never comes twice, and from
what Doorward did last, which tells how much a round takes (None before the warm-up)."""


def in_turns(plan: Plan, door: Door, bare: Server, feed: FeedMaker) -> list[Pair]:
    """Warm both servers up, then load them in turns, with the very same requests.

    Raises:
        BenchFailed: A load could not be made.
    """
    numbers = count()
    warm_up = feed(next(numbers), None)
    last = load(door, warm_up, seconds=1, connections=plan.connections)
    load(bare, warm_up.repeated(), seconds=1, connections=plan.connections)
    pairs = []
    for number in range(1, plan.rounds + 1):
        tell(f"round {number} of {plan.rounds}")
        sent = feed(next(numbers), last)
        last = load(door, sent, seconds=plan.seconds, connections=plan.connections)
        for _ in range(_MORE_TRIES):
            if not last.tally.ran_out:
                break
            # No measurement; now that the true rate is known there will be enough.
            sent = feed(next(numbers), last)
            last = load(door, sent, seconds=plan.seconds, connections=plan.connections)
        beside = load(bare, sent.repeated(), seconds=plan.seconds, connections=plan.connections)
        pairs.append(Pair(door=last, bare=beside))
    return pairs
