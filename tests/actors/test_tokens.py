import hashlib
import os
import re
from random import Random
from uuid import RFC_4122, UUID

import pytest

from doorward.actors import tokens
from doorward.actors.tokens import Chance


def test_a_secret_is_256_bits_in_base64url() -> None:
    secrets = {tokens.secret(os.urandom) for _ in range(1_000)}

    assert len(secrets) == 1_000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", secret) for secret in secrets)


def test_a_bearer_leads_to_its_session_and_holds_256_bits_of_its_own() -> None:
    session = tokens.digest("cookie")
    bearers = {tokens.bearer(session, os.urandom) for _ in range(1_000)}

    assert len(bearers) == 1_000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{86}", bearer) for bearer in bearers)
    assert {tokens.session_of(bearer) for bearer in bearers} == {session}


@pytest.mark.parametrize(
    "token", ["", "A", "A" * 43, "A" * 85, "A" * 87, "A" * 172, "!" * 86, "A" * 85 + "!", "="]
)
def test_what_is_no_bearer_leads_nowhere(token: str) -> None:
    assert tokens.session_of(token) == ""


def test_a_digest_is_sha_256() -> None:
    assert tokens.digest("secret") == hashlib.sha256(b"secret").hexdigest()


def test_emails_and_addresses_are_named_by_half_a_digest() -> None:
    name = hashlib.sha256(b"ann@example.org").hexdigest()[:32]

    assert tokens.email_id("ann@example.org") == name
    assert tokens.address_id("ann@example.org") == name


def test_an_identifier_is_a_random_uuid() -> None:
    first, second = tokens.identifier(os.urandom), tokens.identifier(os.urandom)

    assert UUID(first).version == UUID(second).version == 4
    assert UUID(first).variant == RFC_4122
    assert str(UUID(first)) == first
    assert first != second
    assert tokens.identifier(Random(1).randbytes) == tokens.identifier(Random(1).randbytes)


@pytest.mark.parametrize(("raw", "text"), [(b"", ""), (b"\xff\xfe\xfd", "__79"), (b"a", "YQ")])
def test_base64url_has_no_padding(raw: bytes, text: str) -> None:
    assert tokens.base64url(raw) == text


def test_chance_hands_out_no_byte_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[bytes] = []

    def draw(count: int) -> bytes:
        drawn.append(Random(len(drawn)).randbytes(count))
        return drawn[-1]

    monkeypatch.setattr(os, "urandom", draw)
    chance = Chance()
    sizes = [16, 32, 8, 2, 4_096, 1, 4_095, 2, 32] * 5

    handed = [chance(size) for size in sizes]

    source, place = b"".join(drawn), 0
    for piece, size in zip(handed, sizes, strict=True):
        assert len(piece) == size
        place = source.index(piece, place) + size


def test_chance_is_the_systems_own() -> None:
    chance = Chance()

    pieces = {chance(16) for _ in range(2_000)}

    assert len(pieces) == 2_000
    assert Chance()(16) not in pieces
