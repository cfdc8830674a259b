import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff

from doorward.actors import redis_lock, redis_tether
from doorward.actors.data_folder import DataFolder
from doorward.actors.redis_child import RedisChild
from doorward.actors.redis_home import RedisHome
from doorward.actors.redis_lock import RedisLock
from doorward.actors.redis_program import RedisProgram, find_program

NEWEST = find_program()
EACH_PROGRAM = pytest.mark.parametrize(
    "program",
    list(dict.fromkeys([NEWEST, find_program("/nonexistent")])),
    ids=lambda found: str(found.release),
)
WAIT_SECONDS = 20
PARENT = """
import asyncio, pathlib, sys
from doorward.actors.data_folder import DataFolder
from doorward.actors.redis_child import RedisChild
from doorward.actors.redis_program import find_program

async def main():
    folder = DataFolder.open(pathlib.Path(sys.argv[1]))
    child = RedisChild(find_program(sys.argv[2]), folder, fsync="always")
    await child.start()
    async with child.client() as client:
        await client.set("dw:kept", "yes")
    print(child.report.pid, flush=True)
    await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


@contextmanager
def parent_of_a_child(
    path: Path, program: RedisProgram
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-c", PARENT, str(path), str(program.path.parent)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as parent:
        assert parent.stdout is not None
        try:
            yield parent, int(parent.stdout.readline())
        finally:
            parent.kill()


@contextmanager
def watched(pid: int) -> Iterator[int]:
    pid_fd = os.pidfd_open(pid)
    try:
        yield pid_fd
    finally:
        os.close(pid_fd)


def has_ended(pid_fd: int, *, within_seconds: float) -> bool:
    return bool(select.select([pid_fd], [], [], within_seconds)[0])


async def read_kept(path: Path, program: RedisProgram) -> object:
    with await asyncio.to_thread(DataFolder.open, path) as folder:
        async with RedisChild(program, folder, fsync="always") as child, child.client() as client:
            return await client.get("dw:kept")


@EACH_PROGRAM
async def test_the_child_does_not_outlive_a_killed_parent(
    tmp_path: Path, program: RedisProgram
) -> None:
    with parent_of_a_child(tmp_path, program) as (parent, child_pid), watched(child_pid) as child:
        parent.kill()

        assert has_ended(child, within_seconds=WAIT_SECONDS)
    assert RedisLock(tmp_path / "redis").is_free()
    assert await read_kept(tmp_path, program) == b"yes"


async def test_a_child_that_hangs_beyond_its_parent_is_ended_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_lock, "_TERM_SECONDS", 0.2)
    with parent_of_a_child(tmp_path, NEWEST) as (parent, child_pid), watched(child_pid) as child:
        os.kill(child_pid, signal.SIGSTOP)
        parent.kill()
        parent.wait(timeout=WAIT_SECONDS)
        assert not has_ended(child, within_seconds=0)

        assert await read_kept(tmp_path, NEWEST) == b"yes"
        assert has_ended(child, within_seconds=WAIT_SECONDS)


def start_untied(home: RedisHome, program: RedisProgram) -> subprocess.Popen[bytes]:
    home.open()
    home.furnish(program, fsync="everysec")
    with home.lock.taken() as lock_fd:
        orphan = subprocess.Popen(
            [program.path, "redis.conf"],
            cwd=home.path,
            pass_fds=(lock_fd,),
            start_new_session=True,
        )
        os.pwrite(lock_fd, b"%d\n" % orphan.pid, 0)
    return orphan


@EACH_PROGRAM
async def test_an_untied_child_is_asked_to_leave_at_the_next_start_and_loses_nothing(
    tmp_path: Path, program: RedisProgram
) -> None:
    with await asyncio.to_thread(DataFolder.open, tmp_path) as folder:
        home = RedisHome(folder)
        orphan = await asyncio.to_thread(start_untied, home, program)
        patient = aioredis.Redis(
            **home.login._asdict(), retry=Retry(ConstantBackoff(0.01), WAIT_SECONDS * 100)
        )
        async with patient:
            await patient.set("dw:kept", "yes")
        home.close()

    assert await read_kept(tmp_path, program) == b"yes"
    # Zero and not minus fifteen: it wrote and left by itself.
    assert orphan.wait(timeout=WAIT_SECONDS) == 0


def run_tether(path: Path, parent_pid: int) -> subprocess.CompletedProcess[str]:
    with RedisLock(path).taken() as lock_fd:
        command = [sys.executable, "-I", "-S", redis_tether.__file__]
        show = "echo $$; ulimit -c; umask; exec cat redis.lock"
        return subprocess.run(
            [*command, str(parent_pid), str(lock_fd), "/bin/sh", "-c", show],
            cwd=path,
            capture_output=True,
            check=False,
            pass_fds=(lock_fd,),
            text=True,
            timeout=WAIT_SECONDS,
        )


def test_the_tied_process_signs_the_lock_and_hides_its_memory_and_files(tmp_path: Path) -> None:
    answer = run_tether(tmp_path, os.getpid())

    pid, core_limit, mask, signed = answer.stdout.split()
    assert signed == pid
    assert core_limit == "0"
    assert mask == "0077"


def test_a_process_whose_parent_is_gone_already_never_becomes_the_server(tmp_path: Path) -> None:
    answer = run_tether(tmp_path, os.getppid())

    assert answer.returncode == 1
    assert answer.stdout == ""
    assert "parent process is gone" in answer.stderr
    assert (tmp_path / "redis.lock").read_text() == ""
