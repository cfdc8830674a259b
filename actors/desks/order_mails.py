"""What buyers are mailed about their orders: changes of status, the seller's words, status links.

Each mail carries the link to a page about the order. Nobody at a browser asked for it, and it is
worth sending for days: unlike a code, news keep.
"""

from typing import Final, Literal

from doorward.actors.desks import landings, mails
from doorward.actors.desks.mails import Envelope
from doorward.actors.records.mail import OrderLetter, SellerMail, StatusLetter
from doorward.actors.records.orders import Order
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import DAY_MS, MINUTE_MS, Turn

WORTH_SENDING_MS: Final = 3 * DAY_MS
SELLER_QUIET_MS: Final = 10 * MINUTE_MS
"""A seller writes three lines as three messages; one mail leads to all of them."""


def status_changed(turn: Turn, storefront: Storefront, order: Order, *, language: str = "") -> None:
    """Stage the mail about an order's new status; ``order`` is as it is from now on.

    ``language`` is the buyer's (``mails.language_of``); it is not read here, because one turn may
    move many orders.
    """
    expires_at_ms = turn.now_ms + WORTH_SENDING_MS
    envelope = Envelope(order.email, expires_at_ms, language=language)
    _send(turn, storefront, order, "status", envelope)


def seller_wrote(turn: Turn, storefront: Storefront, order: Order) -> None:
    """Stage the mail about a message that the buyer may see; at most one in ten minutes an order.

    One that comes sooner is held back until then, and leads to all that is written meanwhile: no
    message goes unmailed.

    Raises:
        Miss: When it is not in memory when the last one went.
    """
    if not storefront.published:
        return
    last = turn.ledger.get(SellerMail, order.id) or SellerMail(until_ms=0)
    if turn.now_ms < last.held_until_ms:
        return
    goes_at_ms = max(turn.now_ms, last.until_ms)
    language = mails.language_of(turn, storefront, order.email)
    until_ms = goes_at_ms + SELLER_QUIET_MS
    held_until_ms = goes_at_ms if goes_at_ms > turn.now_ms else 0
    turn.ledger.put(
        SellerMail(until_ms=until_ms, held_until_ms=held_until_ms),
        order.id,
        keep_ms=until_ms - turn.now_ms,
    )
    expires_at_ms = goes_at_ms + WORTH_SENDING_MS
    envelope = Envelope(order.email, expires_at_ms, language=language, not_before_ms=held_until_ms)
    _send(turn, storefront, order, "remark", envelope)


def status_link(
    turn: Turn, storefront: Storefront, order: Order, *, token_id: bytes, expires_at_ms: int
) -> bool:
    """Stage the mail with an order-status link, which confirms the order to its buyer.

    Args:
        turn: The turn that keeps the link's token, derived with the newest master key
            (``Keyring.status_token``).
        storefront: Whose order it is.
        order: As it is from now on.
        token_id: What the token is derived from.
        expires_at_ms: Until when the link works.

    Returns:
        False when nothing is mailed, because the public cannot reach the page anywhere.

    Raises:
        Miss: When the buyer's language is not in memory.
    """
    origin = landings.account_origin(turn, storefront)
    if origin is None or not storefront.published:
        return False
    letter = StatusLetter(
        number=order.number,
        status=order.status,
        total=order.total,
        currency=order.currency,
        token_id=token_id,
        key_id=turn.place.keyring.newest,
        until_ms=expires_at_ms,
    )
    language = mails.language_of(turn, storefront, order.email)
    expires_at_ms = min(expires_at_ms, turn.now_ms + WORTH_SENDING_MS)
    mails.send(turn, storefront, letter, Envelope(order.email, expires_at_ms, origin, language))
    return True


def _send(
    turn: Turn,
    storefront: Storefront,
    order: Order,
    news: Literal["status", "remark"],
    envelope: Envelope,
) -> None:
    # The link of a storefront that nobody may see would lead nowhere.
    if not storefront.published:
        return
    letter = OrderLetter(
        news=news,
        order_id=order.id,
        number=order.number,
        status=order.status,
        access_key_id=order.access_key_id,
        access_version=order.access_version,
    )
    mails.send(turn, storefront, letter, envelope)
