"""Orders of a storefront under test, placed as its operator would, and their pages."""

from itertools import count
from typing import Any, Final

from doorward.actors.messages.merchant import (
    AddSellerRemark,
    ConfirmPayment,
    ItemDocument,
    OrderDocument,
    OrderFound,
    OrdersPut,
    PutOrder,
    PutOrders,
    RotateAccess,
)
from doorward.actors.messages.orders import RemarkAdded
from tests.http.knocking import Answer, Headers
from tests.http.shops import BUYER, Shop

PUBLIC: Final = "/api/v1/public/orders"
TOTAL: Final = 288_000
_numbers: Final = count(1)


def document(order_number: str | None = None, **changes: Any) -> OrderDocument:  # noqa: ANN401 - any field
    """Make an order of two bags of coffee; ``changes`` are fields of ``OrderDocument``."""
    given: dict[str, Any] = {
        "order_number": order_number or f"KS-{next(_numbers)}",
        "email": BUYER,
        "currency": "IDR",
        "items": (ItemDocument(id="1", name="Kopi Gayo 250 g", quantity=2, unit_price=144_000),),
        "subtotal": TOTAL,
        "total": TOTAL,
        **changes,
    }
    return OrderDocument(**given)


class Placed:
    """An order, and what the holder of its access token can ask."""

    def __init__(self, shop: Shop, found: OrderFound) -> None:
        self.shop = shop
        self.id = found.order.id
        self.number = found.order.order_number
        self.token = found.access_token

    @property
    def path(self) -> str:
        return f"{PUBLIC}/{self.token}"

    async def read(self, headers: Headers = ()) -> Answer:
        return await self.shop.client.get(self.path, headers)

    async def view(self) -> dict[str, Any]:
        answer = await self.read()
        assert answer.status == 200, answer.body
        data: dict[str, Any] = answer.data
        return data

    async def write(self, body: object, headers: Headers = ()) -> Answer:
        return await self.shop.client.post(f"{self.path}/messages", body, headers)

    async def claim(self, headers: Headers = ()) -> Answer:
        return await self.shop.client.post(f"{self.path}/claim-payment", None, headers)

    async def prove(
        self, raw: bytes, media_type: str | None = "image/png", headers: Headers = ()
    ) -> Answer:
        sent = [*headers, *([("Content-Type", media_type)] if media_type else [])]
        return await self.shop.client("PUT", f"{self.path}/proof", None, sent, raw=raw)

    async def note(self, body: str, *, internal: bool = False) -> None:
        message = AddSellerRemark(
            key_digest=None, order_number=self.number, body=body, internal=internal
        )
        assert isinstance(await self.shop.door.system.ask(self.shop.slug, message), RemarkAdded)

    async def confirm(self) -> None:
        message = ConfirmPayment(key_digest=None, order_number=self.number)
        assert isinstance(await self.shop.door.system.ask(self.shop.slug, message), OrderFound)

    async def rotate(self) -> str:
        message = RotateAccess(key_digest=None, order_number=self.number)
        found = await self.shop.door.system.ask(self.shop.slug, message)
        assert isinstance(found, OrderFound)
        return found.access_token


async def place(shop: Shop, order_number: str | None = None, **changes: Any) -> Placed:  # noqa: ANN401 - any field
    """Place an order; it must be taken."""
    message = PutOrder(key_digest=None, document=document(order_number, **changes))
    found = await shop.door.system.ask(shop.slug, message)
    assert isinstance(found, OrderFound), found
    return Placed(shop, found)


async def place_many(shop: Shop, documents: list[OrderDocument]) -> None:
    """Place orders, 64 a turn; all must be taken."""
    for start in range(0, len(documents), 64):
        message = PutOrders(key_digest=None, documents=tuple(documents[start : start + 64]))
        put = await shop.door.system.ask(shop.slug, message)
        assert isinstance(put, OrdersPut), put
        assert put.refused == ()
