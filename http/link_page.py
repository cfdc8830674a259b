"""The landing page of mailed links: a look changes nothing, the person's click signs in.

Mail scanners and link previews open every address in a mail. So a GET never spends the token and
never sets a cookie; the page holds a form, and posting it is what signs in. It works without
JavaScript. (Contract §1 "GET on a link"; OWASP Forgot Password Cheat Sheet.)
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qs

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from multidict import CIMultiDict

from doorward.actors import tokens
from doorward.actors.errors import Unavailable
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import TooMany
from doorward.actors.messages.sign_in import Front, ReadFront, SignedIn, SignInRefused, VerifyLink
from doorward.actors.partitions import is_slug
from doorward.actors.post.colours import palette
from doorward.actors.post.names import shown_name
from doorward.http.calls import Call
from doorward.http.edge import bodies, request_ids
from doorward.http.edge.client_address import ClientAddress
from doorward.http.edge.refusals import BadRequest, EdgeError, UnsupportedMediaType
from doorward.http.replies import SERVER, retry_headers
from doorward.http.surfaces.portal import DEVICE, PORTAL_COOKIE, sign_in_cookies
from doorward.http.system import System

PATH: Final = "/s/{slug}/account/link"
FORM_BYTES_MAX: Final = 4_096
_FORM: Final = "application/x-www-form-urlencoded"
_HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Sec-Fetch-Site, Origin",
    "Server": SERVER,
}
_POLICY: Final = (
    "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none';"
    " object-src 'none'; frame-ancestors 'none'"
)
_HSTS: Final = "max-age=31536000"
_PAGE: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    auto_reload=False,
).get_template("link.html")
_NOBODY: Final = Front(display_name="Sign in", accent=None)


class _Words(NamedTuple):
    """What a page says."""

    title: str
    text: str
    button: str = ""


_EXPIRED: Final = _Words(
    "This link no longer works",
    "It was used already, or its time is over. Ask for a new one where you signed in.",
)


class LinkPage:
    """The page and what posting it does."""

    def __init__(self, system: System, addresses: ClientAddress) -> None:
        self._system = system
        self._addresses = addresses

    def register(self, app: web.Application) -> None:
        """Add the page's routes."""
        app.router.add_get(PATH, self._guarded(self._show))
        app.router.add_post(PATH, self._guarded(self._sign_in))

    async def _show(self, call: Call, slug: str) -> web.Response:
        front = await self._front(slug)
        token = call.query("token") or ""
        if front is None:
            return _answer(call, 404, slug, _NOBODY, _Words("Not found", "There is no such shop."))
        if not token:
            return _answer(call, 400, slug, front, _EXPIRED)
        words = _Words("Sign in", "One click, and you are signed in on this device.", "Sign me in")
        return _answer(call, 200, slug, front, words, token=token)

    async def _sign_in(self, call: Call, slug: str) -> web.Response:
        front = await self._front(slug)
        if front is None:
            return _answer(call, 404, slug, _NOBODY, _Words("Not found", "There is no such shop."))
        token = await _token(call.request)
        outcome = await self._system.ask(
            slug,
            VerifyLink(
                token_digest=tokens.digest(token),
                caller=call.guarded_caller(),
                session=call.presented(PORTAL_COOKIE + slug),
                device=call.presented(DEVICE + slug),
            ),
        )
        return _outcome_page(call, slug, front, outcome)

    async def _front(self, slug: str) -> Front | None:
        outcome = await self._system.ask(slug, ReadFront()) if is_slug(slug) else None
        return outcome if isinstance(outcome, Front) else None

    def _guarded(
        self, handler: Callable[[Call, str], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Answer what goes wrong as a page, too."""

        async def handle(request: web.Request) -> web.StreamResponse:
            call = Call(request, request_ids.of(request), self._addresses)
            slug = request.match_info["slug"]
            try:
                return await handler(call, slug)
            except EdgeError as error:
                words = _Words("That did not work", f"{error.reason}.")
                return _answer(call, error.status, slug, _NOBODY, words, headers=error.headers)
            except Unavailable as error:
                words = _Words("One moment", "Sign-in is not available just now. Try again soon.")
                retry = retry_headers(error.retry_after_seconds * 1000)
                return _answer(call, 503, slug, _NOBODY, words, headers=retry)

        return handle


def _outcome_page(call: Call, slug: str, front: Front, outcome: Outcome) -> web.Response:
    if isinstance(outcome, SignedIn):
        words = _Words("You are signed in", f"As {outcome.customer.email}. You can go on shopping.")
        return _answer(call, 200, slug, front, words, cookies=sign_in_cookies(slug, outcome))
    if isinstance(outcome, TooMany):
        words = _Words("One moment", "There were too many tries. Please wait a little.")
        return _answer(call, 429, slug, front, words, headers=retry_headers(outcome.wait_ms))
    if isinstance(outcome, SignInRefused):
        return _answer(call, 401, slug, front, _EXPIRED)
    words = _Words("That did not work", "This request came from another site.")
    return _answer(call, 403, slug, front, words)


def _answer(  # noqa: PLR0913 - one page, all that varies in it
    call: Call,
    status: int,
    slug: str,
    front: Front,
    words: _Words,
    *,
    token: str = "",
    headers: Mapping[str, str] | None = None,
    cookies: tuple[str, ...] = (),
) -> web.Response:
    nonce = secrets.token_urlsafe(16)
    html = _PAGE.render(
        **words._asdict(),
        name=shown_name(front.display_name, slug),
        palette=palette(front.accent or ""),
        token=token,
        action=f"/s/{slug}/account/link",
        nonce=nonce,
    )
    all_headers = CIMultiDict(_HEADERS)
    all_headers["Content-Security-Policy"] = _POLICY.format(nonce=nonce)
    all_headers["X-Request-Id"] = call.request_id
    if call.caller().scheme == "https":
        all_headers["Strict-Transport-Security"] = _HSTS
    all_headers.update(headers or {})
    for cookie in cookies:
        all_headers.add("Set-Cookie", cookie)
    return web.Response(status=status, body=html.encode(), headers=all_headers)


async def _token(request: web.Request) -> str:
    if request.content_type != _FORM:
        raise UnsupportedMediaType("The form must be URL-encoded")
    raw = await bodies.collect(request, bytes_max=FORM_BYTES_MAX)
    try:
        given = parse_qs(raw.decode("ascii"), max_num_fields=8).get("token", [])
    except ValueError:
        raise BadRequest("The form cannot be read") from None
    if len(given) != 1:
        raise BadRequest("The form must hold one token")
    return given[0]
