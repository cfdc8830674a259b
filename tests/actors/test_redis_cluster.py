import asyncio
from collections.abc import AsyncIterator, Iterator
from random import Random

import pytest
import pytest_asyncio
import redis
from redis.crc import key_slot

from doorward.actors.journal import Ending
from doorward.actors.partitions import partition_key, partition_of, record_prefix
from doorward.actors.redis_cluster import RedisCluster
from doorward.actors.redis_journal import RedisJournal
from tests.actors import redis_fleet
from tests.actors.committing import Owner, record, unreachable
from tests.actors.redis_fleet import Cluster
from tests.actors.redis_node import WAIT_SECONDS, RedisNode, until
from tests.actors.store_client import cluster_client

TIMEOUT_SECONDS = 0.3
HANGS_SECONDS = 3.0
"""What a busy machine may add is far below it, what would wait for a frozen node far above."""
COMMITTED, FENCED, WENT_BACK = Ending.COMMITTED, Ending.FENCED, Ending.WENT_BACK


@pytest.fixture
def fleet(redis_cluster: Cluster) -> Iterator[Cluster]:
    """Be the cluster of all tests, which these break and mend."""
    yield redis_cluster
    redis_cluster.mend()


@pytest_asyncio.fixture
async def client(fleet: Cluster) -> AsyncIterator[RedisCluster]:
    for node in fleet.masters:
        node("FLUSHALL")
    async with cluster_client(fleet.url) as opened:
        yield opened


@pytest_asyncio.fixture
async def owner(client: RedisCluster, fleet: Cluster) -> Owner:
    """Own a partition on every node, in the order of the nodes."""
    journal = RedisJournal(client, timeout_seconds=WAIT_SECONDS)
    await journal.open()
    return await Owner(journal).take(*fleet.a_partition_each())


def has(replica: RedisNode, key: str) -> bool:
    with redis.Redis(port=replica.port) as client:
        client.execute_command("READONLY")
        return bool(client.execute_command("EXISTS", key))


async def test_a_flush_over_all_nodes_ends_for_each_partition_in_the_order_given(
    owner: Owner,
) -> None:
    first, second, third = owner.epochs
    thief = Owner(owner.journal, "eve")
    await thief.take(second)

    endings = await owner.put(b"1", third, second, first)

    assert endings == [COMMITTED, FENCED, COMMITTED]
    assert await owner.read(first, second, third) == [b"1", None, b"1"]


async def test_all_calls_of_a_flush_reach_a_node_in_one_write(
    owner: Owner, client: RedisCluster, fleet: Cluster
) -> None:
    node = fleet.masters[0]
    mine = [p for p in range(32) if fleet.keeper_of(partition_key(p)) is node]
    await owner.take(*mine)
    await owner.put(b"1", *mine)
    _, nodes = await client.masters()
    probe = nodes["127.0.0.1", node.port]

    async def reads() -> int:
        stats = await probe.info("stats")
        return int(stats["total_reads_processed"])

    before = await reads()
    await owner.put(b"2", *mine)
    after = await reads()

    assert len(mine) > 5
    assert after - before == 2  # the flush, and the second look


async def test_flights_reach_every_node_in_the_order_they_left(owner: Owner) -> None:
    random = Random(7)
    partitions = range(24)
    await owner.take(*partitions)

    for number in range(120):
        flights = [random.sample(partitions, random.choice((1, 2, 24))) for _ in range(3)]
        endings = await asyncio.gather(*(owner.put(b"%d" % number, *some) for some in flights))
        assert {ending for flight in endings for ending in flight} == {COMMITTED}


async def test_what_is_read_comes_in_the_order_asked_and_after_the_commits(
    owner: Owner,
) -> None:
    first, second, third = owner.epochs
    await owner.put(b"first", first)
    await owner.put(b"third", third)

    assert await owner.read(third, second, first) == [b"third", None, b"first"]


