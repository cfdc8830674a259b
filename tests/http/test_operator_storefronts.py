import re
from typing import Any

import pytest

from tests.http.doors import OPERATOR_KEY, STOREFRONTS, Door, Setup
from tests.http.guessing import guess
from tests.http.knocking import Answer, Headers, bearer
from tests.http.shops import AUTH, BUYER, Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

OPERATOR = bearer(OPERATOR_KEY)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
KEY_REQUIRED = ("KEY_REQUIRED", "This call needs a valid key.")
EMPTY: dict[str, Any] = {
    "published": False,
    "origin": None,
    "hostedDomain": None,
    "headless": False,
    "allowedOrigins": [],
    "payment": None,
    "returnToStoreUrl": None,
    "branding": {"accent": None, "logoUrl": None},
    "policy": {},
    "sandbox": False,
    "locale": "auto",
}
FULL: dict[str, Any] = {
    "displayName": "Kopi Söré ☕",
    "published": True,
    "origin": "https://kopi.example:8443",
    "hostedDomain": "shops.example",
    "headless": True,
    "allowedOrigins": ["https://kopi.example", "http://localhost:3000"],
    "payment": {
        "bankAccounts": [
            {"bankName": "BCA", "accountNumber": "123", "accountHolder": "Kopi Senja"}
        ],
        "instructions": "Transfer,\nthen tell us.",
        "whatsappNumber": "+628123456789",
    },
    "returnToStoreUrl": "https://kopi.example/cart",
    "branding": {"accent": "#8A4b2a", "logoUrl": "https://kopi.example/logo.png"},
    "policy": {"codes": {"perEmailPerMinute": 5}},
    "sandbox": False,
    "locale": "id",
}


async def operate(door: Door, method: str, path: str = "", body: object = None) -> Answer:
    return await door.client(method, f"{STOREFRONTS}{path}", body, [OPERATOR])


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer ")],
        [bearer(OPERATOR_KEY[:-1])],
        [bearer(OPERATOR_KEY + "x")],
        [bearer(OPERATOR_KEY.upper())],
        [("Authorization", f"Basic {OPERATOR_KEY}")],
        [("Authorization", OPERATOR_KEY)],
        [OPERATOR, OPERATOR],
        [bearer("ключ")],
        [("X-Api-Key", OPERATOR_KEY)],
    ],
)
async def test_without_the_operator_key_nothing_is_told_or_done(
    common_door: Door, headers: Headers
) -> None:
    before = await common_door.keys()
    client = common_door.client
    answers = [
        await client.get(STOREFRONTS, headers),
        await client.get(f"{STOREFRONTS}?limit=x", headers),
        await client("PUT", f"{STOREFRONTS}/stolen", {"displayName": "M"}, headers),
        await client("PUT", f"{STOREFRONTS}/stolen", None, headers),
        await client.get(f"{STOREFRONTS}/stolen", headers),
        await client("DELETE", f"{STOREFRONTS}/stolen", None, headers),
        await client.post(f"{STOREFRONTS}/stolen/keys", {"kind": "secret", "name": "M"}, headers),
        await client.get(f"{STOREFRONTS}/stolen/keys", headers),
        await client("DELETE", f"{STOREFRONTS}/stolen/keys/1", None, headers),
    ]

    for answer in answers:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.body == {
            "statusCode": 401,
            "code": KEY_REQUIRED[0],
            "message": KEY_REQUIRED[1],
            "requestId": answer.headers["X-Request-Id"],
        }
    assert await common_door.keys() == before


async def test_the_schemes_name_may_be_written_in_any_case(door: Door) -> None:
    answer = await door.client.get(STOREFRONTS, [("Authorization", f"bEARER {OPERATOR_KEY}")])

    assert answer.status == 200


async def test_a_new_storefront_is_201_and_says_all_it_is(door: Door) -> None:
    answer = await operate(door, "PUT", "/op-new", {"displayName": "Toko"})

    body = answer.body
    assert answer.status == 201
    assert TIME.fullmatch(body["createdAt"])
    assert body["updatedAt"] == body["createdAt"]
    times = {"createdAt": body["createdAt"], "updatedAt": body["updatedAt"]}
    assert body == {"slug": "op-new", "displayName": "Toko", **EMPTY, **times}
    assert (await operate(door, "GET", "/op-new")).body == body


