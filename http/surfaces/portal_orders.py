"""The portal's orders: a signed-in buyer's own, newest activity first (contract §2)."""

from collections.abc import Iterable
from typing import Any, Final

import orjson

from doorward.actors.messages.orders import Listed, OrderList, Profile, ReadOrders, ReadProfile
from doorward.actors.records.orders import Order, Service
from doorward.http import cursors, timestamps
from doorward.http.calls import Call
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler
from doorward.http.surfaces.operator import limit_of
from doorward.http.surfaces.portal import PORTAL_COOKIE, client_view, refused, slug_of
from doorward.http.system import System

PREFIX: Final = "/api/v1/client"
PAGE: Final = 20
PAGE_MAX: Final = 100
_KEPT: Final = 8_192
_written: dict[str, tuple[Order, orjson.Fragment]] = {}


async def list_orders(call: Call, system: System) -> Reply | Failure:
    """List the orders of whoever is signed in."""
    slug = slug_of(call, None)
    if isinstance(slug, Failure):
        return slug
    message = ReadOrders(
        caller=call.caller(),
        session=call.presented(PORTAL_COOKIE + slug),
        after=cursors.of(call),
        limit=limit_of(call, usual=PAGE, at_most=PAGE_MAX),
    )
    outcome = await system.ask(slug, message)
    if not isinstance(outcome, OrderList):
        return refused(outcome)
    return Reply(
        200,
        {
            "orders": listed(outcome.items),
            "cursor": cursors.written(outcome.after),
            "hasMore": outcome.after is not None,
        },
    )


async def read_profile(call: Call, system: System) -> Reply | Failure:
    """Tell a buyer's own record and how many orders there are."""
    slug = slug_of(call, None)
    if isinstance(slug, Failure):
        return slug
    outcome = await system.ask(
        slug, ReadProfile(caller=call.caller(), session=call.presented(PORTAL_COOKIE + slug))
    )
    if not isinstance(outcome, Profile):
        return refused(outcome)
    return Reply(200, {"client": client_view(outcome.customer), "orderCount": outcome.order_count})


def listed(items: Iterable[Listed]) -> list[orjson.Fragment]:
    """Show orders as a buyer's list does, each as the JSON it becomes.

    A list is read far more often than its orders change, and a changed order is another object: so
    what was written for an order is written again only when it is not the very same one.
    """
    if len(_written) > _KEPT:
        _written.clear()
    return [_fragment(item) for item in items]


def _fragment(item: Listed) -> orjson.Fragment:
    known = _written.get(item.access_token)
    if known is not None and known[0] is item.order:
        return known[1]
    fragment = orjson.Fragment(orjson.dumps(_entry(item.order, item.access_token)))
    _written[item.access_token] = (item.order, fragment)
    return fragment


def _entry(order: Order, access_token: str) -> dict[str, Any]:
    return {
        "id": order.id,
        "number": order.number,
        "status": order.status,
        "paymentStatus": order.payment_status,
        "quotedPriceIdr": order.total,
        "currency": order.currency,
        "packageName": order.package_name,
        "accessToken": access_token,
        "lastActivityAt": timestamps.iso(order.activity_at_ms),
        "createdAt": timestamps.iso(order.created_at_ms),
        "service": service_view(order.service),
    }


def service_view(service: Service | None) -> dict[str, str] | None:
    """Show what was ordered, where it is a service."""
    return None if service is None else {"slug": service.slug, "name": service.name}


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", f"{PREFIX}/orders", list_orders),
    ("GET", f"{PREFIX}/profile", read_profile),
)
