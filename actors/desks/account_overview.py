"""The first page of a customer's account: a little of everything, read in one turn."""

from typing import Final

from doorward.actors.desks import customers, live_sessions, order_index, order_lists
from doorward.actors.desks.account_sessions import Visit, visiting
from doorward.actors.desks.gathering import together
from doorward.actors.desks.storefronts import front_of
from doorward.actors.messages.account import Overview, ReadOverview
from doorward.actors.messages.envelope import Outcome
from doorward.actors.records.account import AddressBook
from doorward.actors.records.orders import Order
from doorward.actors.turns import Turn

ORDERS: Final = 3
"""How many of the newest orders are shown at once."""


@visiting
def read_overview(turn: Turn, visit: Visit, _message: ReadOverview) -> Outcome:
    """Read the customer's newest orders, addresses and profile, and count the sessions."""
    customer = visit.customer
    together(
        lambda: _newest(turn, visit),
        lambda: turn.ledger.get(AddressBook, customer.id),
    )
    book = turn.ledger.get(AddressBook, customer.id) or AddressBook()
    return Overview(
        front=front_of(turn, visit.storefront),
        account=customers.account_view(customer),
        orders=tuple(_newest(turn, visit)),
        addresses=book.entries,
        sessions=len(live_sessions.live_entries(turn, customer)),
    )


def _newest(turn: Turn, visit: Visit) -> list[Order]:
    if not visit.customer.email_verified:
        return []
    name = order_index.placed_by(visit.customer.email)
    return order_lists.page(turn, name, after=None, limit=ORDERS)[0]
