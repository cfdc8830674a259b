"""Lists of orders: the merchant's with its filters, the buyer's own with its count."""

import pytest

from doorward.actors.desks import order_lists
from doorward.actors.messages.envelope import Presented
from doorward.actors.messages.merchant import ListOrders, PutOrders
from doorward.actors.messages.orders import OrderList, Profile, ReadOrders, ReadProfile
from doorward.actors.messages.refusals import Invalid, NotFound, SessionRequired
from doorward.actors.records.codec import decode, encode
from doorward.actors.records.sign_in import Customer
from tests.actors.harness import CALLER, EMAIL, World, cookie
from tests.actors.ordering import change, document, get, listed, listed_numbers, page, put, write
from tests.actors.simulation.world import neighbour_of


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha", "bravo")


def day(number: int) -> str:
    return f"2023-01-{number:02d}T00:00:00Z"


async def mine(world: World, secret: str, slug: str = "alpha", **asked: object) -> OrderList:
    found = await world.ask(slug, ReadOrders(caller=CALLER, session=cookie(secret), **asked))
    assert isinstance(found, OrderList), found
    return found


async def test_the_merchants_list_is_newest_created_first(world: World) -> None:
    for number in (2, 3, 1):
        made = await put(world, f"A-{number}", created_at=day(number))
    await write(world, made.access_token)

    assert await listed_numbers(world) == ["A-3", "A-2", "A-1"]
    assert await listed_numbers(world, page=1) == ["A-3", "A-2", "A-1"]


async def test_listed_orders_open_with_the_token_beside_them(world: World) -> None:
    await put(world)

    (item,) = (await listed(world)).items

    assert (await page(world, item.access_token)).order == item.order
    assert item.remarks == ()


async def test_a_list_by_status_follows_the_status(world: World) -> None:
    for number in (1, 2, 3):
        await put(world, f"A-{number}", created_at=day(number))

    await change(world, "A-2", status="confirmed")

    assert await listed_numbers(world, status="requested") == ["A-3", "A-1"]
    assert await listed_numbers(world, status="confirmed") == ["A-2"]
    assert await listed_numbers(world, status="completed") == []


async def test_a_list_by_email_is_newest_activity_first(world: World) -> None:
    for number in (1, 2, 3):
        made = await put(world, f"A-{number}")
        await world.advance(1)
    await put(world, "A-4", email="bea@example.org")
    await write(world, (await get(world, "A-1")).access_token)

    assert made.order.email == EMAIL
    assert await listed_numbers(world, email=EMAIL, page=2) == ["A-1", "A-3", "A-2"]


async def test_both_filters_at_once_find_all_and_only_those(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_lists, "LOOKED_THROUGH", 4)
    for number in range(20):
        status = "confirmed" if number % 3 == 0 else "requested"
        await put(world, f"A-{number}", status=status)
        await world.advance(1)
    await put(world, "B-1", email="bea@example.org", status="confirmed")

    expected = [f"A-{number}" for number in range(19, -1, -1) if number % 3 == 0]
    for size in (1, 2, 3, 5, 100):
        found = await listed_numbers(world, page=size, email=EMAIL, status="confirmed")
        assert found == expected


@pytest.mark.parametrize(
    "asked",
    [{}, {"email": EMAIL}, {"status": "requested"}, {"email": EMAIL, "status": "requested"}],
)
async def test_the_last_page_says_so_also_when_it_is_full(
    world: World, asked: dict[str, str]
) -> None:
    for number in range(4):
        await put(world, f"A-{number}")

    first = await listed(world, limit=2, **asked)
    second = await listed(world, limit=2, after=first.after, **asked)

    assert first.after is not None
    assert len(second.items) == 2
    assert second.after is None


async def test_an_unknown_status_is_refused(world: World) -> None:
    refused = await world.ask("alpha", ListOrders(key_digest=None, status="lost"))

    assert isinstance(refused, Invalid)
    assert refused.name == "status"


@pytest.mark.parametrize(("limit", "found"), [(-1, 1), (0, 1), (1, 1), (100, 100), (1_000, 100)])
async def test_a_page_is_bounded_whatever_is_asked_for(
    world: World, limit: int, found: int
) -> None:
    for start in (0, 64):
        documents = tuple(document(f"A-{start + number}") for number in range(64))
        await world.ask("alpha", PutOrders(key_digest=None, documents=documents))

    page_of = await listed(world, limit=limit)

    assert len(page_of.items) == found
    assert page_of.after is not None


