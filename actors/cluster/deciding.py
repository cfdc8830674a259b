"""What a steward decides, by its plan and by what it heard of hosts: plain, asked with every beat.

Each decision is a plan made of a plan: which hosts there are to be (``manned``), what each is to
have (``placed``). Asked again while nothing changes, they change nothing.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from msgspec.structs import replace

from doorward.actors.cluster.placement import next_moves
from doorward.actors.cluster.plan import Plan
from doorward.actors.cluster.seats import Agreed, Seat
from doorward.actors.partitions import partition_of

REPLACED_SECONDS: Final = 15.0
STARTING_SECONDS: Final = 60.0
MOVES_AT_ONCE: Final = 16
WORTH_EVENING: Final = 500.0
"""Turns a second, below which any host has room for all of them."""


class View(NamedTuple):
    """What is known: of each host, of what all must agree about, and what time it is."""

    seats: Mapping[str, Seat]
    agreed: Agreed
    now: float

    def is_live(self, name: str) -> bool:
        """Tell whether a host may be given partitions."""
        seat = self.seats.get(name)
        return seat is not None and seat.is_live(self.now, self.agreed)

    def newest(self) -> int:
        """Tell the newest table that a host has: newer than the plan if the store went back."""
        return max((s.report.version for s in self.seats.values() if s.report), default=0)


def manned(plan: Plan, view: View, ended: Collection[str]) -> Plan:
    """Let go who is lost, drained or too many, drop who has ended, and name new hosts."""
    plan = without(plan, [name for name in plan.hosts if _must_go(name, plan, view)])
    hosts = tuple(name for name in plan.hosts if name not in ended)
    plan = replace(
        plan,
        hosts=hosts,
        leaving=tuple(name for name in plan.leaving if name in hosts),
        pins={slug: name for slug, name in plan.pins.items() if name in hosts},
    )
    surplus = len(plan.members) - plan.wanted
    if surplus > 0:
        newest_first = reversed(plan.members)
        return without(plan, sorted(newest_first, key=view.is_live)[:surplus])
    names = [f"host-{plan.last + number}" for number in range(1, 1 - surplus)]
    return replace(plan, hosts=(*plan.hosts, *names), last=plan.last + len(names))


def placed(plan: Plan, view: View) -> Plan:
    """Move the next few partitions."""
    seats = {name: view.seats[name] for name in plan.hosts if name in view.seats}
    there = [name for name in seats if view.is_live(name)]
    # A steward that has just begun takes nobody for lost who has not had the time to answer.
    there += [
        name
        for name, seat in seats.items()
        if seat.may_yet_answer(view.now) and name in plan.owners
    ]
    moves = next_moves(
        plan.owners,
        [name for name in there if name not in plan.leaving],
        leaving=[name for name in there if name in plan.leaving],
        pins={partition_of(slug): host for slug, host in plan.pins.items()},
        load=_load(plan, [seat for seat in seats.values() if not seat.is_silent(view.now)]),
        moving=_moving(plan, seats),
        at_once=MOVES_AT_ONCE,
    )
    owners = list(plan.owners)
    for move in moves:
        owners[move.partition] = move.target
    return replace(plan, owners=tuple(owners))


def finished(plan: Plan, view: View) -> list[str]:
    """List the hosts that leave and may be ended."""
    seats = [(name, view.seats[name]) for name in plan.leaving if name in view.seats]
    return [
        name
        for name, seat in seats
        if _is_lost(seat, view.now) or _is_done(name, seat, plan, view.agreed)
    ]


def without(plan: Plan, names: Iterable[str]) -> Plan:
    """Let hosts leave."""
    return replace(plan, leaving=tuple(dict.fromkeys((*plan.leaving, *names))))


def _must_go(name: str, plan: Plan, view: View) -> bool:
    seat = view.seats.get(name)
    return seat is not None and (_is_lost(seat, view.now) or seat.node in plan.drained)


def _is_lost(seat: Seat, now: float) -> bool:
    patience = STARTING_SECONDS if seat.report is None else REPLACED_SECONDS
    return seat.silent_for(now) > patience


def _is_done(name: str, seat: Seat, plan: Plan, agreed: Agreed) -> bool:
    """Tell whether a host that leaves has nothing left, as it said itself."""
    if name in plan.owners:
        return False
    if seat.report is None or seat.missing:
        return seat.gone
    # One that is refused does not follow the table.
    is_fresh = seat.report.version == plan.version or bool(seat.why_not(agreed))
    return is_fresh and not seat.report.held


def _moving(plan: Plan, seats: Mapping[str, Seat]) -> set[int]:
    """Tell which partitions are not yet where the plan has them."""
    held = {n: frozenset(s.report.held) for n, s in seats.items() if s.report is not None}
    # One that leaves is not waited for: what it has yet to take may as well go elsewhere.
    members = set(plan.members)
    return {p for p, n in enumerate(plan.owners) if n in members and p not in held.get(n, ())}


def _load(plan: Plan, seats: Iterable[Seat]) -> dict[int, float]:
    """Tell each partition's turns a second; nothing while there is too little to even out."""
    rates: Counter[int] = Counter()
    for seat in seats:
        rates.update(seat.loads)
    if sum(rates.values()) < WORTH_EVENING:
        return {}
    return {p: rates[p] for p in range(len(plan.owners))}
