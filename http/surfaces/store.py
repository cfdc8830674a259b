"""The store surface's frame: its shape, its publishable key, its pages of other origins (§4).

A headless storefront calls from a browser page of its own origin, or from an app. Which storefront
is meant, the publishable key says on every call, and nothing else of a call is looked at before it.
The key is no secret: it says who is spoken to, not who speaks.

Cross-origin requests are let in here and nowhere else (Fetch standard, CORS protocol). An answer
carries ``Access-Control-Allow-Origin`` when the storefront itself found the origin on its list, or,
where it was not asked that far (a bad key, a spent limit), when any storefront lists it: a page
must be able to read why it was refused. Cookies are never let through (no ``-Allow-Credentials``).
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar, Final

from aiohttp import hdrs
from multidict import istr

from doorward.actors.errors import Unavailable
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.refusals import KeyRefused, NotFound, OriginRefused, TooMany
from doorward.actors.messages.store import (
    AdmitCall,
    Admitted,
    EmailTaken,
    HeadlessOff,
    Issues,
    Locked,
    LoginRefused,
    StoreCall,
    TokenMissing,
    TokenRefused,
)
from doorward.http.calls import Call, Malformed
from doorward.http.edge.refusals import EdgeError
from doorward.http.edge.retry_after import whole_seconds
from doorward.http.origins import LENGTH_MAX, OriginBook
from doorward.http.replies import Failure, Reply, limit_headers, retry_headers
from doorward.http.surface import Handler, Surface
from doorward.http.surfaces.key_owners import KeyOwners
from doorward.http.system import System

PREFIX: Final = "/api/v1/store"
KEY_HEADERS: Final = (istr("X-Publishable-Key"), istr("X-Sellvik-Key"))
DEVICE_HEADER: Final = istr("X-Doorward-Device")
SEC_FETCH_SITE: Final = istr("Sec-Fetch-Site")
METHODS: Final = "GET, POST, PATCH, PUT, DELETE, OPTIONS"
HEADERS: Final = f"Authorization, Content-Type, X-Publishable-Key, X-Sellvik-Key, {DEVICE_HEADER}"
EXPOSED: Final = f"Retry-After, {DEVICE_HEADER}"
PREFLIGHT_SECONDS: Final = 600
"""How long a browser may remember a preflight; Chromium keeps none longer than two hours."""

NO_KEY: Final = Failure(401, "missing_publishable_key", "This call needs a publishable key.")
BAD_KEY: Final = Failure(401, "invalid_key", "This publishable key opens nothing.")
NO_TOKEN: Final = Failure(401, "missing_customer_token", "Sign in first.")
NOT_ALLOWED: Final = Failure(403, "origin_not_allowed", "This page's origin is not allowed here.")
NOT_THERE: Final = Failure(404, "not_found", "There is no such thing here.")

_CODES: Final = {
    400: "invalid_body",
    401: "invalid_key",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "payload_too_large",
    415: "unsupported_media_type",
    500: "internal",
    503: "overloaded",
}


class Store(Surface):
    """The shape of this surface's answers: bare successes, failures under ``error``."""

    codes: ClassVar[dict[int, str]] = _CODES

    def failure(self, failure: Failure, request_id: str) -> Any:  # noqa: ANN401 - any JSON value
        """Shape a failure."""
        del request_id
        # What is not routed is refused in the spelling of other surfaces.
        code = failure.code.lower()
        return {"error": {"code": code, "message": failure.message, **failure.details}}

    def failure_of(self, error: Exception, request_id: str) -> Failure:
        """Put an exception into this surface's words; a bad request always says its issues."""
        failure = super().failure_of(error, request_id)
        if failure.code != _CODES[400]:
            return failure
        if isinstance(error, Malformed):
            return invalid(((tuple(error.param.split(".")) if error.param else ()), error.rule))
        issues = [{"path": [], "message": failure.message}]
        return failure._replace(details={"issues": issues})


STORE: Final = Store()


