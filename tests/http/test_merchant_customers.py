import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.http.accounts import ADDRESSES, HOME, ORDERS, PROFILE, Account, SignedIn, open_account
from tests.http.doors import Door
from tests.http.knocking import Answer, bearer
from tests.http.placing import document, place, place_many
from tests.http.sales import key_with
from tests.http.shops import BUYER
from tests.http.test_account_orders import SOLD

pytestmark = pytest.mark.asyncio(loop_scope="session")

CUSTOMERS = "/api/v1/merchant/customers"
NOBODY = "00000000-0000-4000-8000-000000000000"
PHONE = "+6281234567890"


class Registry:
    """A merchant's backend that looks after its customers."""

    def __init__(self, account: Account, key: str) -> None:
        self.account = account
        self.key = key

    async def __call__(self, method: str, path: str = "", body: object = None) -> Answer:
        client = self.account.shop.client
        return await client(method, f"{CUSTOMERS}{path}", body, [bearer(self.key)])

    async def found(self, email: str = BUYER) -> list[dict[str, Any]]:
        answer = await self("GET", f"?email={quote(email)}")
        assert answer.status == 200, answer.body
        items: list[dict[str, Any]] = answer.body["items"]
        return items

    async def person(self) -> SignedIn:
        """Sign somebody in who has a name, a phone, an address, an order and a return."""
        customer = await self.account.sign_in()
        key = customer.by_bearer
        await self.account("PATCH", PROFILE, {"name": "Dewi Lestari", "phone": PHONE}, key)
        await self.account("POST", ADDRESSES, HOME, key)
        await place(self.account.shop, "KS-1", **SOLD, buyer_name="Dewi Lestari", buyer_phone=PHONE)
        await self.account("POST", f"{ORDERS}/KS-1/return-actions", {"reason": "Dark."}, key)
        return customer


async def registry_of(door: Door, *scopes: str) -> Registry:
    account = await open_account(door)
    wanted = scopes or ("customers:read", "customers:write", "orders:read")
    return Registry(account, await key_with(account.shop, wanted))


async def test_a_customer_is_found_by_email_and_read_by_id(door: Door) -> None:
    registry = await registry_of(door)
    customer = await registry.person()

    (found,) = await registry.found(f" {BUYER.upper()}")
    read = await registry("GET", f"/{customer.id}")

    assert read.body == found
    assert {name: found[name] for name in ("id", "email", "emailVerified", "name", "phone")} == {
        "id": customer.id,
        "email": BUYER,
        "emailVerified": True,
        "name": "Dewi Lestari",
        "phone": PHONE,
    }
    assert (found["orderCount"], found["sessionCount"]) == (1, 1)
    assert await registry.found("nobody@x.io") == []


@pytest.mark.parametrize("query", ["", "?email=", "?email=nothing", "?email=a@x.io&email=b@x.io"])
async def test_a_search_without_an_email_is_refused(door: Door, query: str) -> None:
    registry = await registry_of(door)

    answer = await registry("GET", query)

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR")


async def test_an_export_holds_everything_as_one_document(door: Door) -> None:
    registry = await registry_of(door)
    customer = await registry.person()
    many = [document(f"KS-1{number:02d}", email=BUYER) for number in range(45)]
    await place_many(registry.account.shop, many)

    answer = await registry("GET", f"/{customer.id}/export")

    document_ = json.loads(answer.raw)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(document_) == {
        *("customer", "addresses", "sessions", "knownDevices", "actions", "orders")
    }
    assert document_["customer"]["phone"] == PHONE
    assert document_["addresses"][0]["line1"] == HOME["line1"]
    assert len(document_["sessions"]) == 1
    numbers = {order["orderNumber"] for order in document_["orders"]}
    assert numbers == {"KS-1", *(each.order_number for each in many)}
    (returned,) = next(o for o in document_["orders"] if o["orderNumber"] == "KS-1")["returns"]
    assert returned["reason"] == "Dark."
    assert "accessToken" not in answer.raw.decode()
    assert customer.token not in answer.raw.decode()


async def test_looking_whether_there_is_an_export_sends_none(door: Door) -> None:
    registry = await registry_of(door)
    customer = await registry.person()

    answer = await registry("HEAD", f"/{customer.id}/export")

    assert (answer.status, answer.raw) == (200, b"")
    assert answer.headers["Content-Type"].startswith("application/json")


async def test_all_sessions_of_a_customer_are_ended(door: Door) -> None:
    registry = await registry_of(door)
    customer = await registry.account.sign_in()
    await registry.account.sign_in()
    other = await registry.account.sign_in("other@x.io")

    answer = await registry("POST", f"/{customer.id}/revoke-sessions")
    again = await registry("POST", f"/{customer.id}/revoke-sessions")

    assert (answer.status, answer.body) == (200, {"revoked": 2})
    assert again.body == {"revoked": 0}
    assert not await registry.account.is_signed_in(customer.by_bearer)
    assert not await registry.account.is_signed_in(customer.by_cookie)
    assert await registry.account.is_signed_in(other.by_bearer)


async def test_an_erased_person_is_gone_and_their_orders_are_nobodys(door: Door) -> None:
    registry = await registry_of(door)
    customer = await registry.person()
    key = registry.key

    erased = await registry("DELETE", f"/{customer.id}")
    again = await registry("DELETE", f"/{customer.id}")

    order = await registry.account.shop.client.get("/api/v1/merchant/orders/KS-1", [bearer(key)])
    assert (erased.status, again.status) == (204, 404)
    assert await registry.found() == []
    assert (await registry("GET", f"/{customer.id}")).status == 404
    assert not await registry.account.is_signed_in(customer.by_bearer)
    assert order.status == 200
    for personal in ("Dewi", PHONE, BUYER, "Braga", "Dark."):
        assert personal not in order.raw.decode()
    assert order.body["total"] == SOLD["total"]


async def test_a_customer_of_another_storefront_is_not_there(door: Door) -> None:
    registry, other = await registry_of(door), await registry_of(door)
    customer = await other.person()

    answers = [
        await registry(method, f"/{name}{below}")
        for name in (customer.id, NOBODY, "%00", "x" * 900)
        for method, below in (
            *(("GET", ""), ("DELETE", ""), ("GET", "/export"), ("POST", "/revoke-sessions")),
        )
    ]

    assert {answer.status for answer in answers} == {404}
    assert await registry.found() == []
    assert await other.account.is_signed_in(customer.by_bearer)


async def test_customers_need_their_scopes(door: Door) -> None:
    reader = await registry_of(door, "customers:read")
    customer = await reader.account.sign_in()
    stranger = Registry(reader.account, await key_with(reader.account.shop, ["orders:read"]))

    reads = [
        ("GET", f"/{customer.id}"),
        ("GET", f"/{customer.id}/export"),
        ("GET", "?email=a@x.io"),
    ]
    one = f"/{customer.id}"
    writes = [("DELETE", one), ("POST", f"{one}/revoke-sessions")]

    assert {(await reader(*each)).status for each in reads} == {200}
    assert {(await reader(*each)).status for each in writes} == {403}
    assert {(await stranger(*each)).status for each in (*reads, *writes)} == {403}
    assert await reader.account.is_signed_in(customer.by_bearer)