async def test_a_node_that_is_killed_makes_flushes_unknown_at_once_and_until_it_is_back(
    owner: Owner, fleet: Cluster
) -> None:
    first, second, _ = owner.epochs
    await owner.put(b"kept", *owner.epochs)
    fleet.masters[1].kill()

    took = [await unreachable(owner.put(b"unknown", *owner.epochs)) for _ in range(3)]
    took.append(await unreachable(owner.journal.claims(list(owner.epochs))))
    took.append(await unreachable(owner.journal.roster("", 10)))
    elsewhere = fleet.masters[0]("GET", record(first))
    fleet.masters[1].start_again()
    fleet.until_sound()
    await owner.take_again()

    assert max(took) < HANGS_SECONDS
    assert elsewhere == b"unknown"
    assert await owner.read(second) == [b"kept"]
    assert await owner.put(b"new", *owner.epochs) == [COMMITTED] * 3


async def test_a_node_that_is_frozen_costs_no_more_than_the_timeout(
    owner: Owner, client: RedisCluster, fleet: Cluster
) -> None:
    frozen = fleet.masters[2]
    patient, hasty = owner.journal, RedisJournal(client, timeout_seconds=TIMEOUT_SECONDS)
    owner.journal = hasty
    frozen.freeze()
    try:
        took = [await unreachable(owner.put(b"unknown", *owner.epochs))]
        took.append(await unreachable(owner.journal.claims(list(owner.epochs))))
        took.append(await unreachable(owner.journal.outbox(list(owner.epochs)[2], "", 1)))
    finally:
        frozen.thaw()
    owner.journal = patient
    await owner.take_again()

    assert max(took) < HANGS_SECONDS
    assert await owner.put(b"new", *owner.epochs) == [COMMITTED] * 3


async def test_a_slot_that_moved_is_followed_after_one_refusal(
    owner: Owner, fleet: Cluster
) -> None:
    moved, *_ = owner.epochs
    await owner.put(b"before", *owner.epochs)
    fleet.move(record(moved), fleet.masters[1])

    await unreachable(owner.put(b"refused", *owner.epochs))
    await owner.take(*owner.epochs)

    assert await owner.read(moved) == [b"before"]
    assert await owner.put(b"after", *owner.epochs) == [COMMITTED] * 3
    assert fleet.masters[1]("GET", record(moved)) == b"after"
    fleet.move(record(moved), fleet.masters[0])


async def test_reads_that_are_no_flush_follow_a_slot_after_one_refusal_too(
    owner: Owner, fleet: Cluster
) -> None:
    moved, *_ = owner.epochs
    fleet.move(record(moved), fleet.masters[2])

    await unreachable(owner.journal.outbox(moved, "", 1))

    assert await owner.journal.outbox(moved, "", 1) == []
    assert await owner.put(b"after", *owner.epochs) == [COMMITTED] * 3
    fleet.move(record(moved), fleet.masters[0])


async def test_a_slot_on_its_way_is_refused_until_it_has_arrived(
    owner: Owner, fleet: Cluster
) -> None:
    moved, *_ = owner.epochs
    target = fleet.masters[1]
    await owner.put(b"before", moved)
    source = fleet.begin_moving(record(moved), target)

    await unreachable(owner.put(b"new", moved, name="email:2"))
    fleet.move_keys(record(moved), source, target)
    await unreachable(owner.journal.claims([moved]))
    fleet.end_moving(record(moved), target)
    await owner.take_again()

    assert await owner.read(moved) == [b"before"]
    fleet.move(record(moved), source)


