from typing import Any

import pytest
import pytest_asyncio

from tests.http.doors import Door
from tests.http.sales import Merchant, merchant_of, open_merchant, order
from tests.http.shops import BUYER, Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

WHOLE: dict[str, Any] = {
    "orderNumber": "KS-1(b)~é".replace("é", "e"),
    "number": "No. 1",
    "email": "Dewi@Example.ORG",
    "customerId": "c-77",
    "buyerName": "Dewi <b>Lestari</b>",
    "buyerPhone": "+6281200001234",
    "currency": "IDR",
    "items": [
        {
            "id": "1",
            "productId": "p-1",
            "variantId": "v-1",
            "name": "Kopi Gayo",
            "quantity": 2,
            "unitPrice": 60_000,
        },
        {"id": "2", "name": "Mug", "quantity": 1, "unitPrice": 30_000},
    ],
    "subtotal": 150_000,
    "discount": 10_000,
    "tax": 14_000,
    "shipping": 18_000,
    "total": 172_000,
    "status": "confirmed",
    "paymentStatus": "payment_claimed",
    "fulfillmentStatus": "UNFULFILLED",
    "paymentMethod": "bank_transfer",
    "service": {"slug": "beans", "name": "Beans", "pricingType": "fixed"},
    "packageName": "Starter",
    "notes": "Line one\nline two",
    "preferredDate": "2026-12-24",
    "shippingAddress": {
        "name": "Dewi",
        "company": "Senja",
        "line1": "Jl. Braga 12",
        "line2": "Lt. 2",
        "city": "Bandung",
        "region": "Jawa Barat",
        "postalCode": "40111",
        "country": "ID",
        "phone": "+6281200001234",
    },
    "billingAddress": {"name": "Dewi", "line1": "Jl. Braga 12", "city": "Bandung", "country": "ID"},
    "tracking": {"carrier": "JNE", "number": "JNE1", "url": "https://jne.example/JNE1"},
    "hold": "ON_HOLD",
    "createdAt": "2026-02-03T04:05:06.007Z",
}


@pytest_asyncio.fixture(loop_scope="session")
async def merchant(shop: Shop) -> Merchant:
    return await merchant_of(shop)


async def test_an_order_is_kept_with_every_member_it_came_with(merchant: Merchant) -> None:
    answer = await merchant.put(WHOLE)

    made = answer.body
    read = await merchant.read(WHOLE["orderNumber"])
    filled = {
        "company": None,
        "line2": None,
        "region": None,
        "postalCode": None,
        "phone": None,
        **WHOLE["billingAddress"],
    }
    items = [
        {"productId": None, "variantId": None, **item} if "productId" not in item else item
        for item in WHOLE["items"]
    ]
    assert answer.status == 201
    assert made == read
    assert made == {
        **WHOLE,
        "email": "Dewi@example.org".lower(),
        "billingAddress": filled,
        "items": items,
        "id": made["id"],
        "accessToken": made["accessToken"],
        "messages": [],
        "proofs": [],
        "updatedAt": made["updatedAt"],
        "lastActivityAt": made["lastActivityAt"],
    }
    assert len(made["accessToken"]) == 44
    assert answer.headers["Cache-Control"] == "no-store"


async def test_what_an_order_leaves_out_is_null_or_the_first_state(merchant: Merchant) -> None:
    made = await merchant.order()

    states = (made["status"], made["paymentStatus"], made["fulfillmentStatus"])
    absent = ("customerId", "buyerName", "buyerPhone", "service", "notes", "tracking", "hold")
    assert states == ("requested", "unpaid", "UNFULFILLED")
    assert [made[name] for name in absent] == [None] * len(absent)
    assert made["number"] == "A-1"
    assert (made["discount"], made["tax"], made["shipping"]) == (0, 0, 0)


async def test_the_same_order_again_is_answered_200_and_changes_nothing(
    merchant: Merchant,
) -> None:
    made = await merchant.order()

    again = await merchant.put(order())

    assert again.status == 200
    assert again.body == made


async def test_an_order_is_replaced_whole(merchant: Merchant) -> None:
    await merchant.order(notes="Soon", buyerName="Dewi")

    answer = await merchant.put(order(buyerName="Dewi L."))

    assert answer.status == 200
    assert (answer.body["notes"], answer.body["buyerName"]) == (None, "Dewi L.")


async def test_the_number_may_be_left_to_the_path(merchant: Merchant) -> None:
    document = order()
    del document["orderNumber"]

    answer = await merchant("PUT", "/A-9", document)

    assert (answer.status, answer.body["orderNumber"]) == (201, "A-9")


