import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from doorward.actors.data_folder import DataFolder
from doorward.actors.errors import StoreRefused
from doorward.actors.redis_child import ChildReport, Phase, RedisChild
from doorward.actors.redis_lock import RedisLock
from doorward.actors.redis_program import RedisProgram, find_program

NEWEST = find_program()
FROM_WHEEL = find_program("/nonexistent")
EACH_PROGRAM = pytest.mark.parametrize(
    "program", list(dict.fromkeys([NEWEST, FROM_WHEEL])), ids=lambda found: str(found.release)
)


@asynccontextmanager
async def running(
    path: Path,
    program: RedisProgram,
    told: Callable[[ChildReport], None] | None = None,
) -> AsyncIterator[RedisChild]:
    with await asyncio.to_thread(DataFolder.open, path) as folder:
        async with RedisChild(program, folder, fsync="always", on_state=told) as child:
            yield child


async def ask(child: RedisChild, *command: str) -> object:
    async with child.client() as client:
        answer: object = await client.execute_command(*command)  # type: ignore[no-untyped-call]
        return answer


def pid_of(child: RedisChild) -> int:
    assert child.report.pid is not None
    return child.report.pid


def append_only_file(path: Path) -> Path:
    files = [*path.glob("redis/appendonlydir/*.incr.aof"), *path.glob("redis/appendonly.aof")]
    assert len(files) == 1
    return files[0]


@EACH_PROGRAM
@pytest.mark.parametrize("ending", ["stopped", "killed"])
async def test_what_scripts_and_transactions_wrote_is_there_after_a_restart(
    tmp_path: Path, program: RedisProgram, ending: str
) -> None:
    script = """
        redis.call('SET', KEYS[1], ARGV[1], 'PX', 3600000)
        redis.call('HSET', KEYS[2], 'epoch', '7')
        redis.call('XADD', KEYS[3], '1-1', 'job', ARGV[1])
    """
    async with running(tmp_path, program) as child, child.client() as client:
        await client.eval(script, 3, "dw:{1}:record", "dw:{1}:partition", "dw:{1}:outbox", "yes")
        async with client.pipeline(transaction=True) as transaction:
            transaction.set("dw:{2}:record", "yes")
            transaction.sadd("dw:{2}:roster", "slug")
            await transaction.execute()
        if ending == "killed":
            os.kill(pid_of(child), signal.SIGKILL)

    async with running(tmp_path, program) as child, child.client() as client:
        assert await client.get("dw:{1}:record") == b"yes"
        assert await client.pttl("dw:{1}:record") > 0
        assert await client.hget("dw:{1}:partition", "epoch") == b"7"
        assert await client.xrange("dw:{1}:outbox") == [(b"1-1", {b"job": b"yes"})]
        assert await client.get("dw:{2}:record") == b"yes"
        assert await client.smembers("dw:{2}:roster") == {b"slug"}


@EACH_PROGRAM
async def test_a_commit_cut_short_is_dropped_and_the_rest_kept(
    tmp_path: Path, program: RedisProgram
) -> None:
    async with running(tmp_path, program) as child:
        await ask(child, "SET", "dw:kept", "yes")
    with append_only_file(tmp_path).open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$6\r\ndw:cu")

    async with running(tmp_path, program) as child:
        assert await ask(child, "GET", "dw:kept") == b"yes"
        assert await ask(child, "EXISTS", "dw:cu") == 0


@EACH_PROGRAM
async def test_a_corrupt_file_is_refused_with_the_servers_last_words(
    tmp_path: Path, program: RedisProgram
) -> None:
    async with running(tmp_path, program) as child:
        await ask(child, "SET", "dw:kept", "yes")
    file = append_only_file(tmp_path)
    damaged = file.read_bytes().replace(b"\r\n", b"\n\n", 1) + b"*1\r\n$4\r\nPING\r\n"
    file.write_bytes(damaged)

    with pytest.raises(StoreRefused, match="Bad file format") as refusal:
        async with running(tmp_path, program):
            pytest.fail("it started")

    assert "ended with status 1 before it answered" in str(refusal.value)
    assert file.read_bytes() == damaged
    assert RedisLock(tmp_path / "redis").is_free()


async def test_a_newer_program_takes_over_the_data_of_an_older_one(tmp_path: Path) -> None:
    script = "redis.call('SET', 'dw:kept', 'yes') redis.call('SET', 'dw:also', 'yes')"
    async with running(tmp_path, FROM_WHEEL) as child:
        await ask(child, "EVAL", script, "0")

    async with running(tmp_path, NEWEST) as child:
        assert await ask(child, "MGET", "dw:kept", "dw:also") == [b"yes", b"yes"]
    assert (tmp_path / "redis" / "written-by").read_text() == f"{NEWEST.release}\n"


async def test_an_older_program_does_not_open_the_data_of_a_newer_one(tmp_path: Path) -> None:
    async with running(tmp_path, NEWEST):
        pass
    older = FROM_WHEEL._replace(version=(6, 1, 0))

    with pytest.raises(StoreRefused, match=r"written by redis .* cannot be trusted to read it"):
        async with running(tmp_path, older):
            pytest.fail("it started")


@EACH_PROGRAM
async def test_loading_is_waited_for_and_told(tmp_path: Path, program: RedisProgram) -> None:
    count = 400_000
    commands = "".join(
        f"*3\r\n$3\r\nSET\r\n$9\r\ndw:{number:06}\r\n$6\r\n{number:06}\r\n"
        for number in range(count)
    )
    (tmp_path / "redis").mkdir(mode=0o700)
    (tmp_path / "redis" / "appendonly.aof").write_text(commands)
    told: list[ChildReport] = []

    async with running(tmp_path, program, told.append) as child:
        assert await ask(child, "DBSIZE") == count
        assert await ask(child, "GET", f"dw:{count - 1:06}") == b"399999"

    loading = [report.detail for report in told if report.phase is Phase.LOADING]
    assert loading
    assert all("% loaded" in detail for detail in loading)
