"""Where blobs lie: a folder of the data folder, or the bucket that a setting names."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from doorward.actors.blobs.folder import FolderBlobs
from doorward.actors.blobs.store import BlobStore
from doorward.config.errors import ConfigurationError

SETTING: Final = "DOORWARD_BLOBS_URL"
FOLDER: Final = "proofs"


async def open_blobs(url: str | None, data_folder: Path, stack: AsyncExitStack) -> BlobStore:
    """Open the store of blobs; what it holds open is closed with ``stack``.

    Args:
        url: As ``config.blob_forms`` has found it sound; None for the folder.
        data_folder: The folder of this server's data.
        stack: Closes it.

    Raises:
        ConfigurationError: The extra that speaks to buckets is not installed.
    """
    if url is None:
        return FolderBlobs(data_folder / FOLDER)
    try:
        from doorward.actors.blobs.s3_client import s3_blobs  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        rule = f"must have the extra doorward[s3] installed ({error.name} is missing)"
        raise ConfigurationError(SETTING, "***", rule) from error
    return await stack.enter_async_context(s3_blobs(url))
