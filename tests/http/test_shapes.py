import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.http.doors import OPERATOR_KEY, STOREFRONTS, Door
from tests.http.knocking import JSON, Answer, Headers, bearer, cookie_header
from tests.http.shops import AUTH, SANDBOX, Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

Shape = Callable[[Answer, str], dict[str, Any]]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


def portal_shape(answer: Answer, code: str) -> dict[str, Any]:
    error = answer.error
    assert error.pop("param", "x")
    assert error == {"code": code, "message": error["message"]}
    assert set(answer.body["meta"]) == {"requestId", "timestamp"}
    meta: dict[str, Any] = answer.body["meta"]
    return {"requestId": meta["requestId"], "message": error["message"]}


def account_shape(answer: Answer, code: str) -> dict[str, Any]:
    body: dict[str, Any] = answer.body
    assert set(body) == {"statusCode", "code", "message", "requestId"}
    assert (body["statusCode"], body["code"]) == (answer.status, code)
    return body


# A path that is routed, the methods it has, and the shape its prefix speaks in.
ROUTES: list[tuple[str, set[str], Shape]] = [
    (f"{AUTH}/request-otp", {"POST"}, portal_shape),
    (f"{AUTH}/verify-otp", {"POST"}, portal_shape),
    (f"{AUTH}/verify-link", {"POST"}, portal_shape),
    (f"{AUTH}/me", {"GET", "HEAD", "PATCH"}, portal_shape),
    (f"{AUTH}/signout", {"POST"}, portal_shape),
    ("/api/v1/client/orders", {"GET", "HEAD"}, portal_shape),
    ("/api/v1/client/profile", {"GET", "HEAD"}, portal_shape),
    ("/api/v1/public/orders/nothing", {"GET", "HEAD"}, portal_shape),
    ("/api/v1/public/orders/nothing/messages", {"POST"}, portal_shape),
    ("/api/v1/public/orders/nothing/claim-payment", {"POST"}, portal_shape),
    ("/api/v1/public/orders/nothing/proof", {"PUT"}, portal_shape),
    (STOREFRONTS, {"GET", "HEAD"}, account_shape),
    (f"{STOREFRONTS}/no-such-shop", {"GET", "HEAD", "PUT", "DELETE"}, account_shape),
    (f"{STOREFRONTS}/no-such-shop/keys", {"GET", "HEAD", "POST"}, account_shape),
    (f"{STOREFRONTS}/no-such-shop/keys/1", {"DELETE"}, account_shape),
    (f"{SANDBOX}/mail", {"GET", "HEAD", "DELETE"}, account_shape),
    (f"{SANDBOX}/clock", {"POST"}, account_shape),
    ("/dev/mailbox", {"GET", "HEAD"}, account_shape),
    ("/dev/mailbox.json", {"GET", "HEAD"}, account_shape),
    ("/dev/mailbox/1", {"GET", "HEAD"}, account_shape),
    ("/healthz", {"GET", "HEAD"}, account_shape),
    ("/readyz", {"GET", "HEAD"}, account_shape),
    ("/api/health", {"GET", "HEAD"}, account_shape),
]
UNROUTED: list[tuple[str, Shape]] = [
    (AUTH, portal_shape),
    (f"{AUTH}/", portal_shape),
    (f"{AUTH}/nothing", portal_shape),
    (f"{AUTH}/me/", portal_shape),
    (f"{AUTH}//me", portal_shape),
    (f"{AUTH}/me%2f", portal_shape),
    ("/api/v1/client/nothing", portal_shape),
    ("/api/v1/public/orders", portal_shape),
    ("/api/v1/public/orders/nothing/more", portal_shape),
    ("/api/v1/operator", account_shape),
    (f"{STOREFRONTS}/a/b/c/d", account_shape),
    ("/api/v1/merchant", account_shape),
    (f"{SANDBOX}/nothing", account_shape),
    ("/", account_shape),
    ("/api", account_shape),
    ("/api/v1", account_shape),
    ("/api/v1/client-authority", account_shape),
    ("/metrics", account_shape),
    ("/nothing/../healthz/x", account_shape),
    ("/%ff%fe", account_shape),
]


