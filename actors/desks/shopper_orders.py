"""A customer's own orders on the store surface (contract §1, §4).

Orders are matched by email, and only for who has proven the mailbox: signing up with a stranger's
address shows nothing of theirs. Who has not sees those with their email that the merchant put down
to them (``customerId``). An order that is absent and one of somebody else are the same answer.

A page that is filtered looks through a bounded number of orders and may hold fewer than asked for,
or none, and still tell where the next one goes on.
"""

import re
from typing import Final

from doorward.actors.desks import order_index, order_lists
from doorward.actors.desks.order_lists import LOOKED_THROUGH, PAGE_MAX, Page
from doorward.actors.desks.shoppers import shopping
from doorward.actors.desks.sorted_index import SortedIndex
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import NotFound
from doorward.actors.messages.store import (
    GetShopperOrder,
    Issue,
    Issues,
    ListShopperOrders,
    ShopperOrder,
    ShopperOrders,
)
from doorward.actors.order_words import STORE_WORDS, store_status
from doorward.actors.records.orders import Order
from doorward.actors.records.sign_in import Customer
from doorward.actors.turns import Turn

_ORDER_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
"""``order_documents.order_id``; nothing else of a client's reaches a key."""
_STATUS_RULE: Final = f"must be one of {', '.join(sorted(STORE_WORDS))}"


@shopping
def list_shopper_orders(turn: Turn, customer: Customer, message: ListShopperOrders) -> Outcome:
    """Read a page of the customer's orders, newest created first."""
    if message.status is not None and message.status not in STORE_WORDS:
        return Issues(issues=(Issue(path=("status",), message=_STATUS_RULE),))
    limit = max(1, min(message.limit, PAGE_MAX))
    if customer.email_verified and message.status is None:
        name = order_index.placed_by(customer.email)
        orders, after = order_lists.page(turn, name, after=message.after, limit=limit)
    else:
        orders, after = _looked_through(turn, customer, message, limit)
    return ShopperOrders(items=tuple(orders), after=after)


@shopping
def get_shopper_order(turn: Turn, customer: Customer, message: GetShopperOrder) -> Outcome:
    """Read one of the customer's orders; one that is somebody else's is none."""
    if _ORDER_ID.fullmatch(message.order_id) is None:
        return NotFound()
    order = turn.ledger.get(Order, message.order_id)
    if order is None or not _is_of(customer, order):
        return NotFound()
    return ShopperOrder(order=order)


def _is_of(customer: Customer, order: Order) -> bool:
    if order.email != customer.email:
        return False
    return customer.email_verified or order.customer_id == customer.id


def _looked_through(turn: Turn, customer: Customer, message: ListShopperOrders, limit: int) -> Page:
    """Find orders among the next ``LOOKED_THROUGH`` with the customer's email.

    Raises:
        Miss: Naming at once all of them that are not in memory.
    """
    index = SortedIndex(turn.ledger, order_index.placed_by(customer.email))
    keys = index.page(after=message.after, limit=LOOKED_THROUGH + 1)
    shown = keys[:LOOKED_THROUGH]
    turn.ledger.need(*((Order, order_id) for _, order_id in shown))
    found: list[Order] = []
    for at, key in enumerate(shown, 1):
        order = turn.ledger.get(Order, key[1])
        if order is not None and _is_wanted(customer, order, message.status):
            found.append(order)
        if len(found) == limit:
            return found, key if at < len(keys) else None
    return found, shown[-1] if len(keys) > LOOKED_THROUGH else None


def _is_wanted(customer: Customer, order: Order, status: str | None) -> bool:
    return _is_of(customer, order) and status in (None, store_status(order))
