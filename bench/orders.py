"""Orders to measure with, as a merchant's backend would send them."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import orjson

from bench.fleet import Session
from bench.servers import Door
from bench.wire import ask_all, lines_request, request

ORDERS: Final = "/api/v1/client/orders"
_BATCH: Final = 64
_DAY: Final = 28


def order(number: int, email: str) -> dict[str, Any]:
    """Make an order of three lines; every number makes another one."""
    price = 45_000 + number % 50 * 1_000
    items = [
        {"id": f"{line}", "name": f"Kopi Gayo {line}, 250 g", "quantity": line, "unitPrice": price}
        for line in (1, 2, 3)
    ]
    return {
        "orderNumber": f"B-{number:07d}",
        "email": email,
        "buyerName": "Dewi Lestari",
        "currency": "IDR",
        "items": items,
        "subtotal": 6 * price,
        "shipping": 18_000,
        "total": 6 * price + 18_000,
        "status": "confirmed",
        "paymentStatus": "unpaid",
        "service": {"slug": "beans", "name": "Beans", "pricingType": "fixed"},
        "packageName": "Kopi Gayo",
        "notes": "Please grind for a moka pot.",
        "shippingAddress": {
            "name": "Dewi Lestari",
            "line1": "Jl. Braga No. 12",
            "city": "Bandung",
            "postalCode": "40111",
            "country": "ID",
        },
        "createdAt": f"2026-01-{number % _DAY + 1:02d}T08:00:00.000Z",
    }


def lines(orders: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Write orders, a line each."""
    return (orjson.dumps(each) + b"\n" for each in orders)


async def bring_in(door: Door, slug: str, orders: Sequence[dict[str, Any]]) -> None:
    """Bring orders in as an operator does, all of which must be taken.

    Raises:
        BenchFailed: A call is refused.
    """
    waiting, asked = lines(orders), []
    path = f"/api/v1/operator/storefronts/{slug}/orders"
    while batch := b"".join(islice(waiting, _BATCH)):
        asked.append(lines_request(path, batch, headers=door.operator))
    await ask_all(door.port, asked, expect={200})


def client_orders(session: Session) -> bytes:
    """Write a buyer's question for the first page of orders."""
    path = f"{ORDERS}?storefrontSlug={session.slug}"
    return request("GET", path, headers={"Cookie": session.cookie})
