"""What an access token opens: the customer's own record and their own orders."""

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from doorward.actors import jwts
from doorward.actors.desks.order_documents import order_id
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant_customers import EraseCustomer
from doorward.actors.messages.refusals import KeyRefused, NotFound
from doorward.actors.messages.store import (
    ChangeShopper,
    GetShopperOrder,
    HeadlessOff,
    Issue,
    Issues,
    ListShopperOrders,
    ReadShopper,
    Shopper,
    ShopperCall,
    ShopperOrder,
    ShopperOrders,
    TokenRefused,
)
from doorward.actors.order_words import STORE_WORDS
from tests.actors.harness import EMAIL
from tests.actors.ordering import change, put, stored_under
from tests.actors.refreshing import Begun, Shop, open_shop

OTHER = "bea@example.org"
HOUR = 3_600
CALLS: list[tuple[type[ShopperCall], dict[str, object]]] = [
    (ReadShopper, {}),
    (ChangeShopper, {"name": "Eve"}),
    (ListShopperOrders, {}),
    (GetShopperOrder, {"order_id": order_id("A-1")}),
]


@pytest.fixture
async def shop() -> Shop:
    return await open_shop()


@pytest.fixture
async def ann(shop: Shop) -> Begun:
    return await shop.sign_in()


async def changed(shop: Shop, ann: Begun, **fields: object) -> Outcome:
    return await shop.call(ChangeShopper, ann.tokens.access, **fields)


async def listed(shop: Shop, begun: Begun, **fields: object) -> ShopperOrders:
    found = await shop.call(ListShopperOrders, begun.tokens.access, **fields)
    assert isinstance(found, ShopperOrders), found
    return found


async def numbers(shop: Shop, begun: Begun, **fields: object) -> list[list[str]]:
    """Read the numbers of all pages."""
    pages, after = [], None
    while True:
        found = await listed(shop, begun, after=after, **fields)
        pages.append([order.order_number for order in found.items])
        after = found.after
        if after is None:
            return pages


async def found(shop: Shop, begun: Begun, number: str) -> Outcome:
    return await shop.call(GetShopperOrder, begun.tokens.access, order_id=order_id(number))


# --- what opens -----------------------------------------------------------------------------------


async def test_an_access_token_opens_its_customer(shop: Shop, ann: Begun) -> None:
    bea = await shop.sign_in(OTHER)

    told = [await shop.call(ReadShopper, each.tokens.access) for each in (ann, bea)]

    assert [each.shopper.email for each in told] == [EMAIL, OTHER]
    assert told[0].shopper.id == ann.customer.id
    assert told[0].shopper.created_at_ms == ann.customer.created_at_ms
    assert told[0].shopper.name is None


@pytest.mark.parametrize(("kind", "fields"), CALLS)
async def test_what_opens_nothing_is_refused_everywhere(
    shop: Shop, ann: Begun, kind: type[ShopperCall], fields: dict[str, object]
) -> None:
    claims = shop.claims(ann.tokens.access, "access")
    assert claims is not None
    ring = shop.world.site.keyring
    elsewhere = [
        jwts.mint(ring, replace(claims, life="alpha/0011223344556677")),
        jwts.mint(ring, replace(claims, subject="00000000-0000-4000-8000-000000000000")),
        jwts.mint(ring, replace(claims, family="1-00")),
    ]

    for token in (None, "", "made up", ann.tokens.refresh, *elsewhere):
        assert await shop.call(kind, token, **fields) == TokenRefused(reason="invalid")
    stranger = Shop(shop.world, "0" * 64)
    assert await stranger.call(kind, ann.tokens.access, **fields) == KeyRefused()
    await shop.world.advance(HOUR)
    assert await shop.call(kind, ann.tokens.access, **fields) == TokenRefused(reason="expired")
    await shop.world.put("alpha", headless=False)
    assert await shop.call(kind, ann.tokens.access, **fields) == HeadlessOff()


async def test_a_refresh_tokens_claims_open_nothing(shop: Shop, ann: Begun) -> None:
    message = ReadShopper(
        key_digest=shop.key,
        caller=shop.exchange(None).caller,
        claims=shop.claims(ann.tokens.refresh),
    )

    assert await shop.world.ask("alpha", message) == TokenRefused(reason="invalid")


async def test_an_access_token_is_good_until_its_very_expiry(shop: Shop, ann: Begun) -> None:
    await shop.world.advance(HOUR - 0.001)
    assert isinstance(await shop.call(ReadShopper, ann.tokens.access), Shopper)

    await shop.world.advance(0.001)

    assert await shop.call(ReadShopper, ann.tokens.access) == TokenRefused(reason="expired")


async def test_the_token_of_an_erased_customer_opens_nothing(shop: Shop, ann: Begun) -> None:
    await shop.world.ask("alpha", EraseCustomer(key_digest=None, customer_id=ann.customer.id))

    assert await shop.call(ReadShopper, ann.tokens.access) == TokenRefused(reason="invalid")
    again = await shop.sign_in()
    assert isinstance(await shop.call(ReadShopper, again.tokens.access), Shopper)
    assert await shop.call(ReadShopper, ann.tokens.access) == TokenRefused(reason="invalid")


