"""The machine a figure comes from, and whether it had time for us."""

import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final, NamedTuple, Self

from bench.servers import DISK, ROOT
from doorward.actors.redis_program import find_program

BUSY_LOAD: Final = 0.5
STOLEN_SHARE: Final = 0.01
_SYNCS: Final = 50
_SYNCED_BYTES: Final = 4_096
_UNSYNCED_MS: Final = 0.02
"""A disk that says it has synced faster than this keeps nothing over a power cut."""


class CpuTime(NamedTuple):
    """CPU time of the machine since it was started, in ticks of all cores."""

    total: int
    stolen: int

    @classmethod
    def now(cls) -> Self:
        """Read ``/proc/stat``."""
        return cls.parse(Path("/proc/stat").read_text(encoding="utf-8"))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the first line: user, nice, system, idle, iowait, irq, softirq, steal."""
        ticks = [int(field) for field in text.splitlines()[0].split()[1:9]]
        return cls(sum(ticks), ticks[7])

    def stolen_share(self, since: "CpuTime") -> float:
        """Tell what share of the time since then other machines took from this one."""
        return (self.stolen - since.stolen) / max(1, self.total - since.total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a reader needs to know to compare."""

    cpu: str
    cores: int
    kernel: str
    python: str
    aiohttp: str
    uvloop: str
    redis: str
    wrk: str
    commit: str
    filesystem: str
    sync_ms: float
    load_before: float

    @property
    def line(self) -> str:
        """Say it in one line."""
        return (
            f"{self.cpu}, {self.cores} cores, Linux {self.kernel}; Python {self.python}, "
            f"aiohttp {self.aiohttp}, uvloop {self.uvloop}, {self.redis}, wrk {self.wrk}; "
            f"{self.filesystem}, sync {self.sync_ms:.2f} ms; load before {self.load_before:.2f}; "
            f"Doorward {self.commit}"
        )

    @property
    def warnings(self) -> list[str]:
        """Tell why figures from this machine, now, deserve little trust."""
        told = []
        if self.load_before > BUSY_LOAD:
            told.append(f"the machine was busy already: load {self.load_before:.2f}")
        if self.sync_ms < _UNSYNCED_MS or self.filesystem in {"tmpfs", "ramfs"}:
            told.append(f"{DISK} does not sync: commits cost less here than on a disk")
        return told


def look() -> Machine:
    """Look at this machine."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        kernel=platform.release(),
        python=platform.python_version(),
        aiohttp=version("aiohttp"),
        uvloop=version("uvloop"),
        redis=str(find_program().release),
        wrk=_first_match(("wrk", "-v"), r"wrk (?:debian/)?([\w.]+)"),
        commit=_first_match(("git", "describe", "--always", "--dirty"), r"(\S+)"),
        filesystem=_filesystem(DISK),
        sync_ms=_sync_ms(),
        load_before=os.getloadavg()[0],
    )


def _cpu() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def _first_match(command: Sequence[str], pattern: str) -> str:
    try:
        ended = subprocess.run(  # noqa: S603 - one of two commands above
            command, cwd=ROOT, capture_output=True, check=False, text=True, timeout=10.0
        )
    except OSError:
        return "unknown"
    found = re.search(pattern, ended.stdout)
    return found[1] if found else "unknown"


def _filesystem(folder: Path) -> str:
    mounts = [line.split() for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
    kinds = {mount[1]: mount[2] for mount in mounts}
    holding = (str(path) for path in (folder, *folder.parents) if str(path) in kinds)
    return kinds.get(next(holding, ""), "unknown")


def _sync_ms() -> float:
    """Time what ``appendfsync always`` does before every answer: write a little, sync it."""
    took = []
    with tempfile.TemporaryFile(dir=DISK, buffering=0) as file:
        for _ in range(_SYNCS):
            file.write(b"x" * _SYNCED_BYTES)
            start = perf_counter()
            os.fdatasync(file.fileno())
            took.append((perf_counter() - start) * 1000)
    return median(took)
