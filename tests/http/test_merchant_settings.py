from typing import Any

import pytest

from tests.http.doors import Door
from tests.http.knocking import Answer, bearer
from tests.http.sales import key_with
from tests.http.shops import Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

MERCHANT = "/api/v1/merchant"


class Office:
    """A merchant's backend that sets its storefront up."""

    def __init__(self, shop: Shop, key: str) -> None:
        self.shop = shop
        self.key = key

    async def __call__(self, method: str, path: str, body: object = None) -> Answer:
        return await self.shop.client(method, f"{MERCHANT}{path}", body, [bearer(self.key)])

    async def read(self, path: str) -> Any:  # noqa: ANN401 - any JSON value
        answer = await self("GET", path)
        assert answer.status == 200, answer.body
        return answer.body


async def office_of(door: Door, *scopes: str) -> Office:
    shop = await open_shop(door)
    return Office(shop, await key_with(shop, scopes or ("policy:write", "customers:read")))


async def test_a_policy_is_read_whole_and_changed_nested_or_dotted(door: Door) -> None:
    office = await office_of(door)
    before = await office.read("/policy")

    nested = await office("PATCH", "/policy", {"codes": {"perEmailPerMinute": 2}})
    dotted = await office("PATCH", "/policy", {"guesses.perEmailPerHour": 7})

    assert before["codes"]["perEmailPerMinute"] == 3
    assert before["signIn"]["open"] is False
    assert nested.body["codes"]["perEmailPerMinute"] == 2
    assert dotted.body["guesses"]["perEmailPerHour"] == 7
    assert dotted.body["codes"] == {**before["codes"], "perEmailPerMinute": 2}
    assert await office.read("/policy") == dotted.body
    assert [(await office.shop.request_code()).status for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize(
    "body",
    [
        {"codes": {"perEmailPerMinute": 0}},
        {"codes": {"perEmailPerMinute": 10_000}},
        {"codes": {"perEmailPerMinute": "3"}},
        {"codes": {"perEmailPerMinute": 2.5}},
        {"codes": {"unheardOf": 1}},
        {"unheardOf": {}},
        {"codes": 3},
        {"codes.perEmailPerMinute": True},
        {"codes": {"perEmailPerMinute": 2}, "guesses": {"perEmailPerHour": 0}},
    ],
)
async def test_a_policy_that_breaks_a_rule_changes_nothing(door: Door, body: object) -> None:
    office = await office_of(door)
    before = await office.read("/policy")

    answer = await office("PATCH", "/policy", body)

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR"), answer.body
    assert await office.read("/policy") == before


async def test_a_storefront_is_read_and_changed_where_it_is_the_merchants(door: Door) -> None:
    office = await office_of(door)
    before = await office.read("/storefront")
    account = {"bankName": "BCA", "accountNumber": "123", "accountHolder": "Toko"}

    changed = await office(
        "PATCH",
        "/storefront",
        {
            "displayName": "Toko Baru",
            "payment": {"bankAccounts": [account], "instructions": "Transfer."},
            "branding": {"accent": "#336699"},
            "returnToStoreUrl": "https://toko.example/",
            "locale": "id",
        },
    )
    cleared = await office(
        "PATCH", "/storefront", {"payment": None, "branding": None, "returnToStoreUrl": None}
    )

    assert before["slug"] == office.shop.slug
    assert changed.status == 200, changed.body
    assert changed.body["displayName"] == "Toko Baru"
    assert changed.body["payment"]["bankAccounts"] == [account]
    assert changed.body["branding"] == {"accent": "#336699", "logoUrl": None}
    assert changed.body["locale"] == "id"
    assert cleared.body["payment"] is None
    assert cleared.body["branding"] == {"accent": None, "logoUrl": None}
    assert cleared.body["displayName"] == "Toko Baru"


async def test_what_is_the_operators_is_not_the_merchants_to_change(door: Door) -> None:
    office = await office_of(door)
    before = await office.read("/storefront")
    greedy = {
        "slug": "other",
        "published": False,
        "origin": "https://evil.example",
        "hostedDomain": "evil.example",
        "headless": True,
        "allowedOrigins": ["https://evil.example"],
        "sandbox": False,
        "policy": {"codes": {"perEmailPerMinute": 100}},
    }

    answer = await office("PATCH", "/storefront", greedy)

    after = await office.read("/storefront")
    assert answer.status == 200
    assert {**after, "updatedAt": ""} == {**before, "updatedAt": ""}
    assert (await office.read("/policy"))["codes"]["perEmailPerMinute"] == 3


@pytest.mark.parametrize(
    "body",
    [
        {"displayName": ""},
        {"displayName": None},
        {"displayName": 5},
        {"locale": "xx"},
        {"returnToStoreUrl": "javascript:alert(1)"},
        {"branding": {"accent": "red; x"}},
        {"branding": {"logoUrl": "http://"}},
        {"payment": {"bankAccounts": [{"bankName": "BCA"}]}},
    ],
)
async def test_a_storefront_that_breaks_a_rule_is_not_changed(
    door: Door, body: dict[str, object]
) -> None:
    office = await office_of(door)
    before = await office.read("/storefront")

    answer = await office("PATCH", "/storefront", {"displayName": "New", **body})

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR"), answer.body
    assert await office.read("/storefront") == before


async def test_the_audit_log_tells_who_changed_what_newest_first(door: Door) -> None:
    office = await office_of(door)
    for number in (1, 2, 3):
        await office("PATCH", "/policy", {"codes": {"perEmailPerMinute": number}})

    first = await office.read("/audit?limit=2")
    rest = await office.read(f"/audit?limit=100&cursor={first['nextCursor']}")

    entries = first["items"] + rest["items"]
    assert len(first["items"]) == 2
    assert rest["nextCursor"] is None
    assert [int(e["id"]) for e in entries] == sorted((int(e["id"]) for e in entries), reverse=True)
    assert set(entries[0]) == {"id", "at", "who", "what", "subject"}
    assert entries[0]["who"].startswith("key:")
    assert len([entry for entry in entries if "policy" in entry["what"]]) >= 3


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=x", "cursor=-1", "cursor=01"])
async def test_a_page_of_the_audit_log_that_is_none_is_refused(door: Door, query: str) -> None:
    office = await office_of(door)

    answer = await office("GET", f"/audit?{query}")

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR")


async def test_settings_are_read_by_every_key_and_changed_with_the_scope(door: Door) -> None:
    office = await office_of(door, "orders:read")

    reads = [(await office("GET", path)).status for path in ("/policy", "/storefront")]
    writes = [(await office("PATCH", path, {})).status for path in ("/policy", "/storefront")]

    assert reads == [200, 200]
    assert writes == [403, 403]
    assert (await office("GET", "/audit")).status == 403
    office.key = "sk_live_000000_" + "A" * 43
    assert {(await office("GET", p)).status for p in ("/policy", "/storefront", "/audit")} == {401}
