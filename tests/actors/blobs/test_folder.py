import asyncio
import errno
import os
import stat
import threading
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import pytest

from doorward.actors.blobs import drafts as drafts_module
from doorward.actors.blobs import folder as folder_module
from doorward.actors.blobs.drafts import Drafts
from doorward.actors.blobs.folder import FolderBlobs
from doorward.actors.blobs.store import BlobMissing, BlobName, BlobStore, BlobsUnreachable

ORDER = "0" * 32
NAME = BlobName("kopi-senja", ORDER, "a" * 32)


@pytest.fixture
def store(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "proofs")


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    return tmp_path / "incoming"


@pytest.fixture
def drafts(incoming: Path) -> Drafts:
    return Drafts(incoming)


def listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def put(store: BlobStore, drafts: Drafts, name: BlobName, content: bytes) -> None:
    async with drafts.open() as draft:
        await draft.write(content)
        await draft.finish()
        await store.put(name, draft.path, "image/png")


async def read(store: BlobStore, name: BlobName) -> bytes:
    return b"".join([part async for part in store.read(name)])


async def test_what_is_put_is_read_back(store: FolderBlobs, drafts: Drafts) -> None:
    content = os.urandom(200_000)

    await put(store, drafts, NAME, content)

    assert await read(store, NAME) == content


async def test_a_blob_and_its_folders_are_ours_alone(
    store: FolderBlobs, drafts: Drafts, tmp_path: Path
) -> None:
    await put(store, drafts, NAME, b"x")

    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "proofs").rglob("*")}
    assert sorted(modes.values()) == [0o600, 0o700, 0o700]
    assert stat.S_IMODE((tmp_path / "incoming").stat().st_mode) == 0o700


async def test_a_blob_that_is_not_there_is_missing(store: FolderBlobs) -> None:
    with pytest.raises(BlobMissing):
        await read(store, NAME)


async def test_a_deleted_blob_leaves_no_empty_folder(
    store: FolderBlobs, drafts: Drafts, tmp_path: Path
) -> None:
    await put(store, drafts, NAME, b"x")

    await store.delete(NAME)
    await store.delete(NAME)

    assert listed(tmp_path / "proofs") == []


async def test_deleting_one_leaves_the_others(store: FolderBlobs, drafts: Drafts) -> None:
    other = NAME._replace(blob="b" * 32)
    await put(store, drafts, NAME, b"x")
    await put(store, drafts, other, b"y")

    await store.delete(NAME)

    assert await read(store, other) == b"y"


async def test_erasing_a_storefront_leaves_its_namesakes(
    store: FolderBlobs, drafts: Drafts
) -> None:
    neighbour = NAME._replace(slug="kopi-senja-2")
    await put(store, drafts, NAME, b"x")
    await put(store, drafts, neighbour, b"y")

    await store.erase(NAME.slug)
    await store.erase(NAME.slug)

    with pytest.raises(BlobMissing):
        await read(store, NAME)
    assert await read(store, neighbour) == b"y"


@pytest.mark.parametrize(
    "name",
    [
        NAME._replace(slug=".."),
        NAME._replace(slug="a/b"),
        NAME._replace(order_id="../" + "a" * 29),
        NAME._replace(order_id=ORDER + "\n"),
        NAME._replace(blob="/etc/passwd"),
        NAME._replace(blob=""),
        NAME._replace(blob="A" * 32),
    ],
)
async def test_no_name_leads_out_of_the_folder(store: FolderBlobs, name: BlobName) -> None:
    with pytest.raises(ValueError, match="not the name"):
        await read(store, name)


@pytest.mark.parametrize("slug", ["..", ".", "", "/", "a/../b"])
async def test_no_slug_erases_anything_but_a_storefront(store: FolderBlobs, slug: str) -> None:
    with pytest.raises(ValueError, match="not a slug"):
        await store.erase(slug)


