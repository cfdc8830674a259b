"""Secrets made here: how they look, and how they are kept (as SHA-256).

Source: OWASP ASVS 7.2.3 asks for at least 128 random bits; sessions, devices and keys carry 256.
"""

import hashlib
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from functools import lru_cache
from typing import Final

Random = Callable[[int], bytes]
"""So many random bytes; ``secrets.token_bytes`` outside the tests."""

SECRET_BYTES: Final = 32
_DRAWN_BYTES: Final = 4096


class Chance:
    """The system's random bytes, drawn by the page: a call of the kernel for each took 1 µs.

    For one event loop of one process; no byte is handed out twice.
    """

    __slots__ = ("_bytes", "_used")

    def __init__(self) -> None:
        self._bytes = b""
        self._used = 0

    def __call__(self, count: int) -> bytes:
        """Draw ``count`` bytes, at most 4096."""
        end = self._used + count
        if end > len(self._bytes):
            self._bytes = os.urandom(_DRAWN_BYTES)
            self._used, end = 0, count
        drawn = self._bytes[self._used : end]
        self._used = end
        return drawn


def secret(random: Random) -> str:
    """Make a secret: 256 random bits as 43 base64url characters."""
    return base64url(random(SECRET_BYTES))


def bearer(session: str, random: Random) -> str:
    """Make the other secret of a session: 86 base64url characters.

    Its first half is where the session is found, the SHA-256 of the session's first secret; its
    second half is 256 random bits, and all that is secret about it.

    Args:
        session: That SHA-256, 64 hex digits.
        random: Chance.
    """
    return base64url(bytes.fromhex(session) + random(SECRET_BYTES))


def session_of(token: str) -> str:
    """Tell which session a bearer says it is of; empty when it is no bearer."""
    try:
        raw = urlsafe_b64decode(token + "==")
    except ValueError:
        return ""
    return raw[:SECRET_BYTES].hex() if len(raw) == 2 * SECRET_BYTES else ""


def digest(token: str) -> str:
    """Hash a secret for keeping and finding it: SHA-256, 64 hex digits."""
    return hashlib.sha256(token.encode()).hexdigest()


@lru_cache(maxsize=4096)
def email_id(email: str) -> str:
    """Name the record of a canonical email: the first half of its SHA-256, 32 hex digits.

    Not a secret: a dump's reader who guesses the email can find its record. It keeps raw client
    input out of key names. (Remembered because a turn that missed its record runs again.)
    """
    return hashlib.sha256(email.encode()).hexdigest()[:32]


address_id = email_id


def identifier(random: Random) -> str:
    """Make a public identifier: a random UUID (RFC 9562, version 4)."""
    raw = bytearray(random(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def base64url(raw: bytes) -> str:
    """Encode without padding (RFC 4648, section 5)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
