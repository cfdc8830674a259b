"""Where the embedded Redis lives: its configuration, password, address, log and last writer.

What survives a crash: the append-only files, the password, the record of the last writer. The
socket and the configuration are made anew at every start.
"""

import base64
import hashlib
import os
from pathlib import Path
from typing import Final, Literal, NamedTuple

from doorward.actors.data_folder import SETTING, DataFolder, replace_file
from doorward.actors.errors import StoreRefused
from doorward.actors.redis_lock import RedisLock
from doorward.actors.redis_program import RedisProgram, Release, unreadable
from doorward.config.errors import ConfigurationError

Fsync = Literal["always", "everysec"]

CONFIG_NAME: Final = "redis.conf"
_SOCKET_NAME: Final = "redis.sock"
_LOG_NAME: Final = "redis.log"
_WRITER_NAME: Final = "written-by"
_HOME_NAME: Final = "redis"
_MULTIPART_NAME: Final = "appendonlydir"
_FIRST_MULTIPART: Final = Release("redis", (7, 0, 0))
_USERNAME: Final = "doorward"
_PASSWORD_BYTES: Final = 32
"""256 random bits, above the 128 asked of what must not be guessed: OWASP ASVS 5.0, 11.5.1."""

_SUN_PATH_BYTES: Final = 103
"""What every system's ``sockaddr_un`` holds with its closing zero: 104 on BSD, 108 on Linux."""

_OPEN_FILES: Final = Path("/proc/self/fd")
_LOG_BYTES: Final = 1 << 20
_LAST_WORDS_BYTES: Final = 2000
_LAST_WORDS_LINES: Final = 5

_CONFIG: Final = """\
# Written by Doorward at every start: changes here are lost.
port 0
unixsocket {socket}
unixsocketperm 700
dir .
daemonize no
databases 1

# The log: exceptional things only, and no register dumps, which hold customers' records.
loglevel warning
logfile {log}
crash-log-enabled no
crash-memcheck-enabled no

# Every answer waits for its write, so the append-only file is the only file.
save ""
appendonly yes
appendfsync {fsync}
no-appendfsync-on-rewrite no
aof-use-rdb-preamble yes
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 64mb
# A commit cut short by a crash was never answered: its half is dropped.
aof-load-truncated yes

# Better to refuse a write than to forget a session or a lock.
maxmemory 0
maxmemory-policy noeviction

# Redis replays its own append-only file as the default user: without rights it would skip every
# script's and transaction's writes and come up empty (seen with 7.0.15). So it keeps its rights,
# behind a password that nobody has.
user default reset on #{nobody_sha256} ~* &* +@all
user {username} on #{password_sha256} ~* resetchannels \
+@all -@admin -@dangerous +info +config|get
"""


class StoreLogin(NamedTuple):
    """What a client needs to reach the embedded Redis; the password never shows in a repr."""

    unix_socket_path: str
    username: str
    password: str

    def __repr__(self) -> str:
        return f"StoreLogin({self.unix_socket_path!r}, {self.username!r}, password=(hidden))"


