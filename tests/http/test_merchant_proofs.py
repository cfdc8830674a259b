import asyncio
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.http.knocking import Answer, bearer
from tests.http.sales import ORDERS, Merchant, merchant_of
from tests.http.shops import Shop
from tests.pictures import KINDS, picture

pytestmark = pytest.mark.asyncio(loop_scope="session")
large = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")


@pytest_asyncio.fixture(loop_scope="session")
async def merchant(shop: Shop) -> Merchant:
    return await merchant_of(shop)


async def prove(merchant: Merchant, raw: bytes, media_type: str = "image/png") -> None:
    """Upload a proof as the order's buyer does."""
    token = (await merchant.read())["accessToken"]
    path = f"/api/v1/public/orders/{token}/proof"
    answer = await merchant.shop.client("PUT", path, None, [("Content-Type", media_type)], raw=raw)
    assert answer.status == 200, answer.body


async def downloaded(merchant: Merchant, query: str = "", method: str = "GET") -> Answer:
    return await merchant(method, f"/A-1/proof{query}")


def blobs(shop: Shop) -> list[Path]:
    return [path for path in (shop.door.folder / "proofs" / shop.slug).rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("media_type", "ending"),
    list(zip(KINDS, ("png", "jpg", "gif", "webp"), strict=True)),
)
async def test_a_proof_is_sent_as_it_came_to_be_saved_and_never_shown(
    merchant: Merchant, media_type: str, ending: str
) -> None:
    raw, made = picture(media_type), await merchant.order()
    await prove(merchant, raw, media_type)

    answer = await downloaded(merchant)

    assert (answer.status, answer.raw) == (200, raw)
    told = {name.lower(): value for name, value in answer.headers.items()}
    assert told.pop("date")
    assert told.pop("x-request-id")
    assert told == {
        "content-type": media_type,
        "content-length": f"{len(raw)}",
        "content-disposition": f'attachment; filename="proof-{made["id"]}.{ending}"',
        "content-security-policy": "sandbox; default-src 'none'",
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "server": "doorward",
    }


async def test_proofs_are_told_with_the_order_and_read_by_number(merchant: Merchant) -> None:
    await merchant.order()
    pictures = [picture("image/png", (size, size)) for size in (8, 16)]
    for raw in pictures:
        await prove(merchant, raw)

    numbered = [await downloaded(merchant, f"?number={number}") for number in (1, 2)]

    told = (await merchant.read())["proofs"]
    assert [
        {
            "number": n,
            "mediaType": "image/png",
            "sizeBytes": len(raw),
            "sentAt": told[n - 1]["sentAt"],
        }
        for n, raw in enumerate(pictures, 1)
    ] == told
    assert [answer.raw for answer in numbered] == pictures
    assert (await downloaded(merchant)).raw == pictures[-1]
    assert "blob" not in str(await merchant.read())


@large
async def test_a_large_proof_arrives_whole(merchant: Merchant) -> None:
    await merchant.order()
    raw = picture("image/png", (1_000, 1_000), compress_level=0)
    await prove(merchant, raw)

    answer = await downloaded(merchant)

    assert len(raw) > 1_000_000
    assert answer.raw == raw


async def test_a_head_tells_the_size_and_sends_nothing(merchant: Merchant) -> None:
    await merchant.order()
    raw = picture("image/png")
    await prove(merchant, raw)

    answer = await downloaded(merchant, method="HEAD")
    after = await downloaded(merchant)

    assert (answer.status, answer.raw) == (200, b"")
    assert answer.headers["Content-Length"] == f"{len(raw)}"
    assert after.raw == raw


@pytest.mark.parametrize("query", ["", "?number=1", "?number=2"])
async def test_a_proof_that_is_not_there_is_not_found(merchant: Merchant, query: str) -> None:
    await merchant.order()
    if query.endswith("2"):
        await prove(merchant, picture("image/png"))

    answer = await downloaded(merchant, query)

    assert (answer.status, answer.body["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("number", ["0", "-1", "01", "1.0", "x", "", "99999", "1&number=2"])
async def test_what_is_no_number_of_a_proof_is_refused(merchant: Merchant, number: str) -> None:
    await merchant.order()

    answer = await downloaded(merchant, f"?number={number}")

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR")


async def test_a_proof_whose_bytes_are_lost_is_an_error_and_no_empty_picture(
    merchant: Merchant,
) -> None:
    await merchant.order()
    await prove(merchant, picture("image/png"))
    (blob,) = blobs(merchant.shop)
    blob.unlink()

    answer = await downloaded(merchant)

    assert (answer.status, answer.body["code"]) == (404, "NOT_FOUND")


async def test_a_proof_whose_bytes_are_cut_short_is_never_taken_for_the_whole(
    merchant: Merchant,
) -> None:
    await merchant.order()
    await prove(merchant, picture("image/png"))
    (blob,) = blobs(merchant.shop)
    blob.write_bytes(blob.read_bytes()[:10])
    token = (await merchant.read())["accessToken"]

    with pytest.raises(aiohttp.ClientPayloadError):
        await downloaded(merchant)

    # The connection ends, the server does not.
    assert (await merchant.shop.client.get(f"/api/v1/public/orders/{token}")).status == 200


@large
async def test_a_client_that_leaves_midway_leaves_the_server_well(merchant: Merchant) -> None:
    await merchant.order()
    raw = picture("image/png", (1_200, 1_200), compress_level=0)
    await prove(merchant, raw)
    host, _, port = merchant.shop.client.url.removeprefix("http://").partition(":")
    name, value = bearer(merchant.key)
    lines = [f"GET {ORDERS}/A-1/proof HTTP/1.1", f"Host: {host}", f"{name}: {value}", "", ""]

    for _ in range(3):
        reader, writer = await asyncio.open_connection(host, int(port), limit=1_024)
        writer.write("\r\n".join(lines).encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    assert (await downloaded(merchant)).raw == raw
    assert merchant.shop.door.troubles == []
