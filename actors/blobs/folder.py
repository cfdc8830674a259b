"""Blobs as files in a folder: ``<storefront>/<order id>/<random name>``, readable by us alone."""

import errno
import os
from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import BinaryIO, Final

from doorward.actors.blobs.disk import fsync_folder, make_folders, on_disk
from doorward.actors.blobs.store import CHUNK_BYTES, BlobMissing, BlobName
from doorward.actors.partitions import is_slug

_RACES_MAX: Final = 5


class FolderBlobs:
    """Blobs below one folder, on the file system that drafts are written to."""

    def __init__(self, folder: Path) -> None:
        """Use ``folder``; it is made with the first blob."""
        self._folder = folder

    async def put(self, name: BlobName, draft: Path, media_type: str) -> None:
        """Move a finished file into place; on disk, names included, before this returns.

        Raises:
            BlobsUnreachable: When the disk refuses.
        """
        del media_type  # the record that names the blob tells it
        await on_disk(partial(_place, self._folder / name.key, draft))

    async def read(self, name: BlobName) -> AsyncGenerator[bytes, None]:
        """Read a blob in chunks.

        Raises:
            BlobMissing: When it is not there.
            BlobsUnreachable: When the disk refuses.
        """
        file = await on_disk(partial(_open, self._folder / name.key))
        try:
            while chunk := await on_disk(partial(file.read, CHUNK_BYTES)):
                yield chunk
        finally:
            file.close()

    async def delete(self, name: BlobName) -> None:
        """Remove a blob, and its folders where it was the last in them.

        Raises:
            BlobsUnreachable: When the disk refuses.
        """
        await on_disk(partial(_remove, self._folder / name.key))

    async def erase(self, slug: str) -> None:
        """Remove every blob of a storefront.

        Raises:
            BlobsUnreachable: When the disk refuses.
        """
        if not is_slug(slug):
            raise ValueError("not a slug")
        await on_disk(partial(_remove_tree, self._folder / slug))


def _place(place: Path, draft: Path) -> None:
    made: list[Path] = []
    for _ in range(_RACES_MAX):
        made += make_folders(place.parent)
        try:
            draft.replace(place)
        except FileNotFoundError:
            # The last blob beside it was removed, and the folder with it, just now.
            continue
        for folder in {place.parent, *(each.parent for each in made)}:
            fsync_folder(folder)
        return
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(place.parent))


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise BlobMissing("the bytes of a blob are not there") from None


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    with suppress(OSError):  # there are others in it
        path.parent.rmdir()
        path.parent.parent.rmdir()


def _remove_tree(folder: Path) -> None:
    with suppress(FileNotFoundError):
        rmtree(folder)
