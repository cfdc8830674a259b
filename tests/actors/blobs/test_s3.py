import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from aiobotocore.session import get_session

from doorward.actors.blobs.folder import FolderBlobs
from doorward.actors.blobs.opening import open_blobs
from doorward.actors.blobs.s3 import Bucket, S3Blobs
from doorward.actors.blobs.s3_client import s3_blobs
from doorward.actors.blobs.store import BlobMissing, BlobName, BlobsUnreachable
from doorward.config.errors import ConfigurationError

NAME = BlobName("kopi-senja", "0" * 32, "a" * 32)
SERVER = Path(__file__).with_name("s3_server.py")
KEYS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, str(SERVER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | KEYS,
    )
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.communicate(timeout=20)


@pytest_asyncio.fixture
async def store(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[S3Blobs]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    making = get_session().create_client("s3", endpoint_url=endpoint, region_name="us-east-1")
    async with making as client:
        await client.create_bucket(Bucket="doorward")
    url = f"s3://doorward/live/proofs?endpoint={endpoint}&region=us-east-1"
    async with s3_blobs(url) as opened:
        yield opened
        await opened.erase(NAME.slug)


async def put(store: S3Blobs, folder: Path, name: BlobName, content: bytes) -> None:
    draft = folder / "draft"
    draft.write_bytes(content)
    await store.put(name, draft, "image/png")


async def read(store: S3Blobs, name: BlobName) -> bytes:
    return b"".join([part async for part in store.read(name)])


async def test_what_is_put_is_read_back(store: S3Blobs, tmp_path: Path) -> None:
    content = os.urandom(300_000)

    await put(store, tmp_path, NAME, content)

    assert await read(store, NAME) == content


async def test_an_object_lies_below_the_prefix_and_is_to_be_saved(
    store: S3Blobs, tmp_path: Path
) -> None:
    await put(store, tmp_path, NAME, b"x")

    key = f"live/proofs/{NAME.key}"
    found = await store._client.head_object(Bucket="doorward", Key=key)  # noqa: SLF001
    assert (found["ContentType"], found["ContentDisposition"]) == ("image/png", "attachment")


async def test_a_blob_that_is_not_there_is_missing(store: S3Blobs) -> None:
    with pytest.raises(BlobMissing):
        await read(store, NAME)


async def test_a_deleted_blob_is_missing_and_may_be_deleted_again(
    store: S3Blobs, tmp_path: Path
) -> None:
    await put(store, tmp_path, NAME, b"x")

    await store.delete(NAME)
    await store.delete(NAME)

    with pytest.raises(BlobMissing):
        await read(store, NAME)


async def test_erasing_a_storefront_takes_every_page_and_no_namesake(
    store: S3Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = [NAME._replace(blob=f"{number:032x}") for number in range(7)]
    neighbour = NAME._replace(slug="kopi-senja-2")
    for name in (*mine, neighbour):
        await put(store, tmp_path, name, b"x")
    whole = store._client.list_objects_v2  # noqa: SLF001 - to make its pages small

    monkeypatch.setattr(
        store._client,  # noqa: SLF001
        "list_objects_v2",
        lambda **asked: whole(**asked, MaxKeys=3),
        raising=False,
    )
    await store.erase(NAME.slug)

    for name in mine:
        with pytest.raises(BlobMissing):
            await read(store, name)
    assert await read(store, neighbour) == b"x"
    await store.delete(neighbour)


async def test_a_bucket_that_is_not_there_is_unreachable(
    store: S3Blobs, endpoint: str, tmp_path: Path
) -> None:
    async with s3_blobs(f"s3://nowhere-at-all?endpoint={endpoint}&region=us-east-1") as other:
        with pytest.raises(BlobsUnreachable):
            await put(other, tmp_path, NAME, b"x")
        with pytest.raises(BlobsUnreachable):
            await read(other, NAME)
        with pytest.raises(BlobsUnreachable):
            await other.erase(NAME.slug)


async def test_a_server_that_does_not_answer_is_unreachable(store: S3Blobs, tmp_path: Path) -> None:
    async with s3_blobs("s3://doorward?endpoint=http://127.0.0.1:1&region=us-east-1") as nobody:
        with pytest.raises(BlobsUnreachable):
            await put(nobody, tmp_path, NAME, b"x")


@pytest.mark.parametrize(
    ("url", "bucket"),
    [
        ("s3://proofs", Bucket("proofs")),
        ("s3://proofs/a/b/", Bucket("proofs", "a/b/")),
        (
            "s3://proofs?endpoint=https://s3.example:9000&region=eu-1",
            Bucket("proofs", "", "https://s3.example:9000", "eu-1"),
        ),
    ],
)
def test_a_url_names_bucket_prefix_and_endpoint(url: str, bucket: Bucket) -> None:
    assert Bucket.of(url) == bucket


async def test_without_a_url_blobs_lie_in_the_data_folder(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        assert isinstance(await open_blobs(None, tmp_path, stack), FolderBlobs)


async def test_a_url_opens_a_bucket(store: S3Blobs, endpoint: str, tmp_path: Path) -> None:
    url = f"s3://doorward?endpoint={endpoint}&region=us-east-1"

    async with AsyncExitStack() as stack:
        opened = await open_blobs(url, tmp_path, stack)
        assert isinstance(opened, S3Blobs)


async def test_without_the_extra_a_url_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "doorward.actors.blobs.s3_client")
    monkeypatch.setitem(sys.modules, "aiobotocore", None)
    monkeypatch.setitem(sys.modules, "aiobotocore.config", None)

    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigurationError, match=r"extra doorward\[s3\]"):
            await open_blobs("s3://proofs", tmp_path, stack)


async def test_a_bucket_that_refuses_to_delete_is_unreachable(
    store: S3Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refusing(**_: object) -> dict[str, object]:
        return {"Errors": [{"Code": "AccessDenied"}]}

    await put(store, tmp_path, NAME, b"x")
    with monkeypatch.context() as patched:
        patched.setattr(store._client, "delete_objects", refusing, raising=False)  # noqa: SLF001
        with pytest.raises(BlobsUnreachable):
            await store.erase(NAME.slug)

    assert await read(store, NAME) == b"x"


@pytest.mark.parametrize("slug", ["..", "", "/", "a/b"])
async def test_no_slug_erases_anything_but_a_storefront(store: S3Blobs, slug: str) -> None:
    with pytest.raises(ValueError, match="not a slug"):
        await store.erase(slug)
