"""Where a plan is kept: on a real Redis, alone and as a cluster, and when there is none."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio
import redis.asyncio as aioredis

from doorward.actors.cluster.plan import KEY, Plan, RedisPlanStore
from doorward.actors.errors import StoreRefused, StoreUnreachable
from doorward.actors.partitions import PARTITIONS, roster_key
from doorward.actors.redis_shards import OneServer, Shards
from tests.actors.store_client import client_of, cluster_client

PLAN = Plan(
    version=1,
    wanted=2,
    hosts=("host-1", "host-2", "host-3"),
    leaving=("host-2",),
    last=3,
    owners=("host-1", "host-3") * (PARTITIONS // 2),
    pins={"alpha": "host-1"},
    drained=("node-9",),
)


class Kept:
    """A plan store, and what lies beneath it."""

    def __init__(self, store: "aioredis.Redis | Shards") -> None:
        self.plans = RedisPlanStore(store)
        self.shards = OneServer(store) if isinstance(store, aioredis.Redis) else store

    async def ask(self, *words: str | int | bytes) -> object:
        (reply,) = await self.shards.ask([(str(words[1]), words)])
        return reply

    async def damage(self, plan: bytes, version: int = 1) -> None:
        await self.ask("HSET", KEY, "plan", plan, "version", version)


@pytest_asyncio.fixture(params=["redis", "cluster"])
async def kept(request: pytest.FixtureRequest) -> AsyncIterator[Kept]:
    if request.param == "cluster":
        opened = cluster_client(request.getfixturevalue("redis_cluster").url)
    else:
        opened = client_of(request.getfixturevalue("redis_socket"))
    async with opened as store:
        found = Kept(store)
        await found.ask("DEL", KEY)
        yield found
        await found.ask("DEL", KEY)


async def test_where_there_is_no_plan_it_is_an_empty_one(kept: Kept) -> None:
    assert await kept.plans.load() == Plan()


async def test_a_plan_is_read_as_it_was_kept(kept: Kept) -> None:
    saved = await kept.plans.save(PLAN, over=0)

    assert saved
    assert await kept.plans.load() == PLAN
    assert PLAN.members == ("host-1", "host-3")


async def test_only_who_has_seen_the_newest_plan_may_change_it(kept: Kept) -> None:
    await kept.plans.save(PLAN, over=0)
    second = msgspec.structs.replace(PLAN, version=2, wanted=3)
    third = msgspec.structs.replace(PLAN, version=2, wanted=4)

    saved = [await kept.plans.save(plan, over=1) for plan in (second, third)]
    from_nothing = await kept.plans.save(PLAN, over=0)

    assert (saved, from_nothing) == ([True, False], False)
    assert await kept.plans.load() == second


async def test_the_storefronts_of_each_partition_are_counted(kept: Kept) -> None:
    before = await kept.plans.storefronts()
    keys = [roster_key(partition) for partition in (0, 7, 255)]
    for number, key in enumerate(keys, 1):
        await kept.ask("ZADD", key, *(word for n in range(number) for word in (0, f"x-{n}")))
    after = await kept.plans.storefronts()
    for number, key in enumerate(keys, 1):
        await kept.ask("ZREM", key, *(f"x-{n}" for n in range(number)))

    assert len(after) == PARTITIONS
    assert [after[p] - before[p] for p in (0, 1, 7, 255)] == [1, 0, 2, 3]


async def test_of_many_at_once_one_wins(kept: Kept) -> None:
    await kept.plans.save(PLAN, over=0)
    plans = [msgspec.structs.replace(PLAN, version=2, wanted=n) for n in range(3, 23)]

    saved = await asyncio.gather(*(kept.plans.save(plan, over=1) for plan in plans))

    (winner,) = (plan for plan, won in zip(plans, saved, strict=True) if won)
    assert await kept.plans.load() == winner


async def test_a_version_may_leap(kept: Kept) -> None:
    # As when a store went back, and hosts know of later ones.
    await kept.plans.save(PLAN, over=0)
    leapt = msgspec.structs.replace(PLAN, version=1_000_000)

    assert await kept.plans.save(leapt, over=1)
    assert (await kept.plans.load()).version == 1_000_000


@pytest.mark.parametrize(
    "plan",
    [
        b"",
        b"garbage",
        b'{"version":1}garbage',
        b'{"version":"one"}',
        b'{"version":1,"hosts":["\xff"]}',
        b"[]",
        msgspec.json.encode(PLAN)[:-1],
        msgspec.json.encode(msgspec.structs.replace(PLAN, owners=PLAN.owners[1:])),
    ],
)
async def test_a_plan_that_is_damaged_is_refused_and_stays(kept: Kept, plan: bytes) -> None:
    await kept.damage(plan)

    with pytest.raises(StoreRefused, match=KEY):
        await kept.plans.load()

    assert await kept.ask("HGET", KEY, "plan") == plan


async def test_a_plan_that_a_newer_release_wrote_is_refused(kept: Kept) -> None:
    # Gone on with, it would lose what this release does not know of.
    newer = msgspec.json.decode(msgspec.json.encode(PLAN)) | {"zones": ["a", "b"]}
    await kept.damage(msgspec.json.encode(newer))

    with pytest.raises(StoreRefused, match="this release can read"):
        await kept.plans.load()


@pytest.mark.parametrize("version", [0, 2])
async def test_a_plan_of_another_version_than_is_said_is_refused(kept: Kept, version: int) -> None:
    await kept.damage(msgspec.json.encode(PLAN), version)

    with pytest.raises(StoreRefused, match="another plan than it says"):
        await kept.plans.load()


async def test_half_a_plan_is_refused(kept: Kept) -> None:
    await kept.plans.save(PLAN, over=0)
    await kept.ask("HDEL", KEY, "plan")

    with pytest.raises(StoreRefused):
        await kept.plans.load()


async def test_a_key_of_another_kind_is_not_taken_for_no_plan(kept: Kept) -> None:
    await kept.ask("SET", KEY, "something else")

    with pytest.raises(StoreUnreachable):
        await kept.plans.load()
    with pytest.raises(StoreUnreachable):
        await kept.plans.save(PLAN, over=0)


class Away:
    """Shards nobody answers at; or not in time."""

    def __init__(self, *, hangs: bool) -> None:
        self.hangs = hangs
        self.suspected = 0

    async def ask(self, calls: object) -> list[object]:
        if self.hangs:
            await asyncio.sleep(1_000)
        raise ConnectionRefusedError

    async def suspect(self) -> None:
        self.suspected += 1


@pytest.mark.parametrize("hangs", [True, False])
async def test_a_store_that_does_not_answer_is_unreachable(*, hangs: bool) -> None:
    away = Away(hangs=hangs)
    plans = RedisPlanStore(away, timeout_seconds=0.01)  # type: ignore[arg-type]

    with pytest.raises(StoreUnreachable):
        await plans.load()
    with pytest.raises(StoreUnreachable):
        await plans.save(PLAN, over=0)

    assert away.suspected == 2
