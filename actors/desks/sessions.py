"""The portal's sessions: who is signed in there, signing in and signing out (contract §2)."""

from doorward.actors.desks import customers, live_sessions, sign_ins
from doorward.actors.desks.callers import admitted
from doorward.actors.desks.origins import is_secure, picked
from doorward.actors.desks.sign_ins import Proof
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
from doorward.actors.records.sign_in import Customer
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn, policy_of


def admit(
    turn: Turn, storefront: Storefront, message: VerifyCode | VerifyLink, proof: Proof
) -> SignedIn:
    """Sign in whoever proved the mailbox: spend the challenge, mint a session, end the old one."""
    secure = is_secure(turn, storefront, message.caller)
    policy = policy_of(storefront)
    live_sessions.end(turn, picked(message.session, secure=secure), "portal")
    entered = sign_ins.let_in(
        turn,
        storefront,
        proof,
        surface="portal",
        device=picked(message.device, secure=secure),
    )
    return SignedIn(
        customer=customers.view(entered.customer),
        secret=entered.cookie,
        device_secret=entered.device,
        device_ttl_seconds=policy.devices.ttl,
        ttl_seconds=policy.sessions.ttl,
        expires_at_ms=turn.now_ms + policy.sessions.ttl * 1000,
        secure=secure,
        standing=proof.standing,
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
    if live_sessions.end(turn, picked(message.session, secure=secure), "portal"):
        turn.note("signed_out", request_id=message.caller.request_id)
    return SignedOut(secure=secure)


def signed_in(turn: Turn, digest: str | None) -> Customer | None:
    """Return the customer whose live portal session has this digest."""
    session = live_sessions.found(turn, digest, "portal")
    if session is None or digest is None:
        return None
    customer = turn.ledger.get(Customer, session.customer_id)
    return live_sessions.seen(turn, customer, digest) if customer is not None else None
