"""Orders and returns as the account surface shows them (contract §3 and §7).

``…InCents`` are the order's integer minor units as they are kept, in every currency: of a rupiah,
which has none below it, they are rupiahs.
"""

from typing import Any, Final

import orjson

from doorward.actors.messages.account import OwnOrder
from doorward.actors.records.account import Return
from doorward.actors.records.orders import Order, OrderItem, Status
from doorward.http import timestamps
from doorward.http.surfaces.address_views import postal_view, tracking_view

WORDS: Final = frozenset({"PENDING", "CONFIRMED", "CANCELLED", "REFUNDED"})
"""What this surface calls an order's status; one that was sent so is shown so (contract §7)."""
_MEANT: Final[dict[Status, str]] = {
    "requested": "PENDING",
    "declined": "CANCELLED",
    "canceled": "CANCELLED",
}
_KEPT: Final = 8_192
_written: dict[str, tuple[Order, tuple[Return, ...], orjson.Fragment]] = {}


def status_of(order: Order) -> str:
    """Tell an order's status in this surface's words."""
    if order.said in WORDS:
        return order.said
    return "REFUNDED" if order.fully_returned else _MEANT.get(order.status, "CONFIRMED")


def listed_order(order: Order) -> dict[str, Any]:
    """Show an order as a list does."""
    return {
        "orderNumber": order.order_number,
        **_states(order),
        "paymentStatus": order.payment_status,
        "totalInCents": order.total,
        "currency": order.currency,
        "itemCount": sum(item.quantity for item in order.items),
        **_times(order),
    }


def whole_order(found: OwnOrder) -> orjson.Fragment:
    """Show one of the customer's own orders, as the JSON it becomes.

    An order is read far more often than it or its returns change, and what changed is another
    object: so it is written again only when it is not the very same one.
    """
    order = found.order
    known = _written.get(order.access_digest)
    if known is not None and known[0] is order and known[1] is found.returns:
        return known[2]
    if len(_written) > _KEPT:
        _written.clear()
    fragment = orjson.Fragment(orjson.dumps(_whole(found)))
    _written[order.access_digest] = (order, found.returns, fragment)
    return fragment


def _whole(found: OwnOrder) -> dict[str, Any]:
    order = found.order
    return {
        "orderNumber": order.order_number,
        **_states(order),
        "paymentStatus": order.payment_status,
        "paymentMethod": order.payment_method,
        **_money(order),
        "items": [
            {
                "id": item.id,
                "productId": item.product_id,
                "variantId": item.variant_id,
                **_line(item),
                "returnableQuantity": found.returnable.get(item.id, 0),
            }
            for item in order.items
        ],
        "shippingAddress": postal_view(order.shipping_address),
        "billingAddress": postal_view(order.billing_address),
        "tracking": tracking_view(order.tracking),
        "returns": [return_view(each) for each in found.returns],
        **_times(order),
    }


def public_order(order: Order, return_url: str | None) -> dict[str, Any]:
    """Show an order to whoever has its status link: nothing personal, no ids (contract §3)."""
    shown = {
        "orderNumber": order.order_number,
        **_states(order),
        **_money(order),
        "items": [_line(item) for item in order.items],
        **_times(order),
    }
    return shown if return_url is None else {**shown, "returnToStoreUrl": return_url}


def return_view(returned: Return) -> dict[str, Any]:
    """Show a return."""
    return {
        "id": returned.id,
        "status": returned.status,
        "reason": returned.reason,
        "items": [
            {"orderItemId": item.order_item_id, "quantity": item.quantity}
            for item in returned.items
        ],
        "note": returned.note,
        "createdAt": timestamps.iso(returned.created_at_ms),
        "updatedAt": timestamps.iso(returned.updated_at_ms),
    }


def _states(order: Order) -> dict[str, str]:
    return {
        "status": status_of(order),
        "fulfillmentStatus": order.fulfillment_status,
    }


def _money(order: Order) -> dict[str, Any]:
    return {
        "subtotalInCents": order.subtotal,
        "discountInCents": order.discount,
        "taxInCents": order.tax,
        "shippingInCents": order.shipping,
        "totalInCents": order.total,
        "currency": order.currency,
    }


def _line(item: OrderItem) -> dict[str, Any]:
    return {
        "name": item.name,
        "quantity": item.quantity,
        "unitPriceInCents": item.unit_price,
        "totalPriceInCents": item.quantity * item.unit_price,
    }


def _times(order: Order) -> dict[str, str]:
    return {
        "createdAt": timestamps.iso(order.created_at_ms),
        "updatedAt": timestamps.iso(order.updated_at_ms),
    }
