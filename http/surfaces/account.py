"""The account surface's frame: its shape, its storefront, its two credentials (contract §3).

A hosted account and a merchant's own backend call the same paths. Which storefront is meant, the
header ``x-organization-slug`` says on every call; who calls, a ``__Host-`` cookie or a bearer,
which are two different secrets of one session.
"""

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec
from aiohttp import hdrs, web
from multidict import istr

from doorward.actors.messages.account import (
    Credentials,
    LimitReached,
    NotReturnable,
    PresentedBearer,
)
from doorward.actors.messages.envelope import Caller, Outcome, Request
from doorward.actors.messages.refusals import (
    Conflict,
    Invalid,
    InvalidTransition,
    KeyRefused,
    NotFound,
    OriginRefused,
    SessionRequired,
    TooMany,
)
from doorward.actors.messages.sign_in import Front, ReadFront, SignInRefused
from doorward.actors.partitions import is_slug
from doorward.http.calls import Call
from doorward.http.downloads import Download
from doorward.http.edge.refusals import BadRequest
from doorward.http.replies import KEY_REQUIRED, Failure, Reply, limit_headers, retry_headers
from doorward.http.surface import Handler, Surface
from doorward.http.system import System

SIGN_IN_PREFIX: Final = "/api/v1/public/customer"
PREFIX: Final = "/api/v1/customer"
SLUG_HEADER: Final = istr("X-Organization-Slug")
CUSTOMER_COOKIE: Final = "customer-"
DEVELOPMENT_DOMAIN: Final = "localhost"
"""Where nothing is configured: browsers lead every name below it to this machine (RFC 6761)."""

NO_STOREFRONT: Final = Failure(404, "TENANT_NOT_FOUND", "There is no such storefront.")
NO_TOKEN: Final = Failure(404, "TOKEN_NOT_FOUND", "This link is unknown or no longer valid.")
NOTHING_THERE: Final = Failure(404, "NOT_FOUND", "There is no such thing here.")
_NO_SLUG: Final = Failure(
    400, "TENANT_REQUIRED", "The header x-organization-slug must name a storefront."
)


class Tokens(Surface):
    """The shape of answers at addresses that hold a secret: no answer lets one travel on."""

    def render(self, answer: Reply | Failure, request_id: str) -> web.Response:
        """Dress an answer."""
        response = super().render(answer, request_id)
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Robots-Tag"] = "noindex"
        return response


ACCOUNT: Final = Surface()
TOKENS: Final = Tokens()


class Hinting(msgspec.Struct, rename="camel", kw_only=True):
    """A body that may say once more which storefront is meant; it must say the same."""

    storefront_slug: str | None = None


class Nothing(Hinting):
    """A body that says nothing."""


class Addressed(NamedTuple):
    """The storefront that a call names."""

    slug: str
    system: System

    async def ask(self, message: Request) -> Outcome:
        """Ask it for one decision."""
        return await self.system.ask(self.slug, message)

    def agree(self, body: Hinting) -> None:
        """Hold a body to the storefront that the header names.

        Raises:
            BadRequest: When it names another one.
        """
        if body.storefront_slug not in {None, self.slug}:
            raise BadRequest("Header and body name different storefronts")

    async def refused(self, outcome: Outcome, missing: Failure = NOTHING_THERE) -> Failure:
        """Put an expected refusal into this surface's words.

        ``NotFound`` is said of a storefront and of things in it alike, and a client must be able
        to tell the two apart: so the storefront is asked once more whether it is there.
        """
        if isinstance(outcome, NotFound):
            front = await self.ask(ReadFront())
            return missing if isinstance(front, Front) else NO_STOREFRONT
        return refused(outcome)


def addressed(handler: Callable[[Call, Addressed], Awaitable[Reply | Failure]]) -> Handler:
    """Make a handler of one that is told which storefront the call names."""

    async def located(call: Call, system: System) -> Reply | Failure:
        slug = _slug_of(call)
        if isinstance(slug, Failure):
            return slug
        return await handler(call, Addressed(slug, system))

    return located


