import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from redis.crc import key_slot
from structlog.testing import capture_logs

from doorward.actors.data_folder import DataFolder
from doorward.actors.errors import StoreRefused, StoreUnreachable
from doorward.actors.journal import Ending
from doorward.actors.partitions import partition_key
from doorward.actors.redis_journal import RedisJournal
from doorward.actors.store_connection import connect
from doorward.config.concerns import Store
from doorward.config.secret import Secret
from tests.actors.committing import Owner
from tests.actors.redis_fleet import Cluster, Watched
from tests.actors.redis_node import RedisNode

LOGIN = "~* &* +@all"
DOCUMENT = (Path(__file__).parents[2] / "docs" / "redis.md").read_text(encoding="utf-8")
SERVER_RULE, SENTINEL_RULE = re.findall(
    r"^ACL SETUSER doorward on >password (.*)$", DOCUMENT, re.MULTILINE
)


@pytest_asyncio.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    with DataFolder.open(tmp_path) as opened:
        yield opened


@contextmanager
def user(*nodes: RedisNode, rule: str = LOGIN) -> Iterator[None]:
    """Let somebody in by the name of door."""
    for node in nodes:
        node("ACL", "SETUSER", "door", "on", ">right", *rule.split())
    yield
    for node in nodes:
        node("ACL", "DELUSER", "door")


async def refusal(url: str, folder: DataFolder, stack: AsyncExitStack) -> str:
    with pytest.raises(StoreRefused) as refused:
        await connect(Store(redis_url=Secret(url)), folder, stack)
    return str(refused.value)


async def journal(url: str, folder: DataFolder, stack: AsyncExitStack) -> RedisJournal:
    return RedisJournal(await connect(Store(redis_url=Secret(url)), folder, stack))


async def test_a_cluster_is_opened_by_the_name_and_password_of_its_url(
    redis_cluster: Cluster, folder: DataFolder, stack: AsyncExitStack
) -> None:
    url = redis_cluster.url.replace("://", "://door:right@")
    with user(*redis_cluster.masters):
        opened = await journal(url, folder, stack)

        owner = await Owner(opened).take(*redis_cluster.a_partition_each())

    assert list(owner.epochs) == redis_cluster.a_partition_each()


async def test_a_master_is_opened_by_the_names_and_passwords_of_its_url(
    redis_watched: Watched, folder: DataFolder, stack: AsyncExitStack
) -> None:
    url = redis_watched.url.replace("://", "://door:right@")
    url += "?db=1&sentinel_username=door&sentinel_password=right"
    with user(redis_watched.master, redis_watched.sentinel):
        opened = await journal(url, folder, stack)
        await Owner(opened).take(7)

        keyspace = redis_watched.master("INFO", "keyspace")
        assert keyspace["db1"]["keys"] >= 1
    redis_watched.master("FLUSHALL")


async def test_a_wrong_password_for_a_cluster_is_refused_and_not_shown(
    redis_cluster: Cluster, folder: DataFolder, stack: AsyncExitStack
) -> None:
    url = redis_cluster.url.replace("://", "://door:hunter2@")
    with user(*redis_cluster.masters):
        said = await refusal(url, folder, stack)

    assert "the store refuses our user name and password" in said
    assert "hunter2" not in said


async def used(opened: RedisJournal) -> None:
    """Make every kind of call."""
    await opened.open()
    owner = await Owner(opened).take(1, 3)
    held = [(partition, owner.epochs[partition]) for partition in (1, 3)]
    assert await owner.put(b"1", 1, 3) == [Ending.COMMITTED] * 2
    assert await owner.read(1, 3) == [b"1"] * 2
    assert await opened.confirm(owner.name, held, 60_000) == [Ending.COMMITTED] * 2
    assert await opened.outbox(1, "", 1) == []
    assert await opened.roster("", 1) == []
    assert await opened.names("alpha", 1) == ([], True)
    await opened.release(owner.name, held)


async def test_a_user_needs_no_more_in_a_cluster_than_is_written_down(
    redis_cluster: Cluster, folder: DataFolder, stack: AsyncExitStack
) -> None:
    for node in redis_cluster.masters:
        node("FLUSHALL")
    with user(*redis_cluster.masters, rule=SERVER_RULE):
        await used(await journal(redis_cluster.url.replace("://", "://door:right@"), folder, stack))


async def test_a_user_needs_no_more_behind_sentinels_than_is_written_down(
    redis_watched: Watched, folder: DataFolder, stack: AsyncExitStack
) -> None:
    redis_watched.master("FLUSHALL")
    url = redis_watched.url.replace("://", "://door:right@")
    url += "?sentinel_username=door&sentinel_password=right"
    with (
        user(redis_watched.master, rule=SERVER_RULE),
        user(redis_watched.sentinel, rule=SENTINEL_RULE),
    ):
        await used(await journal(url, folder, stack))


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        ("door:hunter2@", "", "the store refuses our user name and password"),
        ("", "?sentinel_username=door&sentinel_password=hunter2", "the Sentinels do not tell"),
    ],
)
async def test_a_wrong_password_behind_sentinels_is_refused_and_not_shown(  # noqa: PLR0917
    redis_watched: Watched,
    folder: DataFolder,
    stack: AsyncExitStack,
    before: str,
    after: str,
    rule: str,
) -> None:
    url = redis_watched.url.replace("://", f"://{before}") + after
    with user(redis_watched.master, redis_watched.sentinel):
        said = await refusal(url, folder, stack)

    assert rule in said
    assert "hunter2" not in said


