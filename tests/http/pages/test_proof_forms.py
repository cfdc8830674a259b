import asyncio
import struct
import zlib
from pathlib import Path

import pytest
import pytest_asyncio

from tests.http.doors import Door
from tests.http.pages.reading import URL_ENCODED, Reader, Shown, multipart
from tests.http.placing import Placed, place
from tests.http.shops import Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

MEGABYTE = 1024 * 1024
FILE_HEAD = (
    b'--f\r\nContent-Disposition: form-data; name="proof"; filename="a"\r\n'
    b"Content-Type: image/png\r\n"
)


def png(width: int = 8, height: int = 8, *, padding: int = 0) -> bytes:
    """Draw a grey picture; ``padding`` are bytes of a chunk that nobody reads."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\x00" + b"\x80" * width) * height)
    unread = chunk(b"prVt", bytes(padding)) if padding else b""
    parts = (chunk(b"IHDR", header), unread, chunk(b"IDAT", rows), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest_asyncio.fixture(loop_scope="session")
async def placed(shop: Shop) -> Placed:
    return await place(shop)


async def send(reader: Reader, placed: Placed, content: bytes, kind: str = "image/png") -> Shown:
    page = await reader.open(f"/o/{placed.token}")
    return await reader.send_file(page.form("/proof"), content, kind)


def kept(door: Door, placed: Placed) -> list[Path]:
    folder = door.folder / "proofs" / placed.shop.slug / placed.id
    return sorted(folder.iterdir()) if folder.exists() else []


def arriving(door: Door) -> list[Path]:
    folder = door.folder / "incoming"
    return sorted(folder.iterdir()) if folder.exists() else []


async def test_a_picture_sent_by_a_form_is_kept_byte_for_byte(
    door: Door, placed: Placed, reader: Reader
) -> None:
    page = await send(reader, placed, png())

    (blob,) = kept(door, placed)
    assert "Your proof of payment has arrived." in page.text
    assert "1 picture received," in page.text
    assert blob.read_bytes() == png()
    assert (await placed.view())["hasProof"] is True


@pytest.mark.parametrize(
    ("content", "kind", "status", "text"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", 415, "is not a PNG"),
        (b"<script>alert(1)</script>", "image/png", 415, "is not a PNG"),
        (png()[:-9], "image/png", 415, "is not a PNG"),
        (png(), "image/jpeg", 415, "is not a PNG"),
        (png(), "application/octet-stream", 415, "is not a PNG"),
        (b"", "image/png", 415, "is not a PNG"),
        (png(50_000, 1), "image/png", 413, "too large"),
    ],
)
async def test_what_is_no_such_picture_is_refused_and_leaves_nothing(  # noqa: PLR0917 - a table
    door: Door, placed: Placed, reader: Reader, content: bytes, kind: str, status: int, text: str
) -> None:
    page = await send(reader, placed, content, kind)

    assert page.status == status
    assert text in page.text
    assert page.title.startswith("Error: ")
    assert kept(door, placed) == arriving(door) == []


async def test_a_phones_photo_that_is_too_large_is_heard_out_and_told_so(
    door: Door, placed: Placed, reader: Reader
) -> None:
    page = await send(reader, placed, png(padding=8 * MEGABYTE))

    assert page.status == 413
    assert "too large" in page.text
    assert kept(door, placed) == arriving(door) == []


async def test_without_a_file_the_form_asks_for_one(placed: Placed, reader: Reader) -> None:
    page = await reader.open(f"/o/{placed.token}")

    page = await reader.send_file(page.form("/proof"), b"", "application/octet-stream", name="")

    assert page.status == 400
    assert "Choose a picture first." in page.text


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (URL_ENCODED, b"proof=x"),
        ("multipart/form-data", b"no frontier at all"),
        ("multipart/form-data; boundary=f", b"--g\r\n\r\n"),
        ("multipart/form-data; boundary=f", FILE_HEAD[:-25] + b"\r\n\r\n1\r\n--f--\r\n"),
        ("multipart/form-data; boundary=f", b"--f\r\n" + b"A: b\r\n" * 2_000 + b"\r\n--f--\r\n"),
        ("multipart/form-data; boundary=f", b"--f\r\nnonsense\r\n\r\nx\r\n--f--\r\n"),
        ("multipart/form-data; boundary=f", b""),
        ("multipart/mixed; boundary=f", b"--f\r\n\r\nx\r\n--f--\r\n"),
    ],
)
async def test_a_form_that_cannot_be_read_is_answered_with_a_page(
    door: Door, placed: Placed, reader: Reader, kind: str, raw: bytes
) -> None:
    answer = await reader.post(f"/o/{placed.token}/proof", raw, kind)

    assert answer.status in {400, 415}
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert kept(door, placed) == arriving(door) == []
    assert door.troubles == []


@pytest.mark.parametrize(
    "said", [b"", *(b"Content-Length: %s\r\n" % n for n in (b"9", b"x", b"9999"))]
)
async def test_a_form_that_ends_with_its_file_counts_by_what_the_file_holds(
    door: Door, placed: Placed, reader: Reader, said: bytes
) -> None:
    kind, path = "multipart/form-data; boundary=f", f"/o/{placed.token}/proof"

    whole = await reader.post(path, FILE_HEAD + said + b"\r\n" + png(), kind)
    cut = await reader.post(path, FILE_HEAD + said + b"\r\n" + png()[:-5], kind)

    assert (whole.status, cut.status) == (303, 415)
    assert [blob.read_bytes() for blob in kept(door, placed)] == [png()]


async def test_the_eleventh_picture_is_refused(placed: Placed, reader: Reader) -> None:
    for _ in range(10):
        await send(reader, placed, png())

    page = await send(reader, placed, png())

    assert page.status == 409
    assert "as many pictures as it can hold" in page.text
    assert "10 pictures received, the last" in page.text


async def test_another_sites_form_leaves_no_picture(door: Door, placed: Placed) -> None:
    body, kind = multipart(png(), "image/png")
    headers = [("Content-Type", kind), ("Origin", "https://evil.example")]

    answer = await placed.shop.client("POST", f"/o/{placed.token}/proof", None, headers, raw=body)

    assert answer.status == 403
    assert kept(door, placed) == arriving(door) == []


async def test_an_upload_that_is_broken_off_leaves_nothing(door: Door, placed: Placed) -> None:
    host, _, port = door.url.removeprefix("http://").partition(":")
    body, kind = multipart(png(padding=MEGABYTE), "image/png")
    head = (
        f"POST /o/{placed.token}/proof HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(head.encode() + body[: len(body) // 2])
    await writer.drain()
    async with asyncio.timeout(10):
        while not arriving(door):
            await placed.read()

    writer.transport.abort()

    async with asyncio.timeout(10):
        while arriving(door):
            await placed.read()
    assert kept(door, placed) == []
    assert (await placed.view())["hasProof"] is False