async def test_a_disk_that_refuses_is_unreachable(
    store: FolderBlobs, drafts: Drafts, tmp_path: Path
) -> None:
    (tmp_path / "proofs").write_text("a file where a folder should be")

    with pytest.raises(BlobsUnreachable):
        await put(store, drafts, NAME, b"x")

    assert listed(tmp_path / "incoming") == []


async def test_a_folder_that_goes_away_meanwhile_is_made_again(
    store: FolderBlobs, drafts: Drafts
) -> None:
    others = [NAME._replace(blob=f"{number:032x}") for number in range(20)]

    async def put_and_delete(name: BlobName) -> None:
        await put(store, drafts, name, b"x")
        await store.delete(name)

    await asyncio.gather(*map(put_and_delete, others), put(store, drafts, NAME, b"kept"))

    assert await read(store, NAME) == b"kept"


async def test_a_draft_that_is_not_kept_is_gone(drafts: Drafts, incoming: Path) -> None:
    async with drafts.open() as draft:
        await draft.write(b"x" * 300_000)
        assert stat.S_IMODE(draft.path.stat().st_mode) == 0o600

    assert listed(incoming) == []


async def test_a_draft_is_gone_when_its_upload_fails(drafts: Drafts, incoming: Path) -> None:
    async def upload() -> None:
        async with drafts.open() as draft:
            await draft.write(b"x" * 300_000)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await upload()

    assert listed(incoming) == []


async def test_a_draft_is_gone_when_its_upload_is_cancelled_while_it_is_made(
    drafts: Drafts, incoming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, let = threading.Event(), threading.Event()
    make = drafts_module._make

    def slowly(path: Path) -> BinaryIO:
        begun.set()
        let.wait(10)
        return make(path)

    async def upload() -> None:
        async with drafts.open():
            pass

    monkeypatch.setattr(drafts_module, "_make", slowly)
    task = asyncio.create_task(upload())
    await asyncio.to_thread(begun.wait, 10)

    task.cancel()
    await asyncio.sleep(0)
    let.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert listed(incoming) == []


async def test_a_finished_draft_may_be_cut(store: FolderBlobs, drafts: Drafts) -> None:
    async with drafts.open() as draft:
        await draft.write(b"picture and more")
        await draft.finish()
        await draft.finish(size_bytes=7)
        await store.put(NAME, draft.path, "image/png")

        assert draft.size_bytes == 7
    assert await read(store, NAME) == b"picture"


async def test_only_what_is_old_enough_is_swept(drafts: Drafts, incoming: Path) -> None:
    incoming.mkdir()  # noqa: ASYNC240 - nobody else is waiting
    old, new = incoming / "old", incoming / "new"
    for path in (old, new):
        path.touch()
    os.utime(old, (1, 1))

    swept = [await drafts.sweep(older_than_seconds=3600), await drafts.sweep(older_than_seconds=0)]

    assert swept == [1, 1]
    assert listed(incoming) == []


async def test_there_is_nothing_to_sweep_before_the_first_draft(drafts: Drafts) -> None:
    assert await drafts.sweep(older_than_seconds=0) == 0


async def test_a_disk_without_room_refuses_a_draft_and_keeps_none_of_it(
    drafts: Drafts, incoming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(drafts_module, "os", SimpleNamespace(**(vars(os) | {"fsync": full})))

    with pytest.raises(BlobsUnreachable):
        async with drafts.open() as draft:
            await draft.finish()

    assert listed(incoming) == []


async def test_a_folder_that_is_removed_just_before_a_move_is_made_again(
    store: FolderBlobs, drafts: Drafts, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, calls = folder_module.make_folders, count(1)
    monkeypatch.setattr(
        folder_module, "make_folders", lambda path: make(path) if next(calls) > 2 else []
    )

    await put(store, drafts, NAME, b"x")

    assert await read(store, NAME) == b"x"


async def test_a_folder_that_is_removed_again_and_again_is_unreachable(
    store: FolderBlobs, drafts: Drafts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "make_folders", lambda _path: [])

    with pytest.raises(BlobsUnreachable):
        await put(store, drafts, NAME, b"x")
