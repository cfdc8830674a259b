import pytest

from tests.http.doors import STOREFRONTS, Door
from tests.http.knocking import bearer
from tests.http.sales import NDJSON, ORDERS, Merchant, key_with, merchant_of, ndjson, order
from tests.http.shops import Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLS = [
    ("GET", "", None, "orders:read"),
    ("PUT", "/A-1", order(), "orders:write"),
    ("GET", "/A-1", None, "orders:read"),
    ("PATCH", "/A-1", {"tracking": None}, "orders:write"),
    ("POST", "/A-1/messages", {"body": "Hello"}, "orders:write"),
    ("POST", "/A-1/confirm-payment", None, "orders:write"),
    ("POST", "/A-1/rotate-access", None, "orders:write"),
    ("GET", "/A-1/proof", None, "orders:read"),
]


@pytest.mark.parametrize(("method", "path", "body", "scope"), CALLS)
async def test_a_call_needs_its_scope_and_no_other(
    shop: Shop, method: str, path: str, body: object, scope: str
) -> None:
    await (await merchant_of(shop)).order()
    others = {"orders:read", "orders:write", "customers:write", "policy:write"} - {scope}
    able, unable = [Merchant(shop, await key_with(shop, held)) for held in ([scope], others)]

    refused = await unable(method, path, body)
    answered = await able(method, path, body)

    assert (refused.status, refused.body["code"]) == (403, "INSUFFICIENT_SCOPE")
    assert scope in refused.body["message"]
    assert answered.status in {200, 201, 404}
    assert answered.body.get("code") in {None, "NOT_FOUND"}


async def test_bringing_in_lines_needs_the_scope_to_write(shop: Shop) -> None:
    reader = Merchant(shop, await key_with(shop, ["orders:read"]))

    refused = await reader.lines(order())

    assert (refused.status, refused.body["code"]) == (403, "INSUFFICIENT_SCOPE")


@pytest.mark.parametrize(("method", "path", "body", "_scope"), CALLS)
async def test_without_a_live_secret_key_no_call_is_answered(
    shop: Shop, method: str, path: str, body: object, _scope: str
) -> None:
    publishable = await key_with(shop, ["orders:read", "orders:write"], "publishable")
    made = {"kind": "secret", "name": "gone", "scopes": ["orders:read", "orders:write"]}
    revoked = await shop.door.operate("POST", f"/{shop.slug}/keys", made)
    await shop.door.operate("DELETE", f"/{shop.slug}/keys/{revoked['id']}")
    secret = await key_with(shop, ["orders:read", "orders:write"])
    presented = [
        [],
        [bearer(publishable)],
        [bearer(str(revoked["key"]))],
        [bearer(secret[:-1] + ("A" if secret[-1] != "A" else "B"))],
        [bearer("")],
        [("Authorization", f"Basic {secret}")],
        [bearer(secret), bearer(secret)],
        [("X-Doorward-Key", secret)],
    ]

    answers = [await shop.client(method, f"{ORDERS}{path}", body, sent) for sent in presented]

    assert {(answer.status, answer.body["code"]) for answer in answers} == {(401, "KEY_REQUIRED")}
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {"Bearer"}
    assert set(answers[0].body) == {"statusCode", "code", "message", "requestId"}


async def test_the_operators_key_is_no_key_of_a_merchant(door: Door, shop: Shop) -> None:
    merchant = await merchant_of(shop)
    theirs = await shop.client("GET", f"{STOREFRONTS}/{shop.slug}", None, [bearer(merchant.key)])

    assert (theirs.status, theirs.body["code"]) == (401, "KEY_REQUIRED")


async def test_a_key_is_limited_by_itself_and_refused_calls_count(door: Door) -> None:
    shop = await open_shop(door, policy={"keys": {"secretPerMinute": 3}})
    spent, fresh = await merchant_of(shop), await merchant_of(shop)

    answers = [await spent("GET", f"/{number}") for number in range(4)]
    other = await fresh("GET", "/1")

    refused = answers[-1]
    assert [answer.status for answer in answers] == [404, 404, 404, 429]
    assert refused.body["code"] == "RATE_LIMITED"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert ";q=3;w=60" in refused.headers["RateLimit-Policy"]
    assert ";r=0;" in refused.headers["RateLimit"]
    assert other.status == 404
    await shop.advance(60)
    assert (await spent("GET", "/1")).status == 404


async def test_answers_tell_where_the_keys_limit_stands(shop: Shop) -> None:
    merchant = await merchant_of(shop)

    answers = [await merchant.put(order()), await merchant("GET"), await merchant.lines(order())]

    left = [answer.headers["RateLimit"].partition(";r=")[2].partition(";")[0] for answer in answers]
    assert [int(each) for each in left] == [999, 998, 997]


async def test_a_key_of_an_unpublished_storefront_still_opens_its_orders(door: Door) -> None:
    shop = await open_shop(door, published=False)
    merchant = await merchant_of(shop)

    made = await merchant.order()

    assert (await merchant.read())["id"] == made["id"]


async def test_no_key_and_no_token_is_logged_or_kept(shop: Shop) -> None:
    merchant = await merchant_of(shop)
    made = await merchant.order()
    raw = ndjson(order("A-2"))
    await shop.client("POST", ORDERS, None, [bearer(merchant.key), NDJSON], raw=raw)

    secrets = [merchant.key, made["accessToken"]]
    logged = repr(shop.door.events)
    assert [secret in logged for secret in secrets] == [False, False]
    store = shop.door.store
    held = [await store.dump(key) for key in await shop.door.keys()]
    assert not any(secret.encode() in (dump or b"") for secret in secrets for dump in held)
