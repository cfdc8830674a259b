"""Forgotten passwords: a mailed link by which a new one is set, a first one too (contract §4, §7).

Asking is neutral: known, unknown and over-budget emails are answered alike and cost alike. It reads
and writes the same records whoever's the email is, and mails something blank where nothing is to be
said (``store_mails``). It is counted as asking for a code is, in the same windows: each is a mail
to a mailbox that may be somebody else's.

Source: OWASP Forgot Password Cheat Sheet, "Forgot Password Request".
"""

from functools import partial

from doorward.actors import tokens
from doorward.actors.desks import live_tokens, new_passwords, store_mails, tallies
from doorward.actors.desks.callers import admitted
from doorward.actors.desks.gathering import together
from doorward.actors.desks.limits import rules_of
from doorward.actors.desks.store_keys import store_keyed
from doorward.actors.desks.token_misses import missed
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.refusals import TooMany
from doorward.actors.messages.store import (
    BeginReset,
    FinishReset,
    ForgetPassword,
    Issue,
    Issues,
    PasswordMailed,
    PasswordSet,
    ResetBegun,
)
from doorward.actors.records.account import ActionToken, ActionTokens
from doorward.actors.records.sign_in import Customer
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn


@store_keyed
def forget_password(turn: Turn, storefront: Storefront, message: ForgetPassword) -> Outcome:
    """Mail a link by which a password can be set; the answer says nothing about the email."""
    caller, email = admitted(turn, storefront, message.caller), message.email
    if not isinstance(caller, Caller):
        return caller
    together(
        partial(tallies.read, turn, address=caller.address, email=email),
        partial(turn.ledger.need, (ActionTokens, tokens.email_id(email))),
    )
    read = tallies.read(turn, address=caller.address, email=email)
    counted = tallies.count_request(read, rules_of(storefront.policy), turn.now_ms)
    if isinstance(counted, TooMany):
        return counted
    tally, standing, within = counted
    # Looked for also where there is none, so that known and unknown emails cost the same.
    customer = turn.ledger.get(Customer, read.email.customer_id or read.email_id)
    tallies.write(turn, tally)
    store_mails.set_password(turn, storefront, email, customer, caller, within=within)
    return PasswordMailed(standing=standing)


@store_keyed
def begin_reset(turn: Turn, storefront: Storefront, message: BeginReset) -> Outcome:
    """Tell whether a mailed token may set a password of that length; nothing changes by it."""
    caller = admitted(turn, storefront, message.caller)
    if not isinstance(caller, Caller):
        return caller
    if _found(turn, message.token_digest) is None:
        return missed(turn, storefront, caller)
    rule = new_passwords.fault(storefront, message.password_length)
    if rule is not None:
        return Issues(issues=(Issue(("password",), rule),))
    return ResetBegun()


@store_keyed
def finish_reset(turn: Turn, storefront: Storefront, message: FinishReset) -> Outcome:
    """Set a password by a mailed token, once: whoever is second finds no token."""
    caller = admitted(turn, storefront, message.caller)
    if not isinstance(caller, Caller):
        return caller
    token = _found(turn, message.token_digest)
    was_set = (
        new_passwords.set_by_mail(turn, storefront, token.email, message.password_hash, caller)
        if token is not None
        else None
    )
    return PasswordSet() if was_set is not None else missed(turn, storefront, caller)


def _found(turn: Turn, digest: str) -> ActionToken | None:
    token = live_tokens.found(turn, digest)
    return token if token is not None and token.action == "set_password" else None
