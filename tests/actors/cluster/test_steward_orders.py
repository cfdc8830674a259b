"""What operators ask of a steward, what two of them do to each other, what the next one does."""

import asyncio
from collections import Counter

import msgspec
import pytest

from doorward.actors.cluster.deciding import REPLACED_SECONDS, STARTING_SECONDS
from doorward.actors.cluster.plan import Plan
from doorward.actors.cluster.seats import SILENT_SECONDS
from doorward.actors.cluster.steward import MOST_HOSTS
from doorward.actors.errors import ClusterRefused, StoreUnreachable
from doorward.actors.partitions import PARTITIONS, partition_of
from tests.actors.cluster.pretence import START_SECONDS, Cluster, PretendedHost, virtually
from tests.actors.cluster.test_steward import names

# --- orders ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("hosts", [-1, 0, MOST_HOSTS + 1])
def test_a_number_of_hosts_that_is_none_is_refused(hosts: int) -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.begin()
        with pytest.raises(ClusterRefused, match=f"1 to 256 hosts, not {hosts}"):
            await cluster.steward.scale(hosts)
        assert cluster.store.saves == 0

    virtually(scene)


def test_a_host_that_is_drained_is_replaced_and_ends_in_order() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(3)
        await cluster.steward.drain("host-2")
        leaving = cluster.status.hosts[1].state
        unserved = 0
        while "host-2" in cluster.steward.plan.hosts:
            await asyncio.sleep(0.05)
            unserved = max(unserved, PARTITIONS - len(cluster.fleet.served()))
        await cluster.settled()

        assert leaving == "leaving"
        assert cluster.steward.plan.hosts == names(1, 3, 4)
        assert cluster.fleet.ended == [("host-2", False)]
        assert unserved <= 16

    virtually(scene)


@pytest.mark.parametrize("how", ["id", "address"])
def test_all_hosts_of_a_node_that_is_drained_leave_it_and_none_comes_back(how: str) -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(4)
        node = cluster.fleet.nodes_alive["node-2"]
        there = {name for name, at in cluster.fleet.begun if at == "node-2"}
        await cluster.steward.drain(getattr(node, how))
        await cluster.settled()

        assert len(there) == 2
        assert not there & set(cluster.steward.plan.hosts)
        assert {host.node for host in cluster.fleet.hosts.values()} == {"node-1"}
        assert cluster.status.drained_nodes == ("node-2",)
        assert len(cluster.steward.plan.hosts) == 4

    virtually(scene)


def test_a_steward_that_has_just_begun_drains_a_node_too() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(4)
        cluster.dismiss()
        cluster.steward = cluster.hire()
        await cluster.steward.open()
        # Before it heard of anybody, and so does not know who is where.
        await cluster.steward.drain("node-2")
        await cluster.begin()
        await cluster.settled()

        assert {host.node for host in cluster.fleet.hosts.values()} == {"node-1"}

    virtually(scene)


def test_a_host_that_ray_starts_again_on_a_drained_node_leaves_it() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        (name,) = (name for name, at in cluster.fleet.begun if at == "node-1")
        await cluster.steward.drain("node-2")
        await cluster.settled()
        cluster.fleet.kill(name)
        cluster.fleet.run(name, "node-2")
        await cluster.settled()

        assert {host.node for host in cluster.fleet.hosts.values()} == {"node-1"}

    virtually(scene)


def test_where_every_node_is_drained_hosts_go_on_until_there_is_another() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        for node in ("node-1", "node-2"):
            await cluster.steward.drain(node)
        await cluster.beats(40)
        during = cluster.status.trouble, len(cluster.fleet.served()), list(cluster.fleet.ended)
        cluster.fleet.nodes_alive["node-3"] = cluster.fleet.nodes_alive["node-1"]._replace(
            id="node-3"
        )
        await cluster.settled()

        assert during == ("no node has room for host-3", PARTITIONS, [])
        assert {host.node for host in cluster.fleet.hosts.values()} == {"node-3"}

    virtually(scene)


def test_a_host_that_cannot_take_what_it_is_wanted_for_can_be_drained() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        # As where it answers the steward and cannot reach the store.
        cluster.fleet.stick("host-2")
        await cluster.beats(4)
        await cluster.steward.drain("host-2")
        await cluster.settled()

        assert "host-2" not in cluster.counts

    virtually(scene)


@pytest.mark.parametrize("name", ["host-9", "node-9", "10.9.9.9", ""])
def test_what_is_not_there_cannot_be_drained(name: str) -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(1)
        with pytest.raises(ClusterRefused, match="there is no host and no node"):
            await cluster.steward.drain(name)

    virtually(scene)


