"""The portal surface: sign-in by emailed code, one cookie per storefront (contract §2)."""

from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from doorward.actors import tokens
from doorward.actors.emails import NotAnEmail, canonical
from doorward.actors.messages.envelope import Outcome
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
from doorward.actors.messages.sign_in import (
    CodeSent,
    CustomerView,
    Me,
    ReadMe,
    RequestCode,
    SignedIn,
    SignedOut,
    SignInRefused,
    SignOut,
    UpdateMe,
    VerifyCode,
    VerifyLink,
)
from doorward.actors.partitions import is_slug
from doorward.http import timestamps
from doorward.http.calls import Call
from doorward.http.edge import cookies
from doorward.http.replies import KEY_REQUIRED, Failure, Reply, limit_headers, retry_headers
from doorward.http.surface import Surface
from doorward.http.system import System

PREFIX: Final = "/api/v1/client-auth"
PORTAL_COOKIE: Final = "portal-"
DEVICE: Final = "device-"


class CodeRequest(msgspec.Struct, rename="camel"):
    """Body of ``request-otp``."""

    email: str
    storefront_slug: str | None = None


class CodeProof(msgspec.Struct, rename="camel"):
    """Body of ``verify-otp``."""

    email: str
    code: str
    storefront_slug: str | None = None


class LinkProof(msgspec.Struct, rename="camel"):
    """Body of ``verify-link``."""

    token: str
    storefront_slug: str | None = None


class Profile(msgspec.Struct, rename="camel"):
    """Body of ``PATCH me``."""

    name: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    storefront_slug: str | None = None


class JustSlug(msgspec.Struct, rename="camel"):
    """Body of ``signout``."""

    storefront_slug: str | None = None


class Portal(Surface):
    """Envelope and codes of the portal: ``{data, error, meta}``, UPPER_SNAKE."""

    def success(self, data: Any, request_id: str) -> Any:  # noqa: ANN401 - any JSON value
        """Wrap data."""
        return {"data": data, "error": None, "meta": _meta(request_id)}

    def failure(self, failure: Failure, request_id: str) -> Any:  # noqa: ANN401 - any JSON value
        """Wrap an error."""
        error = {"code": failure.code, "message": failure.message}
        if failure.param is not None:
            error["param"] = failure.param
        return {"data": None, "error": error, "meta": _meta(request_id)}


PORTAL: Final = Portal()


async def request_otp(call: Call, system: System) -> Reply | Failure:
    """Mail a code; the answer is the same for every well-formed email."""
    body = await call.body(CodeRequest)
    slug = slug_of(call, body.storefront_slug)
    email = _email(body.email)
    if isinstance(slug, Failure):
        return slug
    if isinstance(email, Failure):
        return email
    caller = call.guarded_caller() if call.cookies else call.caller()
    outcome = await system.ask(
        slug, RequestCode(email=email, caller=caller, device=call.presented(DEVICE + slug))
    )
    if isinstance(outcome, CodeSent):
        return Reply(
            200,
            {"sent": True, "expiresInSeconds": outcome.ttl_seconds},
            limit_headers(outcome.standing),
        )
    return refused(outcome)


async def verify_otp(call: Call, system: System) -> Reply | Failure:
    """Sign in with a code."""
    body = await call.body(CodeProof)
    slug = slug_of(call, body.storefront_slug)
    email = _email(body.email)
    if isinstance(slug, Failure):
        return slug
    if isinstance(email, Failure):
        return email
    outcome = await system.ask(
        slug,
        VerifyCode(
            email=email,
            code=body.code,
            caller=call.guarded_caller(),
            session=call.presented(PORTAL_COOKIE + slug),
            device=call.presented(DEVICE + slug),
        ),
    )
    return _signed_in(slug, outcome)


async def verify_link(call: Call, system: System) -> Reply | Failure:
    """Sign in with a mailed link's token."""
    body = await call.body(LinkProof)
    slug = slug_of(call, body.storefront_slug)
    if isinstance(slug, Failure):
        return slug
    outcome = await system.ask(
        slug,
        VerifyLink(
            token_digest=tokens.digest(body.token),
            caller=call.guarded_caller(),
            session=call.presented(PORTAL_COOKIE + slug),
            device=call.presented(DEVICE + slug),
        ),
    )
    return _signed_in(slug, outcome)


async def me(call: Call, system: System) -> Reply | Failure:
    """Tell who is signed in; never 401."""
    slug = slug_of(call, None)
    if isinstance(slug, Failure):
        return slug
    outcome = await system.ask(
        slug, ReadMe(caller=call.reader(), session=call.presented(PORTAL_COOKIE + slug))
    )
    if isinstance(outcome, Me):
        customer = outcome.customer
        client = client_view(customer) if customer is not None else None
        return Reply(200, {"authenticated": customer is not None, "client": client})
    return refused(outcome)


async def update_me(call: Call, system: System) -> Reply | Failure:
    """Change one's own name or phone."""
    body = await call.body(Profile)
    slug = slug_of(call, body.storefront_slug)
    if isinstance(slug, Failure):
        return slug
    outcome = await system.ask(
        slug,
        UpdateMe(
            caller=call.guarded_caller(),
            session=call.presented(PORTAL_COOKIE + slug),
            name=body.name,
            phone=body.phone,
        ),
    )
    if isinstance(outcome, Me) and outcome.customer is not None:
        return Reply(200, {"client": client_view(outcome.customer)})
    return refused(outcome)


