import asyncio
import fcntl
import os
import signal
import subprocess
from pathlib import Path

import pytest

from doorward.actors import redis_lock
from doorward.actors.errors import StoreRefused
from doorward.actors.redis_lock import RedisLock


def live_in(home: Path, *command: str) -> subprocess.Popen[bytes]:
    with RedisLock(home).taken() as lock_fd:
        process = subprocess.Popen(
            command,
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(lock_fd,),
            start_new_session=True,
        )
        os.pwrite(lock_fd, b"%d\n" % process.pid, 0)
    return process


def record_signals(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sent: list[int] = []
    deliver = os.killpg

    def record_and_deliver(group: int, number: int) -> None:
        sent.append(number)
        deliver(group, number)

    monkeypatch.setattr(os, "killpg", record_and_deliver)
    return sent


def live_elsewhere() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["cat"], cwd="/", stdin=subprocess.PIPE, start_new_session=True)


def end(process: subprocess.Popen[bytes]) -> int:
    with process:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        return process.wait(timeout=10)


def test_a_new_home_is_free(tmp_path: Path) -> None:
    assert RedisLock(tmp_path).is_free()


def test_a_lock_once_given_up_is_free(tmp_path: Path) -> None:
    with RedisLock(tmp_path).taken():
        assert not RedisLock(tmp_path).is_free()

    assert RedisLock(tmp_path).is_free()


def test_a_taken_lock_is_not_given_twice(tmp_path: Path) -> None:
    with (
        RedisLock(tmp_path).taken(),
        pytest.raises(StoreRefused, match="another Redis"),
        RedisLock(tmp_path).taken(),
    ):
        pytest.fail("the lock was given twice")


def test_the_lock_stays_with_the_process_it_was_handed_to(tmp_path: Path) -> None:
    process = live_in(tmp_path, "cat")

    taken = not RedisLock(tmp_path).is_free()

    end(process)
    assert taken
    assert RedisLock(tmp_path).is_free()


async def test_clearing_an_empty_home_does_nothing(tmp_path: Path) -> None:
    async with asyncio.timeout(5):
        await RedisLock(tmp_path).clear()

    assert RedisLock(tmp_path).is_free()


async def test_who_lives_there_is_asked_to_leave(tmp_path: Path) -> None:
    process = live_in(tmp_path, "cat")

    await RedisLock(tmp_path).clear()

    assert RedisLock(tmp_path).is_free()
    assert end(process) == -signal.SIGTERM


async def test_who_does_not_leave_when_asked_is_made_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_lock, "_TERM_SECONDS", 0.2)
    sent = record_signals(monkeypatch)
    process = live_in(tmp_path, "sh", "-c", "trap '' TERM; echo deaf; read line; exit 3")
    assert process.stdout is not None
    assert process.stdout.readline() == b"deaf\n"

    await RedisLock(tmp_path).clear()

    assert RedisLock(tmp_path).is_free()
    assert sent == [signal.SIGTERM, signal.SIGKILL]
    assert end(process) == -signal.SIGKILL


async def test_a_fork_that_outlived_its_server_is_ended_at_once(tmp_path: Path) -> None:
    deaf_fork = "trap '' TERM; (echo forked; exec tail -f /dev/null) & read line"
    process = live_in(tmp_path, "sh", "-c", deaf_fork)
    assert process.stdout is not None
    assert process.stdout.readline() == b"forked\n"
    process.kill()
    process.wait(timeout=10)
    assert not RedisLock(tmp_path).is_free()

    async with asyncio.timeout(2):
        await RedisLock(tmp_path).clear()

    assert RedisLock(tmp_path).is_free()
    end(process)


async def test_a_stranger_with_the_written_pid_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_lock, "_TERM_SECONDS", 0.05)
    monkeypatch.setattr(redis_lock, "_KILL_SECONDS", 0.05)
    stranger = live_elsewhere()

    with RedisLock(tmp_path).taken() as lock_fd:
        os.pwrite(lock_fd, b"%d\n" % stranger.pid, 0)
        with pytest.raises(StoreRefused, match="cannot be ended"):
            await RedisLock(tmp_path).clear()

    assert stranger.poll() is None
    end(stranger)


@pytest.mark.parametrize("text", [b"", b"0\n", b"1\n", b"-5\n", b"nonsense\n"])
async def test_a_lock_without_a_usable_pid_signals_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes
) -> None:
    monkeypatch.setattr(redis_lock, "_TERM_SECONDS", 0.02)
    monkeypatch.setattr(redis_lock, "_KILL_SECONDS", 0.02)
    sent: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda group, _signal: sent.append(group))

    with RedisLock(tmp_path).taken() as lock_fd:
        os.pwrite(lock_fd, text, 0)
        with pytest.raises(StoreRefused, match="cannot be ended"):
            await RedisLock(tmp_path).clear()

    assert sent == []


async def test_our_own_group_is_never_signalled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_lock, "_TERM_SECONDS", 0.02)
    monkeypatch.setattr(redis_lock, "_KILL_SECONDS", 0.02)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "getpgrp", os.getpid)
    sent: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda group, _signal: sent.append(group))

    with RedisLock(tmp_path).taken() as lock_fd:
        os.pwrite(lock_fd, b"%d\n" % os.getpid(), 0)
        with pytest.raises(StoreRefused):
            await RedisLock(tmp_path).clear()

    assert sent == []


def test_a_taken_lock_does_not_show_the_pid_of_before(tmp_path: Path) -> None:
    end(live_in(tmp_path, "cat"))
    assert (tmp_path / "redis.lock").read_text() != ""

    with RedisLock(tmp_path).taken():
        assert (tmp_path / "redis.lock").read_text() == ""


def test_the_lock_file_is_private_and_stays(tmp_path: Path) -> None:
    with RedisLock(tmp_path).taken() as lock_fd:
        assert fcntl.fcntl(lock_fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC

    assert (tmp_path / "redis.lock").stat().st_mode & 0o7777 == 0o600