async def test_everything_that_can_be_set_is_kept_as_it_was_set(door: Door) -> None:
    await operate(door, "PUT", "/op-full", FULL)

    found = (await operate(door, "GET", "/op-full")).body

    assert {name: found[name] for name in FULL} == FULL


async def test_a_second_put_replaces_the_whole_and_is_200(door: Door) -> None:
    created = (await operate(door, "PUT", "/op-again", FULL)).body

    answer = await operate(door, "PUT", "/op-again", {"displayName": "Toko"})

    body = answer.body
    assert answer.status == 200
    assert body["createdAt"] == created["createdAt"]
    assert body["updatedAt"] >= created["updatedAt"]
    assert {name: body[name] for name in EMPTY} == EMPTY


async def test_an_answer_put_back_changes_nothing(door: Door) -> None:
    created = (await operate(door, "PUT", "/op-back", FULL)).body

    again = (await operate(door, "PUT", "/op-back", created)).body

    assert {**again, "updatedAt": ""} == {**created, "updatedAt": ""}


@pytest.mark.parametrize(
    "slug", ["ab", "Alpha", "-abc", "a" * 41, "al%7bpha", "a%0ab", "%ff%fe%fd"]
)
@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
async def test_what_is_no_slug_is_404(door: Door, method: str, slug: str) -> None:
    body = {"displayName": "Toko"} if method == "PUT" else None

    answer = await operate(door, method, f"/{slug}", body)

    assert answer.status == 404
    assert answer.body["code"] == "NOT_FOUND"


BAD_VALUES: list[tuple[str, object]] = [
    ("displayName", ""),
    ("displayName", " "),
    ("displayName", "x" * 101),
    ("displayName", "a\nb"),
    ("displayName", 7),
    ("displayName", None),
    ("published", "yes"),
    ("published", 1),
    ("origin", "kopi.example"),
    ("origin", "https://kopi.example/"),
    ("origin", "https://kopi.example/x"),
    ("origin", "https://Kopi.example"),
    ("origin", "https://a@kopi.example"),
    ("origin", "javascript://kopi.example"),
    ("origin", "https://kopi.example:0"),
    ("origin", "https://kopi.example:99999"),
    ("origin", "https://"),
    ("origin", "https://kopi.example\r\nX: y"),
    ("hostedDomain", "Shops.example"),
    ("hostedDomain", "shops.example/x"),
    ("hostedDomain", "shops..example"),
    ("hostedDomain", ".shops.example"),
    ("hostedDomain", "a" * 254),
    ("headless", None),
    ("allowedOrigins", ["*"]),
    ("allowedOrigins", ["null"]),
    ("allowedOrigins", "https://kopi.example"),
    ("allowedOrigins", ["https://kopi.example"] * 101),
    ("returnToStoreUrl", "javascript:alert(1)"),
    ("returnToStoreUrl", "//kopi.example"),
    ("returnToStoreUrl", "https://[kopi"),
    ("payment", {"bankAccounts": [{"bankName": "B", "accountNumber": "1"}]}),
    (
        "payment",
        {"bankAccounts": [{"bankName": "B\n", "accountNumber": "1", "accountHolder": "A"}]},
    ),
    (
        "payment",
        {"bankAccounts": [{"bankName": "B", "accountNumber": " ", "accountHolder": "A"}]},
    ),
    ("payment", {"instructions": "x" * 4_001}),
    ("payment", {"instructions": "a\x1bb"}),
    ("payment", {"whatsappNumber": "+62\u20288"}),
    ("payment", {"whatsappNumber": 62}),
    ("branding", {"accent": "red"}),
    ("branding", {"accent": "#12345g"}),
    ("branding", {"logoUrl": "http://kopi.example/logo.png"}),
    ("branding", {"logoUrl": "javascript:alert(1)"}),
    ("branding", {"logoUrl": "https://"}),
    ("branding", {"logoUrl": "https://kopi.example/a b"}),
    ("branding", {"logoUrl": "https://kopi.example/\u00e9"}),
    ("branding", {"logoUrl": f"https://kopi.example/{'x' * 2_000}"}),
    ("policy", {"codes": {"perEmailPerMinute": 0}}),
    ("policy", {"codes": {"perEmailPerMinute": 101}}),
    ("policy", {"codes": {"perEmailPerMinute": "3"}}),
    ("policy", {"codes": {"ttl": 601}}),
    ("policy", {"codes.perEmailPerMinute": 5.0}),
    ("policy", {"codes": {"perEmailPerMinute": 11, "perEmailPerHour": 10}}),
    ("policy", {"codez": {}}),
    ("policy", {"codes": 7}),
    ("policy", [1]),
    ("sandbox", "yes"),
    ("locale", "tlh"),
    ("locale", ""),
    ("locale", None),
    ("locale", 1),
]


