"""Customers: one per storefront and canonical email, whichever way they signed in."""

import msgspec
from msgspec import UNSET, UnsetType

from doorward.actors import tokens
from doorward.actors.desks import live_sessions
from doorward.actors.desks.tallies import Tallies
from doorward.actors.desks.text_rules import (
    LINE_LENGTH,
    LINE_RULE,
    PHONE_RULE,
    is_line,
    is_phone,
)
from doorward.actors.messages.account import AccountView
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import Invalid
from doorward.actors.messages.sign_in import CustomerView, Me
from doorward.actors.records.sign_in import Customer, Email
from doorward.actors.turns import Turn


def proven(turn: Turn, tally: Tallies, email: str) -> Customer:
    """Return the customer whose mailbox was just proven; the first proof creates it.

    Who signed up with a password may have done so with somebody else's email and wait for its
    owner to come (pre-hijacking). So the first proof of the mailbox ends all that was there before
    it: the password, sessions and known devices. A password that the sign-up's own mail confirmed
    (``confirmed``) had a proof of its own.

    Sources: contract §1; Sudhodanan and Paverd, "Pre-hijacked accounts", USENIX Security 2022.
    """
    customer_id = tally.email.customer_id
    known = turn.ledger.get(Customer, customer_id) if customer_id is not None else None
    if known is not None:
        return known if known.email_verified else _reclaimed(turn, known)
    customer = Customer(
        id=tokens.identifier(turn.random),
        email=email,
        email_verified=True,
        created_at_ms=turn.now_ms,
    )
    turn.note("customer_created", customer=customer.id)
    return customer


def of_email(turn: Turn, email: str) -> Customer | None:
    """Find the customer with a canonical email.

    Raises:
        Miss: When records are not in memory.
    """
    owner = turn.ledger.get(Email, tokens.email_id(email))
    if owner is None or owner.customer_id is None:
        return None
    return turn.ledger.get(Customer, owner.customer_id)


def confirmed(customer: Customer) -> Customer:
    """Return a customer whose sign-up's own mail was answered: the password is theirs, too."""
    password = customer.password
    if password is not None:
        password = msgspec.structs.replace(password, proven=True)
    return msgspec.structs.replace(customer, email_verified=True, password=password)


def update(
    turn: Turn, customer: Customer, *, name: str | UnsetType | None, phone: str | UnsetType | None
) -> Outcome:
    """Change a customer's name or phone as the portal answers it (``changed``)."""
    after = changed(turn, customer, name=name, phone=phone)
    return after if isinstance(after, Invalid) else Me(customer=view(after))


def changed(
    turn: Turn, customer: Customer, *, name: str | UnsetType | None, phone: str | UnsetType | None
) -> Customer | Invalid:
    """Change a customer's name or phone; None clears, unset leaves, a bad value changes nothing."""
    if isinstance(name, str) and not is_line(name):
        return Invalid(name="name", rule=LINE_RULE.format(LINE_LENGTH))
    if isinstance(phone, str) and not is_phone(phone):
        return Invalid(name="phone", rule=PHONE_RULE)
    after = msgspec.structs.replace(
        customer,
        name=customer.name if name is UNSET else name,
        phone=customer.phone if phone is UNSET else phone,
    )
    if after != customer:
        turn.ledger.put(after, after.id)
    return after


def view(customer: Customer) -> CustomerView:
    """Show a customer as the customer may see it."""
    return CustomerView(
        customer.id, customer.email, customer.name, customer.phone, customer.created_at_ms
    )


def account_view(customer: Customer) -> AccountView:
    """Show a customer as the account surface does."""
    return AccountView(
        id=customer.id,
        email=customer.email,
        email_verified=customer.email_verified,
        created_at_ms=customer.created_at_ms,
        name=customer.name,
        phone=customer.phone,
    )


def _reclaimed(turn: Turn, customer: Customer) -> Customer:
    password = customer.password
    turn.note("customer_reclaimed", customer=customer.id)
    return msgspec.structs.replace(
        live_sessions.without(turn, customer),
        email_verified=True,
        password=password if password is not None and password.proven else None,
        devices=(),
        # An access token of before lives for an hour yet; it must not open what is proven now.
        reclaimed=customer.reclaimed + 1,
    )
