"""Passwords as they are kept: Argon2id (RFC 9106), one lane, written as a PHC string.

Made by libsodium, which takes the widest vectors that the processor it runs on has; argon2-cffi is
built for any processor of its kind, and takes about twice as long for the same hash where there is
AVX-512. The strings are the same.
"""

import base64
import hmac
import re
import secrets
from typing import Final, NamedTuple, Self

from nacl.exceptions import RuntimeError as OutOfMemory
from nacl.exceptions import ValueError as OutOfRange
from nacl.pwhash import argon2id

MEMORY_KIB: Final = 19_456
PASSES: Final = 2
"""m=19 MiB, t=2, p=1 (contract §4; OWASP Password Storage Cheat Sheet)."""
_SALT_BYTES: Final = argon2id.SALTBYTES
_HASH_BYTES: Final = 32
_PHC: Final = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,9}),t=([1-9][0-9]{0,9}),p=1"
    r"\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})"
)


class UnreadableHash(Exception):
    """A stored hash is none that this release makes or has made."""


class _Stored(NamedTuple):
    """What a PHC string says."""

    memory_kib: int
    passes: int
    salt: bytes
    hash: bytes

    @classmethod
    def parsed(cls, text: str) -> Self:
        found = _PHC.fullmatch(text)
        if found is None:
            raise UnreadableHash
        memory_kib, passes, salt, made = found.groups()
        return cls(int(memory_kib), int(passes), _decoded(salt), _decoded(made))

    def __str__(self) -> str:
        return (
            f"$argon2id$v=19$m={self.memory_kib},t={self.passes},p=1"
            f"${_encoded(self.salt)}${_encoded(self.hash)}"
        )


class Argon2id:
    """Makes hashes with parameters of its own, and compares with those of any others.

    Every method that hashes takes tens of milliseconds, without the interpreter's lock, and raises
    ``MemoryError`` where there is no memory for it.
    """

    def __init__(self, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES) -> None:
        """Take parameters for new hashes; the contract's where they are not said."""
        self._memory_kib = memory_kib
        self._passes = passes

    def hash(self, password: str) -> str:
        """Hash a password with a new salt; return a PHC string."""
        salt = secrets.token_bytes(_SALT_BYTES)
        made = _derived(password, salt, self._memory_kib, self._passes)
        return str(_Stored(self._memory_kib, self._passes, salt, made))

    def matches(self, password_hash: str, password: str) -> bool:
        """Tell whether a password is the one that a PHC string was made of.

        Raises:
            UnreadableHash: When that is none; nothing was hashed then.
        """
        stored = _Stored.parsed(password_hash)
        made = _derived(password, stored.salt, stored.memory_kib, stored.passes)
        return hmac.compare_digest(made, stored.hash)

    def is_lesser(self, password_hash: str) -> bool:
        """Tell whether a hash was made with less than is used now; what has more is kept.

        Raises:
            UnreadableHash: When it is none.
        """
        stored = _Stored.parsed(password_hash)
        return stored.memory_kib < self._memory_kib or stored.passes < self._passes


def _derived(password: str, salt: bytes, memory_kib: int, passes: int) -> bytes:
    try:
        return argon2id.kdf(
            _HASH_BYTES, password.encode(), salt, opslimit=passes, memlimit=memory_kib * 1024
        )
    except OutOfRange as error:
        raise UnreadableHash from error
    except OutOfMemory as error:
        raise MemoryError from error


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
