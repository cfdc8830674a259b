"""The rules of an order document, one broken at a time."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.actors.desks import order_documents
from doorward.actors.desks.order_documents import fault
from doorward.actors.messages.merchant import (
    AddressDocument,
    ItemDocument,
    OrderDocument,
    ServiceDocument,
    TrackingDocument,
)
from doorward.actors.messages.refusals import Invalid
from tests.actors.ordering import LINE, document

NOW_MS = 1_700_000_000_000
HOME = AddressDocument(name="Ann", line1="1 Road", city="Bandung", country="ID")
FULL = document(
    number="1042",
    customer_id="c-1",
    buyer_name="Änn 🙂",
    buyer_phone="+628123456789",
    payment_method="transfer",
    service=ServiceDocument(slug="roast", name="Roasting", pricing_type="quote"),
    package_name="Gold",
    notes="Two lines\n\tof notes",
    preferred_date="2024-02-29",
    shipping_address=HOME,
    billing_address=HOME,
    tracking=TrackingDocument(carrier="JNE", number="1", url="http://jne.example/1"),
    hold="DISPUTED",
    created_at="2023-11-14T22:13:20.000Z",
)


def item(**changes: object) -> ItemDocument:
    values = {"id": "1", "name": "Kopi", "quantity": 2, "unit_price": 60_000} | changes
    return ItemDocument(**values)


def home(**changes: object) -> AddressDocument:
    values = {"name": "Ann", "line1": "1 Road", "city": "Bandung", "country": "ID"} | changes
    return AddressDocument(**values)


def test_a_full_document_breaks_no_rule() -> None:
    assert fault(FULL, NOW_MS) is None
    assert fault(document(), NOW_MS) is None


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"order_number": ""}, "orderNumber"),
        ({"order_number": "x" * 65}, "orderNumber"),
        ({"order_number": "A 1"}, "orderNumber"),
        ({"order_number": "A/1"}, "orderNumber"),
        ({"order_number": "A?1"}, "orderNumber"),
        ({"order_number": "A#1"}, "orderNumber"),
        ({"order_number": "A%31"}, "orderNumber"),
        ({"order_number": ".."}, "orderNumber"),
        ({"order_number": "A-1\n"}, "orderNumber"),
        ({"order_number": "Ä1"}, "orderNumber"),
        ({"email": "ann"}, "email"),
        ({"email": "ann@example.org\r\nBcc: eve@example.org"}, "email"),
        ({"currency": "idr"}, "currency"),
        ({"currency": "Rp"}, "currency"),
        ({"items": ()}, "items"),
        ({"items": (LINE,) * 201}, "items"),
        ({"items": (item(id=""),)}, "items[0].id"),
        ({"items": (item(id="x" * 101),)}, "items[0].id"),
        ({"items": (LINE, item(quantity=1))}, "items[1].id"),
        ({"items": (item(product_id="p"), item(variant_id="v"))}, "items[1].id"),
        ({"items": (LINE, item(id="2", name=""))}, "items[1].name"),
        ({"items": (LINE, item(id="2", name="x" * 201))}, "items[1].name"),
        ({"items": (item(name="a\x00b"),)}, "items[0].name"),
        ({"items": (item(name="\ud800"),)}, "items[0].name"),
        ({"items": (item(quantity=0),)}, "items[0].quantity"),
        ({"items": (item(quantity=1_000_001),)}, "items[0].quantity"),
        ({"items": (item(unit_price=-1),)}, "items[0].unitPrice"),
        ({"items": (item(unit_price=10**12 + 1),)}, "items[0].unitPrice"),
        ({"items": (item(product_id=""),)}, "items[0].productId"),
        ({"items": (item(variant_id="a\nb"),)}, "items[0].variantId"),
        ({"subtotal": 120_001, "total": 130_001}, "subtotal"),
        ({"subtotal": -1}, "subtotal"),
        ({"discount": -1, "total": 130_001}, "discount"),
        ({"tax": 10**12 + 1}, "tax"),
        ({"shipping": -10_000, "total": 110_000}, "shipping"),
        ({"discount": 130_001, "total": -1}, "total"),
        ({"total": 130_001}, "total"),
        ({"status": "lost"}, "status"),
        ({"payment_status": ""}, "paymentStatus"),
        ({"fulfillment_status": "fulfilled"}, "fulfillmentStatus"),
        ({"hold": ""}, "hold"),
        ({"number": ""}, "number"),
        ({"customer_id": "x" * 101}, "customerId"),
        ({"buyer_name": "  "}, "buyerName"),
        ({"buyer_name": "Ann\r\nBcc: x"}, "buyerName"),
        ({"buyer_phone": "08123456789"}, "buyerPhone"),
        ({"payment_method": "\u2028"}, "paymentMethod"),
        ({"package_name": ""}, "packageName"),
        ({"service": ServiceDocument(slug="", name="x")}, "service.slug"),
        ({"service": ServiceDocument(slug="x", name="")}, "service.name"),
        ({"service": ServiceDocument(slug="x", name="x", pricing_type="")}, "service.pricingType"),
        ({"notes": "x" * 4_001}, "notes"),
        ({"notes": "a\x07b"}, "notes"),
        ({"preferred_date": "2023-02-29"}, "preferredDate"),
        ({"preferred_date": "20240229"}, "preferredDate"),
        ({"shipping_address": home(name="")}, "shippingAddress.name"),
        ({"shipping_address": home(name="x" * 101)}, "shippingAddress.name"),
        ({"shipping_address": home(postal_code="x" * 201)}, "shippingAddress.postalCode"),
        ({"billing_address": home(line2="\n")}, "billingAddress.line2"),
        ({"billing_address": home(country="id")}, "billingAddress.country"),
        ({"billing_address": home(phone="1")}, "billingAddress.phone"),
        ({"tracking": TrackingDocument(carrier="")}, "tracking.carrier"),
        ({"tracking": TrackingDocument(number="\t")}, "tracking.number"),
        ({"tracking": TrackingDocument(url="javascript:alert(1)")}, "tracking.url"),
        ({"tracking": TrackingDocument(url="https://")}, "tracking.url"),
        ({"tracking": TrackingDocument(url="https://[::1")}, "tracking.url"),
        ({"tracking": TrackingDocument(url='https://a.example/"x y')}, "tracking.url"),
        ({"tracking": TrackingDocument(url="https://a.example/" + "x" * 2_000)}, "tracking.url"),
        ({"created_at": "yesterday"}, "createdAt"),
        ({"created_at": "2023-11-14"}, "createdAt"),
        ({"created_at": "2023-11-14T22:13:20"}, "createdAt"),
        ({"created_at": "2023-11-14T22:13:20+07:00"}, "createdAt"),
        ({"created_at": "2023-02-30T00:00:00Z"}, "createdAt"),
        ({"created_at": "1969-12-31T23:59:59Z"}, "createdAt"),
        ({"created_at": "2023-11-15T22:13:21Z"}, "createdAt"),
    ],
)
def test_what_breaks_a_rule_is_named_as_in_the_api(changes: dict[str, Any], name: str) -> None:
    broken = fault(document(**changes), NOW_MS)

    assert isinstance(broken, Invalid)
    assert broken.name == name
    assert broken.rule.startswith("must be ")


@pytest.mark.parametrize(
    "number", ["1", "INV-2024_001", "~!@$^&*()+={}[]|\\:;\"'<>,.", "...", "x" * 64, "A`1"]
)
def test_any_other_visible_character_may_be_in_a_number(number: str) -> None:
    assert fault(document(number), NOW_MS) is None


def test_an_order_may_be_dated_a_day_ahead_for_clocks_that_are() -> None:
    assert fault(document(created_at="2023-11-15T22:13:20Z"), NOW_MS) is None


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2023-11-14T22:13:20.123Z", NOW_MS + 123),
        ("2023-11-14T22:13:20.1Z", NOW_MS + 100),
        ("2023-11-14T22:13:20.123999Z", NOW_MS + 124),
        ("2023-11-14T22:13:20+00:00", NOW_MS),
    ],
)
def test_a_time_is_read_to_the_millisecond(text: str, at_ms: int) -> None:
    assert order_documents.created_at_ms(document(created_at=text)) == at_ms


@given(st.text(), st.text(), st.text(), st.text())
def test_no_text_whatsoever_raises(number: str, email: str, at: str, url: str) -> None:
    made: OrderDocument = document(
        number, email=email, created_at=at, tracking=TrackingDocument(url=url), preferred_date=at
    )

    fault(made, NOW_MS)
    order_documents.order_id(number)


def test_a_tracking_that_says_nothing_is_none() -> None:
    assert order_documents.tracking_of(TrackingDocument()) is None
