"""Signing up, rotating tokens, signing out, setting a forgotten password (contract §4).

A new password never crosses to the storefront: it says whether one may be set, of what length, and
is told the hash.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, NamedTuple

import msgspec

from doorward.actors import jwts, tokens
from doorward.actors.finishing import finish
from doorward.actors.keyring import Keyring
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import Deleted, NotFound
from doorward.actors.messages.store import (
    BeginReset,
    BeginSignUp,
    EndFamily,
    Exchanged,
    ExchangeRefresh,
    FinishReset,
    FinishSignUp,
    ForgetPassword,
    Issues,
    PasswordMailed,
    PasswordSet,
    Person,
    ResetBegun,
    SignUpBegun,
)
from doorward.http import passwords
from doorward.http.beats import on_the_beat
from doorward.http.calls import Call
from doorward.http.hashing import HashingGate
from doorward.http.replies import Failure, Reply, limit_headers
from doorward.http.surface import Handler
from doorward.http.surfaces.store import (
    PREFIX,
    Frame,
    Holder,
    invalid,
    refused,
)
from doorward.http.surfaces.store_logins import canonical_email, login, signed_in
from doorward.http.surfaces.store_views import tokens_view

AUTH: Final = f"{PREFIX}/auth"
_BAD_RESET: Final = "is unknown or no longer valid"


class Parts(NamedTuple):
    """What these calls are made with."""

    gate: HashingGate
    keyring: Keyring


class SignUpBody(msgspec.Struct, rename="camel"):
    """Body of ``signup``."""

    name: str
    email: str
    password: str
    phone_number: str | None = None


class RefreshBody(msgspec.Struct, rename="camel"):
    """Body of ``refresh`` and ``logout``."""

    refresh_token: str


class ForgotBody(msgspec.Struct, rename="camel"):
    """Body of ``password/forgot``."""

    email: str


class ResetBody(msgspec.Struct, rename="camel"):
    """Body of ``password/reset``."""

    token: str
    password: str


async def sign_up(parts: Parts, call: Call, holder: Holder) -> Reply | Failure:
    """Make a customer with a password, and sign them in."""
    body = await call.body(SignUpBody)
    password = passwords.normalised(body.password)
    person = Person(body.name, body.email, body.phone_number)
    begun = await holder.ask(
        BeginSignUp(
            key_digest=holder.key_digest,
            caller=holder.caller,
            origin=holder.origin,
            person=person,
            password_length=len(password),
        )
    )
    refusal = _password_refused(begun, SignUpBegun, password)
    if refusal is not None:
        return refusal
    password_hash = await parts.gate.hash(holder.slug, password)
    outcome = await finish(
        holder.ask(
            FinishSignUp(
                key_digest=holder.key_digest,
                caller=holder.caller,
                origin=holder.origin,
                person=person,
                password_hash=password_hash,
            )
        )
    )
    return signed_in(holder, outcome)


def _password_refused(begun: Outcome, wanted: type[Outcome], password: str) -> Failure | None:
    """Refuse a new password: for what the storefront says and for what only HTTP can see.

    The storefront was asked first, so that also such a call is counted.
    """
    found = [(("password",), rule) for rule in passwords.faults(password)]
    if isinstance(begun, NotFound):
        return invalid((("token",), _BAD_RESET), *found)
    if isinstance(begun, Issues):
        return invalid(*((issue.path, issue.message) for issue in begun.issues), *found)
    if not isinstance(begun, wanted):
        return refused(begun)
    return invalid(*found) if found else None


async def refresh(parts: Parts, call: Call, holder: Holder) -> Reply | Failure:
    """Exchange a refresh token for a fresh pair."""
    body = await call.body(RefreshBody)
    message = ExchangeRefresh(
        key_digest=holder.key_digest,
        caller=holder.caller,
        origin=holder.origin,
        claims=jwts.read(parts.keyring, body.refresh_token, "refresh"),
    )
    # To its end also when the client has gone: it spends the token, whoever is there to hear it.
    outcome = await finish(holder.ask(message))
    if isinstance(outcome, Exchanged):
        return Reply(200, {"tokens": tokens_view(outcome.tokens)})
    return refused(outcome)


async def logout(parts: Parts, call: Call, holder: Holder) -> Reply | Failure:
    """Revoke a refresh token's chain; one that is dead or none of ours is as good."""
    body = await call.body(RefreshBody)
    message = EndFamily(
        key_digest=holder.key_digest,
        caller=holder.caller,
        origin=holder.origin,
        claims=jwts.read(parts.keyring, body.refresh_token, "refresh"),
    )
    outcome = await holder.ask(message)
    return Reply(204, None) if isinstance(outcome, Deleted) else refused(outcome)


@on_the_beat(200)
async def forgot(call: Call, holder: Holder) -> Reply | Failure:
    """Mail a link that sets a password, to whom one may be mailed; the answer never says."""
    body = await call.body(ForgotBody)
    message = ForgetPassword(
        key_digest=holder.key_digest,
        caller=holder.caller,
        origin=holder.origin,
        email=canonical_email(body.email),
    )
    outcome = await holder.ask(message)
    if not isinstance(outcome, PasswordMailed):
        return refused(outcome)
    said = {"message": "If this address has an account here, an email is on its way."}
    return Reply(200, said, limit_headers(outcome.standing))


async def reset(parts: Parts, call: Call, holder: Holder) -> Reply | Failure:
    """Set a password by a mailed token."""
    body = await call.body(ResetBody)
    password = passwords.normalised(body.password)
    token_digest = tokens.digest(body.token)
    begun = await holder.ask(
        BeginReset(
            key_digest=holder.key_digest,
            caller=holder.caller,
            origin=holder.origin,
            token_digest=token_digest,
            password_length=len(password),
        )
    )
    refusal = _password_refused(begun, ResetBegun, password)
    if refusal is not None:
        return refusal
    outcome = await finish(
        holder.ask(
            FinishReset(
                key_digest=holder.key_digest,
                caller=holder.caller,
                origin=holder.origin,
                token_digest=token_digest,
                password_hash=await parts.gate.hash(holder.slug, password),
            )
        )
    )
    if isinstance(outcome, NotFound):
        return invalid((("token",), _BAD_RESET))
    return Reply(204, None) if isinstance(outcome, PasswordSet) else refused(outcome)


def routes(frame: Frame, parts: Parts) -> list[tuple[str, str, Handler]]:
    """List these calls."""
    calls: dict[str, Callable[[Call, Holder], Awaitable[Reply | Failure]]] = {
        "signup": partial(sign_up, parts),
        "login": partial(login, parts.gate),
        "refresh": partial(refresh, parts),
        "logout": partial(logout, parts),
        "password/forgot": forgot,
        "password/reset": partial(reset, parts),
    }
    return [("POST", f"{AUTH}/{path}", frame.keyed(handling)) for path, handling in calls.items()]
