"""Quoting a price: an order's total is set, and its sums stay true.

What is quoted is mostly one thing (a service on request): then its line's price follows. An order
of several lines keeps their prices, and its discount makes up the difference; so its total can
be anything up to what it comes to without one.
"""

from msgspec.structs import replace

from doorward.actors.desks.order_documents import MONEY_MAX
from doorward.actors.messages.refusals import Conflict, Invalid
from doorward.actors.records.orders import Order


def quoted(order: Order, price: int) -> Order | Invalid | Conflict:
    """Set an order's total, in minor units of its currency, while nobody has paid it."""
    if order.payment_status != "unpaid":
        return Conflict(reason="the price can change only while the order is unpaid")
    if not 0 <= price <= MONEY_MAX:
        return Invalid(
            name="quotedPrice", rule=f"must be a whole number of minor units, 0 to {MONEY_MAX}"
        )
    if price == order.total:
        return order
    line_price = price + order.discount - order.tax - order.shipping
    if len(order.items) == 1 and order.items[0].quantity == 1 and 0 <= line_price <= MONEY_MAX:
        line = replace(order.items[0], unit_price=line_price)
        return replace(order, items=(line,), subtotal=line_price, total=price)
    most = order.subtotal + order.tax + order.shipping
    if price > most:
        return Invalid(name="quotedPrice", rule=f"must be at most {most} for these lines")
    return replace(order, discount=most - price, total=price)
