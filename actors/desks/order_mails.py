"""What buyers are mailed about their orders: each change of status, and that the seller wrote.

Each mail carries the link to the order's page. Nobody at a browser asked for it, so its language is
the storefront's, and it is worth sending for days: unlike a code, news keep.
"""

from typing import Final, Literal

from doorward.actors.desks import mails
from doorward.actors.records.mail import OrderLetter, SellerMail
from doorward.actors.records.orders import Order
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import DAY_MS, MINUTE_MS, Turn

WORTH_SENDING_MS: Final = 3 * DAY_MS
SELLER_QUIET_MS: Final = 10 * MINUTE_MS
"""A seller writes three lines as three messages; the first mail leads to all of them."""


def status_changed(turn: Turn, storefront: Storefront, order: Order) -> None:
    """Stage the mail about an order's new status; ``order`` is as it is from now on."""
    _send(turn, storefront, order, "status")


def seller_wrote(turn: Turn, storefront: Storefront, order: Order) -> None:
    """Stage the mail about a message that the buyer may see; at most one in ten minutes an order.

    Raises:
        Miss: When it is not in memory when the last one went.
    """
    last = turn.ledger.get(SellerMail, order.id)
    if not storefront.published or (last is not None and turn.now_ms < last.until_ms):
        return
    until_ms = turn.now_ms + SELLER_QUIET_MS
    turn.ledger.put(SellerMail(until_ms=until_ms), order.id, keep_ms=SELLER_QUIET_MS)
    _send(turn, storefront, order, "remark")


def _send(
    turn: Turn, storefront: Storefront, order: Order, news: Literal["status", "remark"]
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
    expires_at_ms = turn.now_ms + WORTH_SENDING_MS
    mails.send(turn, storefront, letter, to=order.email, caller=None, expires_at_ms=expires_at_ms)
