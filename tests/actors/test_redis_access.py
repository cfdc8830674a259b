from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_asyncio
from redis import asyncio as aioredis
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from doorward.actors.data_folder import DataFolder
from doorward.actors.errors import StoreRefused
from doorward.actors.redis_child import RedisChild
from doorward.actors.redis_program import RedisProgram, find_program

PROGRAMS = list(dict.fromkeys([find_program(), find_program("/nonexistent")]))


@pytest.fixture(params=PROGRAMS, ids=lambda found: str(found.release))
def program(request: pytest.FixtureRequest) -> RedisProgram:
    found: RedisProgram = request.param
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    with DataFolder.open(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture
async def child(folder: DataFolder, program: RedisProgram) -> AsyncIterator[RedisChild]:
    async with RedisChild(program, folder, fsync="always") as started:
        yield started


def mode_of(path: str) -> int:
    return Path(path).stat().st_mode & 0o7777


def install(path: Path, script: str) -> Path:
    path.write_text(script)
    path.chmod(0o755)
    return path


def read(path: Path) -> str:
    return path.read_text()


def shown_of(child: RedisChild) -> bytes:
    proc = Path(f"/proc/{child.report.pid}")
    return (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()


@pytest.mark.parametrize(
    ("username", "password"),
    [(None, None), ("doorward", "wrong"), ("default", "any"), ("default", ""), ("other", "any")],
)
async def test_nobody_else_gets_an_answer(
    child: RedisChild, username: str | None, password: str | None
) -> None:
    stranger = aioredis.Redis(
        unix_socket_path=child.login.unix_socket_path,
        username=username,
        password=password,
        retry=Retry(NoBackoff(), 0),
    )
    async with stranger:
        with pytest.raises(exceptions.ConnectionError, match=r"authenticated|password"):
            await stranger.ping()


async def test_only_our_own_system_user_reaches_the_socket(child: RedisChild) -> None:
    assert mode_of(child.login.unix_socket_path) == 0o700


async def test_a_server_that_does_not_know_our_password_is_not_waited_for(
    folder: DataFolder, program: RedisProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = SimpleNamespace(hexdigest=lambda: "0" * 64)
    monkeypatch.setattr("hashlib.sha256", lambda _password: wrong)

    child = RedisChild(program, folder, fsync="always")
    with pytest.raises(StoreRefused, match="does not know our password"):
        await child.start()


@pytest.mark.parametrize(
    "command",
    [
        "FLUSHALL",
        "CONFIG SET appendonly no",
        "SHUTDOWN NOSAVE",
        "MONITOR",
        "BGREWRITEAOF",
        "REPLICAOF 127.0.0.1 1",
        "ACL LIST",
        "KEYS *",
    ],
)
async def test_even_our_own_user_may_do_nothing_dangerous(child: RedisChild, command: str) -> None:
    async with child.client() as client:
        with pytest.raises(exceptions.NoPermissionError):
            await client.execute_command(*command.split())  # type: ignore[no-untyped-call]


async def test_our_user_may_do_what_a_store_needs(child: RedisChild) -> None:
    script = "redis.call('XADD', KEYS[1], '*', 'a', ARGV[1]) return redis.call('TIME')"
    async with child.client() as client:
        digest = await client.script_load(script)
        told = await client.evalsha(digest, 1, "dw:{7}:outbox", "1")

        assert len(told) == 2
        assert await client.xlen("dw:{7}:outbox") == 1


async def test_the_password_is_not_shown_to_who_lists_processes(child: RedisChild) -> None:
    shown = shown_of(child)

    assert b"redis" in shown
    assert child.login.password.encode() not in shown


async def test_the_child_is_not_given_our_environment(
    tmp_path: Path, folder: DataFolder, program: RedisProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not read from /proc: Redis overwrites what is shown there with its title.
    monkeypatch.setenv("DOORWARD_MASTER_KEY", "a-master-key-of-ours")
    curious = install(tmp_path / "redis-server", "#!/bin/sh\nenv > given\n")

    with pytest.raises(StoreRefused, match="ended with status 0 before it answered"):
        await RedisChild(program._replace(path=curious), folder, fsync="always").start()

    given = read(folder.path / "redis" / "given")
    assert "PATH=" in given
    assert "DOORWARD" not in given
