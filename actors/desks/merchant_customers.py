"""The people who sign in at a storefront, as their merchant finds, reads and signs them out."""

from doorward.actors.desks import actions, customers, live_sessions, order_index, order_lists
from doorward.actors.desks.merchant_keys import keyed
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant_customers import (
    CustomerDetail,
    CustomerFound,
    CustomersFound,
    FindCustomer,
    GetCustomer,
    RevokeSessions,
    SessionsRevoked,
)
from doorward.actors.messages.refusals import NotFound
from doorward.actors.records.sign_in import Customer
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn


@keyed("customers:read")
def find_customer(turn: Turn, _storefront: Storefront, message: FindCustomer) -> Outcome:
    """Find the customer with an email; none is an empty list."""
    customer = customers.of_email(turn, message.email)
    return CustomersFound(items=(detail(turn, customer),) if customer is not None else ())


@keyed("customers:read")
def get_customer(turn: Turn, _storefront: Storefront, message: GetCustomer) -> Outcome:
    """Read one customer."""
    customer = turn.ledger.get(Customer, message.customer_id)
    return NotFound() if customer is None else CustomerFound(customer=detail(turn, customer))


@keyed("customers:write")
def revoke_sessions(turn: Turn, _storefront: Storefront, message: RevokeSessions) -> Outcome:
    """End every session of a customer."""
    customer = turn.ledger.get(Customer, message.customer_id)
    if customer is None:
        return NotFound()
    return SessionsRevoked(count=actions.sessions_revoked(turn, customer))


def detail(turn: Turn, customer: Customer) -> CustomerDetail:
    """Show a customer as the merchant may see them.

    Raises:
        Miss: When the index that counts their orders is not in memory.
    """
    orders = order_index.of_email(customer.email)
    return CustomerDetail(
        id=customer.id,
        email=customer.email,
        email_verified=customer.email_verified,
        created_at_ms=customer.created_at_ms,
        name=customer.name,
        phone=customer.phone,
        locale=customer.locale,
        order_count=order_lists.count(turn, orders) if customer.email_verified else 0,
        session_count=len(live_sessions.live_entries(turn, customer)),
    )
