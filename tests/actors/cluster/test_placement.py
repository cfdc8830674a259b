from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.actors.cluster.placement import Move, next_moves

NAMES = [f"host-{number}" for number in range(1, 9)]
HOSTS = st.lists(st.sampled_from(NAMES), min_size=1, unique=True)
# Hosts that are nowhere, one that is gone, and many that are alive.
OWNERS = st.lists(st.sampled_from(["", "host-gone", *NAMES]), max_size=40)
AT_ONCE = st.integers(1, 9)
LOADS = st.dictionaries(st.integers(0, 39), st.integers(0, 50).map(float))
PINS = st.dictionaries(st.integers(0, 39), st.sampled_from(["host-gone", *NAMES]))


def applied(owners: Sequence[str], moves: Sequence[Move]) -> list[str]:
    after = list(owners)
    for move in moves:
        assert after[move.partition] == move.source
        after[move.partition] = move.target
    return after


def settled(
    owners: Sequence[str], live: Sequence[str], **asked: object
) -> tuple[list[str], list[Move]]:
    after, all_moves = list(owners), []
    # Generous for counts and pins; exchanges for load end too, as each lowers the highest loads.
    for _ in range(20 * len(owners) + 20):
        moves = next_moves(after, live, **asked)
        if not moves:
            return after, all_moves
        after = applied(after, moves)
        all_moves += moves
    pytest.fail("it never comes to rest")


def even(partitions: int, hosts: Sequence[str]) -> list[str]:
    return settled([""] * partitions, hosts)[0]


def counts(owners: Sequence[str], hosts: Sequence[str]) -> list[int]:
    counted = Counter(owners)
    return [counted[host] for host in hosts]


def is_even(owners: Sequence[str], hosts: Sequence[str]) -> bool:
    counted = counts(owners, hosts)
    return max(counted) - min(counted) <= 1


def loads(owners: Sequence[str], load: Mapping[int, float]) -> Counter[str]:
    found: Counter[str] = Counter()
    for partition, owner in enumerate(owners):
        found[owner] += load.get(partition, 1.0)
    return found


# --- counts ---------------------------------------------------------------------------------------


@given(owners=OWNERS, live=HOSTS, at_once=AT_ONCE)
def test_it_comes_to_rest_evenly_and_moves_nothing_twice(
    owners: list[str], live: list[str], at_once: int
) -> None:
    after, moves = settled(owners, live, at_once=at_once)

    assert set(after) <= set(live)
    assert is_even(after, live)
    assert len({move.partition for move in moves}) == len(moves)


@given(partitions=st.integers(0, 60), live=HOSTS)
def test_what_is_even_stays_as_it_is(partitions: int, live: list[str]) -> None:
    owners = even(partitions, live)

    assert next_moves(owners, live) == []
    assert next_moves(owners, live, load=dict.fromkeys(range(partitions), 2.5)) == []


@given(partitions=st.integers(0, 60), live=HOSTS, at_once=AT_ONCE)
def test_a_host_that_joins_takes_its_share_and_no_more(
    partitions: int, live: list[str], at_once: int
) -> None:
    owners = even(partitions, live)

    _, moves = settled(owners, [*live, "host-9"], at_once=at_once)

    assert {move.target for move in moves} <= {"host-9"}
    assert len(moves) <= ceil(partitions / (len(live) + 1))


@given(partitions=st.integers(0, 60), live=HOSTS)
def test_what_a_lost_host_had_is_placed_at_once_and_nothing_else_moves(
    partitions: int, live: list[str]
) -> None:
    owners = even(partitions, [*live, "host-9"])

    moves = next_moves(owners, live, at_once=1)

    assert [move.partition for move in moves] == [
        partition for partition, owner in enumerate(owners) if owner == "host-9"
    ]
    assert next_moves(applied(owners, moves), live) == []


@given(partitions=st.integers(0, 60), live=HOSTS, at_once=AT_ONCE)
def test_a_host_that_leaves_gives_up_all_it_has_and_nothing_else_moves(
    partitions: int, live: list[str], at_once: int
) -> None:
    owners = even(partitions, [*live, "host-9"])

    _, moves = settled(owners, [*live, "host-9"], leaving=["host-9"], at_once=at_once)

    assert {move.source for move in moves} <= {"host-9"}
    assert len(moves) == owners.count("host-9")


def test_hosts_that_come_and_go_bring_partitions_back_to_where_they_were() -> None:
    first = even(256, NAMES[:3])

    without = applied(first, next_moves(first, NAMES[:2]))
    again, _ = settled(without, NAMES[:3])

    # By chance alone it would be a third of them.
    returned = [p for p, owner in enumerate(first) if owner == again[p] == "host-3"]
    assert len(returned) > first.count("host-3") * 0.4


# --- limits ---------------------------------------------------------------------------------------


