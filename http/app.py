"""The application: one factory, one table of routes, every answer in its surface's shape."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from aiohttp import web

from doorward.actors.keyring import Keyring
from doorward.actors.post.development import Looking
from doorward.http import timestamps
from doorward.http.calls import Call
from doorward.http.dev_mailbox import add_dev_mailbox
from doorward.http.edge.client_address import ClientAddress
from doorward.http.edge.runner import EXACT
from doorward.http.hashing import HASHING, HashingGate
from doorward.http.origins import OriginBook
from doorward.http.pages import routes as pages
from doorward.http.proofs import Proofs, add_proofs
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler, Surface
from doorward.http.surfaces import (
    account,
    account_addresses,
    account_orders,
    account_profile,
    account_sign_in,
    account_tokens,
    merchant,
    merchant_actions,
    merchant_audit,
    merchant_bulk,
    merchant_customers,
    merchant_introspection,
    merchant_policy,
    merchant_proofs,
    merchant_returns,
    merchant_storefront,
    operator,
    operator_orders,
    portal,
    portal_orders,
    public_orders,
    sandbox,
    store_auth,
    store_customers,
    well_known,
)
from doorward.http.surfaces.account import ACCOUNT, TOKENS
from doorward.http.surfaces.key_owners import KeyOwners
from doorward.http.surfaces.merchant_keys import MERCHANT
from doorward.http.surfaces.operator import OPERATOR
from doorward.http.surfaces.portal import PORTAL
from doorward.http.surfaces.public_orders import ORDER_PAGES
from doorward.http.surfaces.store import PREFIX as STORE_PREFIX
from doorward.http.surfaces.store import STORE, Frame
from doorward.http.system import System

_ACCOUNT: Final = (
    (ACCOUNT, account_sign_in.ROUTES),
    (ACCOUNT, account_profile.ROUTES),
    (ACCOUNT, account_addresses.ROUTES),
    (ACCOUNT, account_orders.ROUTES),
    (TOKENS, account_tokens.ACTION_ROUTES),
    (TOKENS, account_tokens.STATUS_ROUTES),
)
_MERCHANT: Final = (
    merchant,
    merchant_actions,
    merchant_audit,
    merchant_bulk,
    merchant_customers,
    merchant_policy,
    merchant_proofs,
    merchant_returns,
    merchant_storefront,
    sandbox,
)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PLAIN: Final = Surface()

SHAPES: Final[tuple[tuple[str, Surface], ...]] = (
    ("/api/v1/client-auth", PORTAL),
    ("/api/v1/client", PORTAL),
    (account_tokens.STATUS, TOKENS),
    ("/api/v1/public/orders", ORDER_PAGES),
    (account.SIGN_IN_PREFIX, ACCOUNT),
    (account_tokens.ACTIONS, TOKENS),
    (account.PREFIX, ACCOUNT),
    ("/api/v1/operator", OPERATOR),
    ("/api/v1/merchant", MERCHANT),
    (STORE_PREFIX, STORE),
    ("/", PLAIN),
)
"""Which surface speaks under which prefix, unrouted paths included; the first that fits."""


class Health:
    """What ``/readyz`` answers; ``draining`` turns it off before anything is closed."""

    def __init__(self, system: System) -> None:
        self._system = system
        self.draining = False

    def is_ready(self) -> bool:
        """Tell whether new shoppers may be sent here."""
        return not self.draining and self._system.is_ready()


HEALTH: Final = web.AppKey("health", Health)


def make_app(  # noqa: PLR0913 - what an application is made of, each by its name
    system: System,
    *,
    operator_key: str,
    keyring: Keyring,
    addresses: ClientAddress,
    proofs: Proofs,
    gate: HashingGate,
    mailbox: Looking | None = None,
    hosted_domain: str | None = None,
) -> web.Application:
    """Make the application.

    Args:
        system: Answers for storefronts.
        operator_key: The bearer key of the operator surface.
        keyring: Checks shoppers' tokens.
        addresses: Tells client addresses apart.
        proofs: Takes proofs of payment in, and gives them out.
        gate: Hashes passwords; whoever made it closes it.
        mailbox: The development mailbox, where there is one to look at.
        hosted_domain: The domain below which every storefront has a host of its own.
    """
    app = web.Application()
    app[HEALTH] = Health(system)
    app[HASHING] = gate
    guard = operator.guarded(operator_key)
    routes = _Routes(system, addresses)
    add_proofs(app, proofs)
    routes.add(PORTAL, (*portal.ROUTES, *portal_orders.ROUTES))
    routes.add(ORDER_PAGES, public_orders.ROUTES)
    operated = (*operator.ROUTES, *operator_orders.ROUTES)
    routes.add(OPERATOR, [(verb, path, guard(handler)) for verb, path, handler in operated])
    home = account.at_home(hosted_domain)
    for surface, routed in _ACCOUNT:
        routes.add(surface, [(verb, path, home(handler)) for verb, path, handler in routed])
    for keyed in _MERCHANT:
        routes.add(MERCHANT, keyed.ROUTES)
    routes.add(MERCHANT, merchant_introspection.routes(keyring))
    routes.add(STORE, _store_routes(Frame(OriginBook(system), KeyOwners(system)), gate, keyring))
    routes.add(PLAIN, _health_routes(app[HEALTH]))
    if mailbox is not None:
        add_dev_mailbox(app, mailbox)
    well_known.register(app, system, addresses, keyring=keyring)
    pages.register(app, system, addresses, elsewhere=routes.nowhere)
    routes.register(app)
    return app


class _Routes:
    """Handlers by path and method; what is not in it is answered in the prefix's own shape."""

    def __init__(self, system: System, addresses: ClientAddress) -> None:
        self._system = system
        self._addresses = addresses
        self._paths: dict[str, dict[str, _Handler]] = defaultdict(dict)

    def add(self, surface: Surface, routes: "list[_Route] | tuple[_Route, ...]") -> None:
        for method, path, handler in routes:
            endpoint = surface.endpoint(handler, self._system, self._addresses)
            self._paths[path][method] = endpoint
            if method == "GET":
                self._paths[path]["HEAD"] = endpoint

    def register(self, app: web.Application) -> None:
        for path, by_method in self._paths.items():
            app.router.add_route("*", path, self._dispatch(path, by_method))
        app.router.add_route("*", "/{path:.*}", self.nowhere)
        # Any: EdgeServer makes a web.Request, though it only promises its base class.
        exact: dict[tuple[str, str], Any] = {
            (method, path): endpoint
            for path, by_method in self._paths.items()
            for method, endpoint in by_method.items()
            if "{" not in path
        }
        app[EXACT] = exact

    def _dispatch(self, path: str, by_method: dict[str, _Handler]) -> _Handler:
        not_allowed = _endpoint_of(
            _not_allowed(by_method), shape_of(path), self._system, self._addresses
        )

        async def dispatch(request: web.Request) -> web.StreamResponse:
            return await by_method.get(request.method, not_allowed)(request)

        return dispatch

    async def nowhere(self, request: web.Request) -> web.StreamResponse:
        """Answer what is not routed, in the shape of whoever speaks for the path."""
        # The pages are routed by method, so another method of theirs arrives here (ASVS 4.1.4).
        allowed = await _methods_at(request)
        failure = (
            _not_allowed(allowed)
            if allowed
            else Failure(404, "NOT_FOUND", "There is nothing here.")
        )
        endpoint = _endpoint_of(failure, shape_of(request.path), self._system, self._addresses)
        return await endpoint(request)


