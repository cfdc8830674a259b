"""Signing up with a password: a customer whose mailbox nobody has proven yet.

Whoever signs up need not own the email. So the customer is unverified and a mail asks to confirm;
if the mailbox is proven in any other way first, all that was here before goes (``customers``).
"""

from msgspec.structs import replace

from doorward.actors import tokens
from doorward.actors.desks import (
    audit,
    lockouts,
    password_addresses,
    person_rules,
    shop_entries,
    store_mails,
)
from doorward.actors.desks.callers import admitted
from doorward.actors.desks.store_keys import store_keyed
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.store import (
    BeginSignUp,
    EmailTaken,
    FinishSignUp,
    Issues,
    Person,
    SignUpBegun,
)
from doorward.actors.records.sign_in import Customer, Email, Password
from doorward.actors.records.store import Tries
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn, policy_of


@store_keyed
def begin_sign_up(turn: Turn, storefront: Storefront, message: BeginSignUp) -> Outcome:
    """Tell what stands in the way of a sign-up before its password is hashed."""
    caller = admitted(turn, storefront, message.caller)
    if not isinstance(caller, Caller):
        return caller
    refused = password_addresses.sign_up_refused(turn, storefront, caller.address)
    if refused is not None:
        return refused
    person = person_rules.checked(
        message.person,
        password_length=message.password_length,
        length_minimum=policy_of(storefront).passwords.length_minimum,
    )
    if isinstance(person, Issues):
        return person
    return EmailTaken() if _email(turn, person).customer_id is not None else SignUpBegun()


@store_keyed
def finish_sign_up(turn: Turn, storefront: Storefront, message: FinishSignUp) -> Outcome:
    """Make the customer and sign them in, unless somebody with this email came first."""
    caller = admitted(turn, storefront, message.caller)
    if not isinstance(caller, Caller):
        return caller
    person = person_rules.checked(message.person)
    if isinstance(person, Issues):
        return person
    email_id = tokens.email_id(person.email)
    turn.ledger.need((Email, email_id), (Tries, email_id))
    known = _email(turn, person)
    if known.customer_id is not None:
        return EmailTaken()
    customer = Customer(
        id=tokens.identifier(turn.random),
        email=person.email,
        email_verified=False,
        created_at_ms=turn.now_ms,
        name=person.name,
        phone=person.phone,
        password=Password(message.password_hash, turn.now_ms),
    )
    turn.ledger.put(replace(known, customer_id=customer.id), email_id)
    _begin_tries_anew(turn, storefront, email_id)
    store_mails.confirm_email(turn, storefront, customer, caller)
    audit.kept(turn, f"customer:{customer.id}", "customer_signed_up", customer.id)
    turn.note("customer_created", customer=customer.id)
    return shop_entries.let_in(turn, storefront, customer, caller=caller, device=None, created=True)


def _email(turn: Turn, person: Person) -> Email:
    return turn.ledger.get(Email, tokens.email_id(person.email)) or Email()


def _begin_tries_anew(turn: Turn, storefront: Storefront, email_id: str) -> None:
    """Forget guesses at an email while it was nobody's: they were no guesses at this password."""
    tries = turn.ledger.get(Tries, email_id)
    if tries is not None:
        tries, rules = lockouts.renewed(tries), lockouts.rules_of(storefront.policy)
        keep_ms = lockouts.keep_ms(tries, rules, turn.now_ms, is_customers=True)
        turn.ledger.put(tries, email_id, keep_ms=keep_ms)
