"""Blobs in a bucket of Amazon S3 or of anything that speaks its protocol (extra ``s3``).

A proof has 5 MB at most, so each is one ``PutObject``: it is there whole, or not at all.
"""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from doorward.actors.blobs.disk import on_disk
from doorward.actors.blobs.store import CHUNK_BYTES, BlobMissing, BlobName, BlobsUnreachable
from doorward.actors.partitions import is_slug

_ABSENT: Final = frozenset({"NoSuchKey", "404", "NotFound"})
_RETRY_SECONDS: Final = 5


class Bucket(NamedTuple):
    """Where a ``s3://`` URL leads; ``prefix`` is empty or ends with a slash."""

    name: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None

    @classmethod
    def of(cls, url: str) -> Self:
        """Read a URL that ``config.blob_forms`` has found sound."""
        parts = urlsplit(url)
        options = {name: values[0] for name, values in parse_qs(parts.query).items()}
        prefix = parts.path.strip("/")
        return cls(
            parts.netloc,
            f"{prefix}/" if prefix else "",
            options.get("endpoint"),
            options.get("region"),
        )


class S3Blobs:
    """Blobs in one bucket, below its prefix."""

    def __init__(self, client: Any, bucket: Bucket) -> None:  # noqa: ANN401 - made at run time
        """Use ``s3_client.s3_blobs``."""
        self._client = client
        self._bucket = bucket

    async def put(self, name: BlobName, draft: Path, media_type: str) -> None:
        """Send a finished file; the bucket has it when this returns.

        Raises:
            BlobsUnreachable: When the bucket refuses or does not answer.
        """
        content = await on_disk(draft.read_bytes)
        await _asked(
            self._client.put_object,
            Bucket=self._bucket.name,
            Key=self._key(name),
            Body=content,
            ContentType=media_type,
            # Whoever is given the object's own address must not be shown it either.
            ContentDisposition="attachment",
        )

    async def read(self, name: BlobName) -> AsyncGenerator[bytes, None]:
        """Read a blob in chunks.

        Raises:
            BlobMissing: When it is not there.
            BlobsUnreachable: When the bucket refuses or does not answer.
        """
        found = await _asked(self._client.get_object, Bucket=self._bucket.name, Key=self._key(name))
        async with found["Body"] as body:
            while chunk := await _asked(body.read, CHUNK_BYTES):
                yield chunk

    async def delete(self, name: BlobName) -> None:
        """Remove a blob.

        Raises:
            BlobsUnreachable: When the bucket refuses or does not answer.
        """
        await _asked(self._client.delete_object, Bucket=self._bucket.name, Key=self._key(name))

    async def erase(self, slug: str) -> None:
        """Remove every blob of a storefront, a page of names at a time.

        Raises:
            BlobsUnreachable: When the bucket refuses or does not answer.
        """
        if not is_slug(slug):
            raise ValueError("not a slug")
        while True:
            page = await _asked(
                self._client.list_objects_v2,
                Bucket=self._bucket.name,
                Prefix=f"{self._bucket.prefix}{slug}/",
            )
            named = [{"Key": each["Key"]} for each in page.get("Contents", ())]
            if not named:
                return
            answer = await _asked(
                self._client.delete_objects,
                Bucket=self._bucket.name,
                Delete={"Objects": named, "Quiet": True},
            )
            if answer.get("Errors"):
                raise BlobsUnreachable("the bucket refused", _RETRY_SECONDS)

    def _key(self, name: BlobName) -> str:
        return self._bucket.prefix + name.key


async def _asked(call: Any, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - made at run time
    try:
        return await call(*given, **named)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _ABSENT and "Key" in named:
            raise BlobMissing("the bytes of a blob are not there") from error
        raise BlobsUnreachable("the bucket refused", _RETRY_SECONDS) from error
    except (BotoCoreError, OSError, TimeoutError) as error:
        raise BlobsUnreachable("the bucket does not answer", _RETRY_SECONDS) from error
