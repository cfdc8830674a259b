"""Sessions of every surface: minted at every sign-in, never adopted, ended whole.

A session is found by the SHA-256 of its cookie's secret and is absent or whole. On the account
surface it has a second, different secret, the bearer, which tells that SHA-256 and is known by its
own: so both are of one record and die with it, and neither opens anything in the other's place. No
session of these two is ever extended.

On the store surface a sign-in is a family of refresh tokens (``families``): its entry names the
family, and whatever ends entries, whichever way, revokes it here. The family's record stays, so
that a token that comes back is told apart, but at an erasure.

Sources: OWASP ASVS 7.2.3-7.2.4 (random, new at every authentication), 7.1.2 (bounded), 7.4.1
(ended at once); contract §2 and §3.
"""

import hmac
from functools import lru_cache
from ipaddress import ip_network
from typing import Final, Literal, NamedTuple

from msgspec.structs import replace

from doorward.actors import tokens
from doorward.actors.messages.account import PresentedBearer
from doorward.actors.messages.envelope import Caller
from doorward.actors.records.sign_in import Customer, Session, SessionEntry
from doorward.actors.records.store import Family
from doorward.actors.turns import HOUR_MS, Turn
from doorward.config.policy import Policy

Surface = Literal["portal", "account"]

DEVICE_LENGTH: Final = 60
SEEN_MS: Final = HOUR_MS
"""How stale "last seen" may be: without it every read of a profile would be a write."""
_IPV4_BITS: Final = 24
_IPV6_BITS: Final = 48


class Minted(NamedTuple):
    """A fresh session's customer and secrets; ``bearer`` is empty where there is none."""

    customer: Customer
    cookie: str
    bearer: str


def minted(
    turn: Turn, customer: Customer, policy: Policy, *, caller: Caller, surface: Surface
) -> Minted:
    """Stage a session; past the bound the oldest end. The customer's own record is not staged."""
    now_ms, ttl_ms = turn.now_ms, policy.sessions.ttl * 1000
    cookie = tokens.secret(turn.random)
    digest = tokens.digest(cookie)
    bearer = tokens.bearer(digest, turn.random) if surface == "account" else ""
    entry = SessionEntry(
        digest=digest,
        expires_at_ms=now_ms + ttl_ms,
        id=tokens.identifier(turn.random),
        surface=surface,
        device=caller.device_label[:DEVICE_LENGTH],
        address=prefix_of(caller.address),
        created_at_ms=now_ms,
        seen_at_ms=now_ms,
    )
    known_by = tokens.digest(bearer) if bearer else ""
    session = Session(customer.id, now_ms, entry.expires_at_ms, surface, known_by)
    turn.ledger.put(session, digest, keep_ms=ttl_ms)
    return Minted(with_entry(turn, customer, policy, entry), cookie, bearer)


def with_entry(turn: Turn, customer: Customer, policy: Policy, entry: SessionEntry) -> Customer:
    """Note a fresh sign-in; past the bound the oldest end. Returns the customer to be kept.

    Raises:
        Miss: Naming at once all families that end and are not in memory.
    """
    live = live_entries(turn, customer)
    surplus = max(0, len(live) + 1 - policy.sessions.per_customer)
    _end_all(turn, live[:surplus])
    return replace(customer, sessions=(*live[surplus:], entry))


def found(turn: Turn, digest: str | None, surface: Surface) -> Session | None:
    """Return the live session of this surface whose cookie has this SHA-256.

    Raises:
        Miss: When its record is not in memory.
    """
    if digest is None:
        return None
    session = turn.ledger.get(Session, digest)
    if session is None or session.surface != surface or turn.now_ms >= session.expires_at_ms:
        return None
    return session


def is_of(turn: Turn, bearer: PresentedBearer) -> bool:
    """Tell whether a bearer is the other secret of the live session that it names.

    Raises:
        Miss: When the session's record is not in memory.
    """
    session = found(turn, bearer.session, "account")
    return session is not None and hmac.compare_digest(session.bearer, bearer.digest)