async def test_another_storefronts_token_opens_nothing(shop: Shop, ann: Begun) -> None:
    bravo = await open_shop("bravo", shop.world)
    here = await bravo.sign_in()

    assert await bravo.call(ReadShopper, ann.tokens.access) == TokenRefused(reason="invalid")
    assert await shop.call(ReadShopper, here.tokens.access) == TokenRefused(reason="invalid")


# --- changing -------------------------------------------------------------------------------------


async def test_a_customer_changes_what_is_theirs_and_it_lasts(shop: Shop, ann: Begun) -> None:
    wanted = {
        "name": "Ann Å. 安",
        "phone": "+8801711000000",
        "image_url": "https://img.example/a.png?v=1",
    }

    told = await changed(shop, ann, **wanted)

    assert isinstance(told, Shopper)
    view = told.shopper
    assert (view.name, view.phone, view.image_url) == tuple(wanted.values())
    heir = shop.at(await shop.world.successor())
    assert await heir.call(ReadShopper, ann.tokens.access) == told


async def test_unset_leaves_and_none_clears(shop: Shop, ann: Begun) -> None:
    await changed(shop, ann, name="Ann", phone="+628123456789", image_url="https://a.example/i")

    told = await changed(shop, ann, name=UNSET, phone=None)

    assert isinstance(told, Shopper)
    assert told.shopper.name == "Ann"
    assert told.shopper.phone is None
    assert told.shopper.image_url == "https://a.example/i"


async def test_a_change_of_nothing_writes_nothing(shop: Shop, ann: Begun) -> None:
    await changed(shop, ann, name="Ann")
    commits = len(shop.world.events)
    before = stored_under(shop.world, "customer:")

    assert isinstance(await changed(shop, ann), Shopper)
    assert isinstance(await changed(shop, ann, name="Ann"), Shopper)

    assert stored_under(shop.world, "customer:") == before
    assert len(shop.world.events) == commits


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"name": ""}, "name"),
        ({"name": " "}, "name"),
        ({"name": "a" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\u2028b"}, "name"),
        ({"phone": "08123456789"}, "phoneNumber"),
        ({"phone": "+62 812 345"}, "phoneNumber"),
        ({"phone": "+" + "1" * 16}, "phoneNumber"),
        ({"phone": "+62812345678\n"}, "phoneNumber"),
        ({"phone": "+٦٢٨١٢٣٤٥٦٧٨"}, "phoneNumber"),
        ({"image_url": ""}, "imageUrl"),
        ({"image_url": "http://img.example/a.png"}, "imageUrl"),
        ({"image_url": "javascript:alert(1)"}, "imageUrl"),
        ({"image_url": "data:image/png;base64,AA"}, "imageUrl"),
        ({"image_url": "//img.example/a.png"}, "imageUrl"),
        ({"image_url": "https://"}, "imageUrl"),
        ({"image_url": "https://[::1"}, "imageUrl"),
        ({"image_url": "https://img.example/a b"}, "imageUrl"),
        ({"image_url": "https://img.example/" + "a" * 2_029}, "imageUrl"),
    ],
)
async def test_a_bad_value_changes_nothing(
    shop: Shop, ann: Begun, fields: dict[str, object], path: str
) -> None:
    await changed(shop, ann, name="Ann")

    told = await changed(shop, ann, **({"name": "Bob", "phone": "+628123456789"} | fields))

    assert isinstance(told, Issues)
    assert [issue.path for issue in told.issues] == [(path,)]
    after = await shop.call(ReadShopper, ann.tokens.access)
    assert isinstance(after, Shopper)
    assert (after.shopper.name, after.shopper.phone) == ("Ann", None)


async def test_values_as_long_as_allowed_are_kept(shop: Shop, ann: Begun) -> None:
    url = "https://img.example/" + "a" * 2_028
    assert len(url) == 2_048

    told = await changed(shop, ann, name="🦉" * 100, image_url=url)

    assert isinstance(told, Shopper)
    assert (told.shopper.name, told.shopper.image_url) == ("🦉" * 100, url)


async def test_all_that_is_wrong_is_told_at_once(shop: Shop, ann: Begun) -> None:
    told = await changed(shop, ann, name="", phone="1", image_url="x")

    assert told == Issues(
        issues=(
            Issue(("name",), "must be 1 to 100 characters without control characters"),
            Issue(("phoneNumber",), "must be a number in E.164 form, like +628123456789"),
            Issue(("imageUrl",), "must be an https URL of at most 2048 characters"),
        )
    )


# --- orders ---------------------------------------------------------------------------------------


async def test_orders_are_listed_newest_first_page_by_page(shop: Shop, ann: Begun) -> None:
    for number in range(1, 6):
        await put(shop.world, f"A-{number}")
        await shop.world.advance(1)
    await put(shop.world, "B-1", email=OTHER)
    await change(shop.world, "A-2", status="confirmed")

    assert await numbers(shop, ann, limit=2) == [["A-5", "A-4"], ["A-3", "A-2"], ["A-1"]]
    assert await numbers(shop, ann) == [["A-5", "A-4", "A-3", "A-2", "A-1"]]


