"""Processes as Linux accounts for them: CPU time, memory, children; and ours, from start to end."""

import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from bench.failures import BenchFailed

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_ENDING_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.25
_QUIET_SHARE: Final = 0.1
_SETTLING_SECONDS: Final = 60.0


class Stat(NamedTuple):
    """A process at one moment; CPU time includes children that have ended."""

    name: str
    parent: int
    cpu_seconds: float


class Memory(NamedTuple):
    """Resident memory of a process in bytes, now and at its highest."""

    now: int
    peak: int


def stat(pid: int) -> Stat:
    """Read ``/proc/<pid>/stat``.

    Raises:
        BenchFailed: There is no such process (any more).
    """
    return parse_stat(_read(pid, "stat"))


def parse_stat(text: str) -> Stat:
    """Read a stat line; the name stands in parentheses and may hold blanks and parentheses."""
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    ticks = sum(int(field) for field in fields[11:15])
    return Stat(head.partition("(")[2], int(fields[1]), ticks / _TICKS_PER_SECOND)


def memory(pid: int) -> Memory:
    """Read resident memory.

    Raises:
        BenchFailed: There is no such process (any more).
    """
    return parse_status(_read(pid, "status"))


def parse_status(text: str) -> Memory:
    """Read ``/proc/<pid>/status``, whose kB are 1,024 bytes."""
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return Memory(*(int(lines[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM")))


def children(parent: int) -> Iterator[tuple[int, str]]:
    """List a process's children with their names."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(BenchFailed):
                found = stat(int(entry.name))
                if found.parent == parent:
                    yield int(entry.name), found.name


def settle(pids: Iterable[int]) -> None:
    """Return once these processes do next to nothing: what is measured next starts undisturbed.

    Raises:
        BenchFailed: They are still busy after a minute.
    """
    pids = tuple(pids)
    deadline = time.monotonic() + _SETTLING_SECONDS
    before = cpu_seconds(pids)
    while time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
        after = cpu_seconds(pids)
        if after - before <= _QUIET_SHARE * _LOOK_SECONDS:
            return
        before = after
    raise BenchFailed(f"a server is still busy {_SETTLING_SECONDS:.0f} s after its load")


def cpu_seconds(pids: Iterable[int]) -> float:
    """Sum up CPU time used until now."""
    return sum(stat(pid).cpu_seconds for pid in pids)


@contextmanager
def child(
    command: Sequence[str], *, folder: Path, environ: Mapping[str, str], log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command until the block is left, however it is left.

    It gets a session of its own: Ctrl-C is for us, who then end it in order. Should we be killed,
    the kernel ends it.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own servers
            tethered(command),
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def tethered(command: Sequence[str]) -> list[str]:
    """Have the kernel end the command when we end, where util-linux can ask for it."""
    tether = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()
    return [*tether, *command]


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        raise BenchFailed(f"a server did not end within {_ENDING_SECONDS:.0f} s") from None
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _read(pid: int, name: str) -> str:
    try:
        return Path("/proc", str(pid), name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        raise BenchFailed(f"process {pid} is gone") from None


def cpu_of_ended_children() -> float:
    """Tell the CPU seconds of our own children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
