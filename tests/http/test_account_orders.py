import asyncio
from collections import Counter
from typing import Any

import pytest

from doorward.actors.messages.merchant import AddressDocument, ItemDocument
from tests.http.accounts import ORDERS, Account, SignedIn, open_account
from tests.http.doors import Door
from tests.http.placing import document, place, place_many
from tests.http.sales import merchant_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAME_ID = ("X-Request-Id", "one-id-for-all")
BAGS = (
    ItemDocument(id="1", name="Kopi Gayo", quantity=2, unit_price=98_000, product_id="gayo"),
    ItemDocument(id="2", name="Kopi Toraja", quantity=1, unit_price=110_000),
)
SOLD: dict[str, Any] = {
    "items": BAGS,
    "subtotal": 306_000,
    "discount": 6_000,
    "tax": 33_000,
    "shipping": 18_000,
    "total": 351_000,
    "fulfillment_status": "DELIVERED",
    "status": "completed",
    "shipping_address": AddressDocument(
        name="Dewi", line1="Jl. Braga No. 12", city="Bandung", country="ID"
    ),
    "created_at": "2026-01-02T03:04:05.678Z",
}


async def opened(door: Door) -> tuple[Account, SignedIn]:
    account = await open_account(door)
    return account, await account.sign_in()


async def test_an_order_is_shown_with_its_items_totals_and_states(door: Door) -> None:
    account, session = await opened(door)
    await place(account.shop, "KS-1", **SOLD)

    answer = await account.get(f"{ORDERS}/KS-1", session.by_bearer)

    assert answer.status == 200
    assert answer.body == {
        "orderNumber": "KS-1",
        "status": "CONFIRMED",
        "fulfillmentStatus": "DELIVERED",
        "paymentStatus": "unpaid",
        "paymentMethod": None,
        "subtotalInCents": 306_000,
        "discountInCents": 6_000,
        "taxInCents": 33_000,
        "shippingInCents": 18_000,
        "totalInCents": 351_000,
        "currency": "IDR",
        "items": [
            {
                "id": "1",
                "productId": "gayo",
                "variantId": None,
                "name": "Kopi Gayo",
                "quantity": 2,
                "unitPriceInCents": 98_000,
                "totalPriceInCents": 196_000,
                "returnableQuantity": 2,
            },
            {
                "id": "2",
                "productId": None,
                "variantId": None,
                "name": "Kopi Toraja",
                "quantity": 1,
                "unitPriceInCents": 110_000,
                "totalPriceInCents": 110_000,
                "returnableQuantity": 1,
            },
        ],
        "shippingAddress": {
            "name": "Dewi",
            "company": None,
            "line1": "Jl. Braga No. 12",
            "line2": None,
            "city": "Bandung",
            "region": None,
            "postalCode": None,
            "country": "ID",
            "phone": None,
        },
        "billingAddress": None,
        "tracking": None,
        "returns": [],
        "createdAt": "2026-01-02T03:04:05.678Z",
        "updatedAt": answer.body["updatedAt"],
    }


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        *(("requested", "PENDING"), ("confirmed", "CONFIRMED"), ("in_progress", "CONFIRMED")),
        *(("delivered", "CONFIRMED"), ("completed", "CONFIRMED"), ("declined", "CANCELLED")),
        *(("canceled", "CANCELLED"), ("PENDING", "PENDING"), ("CANCELLED", "CANCELLED")),
        *(("REFUNDED", "REFUNDED"), ("RETURNED", "CONFIRMED"), ("SHIPPED", "CONFIRMED")),
    ],
)
async def test_a_status_is_shown_in_this_surfaces_words(door: Door, said: str, shown: str) -> None:
    account, session = await opened(door)
    await place(account.shop, "KS-1", status=said)

    one = await account.get(f"{ORDERS}/KS-1", session.by_bearer)
    (listed,) = (await account.get(ORDERS, session.by_bearer)).body["items"]

    assert (one.body["status"], listed["status"]) == (shown, shown)


