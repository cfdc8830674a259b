"""An order as its merchant reads it: the document of contract §5, and what Doorward adds to it."""

from typing import Any

from doorward.actors.messages.merchant import OrderFound
from doorward.actors.records.orders import (
    Order,
    OrderItem,
    Proof,
    Remark,
    Service,
)
from doorward.http import timestamps
from doorward.http.surfaces.address_views import postal_view, tracking_view


def whole_order(found: OrderFound) -> dict[str, Any]:
    """Show an order with its thread, internal messages included."""
    return listed_order(found) | {"messages": [message(remark) for remark in found.remarks]}


def listed_order(found: OrderFound) -> dict[str, Any]:
    """Show an order as a list does: without its thread, which a list does not read."""
    order = found.order
    return {
        "id": order.id,
        "orderNumber": order.order_number,
        "number": order.number,
        "email": order.email,
        "customerId": order.customer_id,
        "buyerName": order.buyer_name,
        "buyerPhone": order.buyer_phone,
        **_money(order),
        "status": order.status,
        "paymentStatus": order.payment_status,
        "fulfillmentStatus": order.fulfillment_status,
        "hold": order.hold,
        "paymentMethod": order.payment_method,
        "service": _service(order.service),
        "packageName": order.package_name,
        "notes": order.notes,
        "preferredDate": order.preferred_date,
        "shippingAddress": postal_view(order.shipping_address),
        "billingAddress": postal_view(order.billing_address),
        "tracking": tracking_view(order.tracking),
        "accessToken": found.access_token,
        "proofs": [_proof(number, proof) for number, proof in enumerate(order.proofs, 1)],
        "createdAt": timestamps.iso(order.created_at_ms),
        "updatedAt": timestamps.iso(order.updated_at_ms),
        "lastActivityAt": timestamps.iso(order.activity_at_ms),
    }


def message(remark: Remark) -> dict[str, Any]:
    """Show a message of a thread."""
    return {
        "id": remark.id,
        "authorType": remark.author,
        "authorName": remark.author_name,
        "body": remark.body,
        "internal": remark.internal,
        "attachments": remark.attachments,
        "createdAt": timestamps.iso(remark.created_at_ms),
    }


def _money(order: Order) -> dict[str, Any]:
    return {
        "currency": order.currency,
        "items": [_item(item) for item in order.items],
        "subtotal": order.subtotal,
        "discount": order.discount,
        "tax": order.tax,
        "shipping": order.shipping,
        "total": order.total,
    }


def _item(item: OrderItem) -> dict[str, Any]:
    return {
        "id": item.id,
        "productId": item.product_id,
        "variantId": item.variant_id,
        "name": item.name,
        "quantity": item.quantity,
        "unitPrice": item.unit_price,
    }


def _service(service: Service | None) -> dict[str, Any] | None:
    if service is None:
        return None
    return {"slug": service.slug, "name": service.name, "pricingType": service.pricing_type}


def _proof(number: int, proof: Proof) -> dict[str, Any]:
    return {
        "number": number,
        "mediaType": proof.media_type,
        "sizeBytes": proof.size_bytes,
        "sentAt": timestamps.iso(proof.sent_at_ms),
    }
