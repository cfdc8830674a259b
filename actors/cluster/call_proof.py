"""How an HTTP process and a host prove to each other that they are of one cluster.

Both hold the master keys, and nobody else does. The host sends a challenge; the HTTP process
answers with one of its own and an HMAC-SHA-256 of both, under a key that is derived for nothing
else; the host answers with another. Neither a recording nor a reflection of it opens anything: both
sides contribute 32 fresh random bytes, and the two HMACs say whose they are.

It proves who is on the connection, and neither hides nor seals what follows: that is as private,
and as safe from change, as the network, like everything that Ray sends.
"""

import hmac
from typing import Final

from doorward.actors.keyring import Keyring

NONCE_BYTES: Final = 32
_KEY_ID_BYTES: Final = 8
_PROOF_BYTES: Final = 32


def proof(keyring: Keyring, challenge: bytes, nonce: bytes) -> bytes:
    """Answer a host's challenge: the key's id, our own nonce, and the proof."""
    key_id = keyring.newest
    return key_id.encode() + nonce + _mac(keyring, key_id, "http", challenge + nonce)


def welcome(keyring: Keyring, challenge: bytes, given: bytes) -> bytes | None:
    """Check an HTTP process's proof, and answer it; None where it proves nothing."""
    if len(given) != _KEY_ID_BYTES + NONCE_BYTES + _PROOF_BYTES:
        return None
    key_id = given[:_KEY_ID_BYTES].decode("ascii", "replace")
    nonce = given[_KEY_ID_BYTES:-_PROOF_BYTES]
    if not keyring.knows(key_id):
        return None
    expected = _mac(keyring, key_id, "http", challenge + nonce)
    if not hmac.compare_digest(expected, given[-_PROOF_BYTES:]):
        return None
    return _mac(keyring, key_id, "host", challenge + nonce)


def is_welcome(keyring: Keyring, challenge: bytes, nonce: bytes, given: bytes) -> bool:
    """Check a host's answer to our own proof."""
    expected = _mac(keyring, keyring.newest, "host", challenge + nonce)
    return hmac.compare_digest(expected, given)


def _mac(keyring: Keyring, key_id: str, whose: str, said: bytes) -> bytes:
    return hmac.digest(keyring.cluster_key(key_id), whose.encode() + said, "sha256")
