import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from redis import asyncio as aioredis
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff, NoBackoff

from doorward.actors.data_folder import DataFolder
from doorward.actors.errors import StoreRefused, StoreUnreachable
from doorward.actors.redis_child import RedisChild
from doorward.actors.redis_cluster import RedisCluster
from doorward.actors.redis_program import find_program
from doorward.actors.redis_slots import SLOTS, View
from doorward.actors.store_checks import check_cluster, check_store

PROGRAM = find_program()
GOOD = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
START_SECONDS = 20


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    with DataFolder.open(tmp_path) as opened:
        yield opened


@contextmanager
def short_folder() -> Iterator[Path]:
    # pytest's own folders are too long for the path of a socket.
    with tempfile.TemporaryDirectory(prefix="dw-") as folder:
        yield Path(folder)


@contextmanager
def server(folder: Path, settings: dict[str, str]) -> Iterator[str]:
    lines = [f"{name} {value}" for name, value in settings.items()]
    config = ["port 0", "unixsocket redis.sock", 'save ""', *lines]
    (folder / "redis.conf").write_text("\n".join(config))
    with subprocess.Popen(
        [PROGRAM.path, "redis.conf"], cwd=folder, stdout=subprocess.DEVNULL
    ) as process:
        try:
            yield str(folder / "redis.sock")
        finally:
            process.kill()


def client_of(path: str, **login: str) -> aioredis.Redis:
    retry = Retry(NoBackoff(), 0)
    return aioredis.Redis(unix_socket_path=path, retry=retry, **cast("Any", login))


@asynccontextmanager
async def store(settings: dict[str, str], **login: str) -> AsyncIterator[aioredis.Redis]:
    with short_folder() as folder, server(folder, GOOD | settings) as path:
        retry = Retry(ConstantBackoff(0.01), START_SECONDS * 100)
        async with aioredis.Redis(unix_socket_path=path, retry=retry) as waiting:
            await waiting.ping()
        async with client_of(path, **login) as client:
            yield client


class Answers:
    """A store that answers INFO as told, for what no server at hand would say."""

    def __init__(self, *, config: Exception | None = None, **info: object) -> None:
        self._info = {"redis_version": "7.0.15", "role": "master", **info}
        self._config = config or exceptions.ResponseError("unknown command 'CONFIG'")

    async def info(self) -> dict[str, object]:
        return self._info

    async def config_get(self, name: str) -> dict[str, str]:
        raise self._config


def answering(*, config: Exception | None = None, **info: object) -> aioredis.Redis:
    return cast("aioredis.Redis", Answers(config=config, **info))


async def test_a_store_that_persists_and_never_evicts_is_accepted() -> None:
    async with store({}) as client:
        facts = await check_store(client, allow_volatile=False, embedded=False)

    assert (facts.name, facts.version) == PROGRAM.release
    assert facts.role == "master"
    assert facts.settings == {**GOOD, "no-appendfsync-on-rewrite": "no"}
    assert facts.unchecked == ()
    assert facts.warnings == ()


async def test_our_own_child_is_accepted(folder: DataFolder) -> None:
    child = RedisChild(PROGRAM, folder, fsync="always")
    async with child, child.client() as client:
        facts = await check_store(client, allow_volatile=False, embedded=True)

    assert facts.unchecked == ()
    assert facts.warnings == ()


async def test_a_store_without_a_file_is_refused_by_name_value_and_rule() -> None:
    async with store({"appendonly": "no"}) as client:
        with pytest.raises(StoreRefused, match="appendonly is 'no': it must be 'yes'"):
            await check_store(client, allow_volatile=False, embedded=False)


async def test_a_store_without_a_file_is_accepted_with_a_warning_when_allowed() -> None:
    async with store({"appendonly": "no"}) as client:
        facts = await check_store(client, allow_volatile=True, embedded=False)

    assert len(facts.warnings) == 1
    assert "appendonly is 'no'" in facts.warnings[0]


async def test_our_own_child_must_persist_even_where_forgetting_is_allowed() -> None:
    async with store({"appendonly": "no"}) as client:
        with pytest.raises(StoreRefused, match="appendonly is 'no'"):
            await check_store(client, allow_volatile=True, embedded=True)


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
async def test_a_store_that_evicts_is_refused_even_where_forgetting_is_allowed(policy: str) -> None:
    async with store({"maxmemory-policy": policy}) as client:
        with pytest.raises(StoreRefused, match=f"maxmemory-policy is '{policy}': it must be"):
            await check_store(client, allow_volatile=True, embedded=False)


async def test_a_replica_is_refused() -> None:
    async with store({"replicaof": "127.0.0.1 1"}) as client:
        with pytest.raises(StoreRefused, match="role is 'slave': it must be 'master'"):
            await check_store(client, allow_volatile=False, embedded=False)


async def test_all_that_is_wrong_is_said_at_once() -> None:
    async with store({"appendonly": "no", "maxmemory-policy": "allkeys-lru"}) as client:
        with pytest.raises(StoreRefused, match=r"maxmemory-policy is .*; appendonly is "):
            await check_store(client, allow_volatile=False, embedded=False)


