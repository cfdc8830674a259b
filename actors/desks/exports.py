"""Everything held about a person, for the merchant to hand to them (GDPR articles 15 and 20).

The first page has all but their orders and the first of those; the next ones go on with orders, so
that however many there are no turn reads more than a page of them.
"""

from functools import partial
from typing import Final

from doorward.actors.desks import (
    live_sessions,
    live_tokens,
    order_index,
    order_lists,
    returns,
    threads,
)
from doorward.actors.desks.gathering import together
from doorward.actors.desks.merchant_customers import detail
from doorward.actors.desks.merchant_keys import keyed
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant_customers import (
    ExportCustomer,
    Exported,
    HeldAction,
    HeldOrder,
    HeldSession,
)
from doorward.actors.messages.orders import After
from doorward.actors.messages.refusals import NotFound
from doorward.actors.records.account import AddressBook
from doorward.actors.records.orders import Order
from doorward.actors.records.sign_in import Customer
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn

PAGE_MAX: Final = 20
"""A thread holds up to 2 MB, so this is a page of very talkative orders still."""


@keyed("customers:read")
def export_customer(turn: Turn, _storefront: Storefront, message: ExportCustomer) -> Outcome:
    """Read everything held about a person."""
    customer = turn.ledger.get(Customer, message.customer_id)
    if customer is None:
        return NotFound()
    orders, after = _orders(turn, customer, message)
    if message.after is not None:
        return Exported(
            customer=detail(turn, customer),
            addresses=(),
            sessions=(),
            known_devices=(),
            actions=(),
            orders=orders,
            after=after,
        )
    book = turn.ledger.get(AddressBook, customer.id) or AddressBook()
    return Exported(
        customer=detail(turn, customer),
        addresses=book.entries,
        sessions=_sessions(turn, customer),
        known_devices=tuple(device.expires_at_ms for device in customer.devices),
        actions=_actions(turn, customer),
        orders=orders,
        after=after,
    )


def _sessions(turn: Turn, customer: Customer) -> tuple[HeldSession, ...]:
    return tuple(
        HeldSession(
            entry.surface,
            entry.device,
            entry.address,
            entry.created_at_ms,
            entry.seen_at_ms,
            entry.expires_at_ms,
        )
        for entry in live_sessions.live_entries(turn, customer)
    )


def _actions(turn: Turn, customer: Customer) -> tuple[HeldAction, ...]:
    return tuple(
        HeldAction(token.action, token.context, token.expires_at_ms)
        for _, token in live_tokens.live_of(turn, customer.email)
    )


def _orders(
    turn: Turn, customer: Customer, message: ExportCustomer
) -> tuple[tuple[HeldOrder, ...], After | None]:
    # Who has not proven the mailbox is not whom the orders with that email are about.
    if not customer.email_verified:
        return (), None
    limit = max(1, min(message.limit, PAGE_MAX))
    name = order_index.placed_by(customer.email)
    orders, after = order_lists.page(turn, name, after=message.after, limit=limit)
    together(*(partial(_held, turn, order) for order in orders))
    return tuple(_held(turn, order) for order in orders), after


def _held(turn: Turn, order: Order) -> HeldOrder:
    return HeldOrder(order, threads.remarks_of(turn, order), returns.returns_of(turn, order.id))