async def test_records_on_their_way_are_not_taken_for_gone(owner: Owner, fleet: Cluster) -> None:
    key = f"{record_prefix('alpha')}email:1"
    await owner.take(partition_of("alpha"))
    target = fleet.other_than(fleet.keeper_of(key))
    fleet.keeper_of(key)("SET", key, "1")
    source = fleet.begin_moving(key, target)

    await unreachable(owner.journal.names("alpha", 10))
    source("MIGRATE", "127.0.0.1", target.port, key, 0, 10_000)
    await unreachable(owner.journal.names("alpha", 10))
    fleet.move_keys(key, source, target)
    await unreachable(owner.journal.names("alpha", 10))
    fleet.end_moving(key, target)
    named = await owner.journal.names("alpha", 10)

    assert named == (["email:1"], True)
    fleet.move(key, source)


async def test_records_that_moved_unnoticed_are_not_taken_for_gone(
    owner: Owner, fleet: Cluster
) -> None:
    key = f"{record_prefix('alpha')}email:1"
    source = fleet.keeper_of(key)
    source("SET", key, "1")
    fleet.move(key, fleet.other_than(source))

    await unreachable(owner.journal.names("alpha", 10))
    named = await owner.journal.names("alpha", 10)

    assert named == (["email:1"], True)
    fleet.move(key, source)


async def test_a_slot_that_nobody_keeps_is_unreachable_until_somebody_does(
    owner: Owner, fleet: Cluster
) -> None:
    _, second, _ = owner.epochs
    slot = key_slot(record(second).encode())
    for node in fleet.masters:
        node("CLUSTER", "DELSLOTS", slot)

    await unreachable(owner.put(b"1", second))
    await unreachable(owner.journal.claims([second]))
    fleet.masters[1]("CLUSTER", "ADDSLOTS", slot)
    fleet.until_sound()
    await owner.take_again()

    assert await owner.put(b"2", *owner.epochs) == [COMMITTED] * 3


async def test_one_node_is_enough_to_find_the_others(fleet: Cluster) -> None:
    async with cluster_client(f"redis+cluster://127.0.0.1:1,{fleet.masters[2].name}") as client:
        journal = RedisJournal(client, timeout_seconds=WAIT_SECONDS)
        owner = await Owner(journal).take(*fleet.a_partition_each())

        assert await owner.put(b"1", *owner.epochs) == [COMMITTED] * 3


async def test_many_who_ask_at_first_find_the_nodes_together(fleet: Cluster, owner: Owner) -> None:
    async with cluster_client(fleet.url) as client:
        journal = RedisJournal(client, timeout_seconds=WAIT_SECONDS)

        told = await asyncio.gather(*(journal.claims(list(owner.epochs)) for _ in range(8)))

    assert [claim.owner for claims in told for claim in claims] == [owner.name] * 24


async def test_nobody_to_ask_is_unreachable() -> None:
    async with cluster_client("redis+cluster://127.0.0.1:1,127.0.0.1:2") as client:
        journal = RedisJournal(client)

        for call in (journal.open(), journal.claims([1]), journal.flush([], [record(1)])):
            await unreachable(call)


async def test_a_replica_takes_over_and_what_it_lacks_is_noticed() -> None:
    with redis_fleet.cluster(replicas=1) as fleet:
        (replica,) = fleet.replicas
        async with cluster_client(fleet.url) as client:
            journal = RedisJournal(client, timeout_seconds=WAIT_SECONDS)
            owner = await Owner(journal).take(*fleet.a_partition_each())
            await owner.put(b"kept", *owner.epochs)
            first = next(iter(owner.epochs))
            until(lambda: has(replica, record(first)), "the replica's copy")
            redis_fleet.cut_off(replica, fleet.masters[0])
            await owner.put(b"lost", *owner.epochs)

            fleet.masters[0].kill()
            await unreachable(owner.put(b"unknown", *owner.epochs))
            replica("CLUSTER", "FAILOVER", "TAKEOVER")
            await owner.reached()
            endings = await owner.put(b"later", *owner.epochs)
            taken = await owner.takes(*owner.epochs)

            assert endings[0] is WENT_BACK
            assert [found.went_back for found in taken] == [True, False, False]
            assert replica("GET", record(first)) == b"kept"
