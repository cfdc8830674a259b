"""An order document held to its rules, and made into what is kept (contract §5).

Rules name the member as the API does (``items[2].unitPrice``). Sums are checked because nobody can
settle afterwards which of two numbers that contradict each other was meant.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final

from msgspec.structs import asdict

from doorward.actors.desks import order_states
from doorward.actors.desks.text_rules import (
    BLOCK_LENGTH,
    BLOCK_RULE,
    LINE_LENGTH,
    LINE_RULE,
    PHONE_RULE,
    is_block,
    is_line,
    is_phone,
    is_url,
)
from doorward.actors.emails import NotAnEmail, canonical
from doorward.actors.messages.merchant import (
    AddressDocument,
    ItemDocument,
    OrderDocument,
    TrackingDocument,
)
from doorward.actors.messages.refusals import Invalid
from doorward.actors.records.orders import OrderItem, PostalAddress, Service, Tracking
from doorward.actors.turns import DAY_MS

ITEMS_MAX: Final = 200
MONEY_MAX: Final = 10**12
QUANTITY_MAX: Final = 1_000_000
ITEM_NAME_LENGTH: Final = 200
ADDRESS_LINE_LENGTH: Final = 200
_NUMBER: Final = re.compile(r"(?!\.{1,2}$)[!-~]{1,64}")
_NOT_IN_A_NUMBER: Final = frozenset("/?#%")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|\+00:00)"
)
_MONEY_RULE: Final = f"must be a whole number of minor units, 0 to {MONEY_MAX}"
_LINE_RULE: Final = LINE_RULE.format(LINE_LENGTH)


def order_id(order_number: str) -> str:
    """Tell an order's id by its number: raw client input never reaches a key."""
    return sha256(order_number.encode(errors="replace")).hexdigest()[:32]


def email_of(document: OrderDocument) -> str | None:
    """Tell a document's email in canonical form; None when it is none."""
    try:
        return _canonical(document.email)
    except NotAnEmail:
        return None


def created_at_ms(document: OrderDocument) -> int | None:
    """Tell when the order was placed, in ms; None when the document does not say."""
    return _moment_ms(document.created_at) if document.created_at is not None else None


def fault(document: OrderDocument, now_ms: int) -> Invalid | None:
    """Find the first member that breaks a rule."""
    return next(_faults(document, now_ms), None)


def fault_of_tracking(tracking: TrackingDocument) -> Invalid | None:
    """Find the first member of a tracking that breaks a rule."""
    return next(_tracking_faults(tracking), None)


def items_of(document: OrderDocument) -> tuple[OrderItem, ...]:
    """Make the lines that are kept."""
    return tuple(
        OrderItem(
            item.id, item.name, item.quantity, item.unit_price, item.product_id, item.variant_id
        )
        for item in document.items
    )


def service_of(document: OrderDocument) -> Service | None:
    """Make the service that is kept."""
    service = document.service
    return Service(service.slug, service.name, service.pricing_type) if service else None


def address_of(address: AddressDocument | None) -> PostalAddress | None:
    """Make the address that is kept."""
    return PostalAddress(**asdict(address)) if address is not None else None


def tracking_of(tracking: TrackingDocument | None) -> Tracking | None:
    """Make the tracking that is kept; one that says nothing is none."""
    if tracking is None or not (tracking.carrier or tracking.number or tracking.url):
        return None
    return Tracking(tracking.carrier, tracking.number, tracking.url)


def _faults(document: OrderDocument, now_ms: int) -> Iterator[Invalid]:
    number = document.order_number
    if _NUMBER.fullmatch(number) is None or not _NOT_IN_A_NUMBER.isdisjoint(number):
        yield Invalid(
            name="orderNumber",
            rule="must be 1 to 64 visible ASCII characters other than / ? # %, not . or ..",
        )
    if email_of(document) is None:
        yield Invalid(name="email", rule="must be an email address")
    if _CURRENCY.fullmatch(document.currency) is None:
        yield Invalid(name="currency", rule="must be an ISO 4217 code, like IDR")
    yield from _item_faults(document.items)
    yield from _sum_faults(document)
    invalid = order_states.fault(
        status=document.status,
        payment_status=document.payment_status,
        fulfillment_status=document.fulfillment_status,
    ) or order_states.fault_of_hold(document.hold)
    if invalid is not None:
        yield invalid
    yield from _line_faults(
        ("number", document.number),
        ("customerId", document.customer_id),
        ("buyerName", document.buyer_name),
        ("paymentMethod", document.payment_method),
        ("packageName", document.package_name),
    )
    yield from _other_faults(document, now_ms)


