"""What is taken for one of our tokens, and all that is not."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from doorward.actors import jwts
from doorward.actors.keyring import Keyring
from doorward.actors.messages.store import Claims

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
LIFE = "alpha/0011223344556677"
OTHER_LIFE = "bravo/0011223344556677"
RING = Keyring([OLD])
KEY_ID = RING.newest
ACCESS = Claims(
    typ="access",
    life=LIFE,
    subject="5b0f3b0e-0000-4000-8000-000000000000",
    family="0-" + "ab" * 16,
    jti="cd" * 16,
    issued_at=1_700_000_000,
    expires_at=1_700_003_600,
)
REFRESH = replace(ACCESS, typ="refresh", expires_at=1_702_592_000)
HEADER = {"alg": "HS256", "typ": "JWT", "kid": f"h-{KEY_ID}"}
HEADER_E = HEADER | {"alg": "EdDSA", "kid": f"e-{KEY_ID}"}
PAYLOAD = {
    "iss": "doorward",
    "aud": "store",
    "sub": ACCESS.subject,
    "shop": LIFE,
    "typ": "access",
    "iat": ACCESS.issued_at,
    "exp": ACCESS.expires_at,
    "jti": ACCESS.jti,
    "fam": ACCESS.family,
}
Part = dict[str, object] | bytes | str


def derived(purpose: str, life: str = LIFE, master: bytes = OLD) -> bytes:
    info = f"doorward/1/{purpose}/{life}".encode()
    return HKDF(SHA256(), length=32, salt=None, info=info).derive(master)


KEY = derived("jwt-access")
SIGNING_KEY = Ed25519PrivateKey.from_private_bytes(derived("jwt-ed25519"))


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def part(value: Part) -> str:
    if isinstance(value, dict):
        value = json.dumps(value, separators=(",", ":"))
    return b64(value.encode() if isinstance(value, str) else value)


def forged(
    header: Part = HEADER, payload: Part = PAYLOAD, key: bytes = KEY, mac: str = "sha256"
) -> str:
    """Make a token whose signature is good for the key, whatever it says."""
    signed = f"{part(header)}.{part(payload)}"
    return f"{signed}.{b64(hmac.digest(key, signed.encode(), mac))}"


def forged_of(head: str, body: str) -> str:
    """Make a token of parts as they are spelled, with a signature that is good for them."""
    return f"{head}.{body}.{b64(hmac.digest(KEY, f'{head}.{body}'.encode(), 'sha256'))}"


def signed_by_ed25519(header: Part, payload: Part = PAYLOAD) -> str:
    signed = f"{part(header)}.{part(payload)}"
    return f"{signed}.{b64(SIGNING_KEY.sign(signed.encode()))}"


def with_header(**members: object) -> str:
    return forged(header=HEADER | members)


def with_payload(**members: object) -> str:
    return forged(payload=PAYLOAD | members)


def without(name: str) -> str:
    return forged(payload={key: value for key, value in PAYLOAD.items() if key != name})


def text(members: dict[str, object], old: str, new: str) -> str:
    spelled = json.dumps(members, separators=(",", ":"))
    assert old in spelled
    return spelled.replace(old, new, 1)


GOOD = forged()
HEAD, BODY, MAC = GOOD.split(".")
PUBLIC = jwts.mint(RING, ACCESS, public=True)
PUBLIC_BYTES = SIGNING_KEY.public_key().public_bytes_raw()
LAST = MAC[-1]
"""The last of 43 characters carries four bits; the other two must be zero."""
OTHER_SPELLING = MAC[:-1] + chr(ord(LAST) + 1)


def test_what_is_minted_is_what_is_read() -> None:
    for claims, public in ((ACCESS, False), (ACCESS, True), (REFRESH, False)):
        token = jwts.mint(RING, claims, public=public)

        assert jwts.read(RING, token, claims.typ) == claims
        assert jwts.mint(Keyring([OLD]), claims, public=public) == token


def test_a_token_says_what_the_contract_lists_and_no_more() -> None:
    header, payload, mac = jwts.mint(RING, ACCESS).split(".")

    assert json.loads(urlsafe_b64decode(header + "==")) == HEADER
    assert json.loads(urlsafe_b64decode(payload + "==")) == PAYLOAD
    assert b64(hmac.digest(KEY, f"{header}.{payload}".encode(), hashlib.sha256)) == mac


def test_the_forger_of_these_tests_forges_well() -> None:
    assert jwts.read(RING, GOOD, "access") == ACCESS
    assert jwts.read(RING, signed_by_ed25519(HEADER_E), "access") == ACCESS


def test_others_can_check_an_access_token_with_the_published_key() -> None:
    (published,) = jwts.public_keys(RING, LIFE)

    key = jwt.PyJWK.from_dict(published)
    said = jwt.decode(
        PUBLIC,
        key,
        algorithms=["EdDSA"],
        audience="store",
        issuer="doorward",
        options={"verify_exp": False},
    )

    assert jwt.get_unverified_header(PUBLIC)["kid"] == published["kid"]
    assert said == PAYLOAD
    assert published == {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": b64(PUBLIC_BYTES),
        "kid": f"e-{KEY_ID}",
        "alg": "EdDSA",
        "use": "sig",
    }


def test_a_new_master_key_is_published_before_it_signs() -> None:
    newcomer = Keyring([NEW]).newest
    listed_second, listed_first = Keyring([OLD, NEW]), Keyring([NEW, OLD])

    kids = [each["kid"] for each in jwts.public_keys(listed_second, LIFE)]
    before = jwts.mint(listed_second, ACCESS, public=True)
    after = jwts.mint(listed_first, ACCESS, public=True)

    assert kids == [f"e-{KEY_ID}", f"e-{newcomer}"]
    assert jwt.get_unverified_header(before)["kid"] == f"e-{KEY_ID}"
    assert jwt.get_unverified_header(after)["kid"] == f"e-{newcomer}"


@pytest.mark.parametrize("public", [False, True])
def test_rotation_keeps_tokens_and_a_removed_key_ends_them(public: bool) -> None:  # noqa: FBT001
    token = jwts.mint(RING, ACCESS, public=public)

    assert jwts.read(Keyring([NEW, OLD]), token, "access") == ACCESS
    assert jwts.read(Keyring([bytes(32), NEW, OLD]), token, "access") == ACCESS
    assert jwts.read(Keyring([NEW]), token, "access") is None


def test_no_refresh_token_is_made_for_others_to_check() -> None:
    with pytest.raises(ValueError, match="only access tokens"):
        jwts.mint(RING, REFRESH, public=True)


def test_the_keys_of_storefronts_lives_and_types_differ() -> None:
    lives = (LIFE, OTHER_LIFE, "alpha/ffffffffffffffff")
    keys = {RING.token_key(KEY_ID, life, typ) for life in lives for typ in ("access", "refresh")}
    public = {jwts.public_keys(RING, life)[0]["x"] for life in lives}

    assert len(keys) == 6
    assert len(public) == 3
    assert all(len(key) * 8 == 256 for key in keys)


FORGERIES: dict[str, str] = {
    # --- algorithms ---
    "alg none, unsigned": f"{part(HEADER | {'alg': 'none'})}.{BODY}.",
    "alg none, signed": with_header(alg="none"),
    "alg None": with_header(alg="None"),
    "alg NONE": with_header(alg="NONE"),
    "alg nOnE": with_header(alg="nOnE"),
    "alg hs256": with_header(alg="hs256"),
    "alg with a blank": with_header(alg="HS256 "),
    "alg empty": with_header(alg=""),
    "alg null": with_header(alg=None),
    "alg a list": with_header(alg=["HS256"]),
    "alg a number": with_header(alg=256),
    "alg absent": forged(header={"typ": "JWT", "kid": HEADER["kid"]}),
    "alg HS384": forged(header=HEADER | {"alg": "HS384"}, mac="sha384"),
    "alg HS512": forged(header=HEADER | {"alg": "HS512"}, mac="sha512"),
    "alg RS256": with_header(alg="RS256"),
    "alg ES256": with_header(alg="ES256"),
    "alg EdDSA by the shared key": with_header(alg="EdDSA"),
    "HS256 by the public key": forged(header=HEADER_E | {"alg": "HS256"}, key=PUBLIC_BYTES),
    "EdDSA's kid, HS256 by the shared key": forged(header=HEADER_E),
    "EdDSA under the shared kid": signed_by_ed25519(HEADER | {"alg": "EdDSA"}),
    "alg Ed25519": signed_by_ed25519(HEADER_E | {"alg": "Ed25519"}),
    # --- keys ---
    "kid absent": forged(header={"alg": "HS256", "typ": "JWT"}),
    "kid of nobody": with_header(kid="h-00000000"),
    "kid that is a path": with_header(kid="../../dev/null"),
    "kid after a path": with_header(kid=f"../h-{KEY_ID}"),
    "kid with more behind": with_header(kid=f"h-{KEY_ID}0"),
    "kid with a newline behind": with_header(kid=f"h-{KEY_ID}\n"),
    "kid in upper case": with_header(kid=f"H-{KEY_ID}"),
    "kid without a letter": with_header(kid=KEY_ID),
    "kid a number": with_header(kid=1),
    "kid null": with_header(kid=None),
    "jku": with_header(jku="https://evil.example/keys"),
    "jwk": with_header(jwk={"kty": "oct", "k": b64(b"k" * 32)}),
    "x5u": with_header(x5u="https://evil.example/cert"),
    "x5c": with_header(x5c=["MII"]),
    "x5t": with_header(x5t="AAAA"),
    "crit": with_header(crit=["exp"]),
    "crit empty": with_header(crit=[]),
    "b64 false": with_header(b64=False, crit=["b64"]),
    "an unknown header": with_header(zip="DEF"),
    "no master key at all": forged(key=b""),
    "a made-up key": forged(key=b"k" * 32),
    "the master key itself": forged(key=OLD),
    "another life's key": forged(key=derived("jwt-access", OTHER_LIFE)),
    "the refresh key": forged(key=derived("jwt-refresh")),
    "another master key": forged(key=derived("jwt-access", master=NEW)),
    # --- nested ---
    "cty JWT": with_header(cty="JWT"),
    "a token in a token": forged(payload=GOOD),
    "a token as a JSON string": forged(payload=json.dumps(GOOD)),
    "typ at+jwt": with_header(typ="at+jwt"),
    "typ jwt": with_header(typ="jwt"),
    "typ absent": forged(header={"alg": "HS256", "kid": HEADER["kid"]}),
    # --- members that come twice ---
    "alg twice": forged(header=text(HEADER, '"alg"', '"alg":"none","alg"')),
    "alg twice, the other way": forged(header=text(HEADER, '"typ"', '"alg":"HS256","typ"')),
    "kid twice": forged(header=text(HEADER, '"kid"', '"kid":"h-00000000","kid"')),
    "sub twice": forged(payload=text(PAYLOAD, '"sub"', '"sub":"somebody-else","sub"')),
    "sub twice, once escaped": forged(payload=text(PAYLOAD, '"sub"', '"\\u0073ub":"x","sub"')),
    "exp twice": forged(payload=text(PAYLOAD, '"exp"', '"exp":1,"exp"')),
    # --- claims ---
    "exp a string": with_payload(exp=str(ACCESS.expires_at)),
    "exp a float": with_payload(exp=1_700_003_600.0),
    "exp with an exponent": forged(payload=text(PAYLOAD, '"exp":1700003600', '"exp":17e8')),
    "exp true": with_payload(exp=True),
    "exp null": with_payload(exp=None),
    "exp negative": with_payload(exp=-1),
    "exp huge": with_payload(exp=10**12),
    "exp beyond 64 bits": with_payload(exp=10**40),
    "exp NaN": forged(payload=text(PAYLOAD, '"exp":1700003600', '"exp":NaN')),
    "exp Infinity": forged(payload=text(PAYLOAD, '"exp":1700003600', '"exp":Infinity')),
    "exp a list": with_payload(exp=[ACCESS.expires_at]),
    "iat a string": with_payload(iat="1700000000"),
    "iat a float": with_payload(iat=1_700_000_000.5),
    "iat false": with_payload(iat=False),
    "iat negative": with_payload(iat=-5),
    **{f"{name} absent": without(name) for name in PAYLOAD},
    "iss of another": with_payload(iss="somebody"),
    "aud of another": with_payload(aud="account"),
    "aud a list": with_payload(aud=["store"]),
    "sub a number": with_payload(sub=1),
    "sub empty": with_payload(sub=""),
    "sub too long": with_payload(sub="a" * 65),
    "sub with a colon": with_payload(sub="a:b"),
    "sub with a newline": with_payload(sub="a\n"),
    "jti too long": with_payload(jti="a" * 65),
    "jti an object": with_payload(jti={}),
    "fam too long": with_payload(fam="a" * 65),
    "fam with a brace": with_payload(fam="{0}"),
    "shop without a life": with_payload(shop="alpha"),
    "shop of another, same key": with_payload(shop=OTHER_LIFE),
    "shop that is a path": with_payload(shop="../alpha/00"),
    "typ refresh by the access key": with_payload(typ="refresh"),
    "typ of nothing": with_payload(typ="id"),
    "a claim too many": with_payload(admin=True),
    "nbf": with_payload(nbf=0),
    "a list of claims": forged(payload="[]"),
    "no claims": forged(payload="{}"),
    "null": forged(payload="null"),
    "not JSON": forged(payload="sub=1"),
    "two values": forged(payload=json.dumps(PAYLOAD) + "{}"),
    "not UTF-8": forged(payload=json.dumps(PAYLOAD).encode().replace(b"doorward", b"door\xff")),
    "UTF-16": forged(payload=json.dumps(PAYLOAD).encode("utf-16")),
    "a byte order mark": forged(payload=b"\xef\xbb\xbf" + json.dumps(PAYLOAD).encode()),
    "deep": forged(payload="[" * 1_000),
    "deep inside a claim": forged(payload='{"sub":' + "[" * 1_000),
    # --- form ---
    "empty": "",
    "two parts": f"{HEAD}.{BODY}",
    "four parts": f"{GOOD}.{MAC}",
    "five parts": f"{HEAD}.{MAC}.{MAC}.{BODY}.{MAC}",
    "no signature": f"{HEAD}.{BODY}.",
    "padded": f"{GOOD}=",
    "padded header": f"{HEAD}==.{BODY}.{MAC}",
    "a blank before": f" {GOOD}",
    "a newline behind": f"{GOOD}\n",
    "a blank inside": f"{HEAD}. {BODY}.{MAC}",
    "plain base64": f"{HEAD}.{BODY}.{MAC[:-1]}+",
    "another spelling of the signature": f"{HEAD}.{BODY}.{OTHER_SPELLING}",
    "another spelling of the header": forged_of(HEAD[:-1] + chr(ord(HEAD[-1]) + 1), BODY),
    "another spelling of the claims": forged_of(HEAD, BODY[:-1] + chr(ord(BODY[-1]) + 1)),
    "a header of one character": forged_of("A", BODY),
    "a length base64 never has": f"{HEAD}.{BODY}.{MAC}AA",
    "a signature cut short": f"{HEAD}.{BODY}.{MAC[:-4]}",
    "a signature of 16 bytes": f"{HEAD}.{BODY}.{b64(bytes(16))}",
    "not ASCII": f"{HEAD}.{BODY}.{MAC[:-1]}é",
    "digits of another script": f"{HEAD}.{BODY}.{MAC[:-1]}٣",
    "a lone surrogate": f"{HEAD}.{BODY}.{MAC[:-1]}\ud800",
    "a NUL": f"{GOOD}\0",
    "JSON serialisation": json.dumps({"protected": HEAD, "payload": BODY, "signature": MAC}),
    "too long": forged(payload=json.dumps(PAYLOAD) + " " * 1_500),
    "far too long": "a." * 1_000_000,
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_none_of_ours(name: str) -> None:
    assert jwts.read(RING, FORGERIES[name], "access") is None
    assert jwts.read(RING, FORGERIES[name], "refresh") is None


def test_types_are_not_interchangeable() -> None:
    assert jwts.read(RING, jwts.mint(RING, ACCESS), "refresh") is None
    assert jwts.read(RING, jwts.mint(RING, REFRESH), "access") is None
    assert jwts.read(RING, PUBLIC, "refresh") is None


def test_a_refresh_token_signed_with_the_published_pair_is_none_of_ours() -> None:
    token = signed_by_ed25519(HEADER_E, PAYLOAD | {"typ": "refresh"})

    assert jwts.read(RING, token, "refresh") is None
    assert jwts.read(RING, token, "access") is None


def test_of_two_spellings_of_one_signature_only_one_is_read() -> None:
    assert urlsafe_b64decode(OTHER_SPELLING + "=") == urlsafe_b64decode(MAC + "=")
    for part_of_it in (HEAD, BODY):
        other = part_of_it[:-1] + chr(ord(part_of_it[-1]) + 1)
        assert len(part_of_it) % 4 > 1
        assert urlsafe_b64decode(other + "==") == urlsafe_b64decode(part_of_it + "==")
    assert jwts.read(RING, forged_of(HEAD, BODY), "access") == ACCESS


@pytest.mark.parametrize(
    "spelled",
    [
        json.dumps(PAYLOAD),
        json.dumps(PAYLOAD, separators=(",", ":")) + " ",
        json.dumps(dict(reversed(PAYLOAD.items())), separators=(",", ":")),
        json.dumps(PAYLOAD, separators=(",", ":")).replace("doorward", "doorw\\u0061rd"),
    ],
)
def test_what_is_spelled_otherwise_than_we_do_is_not_ours_though_the_key_is(spelled: str) -> None:
    assert json.loads(spelled) == PAYLOAD
    assert jwts.read(RING, forged(payload=spelled), "access") is None
    assert jwts.read(RING, forged(payload=json.dumps(PAYLOAD, separators=(",", ":"))), "access")


def test_times_are_not_looked_at() -> None:
    for times in ((0, 0), (5, 1), (253_402_300_799, 253_402_300_799)):
        claims = replace(ACCESS, issued_at=times[0], expires_at=times[1])

        assert jwts.read(RING, jwts.mint(RING, claims), "access") == claims


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="ascii"))
def test_a_token_with_one_character_changed_is_none_of_ours(at: int, character: str) -> None:
    for token in (GOOD, PUBLIC):
        changed = token[:at] + character + token[at + 1 :]

        assert jwts.read(RING, changed, "access") == (ACCESS if changed == token else None)


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_stumble(token: str) -> None:
    assert jwts.read(RING, token, "access") is None


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_parts_make_the_reader_stumble(header: bytes, payload: bytes) -> None:
    assert jwts.read(RING, forged(header=header), "access") is None
    assert jwts.read(RING, forged(payload=payload), "access") is None