async def test_a_number_that_differs_between_path_and_body_is_refused(merchant: Merchant) -> None:
    answer = await merchant("PUT", "/A-2", order("A-1"))

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR")
    assert answer.body["message"].startswith("orderNumber ")
    assert (await merchant("GET", "/A-2")).status == 404
    assert (await merchant("GET", "/A-1")).status == 404


@pytest.mark.parametrize(
    "number",
    ["%20", "a%20b", "a%2Fb", "a%3Fb", "a%00b", "%C3%A9", "%FF", "a" * 65, "a%25b", "..%2F"],
)
async def test_a_number_that_no_order_can_have_is_refused_and_found_nowhere(
    merchant: Merchant, number: str
) -> None:
    document = order()
    del document["orderNumber"]
    before = await merchant.shop.door.keys()

    put = await merchant("PUT", f"/{number}", document)
    found = await merchant("GET", f"/{number}")

    assert (put.status, put.body["code"]) == (400, "VALIDATION_ERROR")
    assert (found.status, found.body["code"]) == (404, "NOT_FOUND")
    assert len(await merchant.shop.door.keys()) <= len(before) + 1


@pytest.mark.parametrize(
    ("differing", "name"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": None}, "email"),
        ({"currency": "idr"}, "currency"),
        ({"items": []}, "items"),
        ({"items": [{"id": "1", "name": "x", "quantity": 1}]}, "items[0].unitPrice"),
        (
            {"items": [{"id": "1", "name": "x", "quantity": 1, "unitPrice": "1"}]},
            "items[0].unitPrice",
        ),
        (
            {"items": [{"id": "1", "name": "x", "quantity": 1, "unitPrice": 1.5}]},
            "items[0].unitPrice",
        ),
        ({"total": 1}, "total"),
        ({"subtotal": 1}, "subtotal"),
        ({"total": -1}, "total"),
        ({"total": True}, "total"),
        ({"status": "gone"}, "status"),
        ({"paymentStatus": "paid"}, "paymentStatus"),
        ({"fulfillmentStatus": "SENT"}, "fulfillmentStatus"),
        ({"hold": "x"}, "hold"),
        ({"buyerName": "a\nb"}, "buyerName"),
        ({"buyerPhone": "12"}, "buyerPhone"),
        ({"notes": "x" * 4_001}, "notes"),
        ({"preferredDate": "24.12.2026"}, "preferredDate"),
        ({"createdAt": "yesterday"}, "createdAt"),
        ({"createdAt": "2999-01-01T00:00:00.000Z"}, "createdAt"),
        ({"tracking": {"url": "javascript:alert(1)"}}, "tracking.url"),
        (
            {"shippingAddress": {"name": "D", "line1": "x", "city": "y", "country": "IDN"}},
            "shippingAddress.country",
        ),
    ],
)
async def test_an_order_that_breaks_a_rule_is_refused_by_the_members_name(
    merchant: Merchant, differing: dict[str, object], name: str
) -> None:
    answer = await merchant("PUT", "/A-1", {**order(), **differing})

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR")
    assert answer.body["message"].startswith(f"{name} ")
    assert answer.body["message"].endswith(".")
    assert (await merchant("GET", "/A-1")).status == 404


async def test_members_nobody_knows_are_ignored(merchant: Merchant) -> None:
    answer = await merchant.put(order(colour="red", accessToken="mine", messages=["x"]))

    assert answer.status == 201
    assert "colour" not in answer.body
    assert answer.body["messages"] == []


async def test_orders_are_listed_newest_first_and_page_by_page(merchant: Merchant) -> None:
    for day in (3, 1, 5, 2, 4):
        await merchant.order(f"A-{day}", createdAt=f"2026-01-0{day}T00:00:00.000Z")

    first = (await merchant("GET", "?limit=2")).body
    second = (await merchant("GET", f"?limit=2&cursor={first['nextCursor']}")).body
    last = (await merchant("GET", f"?limit=2&cursor={second['nextCursor']}")).body

    pages = [[item["orderNumber"] for item in page["items"]] for page in (first, second, last)]
    assert pages == [["A-5", "A-4"], ["A-3", "A-2"], ["A-1"]]
    assert last["nextCursor"] is None
    whole = await merchant.read("A-5")
    del whole["messages"]
    assert first["items"][0] == whole