# --- the buyer's own ------------------------------------------------------------------------------


async def test_a_buyer_sees_what_was_ordered_before_and_after_signing_in(world: World) -> None:
    await put(world, "A-1")
    await world.advance(1)
    signed_in = await world.sign_in()
    await put(world, "A-2", email=" Ann@EXAMPLE.org")
    await put(world, "B-1", email="bea@example.org")
    await put(world, "A-3", slug="bravo")

    found = await mine(world, signed_in.secret)

    assert [item.order.order_number for item in found.items] == ["A-2", "A-1"]
    assert (found.count, found.after) == (2, None)
    assert found.front.slug == "alpha"
    assert found.customer == signed_in.customer
    for item in found.items:
        assert (await page(world, item.access_token)).order == item.order


async def test_a_buyer_pages_through_all_of_them_while_they_change(world: World) -> None:
    for start in range(0, 320, 64):
        documents = tuple(
            document(
                f"A-{number}", created_at=f"2023-01-01T00:{number // 60:02d}:{number % 60:02d}Z"
            )
            for number in range(start, start + 64)
        )
        await world.ask("alpha", PutOrders(key_digest=None, documents=documents))
    secret = (await world.sign_in()).secret

    seen: list[str] = []
    after = None
    while True:
        found = await mine(world, secret, after=after, limit=50)
        seen += [item.order.order_number for item in found.items]
        after = found.after
        if after is None:
            break
        # What a shopper has not reached yet moves to the front, which is behind them.
        await put(world, seen[0], buyer_name="Ann")

    assert found.count == 320
    assert seen == [f"A-{number}" for number in range(319, -1, -1)]


async def test_a_list_is_read_in_few_round_trips_though_nothing_is_in_memory(
    world: World,
) -> None:
    for number in range(20):
        await put(world, f"A-{number}")
    secret = (await world.sign_in()).secret
    heir = await world.successor()
    before = heir.host.figures.flushes

    assert len((await mine(heir, secret)).items) == 20

    assert heir.host.figures.flushes - before <= 5


async def test_nobody_signed_in_sees_nothing(world: World) -> None:
    await put(world)
    secret = (await world.sign_in()).secret

    for kind in (ReadOrders, ReadProfile):
        assert await world.ask("alpha", kind(caller=CALLER)) == SessionRequired()
        other = kind(caller=CALLER, session=cookie(secret))
        assert await world.ask("bravo", other) == SessionRequired()
        assert await world.ask("charlie", other) == NotFound()
        planted = Presented(plain=cookie(secret).secure)
        assert await world.ask("alpha", kind(caller=CALLER, session=planted)) == SessionRequired()


async def test_a_neighbour_in_the_partition_is_another_storefront(world: World) -> None:
    neighbour = neighbour_of("alpha")
    await world.furnish(neighbour)
    await put(world)
    secret = (await world.sign_in(neighbour)).secret

    assert (await mine(world, secret, neighbour)).items == ()


async def test_a_profile_counts_the_orders(world: World) -> None:
    signed_in = await world.sign_in()
    message = ReadProfile(caller=CALLER, session=cookie(signed_in.secret))
    before = await world.ask("alpha", message)
    await put(world, "A-1")
    await put(world, "A-2")
    await put(world, "A-2", email="bea@example.org")

    after = await world.ask("alpha", message)

    assert isinstance(before, Profile)
    assert isinstance(after, Profile)
    assert (before.order_count, after.order_count) == (0, 1)
    assert after.customer == signed_in.customer


async def test_who_has_not_proven_the_mailbox_sees_no_order_of_it(world: World) -> None:
    await put(world)
    secret = (await world.sign_in()).secret
    records = world.site.store.image.records
    name = next(key for key in records if ":customer:" in key)
    customer = decode("customer", records[name][0])
    assert isinstance(customer, Customer)
    unproven = Customer(id=customer.id, email=customer.email, email_verified=False, created_at_ms=1)
    records[name] = (encode(unproven), 0)
    heir = await world.successor()

    found = await mine(heir, secret)

    assert (found.items, found.count, found.after) == ((), 0, None)
    profile = await heir.ask("alpha", ReadProfile(caller=CALLER, session=cookie(secret)))
    assert isinstance(profile, Profile)
    assert profile.order_count == 0
