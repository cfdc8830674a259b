"""A Ray head on this machine: one process that keeps all of Ray's others, apart from who starts it.

``head.lock`` is the truth about its life. Its exclusive ``flock`` is taken before the head is
started, and only the head keeps the file open: it is locked exactly as long as the head lives. The
head is started so that all other processes of Ray end with it (``ray start --block``), and it leads
a session of its own, in which all of them are.

It is bound to loopback, takes nobody without a token, and tells nobody about itself. Its folder is
its owner's alone: sockets in there ask for no token.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from doorward.actors.cluster.ray_token import MODE_VARIABLE, make_token
from doorward.actors.data_folder import DataFolder, replace_file
from doorward.actors.errors import ClusterRefused, DataFolderInUse

FOLDER: Final = "cluster"
USUAL_PORT: Final = 6399
"""Ray's own is 6379, which is Redis's as well."""

AUTO: Final = "auto"
_HOST: Final = "127.0.0.1"
_FILE: Final = "cluster.json"
_LOCK: Final = "head.lock"
_LOG: Final = "head.log"
_STARTED: Final = "ray_current_cluster"
"""Ray writes it into its folder when all of its processes run."""

_LOCK_FD: Final = 100
"""What the head knows the lock by: any number that it uses for nothing else."""

_START_SECONDS: Final = 90.0
_TERM_SECONDS: Final = 20.0
_KILL_SECONDS: Final = 10.0
_LOCK_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.05
_STORE_BYTES: Final = 80_000_000
"""Of the store of objects, as small as Ray allows: nothing of ours is in it."""

_LONGEST_FOLDER: Final = 33
"""What is added for sockets has up to 70 bytes, and their names may have 103 on every system."""

_RAY_FOLDER: Final = "ray"

_NOT_FOR_HOSTS: Final = frozenset({"DOORWARD_URL", "RAY_ADDRESS"})
_SURROUNDINGS: Final = {
    MODE_VARIABLE: "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Without it Ray takes 127.0.0.1 for this machine's address in its network. Also on Linux.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # Processes in store, for tasks that nobody will start.
    "RAY_prestart_worker_first_driver": "0",
    # Hosts are what shoppers wait for. Ray would run them behind everything else on the machine, as
    # batch work: a storm of logins that are hashed there left them a tenth of a core.
    "RAY_worker_niceness": "0",
    # Ray would wait for hosts to end by themselves, which they do not; who ends it ends them first.
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
}


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A head that was started here; whether it still runs is for ``RayHead.is_running``.

    Attributes:
        address: Where to join it.
        pid: Of the process that keeps the others.
        folder: Ray's files: sockets and logs.
    """

    address: str
    pid: int
    folder: str

    @property
    def logs(self) -> Path:
        """Where all processes of Ray, hosts included, write their logs."""
        return Path(self.folder) / "session_latest" / "logs"


def resolve(address: str, data_dir: Path) -> str:
    """Tell what ``auto`` stands for where a head was started from this data folder. Blocks."""
    running = RayHead(data_dir).running() if address == AUTO else None
    return address if running is None else running.address


