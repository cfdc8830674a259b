"""Who is signed in on the account surface, by cookie, bearer or both (contract §3).

One secret of a session in the other's place opens nothing. Where both are presented they must be of
the same session: what they disagree about is not ours to settle (OWASP ASVS 15.3.7).
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from doorward.actors.desks import live_sessions
from doorward.actors.desks.callers import admitted
from doorward.actors.desks.origins import is_secure, picked
from doorward.actors.desks.storefronts import front_of
from doorward.actors.messages.account import (
    Credentials,
    EndSessions,
    ListSessions,
    Logout,
    SessionCall,
    SessionList,
    SessionView,
)
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.refusals import Deleted, NotFound, SessionRequired
from doorward.actors.messages.sign_in import SignedOut
from doorward.actors.records.sign_in import Customer, SessionEntry
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn

Q = TypeVar("Q", bound=SessionCall)


class Entered(NamedTuple):
    """A caller that a published storefront's rules admit, counted for its address."""

    storefront: Storefront
    caller: Caller
    secure: bool


class Visit(NamedTuple):
    """A signed-in customer's call; ``session`` is the SHA-256 that finds the session."""

    storefront: Storefront
    customer: Customer
    session: str


def entered(turn: Turn, caller: Caller) -> Entered | Outcome:
    """Admit a caller to a published storefront, signed in or not."""
    storefront = turn.published()
    if storefront is None:
        return NotFound()
    known = admitted(turn, storefront, caller)
    if not isinstance(known, Caller):
        return known
    return Entered(storefront, known, is_secure(turn, storefront, caller))


def visited(turn: Turn, message: SessionCall) -> Visit | Outcome:
    """Find whose session a call came with; ``SessionRequired`` for every kind of none.

    Raises:
        Miss: When records are not in memory.
    """
    entry = entered(turn, message.caller)
    if not isinstance(entry, Entered):
        return entry
    digest = _presented(turn, message.presented, secure=entry.secure)
    session = live_sessions.found(turn, digest, "account")
    if session is None or digest is None:
        return SessionRequired()
    customer = turn.ledger.get(Customer, session.customer_id)
    if customer is None:
        return SessionRequired()
    return Visit(entry.storefront, live_sessions.seen(turn, customer, digest), digest)


def visiting(desk: Callable[[Turn, Visit, Q], Outcome]) -> Callable[[Turn, Q], Outcome]:
    """Make a desk of one that decides once it is known whose session it is."""

    def decided(turn: Turn, message: Any) -> Outcome:  # noqa: ANN401 - a Q, which is a SessionCall
        visit = visited(turn, message)
        return desk(turn, visit, message) if isinstance(visit, Visit) else visit

    decided.__doc__ = desk.__doc__
    return decided


def end_presented(turn: Turn, presented: Credentials, *, secure: bool) -> int:
    """Stage the end of every session that a presented secret is of; returns how many."""
    digests = _each_presented(turn, presented, secure=secure)
    return sum(live_sessions.end(turn, digest, "account") for digest in digests)


def logout(turn: Turn, message: Logout) -> Outcome:
    """End the presented session, cookie and bearer together; ending none is fine."""
    entry = entered(turn, message.caller)
    if not isinstance(entry, Entered):
        return entry
    digests = _each_presented(turn, message.presented, secure=entry.secure)
    live = [digest for digest in digests if live_sessions.found(turn, digest, "account")]
    if len(live) > 1:
        return SessionRequired()
    if end_presented(turn, message.presented, secure=entry.secure):
        turn.note("signed_out", request_id=message.caller.request_id)
    return SignedOut(secure=entry.secure)


@visiting
def list_sessions(turn: Turn, visit: Visit, _message: ListSessions) -> Outcome:
    """Read the customer's own live sessions, of every surface, newest first."""
    entries = reversed(live_sessions.live_entries(turn, visit.customer))
    return SessionList(
        front=front_of(turn, visit.storefront),
        items=tuple(_view(entry, visit.session) for entry in entries),
    )


@visiting
def end_sessions(turn: Turn, visit: Visit, message: EndSessions) -> Outcome:
    """End one of the customer's own sessions, or all but the one that asks."""
    customer = visit.customer
    if message.session_id is None:
        left = live_sessions.without(turn, customer, keep=visit.session)
    else:
        live = live_sessions.live_entries(turn, customer)
        gone = [entry for entry in live if live_sessions.id_of(entry) == message.session_id]
        if not gone:
            return NotFound()
        left = live_sessions.without_those(turn, customer, gone)
    if left != customer:
        turn.ledger.put(left, left.id)
        ended = len(customer.sessions) - len(left.sessions)
        turn.note("sessions_ended", customer=left.id, count=ended)
    return Deleted()


def _presented(turn: Turn, presented: Credentials, *, secure: bool) -> str | None:
    """Tell which session is presented; None when none is, or two are."""
    digests = _each_presented(turn, presented, secure=secure)
    return digests[0] if len(digests) == 1 else None


def _each_presented(turn: Turn, presented: Credentials, *, secure: bool) -> list[str]:
    """Tell the digests of what is presented; a bearer that leads nowhere is one of nothing."""
    cookie = picked(presented.cookie, secure=secure)
    digests = {cookie} if cookie is not None else set[str]()
    bearer = presented.bearer
    if bearer is not None:
        digests.add(bearer.session if live_sessions.is_of(turn, bearer) else "")
    return sorted(digests)


def _view(entry: SessionEntry, current: str) -> SessionView:
    return SessionView(
        id=live_sessions.id_of(entry),
        device=entry.device,
        address=entry.address,
        created_at_ms=entry.created_at_ms,
        seen_at_ms=entry.seen_at_ms,
        expires_at_ms=entry.expires_at_ms,
        current=entry.digest == current,
        surface=entry.surface,
    )
