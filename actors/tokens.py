"""Secrets made here: how they look, and how they are kept (as SHA-256).

Source: OWASP ASVS 7.2.3 asks for at least 128 random bits; sessions, devices and keys carry 256.
"""

import hashlib
import os
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import lru_cache
from typing import Final
from uuid import UUID

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
    return str(UUID(bytes=random(16), version=4))


def base64url(raw: bytes) -> str:
    """Encode without padding (RFC 4648, section 5)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
