"""Sessions: minted at every sign-in, never adopted, never extended, ended before it is said so.

A session is found by the SHA-256 of its secret and is absent or whole: signing out deletes it.
Sources: OWASP ASVS 7.2.3–7.2.4 (random, new at every authentication), 7.1.2 (bounded), contract §2.
"""

import msgspec

from doorward.actors import tokens
from doorward.actors.desks import customers, tallies
from doorward.actors.desks.callers import admitted
from doorward.actors.desks.origins import is_secure, picked
from doorward.actors.desks.tallies import Tallies
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.refusals import NotFound, SessionRequired
from doorward.actors.messages.sign_in import (
    Me,
    ReadMe,
    SignedIn,
    SignedOut,
    SignOut,
    UpdateMe,
    VerifyCode,
    VerifyLink,
)
from doorward.actors.records.sign_in import Customer, Device, Session, SessionEntry
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn, policy_of
from doorward.actors.windows import Standing
from doorward.config.policy import Policy


def admit(  # noqa: PLR0913 - one proof, and all that it changes in one turn
    turn: Turn,
    storefront: Storefront,
    message: VerifyCode | VerifyLink,
    tally: Tallies,
    standing: Standing,
    *,
    email: str,
) -> SignedIn:
    """Sign in whoever proved the mailbox: spend the challenge, mint a session, end the old one."""
    secure = is_secure(turn, storefront, message.caller)
    policy = policy_of(storefront)
    _end_presented(turn, picked(message.session, secure=secure))
    customer = customers.proven(turn, tally, email)
    secret = tokens.secret(turn.random)
    customer = _with_session(turn, customer, secret, policy)
    customer, device_secret = _with_device(
        turn, customer, picked(message.device, secure=secure), policy
    )
    turn.ledger.put(customer, customer.id)
    email_record = msgspec.structs.replace(tally.email, customer_id=customer.id, challenge=None)
    tallies.write(turn, tally.with_email(email_record))
    turn.note("signed_in", customer=customer.id, request_id=message.caller.request_id)
    return SignedIn(
        customer=customers.view(customer),
        secret=secret,
        device_secret=device_secret,
        device_ttl_seconds=policy.devices.ttl,
        ttl_seconds=policy.sessions.ttl,
        expires_at_ms=turn.now_ms + policy.sessions.ttl * 1000,
        secure=secure,
        standing=standing,
    )


def read_me(turn: Turn, message: ReadMe) -> Outcome:
    """Tell who is signed in; nobody is an answer, not an error."""
    storefront = turn.published()
    if storefront is None:
        return NotFound()
    secure = is_secure(turn, storefront, message.caller)
    customer = signed_in(turn, picked(message.session, secure=secure))
    return Me(customer=customers.view(customer) if customer is not None else None)


def update_me(turn: Turn, message: UpdateMe) -> Outcome:
    """Change the signed-in customer's own name or phone."""
    storefront = turn.published()
    if storefront is None:
        return NotFound()
    caller = admitted(turn, storefront, message.caller)
    if not isinstance(caller, Caller):
        return caller
    secure = is_secure(turn, storefront, message.caller)
    customer = signed_in(turn, picked(message.session, secure=secure))
    if customer is None:
        return SessionRequired()
    return customers.update(turn, customer, name=message.name, phone=message.phone)


def sign_out(turn: Turn, message: SignOut) -> Outcome:
    """End the presented session; ending none is fine too."""
    storefront = turn.published()
    if storefront is None:
        return NotFound()
    caller = admitted(turn, storefront, message.caller)
    if not isinstance(caller, Caller):
        return caller
    secure = is_secure(turn, storefront, message.caller)
    if _end_presented(turn, picked(message.session, secure=secure)):
        turn.note("signed_out", request_id=message.caller.request_id)
    return SignedOut(secure=secure)


def signed_in(turn: Turn, digest: str | None) -> Customer | None:
    """Return the customer whose live session has this digest."""
    if digest is None:
        return None
    session = turn.ledger.get(Session, digest)
    if session is None or turn.now_ms >= session.expires_at_ms:
        return None
    return turn.ledger.get(Customer, session.customer_id)


def _end_presented(turn: Turn, digest: str | None) -> bool:
    """End a presented session, so that no old secret outlives a sign-in or a sign-out."""
    if digest is None:
        return False
    session = turn.ledger.get(Session, digest)
    if session is None:
        return False
    customer = turn.ledger.get(Customer, session.customer_id)
    turn.ledger.delete(Session, digest)
    if customer is not None:
        left = tuple(entry for entry in customer.sessions if entry.digest != digest)
        turn.ledger.put(msgspec.structs.replace(customer, sessions=left), customer.id)
    return True


def _with_session(turn: Turn, customer: Customer, secret: str, policy: Policy) -> Customer:
    """Add a session; past the bound the oldest end."""
    now_ms, ttl_ms = turn.now_ms, policy.sessions.ttl * 1000
    digest = tokens.digest(secret)
    turn.ledger.put(
        Session(customer_id=customer.id, created_at_ms=now_ms, expires_at_ms=now_ms + ttl_ms),
        digest,
        keep_ms=ttl_ms,
    )
    live = [entry for entry in customer.sessions if now_ms < entry.expires_at_ms]
    surplus = max(0, len(live) + 1 - policy.sessions.per_customer)
    for entry in live[:surplus]:
        turn.ledger.delete(Session, entry.digest)
    entries = (*live[surplus:], SessionEntry(digest, now_ms + ttl_ms))
    return msgspec.structs.replace(customer, sessions=entries)


def _with_device(
    turn: Turn, customer: Customer, presented: str | None, policy: Policy
) -> tuple[Customer, str | None]:
    """Keep a good device cookie, or mint one; past the bound the oldest are forgotten."""
    live = [known for known in customer.devices if turn.now_ms < known.expires_at_ms]
    if any(known.digest == presented for known in live):
        return customer, None
    secret = tokens.secret(turn.random)
    expires_at_ms = turn.now_ms + policy.devices.ttl * 1000
    kept = live[max(0, len(live) + 1 - policy.devices.per_customer) :]
    devices = (*kept, Device(tokens.digest(secret), expires_at_ms))
    return msgspec.structs.replace(customer, devices=devices), secret