def test_a_storefront_that_is_pinned_goes_to_its_host_and_stays() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(3)
        partition = partition_of("alpha")
        here = cluster.steward.plan.owners[partition]
        there = next(name for name in names(1, 2, 3) if name != here)
        await cluster.steward.pin("alpha", there)
        await cluster.settled()
        pinned = cluster.steward.plan.owners[partition], cluster.status.pins
        cluster.fleet.crash(there, back_after=1.0)
        await cluster.beats(3)
        away = cluster.steward.plan.owners[partition]
        await cluster.settled()
        back = cluster.steward.plan.owners[partition]
        await cluster.steward.pin("alpha", "")

        assert pinned == (there, {"alpha": there})
        assert away != there
        assert back == there
        assert cluster.status.pins == {}
        assert max(cluster.counts.values()) - min(cluster.counts.values()) <= 1

    virtually(scene)


def test_a_pin_ends_with_its_host() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        await cluster.steward.pin("alpha", "host-2")
        await cluster.steward.drain("host-2")
        await cluster.settled()

        assert cluster.status.pins == {}

    virtually(scene)


def test_pins_that_cannot_be_are_refused() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        await cluster.steward.drain("host-2")
        for slug, host in (("No Slug", "host-1"), ("alpha", "host-9"), ("alpha", "host-2")):
            with pytest.raises(ClusterRefused):
                await cluster.steward.pin(slug, host)
        assert cluster.status.pins == {}

    virtually(scene)


def test_down_ends_all_hosts_in_order_and_more_can_come_later() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(3)
        await cluster.steward.pin("alpha", "host-1")
        await cluster.steward.drain("node-2")
        await cluster.steward.down()
        await cluster.beats(20)
        plan, claims = cluster.steward.plan, dict(cluster.fleet.claims)
        await cluster.steward.scale(1)
        await cluster.settled()

        assert (plan.hosts, plan.leaving, plan.pins, plan.drained) == ((), (), {}, ())
        assert claims == {}
        assert {at_once for _, at_once in cluster.fleet.ended} == {False}
        assert cluster.steward.plan.last == plan.last + 1
        assert cluster.counts == {cluster.steward.plan.hosts[0]: PARTITIONS}

    virtually(scene)


def test_down_ends_hosts_in_trouble_and_silent_ones_too() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(3)

        def troubled(host: PretendedHost) -> None:
            host.trouble = "StoreRefused: it forgets"

        cluster.fleet.shape = troubled
        cluster.fleet.crash("host-2", back_after=0.1)
        await asyncio.sleep(START_SECONDS + 1)
        cluster.fleet.frozen.add("host-3")
        await cluster.steward.down()
        await asyncio.sleep(REPLACED_SECONDS + 2)

        assert cluster.steward.plan.hosts == ()
        assert cluster.fleet.hosts == {}
        assert dict(cluster.fleet.ended) == {"host-1": False, "host-2": False, "host-3": True}

    virtually(scene)


def test_the_first_to_go_are_those_that_are_of_no_use() -> None:
    async def scene(cluster: Cluster) -> None:
        def differ(host: PretendedHost) -> None:
            host.settings = "other" if host.name == "host-1" else host.settings

        cluster.fleet.shape = differ
        await cluster.up(3)
        await cluster.steward.scale(2)
        await cluster.settled()

        assert cluster.steward.plan.hosts == names(2, 3)

    virtually(scene)


# --- another steward ------------------------------------------------------------------------------


def test_the_next_steward_goes_on_and_moves_nothing() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(4)
        plan, begun = cluster.steward.plan, list(cluster.fleet.begun)
        for _ in range(3):
            await cluster.replace()
            await cluster.beats(10)

        assert cluster.steward.plan == plan
        assert cluster.fleet.begun == begun
        assert cluster.fleet.ended == []
        assert [host.state for host in cluster.status.hosts] == ["live"] * 4

    virtually(scene)


def test_the_next_steward_finds_who_was_lost_meanwhile() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(3)
        cluster.dismiss()
        cluster.fleet.frozen.add("host-3")
        await asyncio.sleep(30)
        await cluster.replace()
        await asyncio.sleep(SILENT_SECONDS - 0.5)
        early = cluster.counts
        await asyncio.sleep(1.0)
        late = cluster.counts
        # What it never heard of may be starting still.
        await asyncio.sleep(STARTING_SECONDS)
        await cluster.settled()

        assert early["host-3"] in {85, 86}
        assert "host-3" not in late
        assert cluster.steward.plan.hosts == names(1, 2, 4)

    virtually(scene)


@pytest.mark.parametrize("beats", range(14))
def test_a_steward_that_dies_at_any_moment_leaves_nothing_half_done(beats: int) -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(3)
        cluster.fleet.ending_takes = 0.4
        await cluster.steward.scale(1)
        await asyncio.sleep(0.13 * beats)
        await cluster.replace()
        await cluster.steward.scale(2)
        await asyncio.sleep(0.13 * beats)
        await cluster.replace()
        await cluster.settled()

        # No process is left that no plan knows of, and none that is planned is missing.
        assert set(cluster.fleet.hosts) == set(cluster.steward.plan.hosts)
        assert len(cluster.steward.plan.hosts) == 2

    virtually(scene)