@given(
    owners=OWNERS,
    live=st.lists(st.sampled_from(NAMES), unique=True),
    leaving=st.lists(st.sampled_from(NAMES), unique=True),
    pins=PINS,
    load=LOADS,
    moving=st.sets(st.integers(0, 39)),
    at_once=AT_ONCE,
)
def test_no_call_moves_too_much_or_to_where_nothing_may_go(
    *,
    owners: list[str],
    live: list[str],
    leaving: list[str],
    pins: dict[int, str],
    load: dict[int, float],
    moving: set[int],
    at_once: int,
) -> None:
    asked: dict[str, object] = {
        "leaving": leaving,
        "pins": pins,
        "load": load,
        "moving": moving,
        "at_once": at_once,
    }
    served = {*live, *leaving}

    moves = next_moves(owners, live, **asked)

    targets = set(live) - set(leaving)
    assert all(move.target in targets and move.target != move.source for move in moves)
    assert len({move.partition for move in moves}) == len(moves)
    planned = [move.partition for move in moves if owners[move.partition] in served]
    assert moving.isdisjoint(planned)
    assert len(planned) <= max(0, at_once - len(moving))
    orphans = {partition for partition, owner in enumerate(owners) if owner not in served}
    assert orphans == {m.partition for m in moves} - set(planned) or not targets
    shuffled = dict(asked, leaving=set(leaving), pins=dict(reversed(pins.items())))
    assert next_moves(tuple(owners), list(reversed(live)), **shuffled) == moves


@pytest.mark.parametrize("live", [[], ["host-1"]])
def test_where_there_is_no_host_to_go_to_nothing_moves(live: list[str]) -> None:
    assert next_moves(["", "host-1", "host-2"], live, leaving=["host-1"]) == []


def test_a_partition_whose_new_host_is_gone_before_it_arrived_is_placed_again() -> None:
    moves = next_moves(["host-gone", "host-1"], ["host-1", "host-2"], moving=[0])

    assert moves == [Move(0, "host-gone", "host-2")]


# --- pins -----------------------------------------------------------------------------------------


@given(owners=OWNERS, live=HOSTS, pins=PINS, at_once=AT_ONCE)
def test_pins_hold_and_the_rest_is_as_even_as_they_allow(
    owners: list[str], live: list[str], pins: dict[int, str], at_once: int
) -> None:
    heeded = {p: host for p, host in pins.items() if host in live and p < len(owners)}

    after, _ = settled(owners, live, pins=pins, at_once=at_once)

    assert all(after[partition] == host for partition, host in heeded.items())
    counted = Counter({host: after.count(host) for host in live})
    free = {owner for partition, owner in enumerate(after) if partition not in heeded}
    assert all(counted[host] <= min(counted.values()) + 1 for host in free)


def test_pins_come_first_then_what_leaves_then_evenness() -> None:
    owners = ["host-1"] * 6 + ["host-2", "host-3"]
    asked: dict[str, object] = {"leaving": ["host-3"], "pins": {6: "host-1"}}

    orders = [next_moves(owners, NAMES[:3], at_once=most, **asked) for most in (1, 2, 3)]

    assert orders[0] == [Move(6, "host-2", "host-1")]
    assert orders[1] == [*orders[0], Move(7, "host-3", "host-2")]
    assert orders[2][:2] == orders[1]
    assert orders[2][2][1:] == ("host-1", "host-2")


# --- load -----------------------------------------------------------------------------------------


@given(partitions=st.integers(1, 40), live=HOSTS, load=LOADS, at_once=AT_ONCE)
def test_load_is_evened_out_without_upsetting_the_counts_and_never_for_the_worse(
    partitions: int, live: list[str], load: dict[int, float], at_once: int
) -> None:
    owners = even(partitions, live)
    before = max(loads(owners, load).values())

    after, _ = settled(owners, live, load=load, at_once=at_once)

    assert is_even(after, live)
    assert max(loads(after, load).values()) <= before


@given(partitions=st.integers(2, 40), live=HOSTS, load=LOADS, pins=PINS)
def test_every_change_for_the_sake_of_load_is_worth_it(
    partitions: int, live: list[str], load: dict[int, float], pins: dict[int, str]
) -> None:
    owners, _ = settled([""] * partitions, live, pins=pins)
    before = loads(owners, load)

    moves = next_moves(owners, live, load=load, pins=pins, at_once=2)

    after = loads(applied(owners, moves), load)
    touched = {move.source for move in moves} | {move.target for move in moves}
    assert all(after[host] < 0.9 * max(before.values()) for host in touched)
    assert {move.partition for move in moves}.isdisjoint(p for p in pins if pins[p] in live)


def test_two_hot_partitions_of_one_host_are_parted_by_an_exchange() -> None:
    owners = ["host-1", "host-1", "host-2", "host-2"]

    after, moves = settled(owners, NAMES[:2], load={0: 50.0, 1: 50.0})

    assert len(moves) == 2
    assert loads(after, {0: 50.0, 1: 50.0}) == {"host-1": 51.0, "host-2": 51.0}


def test_one_move_is_enough_where_the_counts_allow_it() -> None:
    owners = ["host-1", "host-1", "host-2"]

    assert next_moves(owners, NAMES[:2], load={0: 5.0, 1: 4.0}) == [Move(1, "host-1", "host-2")]


def test_a_partition_that_is_hot_by_itself_stays_where_it_is() -> None:
    owners = even(16, NAMES[:4])
    load = {3: 1000.0}

    after, _ = settled(owners, NAMES[:4], load=load)

    assert after[3] == owners[3]


def test_a_gain_of_a_tenth_is_not_worth_a_move() -> None:
    owners = ["host-1", "host-1", "host-2"]

    assert next_moves(owners, NAMES[:2], load={0: 9.0, 1: 1.0, 2: 8.0}) == []
    assert next_moves(owners, NAMES[:2], load={0: 8.9, 1: 1.1, 2: 7.0}) != []