def _slug_of(call: Call) -> str | Failure:
    """Read the storefront from the header, and hold the query to it."""
    given = call.request.headers.getall(SLUG_HEADER, ())
    if len(given) > 1:
        raise BadRequest("x-organization-slug is given twice")
    if not given or not given[0]:
        return _NO_SLUG
    slug = given[0]
    if call.query("storefrontSlug") not in {None, slug}:
        raise BadRequest("Header and query name different storefronts")
    return slug if is_slug(slug) else NO_STOREFRONT


def at_home(domain: str | None) -> Callable[[Handler], Handler]:
    """Make a guard against calls whose header names another storefront than their host does.

    Args:
        domain: The hosted domain: on ``<slug>.<domain>`` only that storefront is spoken of.
    """

    def guard(handler: Handler) -> Handler:
        async def checked(call: Call, system: System) -> Reply | Failure | Download:
            at_host = _hosted(call.request.host, domain or DEVELOPMENT_DOMAIN)
            if at_host is not None and _named_otherwise(call, at_host):
                raise BadRequest("Header and host name different storefronts")
            return await handler(call, system)

        return checked

    return guard


def _named_otherwise(call: Call, slug: str) -> bool:
    given = call.request.headers.getall(SLUG_HEADER, ())
    return any(each not in {"", slug} for each in given)


@lru_cache(maxsize=1024)
def _hosted(host: str, domain: str) -> str | None:
    """Tell whose host ``<slug>.<hosted domain>`` is; None for every other host."""
    label, _, rest = host.lower().partition(".")
    return label if rest.partition(":")[0] == domain and is_slug(label) else None


def acting(call: Call) -> Caller:
    """Tell who changes something: held to the CSRF rule when there is a cookie to abuse.

    Raises:
        Forbidden: When a page of another origin sends it.
    """
    return call.guarded_caller() if call.cookies else call.caller()


def credentials(call: Call, slug: str) -> Credentials:
    """Digest what was presented: the cookie, the bearer, or both.

    Raises:
        BadRequest: When there are two ``Authorization`` lines.
    """
    return Credentials(cookie=call.presented(CUSTOMER_COOKIE + slug), bearer=_bearer(call))


def _bearer(call: Call) -> PresentedBearer | None:
    given = call.request.headers.getall(hdrs.AUTHORIZATION, ())
    if not given:
        return None
    if len(given) > 1:
        raise BadRequest("Authorization is given twice")
    scheme, _, token = given[0].partition(" ")
    if scheme.lower() != "bearer":
        return None  # for somebody else on the way
    # ASCII as RFC 6750 §2.1 has it; bytes that are no text open nothing.
    return PresentedBearer.of(token.strip() if token.isascii() else "")


_SAID: Final[dict[type[Outcome], Failure]] = {
    KeyRefused: KEY_REQUIRED,
    OriginRefused: Failure(403, "FORBIDDEN", "This request came from another site."),
    SessionRequired: Failure(
        401, "SESSION_REQUIRED", "Sign in first.", headers={"WWW-Authenticate": "Bearer"}
    ),
    NotFound: NO_STOREFRONT,
}
_CONFLICTS: Final[dict[type[Outcome], str]] = {
    Conflict: "CONFLICT",
    InvalidTransition: "INVALID_TRANSITION",
    LimitReached: "LIMIT_REACHED",
    NotReturnable: "NOT_RETURNABLE",
}


def refused(outcome: Outcome) -> Failure:
    """Put an expected refusal into this surface's words; ``NotFound`` is the storefront's."""
    if isinstance(outcome, TooMany):
        headers = limit_headers(outcome.standing) | retry_headers(outcome.wait_ms)
        return Failure(429, "RATE_LIMITED", "Too many requests; try again later.", headers=headers)
    if isinstance(outcome, SignInRefused):
        message = "The code or link is wrong or no longer valid."
        return Failure(401, "SIGN_IN_FAILED", message, headers=limit_headers(outcome.standing))
    if isinstance(outcome, Invalid):
        return Failure(400, "VALIDATION_ERROR", f"{outcome.name} {outcome.rule}.", outcome.name)
    if isinstance(outcome, Conflict | InvalidTransition | LimitReached | NotReturnable):
        reason = f"{outcome.reason[:1].upper()}{outcome.reason[1:]}."
        return Failure(409, _CONFLICTS[type(outcome)], reason)
    said = _SAID.get(type(outcome))
    if said is not None:
        return said
    raise TypeError(type(outcome).__name__)