async def test_orders_are_found_by_state_and_by_buyer(merchant: Merchant) -> None:
    await merchant.order("A-1")
    await merchant.order("A-2", status="confirmed")
    await merchant.order("A-3", status="confirmed", email="other@example.org")

    async def numbers(query: str) -> list[str]:
        answer = await merchant("GET", f"?{query}")
        assert answer.status == 200, answer.body
        return sorted(item["orderNumber"] for item in answer.body["items"])

    assert await numbers("status=confirmed") == ["A-2", "A-3"]
    assert await numbers(f"email={BUYER.upper()}") == ["A-1", "A-2"]
    assert await numbers("email=nobody@example.org") == []


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=", "cursor"),
        ("email=nobody", "email"),
        ("status=gone", "status"),
    ],
)
async def test_a_list_that_cannot_be_is_refused(merchant: Merchant, query: str, name: str) -> None:
    answer = await merchant("GET", f"?{query}")

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR")
    assert answer.body["message"].startswith(f"{name} ")


async def test_a_patch_moves_an_order_on_step_by_step(merchant: Merchant) -> None:
    await merchant.order()

    steps = ("confirmed", "in_progress", "delivered", "completed")
    answers = [await merchant("PATCH", "/A-1", {"status": status}) for status in steps]

    assert [(answer.status, answer.body["status"]) for answer in answers] == [
        (200, status) for status in steps
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "delivered"},
        {"status": "requested"},
        {"paymentStatus": "unpaid"},
        {"status": "confirmed", "paymentStatus": "unpaid"},
    ],
)
async def test_an_illegal_step_is_a_conflict_and_changes_nothing(
    merchant: Merchant, changes: dict[str, str]
) -> None:
    made = await merchant.order()

    answer = await merchant("PATCH", "/A-1", changes)

    assert (answer.status, answer.body["code"]) == (409, "INVALID_TRANSITION")
    assert await merchant.read() == made


async def test_a_put_never_takes_an_order_back(merchant: Merchant) -> None:
    await merchant.order(status="in_progress")

    answer = await merchant.put(order(status="confirmed"))

    assert (answer.status, answer.body["code"]) == (409, "INVALID_TRANSITION")


async def test_states_in_other_surfaces_words_are_understood(merchant: Merchant) -> None:
    made = await merchant.order(status="PENDING")

    answer = await merchant("PATCH", "/A-1", {"status": "CONFIRMED"})

    assert made["status"] == "requested"
    assert answer.body["status"] == "confirmed"


async def test_tracking_is_set_and_cleared(merchant: Merchant) -> None:
    await merchant.order()

    tracked = await merchant("PATCH", "/A-1", {"tracking": {"carrier": "JNE"}})
    cleared = await merchant("PATCH", "/A-1", {"tracking": None})

    assert tracked.body["tracking"] == {"carrier": "JNE", "number": None, "url": None}
    assert cleared.body["tracking"] is None


@pytest.mark.parametrize(("quantity", "price"), [(1, 500_000), (1, 10_000), (2, 100_000)])
async def test_a_quoted_price_becomes_the_total_and_the_sums_stay_true(
    merchant: Merchant, quantity: int, price: int
) -> None:
    item = {"id": "1", "name": "Cart", "quantity": quantity, "unitPrice": 60_000}
    total = quantity * 60_000
    await merchant.order(items=[item], subtotal=total, total=total)

    answer = await merchant("PATCH", "/A-1", {"quotedPrice": price})

    found = answer.body
    assert (answer.status, found["total"]) == (200, price)
    assert found["subtotal"] - found["discount"] + found["tax"] + found["shipping"] == price


async def test_a_price_is_not_quoted_once_it_is_paid(merchant: Merchant) -> None:
    await merchant.order(paymentStatus="payment_claimed")

    answer = await merchant("PATCH", "/A-1", {"quotedPrice": 100_000})

    assert (answer.status, answer.body["code"]) == (409, "CONFLICT")


@pytest.mark.parametrize(
    "changes",
    [{"status": None}, {"status": 1}, {"quotedPrice": "1"}, {"quotedPrice": -1}, {"hold": "x"}],
)
async def test_changes_of_the_wrong_kind_are_refused(
    merchant: Merchant, changes: dict[str, object]
) -> None:
    await merchant.order()

    answer = await merchant("PATCH", "/A-1", changes)

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR")


async def test_a_payment_is_confirmed_once(merchant: Merchant) -> None:
    await merchant.order()

    first = await merchant("POST", "/A-1/confirm-payment")
    second = await merchant("POST", "/A-1/confirm-payment")

    assert (first.status, first.body["paymentStatus"]) == (200, "payment_confirmed")
    assert (second.status, second.body["code"]) == (409, "INVALID_TRANSITION")


