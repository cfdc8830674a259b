"""Signing in and out on the account surface: one neutral answer, two secrets (contract §3)."""

from typing import Final

from doorward.actors import tokens
from doorward.actors.emails import NotAnEmail, canonical
from doorward.actors.messages.account import (
    AccountSignedIn,
    Logout,
    Requested,
    RequestSignIn,
    VerifySignIn,
)
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.sign_in import SignedOut
from doorward.http import timestamps
from doorward.http.beats import on_the_beat
from doorward.http.calls import Call, Malformed
from doorward.http.edge import cookies
from doorward.http.replies import Failure, Reply, limit_headers
from doorward.http.surface import Handler
from doorward.http.surfaces.account import (
    CUSTOMER_COOKIE,
    PREFIX,
    SIGN_IN_PREFIX,
    Addressed,
    Hinting,
    Nothing,
    acting,
    addressed,
    credentials,
    refused,
)
from doorward.http.surfaces.portal import DEVICE

_SENT: Final = "If this address can sign in here, an email is on its way."


class MailWanted(Hinting):
    """Body of ``request-link`` and ``request-otp``."""

    email: str


class Proof(Hinting):
    """Body of ``verify``: a link's token, or an email with its code."""

    token: str | None = None
    email: str | None = None
    code: str | None = None


@on_the_beat(200)
async def request_link(call: Call, storefront: Addressed) -> Reply | Failure:
    """Mail a link and a code beside it, to whom they may be mailed; the answer never says."""
    return await _request(call, storefront, with_link=True)


@on_the_beat(200)
async def request_otp(call: Call, storefront: Addressed) -> Reply | Failure:
    """Mail a code, to whom one may be mailed; the answer never says."""
    return await _request(call, storefront, with_link=False)


async def _request(call: Call, storefront: Addressed, *, with_link: bool) -> Reply | Failure:
    body = await call.body(MailWanted)
    storefront.agree(body)
    outcome = await storefront.ask(
        RequestSignIn(
            email=_canonical(body.email),
            caller=acting(call),
            with_link=with_link,
            device=call.presented(DEVICE + storefront.slug),
        )
    )
    if isinstance(outcome, Requested):
        return Reply(200, {"message": _SENT}, limit_headers(outcome.standing))
    return refused(outcome)


@on_the_beat(401)
async def verify(call: Call, storefront: Addressed) -> Reply | Failure:
    """Sign in with what was mailed: a fresh session, by cookie and by bearer."""
    body = await call.body(Proof)
    storefront.agree(body)
    outcome = await storefront.ask(_verification(call, storefront.slug, body))
    return _signed_in(storefront.slug, outcome)


async def logout(call: Call, storefront: Addressed) -> Reply | Failure:
    """End the session, by whichever of its secrets; ending none is fine."""
    storefront.agree(await call.body(Nothing))
    slug = storefront.slug
    outcome = await storefront.ask(
        Logout(caller=acting(call), presented=credentials(call, slug)),
    )
    if isinstance(outcome, SignedOut):
        return Reply(204, None, cookies=(cleared_cookie(slug, secure=outcome.secure),))
    return refused(outcome)


def _verification(call: Call, slug: str, body: Proof) -> VerifySignIn:
    """Write the message; of the two ways to sign in, exactly one must be taken.

    Raises:
        Malformed: When it is none, both or half of one.
        Forbidden: When a page of another origin sends it: the answer would set a cookie.
    """
    by_code = body.email is not None or body.code is not None
    if (body.token is not None) is by_code:
        raise Malformed("body", "must have either token, or email and code")
    if by_code and (body.email is None or body.code is None):
        raise Malformed("email" if body.email is None else "code", "is required")
    return VerifySignIn(
        caller=call.guarded_caller(),
        token_digest=None if body.token is None else tokens.digest(body.token),
        email=None if body.email is None else _canonical(body.email),
        code=body.code,
        presented=credentials(call, slug),
        device=call.presented(DEVICE + slug),
    )


def _signed_in(slug: str, outcome: Outcome) -> Reply | Failure:
    if not isinstance(outcome, AccountSignedIn):
        return refused(outcome)
    shown = {
        "token": outcome.bearer_secret,
        "expiresAt": timestamps.iso(outcome.expires_at_ms),
        "customerId": outcome.account.id,
    }
    return Reply(200, shown, limit_headers(outcome.standing), sign_in_cookies(slug, outcome))


def sign_in_cookies(slug: str, outcome: AccountSignedIn) -> tuple[str, ...]:
    """Write the cookies that a sign-in sets: the session's, and the device's if it is new."""
    secure = outcome.secure
    session = cookies.session_cookie(
        _named(CUSTOMER_COOKIE + slug, secure=secure),
        outcome.cookie_secret,
        max_age_seconds=outcome.ttl_seconds,
        secure=secure,
    )
    if outcome.device_secret is None:
        return (session,)
    device = cookies.session_cookie(
        _named(DEVICE + slug, secure=secure),
        outcome.device_secret,
        max_age_seconds=outcome.device_ttl_seconds,
        secure=secure,
    )
    return session, device


def cleared_cookie(slug: str, *, secure: bool) -> str:
    """Write what removes the session's cookie."""
    return cookies.cleared(_named(CUSTOMER_COOKIE + slug, secure=secure), secure=secure)


def _named(name: str, *, secure: bool) -> str:
    # By the portal's rule: over plain http no browser keeps a cookie called __Host-.
    return f"__Host-{name}" if secure else name


def _canonical(email: str) -> str:
    try:
        return canonical(email)
    except NotAnEmail:
        raise Malformed("email", "must be an email address") from None


_AUTH: Final = f"{SIGN_IN_PREFIX}/auth"
ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("POST", f"{_AUTH}/request-link", addressed(request_link)),
    ("POST", f"{_AUTH}/request-otp", addressed(request_otp)),
    ("POST", f"{_AUTH}/verify", addressed(verify)),
    ("POST", f"{PREFIX}/auth/logout", addressed(logout)),
)