def _other_faults(document: OrderDocument, now_ms: int) -> Iterator[Invalid]:
    if document.buyer_phone is not None and not is_phone(document.buyer_phone):
        yield Invalid(name="buyerPhone", rule=PHONE_RULE)
    if service := document.service:
        yield from _line_faults(
            ("service.slug", service.slug),
            ("service.name", service.name),
            ("service.pricingType", service.pricing_type),
        )
    if document.notes and not is_block(document.notes):
        yield Invalid(name="notes", rule=BLOCK_RULE.format(BLOCK_LENGTH))
    if document.preferred_date is not None and not _is_date(document.preferred_date):
        yield Invalid(name="preferredDate", rule="must be a date like 2026-08-17")
    yield from _address_faults("shippingAddress", document.shipping_address)
    yield from _address_faults("billingAddress", document.billing_address)
    if document.tracking is not None:
        yield from _tracking_faults(document.tracking)
    if document.created_at is not None:
        at_ms = _moment_ms(document.created_at)
        if at_ms is None or not 0 <= at_ms <= now_ms + DAY_MS:
            yield Invalid(
                name="createdAt",
                rule="must be a time in UTC like 2026-08-17T09:30:00.000Z, "
                "since 1970 and not in the future",
            )


def _item_faults(items: tuple[ItemDocument, ...]) -> Iterator[Invalid]:
    if not 1 <= len(items) <= ITEMS_MAX:
        yield Invalid(name="items", rule=f"must be 1 to {ITEMS_MAX} lines")
    ids: set[str] = set()
    for place, item in enumerate(items):
        if (
            item.id not in ids
            and is_line(item.id)
            and is_line(item.name, ITEM_NAME_LENGTH)
            and 1 <= item.quantity <= QUANTITY_MAX
            and 0 <= item.unit_price <= MONEY_MAX
            and item.product_id is None
            and item.variant_id is None
        ):
            # What nearly every line is; the names of members are only made where one is to blame.
            ids.add(item.id)
            continue
        yield from _faults_of_item(f"items[{place}]", item, ids)
        ids.add(item.id)


def _faults_of_item(name: str, item: ItemDocument, ids: set[str]) -> Iterator[Invalid]:
    yield from _line_faults((f"{name}.id", item.id))
    if item.id in ids:
        yield Invalid(name=f"{name}.id", rule="must be another than that of the lines before")
    if not is_line(item.name, ITEM_NAME_LENGTH):
        yield Invalid(name=f"{name}.name", rule=LINE_RULE.format(ITEM_NAME_LENGTH))
    if not 1 <= item.quantity <= QUANTITY_MAX:
        yield Invalid(name=f"{name}.quantity", rule=f"must be 1 to {QUANTITY_MAX}")
    if not 0 <= item.unit_price <= MONEY_MAX:
        yield Invalid(name=f"{name}.unitPrice", rule=_MONEY_RULE)
    yield from _line_faults(
        (f"{name}.productId", item.product_id), (f"{name}.variantId", item.variant_id)
    )


def _sum_faults(document: OrderDocument) -> Iterator[Invalid]:
    money = (
        ("subtotal", document.subtotal),
        ("discount", document.discount),
        ("tax", document.tax),
        ("shipping", document.shipping),
        ("total", document.total),
    )
    for name, amount in money:
        if not 0 <= amount <= MONEY_MAX:
            yield Invalid(name=name, rule=_MONEY_RULE)
    lines = sum(item.quantity * item.unit_price for item in document.items)
    if document.subtotal != lines:
        yield Invalid(name="subtotal", rule=f"must be the sum of the lines, {lines}")
    total = document.subtotal - document.discount + document.tax + document.shipping
    if document.total != total:
        yield Invalid(name="total", rule=f"must be subtotal − discount + tax + shipping, {total}")


def _line_faults(*lines: tuple[str, str | None]) -> Iterator[Invalid]:
    for name, line in lines:
        if line is not None and not is_line(line):
            yield Invalid(name=name, rule=_LINE_RULE)


def _address_faults(name: str, address: AddressDocument | None) -> Iterator[Invalid]:
    if address is None:
        return
    for member in ("name", "company", "line1", "line2", "city", "region", "postalCode"):
        line = getattr(address, "postal_code" if member == "postalCode" else member)
        longest = LINE_LENGTH if member == "name" else ADDRESS_LINE_LENGTH
        if line is not None and not is_line(line, longest):
            yield Invalid(name=f"{name}.{member}", rule=LINE_RULE.format(longest))
    if _COUNTRY.fullmatch(address.country) is None:
        yield Invalid(name=f"{name}.country", rule="must be an ISO 3166-1 code, like ID")
    if address.phone is not None and not is_phone(address.phone):
        yield Invalid(name=f"{name}.phone", rule=PHONE_RULE)


def _tracking_faults(tracking: TrackingDocument) -> Iterator[Invalid]:
    yield from _line_faults(
        ("tracking.carrier", tracking.carrier), ("tracking.number", tracking.number)
    )
    if tracking.url is not None and not is_url(tracking.url, "http", "https"):
        yield Invalid(name="tracking.url", rule="must be an http or https URL")


def _is_date(text: str) -> bool:
    if _DATE.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def _moment_ms(text: str) -> int | None:
    """Read a time in UTC (RFC 3339); None when it is none."""
    if _MOMENT.fullmatch(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((moment - _EPOCH).total_seconds() * 1000 + 0.5)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_canonical = lru_cache(maxsize=4096)(canonical)