@pytest.mark.parametrize(("asked", "given"), [(-5, 1), (0, 1), (1, 1), (100, 100), (1_000, 100)])
async def test_a_page_has_one_to_a_hundred_orders(
    shop: Shop, ann: Begun, asked: int, given: int
) -> None:
    for number in range(101):
        await put(shop.world, f"A-{number}")

    assert len((await listed(shop, ann, limit=asked)).items) == given
    assert len((await listed(shop, ann, limit=asked, status="PENDING")).items) == given


async def test_orders_of_an_email_that_was_not_proven_are_not_shown(shop: Shop) -> None:
    await put(shop.world, "A-1")
    eve = await shop.sign_in(verified=False)

    assert await numbers(shop, eve) == [[]]
    assert await numbers(shop, eve, status="PENDING") == [[]]
    assert await found(shop, eve, "A-1") == NotFound()


async def test_who_has_not_proven_the_email_sees_what_the_merchant_put_down_to_them(
    shop: Shop,
) -> None:
    ann = await shop.sign_in(verified=False)
    await put(shop.world, "A-1")
    await put(shop.world, "A-2", customer_id=ann.customer.id)
    await put(shop.world, "A-3", customer_id="somebody")
    await put(shop.world, "B-1", customer_id=ann.customer.id, email=OTHER)

    assert await numbers(shop, ann, limit=1) == [["A-2"], []]
    assert isinstance(await found(shop, ann, "A-2"), ShopperOrder)
    assert await found(shop, ann, "A-3") == NotFound()
    assert await found(shop, ann, "B-1") == NotFound()


async def test_absent_and_foreign_orders_are_one_and_the_same_answer(
    shop: Shop, ann: Begun
) -> None:
    await put(shop.world, "B-1", email=OTHER)
    await open_shop("bravo", shop.world)
    await put(shop.world, "Z-1", slug="bravo")

    answers = [
        *[await found(shop, ann, number) for number in ("B-1", "Z-1", "none")],
        *[
            await shop.call(GetShopperOrder, ann.tokens.access, order_id=made_up)
            for made_up in ("", "A-1", "../x", "a:b", "0" * 31, "A" * 32, "0" * 32 + "\n", "é" * 32)
        ],
    ]

    assert answers == [NotFound()] * len(answers)


async def test_an_order_is_read_by_its_id(shop: Shop, ann: Begun) -> None:
    order = (await put(shop.world, "A-1")).order

    assert await found(shop, ann, "A-1") == ShopperOrder(order=order)


async def test_orders_are_filtered_by_the_stores_words(shop: Shop, ann: Begun) -> None:
    said = sorted(STORE_WORDS)
    for number, word in enumerate(said):
        await put(shop.world, f"A-{number}", status=word)

    for number, word in enumerate(said):
        assert await numbers(shop, ann, status=word) == [[f"A-{number}"]]


async def test_a_word_follows_what_happens_to_the_order(shop: Shop, ann: Begun) -> None:
    await put(shop.world, "A-1", status="in_progress", fulfillment_status="FULFILLED")

    assert await numbers(shop, ann, status="SHIPPED") == [["A-1"]]
    assert await numbers(shop, ann, status="PROCESSING") == [[]]
    await change(shop.world, "A-1", fulfillment_status="DELIVERED")
    assert await numbers(shop, ann, status="DELIVERED") == [["A-1"]]


@pytest.mark.parametrize("word", ["", "pending", "requested", "REFUNDED", "PENDING "])
async def test_an_unknown_word_is_an_issue(shop: Shop, ann: Begun, word: str) -> None:
    told = await shop.call(ListShopperOrders, ann.tokens.access, status=word)

    assert isinstance(told, Issues)
    assert [issue.path for issue in told.issues] == [("status",)]
    assert "PENDING" in told.issues[0].message


async def test_a_filtered_list_misses_nothing_and_repeats_nothing(shop: Shop, ann: Begun) -> None:
    for number in range(30):
        await put(shop.world, f"A-{number:02}", status="CONFIRMED" if number % 3 else "PENDING")
        await shop.world.advance(1)
    wanted = [f"A-{number:02}" for number in range(29, -1, -1) if number % 3 == 0]

    for limit in (1, 3, 10, 20):
        pages = await numbers(shop, ann, status="PENDING", limit=limit)
        assert [number for page in pages for number in page] == wanted
        assert all(len(page) <= limit for page in pages)
        assert len(pages) == -(-len(wanted) // limit)


async def test_a_filtered_page_reads_a_bounded_number_of_orders(shop: Shop, ann: Begun) -> None:
    await put(shop.world, "A-rare", status="CANCELLED")
    await shop.world.advance(1)
    for number in range(250):
        await put(shop.world, f"A-{number}")

    pages = await numbers(shop, ann, status="CANCELLED", limit=5)

    assert pages == [[], ["A-rare"]]