def end(turn: Turn, digest: str | None, surface: Surface) -> bool:
    """Stage the end of a session of this surface, if it is one."""
    session = found(turn, digest, surface)
    if session is None or digest is None:
        return False
    customer = turn.ledger.get(Customer, session.customer_id)
    turn.ledger.delete(Session, digest)
    if customer is not None:
        left = tuple(entry for entry in customer.sessions if entry.digest != digest)
        turn.ledger.put(replace(customer, sessions=left), customer.id)
    return True


def without(turn: Turn, customer: Customer, *, keep: str | None = None) -> Customer:
    """Stage the end of all of a customer's sessions but the one with the digest ``keep``.

    Returns:
        The customer as it must be kept now; that is not staged here.
    """
    return without_those(turn, customer, [e for e in customer.sessions if e.digest != keep])


def without_those(turn: Turn, customer: Customer, gone: list[SessionEntry]) -> Customer:
    """Stage the end of some of a customer's sessions; returns the customer to be kept.

    Raises:
        Miss: Naming at once all families among them that are not in memory.
    """
    _end_all(turn, gone)
    return replace(customer, sessions=tuple(e for e in customer.sessions if e not in gone))


def erase(turn: Turn, customer: Customer) -> None:
    """Stage the end of all of a customer's sessions, and of what would be kept of them."""
    for entry in customer.sessions:
        turn.ledger.delete(Family if entry.surface == "store" else Session, entry.digest)


def revoke(turn: Turn, family_id: str) -> None:
    """Stage the revocation of a family, if there is one; its customer's entry is not looked at.

    Raises:
        Miss: When its record is not in memory.
    """
    family = turn.ledger.get(Family, family_id)
    if family is not None and not family.revoked:
        put_family(turn, family_id, replace(family, revoked=True))


def put_family(turn: Turn, family_id: str, family: Family) -> None:
    """Stage a family; it is kept until its own end, dead or alive."""
    turn.ledger.put(family, family_id, keep_ms=max(1, family.expires_at_ms - turn.now_ms))


def _end_all(turn: Turn, entries: list[SessionEntry]) -> None:
    families = [entry.digest for entry in entries if entry.surface == "store"]
    turn.ledger.need(*((Family, family_id) for family_id in families))
    for family_id in families:
        revoke(turn, family_id)
    for entry in entries:
        if entry.surface != "store":
            turn.ledger.delete(Session, entry.digest)


def seen(turn: Turn, customer: Customer, digest: str) -> Customer:
    """Note that a session was used, if the last note is an hour old; returns the customer."""
    for at, entry in enumerate(customer.sessions):
        if entry.digest == digest and turn.now_ms >= entry.seen_at_ms + SEEN_MS:
            entries = list(customer.sessions)
            entries[at] = replace(entry, seen_at_ms=turn.now_ms)
            customer = replace(customer, sessions=tuple(entries))
            turn.ledger.put(customer, customer.id)
            break
    return customer


def live_entries(turn: Turn, customer: Customer) -> list[SessionEntry]:
    """List a customer's sessions that have not expired, oldest first."""
    return [entry for entry in customer.sessions if turn.now_ms < entry.expires_at_ms]


def id_of(entry: SessionEntry) -> str:
    """Name a session for its customer; one of before there were ids by a hash of its digest."""
    return entry.id or tokens.digest(entry.digest)[:32]


@lru_cache(maxsize=4096)
def prefix_of(address: str) -> str:
    """Tell where a client address roughly is: its /24 (IPv4) or /48 (IPv6); empty when unknown."""
    try:
        network = ip_network(address, strict=False)
    except ValueError:
        return ""
    bits = _IPV4_BITS if network.version == 4 else _IPV6_BITS  # noqa: PLR2004 - IP versions
    return str(network.supernet(new_prefix=min(bits, network.prefixlen)))