async def test_a_changed_order_is_shown_changed(door: Door) -> None:
    account, session = await opened(door)
    merchant = await merchant_of(account.shop)
    await place(account.shop, "KS-1")
    before = await account.get(f"{ORDERS}/KS-1", session.by_bearer)

    await merchant("PATCH", "/KS-1", {"status": "CONFIRMED", "fulfillmentStatus": "FULFILLED"})

    after = await account.get(f"{ORDERS}/KS-1", session.by_bearer)
    assert (before.body["status"], before.body["fulfillmentStatus"]) == ("PENDING", "UNFULFILLED")
    assert (after.body["status"], after.body["fulfillmentStatus"]) == ("CONFIRMED", "FULFILLED")


async def test_orders_are_listed_newest_first_a_page_at_a_time(door: Door) -> None:
    account, session = await opened(door)
    numbers = [f"KS-{number:02d}" for number in range(45)]
    await place_many(
        account.shop,
        [
            document(number, created_at=f"2026-01-{at % 28 + 1:02d}T00:{at:02d}:00.000Z")
            for at, number in enumerate(numbers)
        ],
    )
    await place(account.shop, "KS-other", email="other@x.io")

    found, cursor, pages = [], "", 0
    while True:
        page = (await account.get(f"{ORDERS}?limit=20{cursor}", session.by_bearer)).body
        assert set(page) == {"items", "nextCursor"}
        found += page["items"]
        pages += 1
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"

    created = [item["createdAt"] for item in found]
    assert pages == 3
    assert created == sorted(created, reverse=True)
    assert Counter(item["orderNumber"] for item in found) == Counter(numbers)
    assert set(found[0]) == {
        *("orderNumber", "status", "fulfillmentStatus", "paymentStatus", "totalInCents"),
        *("currency", "itemCount", "createdAt", "updatedAt"),
    }


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=1&limit=2", "cursor=x", "cursor="]
)
async def test_a_page_that_is_none_is_refused(door: Door, query: str) -> None:
    account, session = await opened(door)

    answer = await account.get(f"{ORDERS}?{query}", session.by_bearer)

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("method", "below"), [("GET", ""), ("GET", "/returns"), ("POST", "/return-actions")]
)
async def test_an_order_of_somebody_else_is_not_there(door: Door, method: str, below: str) -> None:
    account, session = await opened(door)
    foreign = await open_account(door)
    await place(account.shop, "KS-theirs", email="other@x.io", fulfillment_status="FULFILLED")
    await place(foreign.shop, "KS-foreign", fulfillment_status="FULFILLED")

    answers = [
        await account(method, f"{ORDERS}/{number}{below}", None, session.by_bearer, SAME_ID)
        for number in ("KS-none", "KS-theirs", "KS-foreign", "%00", "..%2fKS-1", "x" * 3_000, "{x}")
    ]

    assert (answers[0].status, answers[0].body["code"]) == (404, "NOT_FOUND")
    assert [answer.unmistakable() for answer in answers] == [answers[0].unmistakable()] * 7


async def test_a_return_is_requested_followed_and_cancelled(door: Door) -> None:
    account, session = await opened(door)
    await place(account.shop, "KS-1", **SOLD)
    path, key = f"{ORDERS}/KS-1", session.by_bearer

    asked = await account(
        "POST",
        f"{path}/return-actions",
        {"items": [{"orderItemId": "1", "quantity": 1}], "reason": "Too dark."},
        key,
    )
    followed = await account.get(f"{path}/returns", key)
    order = await account.get(path, key)
    cancelled = await account(
        "POST", f"{path}/return-actions", {"action": "cancel", "returnId": asked.body["id"]}, key
    )
    again = await account(
        "POST", f"{path}/return-actions", {"action": "cancel", "returnId": asked.body["id"]}, key
    )

    assert asked.status == 201
    assert asked.body == {
        "id": asked.body["id"],
        "status": "REQUESTED",
        "reason": "Too dark.",
        "items": [{"orderItemId": "1", "quantity": 1}],
        "note": None,
        "createdAt": asked.body["createdAt"],
        "updatedAt": asked.body["updatedAt"],
    }
    assert followed.body == {"items": [asked.body], "nextCursor": None}
    assert order.body["returns"] == [asked.body]
    assert [item["returnableQuantity"] for item in order.body["items"]] == [1, 1]
    assert (cancelled.status, cancelled.body["status"]) == (200, "CANCELLED")
    assert (again.status, again.body["code"]) == (409, "INVALID_TRANSITION")
    left = (await account.get(path, key)).body["items"]
    assert [item["returnableQuantity"] for item in left] == [2, 1]


