"""A merchant's backend under test: its orders, its key, and the calls it makes."""

import json
from collections.abc import Iterable
from typing import Any, Final

from tests.http.doors import Door
from tests.http.knocking import Answer, Headers, bearer
from tests.http.shops import BUYER, Shop, open_shop

ORDERS: Final = "/api/v1/merchant/orders"
NDJSON: Final = ("Content-Type", "application/x-ndjson")


def order(number: str = "A-1", **differing: object) -> dict[str, Any]:
    """Make a sound order document of one line."""
    return {
        "orderNumber": number,
        "email": BUYER,
        "currency": "IDR",
        "items": [{"id": "1", "name": "Kopi Gayo", "quantity": 2, "unitPrice": 60_000}],
        "subtotal": 120_000,
        "total": 120_000,
        **differing,
    }


def ndjson(*documents: object) -> bytes:
    """Write documents a line each; bytes stand for themselves."""
    return b"".join(
        (each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n"
        for each in documents
    )


class Merchant:
    """Calls with one secret key of a shop."""

    def __init__(self, shop: Shop, key: str) -> None:
        self.shop = shop
        self.key = key

    async def __call__(
        self, method: str, path: str = "", body: object = None, headers: Headers = ()
    ) -> Answer:
        sent = [bearer(self.key), *headers]
        return await self.shop.client(method, f"{ORDERS}{path}", body, sent)

    async def put(self, document: dict[str, Any]) -> Answer:
        return await self("PUT", f"/{document['orderNumber']}", document)

    async def order(self, number: str = "A-1", **differing: object) -> dict[str, Any]:
        """Bring in an order that must be new, and return it as it is then."""
        answer = await self.put(order(number, **differing))
        assert answer.status == 201, answer.body
        made: dict[str, Any] = answer.body
        return made

    async def read(self, number: str = "A-1") -> dict[str, Any]:
        answer = await self("GET", f"/{number}")
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.body
        return found

    async def lines(
        self, *documents: object, query: str = "", headers: Headers = (NDJSON,)
    ) -> Answer:
        sent = [bearer(self.key), *headers]
        raw = ndjson(*documents)
        return await self.shop.client("POST", f"{ORDERS}{query}", None, sent, raw=raw)


async def key_with(shop: Shop, scopes: Iterable[str], kind: str = "secret") -> str:
    """Make an API key of a shop."""
    body = {"kind": kind, "name": "orders", "scopes": [*scopes]}
    made = await shop.door.operate("POST", f"/{shop.slug}/keys", body, status=201)
    return str(made["key"])


async def merchant_of(shop: Shop) -> Merchant:
    """Give a shop's merchant a key that may do everything with orders."""
    return Merchant(shop, await key_with(shop, ["orders:read", "orders:write"]))


async def open_merchant(door: Door) -> Merchant:
    """Make a shop and its merchant."""
    return await merchant_of(await open_shop(door))
