import asyncio
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from doorward.actors.blobs.store import BlobName, BlobsUnreachable
from doorward.actors.errors import StoreUnreachable
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.merchant import FindProof, ProofFound
from doorward.actors.messages.orders import KeepProof
from doorward.http import proofs
from doorward.http.edge.uploads import Allowance
from doorward.http.proofs import BYTES_MAX, PROOFS
from tests.http.doors import OPERATOR_KEY, STOREFRONTS, Door, Setup
from tests.http.knocking import bearer
from tests.http.placing import Placed, place
from tests.http.shops import Shop, open_shop
from tests.pictures import KINDS, NO_PICTURES, chunk, picture, png_bomb, png_head

pytestmark = pytest.mark.asyncio(loop_scope="session")

IMPATIENT = Setup(upload=Allowance(BYTES_MAX, idle_seconds=0.05))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def kept(placed: Placed) -> list[Path]:
    """Tell the files of an order's proofs."""
    return files(placed.shop.door.folder / "proofs" / placed.shop.slug / placed.id)


def arriving(shop: Shop) -> list[Path]:
    return files(shop.door.folder / "incoming")


async def nothing_is_left(placed: Placed) -> bool:
    """Tell whether an upload left no trace, on disk or in the order."""
    has_proof: bool = (await placed.view())["hasProof"]
    return not (has_proof or kept(placed) or arriving(placed.shop))


@pytest.fixture(autouse=True)
async def _nothing_is_ever_left_arriving(door: Door) -> AsyncIterator[None]:
    yield
    assert files(door.folder / "incoming") == []


async def stored(placed: Placed, number: int | None = None) -> tuple[ProofFound, bytes]:
    """Read a proof back as its merchant would."""
    message = FindProof(key_digest=None, order_number=placed.number, number=number)
    found = await placed.shop.door.system.ask(placed.shop.slug, message)
    assert isinstance(found, ProofFound), found
    name = BlobName(found.slug, found.order_id, found.proof.blob)
    store = placed.shop.door.app[PROOFS].store
    return found, b"".join([part async for part in store.read(name)])