async def sign_out(call: Call, system: System) -> Reply | Failure:
    """End the session; ending none is fine."""
    body = await call.body(JustSlug)
    slug = slug_of(call, body.storefront_slug)
    if isinstance(slug, Failure):
        return slug
    outcome = await system.ask(
        slug, SignOut(caller=call.guarded_caller(), session=call.presented(PORTAL_COOKIE + slug))
    )
    if isinstance(outcome, SignedOut):
        cookie = cookies.cleared(
            _cookie(PORTAL_COOKIE + slug, outcome.secure), secure=outcome.secure
        )
        return Reply(200, {"signedOut": True}, cookies=(cookie,))
    return refused(outcome)


_SAID: Final[dict[type[Outcome], Failure]] = {
    KeyRefused: KEY_REQUIRED,
    OriginRefused: Failure(403, "FORBIDDEN", "This request came from another site."),
    SessionRequired: Failure(401, "AUTH_REQUIRED", "Sign in first."),
    NotFound: Failure(404, "NOT_FOUND", "There is no such storefront."),
}


def refused(outcome: Outcome) -> Failure:
    """Put an expected refusal into the portal's words; one table for the whole surface."""
    if isinstance(outcome, TooMany):
        headers = limit_headers(outcome.standing) | retry_headers(outcome.wait_ms)
        return Failure(429, "RATE_LIMITED", "Too many requests; try again later.", headers=headers)
    if isinstance(outcome, SignInRefused):
        message = "The code is wrong or no longer valid."
        return Failure(401, "INVALID_CODE", message, headers=limit_headers(outcome.standing))
    if isinstance(outcome, Invalid):
        return Failure(400, "VALIDATION_ERROR", f"{outcome.name} {outcome.rule}.", outcome.name)
    if isinstance(outcome, Conflict | InvalidTransition):
        code = "CONFLICT" if isinstance(outcome, Conflict) else "INVALID_TRANSITION"
        return Failure(409, code, f"{outcome.reason[:1].upper()}{outcome.reason[1:]}.")
    said = _SAID.get(type(outcome))
    if said is not None:
        return said
    raise TypeError(type(outcome).__name__)


def _signed_in(slug: str, outcome: Outcome) -> Reply | Failure:
    if not isinstance(outcome, SignedIn):
        return refused(outcome)
    return Reply(
        200,
        {"client": client_view(outcome.customer)},
        limit_headers(outcome.standing),
        sign_in_cookies(slug, outcome),
    )


def sign_in_cookies(slug: str, outcome: SignedIn) -> tuple[str, ...]:
    """Write the cookies that a sign-in sets: the session's, and the device's if it is new."""
    secure = outcome.secure
    session = cookies.session_cookie(
        _cookie(PORTAL_COOKIE + slug, secure),
        outcome.secret,
        max_age_seconds=outcome.ttl_seconds,
        secure=secure,
    )
    if outcome.device_secret is None:
        return (session,)
    device = cookies.session_cookie(
        _cookie(DEVICE + slug, secure),
        outcome.device_secret,
        max_age_seconds=outcome.device_ttl_seconds,
        secure=secure,
    )
    return session, device


def slug_of(call: Call, in_body: str | None) -> str | Failure:
    """Tell the storefront: from body or query, else from the one portal cookie there is."""
    in_query = call.query("storefrontSlug")
    named = {slug for slug in (in_body, in_query) if slug is not None}
    if len(named) > 1:
        message = "storefrontSlug differs between body and query."
        return Failure(400, "VALIDATION_ERROR", message, "storefrontSlug")
    slug = named.pop() if named else _slug_of_cookie(call)
    if slug is None:
        message = "storefrontSlug is required."
        return Failure(400, "VALIDATION_ERROR", message, "storefrontSlug")
    if not is_slug(slug):
        return refused(NotFound())
    return slug


def _slug_of_cookie(call: Call) -> str | None:
    names = {name.removeprefix("__Host-") for name in call.cookies}
    slugs = {name.removeprefix(PORTAL_COOKIE) for name in names if name.startswith(PORTAL_COOKIE)}
    return slugs.pop() if len(slugs) == 1 else None


def _email(text: str) -> str | Failure:
    try:
        return canonical(text)
    except NotAnEmail:
        return Failure(400, "VALIDATION_ERROR", "email must be an email address.", "email")


def _cookie(name: str, secure: bool) -> str:  # noqa: FBT001 - part of the name, not a switch
    return f"__Host-{name}" if secure else name


def client_view(customer: CustomerView) -> dict[str, str | None]:
    """Show a customer as ``client`` (contract §2)."""
    return {
        "id": customer.id,
        "email": customer.email,
        "name": customer.name,
        "phone": customer.phone,
        "createdAt": timestamps.iso(customer.created_at_ms),
    }


def _meta(request_id: str) -> dict[str, str]:
    return {"requestId": request_id, "timestamp": timestamps.now()}


ROUTES: Final = (
    ("POST", f"{PREFIX}/request-otp", request_otp),
    ("POST", f"{PREFIX}/verify-otp", verify_otp),
    ("POST", f"{PREFIX}/verify-link", verify_link),
    ("GET", f"{PREFIX}/me", me),
    ("PATCH", f"{PREFIX}/me", update_me),
    ("POST", f"{PREFIX}/signout", sign_out),
)
