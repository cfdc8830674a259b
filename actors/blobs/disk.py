"""Work with the disk, done in threads: the loop never waits for it."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from doorward.actors.blobs.store import BlobsUnreachable

T = TypeVar("T")
_RETRY_SECONDS: Final = 5


async def on_disk(work: Callable[[], T]) -> T:
    """Do ``work`` in a thread.

    Raises:
        BlobsUnreachable: When the disk refuses: no room, no right, no disk.
    """
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise BlobsUnreachable("the disk refused", _RETRY_SECONDS) from error


def make_folders(folder: Path) -> list[Path]:
    """Make a folder and its parents, ours alone; tell those that were missing."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
    return missing


def inside(folder: Path) -> list[Path]:
    """List what is in a folder; nothing where there is no folder."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable (fsync(2): a file's own sync does not do that)."""
    folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder_fd)
    finally:
        os.close(folder_fd)