@dataclass
class Begun:
    """A PUT that was begun by hand."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def status(self) -> int:
        async with asyncio.timeout(10):
            return int((await self.reader.readline()).split()[1])

    async def fill(self, part: bytes, *, at_most: int) -> int:
        """Send a part again and again until there is an answer; tell how often."""
        answered = asyncio.ensure_future(self.reader.readuntil(b"\r\n"))
        sent = 0
        while sent < at_most and not answered.done():
            self.writer.write(part)
            await asyncio.wait_for(self.writer.drain(), 10)
            await asyncio.sleep(0)
            sent += 1
        assert (await asyncio.wait_for(answered, 10)).split()[1] == b"413"
        return sent


@asynccontextmanager
async def begun(placed: Placed, *head: str, sent: bytes = b"\x89PNG") -> AsyncIterator[Begun]:
    """Begin to upload; whatever became of it, the connection breaks off at the end."""
    host, _, port = placed.shop.door.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"PUT {placed.path}/proof HTTP/1.1", f"Host: {host}", "Content-Type: image/png", *head]
    writer.write("\r\n".join([*lines, "", ""]).encode() + sent)
    await writer.drain()
    yield Begun(reader, writer)
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


async def drafts_are(shop: Shop, wanted: int) -> None:
    """Wait until so many uploads are under way."""
    async with asyncio.timeout(10):
        while len(arriving(shop)) != wanted:  # noqa: ASYNC110 - a folder tells nobody
            await asyncio.sleep(0)


@pytest.mark.parametrize("media_type", KINDS)
async def test_a_picture_is_kept_byte_for_byte(shop: Shop, media_type: str) -> None:
    placed, raw = await place(shop), picture(media_type, (640, 480))

    answer = await placed.prove(raw, media_type)

    assert (answer.status, answer.data) == (200, {"hasProof": True})
    assert answer.headers["RateLimit-Policy"] == '"orders.proofs";q=30;w=3600'
    found, read = await stored(placed)
    assert read == raw
    assert (found.proof.media_type, found.proof.size_bytes) == (media_type, len(raw))
    assert (await placed.view())["hasProof"] is True
    assert (await placed.view())["paymentStatus"] == "unpaid"


async def test_a_proof_lies_under_a_name_of_ours_readable_by_us_alone(shop: Shop) -> None:
    placed = await place(shop)

    await placed.prove(picture())

    (path,) = kept(placed)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert len(path.name) == 32
    assert arriving(shop) == []


async def test_a_proof_is_dated_by_the_storefronts_own_clock(shop: Shop) -> None:
    placed = await place(shop)
    now = await shop.advance(86_400)

    await placed.prove(picture())

    sent_at = (await stored(placed))[0].proof.sent_at_ms / 1000
    assert 0 <= sent_at - now.timestamp() < 60


@pytest.mark.parametrize("media_type", ["IMAGE/PNG", " image/png ", "image/png; charset=utf-8"])
async def test_the_type_is_read_as_http_writes_types(shop: Shop, media_type: str) -> None:
    placed = await place(shop)

    assert (await placed.prove(picture(), media_type)).status == 200


@pytest.mark.parametrize(
    "media_type",
    [
        *(None, "", "image/svg+xml", "text/html", "application/octet-stream", "image/*"),
        *("image/png, image/gif", "image/jpg", "multipart/form-data", "image/bmp"),
    ],
)
async def test_a_type_that_is_not_taken_is_415(shop: Shop, media_type: str | None) -> None:
    placed = await place(shop)

    answer = await placed.prove(picture(), media_type)

    assert (answer.status, answer.error["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert await nothing_is_left(placed)


@pytest.mark.parametrize("said", KINDS)
@pytest.mark.parametrize("is_really", KINDS)
async def test_a_picture_must_be_of_the_type_it_is_said_to_be(
    shop: Shop, said: str, is_really: str
) -> None:
    placed = await place(shop)

    answer = await placed.prove(picture(is_really), said)

    assert answer.status == (200 if said == is_really else 415)
    assert len(kept(placed)) == (said == is_really)


@pytest.mark.parametrize("made", NO_PICTURES.values(), ids=NO_PICTURES.keys())
async def test_what_is_no_picture_is_415_and_leaves_nothing(
    shop: Shop, made: Callable[[], bytes]
) -> None:
    placed = await place(shop)

    answer = await placed.prove(made())

    assert (answer.status, answer.error["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert await nothing_is_left(placed)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "identity"])
async def test_an_encoded_body_is_415(shop: Shop, coding: str) -> None:
    placed = await place(shop)

    answer = await placed.prove(picture(), headers=[("Content-Encoding", coding)])

    assert answer.status == 415
    assert await nothing_is_left(placed)


@pytest.mark.parametrize(
    "made",
    [
        lambda: png_head(50_000, 50_000),
        lambda: png_head(2**31 - 1, 1),
        lambda: png_bomb(8_000),
        lambda: png_head(2_000, 1_000, frames=21),
    ],
    ids=["a header", "a line", "a bomb", "frames"],
)
async def test_too_many_pixels_are_413_before_any_is_decoded(
    shop: Shop, made: Callable[[], bytes]
) -> None:
    placed = await place(shop)

    answer = await placed.prove(made())

    assert (answer.status, answer.error["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert await nothing_is_left(placed)


async def test_five_megabytes_are_taken_and_not_a_byte_more(shop: Shop) -> None:
    placed, whole = await place(shop), picture()
    filling = BYTES_MAX - len(whole) - 12
    largest = whole[:-12] + chunk(b"prVt", b"\0" * filling) + whole[-12:]
    larger = whole[:-12] + chunk(b"prVt", b"\0" * (filling + 1)) + whole[-12:]

    taken, refused = await placed.prove(largest), await placed.prove(larger)

    assert (len(largest), taken.status) == (BYTES_MAX, 200)
    assert (refused.status, refused.error["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert len(kept(placed)) == 1


async def test_a_body_without_end_is_413_as_soon_as_it_is_too_large(shop: Shop) -> None:
    placed = await place(shop)
    part = b"10000\r\n" + b"\0" * 0x10000 + b"\r\n"

    async with begun(placed, "Transfer-Encoding: chunked", sent=b"") as upload:
        parts = await upload.fill(part, at_most=1_000)

    assert parts < 1_000
    assert await nothing_is_left(placed)


async def test_an_announced_length_that_is_too_large_is_refused_at_once(shop: Shop) -> None:
    placed = await place(shop)

    async with begun(placed, f"Content-Length: {BYTES_MAX + 1}") as upload:
        status = await upload.status()

    assert status == 413
    assert await nothing_is_left(placed)


async def test_an_upload_that_breaks_off_leaves_nothing(shop: Shop) -> None:
    placed, raw = await place(shop), picture("image/png", (900, 900), compress_level=0)

    async with begun(placed, f"Content-Length: {len(raw)}", sent=raw[:600_000]):
        await drafts_are(shop, 1)
    await drafts_are(shop, 0)

    assert await nothing_is_left(placed)


@pytest.mark.parametrize("door_setup", [IMPATIENT])
@pytest.mark.parametrize("head", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
async def test_an_upload_that_makes_no_headway_is_408(door: Door, head: str) -> None:
    placed = await place(await open_shop(door))

    async with begun(placed, head, sent=b"100\r\n\x89PNG") as upload:
        status = await upload.status()

    assert status == 408
    assert await nothing_is_left(placed)


@pytest.mark.parametrize(
    "door_setup", [Setup(upload=Allowance(BYTES_MAX, idle_seconds=10, seconds_max=0.05))]
)
async def test_an_upload_that_takes_too_long_in_all_is_408(door: Door) -> None:
    placed = await place(await open_shop(door))

    async with begun(placed, "Content-Length: 1000") as upload:
        status = await upload.status()

    assert status == 408
    assert await nothing_is_left(placed)


async def test_an_order_keeps_ten_proofs_and_the_eleventh_is_409(shop: Shop) -> None:
    placed = await place(shop)
    taken = [await placed.prove(picture(size=(10 + number, 10))) for number in range(10)]

    refused = await placed.prove(picture())

    assert [answer.status for answer in taken] == [200] * 10
    assert (refused.status, refused.error["code"]) == (409, "CONFLICT")
    assert len(kept(placed)) == 10
    assert (await stored(placed, 1))[1] == picture(size=(10, 10))
    assert (await stored(placed))[1] == picture(size=(19, 10))


async def test_of_two_uploads_for_the_last_place_one_is_kept_and_the_other_gone(
    shop: Shop,
) -> None:
    placed = await place(shop)
    for _ in range(9):
        await placed.prove(picture())

    answers = await asyncio.gather(placed.prove(picture()), placed.prove(picture()))

    assert sorted(answer.status for answer in answers) == [200, 409]
    assert len(kept(placed)) == 10
    assert arriving(shop) == []


async def test_uploads_at_once_are_bounded_for_an_order(shop: Shop) -> None:
    placed, other = await place(shop), await place(shop)
    head = "Content-Length: 1000"

    async with begun(placed, head), begun(placed, head):
        await drafts_are(shop, 2)
        refused, elsewhere = await placed.prove(picture()), await other.prove(picture())
    await drafts_are(shop, 0)

    assert (refused.status, refused.error["code"]) == (503, "UNAVAILABLE")
    assert int(refused.headers["Retry-After"]) > 0
    assert elsewhere.status == 200
    assert (await placed.prove(picture())).status == 200


async def test_uploads_at_once_are_bounded_for_the_process(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "UPLOADS_MAX", 1)
    placed, other = await place(shop), await place(shop)

    async with begun(placed, "Content-Length: 1000"):
        await drafts_are(shop, 1)
        refused = await other.prove(picture())
    await drafts_are(shop, 0)

    assert refused.status == 503


class Interrupted:
    """A system whose answer to one kind of message never arrives, though it is decided."""

    def __init__(self, door: Door) -> None:
        self._ask = door.system.ask

    async def ask(self, slug: str, message: Request) -> Outcome:
        outcome = await self._ask(slug, message)
        if isinstance(message, KeepProof):
            raise StoreUnreachable("gone")
        return outcome


async def test_where_it_is_unknown_whether_a_proof_was_kept_its_bytes_stay(
    door: Door, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = await place(shop)
    with monkeypatch.context() as patched:
        patched.setattr(door.system, "ask", Interrupted(door).ask)
        answer = await placed.prove(picture())

    assert answer.status == 503
    assert len(kept(placed)) == 1
    assert (await stored(placed))[1] == picture()


async def test_a_full_disk_is_503_and_promises_nothing(
    door: Door, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    placed = await place(shop)
    with monkeypatch.context() as patched:
        patched.setattr("doorward.actors.blobs.folder._place", full)
        answer = await placed.prove(picture())

    assert (answer.status, answer.error["code"]) == (503, "UNAVAILABLE")
    assert await nothing_is_left(placed)


async def test_erasing_a_storefront_erases_its_proofs_and_no_others(door: Door) -> None:
    shop = await open_shop(door)
    longer = await open_shop(door, f"{shop.slug}-2")
    placed, other = await place(shop), await place(longer)
    for each in (placed, other):
        assert (await each.prove(picture())).status == 200

    await door.operate("DELETE", f"/{shop.slug}")

    assert not (door.folder / "proofs" / shop.slug).exists()
    assert len(kept(other)) == 1


async def test_what_a_killed_process_left_is_gone_when_the_next_one_opens(tmp_path: Path) -> None:
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    (incoming / ("a" * 32)).write_bytes(b"half")

    taker = proofs.Proofs(_no_store(), incoming)
    sweeping = asyncio.create_task(taker.keep_sweeping())
    async with asyncio.timeout(10):
        while files(incoming):  # noqa: ASYNC110 - a folder tells nobody
            await asyncio.sleep(0)

    sweeping.cancel()
    taker.close()


def _no_store() -> Any:  # noqa: ANN401 - it is never asked
    return None


async def test_a_picture_of_someone_else_is_not_read_by_path_tricks(shop: Shop) -> None:
    placed = await place(shop)
    await placed.prove(picture())
    typed = [("Content-Type", "image/png")]

    for token in ("..%2f..%2fincoming", "%2e%2e", f"{placed.token}%2f..", f"{placed.token}%00"):
        path = f"/api/v1/public/orders/{token}/proof"
        answer = await shop.client("PUT", path, None, typed, raw=picture())
        assert answer.status == 404

    assert len(kept(placed)) == 1


async def test_a_client_that_asks_first_is_told_to_go_on(shop: Shop) -> None:
    placed, raw = await place(shop), picture()
    head = ("Expect: 100-continue", f"Content-Length: {len(raw)}")

    async with begun(placed, *head, sent=b"") as upload:
        told = await upload.status()
        await upload.reader.readline()
        upload.writer.write(raw)
        status = await upload.status()

    assert (told, status) == (100, 200)


async def test_a_connection_is_as_good_as_before_after_an_upload(shop: Shop) -> None:
    placed, raw = await place(shop), picture()
    again = f"GET {placed.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()

    async with begun(placed, f"Content-Length: {len(raw)}", sent=raw + again) as upload:
        async with asyncio.timeout(10):
            answers = await upload.reader.read()

    assert answers.count(b"HTTP/1.1 200") == 2
    assert b'"hasProof":true,"messages":[]' in answers


async def test_a_storefront_is_not_erased_before_its_proofs_are(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await open_shop(door)
    await (await place(shop)).prove(picture())

    async def away(*_: object) -> None:
        raise BlobsUnreachable("away")

    with monkeypatch.context() as patched:
        patched.setattr(door.app[PROOFS].store, "erase", away)
        interrupted = await door.client(
            "DELETE", f"{STOREFRONTS}/{shop.slug}", None, [bearer(OPERATOR_KEY)]
        )
    await door.operate("DELETE", f"/{shop.slug}")

    assert interrupted.status == 503
    assert not (door.folder / "proofs" / shop.slug).exists()


async def test_an_upload_that_outlives_its_storefront_leaves_nothing(door: Door) -> None:
    shop = await open_shop(door)
    placed, raw = await place(shop), picture()

    async with begun(placed, f"Content-Length: {len(raw)}", sent=raw[:-1]) as upload:
        await drafts_are(shop, 1)
        await door.operate("DELETE", f"/{shop.slug}")
        upload.writer.write(raw[-1:])
        status = await upload.status()

    assert status == 404
    assert kept(placed) == []


async def test_no_proof_is_ever_named_in_a_log_with_its_order_link(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    placed = await place(shop)
    await placed.prove(picture())
    await placed.prove(b"x")
    await placed.read()

    said = capsys.readouterr()

    assert placed.token not in said.out + said.err
    assert all(placed.token not in repr(event) for event in shop.door.events)
