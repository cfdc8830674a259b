import json

import pytest
import pytest_asyncio

from doorward.actors.records.orders import PostalAddress, Tracking
from tests.http.doors import Door
from tests.http.knocking import Answer
from tests.http.pages.own_hosts import (
    at_own_host,
    mint_action,
    mint_status,
    move_return,
    sign_in,
)
from tests.http.pages.reading import Reader, Shown
from tests.http.placing import place
from tests.http.shops import BUYER, Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIREFOX = ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
HOME = {
    "name": "Dewi Lestari",
    "line1": "Jl. Braga No. 12",
    "city": "Bandung",
    "postalCode": "40111",
    "country": "ID",
}
GONE = "This link does not work"


@pytest_asyncio.fixture(loop_scope="session")
async def shop(door: Door) -> Shop:
    shop = await open_shop(door)
    await place(shop, "KS-1", fulfillment_status="DELIVERED")
    return shop


@pytest_asyncio.fixture(loop_scope="session")
async def customer(shop: Shop) -> Reader:
    reader = at_own_host(shop, headers=[FIREFOX])
    await sign_in(shop, reader)
    return reader


async def with_address(customer: Reader, **changes: str) -> Shown:
    page = await customer.open("/account/addresses/new")
    return await customer.send(page.form("/new"), **{**HOME, **changes})


async def with_return(customer: Reader, **filled: str) -> Shown:
    page = await customer.open("/account/orders/KS-1")
    return await customer.send(page.form("/returns"), **{"quantity-1": "1", **filled})


# --- overview, profile, sessions ------------------------------------------------------------------


async def test_the_overview_has_a_little_of_everything(customer: Reader) -> None:
    await with_address(customer)

    page = await customer.open("/account")

    assert page.links["Order KS-1"] == "/account/orders/KS-1"
    assert "Jl. Braga No. 12" in page.text
    assert BUYER in page.text
    assert "Signed in on this many devices: 1" in page.text


@pytest.mark.parametrize(
    "path",
    ["", "/orders", "/orders/KS-1", "/addresses", "/addresses/new", "/profile", "/sessions"],
)
async def test_nothing_of_an_account_is_shown_without_its_session(shop: Shop, path: str) -> None:
    page = await at_own_host(shop).open(f"/account{path}")

    assert page.forms[0].action == "/account/sign-in"
    assert "KS-1" not in page.text


async def test_every_page_of_the_account_names_itself_among_the_ways(customer: Reader) -> None:
    for path in ("", "/orders", "/addresses", "/profile", "/sessions"):
        page = await customer.open(f"/account{path}")

        current = [given["href"] for _, given in page.tags if "aria-current" in given]
        assert current == [f"/account{path}"]


async def test_name_and_phone_are_changed_and_shown(customer: Reader) -> None:
    page = await customer.open("/account/profile")

    page = await customer.send(page.form("/profile"), name="Dewi", phone="+62 812-0000-1234")

    assert "Your profile is saved." in page.text
    assert page.form("/profile").fields == {"name": "Dewi", "phone": "+6281200001234"}
    assert "Hello, Dewi" in (await customer.open("/account")).text


async def test_a_refused_profile_is_shown_with_what_was_entered(customer: Reader) -> None:
    page = await customer.open("/account/profile")

    page = await customer.send(page.form("/profile"), name="Dewi", phone="0812")

    assert page.status == 400
    assert page.form("/profile").fields == {"name": "Dewi", "phone": "0812"}


async def test_sessions_tell_device_and_place_and_which_is_this_one(
    shop: Shop, customer: Reader
) -> None:
    await sign_in(shop, at_own_host(shop))

    page = await customer.open("/account/sessions")

    assert "Firefox, Linux This device" in page.text
    assert "Unknown device" in page.text
    assert "127.0.0.0/24" in page.text
    assert len([form for form in page.forms if form.action.endswith("/end")]) == 1


async def test_another_session_is_ended_with_a_click(shop: Shop, customer: Reader) -> None:
    other = at_own_host(shop)
    await sign_in(shop, other)
    page = await customer.open("/account/sessions")

    page = await customer.send(page.form("/end"))

    assert "That device is signed out." in page.text
    assert (await other.open("/account")).forms[0].action == "/account/sign-in"
    assert (await customer.open("/account")).status == 200


