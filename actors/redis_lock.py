"""The proof of who lives in the home of the embedded Redis, and its end.

``redis.lock`` is the truth about life there. Its exclusive ``flock`` is taken before a server is
started, and only the server keeps the file open, so the lock is held exactly as long as the server
(or a process it forked for a rewrite) runs, whatever became of us. The pid inside is written by the
server's own process before it becomes the server.

Locked therefore means: a member of that process group is alive, and the kernel does not give a
group's number away while it has members. So signalling the group of a held lock cannot hit a
stranger, with one exception: another container on the same disk counts pids differently, which is
why the leader's working folder is looked at first.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from doorward.actors.errors import StoreRefused
from doorward.actors.finishing import finish_in_thread

_LOCK_NAME: Final = "redis.lock"
_TERM_SECONDS: Final = 10.0
_KILL_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.01


class RedisLock:
    """The lock of one Redis home."""

    __slots__ = ("_home", "_path")

    def __init__(self, home: Path) -> None:
        self._home = home
        self._path = home / _LOCK_NAME

    @contextlib.contextmanager
    def taken(self) -> Iterator[int]:
        """Take the lock for a server about to start.

        Yields:
            The descriptor to hand to the server, which keeps it for life; closed here afterwards.

        Raises:
            StoreRefused: Somebody lives here.
        """
        lock_fd = self._take()
        if lock_fd is None:
            raise StoreRefused(f"another Redis works in {self._home}")
        try:
            yield lock_fd
        finally:
            os.close(lock_fd)

    def is_free(self) -> bool:
        """Tell whether nothing lives here."""
        lock_fd = self._take()
        if lock_fd is None:
            return False
        os.close(lock_fd)
        return True

    async def clear(self) -> None:
        """End whatever lives here, and return when it has ended.

        A server gets SIGTERM first, on which it writes, syncs and leaves as on ``SHUTDOWN``
        (redis.io, Signal handling), and SIGKILL when that takes too long. What is left of a
        server that died, a forked rewrite, gets SIGKILL at once: nobody waits for its file.

        Raises:
            StoreRefused: It cannot be ended (a hung disk, or a process of another container).
        """
        started, sent = time.monotonic(), 0
        while not self.is_free():
            waited = time.monotonic() - started
            if waited > _TERM_SECONDS + _KILL_SECONDS:
                raise StoreRefused(
                    f"an earlier Redis still works in {self._home} and cannot be ended"
                )
            sent = await finish_in_thread(self._press, waited, sent)
            await asyncio.sleep(_LOOK_SECONDS)

    def _press(self, waited: float, sent: int) -> int:
        """Signal who lives here as their time demands, each signal once; return the last sent."""
        group = self._holder()
        if group is None:
            return sent
        gently = waited <= _TERM_SECONDS and _is_alive(group)
        wanted = signal.SIGTERM if gently else signal.SIGKILL
        if wanted != sent:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, wanted)
        return wanted

    def _holder(self) -> int | None:
        """Return the process group of who holds the lock, if it is ours to signal."""
        text = self._path.read_bytes().strip()
        group = int(text) if text.isdigit() else 0
        if group <= 1 or group == os.getpgrp():
            return None
        with contextlib.suppress(OSError):  # it is gone, or this system has no /proc
            if not self._home.samefile(f"/proc/{group}/cwd"):
                return None
        return group

    def _take(self) -> int | None:
        lock_fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock_fd)
            return None
        # The pid of an earlier server must not be found while the next one has not written its own.
        os.ftruncate(lock_fd, 0)
        return lock_fd


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
