"""What the account and the store call the states of an order."""

import pytest
from msgspec.structs import replace

from doorward.actors.order_words import account_status, store_status
from doorward.actors.records.orders import Order

PLAIN = Order(
    id="0" * 32,
    order_number="A-1",
    number="A-1",
    email="ann@example.org",
    currency="IDR",
    status="requested",
    payment_status="unpaid",
    fulfillment_status="UNFULFILLED",
    items=(),
    subtotal=0,
    discount=0,
    tax=0,
    shipping=0,
    total=0,
    created_at_ms=0,
    updated_at_ms=0,
    activity_at_ms=0,
    access_key_id="k",
)


@pytest.mark.parametrize(
    ("states", "account", "store"),
    [
        ({}, "PENDING", "PENDING"),
        ({"status": "confirmed"}, "CONFIRMED", "CONFIRMED"),
        ({"status": "in_progress"}, "CONFIRMED", "PROCESSING"),
        ({"status": "delivered"}, "CONFIRMED", "DELIVERED"),
        ({"status": "completed"}, "CONFIRMED", "DELIVERED"),
        ({"status": "declined"}, "CANCELLED", "CANCELLED"),
        ({"status": "canceled"}, "CANCELLED", "CANCELLED"),
        (
            {"status": "canceled", "fulfillment_status": "FULFILLED"},
            "CANCELLED",
            "CANCELLED",
        ),
        ({"status": "in_progress", "fulfillment_status": "FULFILLED"}, "CONFIRMED", "SHIPPED"),
        (
            {"status": "in_progress", "fulfillment_status": "PARTIALLY_FULFILLED"},
            "CONFIRMED",
            "PROCESSING",
        ),
        ({"status": "completed", "fulfillment_status": "FULFILLED"}, "CONFIRMED", "DELIVERED"),
        ({"status": "confirmed", "fulfillment_status": "DELIVERED"}, "CONFIRMED", "DELIVERED"),
        ({"status": "confirmed", "hold": "DISPUTED"}, "CONFIRMED", "DISPUTED"),
        ({"status": "completed", "fully_returned": True}, "REFUNDED", "RETURNED"),
        (
            {"status": "completed", "fully_returned": True, "hold": "ON_HOLD"},
            "REFUNDED",
            "ON_HOLD",
        ),
        ({"status": "completed", "said": "REFUNDED"}, "REFUNDED", "DELIVERED"),
        ({"status": "completed", "said": "RETURNED"}, "CONFIRMED", "RETURNED"),
        ({"status": "confirmed", "said": "CONFIRMED"}, "CONFIRMED", "CONFIRMED"),
        (
            {"status": "completed", "said": "DELIVERED", "fully_returned": True},
            "REFUNDED",
            "RETURNED",
        ),
    ],
)
def test_each_surface_has_its_own_word(states: dict[str, object], account: str, store: str) -> None:
    order = replace(PLAIN, **states)

    assert (account_status(order), store_status(order)) == (account, store)