async def test_all_other_sessions_are_ended_with_a_click(shop: Shop, customer: Reader) -> None:
    others = [at_own_host(shop) for _ in range(2)]
    for other in others:
        await shop.advance(60)
        await sign_in(shop, other)
    page = await customer.open("/account/sessions")

    page = await customer.send(page.form("/end-others"))

    assert "All other devices are signed out." in page.text
    for other in others:
        assert (await other.open("/account")).forms[0].action == "/account/sign-in"
    assert not [form for form in page.forms if form.action.endswith("/end-others")]


# --- addresses ------------------------------------------------------------------------------------


async def test_an_address_is_added_changed_and_deleted(customer: Reader) -> None:
    page = await with_address(customer, label="Rumah")
    assert "Your address is saved." in page.text
    assert "Bandung 40111 Indonesia" in page.text

    page = await customer.open(page.links["Change"])
    kept = dict(page.forms[1].fields)
    page = await customer.send(page.forms[1], line1="Jl. Asia Afrika 8", label="")
    assert kept["label"] == "Rumah"
    assert "Jl. Asia Afrika 8" in page.text
    assert "Rumah" not in page.text

    page = await customer.open(page.links["Change"])
    page = await customer.send(page.form("/delete"))
    assert "The address is deleted." in page.text
    assert "No addresses yet" in page.text


async def test_the_first_address_is_proposed_as_the_default_and_the_next_is_not(
    customer: Reader,
) -> None:
    page = await with_address(customer)
    assert "For deliveries" in page.text

    page = await customer.open("/account/addresses/new")

    assert "isDefaultShipping" not in page.form("/new").fields


async def test_a_new_default_takes_the_place_of_the_old_one(customer: Reader) -> None:
    await with_address(customer)

    page = await with_address(customer, label="Kantor", isDefaultShipping="1")

    assert page.text.count("For deliveries") == 1
    assert page.text.count("For bills") == 1


async def test_a_default_that_is_unticked_is_none_any_more(customer: Reader) -> None:
    page = await with_address(customer)
    page = await customer.open(page.links["Change"])
    del page.forms[1].fields["isDefaultShipping"]

    page = await customer.send(page.forms[1])

    assert "For deliveries" not in page.text
    assert "For bills" in page.text


@pytest.mark.parametrize(
    ("field", "entered", "said"),
    [
        ("name", "", "Fill this in."),
        ("city", " ", "Fill this in."),
        ("line1", "x" * 201, "This is too long"),
        ("country", "", "Choose a country."),
        ("phone", "0812", "with its country code"),
    ],
)
async def test_a_refused_address_is_shown_with_what_was_entered(
    customer: Reader, field: str, entered: str, said: str
) -> None:
    page = await with_address(customer, company="PT Senja", **{field: entered})

    assert page.status == 400
    assert page.title.startswith("Error:")
    assert said in page.text
    assert f"#{field}" in page.links.values()
    assert page.form("/new").fields["company"] == "PT Senja"


async def test_the_51st_address_is_refused_and_not_lost(shop: Shop, customer: Reader) -> None:
    for _ in range(50):
        await with_address(customer)

    page = await with_address(customer, company="The last one")

    assert page.status == 409
    assert "Your address book is full" in page.text
    assert page.form("/new").fields["company"] == "The last one"


async def test_an_address_that_is_not_there_is_a_page(customer: Reader) -> None:
    page = await customer.open("/account/addresses/nothing")

    assert page.status == 404
    assert "There is no such address" in page.text


# --- orders and returns ---------------------------------------------------------------------------


async def test_orders_are_listed_newest_first_page_by_page(shop: Shop, customer: Reader) -> None:
    for number in range(2, 23):
        await place(shop, f"KS-{number}")

    first = await customer.open("/account/orders")
    older = await customer.open(first.links["Older orders"])

    numbers = [text for text in (*first.links, *older.links) if text.startswith("Order KS")]
    assert len(numbers) == len(set(numbers)) == 22
    assert older.links["Newest orders"] == "/account/orders"


