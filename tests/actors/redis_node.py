"""A Redis server of the tests' own, on loopback: frozen, killed and started again as they wish."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from doorward.actors.redis_program import child_environment, find_program

WAIT_SECONDS: Final = 30
LASTING: Final = {"save": '""', "appendonly": "yes", "appendfsync": "everysec"}
"""Survives the kill of the server, which is all that a test does to it."""
_PROGRAM: Final = find_program()
_LOOK_SECONDS: Final = 0.01
_TRIES: Final = 5


class RedisNode:
    """One server, on a port of the system's choice."""

    def __init__(
        self, folder: Path, settings: dict[str, str], *, is_sentinel: bool = False
    ) -> None:
        """Start it in a new folder, and return when it answers."""
        self.folder = folder
        self._options = ["--sentinel"] if is_sentinel else []
        folder.mkdir()
        for _ in range(_TRIES):
            # Somebody may take a port between our asking and its being used.
            self.port, self.bus_port, self.tls_port = _free_ports(3)
            self._configure(settings)
            self._launch()
            if self._answers():
                return
        raise RuntimeError(f"no server would start: {(folder / 'log').read_text()}")

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def __call__(self, *words: str | int) -> Any:  # noqa: ANN401 - any reply
        """Make a call and return its reply."""
        with redis.Redis(port=self.port, retry=Retry(NoBackoff(), 0)) as client:
            return client.execute_command(*words)

    def start_again(self) -> None:
        """Start it after a kill, on the same port and files, and return when it answers."""
        self._launch()
        assert self._answers()

    def freeze(self) -> None:
        """Stop it from answering anything while its connections stay open."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut would; safe to repeat."""
        self._process.kill()
        self._process.wait(timeout=WAIT_SECONDS)

    def _configure(self, settings: dict[str, str]) -> None:
        own = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder}
        if settings.get("cluster-enabled"):
            own["cluster-port"] = self.bus_port
        if "tls-cert-file" in settings:
            own["tls-port"] = self.tls_port
        lines = [f"{name} {value}" for name, value in (own | settings).items()]
        (self.folder / "redis.conf").write_text("\n".join(lines) + "\n")

    def _launch(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_PROGRAM.path, self.folder / "redis.conf", *self._options],
                env=child_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _answers(self) -> bool:
        def done() -> bool:
            return not self.runs or self._is_up()

        until(done, f"an answer of {self.name}")
        return self.runs

    def _is_up(self) -> bool:
        try:
            return bool(self("PING"))
        except redis.RedisError:
            return False


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for a state of servers; for fixtures, which have no loop to block."""
    latest = time.monotonic() + WAIT_SECONDS
    while not done():
        assert time.monotonic() < latest, f"{what} did not come"
        time.sleep(_LOOK_SECONDS)


def _free_ports(number: int) -> list[int]:
    with ExitStack() as taken:
        sockets = [taken.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
