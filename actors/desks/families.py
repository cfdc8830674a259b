"""Families of refresh tokens: each token is exchanged once, for the next of its chain.

The family's record names its newest token; every other token of it that is genuine was exchanged
before. One that comes again was copied, by whom cannot be told: so the whole family ends, and only
that family. In parallel exactly one exchange wins, because turns run one at a time, and none is
answered before it is durable.

A pair of tokens is a function of the family's record, the storefront's policy and the keys. Nothing
of it is kept, and within the grace the parent of the newest token gets the very same pair again:
a fork cannot come of it.

A store that went back in time may show a token as unused that was exchanged: so a family whose
newest token was issued before that is dead (``Turn.burned_before_ms``).

A family lives while its record and its entry in the customer's list of sessions both say so;
whatever ends entries ends it (``live_sessions``).

Sources: contract §4; RFC 9700 §4.14.2 (rotation and replay); OWASP ASVS 10.4.5, 10.4.8.
"""

from typing import Final, NamedTuple

from msgspec.structs import replace

from doorward.actors import jwts, tokens
from doorward.actors.desks import audit, live_sessions
from doorward.actors.desks.store_keys import store_keyed
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.refusals import Deleted
from doorward.actors.messages.store import (
    Claims,
    EndFamily,
    Exchanged,
    ExchangeRefresh,
    Reason,
    TokenPair,
    TokenRefused,
)
from doorward.actors.records.sign_in import Customer, SessionEntry
from doorward.actors.records.store import Family
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn, policy_of

ID_BYTES: Final = 16
"""128 random bits, of a family's id and of a token's; neither is a secret, both must not repeat."""


class Held(NamedTuple):
    """A family that lives, whose it is, and its entry in their list of sessions."""

    family: Family
    customer: Customer
    entry: SessionEntry


def started(
    turn: Turn, storefront: Storefront, customer: Customer, *, caller: Caller
) -> tuple[Customer, TokenPair]:
    """Begin a family for a customer who just signed in; past the bound the oldest sessions end.

    Returns:
        The customer, with the family among their sessions, as it must be kept now (that is not
        staged here), and the family's first tokens.

    Raises:
        Miss: When families that end are not in memory.
    """
    policy = policy_of(storefront)
    seconds = turn.now_ms // 1000
    family_id = f"{customer.reclaimed}-{turn.random(ID_BYTES).hex()}"
    family = Family(
        customer_id=customer.id,
        jti=turn.random(ID_BYTES).hex(),
        issued_at_ms=seconds * 1000,
        stored_at_ms=turn.store_ms,
        created_at_ms=turn.now_ms,
        expires_at_ms=(seconds + policy.refresh.family) * 1000,
    )
    pair = _pair(turn, storefront, family_id, family)
    entry = SessionEntry(
        digest=family_id,
        expires_at_ms=_listed_until(family, pair),
        id=tokens.identifier(turn.random),
        surface="store",
        device=caller.device_label[: live_sessions.DEVICE_LENGTH],
        address=live_sessions.prefix_of(caller.address),
        created_at_ms=turn.now_ms,
        seen_at_ms=turn.now_ms,
    )
    customer = live_sessions.with_entry(turn, customer, policy, entry)
    live_sessions.put_family(turn, family_id, family)
    return customer, pair


def ended(turn: Turn, family_id: str) -> None:
    """Stage the end of a family and of its entry in its customer's list; of none is fine too.

    The customer's record is staged here: whoever holds one must read it anew.

    Raises:
        Miss: When records are not in memory.
    """
    family = turn.ledger.get(Family, family_id)
    if family is None:
        return
    customer = turn.ledger.get(Customer, family.customer_id)
    live_sessions.revoke(turn, family_id)
    entry = _entry_of(customer, family_id)
    if customer is not None and entry is not None:
        left = tuple(each for each in customer.sessions if each is not entry)
        turn.ledger.put(replace(customer, sessions=left), customer.id)


def exchangeable(turn: Turn, storefront: Storefront, claims: Claims) -> Held | Reason:
    """Find the family of a token that can be exchanged now, or tell why it cannot.

    The reason is the first of these that is so: it is none of this storefront's; it is past its
    expiry, which is never after its family's end; it was exchanged; its chain is dead. Nothing
    changes by it.

    Raises:
        Miss: When records are not in memory.
    """
    if claims.typ != "refresh" or claims.life != storefront.life(turn.slug):
        return "invalid"
    if turn.now_ms >= claims.expires_at * 1000:
        return "expired"
    family = turn.ledger.get(Family, claims.family)
    if family is None:
        return "revoked"
    held = _alive(turn, claims.family, family)
    if claims.jti == family.jti:
        return held or "revoked"
    if held is not None and _is_within_grace(turn, storefront, family, claims):
        return held
    # Of what the store lost: not known to have been exchanged, so nobody is accused of a copy.
    lost = _is_burned(turn, family) and claims.issued_at * 1000 >= family.issued_at_ms
    return "revoked" if lost else "replayed"


