"""Files that are still arriving: written where nobody looks, and gone unless they are kept.

A draft has a random name in a folder of its own, mode 0600. Whatever ends the upload removes it;
what a killed process leaves is swept when the next one starts, and every hour.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from doorward.actors.blobs.disk import inside, make_folders, on_disk
from doorward.actors.blobs.store import NAME_BYTES

_WRITE_BYTES: Final = 256 * 1024
"""What is gathered before a thread is asked to write it."""


class Draft:
    """One file that is arriving. ``path`` holds all of it once ``finish`` has returned."""

    __slots__ = ("_file", "_gathered", "path", "size_bytes")

    def __init__(self, path: Path, file: BinaryIO) -> None:
        """Use ``Drafts.open``."""
        self.path = path
        self.size_bytes = 0
        self._file = file
        self._gathered = bytearray()

    async def write(self, part: bytes) -> None:
        """Add a part.

        Raises:
            BlobsUnreachable: When the disk refuses.
        """
        self.size_bytes += len(part)
        self._gathered += part
        if len(self._gathered) >= _WRITE_BYTES:
            gathered, self._gathered = self._gathered, bytearray()
            await on_disk(lambda: self._file.write(gathered))

    async def finish(self, *, size_bytes: int | None = None) -> None:
        """Bring all of it to disk, or only its first ``size_bytes``.

        Raises:
            BlobsUnreachable: When the disk refuses.
        """
        gathered, self._gathered = self._gathered, bytearray()

        def bring() -> None:
            self._file.write(gathered)
            self._file.flush()
            if size_bytes is not None:
                self._file.truncate(size_bytes)
            os.fsync(self._file.fileno())

        await on_disk(bring)
        self.size_bytes = self.size_bytes if size_bytes is None else size_bytes


class Drafts:
    """The folder of what is arriving."""

    def __init__(self, folder: Path) -> None:
        """Use ``folder``; it is made with the first draft."""
        self._folder = folder

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Draft, None]:
        """Open an empty draft; it is gone when the context ends, unless it was moved away.

        Raises:
            BlobsUnreachable: When the disk refuses.
        """
        path = self._folder / os.urandom(NAME_BYTES).hex()
        making = asyncio.ensure_future(on_disk(lambda: _make(path)))
        try:
            file = await asyncio.shield(making)
        except asyncio.CancelledError:
            # The thread goes on whoever waits for it; what it makes must not stay.
            await _discard_soon(path, await making)
            raise
        try:
            yield Draft(path, file)
        finally:
            await _discard_soon(path, file)

    async def sweep(self, *, older_than_seconds: float) -> int:
        """Remove drafts that nothing was written to for so long; tell how many.

        Raises:
            BlobsUnreachable: When the disk refuses.
        """
        before = time.time() - older_than_seconds
        return await on_disk(lambda: _sweep(self._folder, before))


def _make(path: Path) -> BinaryIO:
    make_folders(path.parent)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    return os.fdopen(fd, "wb")


def _discard_soon(path: Path, file: BinaryIO) -> "asyncio.Future[None]":
    return asyncio.shield(asyncio.ensure_future(on_disk(lambda: _discard(path, file))))


def _discard(path: Path, file: BinaryIO) -> None:
    # By its name first: what is left in the buffer need not find room on the disk.
    path.unlink(missing_ok=True)
    with suppress(OSError):
        file.close()


def _sweep(folder: Path, before_seconds: float) -> int:
    swept = 0
    for path in inside(folder):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime <= before_seconds:
                path.unlink()
                swept += 1
    return swept