@pytest.mark.parametrize("fsync", ["everysec", "no"])
async def test_a_store_that_syncs_later_is_accepted_with_a_warning(fsync: str) -> None:
    async with store({"appendfsync": fsync}) as client:
        facts = await check_store(client, allow_volatile=False, embedded=False)

    assert facts.settings["appendfsync"] == fsync
    assert len(facts.warnings) == 1
    assert f"appendfsync is '{fsync}'" in facts.warnings[0]


async def test_a_store_that_does_not_sync_during_a_rewrite_is_accepted_with_a_warning() -> None:
    async with store({"no-appendfsync-on-rewrite": "yes"}) as client:
        facts = await check_store(client, allow_volatile=False, embedded=False)

    assert len(facts.warnings) == 1
    assert "no-appendfsync-on-rewrite is 'yes'" in facts.warnings[0]


@pytest.mark.parametrize(
    "forbidding", [{"rename-command": 'CONFIG ""'}, {"user": "default on nopass ~* +@all -config"}]
)
async def test_a_store_that_forbids_config_is_judged_by_what_it_shows(
    forbidding: dict[str, str],
) -> None:
    async with store(forbidding) as client:
        facts = await check_store(client, allow_volatile=False, embedded=False)

    assert facts.settings == {"appendonly": "yes", "maxmemory-policy": "noeviction"}
    assert facts.unchecked == ("appendfsync", "no-appendfsync-on-rewrite")
    assert len(facts.warnings) == 1
    assert "appendfsync is 'unknown'" in facts.warnings[0]


async def test_our_own_child_must_hide_nothing() -> None:
    async with store({"rename-command": 'CONFIG ""'}) as client:
        with pytest.raises(StoreRefused, match="appendfsync cannot be seen"):
            await check_store(client, allow_volatile=False, embedded=True)


async def test_a_store_that_forbids_config_cannot_hide_that_it_forgets() -> None:
    async with store({"rename-command": 'CONFIG ""', "appendonly": "no"}) as client:
        with pytest.raises(StoreRefused, match="appendonly is 'no'"):
            await check_store(client, allow_volatile=False, embedded=False)


async def test_a_store_that_forbids_info_is_refused() -> None:
    async with store({"user": "default on nopass ~* +@all -info"}) as client:
        with pytest.raises(StoreRefused, match="INFO is refused"):
            await check_store(client, allow_volatile=False, embedded=False)


async def test_wrong_credentials_are_refused_and_not_shown() -> None:
    user = {"user": "door on >right ~* +@all"}
    async with store(user, username="door", password="wrong-one") as client:
        with pytest.raises(StoreRefused, match="user name and password") as refusal:
            await check_store(client, allow_volatile=False, embedded=False)

    assert "wrong-one" not in str(refusal.value)


async def test_a_store_that_is_not_there_is_unreachable_and_not_refused() -> None:
    with short_folder() as folder:
        async with client_of(str(folder / "redis.sock")) as client:
            with pytest.raises(StoreUnreachable):
                await check_store(client, allow_volatile=False, embedded=False)


async def test_a_store_that_is_loading_is_unreachable_and_not_refused() -> None:
    with pytest.raises(StoreUnreachable, match="still loading"):
        await check_store(answering(loading=1), allow_volatile=False, embedded=False)


@pytest.mark.parametrize("loss", [exceptions.ConnectionError(), exceptions.TimeoutError()])
async def test_a_store_lost_while_it_is_looked_at_is_unreachable(loss: Exception) -> None:
    with pytest.raises(StoreUnreachable):
        await check_store(answering(config=loss), allow_volatile=False, embedded=False)


async def test_a_cluster_that_is_down_is_unreachable_and_not_refused() -> None:
    keepers: list[tuple[str, int] | None] = [("10.0.0.1", 7000)] * SLOTS
    sound = answering(redis_mode="cluster", aof_enabled=1, maxmemory_policy="noeviction")

    class Down:
        async def masters(self) -> tuple[View, dict[tuple[str, int], aioredis.Redis]]:
            return View(is_ok=False, epoch=1, keepers=keepers), {("10.0.0.1", 7000): sound}

    with pytest.raises(StoreUnreachable, match="cluster_state"):
        await check_cluster(cast("RedisCluster", Down()), allow_volatile=False)


@pytest.mark.parametrize("version", ["6.0.16", "5.0.7", "unknown"])
async def test_an_older_store_is_refused(version: str) -> None:
    old = answering(redis_version=version, aof_enabled=1, maxmemory_policy="noeviction")

    with pytest.raises(StoreRefused, match=r"version is .*: it must be at least 6\.2\.0"):
        await check_store(old, allow_volatile=False, embedded=False)


async def test_a_store_that_tells_nothing_is_not_trusted_to_persist() -> None:
    with pytest.raises(StoreRefused, match="appendonly is 'unknown'"):
        await check_store(answering(), allow_volatile=False, embedded=False)

    facts = await check_store(answering(), allow_volatile=True, embedded=False)

    assert "maxmemory-policy" in facts.unchecked
    assert "appendonly is 'unknown'" in facts.warnings[0]


async def test_a_store_that_cannot_write_its_file_is_told() -> None:
    failing = answering(aof_enabled=1, aof_last_write_status="err")

    facts = await check_store(failing, allow_volatile=False, embedded=False)

    assert any("aof_last_write_status" in warning for warning in facts.warnings)
