"""A cluster on this machine, and the naive design beside it: each ends with the block it is in."""

import os
import secrets
import shutil
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from bench.failures import BenchFailed
from bench.processes import child
from bench.servers import ROOT, Door, Server, await_answer, free_ports

NAIVE_STOREFRONTS: Final = 4
"""Each is a process of a hundred megabytes."""
_START_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.05
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterDoor(Door):
    """An HTTP process of a cluster, its hosts and their Redis."""

    host_pids: tuple[int, ...]

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that answer."""
        return (self.pid, self.redis_pid, *self.host_pids)


@contextmanager
def cluster(folder: Path, *, hosts: int = 1) -> Iterator[ClusterDoor]:
    """Serve with one HTTP process and so many hosts, from a Redis of its own.

    Raises:
        BenchFailed: It does not come up.
    """
    folder.mkdir()
    port, metrics_port = free_ports(2)
    operator_key = secrets.token_urlsafe(32)
    with _redis(folder / "redis") as (redis_pid, redis_url):
        environ = _plain_environ() | {
            "DOORWARD_DATA_DIR": str(folder / "data"),
            "DOORWARD_LOG_LEVEL": "warning",
            "DOORWARD_MASTER_KEY": urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode().rstrip("="),
            "DOORWARD_METRICS_PORT": str(metrics_port),
            "DOORWARD_OPERATOR_KEY": operator_key,
            "DOORWARD_PORT": str(port),
            "DOORWARD_REDIS_URL": redis_url,
        }
        with _head(folder, environ, hosts) as head:
            doorward = str(Path(sys.executable).with_name("doorward"))
            command, log = [doorward, "serve", "--cluster", head["address"]], folder / "http.log"
            with child(command, folder=folder, environ=environ, log=log) as process:
                await_answer(process, port, "/readyz", log)
                yield ClusterDoor(
                    port=port,
                    pid=process.pid,
                    redis_pid=redis_pid,
                    metrics_port=metrics_port,
                    operator_key=operator_key,
                    host_pids=tuple(head["hosts"]),
                )


@contextmanager
def naive(folder: Path) -> Iterator[Server]:
    """Serve the naive design (``bench.naive``), on a Ray and a Redis of its own.

    Raises:
        BenchFailed: It does not come up.
    """
    folder.mkdir()
    port, log = free_ports(1)[0], folder / "naive.log"
    with _redis(folder / "redis") as (_, redis_url), _head(folder, _plain_environ(), 0) as head:
        told = (str(port), head["address"], redis_url, str(folder), str(NAIVE_STOREFRONTS))
        command = [sys.executable, "-m", "bench.naive", *told]
        with child(command, folder=ROOT, environ=os.environ, log=log) as process:
            await_answer(process, port, "/api/v1/client-auth/me", log)
            yield Server(port=port, pid=process.pid)


@contextmanager
def _head(folder: Path, environ: Mapping[str, str], hosts: int) -> Iterator[dict[str, Any]]:
    told, log = folder / "head.json", folder / "head.log"
    command = [sys.executable, "-P", "-m", "bench.cluster_head", str(hosts), str(told)]
    environ = {**environ, "PYTHONPATH": str(ROOT)}
    with child(command, folder=folder, environ=environ, log=log):
        _await_file(told, log)
        yield orjson.loads(told.read_bytes())


@contextmanager
def _redis(folder: Path) -> Iterator[tuple[int, str]]:
    """Run a Redis as the embedded one is run: every commit synced, on a unix socket."""
    server = shutil.which("redis-server")
    if server is None:
        raise BenchFailed("redis-server is missing: scripts/install --dev installs it")
    folder.mkdir()
    socket, log = folder / "redis.sock", folder / "redis.log"
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    command = [server, *(word for name, value in settings.items() for word in (f"--{name}", value))]
    with child(command, folder=folder, environ=os.environ, log=log) as process:
        _await_file(socket, log)
        yield process.pid, f"unix://{socket}"


def _plain_environ() -> dict[str, str]:
    # What is set for the machine's own server must not decide what is measured.
    return {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD")}


def _await_file(path: Path, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if path.exists() and (path.is_socket() or path.stat().st_size):
            return
        time.sleep(_LOOK_SECONDS)
    said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise BenchFailed(f"{path.name} did not come up; the log ends: {said}")
