"""What a signed-in buyer sees of their own: the profile and the orders (contract §2).

Orders are matched by email, whatever was ordered with the address before or after the first
sign-in; but only for who has proven the mailbox, so that signing up with a stranger's address
shows nothing of theirs.
"""

from typing import NamedTuple

from doorward.actors.desks import customers, order_access, order_index, order_lists
from doorward.actors.desks.origins import is_secure, picked
from doorward.actors.desks.sessions import signed_in
from doorward.actors.desks.storefronts import front_of
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.orders import Listed, OrderList, Profile, ReadOrders, ReadProfile
from doorward.actors.messages.refusals import NotFound, SessionRequired
from doorward.actors.records.orders import Order
from doorward.actors.records.sign_in import Customer
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn


class _Buyer(NamedTuple):
    """Whose session a call came with, and where."""

    storefront: Storefront
    customer: Customer


def read_orders(turn: Turn, message: ReadOrders) -> Outcome:
    """Read the buyer's own orders, newest activity first."""
    buyer = _buyer(turn, message)
    if not isinstance(buyer, _Buyer):
        return buyer
    storefront, customer = buyer
    orders: list[Order] = []
    after = None
    if customer.email_verified:
        limit = max(1, min(message.limit, order_lists.PAGE_MAX))
        name = order_index.of_email(customer.email)
        orders, after = order_lists.page(turn, name, after=message.after, limit=limit)
    return OrderList(
        front=front_of(turn, storefront),
        customer=customers.view(customer),
        items=tuple(_listed(turn, storefront, order) for order in orders),
        after=after,
        count=_count(turn, customer),
    )


def read_profile(turn: Turn, message: ReadProfile) -> Outcome:
    """Read the buyer's own record and how many orders there are."""
    buyer = _buyer(turn, message)
    if not isinstance(buyer, _Buyer):
        return buyer
    return Profile(
        front=front_of(turn, buyer.storefront),
        customer=customers.view(buyer.customer),
        order_count=_count(turn, buyer.customer),
    )


def _buyer(turn: Turn, message: ReadOrders | ReadProfile) -> _Buyer | Outcome:
    storefront = turn.published()
    if storefront is None:
        return NotFound()
    secure = is_secure(turn, storefront, message.caller)
    customer = signed_in(turn, picked(message.session, secure=secure))
    return SessionRequired() if customer is None else _Buyer(storefront, customer)


def _count(turn: Turn, customer: Customer) -> int:
    if not customer.email_verified:
        return 0
    return order_lists.count(turn, order_index.of_email(customer.email))


def _listed(turn: Turn, storefront: Storefront, order: Order) -> Listed:
    order = order_access.reachable(turn, storefront, order)
    return Listed(order, order_access.token_of(turn, storefront, order))