class Holder:
    """Who called with a publishable key: which storefront is meant, and from what page.

    Attributes:
        slug: The storefront.
        page: The origin of the page that calls, as it says; None where none is said.
        same_origin: Whether the page lies on the very host that was called; that is no matter of
            CORS, and the only case in which a cookie of ours can come along.
        welcome: Whether the storefront let the page's origin in; None while it has not said.
    """

    def __init__(self, call: Call, slug: str, key_digest: str, system: System) -> None:
        self.slug = slug
        self.page = origin_of(call)
        self.same_origin = _is_same_origin(call, self.page)
        self.welcome: bool | None = None
        self.key_digest = key_digest
        self.origin = None if self.same_origin else self.page
        self._system = system
        self._call = call

    @cached_property
    def caller(self) -> Caller:
        """Tell who calls."""
        return self._call.caller()

    @property
    def reader(self) -> Caller:
        """Tell who calls, where nothing is changed and nothing is mailed."""
        return self._call.reader()

    async def ask(self, message: StoreCall) -> Outcome:
        """Ask the key's own storefront."""
        outcome = await self._system.ask(self.slug, message)
        if isinstance(outcome, OriginRefused):
            self.welcome = False
        elif not _came_before_origin(outcome):
            self.welcome = True
        return outcome

    async def admit(self) -> Failure | None:
        """Count a call that nothing else is asked for; tell why it may not even be made."""
        message = AdmitCall(key_digest=self.key_digest, caller=self.reader, origin=self.origin)
        outcome = await self.ask(message)
        return None if isinstance(outcome, Admitted) else refused(outcome)


_Handling = Callable[[Call, Holder], Awaitable[Reply | Failure]]


class Frame:
    """What every call of this surface passes before and after it is handled."""

    def __init__(self, origins: OriginBook, owners: KeyOwners) -> None:
        self._origins = origins
        self._owners = owners

    def keyed(self, handling: _Handling) -> Handler:
        """Make a handler of one that is told which storefront the call is for."""

        async def checked(call: Call, system: System) -> Reply | Failure:
            holder: Holder | None = None
            answer: Reply | Failure
            try:
                key = _key_of(call)
                found = self._owners.known(key) or await self._find(key)
                if isinstance(found, Failure):
                    answer = found
                else:
                    holder = Holder(call, *found, system)
                    answer = await handling(call, holder)
            except Exception as error:  # noqa: BLE001 - also a page must read what went wrong
                answer = await _failed(call, holder, error)
            return await self._shared(call, holder, answer)

        return checked

    async def preflight(self, call: Call, _system: System) -> Reply | Failure:
        """Tell a browser whether a page may call at all; it has no key, so any storefront's."""
        origin = origin_of(call)
        if origin is None:
            allow = {"Allow": METHODS}
            return Failure(405, "method_not_allowed", "This path has other methods.", headers=allow)
        if not await self._origins.lists(origin, call.reader().address):
            return NOT_ALLOWED._replace(headers={"Vary": "Origin"})
        return Reply(
            204,
            None,
            {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Methods": METHODS,
                "Access-Control-Allow-Headers": HEADERS,
                "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
                "Vary": "Origin",
            },
        )

    async def _find(self, key: str) -> tuple[str, str] | Failure:
        """Find whose key was sent."""
        if not key:
            return NO_KEY
        found = await self._owners.find(key) if key.startswith("pk_") else None
        return found or BAD_KEY

    async def _shared(
        self, call: Call, holder: Holder | None, answer: Reply | Failure
    ) -> Reply | Failure:
        """Let the page that called read the answer, if it may."""
        origin = origin_of(call) if holder is None else holder.page
        if origin is None or (holder is not None and holder.same_origin):
            return answer
        welcome = holder.welcome if holder is not None else None
        if welcome is None:
            welcome = await self._is_listed(origin, call)
        headers = {**answer.headers, "Vary": "Origin"}
        if welcome:
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = EXPOSED
        return answer._replace(headers=headers)

    async def _is_listed(self, origin: str, call: Call) -> bool:
        try:
            return await self._origins.lists(origin, call.reader().address)
        except Unavailable:
            return False