async def test_an_order_shows_items_totals_states_and_places(shop: Shop, customer: Reader) -> None:
    await place(
        shop,
        "KS-2",
        status="confirmed",
        fulfillment_status="PARTIALLY_FULFILLED",
        shipping=12_000,
        total=300_000,
        shipping_address=PostalAddress("Sari", "Jl. Braga 1", "Bandung", "ID"),
        tracking=Tracking("JNE", "123", "https://track.example/123"),
    )
    page = await customer.open("/account/orders")

    page = await customer.open(page.links["Order KS-2"])

    for said in ("Kopi Gayo 250 g × 2", "Shipping", "Confirmed", "Partly sent", "Jl. Braga 1"):
        assert said in page.text
    assert page.links["Follow the parcel"] == "https://track.example/123"


async def test_an_absent_and_a_foreign_order_are_the_same_page(
    shop: Shop, customer: Reader
) -> None:
    await place(shop, "KS-9", email="other@example.org")

    absent = await customer.open("/account/orders/KS-8")
    foreign = await customer.open("/account/orders/KS-9")

    assert absent.status == foreign.status == 404
    assert absent.text == foreign.text


async def test_a_return_is_asked_for_followed_and_called_off(customer: Reader) -> None:
    page = await with_return(customer, reason="Too dark.\nSorry")
    assert "Your return is requested." in page.text
    assert "Kopi Gayo 250 g × 1" in page.text
    assert "Too dark." in page.text
    assert "(up to 1)" in page.text

    page = await customer.send(page.form("/cancel"))

    assert "Your return is canceled." in page.text
    assert "(up to 2)" in page.text
    assert not [form for form in page.forms if form.action.endswith("/cancel")]


@pytest.mark.parametrize(
    ("entered", "status", "said"),
    [
        ("0", 400, "Enter how many items"),
        ("", 400, "Enter how many items"),
        ("-1", 400, "Enter whole numbers"),
        ("1.5", 400, "Enter whole numbers"),
        ("3", 409, "more than is left to return"),
    ],
)
async def test_a_refused_return_is_shown_with_what_was_entered(
    customer: Reader, entered: str, status: int, said: str
) -> None:
    page = await with_return(customer, **{"quantity-1": entered}, reason="Broken")

    assert page.status == status
    assert said in page.text
    assert page.form("/returns").fields == {"quantity-1": entered, "reason": "Broken"}


async def test_what_is_not_delivered_cannot_be_returned(shop: Shop, customer: Reader) -> None:
    await place(shop, "KS-5")

    page = await customer.open("/account/orders/KS-5")

    assert not [form for form in page.forms if form.action.endswith("/returns")]


async def test_a_return_on_its_way_cannot_be_called_off_and_says_so(
    shop: Shop, customer: Reader
) -> None:
    page = await with_return(customer)
    form = page.form("/cancel")
    return_id = form.action.split("/")[-2]
    for status in ("APPROVED", "IN_TRANSIT"):
        await move_return(shop, return_id, status, "Send it to the shop.")

    page = await customer.send(form)

    assert "cannot be canceled any more" in page.text
    assert "On its way back" in page.text
    assert "Send it to the shop." in page.text


# --- tokens ---------------------------------------------------------------------------------------


async def test_a_status_link_shows_the_order_and_nothing_personal(shop: Shop) -> None:
    placed = await place(
        shop,
        "KS-6",
        buyer_name="Sari Dewi",
        notes="Ring twice",
        shipping_address=PostalAddress("Sari Dewi", "Jl. Rahasia 1", "Bandung", "ID"),
    )
    path = await mint_status(shop, "KS-6")

    page = await at_own_host(shop).open(path)

    assert page.status == 200
    assert "Kopi Gayo 250 g × 2" in page.text
    assert "Not sent yet" in page.text
    for secret in (BUYER, "Sari", "Rahasia", "Ring", placed.id, placed.token):
        assert secret not in page.html
    assert page.answer.headers["Referrer-Policy"] == "no-referrer"
    assert page.answer.headers["Cache-Control"] == "no-store"


async def test_tokens_that_open_nothing_are_one_and_the_same_page(door: Door, shop: Shop) -> None:
    other = await open_shop(door)
    await place(other, "X-1")
    foreign = await mint_status(other, "X-1")
    rotated = await mint_status(shop, "KS-1")
    action = await mint_action(shop, "revoke_sessions")
    await mint_status(shop, "KS-1")
    wrong_family = f"/order/{action.rpartition('/')[2]}/status"

    pages = [
        await at_own_host(shop).open(path)
        for path in (
            foreign,
            rotated,
            wrong_family,
            "/order/x/status",
            f"/order/o{'a' * 25}/status",
        )
    ]

    assert {(page.status, page.text) for page in pages} == {(404, pages[0].text)}
    assert GONE in pages[0].text


