"""The embedded Redis: a child process that is there as long as we are, and not a moment longer.

Who may call: the event loop that called ``start``, from the process's main thread (or one that
lives as long): the kernel ends the child when the *thread* that made it ends.

What is serialised: one supervisor task starts servers one after the other, and only into an empty
home (``redis_home``), so two of them never write the same files.

What survives: with ``fsync="always"`` every commit that was answered; with ``everysec`` all but the
last second or two when the *machine* dies (a killed server loses nothing: the kernel has its
writes). A killed server is back within two seconds: the first restart comes at once, later ones
at most a second apart, for ever. What is not: a server that hangs is not ended, since a slow disk
looks the same and would only be slowed further; clients have their own deadlines.
"""

import asyncio
import enum
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from redis import asyncio as aioredis
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from doorward.actors.data_folder import DataFolder
from doorward.actors.errors import StoreRefused
from doorward.actors.finishing import finish, finish_in_thread
from doorward.actors.redis_home import CONFIG_NAME, Fsync, RedisHome, StoreLogin
from doorward.actors.redis_program import RedisProgram, Release, child_environment, release_of
from doorward.actors.store_checks import is_refusal

_TETHER: Final = Path(__file__).with_name("redis_tether.py")
_RESTART_DELAYS_SECONDS: Final = (0.0, 0.1, 0.2, 0.4, 0.8, 1.0)
_STEADY_SECONDS: Final = 5.0
"""A server that answered this long had no trouble starting: its next restart comes at once."""

_LOOK_SECONDS: Final = 0.02
_PROBE_SECONDS: Final = 1.0
_CANCEL_SECONDS: Final = 1.0
_CLIENT_SECONDS: Final = 5.0


class Phase(enum.Enum):
    """What the child is doing."""

    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    DOWN = "down"
    STOPPED = "stopped"


class ChildReport(NamedTuple):
    """A change in the child's life, as told to ``on_state``.

    Attributes:
        phase: What it is doing now.
        detail: Why it is down, or how far the loading has come; for logs, holds no secret.
        restarts: How often it had to be started again since ``start``.
        pid: The server's process; None when there is none.
    """

    phase: Phase
    detail: str
    restarts: int
    pid: int | None


