"""What customers are mailed about their returns: approved, rejected, completed (contract §3)."""

from typing import Final, Literal

from doorward.actors.desks import landings, mails, order_access
from doorward.actors.desks.mails import Envelope
from doorward.actors.desks.order_mails import WORTH_SENDING_MS
from doorward.actors.records.account import Return, ReturnStatus
from doorward.actors.records.mail import ReturnLetter
from doorward.actors.records.orders import Order
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn

_News = Literal["APPROVED", "REJECTED", "COMPLETED"]
_NEWS: Final[dict[ReturnStatus, _News]] = {
    "APPROVED": "APPROVED",
    "REJECTED": "REJECTED",
    "COMPLETED": "COMPLETED",
}


def changed(turn: Turn, storefront: Storefront, order: Order, returned: Return) -> None:
    """Stage the mail about a return's new status; other statuses are not mailed.

    The mail leads to the account's page about the order, which asks for a sign-in: it tells
    nothing to whom it is forwarded. Where there is no such page, the order's own stands in.
    ``order`` and ``returned`` are as they are from now on. The order's access token may be replaced
    here (``order_access.reachable``), so an older form of the order must not be staged after this.

    Raises:
        Miss: When the customer's language is not in memory.
    """
    news = _NEWS.get(returned.status)
    if news is None or not storefront.published:
        return
    origin = landings.account_origin(turn, storefront)
    if origin is None:
        order = order_access.reachable(turn, storefront, order)
    letter = ReturnLetter(
        news=news,
        number=order.number,
        note=returned.note if news == "REJECTED" else None,
        page=landings.order_page(order.order_number) if origin is not None else "",
        order_id=order.id,
        access_key_id=order.access_key_id,
        access_version=order.access_version,
    )
    language = mails.language_of(turn, storefront, order.email)
    expires_at_ms = turn.now_ms + WORTH_SENDING_MS
    mails.send(turn, storefront, letter, Envelope(order.email, expires_at_ms, origin, language))
