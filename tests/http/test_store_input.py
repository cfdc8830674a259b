import re
from typing import Any

import pytest

from tests.http.doors import OPERATOR_KEY, STOREFRONTS, Door
from tests.http.knocking import JSON, Answer, Headers, bearer
from tests.http.shops import BUYER
from tests.http.storefronts_headless import (
    AUTH,
    ME,
    PASSWORD,
    STORE,
    Headless,
    code_of,
    error_of,
    open_headless,
    publishable_key,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOGIN = f"{AUTH}/login"
BODY = {"email": BUYER, "password": PASSWORD}
CALLS = [
    ("POST", f"{AUTH}/signup"),
    ("POST", LOGIN),
    ("POST", f"{AUTH}/refresh"),
    ("POST", f"{AUTH}/logout"),
    ("POST", f"{AUTH}/password/forgot"),
    ("POST", f"{AUTH}/password/reset"),
    ("GET", ME),
    ("PATCH", ME),
    ("GET", f"{ME}/orders"),
    ("GET", f"{ME}/orders/1"),
]
BODIED = [(method, path) for method, path in CALLS if method != "GET"]


async def called(
    door: Door, method: str, path: str, headers: Headers, raw: bytes | None = b"{"
) -> Answer:
    sent = [*headers, *([JSON] if raw is not None else [])]
    return await door.client(method, path, None, sent, raw=raw if method != "GET" else None)


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_every_call_needs_a_publishable_key_before_anything_else(
    door: Door, method: str, path: str
) -> None:
    store = await open_headless(door)
    key, secret = store.key, store.shop.key

    missing = await called(door, method, path, [])
    empty = await called(door, method, path, [("X-Publishable-Key", "")])
    wrong = [
        await called(door, method, path, [("X-Publishable-Key", each)])
        for each in (
            "pk_live_nonsense",
            key[:-1] + ("A" if key[-1] != "A" else "B"),
            secret,
            secret.replace("sk_", "pk_"),
            key.upper(),
            f"{key}x",
            "é" * 20,
        )
    ]
    wrong.append(await called(door, method, path, [bearer(key), ("X-Sellvik-Key", "x")]))

    assert code_of(missing) == code_of(empty) == (401, "missing_publishable_key")
    assert {code_of(each) for each in wrong} == {(401, "invalid_key")}
    assert {each.raw for each in wrong} == {wrong[0].raw}


async def test_both_key_headers_are_good_alone_and_together_only_if_they_agree(door: Door) -> None:
    store = await open_headless(door)
    other = await publishable_key(store.shop)
    await store.signed_up()

    def sent(*pairs: tuple[str, str]) -> Headers:
        return pairs

    both = "X-Publishable-Key", "X-Sellvik-Key"
    good = [
        sent((both[0], store.key)),
        sent((both[1], store.key)),
        sent((both[0], store.key), (both[1], store.key)),
    ]
    bad = [
        sent((both[0], store.key), (both[1], other)),
        sent((both[0], store.key), (both[0], other)),
    ]

    assert [(await door.client.post(LOGIN, BODY, each)).status for each in good] == [200] * 3
    assert [code_of(await door.client.post(LOGIN, BODY, each)) for each in bad] == [
        (401, "invalid_key")
    ] * 2


async def test_a_revoked_key_opens_nothing(door: Door) -> None:
    store = await open_headless(door)
    assert code_of(await store.login()) == (401, "invalid_credentials")
    keys = await door.client.get(f"{STOREFRONTS}/{store.shop.slug}/keys", [bearer(OPERATOR_KEY)])
    (made,) = [key for key in keys.body["items"] if key["kind"] == "publishable"]

    await door.operate("DELETE", f"/{store.shop.slug}/keys/{made['id']}")

    assert code_of(await store.login()) == (401, "invalid_key")


@pytest.mark.parametrize("off", [{"headless": False}, {"published": False}])
async def test_a_storefront_without_headless_mode_says_so_before_it_reads_a_body(
    door: Door, off: dict[str, Any]
) -> None:
    store = await open_headless(door, **off)

    answers = [
        await called(door, method, path, [store.keyed, bearer("x")]) for method, path in CALLS
    ]

    assert {code_of(each) for each in answers} == {(403, "headless_mode_disabled")}


async def test_refused_calls_count_for_the_key_too(door: Door) -> None:
    store = await open_headless(door, policy={"keys": {"publishablePerMinute": 5}})

    spent = [
        await called(door, "POST", LOGIN, [store.keyed]),
        await store("POST", LOGIN, {}),
        await store("POST", LOGIN, None, ("Content-Type", "text/plain")),
        await store("GET", ME),
        await store("GET", ME, None, bearer("nonsense")),
    ]
    refused = await called(door, "POST", LOGIN, [store.keyed])

    assert [each.status for each in spent] == [400, 400, 415, 401, 401]
    error = error_of(refused)
    assert (refused.status, error["code"], error["limit"]) == (429, "rate_limited", 5)
    assert 1 <= error["retryAfter"] == int(refused.headers["Retry-After"]) <= 60


async def test_a_login_costs_its_key_one_call(door: Door) -> None:
    store = await open_headless(door, policy={"keys": {"publishablePerMinute": 3}})

    statuses = [
        (await store.sign_up()).status,
        (await store.login()).status,
        (await store.login()).status,
        (await store.login()).status,
    ]

    assert statuses == [201, 200, 200, 429]


@pytest.mark.parametrize(("method", "path"), BODIED)
@pytest.mark.parametrize(
    ("raw", "media_type", "status", "code"),
    [
        (b"{", JSON[1], 400, "invalid_body"),
        (b"[]", JSON[1], 400, "invalid_body"),
        (b'{"email":"a","email":"b"}', JSON[1], 400, "invalid_body"),
        (b'{"email":"a\\u0000"}', JSON[1], 400, "invalid_body"),
        (b'{"email":"\\ud800"}', JSON[1], 400, "invalid_body"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b" " * 70_000, JSON[1], 413, "payload_too_large"),
    ],
)
async def test_a_body_that_cannot_be_taken_is_refused_in_this_surfaces_shape(  # noqa: PLR0917
    door: Door, method: str, path: str, raw: bytes, media_type: str, status: int, code: str
) -> None:
    store = await open_headless(door)
    headers = [store.keyed, bearer("x"), ("Content-Type", media_type)]

    answer = await door.client(method, path, None, headers, raw=raw)

    assert code_of(answer) == (status, code)
    if status == 400:
        assert error_of(answer)["issues"] != []


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ({}, "email"),
        ({"email": BUYER}, "password"),
        ({"email": 5, "password": PASSWORD}, "email"),
        ({"email": BUYER, "password": 12345678}, "password"),
        ({"email": "nobody", "password": PASSWORD}, "email"),
        ({"email": f"{BUYER}\r\nBcc: x@y.io", "password": PASSWORD}, "email"),
        ({"email": "a\u200bb@example.org", "password": PASSWORD}, "email"),
        ({"email": BUYER, "password": "x" * 257}, "password"),
    ],
)
async def test_an_issue_names_the_member_and_echoes_nothing(
    door: Door, body: dict[str, object], member: str
) -> None:
    store = await open_headless(door)

    answer = await store("POST", LOGIN, body)

    assert code_of(answer) == (400, "invalid_body")
    (issue,) = error_of(answer)["issues"]
    assert set(issue) == {"path", "message"}
    assert issue["path"] == [member]
    assert issue["message"]
    assert b"Bcc" not in answer.raw