class RedisChild:
    """Runs and keeps running one Redis in a data folder."""

    def __init__(
        self,
        program: RedisProgram,
        folder: DataFolder,
        *,
        fsync: Fsync,
        on_state: Callable[[ChildReport], None] | None = None,
    ) -> None:
        """Prepare; nothing runs, and nothing on disk is touched, before ``start``.

        Args:
            program: What to run (``redis_program.find_program``).
            folder: The data folder, whose lock this process holds until after ``stop``.
            fsync: When the append-only file is synced: ``always`` before each answer, or
                ``everysec``.
            on_state: Called from the event loop with every change.
        """
        self._program = program
        self._home = RedisHome(folder)
        self._fsync: Fsync = fsync
        self._on_state = on_state
        self._process: Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._restarts = 0
        self.report = ChildReport(Phase.STOPPED, "not started", 0, None)

    @property
    def login(self) -> StoreLogin:
        """What a client of one's own making needs; known from ``start`` on."""
        return self._home.login

    def client(self, *, timeout_seconds: float | None = _CLIENT_SECONDS) -> aioredis.Redis:
        """Make a client that sends everything once: a commit resent is a commit made twice.

        Args:
            timeout_seconds: For one command. None leaves the deadline to the caller.
        """
        return aioredis.Redis(
            unix_socket_path=self.login.unix_socket_path,
            username=self.login.username,
            password=self.login.password,
            socket_timeout=timeout_seconds,
            driver_info=None,
            retry=Retry(NoBackoff(), 0),
        )

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """End what an earlier crash left, start the server, and return when it answers.

        Loading may take as long as it takes, told to ``on_state``: it ends when the server does.

        Raises:
            StoreRefused: The server ended before it answered (the message ends with the last lines
                of its log), an older program was chosen than wrote the data, or an earlier server
                cannot be ended.
            ConfigurationError: The folder cannot be used.
            OSError: The disk refused.
        """
        try:
            await finish_in_thread(self._home.open)
            process = await self._launch()
        except BaseException:
            await self._end()
            raise
        self._supervisor = asyncio.create_task(self._supervise(process), name="redis child")

    async def stop(self) -> None:
        """Have the server write, sync and leave, and return when it has. Never started is fine.

        Raises:
            StoreRefused: It cannot be ended.
        """
        # Asked until it ends: on Python 3.11 asyncio.wait_for, which redis-py sends with, forgets a
        # cancellation that comes together with its result (python/cpython issue 86296).
        while self._supervisor is not None and not self._supervisor.done():
            self._supervisor.cancel()
            await asyncio.wait({self._supervisor}, timeout=_CANCEL_SECONDS)
        self._supervisor = None
        await self._end()
        self._tell(Phase.STOPPED, "stopped")

    async def _end(self) -> None:
        if not self._home.is_open:
            return
        # The home knows better than we do what runs: a cancelled start may have left a server
        # that no variable here names.
        await self._home.lock.clear()
        if self._process is not None:
            await self._process.wait()
            self._process = None
        self._home.close()

    async def _supervise(self, process: Process) -> None:
        loop, streak = asyncio.get_running_loop(), 0
        while True:
            ready_at = loop.time()
            status = await process.wait()
            if loop.time() - ready_at >= _STEADY_SECONDS:
                streak = 0
            self._tell(Phase.DOWN, _ending(status))
            process, streak = await self._relaunch(streak)

    async def _relaunch(self, streak: int) -> tuple[Process, int]:
        while True:
            await asyncio.sleep(_RESTART_DELAYS_SECONDS[streak])
            streak = min(streak + 1, len(_RESTART_DELAYS_SECONDS) - 1)
            self._restarts += 1
            try:
                return await self._launch(), streak
            except Exception as error:  # noqa: BLE001 - whatever it is, giving up serves nobody
                # A full disk gets room, a program is put back: then the next try is the one.
                self._tell(Phase.DOWN, f"{type(error).__name__}: {error}")

    async def _launch(self) -> Process:
        await self._home.lock.clear()
        await finish_in_thread(lambda: self._home.furnish(self._program, fsync=self._fsync))
        self._process = process = await self._spawn()
        self._tell(Phase.STARTING, str(self._program.release))
        release = await self._until_ready(process)
        await finish_in_thread(self._home.record_writer, release)
        self._tell(Phase.READY, str(release))
        return process

    async def _spawn(self) -> Process:
        log_fd = self._home.open_log()
        try:
            with self._home.lock.taken() as lock_fd:
                return await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), str(lock_fd)),
                    *(str(self._program.path), CONFIG_NAME),
                    cwd=str(self._home.path),
                    env=child_environment(),
                    stdin=DEVNULL,
                    stdout=log_fd,
                    stderr=log_fd,
                    pass_fds=(lock_fd,),
                    # Its own session: the terminal's Ctrl-C is for us, who then stop it in order.
                    start_new_session=True,
                )
        finally:
            os.close(log_fd)

    async def _until_ready(self, process: Process) -> Release:
        ended = asyncio.ensure_future(process.wait())
        # No deadline of redis-py's own, for the same reason as in stop: a start that is cancelled
        # must not go on.
        probe = self.client(timeout_seconds=None)
        try:
            while (release := await self._look(probe)) is None:
                await asyncio.wait({ended}, timeout=_LOOK_SECONDS)
                if ended.done():
                    raise StoreRefused(await finish_in_thread(self._obituary, ended.result()))
            return release
        finally:
            ended.cancel()
            await finish(probe.aclose())

    async def _look(self, probe: aioredis.Redis) -> Release | None:
        """Return the server's release once it answers and has loaded everything."""
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                info = await probe.info()
        except (exceptions.ConnectionError, exceptions.TimeoutError, TimeoutError) as error:
            if is_refusal(error):
                raise StoreRefused(
                    f"the Redis in {self._home.path} does not know our password"
                ) from error
            return None
        if info["loading"]:
            self._tell(Phase.LOADING, f"{info.get('loading_loaded_perc', 0):.0f} % loaded")
            return None
        return release_of(info)

    def _obituary(self, status: int) -> str:
        last_words = self._home.last_words() or "(nothing)"
        return f"{self._program.path} {_ending(status)} before it answered; it said: {last_words}"

    def _tell(self, phase: Phase, detail: str) -> None:
        running = phase in {Phase.STARTING, Phase.LOADING, Phase.READY}
        pid = self._process.pid if running and self._process is not None else None
        report = ChildReport(phase, detail, self._restarts, pid)
        if report == self.report:
            return
        self.report = report
        if self._on_state is not None:
            # Not called from here: an error in a log or a gauge must not end the supervision.
            asyncio.get_running_loop().call_soon(self._on_state, report)


def _ending(status: int) -> str:
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"
