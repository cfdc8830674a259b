"""Threads: the messages beneath an order, in pages, so that one more rewrites few of the others."""

from typing import Final

from msgspec.structs import replace

from doorward.actors import tokens
from doorward.actors.desks import order_index, order_mails
from doorward.actors.desks.text_rules import (
    BLOCK_LENGTH,
    BLOCK_RULE,
    LINE_LENGTH,
    LINE_RULE,
    URL_LENGTH,
    is_block,
    is_line,
    is_url,
)
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant import AddSellerRemark
from doorward.actors.messages.orders import AddBuyerRemark, RemarkAdded
from doorward.actors.messages.refusals import Conflict, Invalid
from doorward.actors.records.orders import Author, Order, Remark, Thread
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn

PAGE_SIZE: Final = 32
REMARKS_MAX: Final = 500
ATTACHMENTS_MAX: Final = 10
NAMELESS_BUYER: Final = "Buyer"
ERASED_WORDS: Final = "[erased]"


def remarks_of(turn: Turn, order: Order) -> tuple[Remark, ...]:
    """Read an order's messages, oldest first, internal ones too, in one round trip.

    Raises:
        Miss: Naming every page that is not in memory.
    """
    pages = [_page_name(order, number) for number in range(-(-order.remarks // PAGE_SIZE))]
    turn.ledger.need(*((Thread, page) for page in pages))
    threads = [turn.ledger.get(Thread, page) or Thread() for page in pages]
    return tuple(remark for thread in threads for remark in thread.remarks)


def add_buyers(turn: Turn, order: Order, message: AddBuyerRemark) -> Outcome:
    """Add what the buyer writes."""
    name = order.buyer_name or NAMELESS_BUYER
    return _add(turn, order, _remark(turn, "buyer", name, message))


def add_sellers(
    turn: Turn, storefront: Storefront, order: Order, message: AddSellerRemark
) -> Outcome:
    """Add what the seller writes, and mail the buyer unless it is internal or quiet."""
    name = message.author_name
    if name is not None and not is_line(name):
        return Invalid(name="authorName", rule=LINE_RULE.format(LINE_LENGTH))
    remark = _remark(turn, "seller", name or storefront.display_name, message)
    added = _add(turn, order, remark)
    if isinstance(added, RemarkAdded) and not (remark.internal or message.quiet):
        order_mails.seller_wrote(turn, storefront, order)
    return added


def forget_buyer(turn: Turn, order: Order) -> None:
    """Stage an order's messages without what its buyer wrote and who they are.

    Raises:
        Miss: Naming every page that is not in memory.
    """
    pages = [_page_name(order, number) for number in range(-(-order.remarks // PAGE_SIZE))]
    turn.ledger.need(*((Thread, page) for page in pages))
    for page in pages:
        remarks = (turn.ledger.get(Thread, page) or Thread()).remarks
        silent = tuple(_silenced(remark) for remark in remarks)
        if silent != remarks:
            turn.ledger.put(Thread(silent), page)


def _silenced(remark: Remark) -> Remark:
    if remark.author != "buyer":
        return remark
    return replace(remark, author_name=NAMELESS_BUYER, body=ERASED_WORDS, attachments=())


def _remark(
    turn: Turn, author: Author, name: str, message: AddBuyerRemark | AddSellerRemark
) -> Remark:
    return Remark(
        id=tokens.identifier(turn.random),
        author=author,
        author_name=name,
        body=message.body,
        created_at_ms=turn.now_ms,
        internal=isinstance(message, AddSellerRemark) and message.internal,
        attachments=message.attachments,
    )


def _add(turn: Turn, order: Order, remark: Remark) -> Outcome:
    if invalid := _fault(remark):
        return invalid
    if order.remarks >= REMARKS_MAX:
        return Conflict(reason=f"a thread holds at most {REMARKS_MAX} messages")
    page = _page_name(order, order.remarks // PAGE_SIZE)
    thread = turn.ledger.get(Thread, page) or Thread()
    turn.ledger.put(Thread(remarks=(*thread.remarks, remark)), page)
    changed = replace(order, remarks=order.remarks + 1)
    if not remark.internal:
        # What a buyer cannot see must not show by where the order stands in the list either.
        changed = replace(changed, updated_at_ms=turn.now_ms, activity_at_ms=turn.now_ms)
        order_index.file(turn.ledger, (order, changed))
    turn.ledger.put(changed, changed.id)
    return RemarkAdded(remark=remark)


def _fault(remark: Remark) -> Invalid | None:
    if not is_block(remark.body):
        return Invalid(name="body", rule=BLOCK_RULE.format(BLOCK_LENGTH))
    if len(remark.attachments) > ATTACHMENTS_MAX or not all(
        is_url(url, "https") for url in remark.attachments
    ):
        return Invalid(
            name="attachments",
            rule=f"must be at most {ATTACHMENTS_MAX} https URLs of at most {URL_LENGTH} characters",
        )
    return None


def _page_name(order: Order, number: int) -> str:
    return f"{order.id}-{number}"
