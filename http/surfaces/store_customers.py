"""The customer who is signed in on the store surface, and their orders (contract §4)."""

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from doorward.actors import jwts
from doorward.actors.keyring import Keyring
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.store import (
    ChangeShopper,
    Claims,
    GetShopperOrder,
    ListShopperOrders,
    ReadShopper,
    Shopper,
    ShopperOrder,
    ShopperOrders,
)
from doorward.actors.order_words import STORE_WORDS
from doorward.http import cursors
from doorward.http.calls import Call, Malformed
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler
from doorward.http.surfaces.operator import bearer, limit_of
from doorward.http.surfaces.store import NO_TOKEN, PREFIX, Frame, Holder, refused
from doorward.http.surfaces.store_views import customer_view, order_view

ME: Final = f"{PREFIX}/customers/me"
ORDERS: Final = f"{ME}/orders"
PAGE: Final = 20
PAGE_MAX: Final = 100
_ORDER_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)
_SignedIn = Callable[[Call, Holder, Claims | None], Awaitable[Reply | Failure]]


class ChangeBody(msgspec.Struct, rename="camel"):
    """Body of ``PATCH me``; null clears, absent leaves."""

    name: str | UnsetType | None = UNSET
    phone_number: str | UnsetType | None = UNSET
    image_url: str | UnsetType | None = UNSET


async def read_me(call: Call, holder: Holder, claims: Claims | None) -> Reply | Failure:
    """Show the customer."""
    del call
    return _shopper(
        await holder.ask(
            ReadShopper(
                key_digest=holder.key_digest,
                caller=holder.reader,
                origin=holder.origin,
                claims=claims,
            )
        )
    )


async def change_me(call: Call, holder: Holder, claims: Claims | None) -> Reply | Failure:
    """Change the customer."""
    body = await call.body(ChangeBody)
    return _shopper(
        await holder.ask(
            ChangeShopper(
                key_digest=holder.key_digest,
                caller=holder.caller,
                origin=holder.origin,
                claims=claims,
                name=body.name,
                phone=body.phone_number,
                image_url=body.image_url,
            )
        )
    )


def _shopper(outcome: Outcome) -> Reply | Failure:
    if isinstance(outcome, Shopper):
        return Reply(200, customer_view(outcome.shopper))
    return refused(outcome)


async def list_orders(call: Call, holder: Holder, claims: Claims | None) -> Reply | Failure:
    """Show the customer's orders, newest first."""
    outcome = await holder.ask(
        ListShopperOrders(
            key_digest=holder.key_digest,
            caller=holder.caller,
            origin=holder.origin,
            claims=claims,
            after=cursors.of(call),
            limit=limit_of(call, usual=PAGE, at_most=PAGE_MAX),
            status=_status_of(call),
        )
    )
    if not isinstance(outcome, ShopperOrders):
        return refused(outcome)
    items = [order_view(order) for order in outcome.items]
    return Reply(200, {"items": items, "nextCursor": cursors.written(outcome.after)})


async def read_order(call: Call, holder: Holder, claims: Claims | None) -> Reply | Failure:
    """Show one of the customer's orders; another's is not there."""
    order_id = call.request.match_info["id"]
    outcome = await holder.ask(
        GetShopperOrder(
            key_digest=holder.key_digest,
            caller=holder.caller,
            origin=holder.origin,
            claims=claims,
            # What no id can look like becomes one that no order has.
            order_id=order_id if _ORDER_ID.fullmatch(order_id) else "-",
        )
    )
    if isinstance(outcome, ShopperOrder):
        return Reply(200, order_view(outcome.order))
    return refused(outcome)


def _status_of(call: Call) -> str | None:
    status = call.query("status")
    if status is not None and status not in STORE_WORDS:
        raise Malformed("status", f"must be one of {', '.join(sorted(STORE_WORDS))}")
    return status


def _signed_in(
    handling: _SignedIn, keyring: Keyring, call: Call, holder: Holder
) -> Awaitable[Reply | Failure]:
    """Read the access token; a call without one is counted and refused."""
    token = bearer(call)
    if not token:
        return _not_signed_in(holder)
    return handling(call, holder, jwts.read(keyring, token, "access"))


async def _not_signed_in(holder: Holder) -> Failure:
    return await holder.admit() or NO_TOKEN


def routes(frame: Frame, keyring: Keyring) -> list[tuple[str, str, Handler]]:
    """List these calls."""
    calls: tuple[tuple[str, str, _SignedIn], ...] = (
        ("GET", ME, read_me),
        ("PATCH", ME, change_me),
        ("GET", ORDERS, list_orders),
        ("GET", f"{ORDERS}/{{id:[^/]+}}", read_order),
    )
    return [
        (method, path, frame.keyed(partial(_signed_in, handling, keyring)))
        for method, path, handling in calls
    ]
