"""Which storefront a call is about, and what it may not contradict."""

import pytest

from tests.http.accounts import AUTH, CUSTOMER, PROFILE, STATUS, Account, open_account
from tests.http.doors import Door, Setup
from tests.http.knocking import JSON, Answer, Headers
from tests.http.shops import open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

SLUG = "x-organization-slug"
NOBODYS = "o" + "0" * 25
CALLS = [
    ("POST", f"{AUTH}/request-link", {"email": "a@x.io"}),
    ("POST", f"{AUTH}/request-otp", {"email": "a@x.io"}),
    ("POST", f"{AUTH}/verify", {"email": "a@x.io", "code": "123456"}),
    ("POST", f"{CUSTOMER}/auth/logout", None),
    ("GET", f"{CUSTOMER}{PROFILE}", None),
    ("PATCH", f"{CUSTOMER}{PROFILE}", {"name": "Dewi"}),
    ("GET", f"{CUSTOMER}/account/sessions", None),
    ("DELETE", f"{CUSTOMER}/account/sessions", None),
    ("DELETE", f"{CUSTOMER}/account/sessions/1", None),
    ("GET", f"{CUSTOMER}/account/addresses", None),
    ("POST", f"{CUSTOMER}/account/addresses", {"name": "Dewi"}),
    ("GET", f"{CUSTOMER}/account/addresses/1", None),
    ("PATCH", f"{CUSTOMER}/account/addresses/1", {"name": "Dewi"}),
    ("DELETE", f"{CUSTOMER}/account/addresses/1", None),
    ("GET", f"{CUSTOMER}/account/orders", None),
    ("GET", f"{CUSTOMER}/account/orders/KS-1", None),
    ("GET", f"{CUSTOMER}/account/orders/KS-1/returns", None),
    ("POST", f"{CUSTOMER}/account/orders/KS-1/return-actions", {"reason": "no"}),
    ("GET", f"{CUSTOMER}/actions/a{NOBODYS[1:]}", None),
    ("POST", f"{CUSTOMER}/actions/a{NOBODYS[1:]}", None),
    ("GET", f"{STATUS}/{NOBODYS}", None),
]
EVERY_CALL = pytest.mark.parametrize(
    ("method", "path", "body"), CALLS, ids=[f"{method} {path}" for method, path, _ in CALLS]
)


def told(answer: Answer, status: int, code: str) -> bool:
    body = answer.body
    return (
        set(body) == {"statusCode", "code", "message", "requestId"}
        and (answer.status, body["statusCode"], body["code"]) == (status, status, code)
        and body["requestId"] == answer.headers["X-Request-Id"]
        and answer.headers["Cache-Control"] == "no-store"
    )


@EVERY_CALL
async def test_every_call_names_its_storefront(
    common_door: Door, method: str, path: str, body: object
) -> None:
    for headers in ([], [(SLUG, "")]):
        answer = await common_door.client(method, path, body, headers)

        assert told(answer, 400, "TENANT_REQUIRED"), answer.body


@EVERY_CALL
async def test_a_storefront_that_is_unknown_or_unpublished_is_not_there(
    door: Door, method: str, path: str, body: object
) -> None:
    shop = await open_shop(door)
    hidden = {"displayName": "Toko", "published": False}
    await door.operate("PUT", f"/{shop.slug}", hidden)
    before = await door.keys()

    same = ("X-Request-Id", "one-id-for-all")
    answers = [
        await door.client(method, path, body, [(SLUG, slug), same])
        for slug in (shop.slug, "no-such-shop", "x", "{x}", "*", "..", "Alpha", "a" * 5_000)
    ]

    assert told(answers[0], 404, "TENANT_NOT_FOUND"), answers[0].body
    assert {answer.raw for answer in answers} == {answers[0].raw}
    assert await door.keys() == before


@EVERY_CALL
async def test_storefronts_that_contradict_each_other_are_refused_without_effect(
    door: Door, method: str, path: str, body: dict[str, str] | None
) -> None:
    shop, other = await open_shop(door), await open_shop(door)
    named = (SLUG, shop.slug)
    before = await door.keys()

    answers = [
        await door.client(method, path, body, [named, (SLUG, other.slug)]),
        await door.client(method, path, body, [named, named]),
        await door.client(method, f"{path}?storefrontSlug={other.slug}", body, [named]),
        await door.client(
            method, f"{path}?storefrontSlug={shop.slug}&storefrontSlug=x", body, [named]
        ),
    ]
    if method != "GET":
        hinting = {**(body or {}), "storefrontSlug": other.slug}
        answers.append(await door.client(method, path, hinting, [named]))

    assert [told(answer, 400, "VALIDATION_ERROR") for answer in answers] == [True] * len(answers)
    assert await door.keys() == before
    assert await other.mails() == []


