"""Lists of orders: the merchant's, by creation or of one email; the buyer's own, by activity.

A page is read in two steps: its keys from an index, then its orders in one round trip.
"""

from functools import partial
from typing import Final

from doorward.actors.desks import order_access, order_index, order_states
from doorward.actors.desks.gathering import together
from doorward.actors.desks.merchant_keys import keyed
from doorward.actors.desks.sorted_index import SortedIndex
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant import ListOrders, OrderFound, OrdersFound
from doorward.actors.messages.orders import After
from doorward.actors.messages.refusals import Invalid
from doorward.actors.records.index import IndexKey
from doorward.actors.records.orders import Order
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn

PAGE_MAX: Final = 100
LOOKED_THROUGH: Final = 200
"""Orders of an email that one turn reads to find those in a status."""

Page = tuple[list[Order], After | None]


@keyed("orders:read")
def list_orders(turn: Turn, storefront: Storefront, message: ListOrders) -> Outcome:
    """Read orders, newest created first; those of one email, newest activity first."""
    status = message.status
    if status is not None and status not in order_states.STATUSES:
        known = ", ".join(order_states.STATUSES)
        return Invalid(name="status", rule=f"must be one of {known}")
    limit = max(1, min(message.limit, PAGE_MAX))
    if message.email is None:
        statuses = order_states.STATUSES if status is None else (status,)
        names = map(order_index.of_status, statuses)
        orders, after = page(turn, *names, after=message.after, limit=limit)
    elif status is None:
        name = order_index.of_email(message.email)
        orders, after = page(turn, name, after=message.after, limit=limit)
    else:
        orders, after = _page_of_both(turn, message, status, limit)
    items = tuple(_listed(turn, storefront, order) for order in orders)
    return OrdersFound(items=items, after=after)


def page(turn: Turn, *names: str, after: After | None, limit: int) -> Page:
    """Read a page of an index, or of several as if they were one, and its orders.

    Returns:
        The orders, and where the next page goes on; None at the end.

    Raises:
        Miss: Naming at once all orders that are not in memory.
    """
    found: list[IndexKey] = []
    together(*(partial(_find, turn, name, after, limit + 1, found) for name in names))
    keys = sorted(found, reverse=True)[: limit + 1]
    shown = keys[:limit]
    return _orders(turn, shown), shown[-1] if len(keys) > limit else None


def _find(  # a step of its own, so that several miss together
    turn: Turn, name: str, after: After | None, limit: int, found: list[IndexKey]
) -> None:
    found += SortedIndex(turn.ledger, name).page(after=after, limit=limit)


def count(turn: Turn, name: str) -> int:
    """Tell how many orders an index holds."""
    return SortedIndex(turn.ledger, name).count


def _page_of_both(turn: Turn, message: ListOrders, status: str, limit: int) -> Page:
    name = order_index.of_email(message.email or "")
    keys = SortedIndex(turn.ledger, name).page(after=message.after, limit=LOOKED_THROUGH + 1)
    found: list[Order] = []
    for at, order in enumerate(_orders(turn, keys[:LOOKED_THROUGH]), 1):
        if order.status == status:
            found.append(order)
        if len(found) == limit and at < len(keys):
            return found, (order.activity_at_ms, order.id)
    return found, keys[LOOKED_THROUGH - 1] if len(keys) > LOOKED_THROUGH else None


def _orders(turn: Turn, keys: list[IndexKey]) -> list[Order]:
    turn.ledger.need(*((Order, order_id) for _, order_id in keys))
    found = (turn.ledger.get(Order, order_id) for _, order_id in keys)
    return [order for order in found if order is not None]


def _listed(turn: Turn, storefront: Storefront, order: Order) -> OrderFound:
    order = order_access.reachable(turn, storefront, order)
    return OrderFound(order=order, access_token=order_access.token_of(turn, storefront, order))