async def test_a_service_that_the_sentinels_do_not_know_is_refused(
    redis_watched: Watched, folder: DataFolder, stack: AsyncExitStack
) -> None:
    said = await refusal(f"redis+sentinel://{redis_watched.sentinel.name}/shop", folder, stack)

    assert "the Sentinels do not tell the master of 'shop' (No such master" in said


async def test_the_url_of_another_kind_of_store_is_refused_with_the_right_one(
    redis_cluster: Cluster, redis_watched: Watched, folder: DataFolder, stack: AsyncExitStack
) -> None:
    node, sentinel, server = redis_cluster.masters[0], redis_watched.sentinel, redis_watched.master

    assert "begin with redis+cluster://" in await refusal(f"redis://{node.name}", folder, stack)
    assert "begin with redis+sentinel://" in await refusal(
        f"redis://{sentinel.name}", folder, stack
    )
    assert "must name nodes of a Redis Cluster" in await refusal(
        f"redis+cluster://{server.name}", folder, stack
    )
    assert "Sentinels do not tell the master" in await refusal(
        f"redis+sentinel://{server.name}/doorward", folder, stack
    )


async def test_one_server_is_opened_by_its_url(
    redis_socket: Path, folder: DataFolder, stack: AsyncExitStack
) -> None:
    opened = await journal(f"unix://{redis_socket}", folder, stack)

    assert (await opened.open()).id


async def test_an_embedded_store_is_started_and_opened(
    folder: DataFolder, stack: AsyncExitStack
) -> None:
    opened = RedisJournal(await connect(Store(), folder, stack))

    assert (await opened.open()).id


async def test_a_store_that_is_frozen_is_not_waited_for(
    redis_watched: Watched,
    folder: DataFolder,
    stack: AsyncExitStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("doorward.actors.store_connection.OPEN_SECONDS", 0.1)
    redis_watched.master.freeze()
    try:
        with pytest.raises(StoreUnreachable, match="did not answer"):
            await connect(Store(redis_url=Secret(redis_watched.url)), folder, stack)
    finally:
        redis_watched.master.thaw()


@pytest.mark.parametrize(
    "url", ["redis+cluster://127.0.0.1:1,127.0.0.1:2", "redis+sentinel://127.0.0.1:1/doorward"]
)
async def test_a_store_where_nobody_answers_is_unreachable(
    folder: DataFolder, stack: AsyncExitStack, url: str
) -> None:
    with pytest.raises(StoreUnreachable):
        await connect(Store(redis_url=Secret(url)), folder, stack)


async def test_a_url_that_was_not_checked_is_refused_and_not_shown(
    folder: DataFolder, stack: AsyncExitStack
) -> None:
    said = await refusal("redis+cluster://:hunter2@h/1", folder, stack)
    other = await refusal("redis://:hunter2@h?db=hunter2", folder, stack)

    assert "DOORWARD_REDIS_URL must have no path" in said
    assert "DOORWARD_REDIS_URL cannot be used" in other
    assert "hunter2" not in said + other


async def test_every_node_of_a_cluster_must_persist_and_never_evict(
    redis_cluster: Cluster, folder: DataFolder, stack: AsyncExitStack
) -> None:
    first, second, third = redis_cluster.masters
    second("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    third("CONFIG", "SET", "appendonly", "no")

    said = await refusal(redis_cluster.url, folder, stack)
    second("CONFIG", "SET", "maxmemory-policy", "noeviction")
    third("CONFIG", "SET", "appendonly", "yes")

    assert f"{second.name}: maxmemory-policy is 'allkeys-lru'" in said
    assert f"{third.name}: appendonly is 'no'" in said
    assert first.name not in said


async def test_every_slot_of_a_cluster_must_be_kept(
    redis_cluster: Cluster, folder: DataFolder, stack: AsyncExitStack
) -> None:
    slot = key_slot(partition_key(5).encode())
    keeper = redis_cluster.keeper_of(partition_key(5))
    for node in redis_cluster.masters:
        node("CLUSTER", "DELSLOTS", slot)

    said = await refusal(redis_cluster.url, folder, stack)
    keeper("CLUSTER", "ADDSLOTS", slot)
    redis_cluster.until_sound()

    assert f"no node keeps slots {slot} to {slot}" in said


async def test_it_is_told_that_nobody_takes_a_nodes_place(
    redis_cluster: Cluster, folder: DataFolder, stack: AsyncExitStack
) -> None:
    with capture_logs() as logs:
        await connect(Store(redis_url=Secret(redis_cluster.url)), folder, stack)

    told = [line["detail"] for line in logs]
    for node in redis_cluster.masters:
        assert f"{node.name}: it has no replica: nobody takes its place when it is down" in told


async def test_it_is_told_that_a_master_goes_on_without_its_replicas(
    redis_watched: Watched, folder: DataFolder, stack: AsyncExitStack
) -> None:
    with capture_logs() as logs:
        await connect(Store(redis_url=Secret(redis_watched.url)), folder, stack)
        redis_watched.master("CONFIG", "SET", "min-replicas-to-write", "1")
        await connect(Store(redis_url=Secret(redis_watched.url)), folder, stack)
    redis_watched.master("CONFIG", "SET", "min-replicas-to-write", "0")

    told = [line["detail"] for line in logs]
    assert sum("min-replicas-to-write is 0" in sentence for sentence in told) == 1
