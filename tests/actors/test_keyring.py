import hashlib
import hmac
import re
from collections import Counter

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from doorward.actors.keyring import Keyring

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
LIFE = "alpha/0011223344556677"


def test_a_code_is_six_digits_by_the_dynamic_truncation_of_rfc_4226() -> None:
    ring = Keyring([OLD])
    info = f"doorward/1/code/{LIFE}".encode()
    key = HKDF(SHA256(), length=32, salt=None, info=info).derive(OLD)
    mac = hmac.new(key, b"challenge", hashlib.sha256).digest()
    start = mac[-1] % 16
    number = int.from_bytes(mac[start : start + 4], "big") % 2**31

    assert ring.code(ring.newest, LIFE, b"challenge") == f"{number % 1_000_000:06d}"


@given(st.binary(min_size=16, max_size=16))
def test_a_code_is_always_six_digits_and_the_same(challenge_id: bytes) -> None:
    ring = Keyring([OLD])
    code = ring.code(ring.newest, LIFE, challenge_id)

    assert re.fullmatch(r"[0-9]{6}", code)
    assert Keyring([OLD]).code(ring.newest, LIFE, challenge_id) == code


def test_a_link_token_is_256_bits_in_base64url() -> None:
    ring = Keyring([OLD])

    tokens = {ring.link_token(ring.newest, LIFE, bytes([n])) for n in range(200)}

    assert len(tokens) == 200
    assert all(re.fullmatch(r"l[A-Za-z0-9_-]{43}", token) for token in tokens)


@pytest.mark.parametrize(("family", "letter"), [("action_token", "a"), ("status_token", "o")])
def test_an_action_or_status_token_is_a_letter_and_25_digits_of_129_bits(
    family: str, letter: str
) -> None:
    ring = Keyring([OLD])
    derive = getattr(ring, family)

    tokens = [derive(ring.newest, LIFE, number.to_bytes(20, "big")) for number in range(4_000)]

    assert all(re.fullmatch(letter + "[a-z0-9]{25}", token) for token in tokens)
    assert len(set(tokens)) == 4_000
    for place in range(1, 26):
        counts = Counter(token[place] for token in tokens)
        # 36 digits: the chance of a sum of squares like this is below one in a million.
        assert len(counts) == 36
        assert sum((count - 4_000 / 36) ** 2 for count in counts.values()) / (4_000 / 36) < 90


def test_every_family_storefront_life_and_key_has_tokens_of_its_own() -> None:
    ring = Keyring([NEW, OLD])
    old = Keyring([OLD]).newest

    tokens = {
        derive(key_id, life, token_id)[1:]
        for derive in (ring.action_token, ring.status_token)
        for key_id in (ring.newest, old)
        for life in (LIFE, "alpha/0000000000000000", "bravo/0011223344556677")
        for token_id in (b"1" * 20, b"2" * 20)
    }

    assert len(tokens) == 24
    assert ring.action_token(old, LIFE, b"1" * 20) == Keyring([OLD]).action_token(
        old, LIFE, b"1" * 20
    )


def test_every_storefront_life_key_and_challenge_has_its_own_secrets() -> None:
    ring = Keyring([NEW, OLD])
    old = Keyring([OLD]).newest

    tokens = {
        ring.link_token(key_id, life, challenge)
        for key_id in (ring.newest, old)
        for life in (LIFE, "alpha/0000000000000000", "bravo/0011223344556677")
        for challenge in (b"1", b"2")
    }

    assert len(tokens) == 12


def test_a_challenge_of_an_older_key_is_still_answered() -> None:
    before, after = Keyring([OLD]), Keyring([NEW, OLD])

    assert after.newest != before.newest
    assert after.knows(before.newest)
    assert after.code(before.newest, LIFE, b"1") == before.code(before.newest, LIFE, b"1")


def test_a_key_that_was_taken_away_is_not_known() -> None:
    gone = Keyring([OLD]).newest
    ring = Keyring([NEW])

    assert not ring.knows(gone)
    with pytest.raises(KeyError):
        ring.code(gone, LIFE, b"1")


def test_a_keys_name_tells_nothing_of_the_key() -> None:
    name = Keyring([OLD]).newest

    assert re.fullmatch(r"[0-9a-f]{8}", name)
    assert name not in OLD.hex()


@pytest.mark.parametrize("keys", [[], [b""], [b"x" * 31], [b"x" * 33], [OLD, b"short"]])
def test_master_keys_have_32_bytes(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring(keys)