@pytest.mark.parametrize(
    ("door_setup", "domain"),
    [(Setup(hosted_domain="shops.example"), "shops.example"), (Setup(), "localhost:8080")],
)
async def test_a_storefronts_own_host_names_it_once_more(door: Door, domain: str) -> None:
    account, other = await open_account(door), await open_account(door)
    path, body = f"{AUTH}/request-otp", {"email": "a@x.io"}

    own = await account("POST", path, body, ("Host", f"{account.shop.slug}.{domain}"))
    upper = await account("POST", path, body, ("Host", f"{account.shop.slug}.{domain}".upper()))
    foreign = await account("POST", path, body, ("Host", f"{other.shop.slug}.{domain}"))
    headless = await door.client.post(path, body, [("Host", f"{account.shop.slug}.{domain}")])
    elsewhere = await account("POST", path, body, ("Host", f"{other.shop.slug}.example.org"))

    assert [own.status, upper.status, elsewhere.status] == [200, 200, 200]
    assert told(foreign, 400, "VALIDATION_ERROR")
    assert told(headless, 400, "TENANT_REQUIRED")
    assert len(await account.shop.mails()) == 3
    assert await other.shop.mails() == []


async def test_storefronts_that_agree_are_fine(door: Door) -> None:
    account = await open_account(door)
    slug = account.shop.slug

    answer = await account(
        "POST",
        f"{AUTH}/request-otp?storefrontSlug={slug}",
        {"email": "a@x.io", "storefrontSlug": slug},
    )

    assert answer.status == 200


async def test_the_same_email_is_two_people_at_two_storefronts(door: Door) -> None:
    one, other = await open_account(door), await open_account(door)
    await one.request_otp()
    code = await one.shop.code()

    crossed = [await other.verify_code(code) for _ in range(6)]
    mine, theirs = await one.verify_code(code), await other.sign_in()

    assert {answer.status for answer in crossed} == {401}
    assert mine.status == 200
    assert mine.body["customerId"] != theirs.id


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/public/customer",
        "/api/v1/public/customer/nothing",
        CUSTOMER,
        f"{CUSTOMER}/nothing",
        f"{CUSTOMER}/account",
        f"{CUSTOMER}/actions",
        f"{CUSTOMER}/actions/a/b",
        f"{STATUS}/o/more",
    ],
)
async def test_what_is_not_routed_is_404_in_this_surfaces_shape(
    common_door: Door, path: str
) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert told(await common_door.client(method, path), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (f"{AUTH}/request-link", "POST"),
        (f"{AUTH}/verify", "POST"),
        (f"{CUSTOMER}/auth/logout", "POST"),
        (f"{CUSTOMER}{PROFILE}", "GET, HEAD, PATCH"),
        (f"{CUSTOMER}/account/addresses", "GET, HEAD, POST"),
        (f"{CUSTOMER}/account/addresses/1", "DELETE, GET, HEAD, PATCH"),
        (f"{CUSTOMER}/account/sessions", "DELETE, GET, HEAD"),
        (f"{CUSTOMER}/account/orders/1", "GET, HEAD"),
        (f"{CUSTOMER}/account/orders/1/return-actions", "POST"),
        (f"{CUSTOMER}/actions/a1", "GET, HEAD, POST"),
        (f"{STATUS}/o1", "GET, HEAD"),
    ],
)
async def test_another_method_is_405_with_those_there_are(
    common_door: Door, path: str, allowed: str
) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - {
        *allowed.split(", ")
    }:
        answer = await common_door.client(method, path, headers=[(SLUG, "alpha")])

        assert told(answer, 405, "METHOD_NOT_ALLOWED")
        assert answer.headers["Allow"] == allowed


BODIED = [call for call in CALLS if call[0] != "GET"]


@pytest.mark.parametrize(("method", "path"), [call[:2] for call in BODIED])
@pytest.mark.parametrize(
    ("raw", "headers", "status", "code"),
    [
        (b"{", [JSON], 400, "VALIDATION_ERROR"),
        (b"[]", [JSON], 400, "VALIDATION_ERROR"),
        (b'{"a":1,"a":2}', [JSON], 400, "VALIDATION_ERROR"),
        (b'{"a":NaN}', [JSON], 400, "VALIDATION_ERROR"),
        (b"{}", [("Content-Type", "text/plain")], 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"a=b", [("Content-Type", "application/x-www-form-urlencoded")], 415, None),
        (b"{}", [], 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"{}", [JSON, ("Content-Encoding", "gzip")], 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b" " * 70_000, [JSON], 413, "PAYLOAD_TOO_LARGE"),
    ],
)
async def test_a_body_that_cannot_be_taken_is_refused_in_this_surfaces_shape(
    door: Door,
    method: str,
    path: str,
    raw: bytes,
    *,
    headers: Headers,
    status: int,
    code: str | None,
) -> None:
    account = Account(await open_shop(door))

    answer = await door.client(method, path, headers=[account.named, *headers], raw=raw)

    assert told(answer, status, code or "UNSUPPORTED_MEDIA_TYPE"), answer.body