def test_of_two_stewards_the_one_that_has_not_seen_the_newest_plan_changes_nothing() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        late = cluster.hire()
        await late.open()
        await cluster.steward.scale(3)
        await cluster.steward.pin("alpha", "host-1")
        await cluster.settled()
        newest = cluster.steward.plan
        await late.beat()

        assert late.plan.version <= newest.version
        await late.beat()
        assert late.plan == newest == cluster.steward.plan
        assert cluster.counts == dict(Counter(newest.owners))

    virtually(scene)


def test_orders_given_to_two_stewards_are_both_kept() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        other = cluster.hire()
        await other.open()
        await cluster.steward.pin("alpha", "host-1")
        await other.pin("bravo", "host-2")
        await cluster.steward.scale(3)
        await cluster.settled()

        assert cluster.status.pins == {"alpha": "host-1", "bravo": "host-2"}
        assert cluster.steward.plan.wanted == 3

    virtually(scene)


def test_an_order_that_loses_twice_is_refused_and_changed_nothing() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(1)
        cluster.dismiss()
        load = cluster.store.load

        async def load_and_be_overtaken() -> Plan:
            found = await load()
            overtaken = msgspec.structs.replace(found, version=found.version + 1)
            cluster.store.kept = msgspec.json.encode(overtaken)
            return found

        cluster.store.load = load_and_be_overtaken  # type: ignore[method-assign]
        await cluster.store.load()
        with pytest.raises(ClusterRefused, match="ask again"):
            await cluster.steward.scale(5)

        assert (await load()).wanted == 1

    virtually(scene)


def test_two_stewards_at_work_end_up_with_one_plan() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(3)
        other = cluster.hire()
        await other.open()
        working = asyncio.ensure_future(other.run())
        await cluster.steward.scale(2)
        cluster.fleet.crash("host-1")
        await asyncio.sleep(5)
        await other.scale(4)
        await asyncio.sleep(10)
        await cluster.settled()
        working.cancel()

        assert len(cluster.steward.plan.hosts) == 4
        assert set(cluster.fleet.hosts) == set(cluster.steward.plan.hosts)
        assert cluster.steward.plan.version - other.plan.version in {0, 1}

    virtually(scene)


def test_a_host_nobody_told_us_of_is_not_ended_by_who_has_yet_to_hear_of_it() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        late = cluster.hire()
        await late.open()
        await cluster.steward.scale(4)
        await cluster.settled()
        await cluster.steward.drain("host-4")
        await late.beat()
        await asyncio.sleep(0.5)
        early = list(cluster.fleet.ended)
        await cluster.settled()

        assert early == []
        assert cluster.fleet.ended == [("host-4", False)]

    virtually(scene)


# --- the store ------------------------------------------------------------------------------------


def test_while_the_store_is_away_nothing_changes_and_afterwards_it_goes_on() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(3)
        plan = cluster.steward.plan
        cluster.store.away = True
        cluster.fleet.crash("host-3", back_after=100.0)
        with pytest.raises(StoreUnreachable):
            await cluster.steward.scale(5)
        await cluster.beats(20)
        during = cluster.steward.plan, cluster.status.trouble
        cluster.store.away = False
        await cluster.beats(4)
        after = cluster.counts
        await cluster.settled()

        assert during == (plan, "StoreUnreachable: away")
        assert ("steward", StoreUnreachable) in [(w, type(e)) for w, e in cluster.troubles]
        assert "host-3" not in after
        assert cluster.status.trouble == ""
        assert cluster.steward.plan.wanted == 3

    virtually(scene)


def test_a_plan_whose_answer_was_lost_is_gone_by_all_the_same() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(1)
        cluster.store.answers_lost = 1
        with pytest.raises(StoreUnreachable):
            await cluster.steward.scale(2)
        await cluster.settled()

        assert cluster.steward.plan.wanted == 2
        assert cluster.steward.plan.hosts == names(1, 2)

    virtually(scene)


def test_a_store_that_went_back_does_not_leave_hosts_with_a_table_nobody_can_change() -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.up(2)
        kept = cluster.store.kept
        await cluster.steward.pin("alpha", "host-1")
        await cluster.steward.scale(3)
        await cluster.settled()
        version = cluster.steward.plan.version
        cluster.store.kept = kept
        await cluster.replace()
        await cluster.steward.scale(3)
        await cluster.settled()

        assert cluster.steward.plan.version > version
        assert {h.table.version for h in cluster.fleet.hosts.values()} == {
            cluster.steward.plan.version
        }

    virtually(scene)


def test_a_steward_without_a_store_says_so() -> None:
    async def scene(cluster: Cluster) -> None:
        cluster.store.away = True
        with pytest.raises(StoreUnreachable):
            await cluster.steward.open()

    virtually(scene)
