import pytest

from doorward.actors.messages.merchant import ItemDocument
from doorward.actors.records.orders import PostalAddress, Tracking
from tests.http.doors import Door
from tests.http.knocking import Answer, bearer
from tests.http.placing import document as an_order
from tests.http.placing import place, place_many
from tests.http.shops import BUYER
from tests.http.storefronts_headless import (
    ME,
    PASSWORD,
    Headless,
    SignedIn,
    code_of,
    error_of,
    fresh_email,
    open_headless,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

ORDERS = f"{ME}/orders"
ADDRESS = PostalAddress(name="Sari Dewi", line1="Jl. Braga 12", city="Bandung", country="ID")


async def verified(store: Headless, email: str = BUYER) -> SignedIn:
    """Sign a customer in whose mailbox is proven, by a code before there was a password."""
    await store.shop.sign_in(email)
    forgot = await store("POST", "/auth/password/forgot", {"email": email})
    assert forgot.status == 200, forgot.body
    (link,) = (await store.shop.mails(email))[-1]["links"]
    body = {"token": str(link).rpartition("/")[2].partition("?")[0], "password": PASSWORD}
    if "token=" in str(link):
        body["token"] = str(link).partition("token=")[2]
    answer = await store("POST", "/auth/password/reset", body)
    assert answer.status == 204, answer.body
    return await store.signed_in(email)


async def orders(store: Headless, shopper: SignedIn, query: str = "") -> Answer:
    return await store("GET", f"{ORDERS}{query}", None, shopper.by_access)


async def test_a_customer_changes_what_is_theirs_to_change(door: Door) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()
    changes = {
        "name": "Rafiul Hassan",
        "phoneNumber": "+8801711000000",
        "imageUrl": "https://img.example/me.png",
    }

    answer = await store("PATCH", ME, changes, shopper.by_access)
    cleared = await store("PATCH", ME, {"phoneNumber": None}, shopper.by_access)

    assert answer.status == cleared.status == 200
    assert answer.body == {**shopper.customer, **changes}
    assert cleared.body == {**answer.body, "phoneNumber": None}
    assert (await store.me(shopper.access)).body == cleared.body


async def test_what_is_not_theirs_to_change_is_ignored(door: Door) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()
    given = {"id": "x", "email": "x@y.io", "emailVerified": True, "createdAt": "2020", "role": 1}

    answer = await store("PATCH", ME, given, shopper.by_access)

    assert (answer.status, answer.body) == (200, shopper.customer)


@pytest.mark.parametrize(
    ("changes", "member"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": 5}, "name"),
        ({"phoneNumber": "0811"}, "phoneNumber"),
        ({"imageUrl": "javascript:alert(1)"}, "imageUrl"),
        ({"imageUrl": "http://img.example/me.png"}, "imageUrl"),
    ],
)
async def test_a_change_that_breaks_a_rule_changes_nothing(
    door: Door, changes: dict[str, object], member: str
) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()

    answer = await store("PATCH", ME, {"name": "Somebody else", **changes}, shopper.by_access)

    assert code_of(answer) == (400, "invalid_body")
    assert [each["path"] for each in error_of(answer)["issues"]] == [[member]]
    assert (await store.me(shopper.access)).body == shopper.customer


async def test_an_order_is_shown_as_the_documentation_says(door: Door) -> None:
    store = await open_headless(door)
    placed = await place(
        store.shop,
        "KS-1",
        currency="USD",
        items=(ItemDocument(id="1", name="Gayo", quantity=2, unit_price=1_050, product_id="p1"),),
        subtotal=2_100,
        shipping=500,
        discount=100,
        tax=0,
        total=2_500,
        payment_method="cod",
        shipping_address=ADDRESS,
        tracking=Tracking(carrier="JNE", number="JN1"),
    )
    shopper = await verified(store)

    listed = await orders(store, shopper)
    one = await store("GET", f"{ORDERS}/{placed.id}", None, shopper.by_access)

    assert one.status == 200
    assert listed.body == {"items": [one.body], "nextCursor": None}
    assert one.body == {
        "id": placed.id,
        "orderNumber": "KS-1",
        "status": "PENDING",
        "subtotal": "21.00",
        "shippingCost": "5.00",
        "discountAmount": "1.00",
        "total": "25.00",
        "paymentMethod": "cod",
        "items": [
            {
                "id": "1",
                "productId": "p1",
                "variantId": None,
                "name": "Gayo",
                "quantity": 2,
                "price": "10.50",
                "total": "21.00",
            }
        ],
        "shippingAddress": one.body["shippingAddress"],
        "tracking": {"carrier": "JNE", "number": "JN1", "url": None},
        "createdAt": one.body["createdAt"],
    }
    assert one.body["shippingAddress"]["city"] == "Bandung"


async def test_rupiah_have_two_decimals_here_too(door: Door) -> None:
    store = await open_headless(door)
    await place(store.shop)
    shopper = await verified(store)

    (order,) = (await orders(store, shopper)).body["items"]

    assert order["total"] == "288000.00"
    assert "shippingAddress" not in order


async def test_orders_come_page_by_page_newest_first(door: Door) -> None:
    store = await open_headless(door)
    await place_many(store.shop, [an_order(f"N-{number}") for number in range(45)])
    shopper = await verified(store)

    pages = [await orders(store, shopper)]
    while pages[-1].body["nextCursor"]:
        pages.append(await orders(store, shopper, f"?cursor={pages[-1].body['nextCursor']}"))
    whole = await orders(store, shopper, "?limit=100")

    assert [len(page.body["items"]) for page in pages] == [20, 20, 5]
    assert [item for page in pages for item in page.body["items"]] == whole.body["items"]
    times = [item["createdAt"] for item in whole.body["items"]]
    assert times == sorted(times, reverse=True)


async def test_orders_are_found_by_status(door: Door) -> None:
    store = await open_headless(door)
    await place(store.shop, "KS-1", status="requested")
    await place(store.shop, "KS-2", status="confirmed")
    shopper = await verified(store)

    found = await orders(store, shopper, "?status=CONFIRMED")

    assert [item["orderNumber"] for item in found.body["items"]] == ["KS-2"]


@pytest.mark.parametrize(
    ("query", "member"),
    [
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?limit=x", "limit"),
        ("?cursor=nonsense", "cursor"),
        ("?status=pending", "status"),
    ],
)
async def test_a_list_that_cannot_be_asked_for_is_refused(
    door: Door, query: str, member: str
) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()

    answer = await orders(store, shopper, query)

    assert code_of(answer) == (400, "invalid_body")
    assert error_of(answer)["issues"][0]["path"] == [member]


async def test_an_unverified_sign_up_sees_no_orders_of_that_email(door: Door) -> None:
    store = await open_headless(door)
    placed = await place(store.shop)

    shopper = await store.signed_up()

    assert (await orders(store, shopper)).body == {"items": [], "nextCursor": None}
    one = await store("GET", f"{ORDERS}/{placed.id}", None, shopper.by_access)
    assert code_of(one) == (404, "not_found")


async def test_somebody_elses_order_is_as_absent_as_none(door: Door) -> None:
    store, other = await open_headless(door), await open_headless(door)
    theirs = await place(store.shop, email=fresh_email())
    elsewhere = await place(other.shop)
    shopper = await verified(store)
    same_id = ("X-Request-Id", "one-id-for-all")

    ids = [theirs.id, elsewhere.id, "0" * 32, "KS-1", "x" * 500, "*"]
    answers = [
        await store("GET", f"{ORDERS}/{each}", None, shopper.by_access, same_id) for each in ids
    ]

    assert {code_of(each) for each in answers} == {(404, "not_found")}
    assert [each.unmistakable() for each in answers] == [answers[0].unmistakable()] * len(ids)


async def test_a_token_of_another_storefront_reads_nothing_here(door: Door) -> None:
    store, other = await open_headless(door), await open_headless(door)
    shopper = await other.signed_up()

    for path in (ME, ORDERS, f"{ORDERS}/1"):
        answer = await store("GET", path, None, bearer(shopper.access))

        assert code_of(answer) == (401, "invalid_customer_token")
        assert error_of(answer)["reason"] == "invalid"


async def test_a_reset_by_mail_sets_the_password_and_ends_what_was_signed_in(door: Door) -> None:
    store = await open_headless(door)
    before = await store.signed_up(password="an older good password")

    after = await verified(store)

    assert (await store.login(password="an older good password")).status == 401
    refused = await store.refresh(before.refresh)
    assert error_of(refused)["reason"] == "revoked"
    assert (await store.refresh(after.refresh)).status == 200


async def test_a_reset_with_a_bad_token_or_a_bad_password_is_an_invalid_body(door: Door) -> None:
    store = await open_headless(door)
    await store.signed_up()
    await store("POST", "/auth/password/forgot", {"email": BUYER})
    tries: list[dict[str, str]] = [
        {"token": "p" + "0" * 25, "password": PASSWORD},
        {"token": "nonsense", "password": PASSWORD},
        {"token": "", "password": "password1"},
    ]

    answers = [await store("POST", "/auth/password/reset", body) for body in tries]

    assert {code_of(each) for each in answers} == {(400, "invalid_body")}
    assert (await store.login()).status == 200
