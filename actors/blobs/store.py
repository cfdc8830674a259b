"""Where bytes lie that are too large for the store of records: the interface, and their names.

A blob is written once under a random name and never changed. Only a record that names it makes it
part of anything, so the order of things is always: bytes first, durably; then the turn that refers
to them. What a crash leaves between the two is a blob that nothing refers to, never a reference
without its bytes. Such a blob stays until its storefront is erased: to a store that was restored
from a backup every newer proof would look like one, and the files may be all that is left of them.
"""

import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import ClassVar, Final, NamedTuple, Protocol

from doorward.actors.errors import DoorwardError, Unavailable
from doorward.actors.partitions import is_slug

CHUNK_BYTES: Final = 64 * 1024
NAME_BYTES: Final = 16
"""128 random bits: no two blobs are ever called alike, and no name can be guessed."""
_ORDER_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_BLOB: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


class BlobMissing(DoorwardError):
    """A record refers to bytes that are not there (lost outside Doorward, or erased just now)."""

    code: ClassVar[str] = "blob_missing"


class BlobsUnreachable(Unavailable):
    """The place where blobs lie does not answer, or has no room."""

    code: ClassVar[str] = "blobs_unreachable"


class BlobName(NamedTuple):
    """What a blob is called: whose it is, which order's, and its own random part."""

    slug: str
    order_id: str
    blob: str

    @property
    def key(self) -> str:
        """Write it as a relative path of three parts.

        Raises:
            ValueError: When a part is not of its alphabet, so that no path can lead elsewhere.
        """
        if not (is_slug(self.slug) and _ORDER_ID.fullmatch(self.order_id)):
            raise ValueError("not the name of an order's blob")
        if not _BLOB.fullmatch(self.blob):
            raise ValueError("not the name of a blob")
        return "/".join(self)


class BlobStore(Protocol):
    """Keeps blobs. Every method may raise ``BlobsUnreachable``: then nothing may be concluded."""

    async def put(self, name: BlobName, draft: Path, media_type: str) -> None:
        """Keep a finished file under ``name``, durably; the draft is the caller's to remove."""

    def read(self, name: BlobName) -> AsyncGenerator[bytes, None]:
        """Read a blob in chunks.

        Raises:
            BlobMissing: With the first chunk, when it is not there.
        """

    async def delete(self, name: BlobName) -> None:
        """Forget a blob; one that is not there is fine."""

    async def erase(self, slug: str) -> None:
        """Forget every blob of a storefront."""