@pytest.mark.parametrize(("path", "allowed", "shape"), ROUTES, ids=[route[0] for route in ROUTES])
async def test_a_method_that_a_path_does_not_have_is_405_with_those_it_has(
    common_door: Door, path: str, allowed: set[str], shape: Shape
) -> None:
    before = await common_door.keys()
    for method in METHODS:
        if method in allowed:
            continue
        answer = await common_door.client(method, path, headers=[bearer(OPERATOR_KEY)])

        assert answer.status == 405, method
        assert set(answer.headers["Allow"].split(", ")) == allowed
        if method != "HEAD":
            told = shape(answer, "METHOD_NOT_ALLOWED")
            assert told["requestId"] == answer.headers["X-Request-Id"]
    assert await common_door.keys() == before


@pytest.mark.parametrize(("path", "shape"), UNROUTED, ids=[path for path, _ in UNROUTED])
async def test_a_path_that_is_not_routed_is_404_in_its_prefixs_shape(
    common_door: Door, path: str, shape: Shape
) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = await common_door.client(method, path)

        assert answer.status == 404
        assert shape(answer, "NOT_FOUND")["message"] == "There is nothing here."


def bodied() -> list[tuple[str, str, Shape, Headers]]:
    """List every call that takes a body, and what opens it."""
    operator = [bearer(OPERATOR_KEY)]
    return [
        ("POST", f"{AUTH}/request-otp", portal_shape, []),
        ("POST", f"{AUTH}/verify-otp", portal_shape, []),
        ("POST", f"{AUTH}/verify-link", portal_shape, []),
        ("PATCH", f"{AUTH}/me", portal_shape, []),
        ("POST", f"{AUTH}/signout", portal_shape, []),
        ("PUT", f"{STOREFRONTS}/shapely", account_shape, operator),
        ("POST", f"{STOREFRONTS}/shapely/keys", account_shape, operator),
    ]