@pytest.mark.parametrize(("member", "value"), BAD_VALUES)
async def test_a_value_that_breaks_a_rule_changes_nothing(
    door: Door, member: str, value: object
) -> None:
    await operate(door, "PUT", "/op-bad", FULL)
    before = (await operate(door, "GET", "/op-bad")).body

    answer = await operate(door, "PUT", "/op-bad", {**FULL, "displayName": "M", member: value})
    new = await operate(door, "PUT", "/op-bad-new", {"displayName": "M", member: value})

    for refused in (answer, new):
        assert refused.status == 400, refused.body
        assert refused.body["code"] == "VALIDATION_ERROR"
        assert member in refused.body["message"]
    assert (await operate(door, "GET", "/op-bad")).body == before
    assert (await operate(door, "GET", "/op-bad-new")).status == 404


async def test_a_storefront_without_a_name_is_refused(door: Door) -> None:
    answer = await operate(door, "PUT", "/op-nameless", {})

    assert answer.status == 400
    assert answer.body["message"] == "displayName is required."


@pytest.mark.parametrize(
    "policy",
    [
        {"codes": {"perEmailPerMinute": 1}},
        {"codes.perEmailPerMinute": 1},
        {"codes": {"perEmailPerMinute": 1, "perEmailPerHour": None}, "guesses": None},
    ],
)
async def test_a_policy_counts_at_once_and_is_shown_nested(
    door: Door, policy: dict[str, object]
) -> None:
    shop = await open_shop(door, policy=policy)

    asked = [(await shop.request_code()).status for _ in range(2)]

    found = (await operate(door, "GET", f"/{shop.slug}")).body
    assert asked == [200, 429]
    assert found["policy"] == {"codes": {"perEmailPerMinute": 1}}


async def test_whether_it_is_a_sandbox_is_decided_at_creation(door: Door) -> None:
    await operate(door, "PUT", "/op-real", {"displayName": "Toko"})
    await operate(door, "PUT", "/op-sandbox", {"displayName": "Toko", "sandbox": True})

    to_sandbox = await operate(door, "PUT", "/op-real", {"displayName": "T", "sandbox": True})
    from_it = await operate(door, "PUT", "/op-sandbox", {"displayName": "T", "sandbox": False})
    left_out = await operate(door, "PUT", "/op-sandbox", {"displayName": "T"})

    assert [to_sandbox.status, from_it.status] == [409, 409]
    assert to_sandbox.body["code"] == "CONFLICT"
    assert left_out.body["sandbox"] is True


@pytest.mark.parametrize("door_setup", [Setup()])
async def test_storefronts_are_listed_by_slug_page_by_page(door: Door) -> None:
    slugs = sorted(f"shop-{n}" for n in range(25))
    for slug in reversed(slugs):
        await operate(door, "PUT", f"/{slug}", {"displayName": slug})

    first = (await operate(door, "GET")).body
    second = (await operate(door, "GET", f"?cursor={first['nextCursor']}")).body
    whole = (await operate(door, "GET", "?limit=25")).body
    pages: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await operate(door, "GET", f"?limit=7&cursor={cursor}")).body
        pages.append([item["slug"] for item in page["items"]])
        cursor = page["nextCursor"]

    assert [item["slug"] for item in first["items"]] == slugs[:20]
    assert [item["slug"] for item in second["items"]] == slugs[20:]
    assert second["nextCursor"] is None
    assert [item["slug"] for item in whole["items"]] == slugs
    assert whole["nextCursor"] is None
    assert [len(page) for page in pages] == [7, 7, 7, 4]
    assert [slug for page in pages for slug in page] == slugs
    assert first["items"][0] == (await operate(door, "GET", "/shop-0")).body


