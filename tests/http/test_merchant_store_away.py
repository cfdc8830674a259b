import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.http.doors import Setup, opened
from tests.http.sales import Merchant, merchant_of, order
from tests.http.shops import open_shop
from tests.http.store_server import StoreServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def merchant(fragile_store: StoreServer, tmp_path: Path) -> AsyncIterator[Merchant]:
    async with opened(fragile_store, tmp_path, Setup(lease_seconds=1.0)) as door:
        yield await merchant_of(await open_shop(door))


async def test_without_the_store_nothing_is_promised_and_later_it_can_be_asked_again(
    merchant: Merchant, fragile_store: StoreServer
) -> None:
    made = await merchant.order("A-1")
    await asyncio.to_thread(fragile_store.kill)

    answers = [
        await merchant.put(order("A-2")),
        await merchant.lines(order("A-3"), order("A-4")),
        await merchant("PATCH", "/A-1", {"status": "confirmed"}),
        await merchant("POST", "/A-1/messages", {"body": "Hello"}),
        await merchant("POST", "/A-1/confirm-payment"),
        await merchant("POST", "/A-1/rotate-access"),
        await merchant("GET", "/A-9"),
    ]

    assert {(answer.status, answer.body["code"]) for answer in answers} == {(503, "UNAVAILABLE")}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)
    await asyncio.to_thread(fragile_store.start)
    async with asyncio.timeout(20):
        while (found := await merchant("GET", "/A-1")).status == 503:
            assert "Retry-After" in found.headers
    assert found.body == made
    assert (await merchant.put(order("A-2"))).status in {200, 201}
