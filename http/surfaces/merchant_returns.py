"""The merchant surface's returns: what customers send back, and how far it is (contract §5)."""

from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant_returns import (
    ChangeReturn,
    GetReturn,
    ListAllReturns,
    MerchantReturn,
    ReturnRead,
    ReturnsFound,
)
from doorward.http import cursors
from doorward.http.calls import Call
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler
from doorward.http.surfaces.account_views import return_view
from doorward.http.surfaces.merchant_keys import Holder, keyed, refused, standing_of
from doorward.http.surfaces.operator import limit_of

PREFIX: Final = "/api/v1/merchant/returns"
PAGE: Final = 20
PAGE_MAX: Final = 100


class ReturnChanges(msgspec.Struct, rename="camel"):
    """Body of ``PATCH``."""

    status: str | UnsetType = UNSET
    note: str | UnsetType | None = UNSET


async def list_returns(call: Call, holder: Holder) -> Reply | Failure:
    """Read the storefront's returns, newest first."""
    message = ListAllReturns(
        key_digest=holder.key_digest,
        status=call.query("status"),
        after=cursors.of(call),
        limit=limit_of(call, usual=PAGE, at_most=PAGE_MAX),
    )
    outcome = await holder.ask(message)
    if isinstance(outcome, ReturnsFound):
        items = [_view(item) for item in outcome.items]
        page = {"items": items, "nextCursor": cursors.written(outcome.after)}
        return Reply(200, page, standing_of(outcome))
    return refused(outcome)


async def get_return(call: Call, holder: Holder) -> Reply | Failure:
    """Read one return."""
    return_id = call.request.match_info["id"]
    return _read(await holder.ask(GetReturn(key_digest=holder.key_digest, return_id=return_id)))


async def change_return(call: Call, holder: Holder) -> Reply | Failure:
    """Move a return on, note something about it, or both."""
    body = await call.body(ReturnChanges)
    message = ChangeReturn(
        key_digest=holder.key_digest,
        return_id=call.request.match_info["id"],
        status=body.status,
        note=body.note,
    )
    return _read(await holder.ask(message))


def _read(outcome: Outcome) -> Reply | Failure:
    if isinstance(outcome, ReturnRead):
        return Reply(200, _view(outcome.item), standing_of(outcome))
    return refused(outcome)


def _view(item: MerchantReturn) -> dict[str, Any]:
    return {
        "orderNumber": item.order_number,
        "email": item.email,
        **return_view(item.returned),
    }


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", PREFIX, keyed(list_returns)),
    ("GET", f"{PREFIX}/{{id}}", keyed(get_return)),
    ("PATCH", f"{PREFIX}/{{id}}", keyed(change_return)),
)