async def _failed(call: Call, holder: Holder | None, error: Exception) -> Failure:
    """Say what went wrong; one that HTTP refuses is counted, and its key's refusal comes first."""
    refusal = None
    if holder is not None and holder.welcome is None and isinstance(error, Malformed | EdgeError):
        try:
            refusal = await holder.admit()
        except Exception as worse:  # noqa: BLE001 - as it would end any other call
            error = worse
    return refusal or STORE.failure_of(error, call.request_id)


def _key_of(call: Call) -> str:
    """Read the key that was sent, in one header or in both; empty when none was.

    Two that differ become one that nobody has.
    """
    headers = call.request.headers
    one, other = headers.getall(KEY_HEADERS[0], ()), headers.getall(KEY_HEADERS[1], ())
    if len(one) == 1 and not other:
        return one[0]
    given = {*one, *other} - {""}
    return "?" if len(given) > 1 else "".join(given)


def origin_of(call: Call) -> str | None:
    """Read the page's origin; one that no storefront can list becomes empty."""
    given = call.request.headers.getall(hdrs.ORIGIN, ())
    if not given:
        return None
    origin = given[0]
    sound = len(given) == 1 and origin.isascii() and len(origin) <= LENGTH_MAX
    return origin if sound else ""


def _is_same_origin(call: Call, origin: str | None) -> bool:
    """Tell whether a browser says that the page, of this origin, lies on the host it calls.

    No page can forge ``Sec-Fetch-Site``. Whoever is no browser can, and gains nothing by it.
    """
    headers = call.request.headers
    if SEC_FETCH_SITE not in headers or headers.getall(SEC_FETCH_SITE) != ["same-origin"]:
        return False
    return origin is None or origin.partition("://")[2] == headers.get(hdrs.HOST)


_BEFORE_ORIGIN: Final = (KeyRefused, HeadlessOff)


def _came_before_origin(outcome: Outcome) -> bool:
    """Tell whether a storefront refused a call before it looked at its origin."""
    if isinstance(outcome, TooMany):
        return outcome.standing.rule.name == "keys.publishable"
    return isinstance(outcome, _BEFORE_ORIGIN)


def invalid(*issues: tuple[tuple[str, ...], str]) -> Failure:
    """Say what is wrong with a body: for each issue the path to a member, and its rule."""
    listed = [
        {"path": list(path), "message": f"{rule[:1].upper()}{rule[1:]}."} for path, rule in issues
    ]
    return Failure(400, "invalid_body", "The request is not valid.", details={"issues": listed})


def bad_token(reason: str) -> Failure:
    """Refuse a token for a reason of the contract's."""
    message = "This token opens nothing."
    return Failure(401, "invalid_customer_token", message, details={"reason": reason})


_SAID: Final[Mapping[type[Outcome], Failure]] = {
    KeyRefused: BAD_KEY,
    HeadlessOff: Failure(403, "headless_mode_disabled", "This storefront has no headless mode."),
    OriginRefused: NOT_ALLOWED,
    LoginRefused: Failure(401, "invalid_credentials", "The email or the password is wrong."),
    EmailTaken: Failure(409, "email_exists", "A customer with this email exists."),
    TokenMissing: NO_TOKEN,
    NotFound: NOT_THERE,
}


def refused(outcome: Outcome) -> Failure:
    """Put an expected refusal into this surface's words."""
    match outcome:
        case TooMany(standing=standing, wait_ms=wait_ms):
            told = {"retryAfter": int(whole_seconds(wait_ms)), "limit": standing.rule.limit}
            headers = limit_headers(standing) | retry_headers(wait_ms)
            message = "Too many requests; try again later."
            return Failure(429, "rate_limited", message, headers=headers, details=told)
        case Locked(wait_ms=wait_ms):
            message = "Too many wrong passwords; try again later, or sign in by email."
            return Failure(423, "account_locked", message, headers=retry_headers(wait_ms))
        case Issues(issues=issues):
            return invalid(*((issue.path, issue.message) for issue in issues))
        case TokenRefused(reason=reason):
            return bad_token(reason)
    said = _SAID.get(type(outcome))
    if said is None:
        raise TypeError(type(outcome).__name__)
    return said
