"""The two servers that are compared, each a process that ends with the block it is in."""

import http.client
import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from bench.failures import BenchFailed
from bench.processes import child, children
from bench.wire import HOST

ROOT: Final = Path(__file__).parents[1]
# Not /tmp, which is memory on many systems: there "appendfsync always" would cost nothing.
DISK: Final = Path("/var/tmp")  # noqa: S108 - a fresh folder of mode 0700 is made in it
_START_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.05
_OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that answers on this machine."""

    port: int
    pid: int

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that answer."""
        return (self.pid,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door(Server):
    """A Doorward with its embedded Redis."""

    redis_pid: int
    metrics_port: int
    operator_key: str

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that answer."""
        return (self.pid, self.redis_pid)

    @property
    def operator(self) -> dict[str, str]:
        """What opens the operator surface."""
        return {"Authorization": f"Bearer {self.operator_key}"}

    def figures(self) -> dict[str, float]:
        """Read the server's own figures, summed over their labels."""
        figures: dict[str, float] = {}
        status, text = _get(self.metrics_port, "/metrics")
        if status != _OK:
            raise BenchFailed(f"/metrics answers {status}")
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                figures[sample.name] = figures.get(sample.name, 0.0) + sample.value
        return figures


@contextmanager
def bench_folder() -> Iterator[Path]:
    """Make a folder on a real disk that is gone afterwards."""
    with tempfile.TemporaryDirectory(
        prefix="doorward-bench-", dir=DISK, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


@contextmanager
def doorward(folder: Path) -> Iterator[Door]:
    """Serve from a fresh data folder: embedded Redis, every commit synced, nothing else set.

    Raises:
        BenchFailed: It does not come up.
    """
    port, metrics_port = free_ports(2)
    operator_key = secrets.token_urlsafe(32)
    # What is set for the machine's own server must not decide what is measured.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD")}
    environ |= {
        "DOORWARD_APPENDFSYNC": "always",
        "DOORWARD_DATA_DIR": str(folder / "data"),
        "DOORWARD_DEMO": "0",
        "DOORWARD_LOG_LEVEL": "warning",
        "DOORWARD_METRICS_PORT": str(metrics_port),
        "DOORWARD_OPERATOR_KEY": operator_key,
        "DOORWARD_PORT": str(port),
    }
    command = [str(Path(sys.executable).with_name("doorward")), "serve"]
    log = folder / "doorward.log"
    with child(command, folder=folder, environ=environ, log=log) as process:
        await_answer(process, port, "/readyz", log)
        door = Door(
            port=port,
            pid=process.pid,
            redis_pid=_redis_of(process.pid),
            metrics_port=metrics_port,
            operator_key=operator_key,
        )
        try:
            yield door
        except BenchFailed as failed:
            raise BenchFailed(f"{failed}; {_obituary(process, log)}") from failed


@contextmanager
def bare(folder: Path) -> Iterator[Server]:
    """Serve ``bench.bare``.

    Raises:
        BenchFailed: It does not come up.
    """
    port, log = free_ports(1)[0], folder / "bare.log"
    command = [sys.executable, "-m", "bench.bare", str(port)]
    with child(command, folder=ROOT, environ=os.environ, log=log) as process:
        await_answer(process, port, "/api/v1/client-auth/me", log)
        yield Server(port=port, pid=process.pid)


def await_answer(process: "Popen[bytes]", port: int, path: str, log: Path) -> None:
    """Return once a server answers 200.

    Raises:
        BenchFailed: It does not come up.
    """
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            status, _ = _get(port, path)
        except OSError:
            status = 0
        if status == _OK:
            return
        time.sleep(_LOOK_SECONDS)
    raise BenchFailed(f"a server did not come up; {_obituary(process, log)}")


def _obituary(process: "Popen[bytes]", log: Path) -> str:
    status = process.poll()
    state = "runs" if status is None else f"ended with status {status}"
    said = log.read_text(encoding="utf-8", errors="replace")[-2000:].strip() or "(nothing)"
    return f"the server {state}, its log ends: {said}"


def _get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(HOST, port, timeout=5.0)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def _redis_of(parent: int) -> int:
    for pid, name in children(parent):
        if name.startswith(("redis-server", "valkey-server")):
            return pid
    raise BenchFailed("the server has no Redis of its own")


def free_ports(count: int) -> list[int]:
    """Find ports that nobody uses now."""
    # All held at once: asked for one after the other, the same port may come twice.
    with ExitStack() as held:
        listeners = [held.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind((HOST, 0))
        return [int(listener.getsockname()[1]) for listener in listeners]
