"""Every hosted page: its path, its methods, and an answer in pages whatever happens."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog
from aiohttp import web

from doorward.actors.errors import Unavailable
from doorward.http.calls import Call
from doorward.http.edge import request_ids
from doorward.http.edge.client_address import ClientAddress
from doorward.http.edge.refusals import EdgeError
from doorward.http.pages import account, assets, faults, order, own_tokens, proofs, sign_in
from doorward.http.pages.hosts import own_host
from doorward.http.pages.own_pages import OWN_PAGES
from doorward.http.pages.visits import Fault, Handler, NotHere, Page, Visit
from doorward.http.system import System

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]
_ACCOUNT: Final = "/s/{slug}/account"
_ORDER: Final = "/o/{token}"
_log: Final = structlog.get_logger("doorward.http")

PAGES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/s/{slug}": {"GET": account.front_door},
    _ACCOUNT: {"GET": account.show_orders},
    f"{_ACCOUNT}/profile": {"GET": account.show_profile, "POST": account.change_profile},
    f"{_ACCOUNT}/sign-in": {"GET": sign_in.show, "POST": sign_in.send_code},
    f"{_ACCOUNT}/sign-in/code": {"GET": sign_in.start_over, "POST": sign_in.enter_code},
    f"{_ACCOUNT}/sign-out": {"GET": account.front_door, "POST": account.sign_out},
    f"{_ACCOUNT}/link": {"GET": sign_in.show_link, "POST": sign_in.use_link},
    f"{_ACCOUNT}/actions/{{token}}": {"GET": own_tokens.preview, "POST": own_tokens.act},
    _ORDER: {"GET": order.show},
    f"{_ORDER}/messages": {"GET": order.show_again, "POST": order.write},
    f"{_ORDER}/paid": {"GET": order.show_again, "POST": order.claim},
    f"{_ORDER}/proof": {"GET": order.show_again, "POST": proofs.send},
}


def register(
    app: web.Application, system: System, addresses: ClientAddress, *, elsewhere: Serve
) -> None:
    """Add the pages and the files beside them; what else lies below them is a page's 404.

    Args:
        app: Where they are added.
        system: Answers for storefronts.
        addresses: Tells client addresses apart.
        elsewhere: Answers where a page of storefronts' own hosts is asked of any other host.
    """
    pages = _Pages(system, addresses, elsewhere)
    for path, handlers in PAGES.items():
        app.router.add_route("*", path, pages.dispatch(handlers))
        app.router.add_route("*", f"{path}/", pages.dispatch(handlers))
    for path in ("/s/{path:.*}", "/o/{path:.*}"):
        app.router.add_route("*", path, pages.dispatch({}))
    for path, handlers in OWN_PAGES.items():
        app.router.add_route("*", path, pages.dispatch_own(handlers))
    assets.register(app)


class _Pages:
    """Turns handlers of visits into handlers of requests."""

    def __init__(self, system: System, addresses: ClientAddress, elsewhere: Serve) -> None:
        self._system = system
        self._addresses = addresses
        self._elsewhere = elsewhere

    def dispatch(self, handlers: Mapping[str, Handler]) -> Serve:
        """Choose the handler by method; HEAD is GET, whose body aiohttp leaves out."""
        known = _with_head(handlers)

        async def handle(request: web.Request) -> web.StreamResponse:
            call = Call(request, request_ids.of(request), self._addresses)
            visit = Visit(call, self._system)
            handler = known.get(request.method)
            if handler is None:
                return _no_handler(visit, sorted(known))
            return await _answered(visit, handler)

        return handle

    def dispatch_own(self, handlers: Mapping[str, Handler]) -> Serve:
        """Choose the handler likewise, on a host that is a storefront's own."""
        known = _with_head(handlers)

        async def handle(request: web.Request) -> web.StreamResponse:
            host = own_host(request)
            if host is None:
                return await self._elsewhere(request)
            call = Call(request, request_ids.of(request), self._addresses)
            visit = Visit(call, self._system, host)
            try:
                return await _answered(visit, known.get(request.method) or _nothing(sorted(known)))
            except NotHere:
                return await self._elsewhere(request)

        return handle


def _with_head(handlers: Mapping[str, Handler]) -> dict[str, Handler]:
    known = dict(handlers)
    if "GET" in known:
        known["HEAD"] = known["GET"]
    return known


def _no_handler(visit: Visit, methods: list[str]) -> web.Response:
    return visit.response(_page_for_no_handler(visit, methods))


def _nothing(methods: list[str]) -> Handler:
    async def nothing(visit: Visit) -> Page:
        await visit.ask_front()
        return _page_for_no_handler(visit, methods)

    return nothing


def _page_for_no_handler(visit: Visit, methods: list[str]) -> Page:
    if not methods:
        return faults.page(visit, Fault(404, "page"))
    page = faults.page(visit, Fault(405, "method"))
    return page._replace(headers={"Allow": ", ".join(methods)})


async def _answered(visit: Visit, handler: Handler) -> web.Response:
    try:
        return visit.response(await handler(visit))
    except NotHere:
        raise
    except Fault as error:
        return visit.response(faults.page(visit, error))
    except EdgeError as error:
        page = faults.page(visit, faults.of_edge(error))
        return visit.response(page._replace(headers=error.headers))
    except Unavailable as error:
        wait_ms = error.retry_after_seconds * 1000
        return visit.response(faults.page(visit, Fault(503, "unavailable", wait_ms)))
    except Exception as error:  # noqa: BLE001 - the edge answers everything, as a page
        _log.error(
            "page_failed",
            request_id=visit.call.request_id,
            error=type(error).__name__,
            exc_info=error,
        )
        return visit.response(faults.page(visit, Fault(500, "internal")))
