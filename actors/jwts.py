"""The store surface's tokens: JWTs that only this installation makes, and only we decide how.

Of the same claims and keys a token is always the same, byte for byte: HMAC and Ed25519 leave
nothing to chance, and we spell JSON in one way. So to read one is to make it once more and compare:
what a token says of itself is believed of one thing only, which of *our* keys to make it with. No
spelling of an algorithm, no key that a header brings, no member that comes twice and no odd
base64url can pass, since none of it is what we would have written. A key is of one master key, one
storefront's life and one type of token, so a token of another one differs in its last part.

That is done by hand because it is so little: a library reads a token in 70 µs, this in 10, and an
exchange reads one and makes two. The tests hold every token against PyJWT.

Times are not looked at: the storefront does, by its own clock.

Sources: RFC 7515, RFC 7519, RFC 8037; RFC 8725 §3.1 (algorithms), §3.8-3.12 (issuer, subject,
audience, keys in headers, explicit types); OWASP ASVS 9.1.1-9.2.4.
"""

import hmac
from base64 import urlsafe_b64decode
from functools import lru_cache
from typing import Annotated, Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from doorward.actors.keyring import Keyring
from doorward.actors.messages.store import Claims
from doorward.actors.tokens import base64url

Typ = Literal["access", "refresh"]

ISSUER: Final = "doorward"
AUDIENCE: Final = "store"
LONGEST: Final = 2_048
"""Characters; ours have some 500, and nobody computes over more for a stranger."""
_LATEST: Final = 253_402_300_799
"""The end of the year 9999, in seconds: a later time could not be shown (RFC 3339)."""

_ALGORITHMS: Final = {"h": "HS256", "e": "EdDSA"}
_LETTERS: Final[dict[Typ, str]] = {"access": "he", "refresh": "h"}
_PARTS: Final = 3

_Id = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9-]{1,64}\Z")]
_Life = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9-]{3,40}/[0-9a-f]{1,64}\Z")]
_Seconds = Annotated[int, msgspec.Meta(ge=0, le=_LATEST)]


class _Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What a token says, in the order in which it is written."""

    iss: Literal["doorward"]
    aud: Literal["store"]
    sub: _Id
    shop: _Life
    typ: Typ
    iat: _Seconds
    exp: _Seconds
    jti: _Id
    fam: _Id


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(_Payload)


def mint(keyring: Keyring, claims: Claims, *, public: bool = False) -> str:
    """Make a token: of the same claims and keys always the same, byte for byte.

    Args:
        keyring: Its newest master key signs.
        claims: What it says; the life must be the storefront's own.
        public: Whether others can check it (Ed25519); else only we (HMAC-SHA-256).

    Raises:
        ValueError: When a refresh token is to be public: only we may read one.
    """
    if public and claims.typ != "access":
        raise ValueError("only access tokens are signed for others")
    payload = _Payload(
        iss=ISSUER,
        aud=AUDIENCE,
        sub=claims.subject,
        shop=claims.life,
        typ=claims.typ,
        iat=claims.issued_at,
        exp=claims.expires_at,
        jti=claims.jti,
        fam=claims.family,
    )
    return _made(keyring, "e" if public else "h", keyring.newest, payload)


def read(keyring: Keyring, token: str, typ: Typ) -> Claims | None:
    """Read a token of this type; None when it is not one that we made, whole and unchanged.

    Args:
        keyring: The master keys; a token under one that is held no more is not ours.
        token: What was presented, anything.
        typ: The only type that is good here.

    Returns:
        What it says. Neither its times nor whether its storefront is the one that was called are
        looked at.
    """
    try:
        return _known(keyring, token) if typ == "access" else _checked(keyring, token, typ)
    except _NotOurs:
        return None


class _NotOurs(Exception):
    """A token that we did not make."""


# A page asks with the same access token until it expires, and what it says cannot change. Tokens
# that are not ours are not remembered: an exception is not.
@lru_cache(maxsize=4_096)
def _known(keyring: Keyring, token: str) -> Claims:
    return _checked(keyring, token, "access")


def _checked(keyring: Keyring, token: str, typ: Typ) -> Claims:
    parts = token.split(".", _PARTS) if len(token) <= LONGEST and token.isascii() else []
    if len(parts) != _PARTS:
        raise _NotOurs
    key = _keys_by_header(keyring.key_ids).get(parts[0])
    payload = _decoded(parts[1])
    if key is None or payload is None or payload.typ != typ or key[0] not in _LETTERS[typ]:
        raise _NotOurs
    if not hmac.compare_digest(_made(keyring, *key, payload), token):
        raise _NotOurs
    return Claims(
        typ=payload.typ,
        life=payload.shop,
        subject=payload.sub,
        family=payload.fam,
        jti=payload.jti,
        issued_at=payload.iat,
        expires_at=payload.exp,
    )


def public_keys(keyring: Keyring, life: str) -> list[dict[str, str]]:
    """List what others check a storefront's access tokens with, as JWKs (RFC 7517, RFC 8037).

    There is one for every master key held. A new master key is listed second until everybody has
    fetched its public key, and signs once it is listed first.
    """
    return [
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": base64url(_raw(keyring.signing_key(key_id, life).public_key())),
            "kid": f"e-{key_id}",
            "alg": _ALGORITHMS["e"],
            "use": "sig",
        }
        for key_id in keyring.key_ids
    ]


def _made(keyring: Keyring, letter: str, key_id: str, payload: _Payload) -> str:
    """Write a token down: header, payload and signature (RFC 7515 §3.1, compact)."""
    said = f"{_header(letter, key_id)}.{base64url(_encoder.encode(payload))}"
    if letter == "e":
        signature = keyring.signing_key(key_id, payload.shop).sign(said.encode())
    else:
        key = keyring.token_key(key_id, payload.shop, payload.typ)
        signature = hmac.digest(key, said.encode(), "sha256")
    return f"{said}.{base64url(signature)}"


@lru_cache(maxsize=64)
def _header(letter: str, key_id: str) -> str:
    header = {"alg": _ALGORITHMS[letter], "typ": "JWT", "kid": f"{letter}-{key_id}"}
    return base64url(_encoder.encode(header))


@lru_cache(maxsize=8)
def _keys_by_header(key_ids: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """Tell which key each header names that a token of ours can have."""
    return {
        _header(letter, key_id): (letter, key_id) for letter in _ALGORITHMS for key_id in key_ids
    }


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _decoded(segment: str) -> _Payload | None:
    """Read what a token says; how it is spelled shows when it is made once more."""
    try:
        return _decoder.decode(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except ValueError:
        return None
