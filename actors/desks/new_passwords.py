"""Setting a password by a mailed token: what it must be, and what it ends (contract §4, §7).

Whoever holds the token has read the mailbox, so the password is proven with it and the email
verified. All else that was good before may be somebody else's: every session and family ends, and
so does every other mailed way to change the password. What was tried at the password of before says
nothing of the new one; one that was turned off is on again (NIST SP 800-63B §3.2.2).

Source: OWASP Forgot Password Cheat Sheet, "User Resets Password".
"""

from functools import partial
from typing import Final, NamedTuple

from msgspec.structs import replace

from doorward.actors import tokens
from doorward.actors.desks import (
    audit,
    customers,
    live_sessions,
    live_tokens,
    lockouts,
    store_mails,
    tallies,
)
from doorward.actors.desks.gathering import together
from doorward.actors.messages.envelope import Caller
from doorward.actors.records.account import Action
from doorward.actors.records.audit import AuditHead
from doorward.actors.records.sign_in import Customer, Password
from doorward.actors.records.store import Tries
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn, policy_of

_SPENT: Final[frozenset[Action]] = frozenset(
    {"set_password", "unlock_password", "restore_password"}
)


class SetByMail(NamedTuple):
    """Whose password was set, and how many sessions and families were live and are not."""

    customer: Customer
    ended: int


def fault(storefront: Storefront, length: int) -> str | None:
    """Tell which rule of the storefront's a password of so many code points breaks."""
    least = policy_of(storefront).passwords.length_minimum
    return f"must have at least {least} characters" if length < least else None


def set_by_mail(
    turn: Turn, storefront: Storefront, email: str, password_hash: str, caller: Caller
) -> SetByMail | None:
    """Stage a customer's new password, and all that ends with it; None when there is nobody.

    Raises:
        Miss: Naming at once most of what is not in memory.
    """
    known = customers.of_email(turn, email)
    if known is None:
        return None
    together(
        partial(live_tokens.live_of, turn, email),
        partial(live_sessions.without, turn, known),
        partial(tallies.read, turn, address=caller.address, email=email),
        partial(turn.ledger.need, (AuditHead, ""), (Tries, tokens.email_id(email))),
    )
    ended = len(live_sessions.live_entries(turn, known))
    tally = tallies.read(turn, address=caller.address, email=email)
    proven = live_sessions.without(turn, customers.proven(turn, tally, email))
    customer = replace(proven, password=Password(password_hash, turn.now_ms, proven=True))
    turn.ledger.put(customer, customer.id)
    # A known device's own tries begin anew when it comes back (``lockouts.since``).
    tries = _tries(turn, email)
    _keep(turn, storefront, email, tries, lockouts.renewed(tries))
    live_tokens.forget(turn, email, _SPENT)
    store_mails.password_changed(turn, storefront, customer, caller)
    audit.kept(turn, f"customer:{customer.id}", "password_set", customer.id)
    turn.note("password_set", customer=customer.id, request_id=caller.request_id)
    return SetByMail(customer, ended)


def unlock(turn: Turn, storefront: Storefront, customer: Customer) -> bool:
    """Stage the end of the lock that strangers made of a customer's email, if there is one.

    Known devices have locks of their own, which nobody else can make; those last.

    Raises:
        Miss: When its tries are not in memory.
    """
    tries = _tries(turn, customer.email)
    _keep(turn, storefront, customer.email, tries, lockouts.unlocked(tries))
    return turn.now_ms < tries.locked_until_ms


def _tries(turn: Turn, email: str) -> Tries:
    return turn.ledger.get(Tries, tokens.email_id(email)) or Tries()


def _keep(turn: Turn, storefront: Storefront, email: str, before: Tries, tries: Tries) -> None:
    if tries != before:
        rules = lockouts.rules_of(storefront.policy)
        keep_ms = lockouts.keep_ms(tries, rules, turn.now_ms, is_customers=True)
        turn.ledger.put(tries, tokens.email_id(email), keep_ms=keep_ms)
