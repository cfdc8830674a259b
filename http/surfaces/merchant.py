"""The merchant surface's orders: brought in, read and moved on by the merchant's backend (§5)."""

import re
from typing import Final

import msgspec

from doorward.actors.emails import NotAnEmail, canonical
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant import (
    AddSellerRemark,
    ChangeOrder,
    ConfirmPayment,
    GetOrder,
    ListOrders,
    OrderChanges,
    OrderDocument,
    OrderFound,
    OrdersFound,
    PutOrder,
    RotateAccess,
)
from doorward.actors.messages.orders import RemarkAdded
from doorward.http import cursors
from doorward.http.calls import Call, Malformed
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler
from doorward.http.surfaces.merchant_documents import listed_order, message, whole_order
from doorward.http.surfaces.merchant_keys import Holder, keyed, refused, standing_of
from doorward.http.surfaces.operator import limit_of

PREFIX: Final = "/api/v1/merchant/orders"
ONE: Final = f"{PREFIX}/{{number:[^/]+}}"
PAGE: Final = 20
PAGE_MAX: Final = 100
_NUMBER: Final = re.compile(r"[!-~]{1,64}", re.ASCII)


class OrderBody(OrderDocument, frozen=True, kw_only=True, rename="camel", gc=False):
    """An order on the wire, whose number may be left to the path."""

    order_number: str = ""


class RemarkBody(msgspec.Struct, rename="camel"):
    """A message on the wire."""

    body: str
    author_name: str | None = None
    internal: bool = False
    attachments: tuple[str, ...] = ()


async def put_order(call: Call, holder: Holder) -> Reply | Failure:
    """Create an order, or replace it."""
    body = await call.body(OrderBody)
    number = call.request.match_info["number"]
    if body.order_number not in {"", number}:
        raise Malformed("orderNumber", "differs between path and body")
    document = msgspec.structs.replace(body, order_number=number)
    return _order(await holder.ask(PutOrder(key_digest=holder.key_digest, document=document)))


async def get_order(call: Call, holder: Holder) -> Reply | Failure:
    """Read an order whole, internal messages included."""
    message = GetOrder(key_digest=holder.key_digest, order_number=number_of(call))
    return _order(await holder.ask(message))


async def list_orders(call: Call, holder: Holder) -> Reply | Failure:
    """Read orders, newest created first."""
    message = ListOrders(
        key_digest=holder.key_digest,
        status=call.query("status"),
        email=_email(call),
        after=cursors.of(call),
        limit=limit_of(call, usual=PAGE, at_most=PAGE_MAX),
    )
    outcome = await holder.ask(message)
    if isinstance(outcome, OrdersFound):
        items = [listed_order(found) for found in outcome.items]
        page = {"items": items, "nextCursor": cursors.written(outcome.after)}
        return Reply(200, page, standing_of(outcome))
    return refused(outcome)


async def change_order(call: Call, holder: Holder) -> Reply | Failure:
    """Move an order on: all that the body says, or nothing of it."""
    changes = await call.body(OrderChanges)
    message = ChangeOrder(
        key_digest=holder.key_digest, order_number=number_of(call), changes=changes
    )
    return _order(await holder.ask(message))


async def add_message(call: Call, holder: Holder) -> Reply | Failure:
    """Write to the buyer, or beneath the order for the merchant's own eyes."""
    body = await call.body(RemarkBody)
    outcome = await holder.ask(
        AddSellerRemark(
            key_digest=holder.key_digest,
            order_number=number_of(call),
            body=body.body,
            author_name=body.author_name,
            internal=body.internal,
            attachments=body.attachments,
        )
    )
    if isinstance(outcome, RemarkAdded):
        return Reply(201, message(outcome.remark), standing_of(outcome))
    return refused(outcome)


async def confirm_payment(call: Call, holder: Holder) -> Reply | Failure:
    """Say that the money arrived; once."""
    message = ConfirmPayment(key_digest=holder.key_digest, order_number=number_of(call))
    return _order(await holder.ask(message))


async def rotate_access(call: Call, holder: Holder) -> Reply | Failure:
    """Give an order a new access token; the old one opens nothing any more."""
    message = RotateAccess(key_digest=holder.key_digest, order_number=number_of(call))
    outcome = await holder.ask(message)
    if isinstance(outcome, OrderFound):
        return Reply(200, {"accessToken": outcome.access_token}, standing_of(outcome))
    return refused(outcome)


def number_of(call: Call) -> str:
    """Read the order number of the path; what none can look like becomes the one no order has."""
    number = call.request.match_info["number"]
    return number if _NUMBER.fullmatch(number) else ""


def _order(outcome: Outcome) -> Reply | Failure:
    if isinstance(outcome, OrderFound):
        status = 201 if outcome.created else 200
        return Reply(status, whole_order(outcome), standing_of(outcome))
    return refused(outcome)


def _email(call: Call) -> str | None:
    email = call.query("email")
    try:
        return canonical(email) if email is not None else None
    except NotAnEmail:
        raise Malformed("email", "must be an email address") from None


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", PREFIX, keyed(list_orders)),
    ("PUT", ONE, keyed(put_order)),
    ("GET", ONE, keyed(get_order)),
    ("PATCH", ONE, keyed(change_order)),
    ("POST", f"{ONE}/messages", keyed(add_message)),
    ("POST", f"{ONE}/confirm-payment", keyed(confirm_payment)),
    ("POST", f"{ONE}/rotate-access", keyed(rotate_access)),
)
