"""A customer's own orders and their returns on the account surface (contract §3)."""

from typing import Final, Literal

import msgspec

from doorward.actors.messages.account import (
    CancelReturn,
    GetOwnOrder,
    ListOwnOrders,
    ListReturns,
    OwnOrder,
    OwnOrders,
    RequestReturn,
    ReturnFound,
)
from doorward.actors.messages.envelope import Outcome
from doorward.actors.records.account import ReturnItem
from doorward.http import cursors
from doorward.http.beats import on_the_beat
from doorward.http.calls import Call, Malformed
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler
from doorward.http.surfaces.account import (
    NOTHING_THERE,
    PREFIX,
    Addressed,
    Hinting,
    acting,
    addressed,
    credentials,
    refused,
)
from doorward.http.surfaces.account_views import listed_order, return_view, whole_order
from doorward.http.surfaces.merchant import number_of
from doorward.http.surfaces.operator import limit_of

ORDERS: Final = f"{PREFIX}/account/orders"
ONE: Final = f"{ORDERS}/{{number:[^/]+}}"
PAGE: Final = 20
PAGE_MAX: Final = 100
NO_ORDER: Final = NOTHING_THERE._replace(message="There is no such order.")


class ItemBody(msgspec.Struct, rename="camel"):
    """How much of a line comes back, on the wire."""

    order_item_id: str
    quantity: int


class ReturnBody(Hinting):
    """Body of ``return-actions``."""

    action: Literal["request", "cancel"] = "request"
    items: tuple[ItemBody, ...] | None = None
    reason: str | None = None
    return_id: str | None = None


async def list_orders(call: Call, storefront: Addressed) -> Reply | Failure:
    """Show the customer's own orders, newest first."""
    message = ListOwnOrders(
        caller=call.reader(),
        presented=credentials(call, storefront.slug),
        after=cursors.of(call),
        limit=limit_of(call, usual=PAGE, at_most=PAGE_MAX),
    )
    outcome = await storefront.ask(message)
    if not isinstance(outcome, OwnOrders):
        return refused(outcome)
    items = [listed_order(order) for order in outcome.items]
    return Reply(200, {"items": items, "nextCursor": cursors.written(outcome.after)})


@on_the_beat(404)
async def read_order(call: Call, storefront: Addressed) -> Reply | Failure:
    """Show one of the customer's own orders; another's is not there."""
    message = GetOwnOrder(
        caller=call.reader(),
        presented=credentials(call, storefront.slug),
        order_number=number_of(call),
    )
    outcome = await storefront.ask(message)
    if isinstance(outcome, OwnOrder):
        return Reply(200, whole_order(outcome))
    return await storefront.refused(outcome, NO_ORDER)


@on_the_beat(404)
async def list_returns(call: Call, storefront: Addressed) -> Reply | Failure:
    """Show the returns of one of the customer's own orders, oldest first."""
    message = ListReturns(
        caller=call.reader(),
        presented=credentials(call, storefront.slug),
        order_number=number_of(call),
    )
    outcome = await storefront.ask(message)
    if isinstance(outcome, OwnOrder):
        items = [return_view(each) for each in outcome.returns]
        return Reply(200, {"items": items, "nextCursor": None})
    return await storefront.refused(outcome, NO_ORDER)


@on_the_beat(404)
async def act_on_returns(call: Call, storefront: Addressed) -> Reply | Failure:
    """Start a return, or call one off."""
    body = await call.body(ReturnBody)
    storefront.agree(body)
    asked = _cancellation if body.action == "cancel" else _request
    outcome = await storefront.ask(asked(call, storefront.slug, body))
    return await _returned(storefront, outcome)


def _request(call: Call, slug: str, body: ReturnBody) -> RequestReturn:
    if body.return_id is not None:
        raise Malformed("returnId", "belongs to the action cancel")
    if body.items is not None and not body.items:
        raise Malformed("items", "must name at least one line, or be absent for all of them")
    return RequestReturn(
        caller=acting(call),
        presented=credentials(call, slug),
        order_number=number_of(call),
        # None at all stands for everything that may still come back.
        items=tuple(ReturnItem(item.order_item_id, item.quantity) for item in body.items or ()),
        reason=body.reason,
    )


def _cancellation(call: Call, slug: str, body: ReturnBody) -> CancelReturn:
    if body.return_id is None:
        raise Malformed("returnId", "is required")
    return CancelReturn(
        caller=acting(call),
        presented=credentials(call, slug),
        order_number=number_of(call),
        return_id=body.return_id,
    )


async def _returned(storefront: Addressed, outcome: Outcome) -> Reply | Failure:
    if isinstance(outcome, ReturnFound):
        return Reply(201 if outcome.created else 200, return_view(outcome.returned))
    return await storefront.refused(outcome, NO_ORDER)


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", ORDERS, addressed(list_orders)),
    ("GET", ONE, addressed(read_order)),
    ("GET", f"{ONE}/returns", addressed(list_returns)),
    ("POST", f"{ONE}/return-actions", addressed(act_on_returns)),
)
