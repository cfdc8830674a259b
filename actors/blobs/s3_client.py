"""The client of a bucket, made once when a server starts (extra ``s3``).

Making it reads the AWS libraries' own files: it is done before the first request is taken.
Credentials come from where those libraries look for them: ``AWS_ACCESS_KEY_ID`` and
``AWS_SECRET_ACCESS_KEY``, a profile, or the machine's role. Nothing about them is ever logged.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from doorward.actors.blobs.s3 import Bucket, S3Blobs

_CONFIG: Final = AioConfig(
    connect_timeout=5,
    read_timeout=20,
    retries={"max_attempts": 2, "mode": "standard"},
    s3={"addressing_style": "auto"},
    # Others than Amazon know no trailing checksums: sent only where the call requires one.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


@asynccontextmanager
async def s3_blobs(url: str) -> AsyncGenerator[S3Blobs, None]:
    """Open the bucket that a URL leads to; its connections are closed with the context.

    Args:
        url: As ``config.blob_forms`` has found it sound.
    """
    bucket = Bucket.of(url)
    session = get_session()
    making = session.create_client(
        "s3", endpoint_url=bucket.endpoint, region_name=bucket.region, config=_CONFIG
    )
    async with making as client:
        yield S3Blobs(client, bucket)
