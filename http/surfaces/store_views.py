"""Customers, tokens and orders as the store surface shows them (contract §4)."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from doorward.actors.locales import minor_digits
from doorward.actors.messages.store import ShopperView, TokenPair
from doorward.actors.order_words import store_status
from doorward.actors.records.orders import Order
from doorward.http import timestamps
from doorward.http.surfaces.address_views import postal_view, tracking_view

_CENT: Final = Decimal("0.01")


def customer_view(shopper: ShopperView) -> dict[str, Any]:
    """Show a customer."""
    return {
        "id": shopper.id,
        "name": shopper.name,
        "email": shopper.email,
        "phoneNumber": shopper.phone,
        "imageUrl": shopper.image_url,
        "createdAt": timestamps.iso(shopper.created_at_ms),
    }


def tokens_view(pair: TokenPair) -> dict[str, str]:
    """Show a pair of tokens, this once."""
    return {
        "accessToken": pair.access,
        "accessTokenExpiresAt": timestamps.iso(pair.access_expires_at_ms),
        "refreshToken": pair.refresh,
        "refreshTokenExpiresAt": timestamps.iso(pair.refresh_expires_at_ms),
    }


def order_view(order: Order) -> dict[str, Any]:
    """Show an order; money is a string with two decimals in every currency."""
    currency = order.currency
    shown = {
        "id": order.id,
        "orderNumber": order.order_number,
        "status": store_status(order),
        "subtotal": money(order.subtotal, currency),
        "shippingCost": money(order.shipping, currency),
        "discountAmount": money(order.discount, currency),
        "total": money(order.total, currency),
        "paymentMethod": order.payment_method,
        "items": [
            {
                "id": item.id,
                "productId": item.product_id,
                "variantId": item.variant_id,
                "name": item.name,
                "quantity": item.quantity,
                "price": money(item.unit_price, currency),
                "total": money(item.unit_price * item.quantity, currency),
            }
            for item in order.items
        ],
        "createdAt": timestamps.iso(order.created_at_ms),
    }
    where = {
        "shippingAddress": postal_view(order.shipping_address),
        "tracking": tracking_view(order.tracking),
    }
    return shown | {name: value for name, value in where.items() if value is not None}


def money(amount: int, currency: str) -> str:
    """Write an amount in minor units as the contract does: ``250000.00``, also of rupiah.

    A currency of three decimals is rounded to two, half away from zero: its total may then differ
    by a hundredth from the sum of what is shown.
    """
    value = Decimal(amount).scaleb(-minor_digits(currency))
    return str(value.quantize(_CENT, ROUND_HALF_UP))
