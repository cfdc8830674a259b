"""Access tokens of orders: derived, so that lists can show them; found by SHA-256 alone.

A token's first byte leads to a partition, whose shared records tell by its SHA-256 which order it
opens; the order itself says whether that is still its token. So a replaced token is dead in the
turn that replaces it, and none outlives its order. A token whose master key was dropped opens
nothing: whoever has that key could make it.

Misses are counted by client address, not to keep guesses from 256 random bits but to keep noise
down; a right token opens its order also for an address that has spent them.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from doorward.actors import tokens, windows
from doorward.actors.desks.gathering import together
from doorward.actors.errors import RecordUnreadable
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.refusals import NotFound, TooMany
from doorward.actors.partitions import partition_of
from doorward.actors.records.orders import AccessToken, Misses, Order
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import MINUTE_MS, Turn
from doorward.actors.windows import Rule

MISSES: Final = Rule("access.misses", 60, MINUTE_MS)
"""Contract §3: misses are limited per address."""


class Located(NamedTuple):
    """What a token opens: the order, its storefront, and the turn that goes on as that one."""

    turn: Turn
    storefront: Storefront
    order: Order


def token_of(turn: Turn, storefront: Storefront, order: Order) -> str:
    """Derive an order's access token; its master key must be held (``reachable``)."""
    return turn.place.keyring.access_token(
        order.access_key_id,
        storefront.life(turn.slug),
        (order.id, order.access_version),
        partition=partition_of(turn.slug),
    )


def issued(turn: Turn, storefront: Storefront, order: Order) -> Order:
    """Give an order a token under the newest master key; a former one opens nothing any more.

    Returns:
        The order as it must be kept now; only what finds it by its token is staged here.
    """
    if order.access_digest:
        turn.ledger.delete_shared(AccessToken, order.access_digest)
    order = msgspec.structs.replace(order, access_key_id=turn.place.keyring.newest)
    digest = tokens.digest(token_of(turn, storefront, order))
    turn.ledger.put_shared(AccessToken(slug=turn.slug, order_id=order.id), digest)
    return msgspec.structs.replace(order, access_digest=digest)


def reachable(turn: Turn, storefront: Storefront, order: Order) -> Order:
    """Return an order whose token can be told: one whose master key is gone gets a new one."""
    if turn.place.keyring.knows(order.access_key_id):
        return order
    order = issued(turn, storefront, order)
    turn.ledger.put(order, order.id)
    return order


def located(turn: Turn, token_digest: str) -> Located | None:
    """Find the order that a token opens; to be asked of a partition's shared actor.

    Raises:
        Miss: When records are not in memory.
    """
    owner = turn.ledger.get_shared(AccessToken, token_digest)
    if owner is None:
        return None
    there = turn.of(owner.slug)
    together(lambda: there.ledger.get(Storefront), lambda: there.ledger.get(Order, owner.order_id))
    storefront = there.published()
    order = there.ledger.get(Order, owner.order_id)
    if (
        storefront is None
        or order is None
        or order.access_digest != token_digest
        or not turn.place.keyring.knows(order.access_key_id)
    ):
        return None
    return Located(there, storefront, order)


def opened(
    turn: Turn, token_digest: str, caller: Caller, desk: Callable[[Located], Outcome]
) -> Outcome:
    """Let a desk decide about the order that a token opens; without one, count the miss."""
    found = located(turn, token_digest)
    return desk(found) if found is not None else missed(turn, caller)


def missed(turn: Turn, caller: Caller) -> Outcome:
    """Count a token that opens nothing; past the limit say so instead of "not found"."""
    name = tokens.address_id(caller.address)
    misses = (turn.ledger.get_shared(Misses, name) or Misses()).tokens
    wait_ms = windows.wait_ms(misses, MISSES, turn.now_ms)
    if wait_ms:
        turn.note("access_misses_spent", request_id=caller.request_id)
        return TooMany(standing=windows.standing(misses, MISSES, turn.now_ms), wait_ms=wait_ms)
    counted = windows.counted(misses, MISSES, turn.now_ms)
    turn.ledger.put_shared(Misses(counted), name, keep_ms=MINUTE_MS)
    return NotFound()


def forget(turn: Turn, order_id: str) -> None:
    """Stage the end of what finds an order by its token; the order is being erased.

    One that cannot be read is erased all the same: its token then finds an order that is not there.

    Raises:
        Miss: When the order is not in memory.
    """
    try:
        order = turn.ledger.get(Order, order_id)
    except RecordUnreadable:
        turn.note("unreadable_order_erased", order=order_id)
        return
    if order is not None and order.access_digest:
        turn.ledger.delete_shared(AccessToken, order.access_digest)