@pytest.mark.parametrize(("method", "path", "shape", "headers"), bodied())
@pytest.mark.parametrize(
    ("raw", "media_type", "status", "code"),
    [
        (b"{", JSON[1], 400, "VALIDATION_ERROR"),
        (b"[]", JSON[1], 400, "VALIDATION_ERROR"),
        (b"{}", "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b" " * 70_000, JSON[1], 413, "PAYLOAD_TOO_LARGE"),
    ],
)
async def test_a_body_that_cannot_be_taken_is_refused_in_the_prefixs_shape(
    common_door: Door,
    method: str,
    path: str,
    shape: Shape,
    headers: list[tuple[str, str]],
    *,
    raw: bytes,
    media_type: str,
    status: int,
    code: str,
) -> None:
    sent = [*headers, ("Content-Type", media_type)]

    answer = await common_door.client(method, path, headers=sent, raw=raw)

    assert answer.status == status
    shape(answer, code)
    assert (answer.headers.get("Connection") == "close") is (status == 413)


async def test_the_sandbox_refuses_bodies_in_its_shape_too(shop: Shop) -> None:
    for raw, media_type, status in (
        (b"{", JSON[1], 400),
        (b"{}", "text/plain", 415),
        (b" " * 70_000, JSON[1], 413),
    ):
        headers = [bearer(shop.key), ("Content-Type", media_type)]

        answer = await shop.door.client("POST", f"{SANDBOX}/clock", headers=headers, raw=raw)

        assert answer.status == status
        account_shape(answer, answer.body["code"])


async def every_answer(shop: Shop) -> list[Answer]:
    """Collect an answer of every kind there is."""
    client, operator = shop.door.client, [bearer(OPERATOR_KEY)]
    session = await shop.session()
    return [
        *[await shop.request_code() for _ in range(4)],
        await shop.request_code("not an email"),
        await shop.verify("000000"),
        await shop.verify(await shop.code()),
        await shop.verify_link("l"),
        await shop.me(session),
        await shop.me(),
        await shop.me("x=1", "x=1"),
        await shop.change({"name": "Sari"}, session),
        await shop.change({"name": "Sari"}),
        await shop.change({"name": "M"}, session, headers=[("Sec-Fetch-Site", "cross-site")]),
        await shop.sign_out(session),
        await client.get(f"{AUTH}/me?storefrontSlug=no-such-shop"),
        await client.get(f"{AUTH}/nothing"),
        await client("TRACE", f"{AUTH}/me"),
        await client("OPTIONS", f"{AUTH}/me"),
        await client("POST", f"{AUTH}/signout", headers=[JSON], raw=b" " * 70_000),
        await client.get(STOREFRONTS),
        await client.get(STOREFRONTS, operator),
        await client("PUT", f"{STOREFRONTS}/{shop.slug}-2", {"displayName": "Two"}, operator),
        await client("DELETE", f"{STOREFRONTS}/{shop.slug}-2", headers=operator),
        await client("DELETE", f"{STOREFRONTS}/{shop.slug}-2", headers=operator),
        await client.get(f"{STOREFRONTS}/{shop.slug}/keys", operator),
        await client.get(f"{SANDBOX}/mail", [bearer(shop.key)]),
        await client.get(f"{SANDBOX}/mail"),
        await client.get("/healthz"),
        await client.get("/readyz"),
        await client.get("/api/health"),
        await client.get("/dev/mailbox"),
        await client.get("/dev/mailbox.json"),
        await client.get("/dev/mailbox/nothing"),
        await client.get("/nothing"),
        await client.get("/nothing", [("X-Odd", "x" * 9_000)]),
        await client.get("/healthz", [("Expect", "something")]),
    ]


async def test_every_answer_carries_what_all_must_carry(shop: Shop) -> None:
    answers = await every_answer(shop)

    assert {answer.status for answer in answers} >= {200, 201, 204, 400, 401, 403, 404, 405, 429}
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Server"] == "doorward"
        assert re.fullmatch("[A-Za-z0-9_-]{8,64}", answer.headers["X-Request-Id"])
        assert not re.search(
            rb"aiohttp|python|traceback|redis|msgspec",
            answer.raw + str(answer.headers).encode(),
            re.IGNORECASE,
        )
        if answer.status in {429, 423, 503}:
            assert re.fullmatch("[1-9][0-9]*", answer.headers["Retry-After"])
        else:
            assert "Retry-After" not in answer.headers
        if answer.raw and "html" not in answer.headers["Content-Type"]:
            assert answer.headers["Content-Type"].startswith("application/json")
            assert isinstance(answer.body, dict)


@pytest.mark.parametrize("given", ["abcd1234", "A" * 64, "a-b_C-9_", "00000000"])
async def test_a_callers_request_id_is_given_back(common_door: Door, given: str) -> None:
    for path in (f"{AUTH}/me", STOREFRONTS, "/healthz", "/nothing"):
        answer = await common_door.client.get(path, [("X-Request-Id", given)])

        assert answer.headers["X-Request-Id"] == given
        assert given.encode() in answer.raw or path == "/healthz"


@pytest.mark.parametrize(
    "given", ["short", "A" * 65, "has blank", "a.b.c.d.e", "ünicode-id", "", "abcd1234;x"]
)
async def test_any_other_request_id_is_replaced_by_a_fresh_one(
    common_door: Door, given: str
) -> None:
    answers = [
        await common_door.client.get(f"{AUTH}/me", [("X-Request-Id", given)]) for _ in range(2)
    ]

    ids = {answer.headers["X-Request-Id"] for answer in answers}
    assert len(ids) == 2
    assert given not in ids
    assert {answer.body["meta"]["requestId"] for answer in answers} == ids


async def test_two_request_ids_are_taken_for_none(common_door: Door) -> None:
    twice = [("X-Request-Id", "first-of-two"), ("X-Request-Id", "second-of-two")]

    answer = await common_door.client.get(f"{AUTH}/me", twice)

    assert answer.headers.getall("X-Request-Id") != ["first-of-two", "second-of-two"]
    assert len(answer.headers.getall("X-Request-Id")) == 1


async def test_a_prefix_alone_decides_the_shape_whatever_headers_are_there(
    common_door: Door,
) -> None:
    hints = [
        ("X-Organization-Slug", "alpha"),
        ("X-Publishable-Key", "pk_live_x"),
        bearer(OPERATOR_KEY),
        cookie_header("portal-alpha=x"),
    ]

    portal_shape(await common_door.client.get(f"{AUTH}/nothing", hints), "NOT_FOUND")
    account_shape(await common_door.client.get("/api/v1/operator/nothing", hints), "NOT_FOUND")
    account_shape(await common_door.client.get(f"{SANDBOX}/nothing", hints), "NOT_FOUND")
