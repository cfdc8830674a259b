"""One visit to a page: what was asked, whose page it is, in which language it is answered."""

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Final, NamedTuple

from aiohttp import hdrs, web
from multidict import CIMultiDict

from doorward.actors.locales import AUTO, Catalogue, chosen, words
from doorward.actors.messages.account import Credentials
from doorward.actors.messages.envelope import Outcome, Presented
from doorward.actors.messages.fronts import Asked, AskWithFront, WithFront
from doorward.actors.messages.refusals import KeyRefused, NotFound, OriginRefused, TooMany
from doorward.actors.messages.sign_in import Front, ReadFront
from doorward.actors.partitions import is_slug
from doorward.http.calls import Call
from doorward.http.edge.refusals import EdgeError
from doorward.http.pages.hosts import OwnHost
from doorward.http.pages.rendering import render, shop_of
from doorward.http.replies import SERVER, retry_headers
from doorward.http.surfaces.account import CUSTOMER_COOKIE
from doorward.http.surfaces.portal import DEVICE, PORTAL_COOKIE
from doorward.http.system import System

_HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Vary": "Sec-Fetch-Site, Origin, Accept-Language",
    "Server": SERVER,
}
_HSTS: Final = "max-age=31536000"
# Forms of these pages need their Origin to arrive (CSRF rule), which no-referrer would blank.
_OWN_REFERRER: Final = "same-origin"
_NO_REFERRER: Final = "no-referrer"
_NOTHING: Final[Mapping[str, str]] = {}
OWN_HOME: Final = "/account"
"""Where the account lies on a storefront's own host."""


class Page(NamedTuple):
    """A page before it is rendered; ``values`` hold ``title``."""

    template: str
    values: Mapping[str, object]
    status: int = 200
    headers: Mapping[str, str] = _NOTHING
    cookies: tuple[str, ...] = ()
    polls: str | None = None


class Away(NamedTuple):
    """A way on to another of our own pages: see other, by GET (RFC 9110 §15.4.4)."""

    path: str
    cookies: tuple[str, ...] = ()


class Fault(Exception):
    """A visit that ends with a page saying why; ``name`` is that of its words."""

    def __init__(self, status: int, name: str, wait_ms: int | None = None) -> None:
        super().__init__(status, name, wait_ms)
        self.status = status
        self.name = name
        self.wait_ms = wait_ms

    @property
    def headers(self) -> dict[str, str]:
        """Tell when to come back, if that is known."""
        return {} if self.wait_ms is None else retry_headers(self.wait_ms)


class NotHere(Exception):
    """No storefront has its pages on this host: what is there else is to answer."""


class Visit:
    """A request for a page. ``front`` is known once the storefront has answered.

    ``host`` is the storefront's own host where the page lies on one: there the account surface's
    session counts, elsewhere the portal's.
    """

    def __init__(self, call: Call, system: System, host: OwnHost | None = None) -> None:
        self.call = call
        self.system = system
        self.host = host
        self.front: Front | None = None
        self.slug = host.slug if host else call.request.match_info.get("slug", "")

    @cached_property
    def words(self) -> Catalogue:
        """The reader's language; ask only once ``front`` is known, or will not be."""
        accept = self.call.request.headers.get(hdrs.ACCEPT_LANGUAGE)
        return words(chosen(self.front.locale if self.front else AUTO, accept))

    @property
    def home(self) -> str:
        """The path of the storefront's account pages.

        Raises:
            Fault: 404 when the address names none: what it does name goes into no header.
        """
        if self.host is not None:
            return OWN_HOME
        slug = self.front.slug if self.front else self.slug
        if not is_slug(slug):
            raise Fault(404, "storefront")
        return f"/s/{slug}/account"

    @property
    def session(self) -> Presented:
        """What the browser presents as its session."""
        return self.call.presented(PORTAL_COOKIE + self.slug)

    @property
    def presented(self) -> Credentials:
        """What the browser presents on a storefront's own host; pages know no bearers."""
        return Credentials(cookie=self.call.presented(CUSTOMER_COOKIE + self.slug))

    @property
    def is_known(self) -> bool:
        """Tell whether the browser presents any session at all."""
        found = self.session if self.host is None else self.presented.cookie
        return bool(found.plain or found.secure)

    @property
    def device(self) -> Presented:
        """What the browser presents as a device that is known."""
        return self.call.presented(DEVICE + self.slug)

    async def ask(self, request: Asked) -> Outcome:
        """Ask the storefront in the path for a decision, and whose page this is.

        Raises:
            Fault: 404 when there is no such storefront, published.
            NotHere: When the storefront has no pages on this host.
        """
        if not is_slug(self.slug):
            raise Fault(404, "storefront")
        host = self.host.name if self.host else None
        outcome = await self.system.ask(self.slug, AskWithFront(request=request, host=host))
        if not isinstance(outcome, WithFront):
            raise Fault(404, "storefront") if host is None else NotHere
        self.front = outcome.front
        return outcome.outcome

    async def ask_front(self) -> None:
        """Ask only whose page this is.

        Raises:
            Fault: 404 when there is no such storefront, published.
            NotHere: When the storefront has no pages on this host.
        """
        await self.ask(ReadFront())

    def response(self, answer: Page | Away) -> web.Response:
        """Make the HTTP response: never cached, never sniffed, never framed."""
        headers = CIMultiDict(_HEADERS)
        headers["X-Request-Id"] = self.call.request_id
        headers["Referrer-Policy"] = self._referrer_policy()
        if self._is_secure():
            headers["Strict-Transport-Security"] = _HSTS
        for cookie in answer.cookies:
            headers.add("Set-Cookie", cookie)
        if isinstance(answer, Away):
            del headers["Content-Type"]
            headers["Location"] = answer.path
            return web.Response(status=303, headers=headers)
        shop = shop_of(self.front, own_host=self.host is not None)
        page = render(answer.template, shop, self.words, answer.values, polls=answer.polls)
        headers["Content-Security-Policy"] = page.policy
        headers.update(answer.headers)
        return web.Response(status=answer.status, body=page.body, headers=headers)

    def _referrer_policy(self) -> str:
        """Tell nobody an address that is a credential (contract §2)."""
        is_token_page = (
            "token" in self.call.request.match_info or "token" in self.call.request.query
        )
        return _NO_REFERRER if is_token_page else _OWN_REFERRER

    def _is_secure(self) -> bool:
        if self.front is not None and self.front.secure:
            return True
        try:
            return self.call.caller().scheme == "https"
        except EdgeError:  # a request that cannot be read is answered all the same
            return False


Handler = Callable[[Visit], Awaitable[Page | Away]]
"""Answers a visit."""


def too_many(outcome: TooMany) -> Fault:
    """Say that a limit is spent, and until when."""
    return Fault(429, "too_many", outcome.wait_ms)


def unexpected(outcome: Outcome) -> Exception:
    """Turn an outcome that no page of its own has into a fault."""
    if isinstance(outcome, TooMany):
        return too_many(outcome)
    if isinstance(outcome, NotFound):
        return Fault(404, "page")
    if isinstance(outcome, OriginRefused | KeyRefused):
        return Fault(403, "foreign")
    return TypeError(type(outcome).__name__)