class RedisHome:
    """The folder of the embedded Redis inside a data folder. One at a time per data folder.

    Attributes:
        path: The folder, 0700.
        lock: Who lives here.
    """

    __slots__ = ("_data", "_folder_fd", "_log_start", "_login", "lock", "path")

    def __init__(self, folder: DataFolder) -> None:
        self._data = folder
        self.path = folder.path / _HOME_NAME
        self.lock = RedisLock(self.path)
        self._folder_fd: int | None = None
        self._log_start = 0
        self._login: StoreLogin | None = None

    @property
    def is_open(self) -> bool:
        """Whether the address works."""
        return self._folder_fd is not None

    @property
    def login(self) -> StoreLogin:
        """How clients reach the server that lives here; only after ``open``."""
        if self._login is None:
            raise RuntimeError("the Redis home was never opened")
        return self._login

    def open(self) -> None:
        """Make the folder and its password where they are missing. Blocks on the disk.

        Raises:
            ConfigurationError: They cannot be made, are open to others, or the path is too long
                for a socket and this system has no ``/proc`` to shorten it.
        """
        self._data.subfolder(_HOME_NAME)
        secret = self._data.secret("redis.password", _PASSWORD_BYTES)
        password = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
        self.close()
        self._folder_fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._login = StoreLogin(self._address(self._folder_fd), _USERNAME, password)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the folder; the address stops working. Closing twice is harmless."""
        if self._folder_fd is not None:
            os.close(self._folder_fd)
            self._folder_fd = None

    def furnish(self, program: RedisProgram, *, fsync: Fsync) -> None:
        """Write what ``program`` needs to start here, and bound the log. Blocks on the disk.

        Raises:
            StoreRefused: The data was written by a release ``program`` cannot read.
            OSError: The disk refused.
        """
        writer = last_writer(self._data)
        if writer is not None and not program.release.can_open(writer):
            raise StoreRefused(unreadable(program, writer))
        replace_file(self.path / CONFIG_NAME, self._config(fsync).encode())
        self._log_start = _bound_log(self.path / _LOG_NAME)

    def record_writer(self, release: Release) -> None:
        """Keep which release writes here, durably. Blocks on the disk."""
        path = self.path / _WRITER_NAME
        if not path.exists() or path.read_text(encoding="ascii") != f"{release}\n":
            replace_file(path, f"{release}\n".encode())

    def last_words(self) -> str:
        """Return the end of what the last server started here wrote to its log. Blocks."""
        with (self.path / _LOG_NAME).open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, size - _LAST_WORDS_BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()
        return "\n".join(lines[-_LAST_WORDS_LINES:])

    def open_log(self) -> int:
        """Open the log for what a server prints before it has read where its log is."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.open(self.path / _LOG_NAME, flags, 0o600)

    def _address(self, folder_fd: int) -> str:
        plain = self.path / _SOCKET_NAME
        if len(os.fsencode(plain)) <= _SUN_PATH_BYTES:
            return str(plain)
        through = _OPEN_FILES / str(folder_fd)
        if through.exists():
            return str(through / _SOCKET_NAME)
        rule = f"must be shorter: {plain} has more than the {_SUN_PATH_BYTES} bytes of a socket"
        raise ConfigurationError(SETTING, str(self.path.parent), rule)

    def _config(self, fsync: Fsync) -> str:
        return _CONFIG.format(
            socket=_SOCKET_NAME,
            log=_LOG_NAME,
            fsync=fsync,
            username=_USERNAME,
            nobody_sha256=hashlib.sha256(os.urandom(_PASSWORD_BYTES)).hexdigest(),
            # Redis compares digests, so the password itself is in one file only.
            password_sha256=hashlib.sha256(self.login.password.encode()).hexdigest(),
        )


def last_writer(folder: DataFolder) -> Release | None:
    """Find out which release wrote the append-only files in a data folder; None for a new one.

    Raises:
        StoreRefused: There is a record and it names no release.
    """
    home = folder.path / _HOME_NAME
    writer = _recorded(home / _WRITER_NAME)
    # A server of 7 or later moves the files before it first answers and is recorded. The move
    # itself is the earlier witness; 6.2 would see no file where it looks and start empty.
    moved = (home / _MULTIPART_NAME).is_dir()
    if moved and (writer is None or writer.version < _FIRST_MULTIPART.version):
        return _FIRST_MULTIPART
    return writer


def _recorded(record: Path) -> Release | None:
    if not record.exists():
        return None
    writer = Release.parse(record.read_text(encoding="ascii", errors="replace"))
    if writer is None:
        raise StoreRefused(f"{record} names no Redis or Valkey release: restore it from a backup")
    return writer


def _bound_log(log: Path) -> int:
    """Set a grown log aside, and return how much of the log is from before now, in bytes."""
    size = log.stat().st_size if log.exists() else 0
    if size <= _LOG_BYTES:
        return size
    log.replace(log.with_name(f"{log.name}.1"))
    return 0