@pytest.mark.parametrize("door_setup", [Setup()])
async def test_of_nothing_there_is_an_empty_list(door: Door) -> None:
    assert (await operate(door, "GET")).body == {"items": [], "nextCursor": None}


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "limit=1.5", "limit=%2b5"),
        *("limit=0001000000", "limit=0001" + "0" * 5_000, "limit=٣", "limit=1&limit=2"),
        *("cursor=%2a", "cursor=Alpha", "cursor=a&cursor=b"),
    ],
)
async def test_a_page_that_cannot_be_is_refused(door: Door, query: str) -> None:
    answer = await operate(door, "GET", f"?{query}")

    assert answer.status == 400
    assert answer.body["code"] == "VALIDATION_ERROR"


async def test_deleting_erases_everything_and_frees_the_slug(door: Door) -> None:
    shop = await open_shop(door)
    session = await shop.session()
    for n in range(60):
        await shop.request_code(f"b{n}@example.org")

    deleted = await operate(door, "DELETE", f"/{shop.slug}")

    assert deleted.status == 204
    assert deleted.raw == b""
    assert "Content-Type" not in deleted.headers
    assert not [key for key in await door.keys() if f":{shop.slug}:".encode() in key]
    assert (await operate(door, "GET", f"/{shop.slug}")).status == 404
    assert (await operate(door, "DELETE", f"/{shop.slug}")).status == 404
    assert (await shop.me(session)).status == 404
    listed = (await operate(door, "GET", "?limit=100")).body["items"]
    assert shop.slug not in [item["slug"] for item in listed]
    mail = await door.client.get("/api/v1/merchant/sandbox/mail", [bearer(shop.key)])
    assert mail.status == 401


async def test_a_slug_used_again_shares_nothing_with_its_former_life(door: Door) -> None:
    former = await open_shop(door)
    session = await former.session()
    await former.request_code()
    await guess(former, 4)
    old_code = await former.code()
    await operate(door, "DELETE", f"/{former.slug}")

    shop = await open_shop(door, former.slug)
    signed_out = not await shop.is_signed_in(session)
    refused = await shop.verify(old_code)
    asked = [(await shop.request_code()).status for _ in range(4)]
    guesses = [answer.status for answer in await guess(shop, 4)]
    signed_in = await shop.verify(await shop.code())

    assert signed_out
    assert refused.status == 401
    assert asked == [200, 200, 200, 429]
    assert guesses == [401] * 4
    assert signed_in.status == 200
    assert (
        await door.client.get("/api/v1/merchant/sandbox/mail", [bearer(former.key)])
    ).status == 401


async def test_deleting_one_storefront_leaves_its_namesakes_alone(door: Door) -> None:
    kept = [await open_shop(door, slug) for slug in ("op-del-x", "op-delx", "x-op-del")]
    sessions = [await shop.session() for shop in kept]
    gone = await open_shop(door, "op-del")
    await gone.session()

    await operate(door, "DELETE", "/op-del")

    assert [await s.is_signed_in(c) for s, c in zip(kept, sessions, strict=True)] == [True] * 3


async def test_publishing_is_all_it_takes(door: Door) -> None:
    await operate(door, "PUT", "/op-publish", {"displayName": "Toko"})
    body = {"storefrontSlug": "op-publish", "email": BUYER}
    hidden = await door.client.post(f"{AUTH}/request-otp", body)

    await operate(door, "PUT", "/op-publish", {"displayName": "Toko", "published": True})
    shown = await door.client.post(f"{AUTH}/request-otp", body)

    assert (hidden.status, shown.status) == (404, 200)


async def test_a_changed_name_is_in_the_next_mail(shop: Shop) -> None:
    await shop.request_code()
    await operate(
        shop.door, "PUT", f"/{shop.slug}", {"displayName": "Toko Baru", "published": True}
    )
    await shop.request_code()

    before, after = await shop.mails(BUYER)
    assert "Toko Uji" in before["subject"]
    assert "Toko Baru" in after["subject"]
    assert before["code"] == after["code"]