@pytest.mark.parametrize("password", ["tab\tand more here", "line\nand more here"])
async def test_a_new_password_has_no_control_characters(door: Door, password: str) -> None:
    store = await open_headless(door)

    answer = await store.sign_up(password=password)

    assert [each["path"] for each in error_of(answer)["issues"]] == [["password"]]


@pytest.mark.parametrize(
    "path", [f"{STORE}/nothing", STORE, f"{STORE}/auth", f"{LOGIN}/", f"{ME}/orders/1/2"]
)
async def test_a_path_that_is_not_routed_is_404_in_this_surfaces_shape(
    door: Door, path: str
) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        assert code_of(await door.client(method, path)) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (LOGIN, {"POST", "OPTIONS"}),
        (ME, {"GET", "HEAD", "PATCH", "OPTIONS"}),
        (f"{ME}/orders/1", {"GET", "HEAD", "OPTIONS"}),
    ],
)
async def test_another_method_is_405_with_those_there_are(
    door: Door, path: str, allowed: set[str]
) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - allowed:
        answer = await door.client(method, path)

        assert code_of(answer) == (405, "method_not_allowed")
        assert set(answer.headers["Allow"].split(", ")) == allowed


async def every_answer(store: Headless) -> list[Answer]:
    shopper = await store.signed_up()
    answers = [
        await store.login(),
        await store.login(password="wrong password"),
        await store.sign_up(),
        await store.sign_up("x"),
        await store.me(shopper.access),
        await store.me("x"),
        await store("GET", ME),
        await store("GET", f"{ME}/orders/1", None, shopper.by_access),
        await store.refresh(shopper.refresh),
        await store.refresh(shopper.refresh),
        await store.logout(shopper.refresh),
        await store.shop.client.post(LOGIN, {}),
        await store.login(headers=[("Origin", "https://stranger.example")]),
    ]
    answers += [await store.login(password="wrong password") for _ in range(5)]
    return answers


async def test_every_answer_carries_what_all_must_carry(door: Door) -> None:
    store = await open_headless(door)

    answers = await every_answer(store)

    assert {each.status for each in answers} >= {200, 204, 400, 401, 403, 404, 409, 423}
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Origin" in answer.headers["Vary"]
        assert re.fullmatch("[A-Za-z0-9_-]{8,64}", answer.headers["X-Request-Id"])
        assert "WWW-Authenticate" not in answer.headers
        assert ("Retry-After" in answer.headers) is (answer.status in {423, 429, 503})
        if answer.status >= 400:
            assert re.fullmatch("[a-z_]+", error_of(answer)["code"])


async def test_nothing_secret_is_written_to_the_log(door: Door) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()
    await store.login(password="a secret guess")

    told = repr(door.events)

    for secret in (PASSWORD, "a secret guess", shopper.access, shopper.refresh, BUYER, store.key):
        assert secret not in told