_Route = tuple[str, str, Handler]


def shape_of(path: str) -> Surface:
    """Tell which surface speaks for a path, routed or not."""
    return next(
        surface
        for prefix, surface in SHAPES
        if path == prefix or path.startswith(prefix.rstrip("/") + "/") or prefix == "/"
    )


def _not_allowed(methods: Iterable[str]) -> Failure:
    headers = {"Allow": ", ".join(sorted(methods))}
    return Failure(405, "METHOD_NOT_ALLOWED", "This path has other methods.", headers=headers)


async def _methods_at(request: web.Request) -> set[str]:
    """Tell the methods of a path that has some, though not the request's."""
    found: set[str] = set()
    for resource in request.app.router.resources():
        match, methods = await resource.resolve(request)
        if match is None:
            found |= methods
    return found


def _endpoint_of(
    failure: Failure, surface: Surface, system: System, addresses: ClientAddress
) -> _Handler:
    async def fail(_call: Call, _system: System) -> Reply | Failure:
        return failure

    return surface.endpoint(fail, system, addresses)


def _store_routes(frame: Frame, gate: HashingGate, keyring: Keyring) -> list[_Route]:
    routed = [
        *store_auth.routes(frame, store_auth.Parts(gate, keyring)),
        *store_customers.routes(frame, keyring),
    ]
    paths = dict.fromkeys(path for _, path, _ in routed)
    return [*routed, *(("OPTIONS", path, frame.preflight) for path in paths)]


def _health_routes(health: Health) -> list[_Route]:
    async def healthz(_call: Call, _system: System) -> Reply | Failure:
        return Reply(200, {"status": "ok"})

    async def readyz(_call: Call, _system: System) -> Reply | Failure:
        if health.is_ready():
            return Reply(200, {"status": "ready"})
        return Failure(503, "UNAVAILABLE", "Not ready.", headers={"Retry-After": "1"})

    async def api_health(_call: Call, _system: System) -> Reply | Failure:
        return Reply(200, {"status": "ok", "timestamp": timestamps.now()})

    return [
        ("GET", "/healthz", healthz),
        ("GET", "/readyz", readyz),
        ("GET", "/api/health", api_health),
    ]
