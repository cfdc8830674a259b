"""Customers: one per storefront and canonical email, whichever way they signed in."""

import msgspec
from msgspec import UNSET, UnsetType

from doorward.actors import tokens
from doorward.actors.desks.tallies import Tallies
from doorward.actors.desks.text_rules import (
    LINE_LENGTH,
    LINE_RULE,
    PHONE_RULE,
    is_line,
    is_phone,
)
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import Invalid
from doorward.actors.messages.sign_in import CustomerView, Me
from doorward.actors.records.sign_in import Customer
from doorward.actors.turns import Turn


def proven(turn: Turn, tally: Tallies, email: str) -> Customer:
    """Return the customer whose mailbox was just proven; the first proof creates it."""
    customer_id = tally.email.customer_id
    known = turn.ledger.get(Customer, customer_id) if customer_id is not None else None
    if known is not None:
        return known
    customer = Customer(
        id=tokens.identifier(turn.random),
        email=email,
        email_verified=True,
        created_at_ms=turn.now_ms,
    )
    turn.note("customer_created", customer=customer.id)
    return customer


def update(
    turn: Turn, customer: Customer, *, name: str | UnsetType | None, phone: str | UnsetType | None
) -> Outcome:
    """Change a customer's name or phone; None clears, unset leaves, a bad value changes nothing."""
    if isinstance(name, str) and not is_line(name):
        return Invalid(name="name", rule=LINE_RULE.format(LINE_LENGTH))
    if isinstance(phone, str) and not is_phone(phone):
        return Invalid(name="phone", rule=PHONE_RULE)
    changed = msgspec.structs.replace(
        customer,
        name=customer.name if name is UNSET else name,
        phone=customer.phone if phone is UNSET else phone,
    )
    if changed != customer:
        turn.ledger.put(changed, changed.id)
    return Me(customer=view(changed))


def view(customer: Customer) -> CustomerView:
    """Show a customer as the customer may see it."""
    return CustomerView(
        customer.id, customer.email, customer.name, customer.phone, customer.created_at_ms
    )
