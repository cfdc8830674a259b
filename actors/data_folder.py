"""The folder one server owns on disk: its lock, its secrets, its embedded Redis.

Who may work here: the one process that holds an exclusive ``flock`` on ``doorward.lock``. The lock
belongs to the open file, not to what is written in it, so it dies with the process however that
ends (kill -9 and power loss included) and a stale file never keeps anybody out. The file itself is
never removed: a second process could then lock the removed one while a third locks its successor.
The pid inside only serves the error message.

Everything below the lock (secrets, the Redis home) relies on there being one writer.
"""

import base64
import binascii
import errno
import fcntl
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from doorward.actors.errors import DataFolderInUse
from doorward.config.errors import ConfigurationError

SETTING: Final = "DOORWARD_DATA_DIR"
_LOCK_NAME: Final = "doorward.lock"
_HIDDEN: Final = "(hidden)"
_LONGEST_SECRET_FILE_BYTES: Final = 4096


class DataFolder:
    """A data folder this process has locked. Open with ``DataFolder.open``.

    Attributes:
        path: The folder, absolute and free of links.
    """

    __slots__ = ("_lock_fd", "path")

    def __init__(self, path: Path, lock_fd: int) -> None:
        self.path = path
        self._lock_fd: int | None = lock_fd

    @classmethod
    def open(cls, path: Path) -> Self:
        """Make the folder where it is missing, and take its lock without waiting.

        Args:
            path: The folder; missing parents are made too, all of them 0700.

        Raises:
            DataFolderInUse: Another server holds the lock; names the folder and its pid.
            ConfigurationError: The folder cannot be made, locked or written, or others may write
                in it (and so swap a secret for their own).
        """
        try:
            folder = _make_private(path)
            lock_fd = os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(SETTING, str(path), _cannot("be used", error)) from error
        try:
            _lock(lock_fd, folder)
        except BaseException:
            os.close(lock_fd)
            raise
        return cls(folder, lock_fd)

    def close(self) -> None:
        """Give the folder back. Closing twice is harmless."""
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def subfolder(self, name: str) -> Path:
        """Make (0700), and return, a folder inside this one.

        Raises:
            ConfigurationError: It cannot be made, or others may write in it.
        """
        try:
            return _make_private(self.path / name)
        except OSError as error:
            shown = str(self.path / name)
            raise ConfigurationError(SETTING, shown, _cannot("be used", error)) from error

    def lasting_secret(self, name: str, n_bytes: int, *, used_by: str) -> bytes:
        """Read a secret that other files of this folder depend on, making it for the first of them.

        Args:
            name: As for ``secret``.
            n_bytes: As for ``secret``.
            used_by: A file that exists once the secret was used. A new secret beside it would
                quietly make void what the old one had sealed.

        Raises:
            ConfigurationError: The secret is gone though it was used, or as for ``secret``.
        """
        path = self.path / name
        if (self.path / used_by).exists() and not path.exists():
            rule = (
                "is missing, though this folder was used with one: put it back, or name the key in"
                f" DOORWARD_MASTER_KEY; without {used_by} beside it a new one is made, which ends"
                " every code and link in a mailbox"
            )
            raise ConfigurationError(str(path), _HIDDEN, rule)
        return self.secret(name, n_bytes)

    def secret(self, name: str, n_bytes: int) -> bytes:
        """Read the secret kept under ``name``, making a random one at first use.

        The file holds one line of base64url (RFC 4648 section 5), mode 0600. A new one is on disk,
        name included, before this returns: nothing is ever sealed with a key a power loss can take.

        Args:
            name: The file's name in this folder, e.g. ``master.key``.
            n_bytes: The secret's exact length.

        Raises:
            ConfigurationError: The file is not base64url of ``n_bytes``, can be read by others, or
                cannot be read at all. Never shows what is in it.
        """
        path = self.path / name
        try:
            if not path.exists():
                replace_file(path, _encoded(os.urandom(n_bytes)))
            text = _read_private(path)
        except OSError as error:
            raise ConfigurationError(str(path), _HIDDEN, _cannot("be kept", error)) from error
        secret = _decoded(text)
        if len(secret) != n_bytes:
            raise ConfigurationError(str(path), _HIDDEN, f"must be {n_bytes} bytes in base64url")
        return secret


def replace_file(path: Path, content: bytes) -> None:
    """Put ``content`` under ``path`` whole and durably, mode 0600, or not at all.

    The caller is the only writer of ``path`` (it holds the folder's lock), so what a crash left of
    an earlier attempt is simply overwritten.

    Raises:
        OSError: The disk refused; ``path`` is as it was.
    """
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    draft_fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(draft_fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _fsync_folder(path.parent)


def _make_private(path: Path) -> Path:
    # Parents get 0700 as well (mkdir(parents=True) would leave them to the umask).
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    mode = path.stat().st_mode
    if not stat.S_ISDIR(mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    # Refused rather than mended: changing the mode of a folder somebody named by mistake (/tmp, a
    # home) would lock others out of it.
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        shown = f"{path} (mode {stat.S_IMODE(mode):04o})"
        raise ConfigurationError(SETTING, shown, "must be writable by its owner alone (chmod 700)")
    return path.resolve()


def _lock(lock_fd: int, folder: Path) -> None:
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = os.pread(lock_fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
        raise DataFolderInUse(f"{folder} is in use by another server (process {pid})") from error
    except OSError as error:
        raise ConfigurationError(SETTING, str(folder), _cannot("be locked", error)) from error
    os.ftruncate(lock_fd, 0)
    os.pwrite(lock_fd, b"%d\n" % os.getpid(), 0)


def _read_private(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            rule = f"has mode {stat.S_IMODE(mode):04o}, must be its owner's alone (chmod 600)"
            raise ConfigurationError(str(path), _HIDDEN, rule)
        return file.read(_LONGEST_SECRET_FILE_BYTES)


def _encoded(secret: bytes) -> bytes:
    return base64.urlsafe_b64encode(secret).rstrip(b"=") + b"\n"


def _decoded(text: bytes) -> bytes:
    """Decode base64url, padded or not; empty when it is anything else."""
    line = text.strip().rstrip(b"=")
    try:
        return base64.b64decode(line + b"=" * (-len(line) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return b""


def _fsync_folder(folder: Path) -> None:
    folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder_fd)
    finally:
        os.close(folder_fd)


def _cannot(what: str, error: OSError) -> str:
    return f"cannot {what}: {error.strerror}"
