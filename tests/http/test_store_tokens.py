import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from datetime import datetime
from typing import Any

import jwt
import pytest

from tests.http.doors import Door
from tests.http.knocking import Answer, bearer
from tests.http.shops import BUYER
from tests.http.storefronts_headless import (
    AUTH,
    ME,
    Headless,
    code_of,
    error_of,
    fresh_email,
    open_headless,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

DAY = 86_400
INTROSPECT = "/api/v1/merchant/introspect"


def part(token: str, index: int) -> dict[str, Any]:
    segment = token.split(".")[index]
    decoded: dict[str, Any] = json.loads(urlsafe_b64decode(segment + "=="))
    return decoded


def encoded(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def reason_of(answer: Answer) -> str:
    assert code_of(answer) == (401, "invalid_customer_token")
    return str(error_of(answer)["reason"])


def pair_of(answer: Answer) -> tuple[str, str]:
    assert answer.status == 200, answer.body
    assert set(answer.body) == {"tokens"}
    return answer.body["tokens"]["accessToken"], answer.body["tokens"]["refreshToken"]


async def test_the_tokens_say_what_the_answer_says(door: Door) -> None:
    store = await open_headless(door)
    answer = await store.sign_up()
    tokens = answer.body["tokens"]

    access, refresh = part(tokens["accessToken"], 1), part(tokens["refreshToken"], 1)

    members = {"iss", "aud", "sub", "shop", "typ", "iat", "exp", "jti", "fam"}
    assert set(access) == set(refresh) == members
    assert part(tokens["accessToken"], 0)["alg"] == "HS256"
    assert access["sub"] == answer.body["customer"]["id"]
    assert access["exp"] - access["iat"] == 3_600
    assert refresh["exp"] - refresh["iat"] == 2_592_000
    for name, claims in (("accessToken", access), ("refreshToken", refresh)):
        assert datetime.fromisoformat(tokens[f"{name}ExpiresAt"]).timestamp() == claims["exp"]


async def test_an_access_token_opens_until_its_expiry_and_says_that_it_is_over(door: Door) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()

    await store.shop.advance(3_590)
    before = await store.me(shopper.access)
    await store.shop.advance(11)
    after = await store.me(shopper.access)

    assert before.status == 200
    assert reason_of(after) == "expired"


async def test_a_refresh_token_is_exchanged_once_and_its_replay_ends_the_family(door: Door) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()
    other_device = await store.signed_in()

    access, child = pair_of(await store.refresh(shopper.refresh))
    replayed = await store.refresh(shopper.refresh)
    orphan = await store.refresh(child)

    assert (await store.me(access)).status == 200
    assert reason_of(replayed) == "replayed"
    assert reason_of(orphan) == "revoked"
    assert (await store.refresh(other_device.refresh)).status == 200


@pytest.mark.parametrize("round_", range(5))
async def test_of_50_parallel_exchanges_one_wins(door: Door, round_: int) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()

    answers = await asyncio.gather(*(store.refresh(shopper.refresh) for _ in range(50)))

    assert Counter(each.status for each in answers) == {200: 1, 401: 49}
    assert {reason_of(each) for each in answers if each.status == 401} == {"replayed"}
    _, child = pair_of(next(each for each in answers if each.status == 200))
    assert reason_of(await store.refresh(child)) == "revoked"


async def test_within_the_grace_the_parent_gets_the_same_child(door: Door) -> None:
    store = await open_headless(door, policy={"refresh": {"graceSeconds": 10}})
    shopper = await store.signed_up()

    first, again = [await store.refresh(shopper.refresh) for _ in range(2)]
    await store.shop.advance(11)
    late = await store.refresh(shopper.refresh)

    assert pair_of(first) == pair_of(again)
    assert reason_of(late) == "replayed"


async def test_the_reasons_are_told_in_their_order(door: Door) -> None:
    store = await open_headless(door)
    shopper, other = await store.signed_up(), await store.signed_in()
    _, child = pair_of(await store.refresh(shopper.refresh))
    await store.logout(child)
    exchanged_of_dead, unexchanged_of_dead = shopper.refresh, child

    reasons = [
        reason_of(await store.refresh(exchanged_of_dead)),
        reason_of(await store.refresh(unexchanged_of_dead)),
    ]
    await store.shop.advance(30 * DAY)
    reasons += [
        reason_of(await store.refresh(exchanged_of_dead)),
        reason_of(await store.refresh(other.refresh)),
        reason_of(await store.refresh(forged(other.refresh))),
    ]

    assert reasons == ["replayed", "revoked", "expired", "expired", "invalid"]


def forged(token: str) -> str:
    head, body, mac = token.split(".")
    return f"{head}.{body}.{'A' if mac[0] != 'A' else 'B'}{mac[1:]}"


def forgeries(token: str) -> list[str]:
    """Make every kind of token that is not quite one of ours."""
    head, body, mac = token.split(".")
    header, claims = part(token, 0), part(token, 1)
    heads = [
        {**header, "alg": alg} for alg in ("none", "None", "nOnE", "HS384", "HS512", "RS256", "")
    ]
    heads += [{name: value for name, value in header.items() if name != "alg"}]
    heads += [
        {**header, **more}
        for more in (
            {"jku": "https://evil.example/keys"},
            {"jwk": {"kty": "oct", "k": "AAAA"}},
            {"x5u": "https://evil.example/cert"},
            {"x5c": ["AAAA"]},
            {"crit": ["exp"]},
            {"kid": "../../x"},
            {"kid": None},
            {"kid": "h-00000000"},
        )
    ]
    tokens = [f"{encoded(each)}.{body}.{mac}" for each in heads]
    tokens += [f"{encoded(each)}.{body}." for each in heads]
    tokens += [
        f"{head}.{encoded({**claims, 'exp': claims['exp'] + 1})}.{mac}",
        f"{head}.{encoded({**claims, 'sub': 'somebody'})}.{mac}",
        forged(token),
        f"{token}.",
        f" {token}x",
        token[:-1],
        f"{head}.{body}",
        "x" * 1_000,
        "",
        "null",
        jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": header["kid"]}),
    ]
    return tokens


async def test_a_token_that_is_not_quite_ours_is_invalid(door: Door) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()

    for token in forgeries(shopper.refresh):
        assert reason_of(await store.refresh(token)) == "invalid", token
    for token in forgeries(shopper.access):
        if token.strip():
            assert reason_of(await store.me(token)) == "invalid", token
    assert (await store.refresh(shopper.refresh)).status == 200


async def test_access_and_refresh_cannot_stand_in_for_each_other(door: Door) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()

    assert reason_of(await store.me(shopper.refresh)) == "invalid"
    assert reason_of(await store.refresh(shopper.access)) == "invalid"
    assert (await store.refresh(shopper.refresh)).status == 200


async def test_another_storefronts_tokens_open_nothing_and_lose_nothing(door: Door) -> None:
    store, other = await open_headless(door), await open_headless(door)
    shopper = await store.signed_up()
    await other.signed_up()

    assert reason_of(await other.me(shopper.access)) == "invalid"
    assert reason_of(await other.refresh(shopper.refresh)) == "invalid"
    assert (await other.logout(shopper.refresh)).status == 204
    assert (await store.refresh(shopper.refresh)).status == 200


async def test_a_logout_revokes_the_chain_and_may_be_repeated(door: Door) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()

    answers = [await store.logout(shopper.refresh) for _ in range(2)]
    answers.append(await store.logout("nothing of ours"))

    assert [(each.status, each.raw) for each in answers] == [(204, b"")] * 3
    assert reason_of(await store.refresh(shopper.refresh)) == "revoked"
    assert (await store.me(shopper.access)).status == 200


async def test_a_family_ends_after_180_days_however_often_it_is_refreshed(door: Door) -> None:
    store = await open_headless(door)
    refresh = (await store.signed_up()).refresh

    for _ in range(6):
        await store.shop.advance(29 * DAY)
        _, refresh = pair_of(await store.refresh(refresh))
    last = part(refresh, 1)
    await store.shop.advance(6 * DAY)
    answer = await store.refresh(refresh)

    assert last["exp"] - last["iat"] == 6 * DAY
    assert reason_of(answer) == "expired"


async def test_refreshing_needs_no_access_token_and_no_email(door: Door) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()

    answer = await store("POST", f"{AUTH}/refresh", {"refreshToken": shopper.refresh, "extra": 1})

    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("body", [{}, {"refreshToken": 1}, {"refreshToken": None}])
async def test_a_body_without_a_refresh_token_is_invalid(door: Door, body: object) -> None:
    store = await open_headless(door)

    answer = await store("POST", f"{AUTH}/refresh", body)

    assert code_of(answer) == (400, "invalid_body")
    assert error_of(answer)["issues"][0]["path"] == ["refreshToken"]


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic eDp5", "bearer", "Token x"], ids=repr
)
async def test_a_call_without_an_access_token_says_that_it_is_missing(
    door: Door, header: str
) -> None:
    store = await open_headless(door)

    answers = [
        await store("GET", ME, None, ("Authorization", header)),
        await store("GET", ME),
        await store("GET", f"{ME}/orders"),
        await store("PATCH", ME, {"name": "x"}),
    ]

    assert {code_of(each) for each in answers} == {(401, "missing_customer_token")}


async def jwks(door: Door, path: str, host: str | None = None) -> Answer:
    return await door.client.get(path, [("Host", host)] if host else [])


async def test_public_keys_check_access_tokens_where_the_policy_shows_them(door: Door) -> None:
    store = await open_headless(door, policy={"access": {"publicKeys": True}})
    shopper = await store.signed_up()
    slug = store.shop.slug

    answers = [
        await jwks(door, f"/s/{slug}/.well-known/jwks.json"),
        await jwks(door, "/.well-known/jwks.json", f"{slug}.localhost"),
    ]

    assert {each.status for each in answers} == {200}
    assert answers[0].body == answers[1].body
    assert answers[0].headers["Cache-Control"] == "public, max-age=300"
    (key,) = answers[0].body["keys"]
    claims = jwt.decode(
        shopper.access, jwt.PyJWK(key), algorithms=["EdDSA"], audience="store", issuer="doorward"
    )
    assert claims["sub"] == shopper.id
    assert part(shopper.access, 0)["kid"] == key["kid"]
    assert (await store.me(shopper.access)).status == 200
    assert (await store.refresh(shopper.refresh)).status == 200


async def test_public_keys_are_nowhere_else(door: Door) -> None:
    hidden = await open_headless(door)
    shown = {"access": {"publicKeys": True}}
    unpublished = await open_headless(door, policy=shown, published=False)
    not_headless = await open_headless(door, policy=shown, headless=False)

    answers = [
        await jwks(door, f"/s/{each.shop.slug}/.well-known/jwks.json")
        for each in (hidden, unpublished, not_headless)
    ]
    answers += [
        await jwks(door, "/s/no-such-shop/.well-known/jwks.json"),
        await jwks(door, "/s/UPPER/.well-known/jwks.json"),
        await jwks(door, "/.well-known/jwks.json"),
        await jwks(door, "/.well-known/jwks.json", f"{hidden.shop.slug}.localhost"),
    ]

    assert {each.status for each in answers} == {404}


async def introspected(store: Headless, token: str, *, as_form: bool = True) -> Answer:
    client, key = store.shop.client, bearer(store.shop.key)
    if not as_form:
        return await client.post(INTROSPECT, {"token": token}, [key])
    kind = ("Content-Type", "application/x-www-form-urlencoded")
    raw = f"token={token}&token_type_hint=access_token".encode()
    return await client("POST", INTROSPECT, None, [key, kind], raw=raw)


async def test_a_merchant_can_ask_whether_a_token_is_good(door: Door) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()

    access, refresh = [
        await introspected(store, token) for token in (shopper.access, shopper.refresh)
    ]
    as_json = await introspected(store, shopper.access, as_form=False)

    assert access.status == refresh.status == 200
    assert access.body == as_json.body
    assert access.body["active"] is True
    assert access.body["token_type"] == "Bearer"
    claims = part(shopper.access, 1)
    assert {name: access.body[name] for name in ("sub", "exp", "iat", "jti", "fam")} == {
        name: claims[name] for name in ("sub", "exp", "iat", "jti", "fam")
    }
    assert refresh.body["typ"] == "refresh"


async def test_of_a_token_that_is_not_good_nothing_is_told(door: Door) -> None:
    store, other = await open_headless(door), await open_headless(door)
    shopper, foreign = await store.signed_up(fresh_email()), await other.signed_up(BUYER)
    await store.refresh(shopper.refresh)
    dead = [shopper.refresh, foreign.access, forged(shopper.access), "nonsense"]

    answers = [await introspected(store, token) for token in dead]
    await store.shop.advance(3_601)
    answers.append(await introspected(store, shopper.access))

    assert [(each.status, each.raw) for each in answers] == [(200, b'{"active":false}')] * 5


async def test_introspection_needs_a_secret_key_and_a_token(door: Door) -> None:
    store = await open_headless(door)
    kind = ("Content-Type", "application/x-www-form-urlencoded")

    no_key = await door.client("POST", INTROSPECT, None, [kind], raw=b"token=x")
    publishable = await door.client.post(INTROSPECT, {"token": "x"}, [bearer(store.key)])
    no_token = await door.client(
        "POST", INTROSPECT, None, [kind, bearer(store.shop.key)], raw=b"other=x"
    )

    assert (no_key.status, no_key.body["code"]) == (401, "KEY_REQUIRED")
    assert publishable.status == 401
    assert (no_token.status, no_token.body["code"]) == (400, "VALIDATION_ERROR")