async def test_an_action_is_shown_first_and_done_once_on_a_click(
    shop: Shop, customer: Reader
) -> None:
    path = await mint_action(shop, "revoke_sessions")
    reader = at_own_host(shop)

    await reader.open(path)
    page = await reader.open(path)
    before = await customer.open("/account")
    done = await reader.send(page.form(path))
    again = await reader.open(path)

    assert "Sign out everywhere" in page.text
    assert before.status == 200
    assert "You are signed out everywhere" in done.text
    assert (await customer.open("/account")).forms[0].action == "/account/sign-in"
    assert again.status == 404
    assert GONE in again.text


async def test_a_prepared_return_is_told_and_asked_for(shop: Shop, customer: Reader) -> None:
    context = {"orderNumber": "KS-1", "items": [{"orderItemId": "1", "quantity": 2}]}
    path = await mint_action(shop, "start_return", json.dumps(context).encode())
    reader = at_own_host(shop)

    page = await reader.open(path)
    done = await reader.send(page.form(path))

    assert "KS-1" in page.text
    assert "Kopi Gayo 250 g × 2" in page.text
    assert done.links["See the order"] == "/account/orders/KS-1"
    assert "Requested" in (await customer.open("/account/orders/KS-1")).text


async def test_what_cannot_be_done_now_says_so_and_can_be_tried_again(
    shop: Shop, customer: Reader
) -> None:
    path = await mint_action(shop, "start_return", b'{"orderNumber":"KS-1"}')
    await with_return(customer, **{"quantity-1": "2"})
    reader = at_own_host(shop)
    page = await reader.open(path)

    page = await reader.send(page.form(path))

    assert page.status == 409
    assert "Nothing was changed." in page.text
    assert page.form(path).method == "post"


@pytest.mark.parametrize("action", ["confirm_email", "restore_password"])
async def test_every_other_action_has_its_words(shop: Shop, action: str) -> None:
    path = await mint_action(shop, action)
    reader = at_own_host(shop, headers=[("Accept-Language", "id")])
    page = await reader.open(path)

    done = await reader.send(page.form(path))

    assert (page.status, done.status) == (200, 200)
    assert done.links["Ke akun Anda"] == "/account"


async def test_a_link_opened_too_late_is_gone(shop: Shop) -> None:
    action = await mint_action(shop, "confirm_email", expires_in_seconds=60)
    status = await mint_status(shop, "KS-1")
    await shop.advance(91 * 86_400)

    pages = [await at_own_host(shop).open(path) for path in (action, status)]

    assert [page.status for page in pages] == [404, 404]


async def test_tries_at_tokens_are_limited_by_address(shop: Shop) -> None:
    reader = at_own_host(shop)
    for _ in range(60):
        assert (await reader.open("/actions/x")).status == 404

    page = await reader.open("/actions/x")

    assert page.status == 429
    assert int(page.answer.headers["Retry-After"]) > 0


async def test_every_page_is_under_a_policy_and_kept_by_nobody(
    shop: Shop, customer: Reader
) -> None:
    for path in ("", "/orders", "/orders/KS-1", "/addresses", "/addresses/new", "/sessions"):
        answer: Answer = (await customer.open(f"/account{path}")).answer

        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "form-action 'self'" in answer.headers["Content-Security-Policy"]


async def test_a_form_of_the_account_from_another_site_does_nothing(
    shop: Shop, customer: Reader
) -> None:
    page = await customer.open("/account/addresses/new")
    raw = b"name=a&line1=b&city=c&country=ID"

    answer = await customer.post(
        page.form("/new").action,
        raw,
        "application/x-www-form-urlencoded",
        [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")],
    )

    assert answer.status == 403
    assert "No addresses yet" in (await customer.open("/account/addresses")).text


async def test_pages_of_one_host_never_open_anothers_session(door: Door, customer: Reader) -> None:
    other = await open_shop(door)
    reader = at_own_host(other)
    (value,) = [value for name, value in customer.jar.items() if name.startswith("customer-")]
    reader.jar = {f"customer-{other.slug}": value}

    assert (await reader.open("/account")).forms[0].action == "/account/sign-in"
