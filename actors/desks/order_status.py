"""Order-status links: a pure read for whoever holds one, without anything personal (contract §3).

An order has one link at most: minting another ends the one before. The token is derived from
random bytes that nobody keeps but the mail that carries it; the store holds its SHA-256 only.
"""

from typing import Final

from msgspec.structs import replace

from doorward.actors import tokens
from doorward.actors.desks import order_documents, order_mails, token_pages
from doorward.actors.desks.account_sessions import Entered, entered
from doorward.actors.desks.merchant_keys import keyed
from doorward.actors.desks.storefronts import front_of
from doorward.actors.desks.token_misses import missed
from doorward.actors.keyring import TOKEN_ID_BYTES
from doorward.actors.messages.account import OrderStatus, ReadOrderStatus
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant_returns import MintStatusLink, StatusLinkMinted
from doorward.actors.messages.refusals import Conflict, NotFound
from doorward.actors.records.account import StatusToken
from doorward.actors.records.orders import Order
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import DAY_MS, Turn

TTL_MS: Final = 90 * DAY_MS
"""Contract §3."""


@keyed("orders:write")
def mint_status_link(turn: Turn, storefront: Storefront, message: MintStatusLink) -> Outcome:
    """Give an order a status link; one it had opens nothing any more."""
    order = turn.ledger.get(Order, order_documents.order_id(message.order_number))
    if order is None:
        return NotFound()
    keyring, token_id = turn.place.keyring, turn.random(TOKEN_ID_BYTES)
    token = keyring.status_token(keyring.newest, storefront.life(turn.slug), token_id)
    expires_at_ms = turn.now_ms + TTL_MS
    rotated = bool(order.status_digest)
    # The mail comes first: one that has nowhere to lead must leave everything as it was.
    if message.mail and not order_mails.status_link(
        turn, storefront, order, token_id=token_id, expires_at_ms=expires_at_ms
    ):
        return Conflict(reason=token_pages.NO_PAGE)
    linked = replace(without_link(turn, order), status_digest=tokens.digest(token))
    turn.ledger.put(linked, linked.id)
    turn.ledger.put(StatusToken(order.id, expires_at_ms), linked.status_digest, keep_ms=TTL_MS)
    turn.note("status_link_minted", order=order.id)
    return StatusLinkMinted(
        order_number=order.order_number,
        token=token,
        url=token_pages.url(turn, storefront, token_pages.status_path(token)),
        expires_at_ms=expires_at_ms,
        rotated=rotated,
    )


def without_link(turn: Turn, order: Order) -> Order:
    """Stage the end of an order's status link, if it has one; the order itself is not staged."""
    if not order.status_digest:
        return order
    turn.ledger.delete(StatusToken, order.status_digest)
    return replace(order, status_digest="")


def read_order_status(turn: Turn, message: ReadOrderStatus) -> Outcome:
    """Read the order that a status link shows."""
    entry = entered(turn, message.caller)
    if not isinstance(entry, Entered):
        return entry
    order = _opened(turn, message.token_digest)
    if order is None:
        return missed(turn, entry.storefront, entry.caller)
    front = front_of(turn, entry.storefront)
    return OrderStatus(front=front, order=order, fully_returned=order.fully_returned)


def _opened(turn: Turn, digest: str) -> Order | None:
    token = turn.ledger.get(StatusToken, digest)
    if token is None or turn.now_ms >= token.expires_at_ms:
        return None
    order = turn.ledger.get(Order, token.order_id)
    return order if order is not None and order.status_digest == digest else None