@store_keyed
def exchange_refresh(turn: Turn, storefront: Storefront, message: ExchangeRefresh) -> Outcome:
    """Exchange a refresh token for the next pair; one that was exchanged ends its family."""
    claims = message.claims
    if claims is None:
        return TokenRefused(reason="invalid")
    held = exchangeable(turn, storefront, claims)
    if not isinstance(held, Held):
        if held == "replayed":
            _end_replayed(turn, claims.family, message.caller)
        return TokenRefused(reason=held)
    if claims.jti != held.family.jti:
        return Exchanged(tokens=_pair(turn, storefront, claims.family, held.family))
    family = replace(
        held.family,
        jti=turn.random(ID_BYTES).hex(),
        issued_at_ms=turn.now_ms // 1000 * 1000,
        stored_at_ms=turn.store_ms,
        parent=held.family.jti,
        exchanged_at_ms=turn.now_ms,
    )
    live_sessions.put_family(turn, claims.family, family)
    pair = _pair(turn, storefront, claims.family, family)
    _note_use(turn, held._replace(family=family), pair)
    return Exchanged(tokens=pair)


@store_keyed
def end_family(turn: Turn, storefront: Storefront, message: EndFamily) -> Outcome:
    """Revoke a token's chain; live, expired, exchanged, dead and foreign ones are answered alike.

    A token of ours that is past its expiry still tells whose chain its bearer wants to be rid of
    (RFC 7009 §2.2); access tokens live to their own expiry.
    """
    claims = message.claims
    if claims is not None and claims.typ == "refresh" and claims.life == storefront.life(turn.slug):
        ended(turn, claims.family)
        turn.note("family_ended", request_id=message.caller.request_id)
    return Deleted()


def _alive(turn: Turn, family_id: str, family: Family) -> Held | None:
    customer = turn.ledger.get(Customer, family.customer_id)
    entry = _entry_of(customer, family_id)
    if customer is None or entry is None or family.revoked or _is_burned(turn, family):
        return None
    return Held(family, customer, entry)


def _entry_of(customer: Customer | None, family_id: str) -> SessionEntry | None:
    entries = customer.sessions if customer is not None else ()
    return next((entry for entry in entries if entry.digest == family_id), None)


def _is_burned(turn: Turn, family: Family) -> bool:
    """Tell whether the store went back since the newest token was issued: it may be used up."""
    return family.stored_at_ms < turn.burned_before_ms


def _is_within_grace(turn: Turn, storefront: Storefront, family: Family, claims: Claims) -> bool:
    """Tell whether a token is the parent of the newest one, exchanged a moment ago."""
    grace_ms = policy_of(storefront).refresh.grace_seconds * 1000
    return claims.jti == family.parent and turn.now_ms < family.exchanged_at_ms + grace_ms


def _end_replayed(turn: Turn, family_id: str, caller: Caller) -> None:
    """End a family whose token came twice; one that is dead already is left as it is."""
    family = turn.ledger.get(Family, family_id)
    if family is None or _alive(turn, family_id, family) is None:
        return
    ended(turn, family_id)
    audit.kept(turn, "token", "refresh_replayed", family.customer_id)
    turn.note("refresh_replayed", customer=family.customer_id, request_id=caller.request_id)


def _note_use(turn: Turn, held: Held, pair: TokenPair) -> None:
    """Note in the customer's list that a family was used, if the last note is an hour old."""
    entry, customer = held.entry, held.customer
    is_fresh = turn.now_ms < entry.seen_at_ms + live_sessions.SEEN_MS
    if is_fresh and pair.refresh_expires_at_ms <= entry.expires_at_ms:
        return
    noted = replace(entry, seen_at_ms=turn.now_ms, expires_at_ms=_listed_until(held.family, pair))
    entries = tuple(noted if each is entry else each for each in customer.sessions)
    turn.ledger.put(replace(customer, sessions=entries), customer.id)


def _listed_until(family: Family, pair: TokenPair) -> int:
    """Tell how long a family is listed: as long as any token that it gets before the next note.

    An entry that expired before its family would drop out of the list, and nothing could end it.
    """
    return min(pair.refresh_expires_at_ms + live_sessions.SEEN_MS, family.expires_at_ms)


def _pair(turn: Turn, storefront: Storefront, family_id: str, family: Family) -> TokenPair:
    """Make a family's newest tokens; of the same record, policy and keys the same."""
    policy, keyring = policy_of(storefront), turn.place.keyring
    issued_at = family.issued_at_ms // 1000
    refresh = Claims(
        typ="refresh",
        life=storefront.life(turn.slug),
        subject=family.customer_id,
        family=family_id,
        jti=family.jti,
        issued_at=issued_at,
        expires_at=min(issued_at + policy.refresh.ttl, family.expires_at_ms // 1000),
    )
    access = replace(
        refresh,
        typ="access",
        jti=tokens.digest(f"access/{family.jti}")[: 2 * ID_BYTES],
        expires_at=issued_at + policy.access.ttl,
    )
    return TokenPair(
        access=jwts.mint(keyring, access, public=policy.access.public_keys),
        access_expires_at_ms=access.expires_at * 1000,
        refresh=jwts.mint(keyring, refresh),
        refresh_expires_at_ms=refresh.expires_at * 1000,
    )
