"""Deleting a storefront leaves nothing of its orders in a real Redis, nor what leads to them."""

import pytest

from tests.http.doors import Door
from tests.http.sales import open_merchant, order

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_deleted_storefronts_orders_leave_nothing_in_redis(door: Door) -> None:
    kept = await open_merchant(door)
    opens = (await kept.order())["accessToken"]
    before = await door.keys()
    merchant = await open_merchant(door)
    for start in range(0, 320, 64):
        lines = [
            order(f"A-{number}", email=f"{number % 90}@example.org")
            for number in range(start, start + 64)
        ]
        assert (await merchant.lines(*lines)).body["created"] == 64
    gone = (await merchant.read("A-7"))["accessToken"]
    said = await merchant("POST", "/A-7/messages", {"body": "Hello"})
    assert said.status == 201
    assert len(await door.keys()) > len(before) + 2 * 320

    await door.operate("DELETE", f"/{merchant.shop.slug}", status=204)

    left = {key for key in await door.keys() if key not in before}
    assert not [key for key in left if b":access-token:" in key or b":key-owner:" in key]
    assert not [key for key in left if merchant.shop.slug.encode() in key]
    page = "/api/v1/public/orders"
    assert (await kept.shop.client("GET", f"{page}/{gone}")).status == 404
    assert (await kept.shop.client("GET", f"{page}/{opens}")).status == 200
