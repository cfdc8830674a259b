"""What a buyer has ordered from the demo storefront: every state there is, and talk about it."""

from typing import Final, Literal, NamedTuple

from doorward.actors.messages.merchant import (
    AddressDocument,
    ItemDocument,
    OrderDocument,
    ServiceDocument,
    TrackingDocument,
)
from doorward.http import timestamps

EMAIL: Final = "dewi@example.com"
"""Of a domain that nobody can have (RFC 2606): no demo ever writes to a stranger."""

_NAME: Final = "Dewi Lestari"
_PHONE: Final = "+6281200001234"
_DAY_MS: Final = 86_400_000
_HOME: Final = AddressDocument(
    name=_NAME,
    line1="Jl. Braga No. 12",
    city="Bandung",
    region="Jawa Barat",
    postal_code="40111",
    country="ID",
    phone=_PHONE,
)
_PRICES: Final = {
    "Aceh Gayo Natural, 250 g": 98_000,
    "Toraja Sapan Washed, 250 g": 105_000,
    "Flores Bajawa Honey, 250 g": 102_000,
    "Kintamani Citrus, 250 g": 95_000,
    "House Blend Senja, 1 kg": 285_000,
    "Cold Brew Bottles, 6 × 250 ml": 168_000,
    "V60 Dripper Set": 340_000,
    "Home Barista Class, 2 persons": 650_000,
    "Coffee Cart for 80 Guests": 4_750_000,
    "Monthly Beans, 3 × 250 g": 279_000,
}
_GARDEN: Final = "A wedding in the garden.\nThere is a socket by the pond, and shade from three."
_CATERING: Final = ServiceDocument(slug="coffee-cart", name="Coffee cart", pricing_type="quote")
_CLASSES: Final = ServiceDocument(slug="classes", name="Classes", pricing_type="fixed")
_BEANS: Final = ServiceDocument(slug="beans", name="Beans", pricing_type="fixed")


class Told(NamedTuple):
    """A message of a thread; a note is the seller's own and not shown to the buyer."""

    body: str
    by: Literal["seller", "buyer", "note"] = "seller"


class DemoOrder(NamedTuple):
    """An order of the demo, and the talk beneath it."""

    document: OrderDocument
    thread: tuple[Told, ...] = ()


class _Kind(NamedTuple):
    """How far an order is."""

    status: str
    payment: str
    fulfillment: str = "UNFULFILLED"


_NEW: Final = _Kind("requested", "unpaid")
_CLAIMED: Final = _Kind("confirmed", "payment_claimed")
_PAID: Final = _Kind("confirmed", "payment_confirmed")
_AT_WORK: Final = _Kind("in_progress", "payment_confirmed")
_SENT: Final = _Kind("in_progress", "payment_confirmed", "FULFILLED")
_PART: Final = _Kind("in_progress", "payment_confirmed", "PARTIALLY_FULFILLED")
_THERE: Final = _Kind("delivered", "payment_confirmed", "DELIVERED")
_DONE: Final = _Kind("completed", "payment_confirmed", "DELIVERED")


def demo_orders(now_ms: int) -> tuple[DemoOrder, ...]:
    """Make the orders as of ``now_ms``, oldest first."""
    return (
        DemoOrder(_order(1, 92, now_ms, _DONE, {"Aceh Gayo Natural, 250 g": 2})),
        DemoOrder(
            _order(2, 75, now_ms, _DONE, {"Home Barista Class, 2 persons": 1}),
            (Told("Thank you for coming! Your recipe card is on its way by mail."),),
        ),
        DemoOrder(_order(3, 61, now_ms, _Kind("canceled", "unpaid"), {"V60 Dripper Set": 1})),
        DemoOrder(
            _order(4, 48, now_ms, _Kind("declined", "unpaid"), {"Coffee Cart for 80 Guests": 1}),
            (Told("We are sorry: both carts are booked on that day already."),),
        ),
        DemoOrder(_order(5, 40, now_ms, _DONE, {"Monthly Beans, 3 × 250 g": 1})),
        DemoOrder(_order(6, 21, now_ms, _THERE, {"House Blend Senja, 1 kg": 2})),
        DemoOrder(
            _order(7, 12, now_ms, _SENT, {"Monthly Beans, 3 × 250 g": 1}),
            (Told("Your beans left us this morning with JNE."),),
        ),
        DemoOrder(
            _order(
                8,
                9,
                now_ms,
                _PART,
                {"Toraja Sapan Washed, 250 g": 2, "Cold Brew Bottles, 6 × 250 ml": 1},
            ),
            (
                Told("The beans are sent; the cold brew is bottled on Thursday and follows then."),
                Told("Bottles: ask Raka whether the new labels came.", "note"),
            ),
        ),
        DemoOrder(_order(9, 6, now_ms, _AT_WORK, {"Flores Bajawa Honey, 250 g": 3})),
        DemoOrder(_order(10, 4, now_ms, _PAID, {"Home Barista Class, 2 persons": 1})),
        DemoOrder(
            _order(11, 2, now_ms, _CLAIMED, {"V60 Dripper Set": 1, "Kintamani Citrus, 250 g": 2}),
            (
                Told("I have just transferred the money, from my husband's account.", "buyer"),
                Told("Thanks for the note! We look for it this afternoon."),
            ),
        ),
        DemoOrder(
            _order(12, 1, now_ms, _NEW, {"Coffee Cart for 80 Guests": 1}),
            (
                Told("Is the cart free on Saturday the 14th, from four o'clock?", "buyer"),
                Told("It is! Shall we bring oat milk as well?"),
            ),
        ),
    )


def _order(
    number: int, days_ago: int, now_ms: int, kind: _Kind, lines: dict[str, int]
) -> OrderDocument:
    items = tuple(
        ItemDocument(id=f"{place}", name=name, quantity=quantity, unit_price=_PRICES[name])
        for place, (name, quantity) in enumerate(lines.items(), 1)
    )
    subtotal = sum(item.quantity * item.unit_price for item in items)
    service = _service_of(items[0].name)
    shipping = 18_000 if service is _BEANS else 0
    is_sent = kind.fulfillment != "UNFULFILLED" and service is _BEANS
    return OrderDocument(
        order_number=f"KS-{1000 + number}",
        email=EMAIL,
        currency="IDR",
        items=items,
        subtotal=subtotal,
        shipping=shipping,
        total=subtotal + shipping,
        status=kind.status,
        payment_status=kind.payment,
        fulfillment_status=kind.fulfillment,
        buyer_name=_NAME,
        buyer_phone=_PHONE,
        payment_method="bank_transfer",
        service=service,
        package_name=items[0].name,
        notes="A wedding in the garden, please no strong perfume."
        if service is _CATERING
        else None,
        shipping_address=_HOME if service is _BEANS else None,
        tracking=TrackingDocument(carrier="JNE", number=f"JNE00{number}45781") if is_sent else None,
        created_at=timestamps.iso(now_ms - days_ago * _DAY_MS),
    )


def _service_of(name: str) -> ServiceDocument:
    if "Cart" in name:
        return _CATERING
    return _CLASSES if "Class" in name else _BEANS
