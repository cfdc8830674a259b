from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.http.doors import Door
from tests.http.knocking import Answer, bearer
from tests.http.shops import BUYER, Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

ORDERS = "/api/v1/merchant/orders"
ORIGIN = "https://kopi.example:8443"
SCOPES = ["orders:read", "orders:write"]
DOCUMENT = {
    "email": BUYER,
    "number": "1042",
    "currency": "IDR",
    "items": [{"id": "1", "name": "Kopi", "quantity": 2, "unitPrice": 50_000}],
    "subtotal": 100_000,
    "total": 100_000,
}


class Seller:
    """A merchant's backend, with a key that may write orders."""

    def __init__(self, shop: Shop, key: str) -> None:
        self.shop = shop
        self.key = key

    async def __call__(self, method: str, path: str, body: object, status: int = 200) -> Answer:
        answer = await self.shop.client(method, f"{ORDERS}/A-1{path}", body, [bearer(self.key)])
        assert answer.status == status, answer.body
        return answer

    async def mails(self) -> list[dict[str, Any]]:
        return await self.shop.mails(BUYER)


async def selling(door: Door, **document: Any) -> Seller:  # noqa: ANN401 - any member
    shop = await open_shop(door, origin=ORIGIN, **document)
    wanted = {"kind": "secret", "name": "orders", "scopes": SCOPES}
    made = await door.operate("POST", f"/{shop.slug}/keys", wanted)
    seller = Seller(shop, str(made["key"]))
    await seller("PUT", "", DOCUMENT, 201)
    return seller


async def test_every_change_of_status_is_mailed_with_a_link_that_opens_the_order(
    door: Door,
) -> None:
    seller = await selling(door)
    before = len(await seller.mails())

    for status in ("confirmed", "in_progress", "delivered", "completed"):
        await seller("PATCH", "", {"status": status})

    mails = (await seller.mails())[before:]
    assert [mail["subject"] for mail in mails] == [
        "Order 1042: Confirmed",
        "Order 1042: In progress",
        "Order 1042: Delivered",
        "Order 1042: Completed",
    ]
    assert all(mail["code"] is None and len(mail["links"]) == 1 for mail in mails)
    (link,) = {mail["links"][0] for mail in mails}
    assert link.startswith(f"{ORIGIN}/o/")
    page = await seller.shop.client.get(f"/api/v1/public/orders/{link.rpartition('/')[2]}")
    assert page.status == 200
    assert page.data["number"] == "1042"


async def test_what_is_no_change_of_status_is_not_mailed(door: Door) -> None:
    seller = await selling(door)
    await seller("PATCH", "", {"status": "confirmed"})
    before = await seller.mails()

    await seller("PATCH", "", {"tracking": {"carrier": "JNE", "number": "1"}})
    await seller("POST", "/confirm-payment", None)
    await seller("PATCH", "", {"status": "requested"}, 409)
    await seller("POST", "/messages", {"body": "for us only", "internal": True}, 201)

    assert await seller.mails() == before


async def test_a_sellers_messages_are_mailed_at_ten_minutes_distance_and_never_quoted(
    door: Door,
) -> None:
    seller = await selling(door)
    before = len(await seller.mails())

    for body in ("first words", "second words", "third words"):
        await seller("POST", "/messages", {"body": body}, 201)
    within = (await seller.mails())[before:]
    await seller.shop.advance(1_200)
    await seller("POST", "/messages", {"body": "fourth words"}, 201)

    mails = (await seller.mails())[before:]
    at_once, held = (datetime.fromisoformat(mail["sentAt"]) for mail in within)
    assert timedelta(minutes=9, seconds=50) < held - at_once <= timedelta(minutes=10)
    assert len(mails) == 3
    assert {mail["subject"] for mail in mails} == {"Order 1042: a message from Toko Uji"}
    assert not any("words" in mail["text"] + mail["html"] for mail in mails)


async def test_orders_are_mailed_in_the_storefronts_language(door: Door) -> None:
    seller = await selling(door, locale="id")

    await seller("PATCH", "", {"status": "declined"})

    mail = (await seller.mails())[-1]
    assert mail["subject"] == "Pesanan 1042: Ditolak"
    assert "Pesanan Anda ditolak" in mail["text"]
    assert '<html lang="id"' in mail["html"]


async def test_script_in_a_name_or_number_is_inert_in_mail(door: Door) -> None:
    script = "<script>alert(1)</script>"
    seller = await selling(door, displayName=f"Toko {script}")
    await seller("PUT", "", DOCUMENT | {"number": script, "buyerName": script, "notes": script})

    await seller("PATCH", "", {"status": "confirmed"})
    await seller("POST", "/messages", {"body": script}, 201)

    for mail in (await seller.mails())[-2:]:
        assert "<script" not in mail["html"]
        assert "&lt;script&gt;" in mail["html"]
        assert "\n" not in mail["subject"]
