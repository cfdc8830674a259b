"""What other surfaces call an order's status: projections of its states (contract §7).

A status that was sent in a surface's own words shows there as it was sent, until a later event (all
of it came back, a hold) says more. Plain functions of the order, for whoever renders it.
"""

from collections.abc import Mapping
from typing import Final

from doorward.actors.records.orders import Order, Status

ACCOUNT_WORDS: Final = frozenset({"PENDING", "CONFIRMED", "CANCELLED", "REFUNDED"})
STORE_WORDS: Final = frozenset(
    {
        "PENDING",
        "CONFIRMED",
        "PROCESSING",
        "SHIPPED",
        "DELIVERED",
        "CANCELLED",
        "RETURNED",
        "ON_HOLD",
        "DISPUTED",
    }
)
_ACCOUNT: Final[Mapping[Status, str]] = {
    "requested": "PENDING",
    "declined": "CANCELLED",
    "canceled": "CANCELLED",
}
_STORE: Final[Mapping[Status, str]] = {
    "requested": "PENDING",
    "confirmed": "CONFIRMED",
    "in_progress": "PROCESSING",
    "delivered": "DELIVERED",
    "completed": "DELIVERED",
    "declined": "CANCELLED",
    "canceled": "CANCELLED",
}
_OFF: Final = frozenset({"declined", "canceled"})


def account_status(order: Order) -> str:
    """Tell an order's status in the account's words (contract §3)."""
    if order.fully_returned:
        return "REFUNDED"
    if order.said in ACCOUNT_WORDS:
        return order.said
    return _ACCOUNT.get(order.status, "CONFIRMED")


def store_status(order: Order) -> str:
    """Tell an order's status in the store's words (contract §4); a hold wins."""
    if order.hold is not None:
        return order.hold
    if order.fully_returned:
        return "RETURNED"
    if order.said in STORE_WORDS:
        return order.said
    return _STORE[order.status] if order.status in _OFF else _carried(order)


def _carried(order: Order) -> str:
    """Tell how far the goods are, where that is further than the work says."""
    if order.fulfillment_status == "DELIVERED":
        return "DELIVERED"
    told = _STORE[order.status]
    if order.fulfillment_status == "FULFILLED" and told != "DELIVERED":
        return "SHIPPED"
    return told
