"""Keys that Redis never sees, and what is derived from them.

One master key (32 bytes) per installation, several while it is rotated, newest first. HKDF
(RFC 5869) gives a key per storefront, life of that storefront (``birth``) and purpose. A challenge
remembers which master key it was issued under, so that rotation kills no code in a mailbox.
"""

import hashlib
import hmac
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from doorward.actors.tokens import base64url

KEY_BYTES: Final = 32
CODE_DIGITS: Final = 6
TOKEN_ID_BYTES: Final = 20
"""The random id behind an action or status token: more bits than the 129 that the token shows."""
_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_TOKEN_LENGTH: Final = 25


class Keyring:
    """The master keys and their derivations."""

    def __init__(self, master_keys: Sequence[bytes]) -> None:
        """Take the master keys, newest first.

        Raises:
            ValueError: When there is none, or one is not 32 bytes.
        """
        if not master_keys or any(len(key) != KEY_BYTES for key in master_keys):
            raise ValueError("master keys: at least one, each of 32 bytes")
        self._masters = {_name(key): key for key in master_keys}
        self.newest = _name(master_keys[0])
        # A derivation costs some 10 µs; a storefront in use asks for its keys on every request.
        self._derived = lru_cache(maxsize=4096)(self._derive)
        # A buyer's list names the token of every order in it, and is read again and again.
        self._access = lru_cache(maxsize=16_384)(self._access_token)
        # Apart from the others: whoever sends made-up tokens chooses the lives that are asked for.
        self._token_keys = lru_cache(maxsize=4096)(self._derive)
        self._signing_keys = lru_cache(maxsize=1024)(self._signing_key)

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The master keys held, newest first."""
        return tuple(self._masters)

    def knows(self, key_id: str) -> bool:
        """Tell whether this master key is still held."""
        return key_id in self._masters

    def code(self, key_id: str, storefront: str, challenge_id: bytes) -> str:
        """Derive a challenge's code: RFC 4226's dynamic truncation, of an HMAC-SHA-256.

        Args:
            key_id: The master key the challenge was issued under; must be known.
            storefront: ``slug/birth``.
            challenge_id: Its random id.
        """
        mac = hmac.digest(self._derived(key_id, storefront, "code"), challenge_id, "sha256")
        offset = mac[-1] & 0x0F
        number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFF_FFFF
        return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}d}"

    def link_token(self, key_id: str, storefront: str, challenge_id: bytes) -> str:
        """Derive a challenge's link token: ``l`` and 256 bits as 43 base64url characters."""
        mac = hmac.digest(self._derived(key_id, storefront, "link"), challenge_id, "sha256")
        return "l" + base64url(mac)

    def action_token(self, key_id: str, storefront: str, token_id: bytes) -> str:
        """Derive an action token: ``a`` and 25 of ``[a-z0-9]``, 129 bits.

        Nothing but its SHA-256 is kept, yet a mail can carry it: the job names the id.

        Args:
            key_id: The master key it was minted under; must be known.
            storefront: ``slug/birth``.
            token_id: ``TOKEN_ID_BYTES`` random bytes, fresh for every token.
        """
        return "a" + self._digits(key_id, storefront, "action", token_id)

    def status_token(self, key_id: str, storefront: str, token_id: bytes) -> str:
        """Derive an order-status token: ``o`` and 25 of ``[a-z0-9]``; all as ``action_token``."""
        return "o" + self._digits(key_id, storefront, "status", token_id)

    def password_token(self, key_id: str, storefront: str, token_id: bytes) -> str:
        """Derive a token that sets a password: ``p`` and 25 digits; all as ``action_token``."""
        return "p" + self._digits(key_id, storefront, "password", token_id)

    def _digits(self, key_id: str, storefront: str, purpose: str, token_id: bytes) -> str:
        mac = hmac.digest(self._derived(key_id, storefront, purpose), token_id, "sha256")
        # 256 bits for 129 (36**25): the first digits are more likely than others by 2**-127.
        number = int.from_bytes(mac, "big")
        digits = []
        for _ in range(_TOKEN_LENGTH):
            number, digit = divmod(number, len(_ALPHABET))
            digits.append(_ALPHABET[digit])
        return "".join(digits)

    def access_token(
        self, key_id: str, storefront: str, order: tuple[str, int], *, partition: int
    ) -> str:
        """Derive an order's access token: 44 base64url characters, 256 of their bits secret.

        Args:
            key_id: The master key it was issued under; must be known.
            storefront: ``slug/birth``.
            order: The order's id, and how often its token was replaced.
            partition: Where the token leads (its first byte, ``partitions``).
        """
        return self._access(key_id, storefront, order, partition)

    def _access_token(
        self, key_id: str, storefront: str, order: tuple[str, int], partition: int
    ) -> str:
        derived = self._derived(key_id, storefront, "access")
        mac = hmac.digest(derived, f"{order[0]}/{order[1]}".encode(), "sha256")
        return base64url(bytes([partition]) + mac)

    def token_key(self, key_id: str, storefront: str, typ: str) -> bytes:
        """Derive what JWTs of one type are authenticated with: 256 bits, for HS256.

        Args:
            key_id: A master key; must be known.
            storefront: ``slug/birth``.
            typ: The type of token; each has a key of its own.
        """
        return self._token_keys(key_id, storefront, f"jwt-{typ}")

    def signing_key(self, key_id: str, storefront: str) -> Ed25519PrivateKey:
        """Derive what access tokens are signed with where others check them (RFC 8032, §5.1.5).

        Args:
            key_id: A master key; must be known.
            storefront: ``slug/birth``.
        """
        return self._signing_keys(key_id, storefront)

    def cluster_key(self, key_id: str) -> bytes:
        """Derive what processes of a cluster prove to each other with that they are of one.

        Args:
            key_id: A master key; must be known.
        """
        return self._derived(key_id, "", "cluster")

    def _signing_key(self, key_id: str, storefront: str) -> Ed25519PrivateKey:
        seed = self._derive(key_id, storefront, "jwt-ed25519")
        return Ed25519PrivateKey.from_private_bytes(seed)

    def _derive(self, key_id: str, storefront: str, purpose: str) -> bytes:
        info = f"doorward/1/{purpose}/{storefront}".encode()
        return HKDF(SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self._masters[key_id])


def _name(master_key: bytes) -> str:
    return hashlib.sha256(b"doorward/key-id/" + master_key).hexdigest()[:8]
