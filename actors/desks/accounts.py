"""A customer's own profile and orders on the account surface (contract §3).

Orders are matched by email, and only for who has proven the mailbox. An order that is absent and
one that is somebody else's are one and the same answer.
"""

from doorward.actors.desks import customers, order_documents, order_index, order_lists, returns
from doorward.actors.desks.account_sessions import Visit, visiting
from doorward.actors.desks.storefronts import front_of
from doorward.actors.messages.account import (
    Account,
    GetOwnOrder,
    ListOwnOrders,
    OwnOrder,
    OwnOrders,
    ReadAccount,
    UpdateAccount,
)
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import Invalid, NotFound
from doorward.actors.records.account import Returns
from doorward.actors.records.orders import Order
from doorward.actors.records.sign_in import Customer
from doorward.actors.turns import Turn


@visiting
def read_account(turn: Turn, visit: Visit, _message: ReadAccount) -> Outcome:
    """Read the customer's own profile."""
    return _account(turn, visit, visit.customer)


@visiting
def update_account(turn: Turn, visit: Visit, message: UpdateAccount) -> Outcome:
    """Change the customer's own name or phone."""
    changed = customers.changed(turn, visit.customer, name=message.name, phone=message.phone)
    return changed if isinstance(changed, Invalid) else _account(turn, visit, changed)


@visiting
def list_own_orders(turn: Turn, visit: Visit, message: ListOwnOrders) -> Outcome:
    """Read a page of the customer's orders, newest created first."""
    orders: list[Order] = []
    after = None
    if visit.customer.email_verified:
        limit = max(1, min(message.limit, order_lists.PAGE_MAX))
        name = order_index.placed_by(visit.customer.email)
        orders, after = order_lists.page(turn, name, after=message.after, limit=limit)
    return OwnOrders(
        front=front_of(turn, visit.storefront),
        account=customers.account_view(visit.customer),
        items=tuple(orders),
        after=after,
    )


@visiting
def get_own_order(turn: Turn, visit: Visit, message: GetOwnOrder) -> Outcome:
    """Read one of the customer's orders, with its returns."""
    order_id = order_documents.order_id(message.order_number)
    turn.ledger.need((Order, order_id), (Returns, order_id))
    order = own_order(turn, visit.customer, message.order_number)
    if order is None:
        return NotFound()
    known = returns.returns_of(turn, order_id)
    return OwnOrder(
        front=front_of(turn, visit.storefront),
        account=customers.account_view(visit.customer),
        order=order,
        returns=known,
        returnable=returns.returnable(order, known),
    )


def own_order(turn: Turn, customer: Customer, order_number: str) -> Order | None:
    """Find an order by its number if it is the customer's; None for absent and foreign alike.

    Raises:
        Miss: When it is not in memory.
    """
    order = turn.ledger.get(Order, order_documents.order_id(order_number))
    if order is None or not customer.email_verified or order.email != customer.email:
        return None
    return order


def _account(turn: Turn, visit: Visit, customer: Customer) -> Account:
    return Account(front=front_of(turn, visit.storefront), account=customers.account_view(customer))
