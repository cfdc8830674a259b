"""What a steward makes of hosts that come, go, freeze and return; all on virtual time."""

import asyncio
from collections import Counter

import msgspec
import pytest

from doorward.actors.cluster.deciding import MOVES_AT_ONCE, REPLACED_SECONDS, STARTING_SECONDS
from doorward.actors.cluster.seats import SILENT_SECONDS
from doorward.actors.cluster.steward import ANSWER_SECONDS, BEAT_SECONDS
from doorward.actors.cluster.tables import Table
from doorward.actors.partitions import PARTITIONS
from tests.actors.cluster.pretence import (
    SETTINGS,
    START_SECONDS,
    STORE,
    Cluster,
    PretendedHost,
    virtually,
)


def names(*numbers: int) -> tuple[str, ...]:
    return tuple(f"host-{number}" for number in numbers)


# --- first start, and more hosts ------------------------------------------------------------------


def test_the_first_hosts_are_started_where_there_is_room_and_share_all_partitions() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(4)

        assert cluster.steward.plan.hosts == names(1, 2, 3, 4)
        assert Counter(node for _, node in cluster.fleet.begun) == {"node-1": 2, "node-2": 2}
        assert cluster.counts == dict.fromkeys(names(1, 2, 3, 4), PARTITIONS // 4)
        assert cluster.status.served == PARTITIONS
        assert [host.state for host in cluster.status.hosts] == ["live"] * 4

    virtually(scene)


def test_a_host_has_the_storefronts_of_its_partitions() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        await cluster.beats(10)
        of_each = cluster.store.storefronts_of_each = tuple(range(PARTITIONS))
        await cluster.beats(10)
        owners = cluster.steward.plan.owners
        told = {host.name: host.storefronts for host in cluster.status.hosts}
        cluster.store.away = True
        await cluster.beats(10)

        assert told == {
            name: sum(of_each[p] for p, owner in enumerate(owners) if owner == name)
            for name in names(1, 2)
        }
        assert {host.name: host.storefronts for host in cluster.status.hosts} == told

    virtually(scene)


def test_nothing_is_done_before_somebody_wants_a_host() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.begin()
        await cluster.beats(20)

        assert (cluster.fleet.begun, cluster.store.saves) == ([], 0)
        assert cluster.steward.table(0) == b""
        assert cluster.status.wanted_hosts == 0

    virtually(scene)


def test_nothing_is_decided_while_nothing_changes() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(3)
        saves, orders = cluster.store.saves, len(cluster.fleet.orders)
        await cluster.beats(200)

        assert cluster.store.saves == saves
        assert all(order.table is None for order in cluster.fleet.orders[orders:])

    virtually(scene)


def test_a_host_that_is_starting_gets_nothing_before_it_answers() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.begin()
        await cluster.steward.scale(1)
        await asyncio.sleep(START_SECONDS - 0.1)
        early = cluster.counts, cluster.state("host-1")
        await cluster.beats(2)
        await cluster.beats(8)

        assert early == ({"": PARTITIONS}, "starting")
        assert cluster.counts == {"host-1": PARTITIONS}

    virtually(scene)


def test_further_hosts_get_their_share_a_few_at_a_time() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        await cluster.steward.scale(4)
        most = 0
        for _ in range(500):
            await asyncio.sleep(0.02)
            served = cluster.fleet.served()
            away = [p for p, h in enumerate(cluster.steward.plan.owners) if served.get(p) != h]
            most = max(most, len(away))

        assert cluster.counts == dict.fromkeys(names(1, 2, 3, 4), PARTITIONS // 4)
        assert 1 <= most <= MOVES_AT_ONCE

    virtually(scene)


def test_fewer_hosts_leave_in_order_once_they_have_nothing_left() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(4)
        await cluster.steward.scale(2)
        unserved = 0
        while len(cluster.steward.plan.hosts) > 2:  # no event tells
            await asyncio.sleep(0.02)
            unserved = max(unserved, PARTITIONS - len(cluster.fleet.served()))
        await cluster.settled()

        assert cluster.steward.plan.hosts == names(1, 2)
        assert sorted(cluster.fleet.ended) == [("host-3", False), ("host-4", False)]
        assert cluster.counts == dict.fromkeys(names(1, 2), PARTITIONS // 2)
        assert unserved <= MOVES_AT_ONCE

    virtually(scene)


def test_a_number_is_never_used_again() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        for count in (1, 3, 1, 2):
            await cluster.steward.scale(count)
            await cluster.settled()
            await cluster.beats(8)

        started = [name for name, _ in cluster.fleet.begun]
        assert cluster.steward.plan.hosts == names(1, 5)
        assert len(started) == len(set(started)) == 5

    virtually(scene)


def test_hosts_that_end_slowly_keep_nobody_from_being_heard() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(4)
        cluster.fleet.ending_takes = 8.0
        await cluster.steward.scale(2)
        longest, heard = 0.0, len(cluster.fleet.orders)
        for _ in range(100):
            await cluster.beats()
            ages = [h.heard_seconds_ago for h in cluster.status.hosts if h.name in names(1, 2)]
            longest = max(longest, *(age for age in ages if age is not None))

        assert len(cluster.fleet.orders) > heard + 150
        assert longest <= 2 * BEAT_SECONDS
        assert sorted(cluster.fleet.ended) == [("host-3", False), ("host-4", False)]
        assert cluster.steward.plan.hosts == names(1, 2)

    virtually(scene)


def test_a_host_that_could_not_be_ended_is_ended_again() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        cluster.fleet.end_fails = 3
        await cluster.steward.scale(1)
        await cluster.settled()
        await cluster.beats(20)

        assert cluster.fleet.ended == [("host-2", False)]
        assert set(cluster.fleet.hosts) == {"host-1"}
        assert cluster.steward.plan.hosts == names(1)
        assert ("host-2 cannot be ended", ConnectionError) in [
            (what, type(error)) for what, error in cluster.troubles
        ]

    virtually(scene)


# --- room -----------------------------------------------------------------------------------------


def test_where_no_node_has_room_somebody_is_told_and_the_rest_works() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.begin()
        await cluster.steward.scale(3)
        await cluster.beats(60)

        assert cluster.counts == dict.fromkeys(names(1, 2), PARTITIONS // 2)
        assert cluster.status.trouble == "no node has room for host-3"
        assert cluster.troubles == []
        cluster.fleet.nodes_alive["node-9"] = cluster.fleet.nodes_alive["node-1"]._replace(
            id="node-9"
        )
        await cluster.settled()
        assert cluster.fleet.begun[-1] == ("host-3", "node-9")
        assert cluster.status.trouble == ""

    virtually(scene, 1, 1)


def test_room_is_taken_from_the_moment_a_host_is_started() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.begin()
        await cluster.steward.scale(2)
        await cluster.beats(3)
        await cluster.steward.scale(4)
        await cluster.beats(3)
        starting = Counter(node for _, node in cluster.fleet.begun)
        await cluster.settled()

        assert starting == {"node-1": 2, "node-2": 2}
        assert cluster.status.trouble == ""

    virtually(scene, 2, 2)


def test_a_host_that_never_answers_is_given_up_for_another() -> None:
    async def scene(cluster: Cluster) -> None:
        def sleepy(host: PretendedHost) -> None:
            host.open_at += 1_000 if host.name == "host-2" else 0

        cluster.fleet.shape = sleepy
        await cluster.begin()
        await cluster.steward.scale(2)
        await asyncio.sleep(STARTING_SECONDS - 5)
        early = cluster.steward.plan.hosts
        await asyncio.sleep(10)
        await cluster.settled()

        assert early == names(1, 2)
        assert cluster.steward.plan.hosts == names(1, 3)
        assert ("host-2", True) in cluster.fleet.ended

    virtually(scene)


# --- crashes --------------------------------------------------------------------------------------


def test_what_a_crashed_host_had_is_given_to_others_at_once() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(4)
        cluster.fleet.crash("host-2", back_after=30.0)
        await cluster.beats(3)

        assert cluster.counts == dict(zip(names(1, 3, 4), (86, 85, 85), strict=True)) or sorted(
            cluster.counts.values()
        ) == [85, 85, 86]
        assert "host-2" not in cluster.counts
        assert cluster.state("host-2") == "silent"
        assert len(cluster.fleet.served()) == PARTITIONS

    virtually(scene)


def test_a_host_that_ray_started_again_is_a_host_like_any_other() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(4)
        cluster.fleet.crash("host-2", back_after=0.5)
        await cluster.settled()

        assert cluster.steward.plan.hosts == names(1, 2, 3, 4)
        assert cluster.counts == dict.fromkeys(names(1, 2, 3, 4), PARTITIONS // 4)
        assert cluster.fleet.ended == []

    virtually(scene)


def test_the_former_owner_is_told_as_silent_once_a_new_one_reports() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(1)

        def at_once(host: PretendedHost) -> None:
            host.open_at = 0.0

        cluster.fleet.shape = at_once
        # So quickly that no beat finds it away.
        cluster.fleet.kill("host-1")
        cluster.fleet.run("host-1", "node-1")
        cluster.fleet.dead.clear()
        await cluster.settled()
        told = cluster.fleet.hosts["host-1"].silent
        await asyncio.sleep(61)

        assert told == {"host-1#1"}
        assert set(cluster.fleet.claims.values()) == {"host-1#2"}
        assert cluster.fleet.hosts["host-1"].silent == frozenset()

    virtually(scene)


def test_a_host_that_is_lost_for_good_is_started_again_under_its_name() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        cluster.fleet.lose("host-2")
        await cluster.settled()

        assert cluster.steward.plan.hosts == names(1, 2)
        assert [name for name, _ in cluster.fleet.begun] == ["host-1", "host-2", "host-2"]
        assert cluster.counts == dict.fromkeys(names(1, 2), PARTITIONS // 2)

    virtually(scene)


def test_proof_of_death_is_not_waited_for() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        cluster.fleet.proves = True
        # Its process is dead, and its calls hang all the same.
        cluster.fleet.frozen.add("host-2")
        cluster.fleet.dead.add(cluster.fleet.hosts["host-2"].owner)
        await cluster.beats(3)

        assert cluster.counts == {"host-1": PARTITIONS}

    virtually(scene)


def test_the_hosts_of_a_node_that_was_lost_are_started_elsewhere() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(4)
        lost = [name for name, node in cluster.fleet.begun if node == "node-2"]
        cluster.fleet.remove_node("node-2")
        await cluster.settled()

        assert cluster.steward.plan.hosts == names(1, 2, 3, 4)
        assert [node for name, node in cluster.fleet.begun[4:]] == ["node-1"] * len(lost)
        assert cluster.counts == dict.fromkeys(names(1, 2, 3, 4), PARTITIONS // 4)

    virtually(scene)


# --- silence --------------------------------------------------------------------------------------


def test_a_hosts_partitions_are_given_to_others_once_it_is_silent() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(3)
        cluster.fleet.frozen.add("host-3")
        began = cluster.loop.time()
        while "host-3" in cluster.counts:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
        took = cluster.loop.time() - began
        await cluster.beats(2)

        assert SILENT_SECONDS - BEAT_SECONDS <= took <= SILENT_SECONDS + 3 * BEAT_SECONDS
        assert len(cluster.fleet.served()) == PARTITIONS
        assert cluster.fleet.hosts["host-1"].silent == {"host-3#1"}
        assert cluster.state("host-3") == "silent"

    virtually(scene)


@pytest.mark.parametrize("kind", ["frozen", "cut"])
def test_a_host_that_is_back_in_time_gets_its_share_again(kind: str) -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(3)
        away = getattr(cluster.fleet, kind)
        away.add("host-3")
        await asyncio.sleep(REPLACED_SECONDS - 1)
        away.clear()
        await cluster.settled()

        assert cluster.steward.plan.hosts == names(1, 2, 3)
        assert sorted(cluster.counts.values()) == [85, 85, 86]
        assert cluster.fleet.ended == []
        assert cluster.fleet.hosts["host-1"].silent == frozenset()

    virtually(scene)


def test_a_host_that_is_not_back_in_time_is_ended_and_replaced() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(3)
        cluster.fleet.frozen.add("host-3")
        await asyncio.sleep(REPLACED_SECONDS + 1)
        replaced = cluster.steward.plan.members
        await cluster.settled()

        assert replaced == names(1, 2, 4)
        assert cluster.steward.plan.hosts == names(1, 2, 4)
        assert cluster.fleet.ended == [("host-3", True)]
        assert set(cluster.fleet.hosts) == set(names(1, 2, 4))

    virtually(scene)


def test_a_short_silence_moves_nothing() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(3)
        plan = cluster.steward.plan
        for _ in range(5):
            cluster.fleet.frozen.add("host-3")
            await asyncio.sleep(SILENT_SECONDS - 2 * BEAT_SECONDS)
            cluster.fleet.frozen.clear()
            await cluster.beats(3)

        assert cluster.steward.plan == plan

    virtually(scene)


def test_a_slow_answer_is_an_answer_and_a_late_one_is_none() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        for seconds in (ANSWER_SECONDS - 0.2, ANSWER_SECONDS + 0.2):
            cluster.fleet.frozen.add("host-2")
            await asyncio.sleep(seconds)
            cluster.fleet.frozen.clear()
            await cluster.beats(4)
            assert cluster.state("host-2") == "live"

    virtually(scene)


def test_a_beat_whose_answer_never_comes_is_given_up_and_followed_by_another() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        plan = cluster.steward.plan
        for _ in range(3):
            cluster.fleet.unheard.add("host-2")
            await asyncio.sleep(ANSWER_SECONDS + 2 * BEAT_SECONDS)

        assert cluster.fleet.unheard == set()
        assert cluster.state("host-2") == "live"
        assert cluster.steward.plan == plan

    virtually(scene)


def test_where_all_are_silent_nothing_moves() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(3)
        plan = cluster.steward.plan
        cluster.fleet.cut.update(names(1, 2, 3))
        await asyncio.sleep(REPLACED_SECONDS - 2)
        during = cluster.steward.plan
        cluster.fleet.cut.clear()
        await cluster.settled()

        assert during == plan
        assert cluster.steward.plan.owners == plan.owners

    virtually(scene)


def test_a_steward_that_was_frozen_itself_takes_nobody_for_silent() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(3)
        plan = cluster.steward.plan
        orders = len(cluster.fleet.orders)
        for number in range(30):
            # One host is a little slow just then, and waited for.
            cluster.fleet.frozen.add("host-2")
            await asyncio.sleep(BEAT_SECONDS * number / 15)
            cluster.loop.leap(30.0)
            await asyncio.sleep(BEAT_SECONDS / 2)
            cluster.fleet.frozen.clear()
            await cluster.beats(6)

        assert {order.silent for order in cluster.fleet.orders[orders:]} == {()}
        assert cluster.steward.plan == plan

    virtually(scene)


# --- hosts that cannot be used --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("store_id", "store-2", f"it has store store-2 open, the cluster's is {STORE}"),
        ("vocabulary", "other", "it is of another release"),
        (
            "settings",
            "other",
            "its settings differ: keys, public URL, hosted domain, mail or lease",
        ),
        ("trouble", "StoreRefused: it forgets", "StoreRefused: it forgets"),
    ],
)
def test_a_host_that_must_not_be_used_is_given_nothing_and_says_why(
    field: str, value: str, said: str
) -> None:
    async def scene(cluster: Cluster) -> None:
        def differ(host: PretendedHost) -> None:
            if host.name == "host-2":
                setattr(host, field, value)

        cluster.fleet.shape = differ
        await cluster.up(2)
        refused = cluster.status.hosts[1]
        await asyncio.sleep(REPLACED_SECONDS + 2)

        assert cluster.counts == {"host-1": PARTITIONS}
        assert (refused.state, refused.trouble, refused.wanted) == ("refused", said, 0)
        # It is there and says what is wrong: another one would be no better.
        assert cluster.steward.plan.hosts == names(1, 2)

        await cluster.steward.scale(1)
        await cluster.beats(8)
        assert cluster.steward.plan.hosts == names(1)
        assert cluster.fleet.ended == [("host-2", False)]

    virtually(scene)


def test_a_host_whose_trouble_is_over_gets_its_share() -> None:
    async def scene(cluster: Cluster) -> None:
        def troubled(host: PretendedHost) -> None:
            host.trouble = "StoreUnreachable: away"

        cluster.fleet.shape = troubled
        await cluster.begin()
        await cluster.steward.scale(2)
        await asyncio.sleep(10)
        during = cluster.counts
        for host in cluster.fleet.hosts.values():
            host.trouble = ""
        await cluster.settled()

        assert during == {"": PARTITIONS}
        assert cluster.counts == dict.fromkeys(names(1, 2), PARTITIONS // 2)

    virtually(scene)


def test_a_host_that_comes_back_with_trouble_loses_what_it_had() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)

        def troubled(host: PretendedHost) -> None:
            host.trouble = "ConfigurationError: no key"

        cluster.fleet.shape = troubled
        cluster.fleet.crash("host-2", back_after=0.2)
        await cluster.settled()

        assert cluster.counts == {"host-1": PARTITIONS}
        assert cluster.state("host-2") == "refused"

    virtually(scene)


def test_where_no_host_may_be_used_they_keep_what_they_have() -> None:
    # The steward's own settings changed, as when keys are rotated: hosts follow one by one.
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        for host in cluster.fleet.hosts.values():
            host.settings = "old"
        await cluster.beats(20)
        during = cluster.counts, len(cluster.fleet.served())
        await cluster.steward.scale(3)
        await cluster.settled()

        assert during == (dict.fromkeys(names(1, 2), PARTITIONS // 2), PARTITIONS)
        assert cluster.counts == {"host-3": PARTITIONS}

    virtually(scene)


# --- load -----------------------------------------------------------------------------------------


def test_load_is_evened_out_and_then_rests() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        hot = [p for p, name in enumerate(cluster.steward.plan.owners) if name == "host-1"][:8]

        def rates(host: PretendedHost) -> None:
            host.rates = dict.fromkeys(hot, 200.0)

        for host in cluster.fleet.hosts.values():
            rates(host)
        await asyncio.sleep(25)
        owners = cluster.steward.plan.owners
        await asyncio.sleep(25)

        assert Counter(owners[p] for p in hot) == {"host-1": 4, "host-2": 4}
        assert cluster.steward.plan.owners == owners
        assert cluster.counts == dict.fromkeys(names(1, 2), PARTITIONS // 2)

    virtually(scene)


def test_little_load_is_not_worth_a_move() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        plan = cluster.steward.plan
        for host in cluster.fleet.hosts.values():
            host.rates = dict.fromkeys(range(8), 20.0)
        await asyncio.sleep(25)

        assert cluster.steward.plan == plan

    virtually(scene)


def test_the_load_of_a_host_is_told_per_second() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(1)

        assert cluster.status.hosts[0].asks_per_second == pytest.approx(100, rel=0.1)

    virtually(scene)


# --- the table ------------------------------------------------------------------------------------


def test_the_table_is_told_to_who_does_not_know_it() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        version = cluster.steward.plan.version
        told = msgspec.msgpack.decode(cluster.steward.table(version - 1), type=Table)

        assert cluster.steward.table(version) == b""
        assert told == Table(STORE, version, cluster.steward.plan.owners)
        assert SETTINGS not in str(told)

    virtually(scene)
