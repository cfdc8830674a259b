"""One load by wrk, and what it did to the server: as fast as 64 connections go (a closed loop)."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import orjson

from bench import processes
from bench.failures import BenchFailed
from bench.servers import Server
from bench.wire import HOST

SCRIPT: Final = Path(__file__).with_name("requests.lua")
Way = Literal["fresh", "once", "again", "chain"]
_MARK: Final = "doorward-bench "
_GRACE_SECONDS: Final = 30
SATURATED: Final = 0.95
"""Above this share of a core wrk itself, not the server, may be what is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What a load sends: a file for ``requests.lua``, and how to go through it."""

    way: Way
    path: Path

    @classmethod
    def write(cls, way: Way, parts: list[bytes], path: Path) -> "Feed":
        """Write the file."""
        path.write_bytes(b"".join(part + b"\0" for part in parts))
        return cls(way=way, path=path)

    def repeated(self) -> "Feed":
        """Return the same for a server that does not mind a request coming again."""
        return Feed(way="again", path=self.path) if self.way == "once" else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What wrk counted: requests that were answered, and latency at percentiles.

    Attributes:
        ran_out: 1 when there was nothing left to send.
    """

    requests: int
    duration_us: int
    bad_statuses: int
    broken_connections: int
    timeouts: int
    ran_out: int
    p50_us: int
    p90_us: int
    p99_us: int
    max_us: int

    @property
    def failures(self) -> int:
        """Everything that was no answer below 400."""
        return self.bad_statuses + self.broken_connections + self.timeouts

    @property
    def per_second(self) -> float:
        """Requests answered per second."""
        return self.requests * 1e6 / self.duration_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A tally and its price, deferred work (mail) included: CPU in microseconds per request."""

    tally: Tally
    server_cpu_us: float
    redis_cpu_us: float
    wrk_core_share: float


def load(server: Server, feed: Feed, *, seconds: int, connections: int) -> Load:
    """Load a server that has settled, and wait until it has settled again.

    Raises:
        BenchFailed: wrk is missing or says nothing, or the server does not settle.
    """
    processes.settle(server.pids)
    before = [processes.stat(pid).cpu_seconds for pid in server.pids]
    wrk_before = processes.cpu_of_ended_children()
    tally = parse_output(run(server.port, feed, seconds=seconds, connections=connections))
    wrk_seconds = processes.cpu_of_ended_children() - wrk_before
    processes.settle(server.pids)
    after = [processes.stat(pid).cpu_seconds for pid in server.pids]
    spent = [(b - a) * 1e6 / max(1, tally.requests) for a, b in zip(before, after, strict=True)]
    return Load(
        tally=tally,
        server_cpu_us=spent[0],
        redis_cpu_us=sum(spent[1:]),
        wrk_core_share=wrk_seconds * 1e6 / tally.duration_us,
    )


def parse_output(output: str) -> Tally:
    """Read the line of ``requests.lua``.

    Raises:
        BenchFailed: There is none, or nothing was answered.
    """
    for line in output.splitlines():
        if line.startswith(_MARK):
            tally = Tally(**orjson.loads(line.removeprefix(_MARK)))
            if tally.requests:
                return tally
    raise BenchFailed(f"wrk measured nothing; it said: {output[-500:].strip() or '(nothing)'}")


def run(port: int, feed: Feed, *, seconds: int, connections: int) -> str:
    """Run wrk with one thread and return what it says.

    Raises:
        BenchFailed: It is missing.
    """
    if shutil.which("wrk") is None:
        raise BenchFailed("wrk is missing: scripts/install --dev installs it")
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(SCRIPT)]
    target = [f"http://{HOST}:{port}", "--", feed.way, str(feed.path)]
    ended = subprocess.run(  # noqa: S603 - our own arguments
        processes.tethered(["wrk", *options, *target]),
        capture_output=True,
        check=False,
        text=True,
        timeout=seconds + _GRACE_SECONDS,
    )
    return ended.stdout + ended.stderr
