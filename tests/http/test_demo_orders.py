import asyncio
from pathlib import Path
from typing import Any

import pytest

from doorward.actors.desks.order_states import FULFILLMENT_STATUSES, PAYMENT_STATUSES, STATUSES
from doorward.http.demo import SLUG, seed_demo
from doorward.http.demo_orders import EMAIL
from tests.http.doors import Door, Setup
from tests.http.sales import Merchant, key_with
from tests.http.shops import AUTH, Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def door_setup() -> Setup:
    return Setup()


async def orders_of(door: Door) -> list[dict[str, Any]]:
    shop = Shop(door, SLUG, "")
    merchant = Merchant(shop, await key_with(shop, ["orders:read", "orders:write"]))
    listed = (await merchant("GET", "?limit=100")).body["items"]
    return [await merchant.read(item["orderNumber"]) for item in listed]


async def test_the_demo_has_orders_in_every_state_of_one_buyer(door: Door, tmp_path: Path) -> None:
    slug = await seed_demo(door.system, tmp_path)

    orders = await orders_of(door)
    assert slug == SLUG
    assert len(orders) == 12
    assert {order["email"] for order in orders} == {EMAIL}
    assert {order["status"] for order in orders} == {*STATUSES}
    assert {order["paymentStatus"] for order in orders} == {*PAYMENT_STATUSES}
    assert {order["fulfillmentStatus"] for order in orders} == {*FULFILLMENT_STATUSES}
    assert {order["currency"] for order in orders} == {"IDR"}
    authors = {message["authorType"] for order in orders for message in order["messages"]}
    assert authors == {"buyer", "seller"}
    assert any(message["internal"] for order in orders for message in order["messages"])


async def test_the_demo_mails_nobody(door: Door, tmp_path: Path) -> None:
    await seed_demo(door.system, tmp_path)
    body = {"storefrontSlug": SLUG, "email": "last@example.com"}
    await door.client.post(f"{AUTH}/request-otp", body)

    # Mail leaves in order: had there been any before, it would be there as well.
    async with asyncio.timeout(10):
        while not (mails := door.mailbox.newest()):
            await asyncio.to_thread(door.mailbox.newest)

    assert [mail.to for mail in mails] == ["last@example.com"]


async def test_the_demo_is_paid_by_transfer(door: Door, tmp_path: Path) -> None:
    await seed_demo(door.system, tmp_path)

    payment = (await door.operate("GET", f"/{SLUG}"))["payment"]

    assert isinstance(payment, dict)
    assert len(payment["bankAccounts"]) == 2
    assert payment["whatsappNumber"].startswith("+62")


async def test_a_start_that_was_cut_short_writes_nothing_twice(door: Door, tmp_path: Path) -> None:
    await seed_demo(door.system, tmp_path)
    before = await orders_of(door)
    (tmp_path / "demo-made").unlink()

    await seed_demo(door.system, tmp_path)

    after = await orders_of(door)
    assert [order["messages"] for order in after] == [order["messages"] for order in before]
    assert len(after) == 12
