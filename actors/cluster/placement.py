"""Which host should have which partition: the pure decision of the steward.

Called again and again with what is so now, it answers with the next few moves, and with none once
nothing needs to move. It is only a hint where a partition should be served: ownership decides who
may (``ownership``), so a wrong table costs time and never an answer.

A host is chosen by rendezvous hashing among those that have the least, so that counts are even by
construction, and the choice depends on no order in which hosts came and went.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from heapq import nsmallest
from itertools import product
from math import fsum
from types import MappingProxyType
from typing import Final, NamedTuple

_NO_PINS: Final[Mapping[int, str]] = MappingProxyType({})
_NO_LOAD: Final[Mapping[int, float]] = MappingProxyType({})
_WORTH_MOVING: Final = 0.9
"""The highest load must fall to less than this share of itself: a move costs a short silence, and
load that was measured a moment ago is not known better than this."""
_COLDEST: Final = 8
"""Hosts that are asked whether they can relieve the hottest; with more, a look would take long."""


class Move(NamedTuple):
    """One partition's change of host.

    Attributes:
        partition: Its index.
        source: The host in ``owners``, alive or not; "" when nobody had it.
        target: The live host that is to have it.
    """

    partition: int
    source: str
    target: str


def next_moves(  # noqa: PLR0913 - everything the decision depends on, most of it seldom given
    owners: Sequence[str],
    live: Collection[str],
    *,
    leaving: Collection[str] = (),
    pins: Mapping[int, str] = _NO_PINS,
    load: Mapping[int, float] = _NO_LOAD,
    moving: Collection[int] = (),
    at_once: int = 8,
) -> list[Move]:
    """Decide the next moves: orphans all at once, then a few for pins, drains, evenness and load.

    Nothing moves that need not. Applying the moves and asking again comes to an end, where every
    pin holds, no host that leaves has anything, and hosts differ by at most one partition as far as
    pins allow. The same arguments give the same moves.

    Args:
        owners: The host of each partition by index, "" for nobody.
        live: Hosts that may be given partitions, unless they are leaving.
        leaving: Hosts alive that are to give up all they have.
        pins: The host a partition is to be at, whatever the evenness; heeded while it may be given
            partitions.
        load: Each partition's share of the load, in any one unit; 1 for those not named. Without
            any, load is not looked at.
        moving: Partitions on their way; ``owners`` has their targets. They are not moved again,
            unless the target is gone.
        at_once: How many partitions that somebody serves may be on their way, ``moving`` included.

    Returns:
        Moves, at most one for each partition; none while there is no host to move to.
    """
    hosts = set(live) - set(leaving)
    if not hosts:
        return []
    heeded = {partition: host for partition, host in pins.items() if host in hosts}
    orphans = _without_host(owners, {*hosts, *leaving})
    spread = _Spread(owners, sorted(hosts), heeded, set(moving).difference(orphans))
    spread.place(orphans)
    spread.budget = max(0, at_once - len(set(moving)))
    spread.place(p for p, owner in enumerate(owners) if heeded.get(p, owner) != owner)
    spread.place(p for p, owner in enumerate(owners) if owner in leaving)
    _even_out(spread)
    if load:
        _cool_down(spread, [load.get(partition, 1.0) for partition in range(len(owners))])
    return spread.moves


class _Spread:
    """Who has what while moves are decided, and the moves so far."""

    def __init__(
        self,
        owners: Sequence[str],
        hosts: Sequence[str],
        pins: Mapping[int, str],
        settled: set[int],
    ) -> None:
        self.moves: list[Move] = []
        self.budget = len(owners)
        self.held: dict[str, set[int]] = {host: set() for host in hosts}
        for partition, owner in enumerate(owners):
            self.held.get(owner, set()).add(partition)
        self._owners = owners
        self._pins = pins
        self._settled = settled
        self._least: list[str] = []

    def may_move(self, partition: int) -> bool:
        """Tell whether it is not on its way already."""
        return partition not in self._settled

    def movable(self, host: str) -> list[int]:
        """List what may be taken from a host for the sake of the others."""
        return sorted(p for p in self.held[host] if self.may_move(p) and p not in self._pins)

    def count(self, host: str) -> int:
        """Count what a host has, with what is on its way there."""
        return len(self.held[host])

    def place(self, partitions: Iterable[int]) -> None:
        """Move each, as far as may be, to where it is pinned, else to one of the emptiest hosts."""
        for partition in filter(self.may_move, partitions):
            if not self.budget:
                return
            self.move(partition, self._pins.get(partition) or self._emptiest(partition))

    def move(self, partition: int, target: str) -> None:
        source = self._owners[partition]
        self.held.get(source, set()).discard(partition)
        self.held[target].add(partition)
        self.moves.append(Move(partition, source, target))
        self._settled.add(partition)
        self.budget -= 1
        if source in self.held:
            self._least.clear()
        elif target in self._least:
            self._least.remove(target)

    def _emptiest(self, partition: int) -> str:
        if not self._least:
            fewest = min(map(len, self.held.values()))
            self._least = [host for host, held in self.held.items() if len(held) == fewest]
        return max(self._least, key=lambda host: _weight(host, partition))


def _weight(host: str, partition: int) -> bytes:
    """Weigh a host for a partition; the heaviest gets it (Thaler, Ravishankar 1998)."""
    return blake2b(b"%d %s" % (partition, host.encode()), digest_size=8).digest()


def _without_host(owners: Sequence[str], alive: Collection[str]) -> list[int]:
    return [partition for partition, owner in enumerate(owners) if owner not in alive]


def _even_out(spread: _Spread) -> None:
    """Give from the fullest to the emptiest until they differ by no more than one."""
    while spread.budget:
        target = min(spread.held, key=spread.count)
        fullest = sorted(spread.held, key=spread.count, reverse=True)
        too_full = [host for host in fullest if spread.count(host) > spread.count(target) + 1]
        movable = next(filter(None, map(spread.movable, too_full)), None)
        if movable is None:
            return
        spread.move(max(movable, key=lambda partition: _weight(target, partition)), target)


class _Relief(NamedTuple):
    """What could be done for the hottest host, and the higher load of the two hosts after it."""

    level: float
    given: int
    other: str
    taken: int | None

    def rank(self) -> tuple[float, bool]:
        """Prefer what cools most, and of two the one that moves less."""
        return self.level, self.taken is not None


def _cool_down(spread: _Spread, load: Sequence[float]) -> None:
    """Relieve the hottest host while that helps: by a move, or by an exchange for a lighter one.

    Counts stay even. A partition that is hot by itself stays too: wherever it went would be as hot.
    """
    loads = {host: fsum(load[p] for p in held) for host, held in spread.held.items()}
    while spread.budget:
        hottest = max(loads, key=lambda host: loads[host])
        coldest = nsmallest(_COLDEST, loads, key=lambda host: loads[host])
        reliefs = (r for other in coldest for r in _reliefs(spread, load, loads, (hottest, other)))
        best = min(reliefs, key=_Relief.rank, default=None)
        if best is None:
            return
        spread.move(best.given, best.other)
        if best.taken is not None:
            spread.move(best.taken, hottest)
        change = load[best.given] - (0.0 if best.taken is None else load[best.taken])
        loads[hottest] -= change
        loads[best.other] += change


def _reliefs(
    spread: _Spread, load: Sequence[float], loads: Mapping[str, float], pair: tuple[str, str]
) -> Iterator[_Relief]:
    """Find what is worth giving from the hottest host to another, alone or for a lighter one."""
    hottest, other = pair
    goal = loads[hottest] * _WORTH_MOVING
    # Less than this taken away would not reach the goal, so only few come into question.
    heavy = [p for p in spread.movable(hottest) if load[p] > loads[hottest] - goal]
    lighter: list[int | None] = []
    if spread.count(other) < spread.count(hottest):
        lighter.append(None)
    if heavy and spread.budget > 1:
        lighter.extend(spread.movable(other))
    for given, taken in product(heavy, lighter):
        change = load[given] - (0.0 if taken is None else load[taken])
        level = max(loads[hottest] - change, loads[other] + change)
        if level < goal:
            yield _Relief(level, given, other, taken)
