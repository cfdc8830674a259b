"""Public keys of storefronts whose access tokens others check (RFC 7517, RFC 8615).

On a storefront's own host they lie at ``/.well-known/jwks.json``. A headless storefront may have no
host here: the same is at ``/s/<slug>/.well-known/jwks.json``.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from aiohttp import web

from doorward.actors import jwts
from doorward.actors.keyring import Keyring
from doorward.actors.messages.store import ReadSigning, Signing
from doorward.actors.partitions import is_slug
from doorward.http.calls import Call
from doorward.http.edge.client_address import ClientAddress
from doorward.http.pages.hosts import own_host
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Surface
from doorward.http.system import System

JWKS: Final = "/.well-known/jwks.json"
CACHED: Final = {"Cache-Control": "public, max-age=300"}
"""Five minutes: so long a new master key must be listed before it signs."""
_NOTHING: Final = Failure(404, "NOT_FOUND", "There is nothing here.")
_Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]
_SHAPE: Final = Surface()


def register(
    app: web.Application, system: System, addresses: ClientAddress, *, keyring: Keyring
) -> None:
    """Add both addresses; before the pages, whose paths they lie below."""
    serve = _SHAPE.endpoint(partial(_keys, keyring), system, addresses)
    for path in (JWKS, f"/s/{{slug}}{JWKS}"):
        app.router.add_get(path, serve)


async def _keys(keyring: Keyring, call: Call, system: System) -> Reply | Failure:
    """Show a storefront's public keys; where they are not shown, there is nothing."""
    slug = _slug_of(call)
    found = await system.ask(slug, ReadSigning()) if slug is not None else None
    if not isinstance(found, Signing) or not found.public:
        return _NOTHING
    return Reply(200, {"keys": jwts.public_keys(keyring, found.life)}, CACHED)


def _slug_of(call: Call) -> str | None:
    slug = call.request.match_info.get("slug")
    if slug is None:
        host = own_host(call.request)
        return host.slug if host else None
    return slug if is_slug(slug) else None
