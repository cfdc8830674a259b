"""Whether a shopper's token is good, for the merchant's own backend (RFC 7662)."""

from functools import partial
from typing import Any, Final

import msgspec

from doorward.actors import jwts
from doorward.actors.keyring import Keyring
from doorward.actors.messages.store import Claims, Introspect, Introspected
from doorward.http.calls import Call, Malformed
from doorward.http.pages import forms
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler
from doorward.http.surfaces.merchant_keys import Holder, keyed, refused

INTROSPECT: Final = "/api/v1/merchant/introspect"


class TokenBody(msgspec.Struct):
    """The question as JSON; RFC 7662 asks by a form."""

    token: str


async def introspect(keyring: Keyring, call: Call, holder: Holder) -> Reply | Failure:
    """Tell whether a token is good, and what it says; of a bad one never why."""
    token = await _token(call)
    claims = jwts.read(keyring, token, "access") or jwts.read(keyring, token, "refresh")
    outcome = await holder.ask(Introspect(key_digest=holder.key_digest, claims=claims))
    if not isinstance(outcome, Introspected):
        return refused(outcome)
    if not outcome.active or outcome.claims is None:
        return Reply(200, {"active": False})
    return Reply(200, _shown(outcome.claims))


def _shown(claims: Claims) -> dict[str, Any]:
    return {
        "active": True,
        "token_type": "Bearer" if claims.typ == "access" else "refresh_token",
        "typ": claims.typ,
        "iss": jwts.ISSUER,
        "aud": jwts.AUDIENCE,
        "sub": claims.subject,
        "fam": claims.family,
        "jti": claims.jti,
        "iat": claims.issued_at,
        "exp": claims.expires_at,
    }


async def _token(call: Call) -> str:
    if call.request.content_type != forms.URL_ENCODED:
        return (await call.body(TokenBody)).token
    token = (await forms.read(call.request)).get("token")
    if token is None:
        raise Malformed("token", "is required")
    return token


def routes(keyring: Keyring) -> list[tuple[str, str, Handler]]:
    """List this call."""
    return [("POST", INTROSPECT, keyed(partial(introspect, keyring)))]