async def test_messages_come_with_the_order_internal_ones_included(merchant: Merchant) -> None:
    await merchant.order()

    said = await merchant("POST", "/A-1/messages", {"body": "Hello <script>", "authorName": "Raka"})
    noted = await merchant(
        "POST",
        "/A-1/messages",
        {"body": "VIP", "internal": True, "attachments": ["https://a.example/1.png"]},
    )

    assert (said.status, noted.status) == (201, 201)
    assert said.body == {
        "id": said.body["id"],
        "authorType": "seller",
        "authorName": "Raka",
        "body": "Hello <script>",
        "internal": False,
        "attachments": [],
        "createdAt": said.body["createdAt"],
    }
    assert (noted.body["authorName"], noted.body["internal"]) == ("Toko Uji", True)
    assert noted.body["attachments"] == ["https://a.example/1.png"]
    assert (await merchant.read())["messages"] == [said.body, noted.body]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "body"),
        ({"body": ""}, "body"),
        ({"body": "x" * 4_001}, "body"),
        ({"body": "a\x07"}, "body"),
        ({"body": "a", "authorName": ""}, "authorName"),
        ({"body": "a", "internal": 1}, "internal"),
        ({"body": "a", "attachments": ["http://a.example"]}, "attachments"),
        ({"body": "a", "attachments": ["https://a.example"] * 11}, "attachments"),
    ],
)
async def test_a_message_that_breaks_a_rule_is_refused(
    merchant: Merchant, body: dict[str, object], name: str
) -> None:
    await merchant.order()

    answer = await merchant("POST", "/A-1/messages", body)

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR")
    assert answer.body["message"].startswith(name)
    assert (await merchant.read())["messages"] == []


async def test_a_new_access_token_replaces_the_old_one(merchant: Merchant) -> None:
    old = (await merchant.order())["accessToken"]

    rotated = await merchant("POST", "/A-1/rotate-access")

    new = rotated.body["accessToken"]
    pages = [await merchant.shop.client.get(f"/api/v1/public/orders/{t}") for t in (old, new)]
    assert rotated.body == {"accessToken": new}
    assert [page.status for page in pages] == [404, 200]
    assert (await merchant.read())["accessToken"] == new


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"status": "confirmed"}),
        ("POST", "/messages", {"body": "Hello"}),
        ("POST", "/confirm-payment", None),
        ("POST", "/rotate-access", None),
        ("GET", "/proof", None),
    ],
)
async def test_an_order_of_another_storefront_is_as_absent_as_one_that_never_was(
    door: Door, merchant: Merchant, method: str, path: str, body: object
) -> None:
    other = await open_merchant(door)
    made = await merchant.order("A-1")

    foreign = await other(method, f"/A-1{path}", body)
    absent = await other(method, f"/A-2{path}", body)

    assert foreign.status == absent.status == 404
    assert {**foreign.body, "requestId": ""} == {**absent.body, "requestId": ""}
    assert foreign.body["code"] == "NOT_FOUND"
    assert await merchant.read("A-1") == made


async def test_another_storefront_may_use_the_same_number(door: Door, merchant: Merchant) -> None:
    other = await open_merchant(door)
    mine = await merchant.order("A-1", notes="mine")

    theirs = await other.order("A-1", notes="theirs")

    assert mine["accessToken"] != theirs["accessToken"]
    assert (await merchant.read("A-1"))["notes"] == "mine"


async def test_a_buyer_is_mailed_when_the_status_changes_and_not_otherwise(
    merchant: Merchant,
) -> None:
    made = await merchant.order()
    before = len(await merchant.shop.mails(BUYER))

    await merchant("PATCH", "/A-1", {"tracking": {"carrier": "JNE"}})
    unchanged = len(await merchant.shop.mails(BUYER))
    await merchant("PATCH", "/A-1", {"status": "confirmed"})

    mails = await merchant.shop.mails(BUYER)
    assert (unchanged, len(mails)) == (before, before + 1)
    assert [link.endswith(f"/o/{made['accessToken']}") for link in mails[-1]["links"]] == [True]


async def test_other_methods_are_named(merchant: Merchant) -> None:
    one = await merchant("DELETE", "/A-1")
    all_ = await merchant("PATCH", "")

    assert (one.status, one.headers["Allow"]) == (405, "GET, HEAD, PATCH, PUT")
    assert (all_.status, all_.headers["Allow"]) == (405, "GET, HEAD, POST")


async def test_a_body_of_another_type_is_refused(merchant: Merchant) -> None:
    answer = await merchant("PUT", "/A-1", None, [("Content-Type", "text/plain")])

    assert (answer.status, answer.body["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