class RayHead:
    """The head that belongs to a data folder. Every method blocks."""

    def __init__(self, data_dir: Path) -> None:
        """Know of it; nothing is made yet."""
        self._home = data_dir / FOLDER

    @property
    def log(self) -> Path:
        """Where the head says what it does."""
        return self._home / _LOG

    def remembered(self) -> Head | None:
        """Tell the head that was last started here, running or not; None where there was none."""
        try:
            return msgspec.json.decode((self._home / _FILE).read_bytes(), type=Head)
        except (OSError, msgspec.MsgspecError):
            return None

    def running(self) -> Head | None:
        """Tell the head that runs here; None where none does."""
        return self.remembered() if self.is_running() else None

    def is_running(self) -> bool:
        """Tell whether one runs."""
        with contextlib.suppress(FileNotFoundError), self._lock_file(os.O_RDWR) as lock_fd:
            return not _is_locked_by_us(lock_fd)
        return False

    def environ(self) -> dict[str, str]:
        """Tell the environment of the head that runs; empty where the system does not tell it."""
        head = self.running()
        try:
            raw = Path(f"/proc/{head.pid}/environ").read_bytes() if head is not None else b""
        except OSError:
            return {}
        pairs = (item.partition(b"=") for item in raw.split(b"\0") if item)
        return {os.fsdecode(name): os.fsdecode(text) for name, _, text in pairs}

    def start(self, *, cpus: int, port: int | None = None) -> Head:
        """Start one, and return once all of Ray runs.

        Args:
            cpus: For how many hosts there is to be room.
            port: Where it listens; without it the one it had before, the usual one or a free one.

        Raises:
            ClusterRefused: It cannot be started; says why.
            ConfigurationError: The data folder cannot be used.
        """
        try:
            with DataFolder.open(self._home):
                with self._lock_file(os.O_RDWR | os.O_CREAT) as lock_fd:
                    # More than once: whoever asks whether one runs holds the lock for a moment.
                    if not _becomes_true(lambda: _is_locked_by_us(lock_fd), _LOCK_SECONDS):
                        raise ClusterRefused("a Ray head runs here already")
                    make_token()
                    head = self._started_with(lock_fd, cpus, port)
                # From here on the head alone keeps the lock.
                self._wait_for(head)
                return head
        except DataFolderInUse as error:
            raise ClusterRefused("another command starts or ends the Ray head here") from error

    def end(self) -> None:
        """End it and all processes that it keeps, and clear their files away.

        Raises:
            ClusterRefused: It does not end.
        """
        head = self.remembered()
        if head is None:
            return
        if self.is_running():
            self._press(head.pid)
        self._clear(head)

    def _started_with(self, lock_fd: int, cpus: int, port: int | None) -> Head:
        before = self.remembered()
        if before is not None:
            self._clear(before)
        address = f"{_HOST}:{_port(port, before)}"
        folder = self._ray_folder()
        pid = _spawn(_command(address, folder, cpus), log=self.log, lock_fd=lock_fd)
        head = Head(address=address, pid=pid, folder=str(folder))
        replace_file(self._home / _FILE, msgspec.json.encode(head))
        return head

    def _wait_for(self, head: Head) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not Path(head.folder, _STARTED).exists():
            if not self.is_running():
                _bury(head.pid)
                raise ClusterRefused(f"Ray does not start: {self._last_words()} (see {self.log})")
            if time.monotonic() > deadline:
                self._press(head.pid)
                raise ClusterRefused(
                    f"Ray has not started within {_START_SECONDS:.0f} seconds (see {self.log})"
                )
            time.sleep(_LOOK_SECONDS)

    def _last_words(self) -> str:
        lines = self.log.read_text("utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it says nothing")

    def _ray_folder(self) -> Path:
        """Make Ray's folder, in one that only its owner may enter: Ray opens its own to all."""
        parent = self._home
        if len(os.fsencode(parent)) > _LONGEST_FOLDER:
            parent = Path(tempfile.mkdtemp(prefix="doorward-"))
        if len(os.fsencode(parent)) > _LONGEST_FOLDER:
            parent = Path(tempfile.mkdtemp(prefix="doorward-", dir="/tmp"))
        folder = parent / _RAY_FOLDER
        folder.mkdir()
        return folder

    def _clear(self, head: Head) -> None:
        folder = Path(head.folder)
        if folder.name != _RAY_FOLDER:
            return
        shutil.rmtree(folder, ignore_errors=True)
        if folder.parent != self._home:
            with contextlib.suppress(OSError):
                folder.parent.rmdir()

    def _press(self, pid: int) -> None:
        """End the process that holds the lock, which is this one, and wait for all it kept."""
        for signum, seconds in ((signal.SIGTERM, _TERM_SECONDS), (signal.SIGKILL, _KILL_SECONDS)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)
            if _becomes_true(lambda: not self.is_running(), seconds):
                break
        else:
            raise ClusterRefused(f"the Ray head (process {pid}) does not end")
        _bury(pid)
        # They end by themselves when it is gone; whoever does not is of no use to anybody.
        if not _becomes_true(lambda: not processes_of(pid), _KILL_SECONDS):
            for left in processes_of(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(left, signal.SIGKILL)

    @contextlib.contextmanager
    def _lock_file(self, flags: int) -> Iterator[int]:
        lock_fd = os.open(self._home / _LOCK, flags | os.O_CLOEXEC, 0o600)
        try:
            yield lock_fd
        finally:
            os.close(lock_fd)


def _spawn(command: list[str], *, log: Path, lock_fd: int) -> int:
    """Start a program that outlives us, in a session of its own, with the lock in its hands."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    return os.posix_spawn(
        command[0],
        command,
        _environment(),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            (os.POSIX_SPAWN_DUP2, lock_fd, _LOCK_FD),
        ],
        setsid=True,
    )


def _bury(pid: int) -> None:
    """Take note of the end of a child, where it is ours and not some other command's."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _is_locked_by_us(lock_fd: int) -> bool:
    """Take the lock, unless the head has it."""
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _command(address: str, folder: Path, cpus: int) -> list[str]:
    host, _, port = address.rpartition(":")
    # -P: what lies in the working folder is not to be taken for a part of Ray.
    return [
        *(sys.executable, "-P", "-m", "ray.scripts.scripts", "start", "--head", "--block"),
        *(f"--node-ip-address={host}", f"--port={port}", f"--num-cpus={cpus}"),
        *(f"--temp-dir={folder}", f"--object-store-memory={_STORE_BYTES}"),
        *("--include-dashboard=false", "--include-log-monitor=false", "--no-monitor"),
        "--disable-usage-stats",
    ]


def _environment() -> dict[str, str]:
    """Tell what hosts read their settings from, and Ray its own."""
    ours = {name: text for name, text in os.environ.items() if name not in _NOT_FOR_HOSTS}
    return ours | _SURROUNDINGS


def _port(wanted: int | None, before: Head | None) -> int:
    if wanted is not None:
        if not _is_free(wanted):
            raise ClusterRefused(f"port {wanted} is taken: choose another, or leave the choice")
        return wanted
    usual = int(before.address.rpartition(":")[2]) if before is not None else USUAL_PORT
    if _is_free(usual):
        return usual
    with socket.create_server((_HOST, 0)) as free:
        return int(free.getsockname()[1])


def _is_free(port: int) -> bool:
    try:
        with socket.create_server((_HOST, port)):
            return True
    except OSError as error:
        if error.errno in {errno.EADDRINUSE, errno.EACCES}:
            return False
        raise


def _becomes_true(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def processes_of(leader: int) -> list[int]:
    """List the processes that run in a session; none where the system has no ``/proc``."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may hold anything; state, parent, group, session follow it.
            fields = stat.read_text("utf-8", "replace").rpartition(") ")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[3]) == leader and fields[0] not in {"Z", "X"}:
            found.append(int(stat.parent.name))
    return found