async def test_no_items_stand_for_everything_that_is_left(door: Door) -> None:
    account, session = await opened(door)
    await place(account.shop, "KS-1", **SOLD)
    path = f"{ORDERS}/KS-1/return-actions"
    some = {"items": [{"orderItemId": "1", "quantity": 1}]}
    await account("POST", path, some, session.by_bearer)

    rest = await account("POST", path, None, session.by_bearer)
    more = await account("POST", path, None, session.by_bearer)

    assert rest.body["items"] == [
        {"orderItemId": "1", "quantity": 1},
        {"orderItemId": "2", "quantity": 1},
    ]
    assert (more.status, more.body["code"]) == (409, "NOT_RETURNABLE")


async def test_no_more_comes_back_than_was_bought_also_in_a_crowd(door: Door) -> None:
    account, session = await opened(door)
    await place(account.shop, "KS-1", **SOLD)
    one = {"items": [{"orderItemId": "1", "quantity": 1}]}

    answers = await asyncio.gather(
        *(
            account("POST", f"{ORDERS}/KS-1/return-actions", one, session.by_bearer)
            for _ in range(20)
        )
    )

    assert Counter(answer.status for answer in answers) == {201: 2, 409: 18}
    assert {a.body["code"] for a in answers if a.status == 409} == {"NOT_RETURNABLE"}


@pytest.mark.parametrize("state", ["UNFULFILLED", "PARTIALLY_FULFILLED"])
async def test_an_order_that_is_not_fulfilled_is_not_returned(door: Door, state: str) -> None:
    account, session = await opened(door)
    await place(account.shop, "KS-1", **{**SOLD, "fulfillment_status": state})

    answer = await account("POST", f"{ORDERS}/KS-1/return-actions", {}, session.by_bearer)

    assert (answer.status, answer.body["code"]) == (409, "NOT_RETURNABLE")


@pytest.mark.parametrize(
    "body",
    [
        {"action": "approve"},
        {"action": 1},
        {"items": []},
        {"items": [{"orderItemId": "9", "quantity": 1}]},
        {"items": [{"orderItemId": "1", "quantity": 0}]},
        {"items": [{"orderItemId": "1", "quantity": -1}]},
        {"items": [{"orderItemId": "1", "quantity": 1.5}]},
        {"items": [{"orderItemId": "1", "quantity": "1"}]},
        {"items": [{"orderItemId": "1"}]},
        {"items": [{"orderItemId": "1", "quantity": 1}, {"orderItemId": "1", "quantity": 1}]},
        {"items": {"orderItemId": "1"}},
        {"reason": "x" * 4_001},
        {"reason": 5},
        {"action": "cancel"},
        {"returnId": "1"},
    ],
)
async def test_a_return_that_breaks_a_rule_is_refused(door: Door, body: dict[str, object]) -> None:
    account, session = await opened(door)
    await place(account.shop, "KS-1", **SOLD)

    answer = await account("POST", f"{ORDERS}/KS-1/return-actions", body, session.by_bearer)

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR"), answer.body
    assert (await account.get(f"{ORDERS}/KS-1/returns", session.by_bearer)).body["items"] == []


async def test_a_return_that_is_none_of_the_orders_is_not_there(door: Door) -> None:
    account, session = await opened(door)
    for number in ("KS-1", "KS-2"):
        await place(account.shop, number, **SOLD)
    other = await account("POST", f"{ORDERS}/KS-2/return-actions", {}, session.by_bearer)

    answers = [
        await account(
            "POST",
            f"{ORDERS}/KS-1/return-actions",
            {"action": "cancel", "returnId": name},
            session.by_bearer,
        )
        for name in (other.body["id"], "1", "", "x" * 5_000)
    ]

    assert {answer.status for answer in answers} == {404}
    assert {answer.body["code"] for answer in answers} == {"NOT_FOUND"}
