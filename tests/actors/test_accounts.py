"""A customer's own profile and orders, and the rule against accounts made in advance."""

from collections.abc import Callable

import msgspec
import pytest

from doorward.actors.desks.customers import confirmed
from doorward.actors.messages.account import (
    Account,
    AccountSignedIn,
    Credentials,
    GetOwnOrder,
    ListOwnOrders,
    OwnOrder,
    OwnOrders,
    ReadAccount,
    UpdateAccount,
)
from doorward.actors.messages.envelope import Caller
from doorward.actors.messages.refusals import Invalid, NotFound, SessionRequired
from doorward.actors.messages.sign_in import Me
from doorward.actors.records.codec import decode, encode
from doorward.actors.records.sign_in import Customer, Password
from tests.actors.harness import EMAIL, World
from tests.actors.ordering import document, get, key_of, put, stored_under, write
from tests.actors.visiting import ROOMY, code_of, enter, follow, holding, visit

PASSWORD = Password(hash="$argon2id$v=19$planted", set_at_ms=1)
Make = Callable[[World], object]


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha", "bravo", policy=ROOMY)


@pytest.fixture
async def ann(world: World) -> AccountSignedIn:
    return await enter(world)


def day(number: int) -> str:
    return f"2023-01-{number:02d}T00:00:00Z"


def customer_of(world: World, slug: str = "alpha") -> Customer:
    (stored,) = stored_under(world, "customer:", slug).values()
    customer = decode("customer", stored)
    assert isinstance(customer, Customer)
    return customer


async def rewritten(world: World, **changes: object) -> World:
    """Go on with a host that finds the one customer changed, as another surface would have."""
    (key,) = stored_under(world, "customer:")
    customer = msgspec.structs.replace(customer_of(world), **changes)
    world.site.store.image.records[key] = (encode(customer), 0)
    return await world.successor()


async def page(world: World, who: AccountSignedIn, **asked: object) -> OwnOrders:
    found = await visit(world, ListOwnOrders, who, **asked)
    assert isinstance(found, OwnOrders), found
    return found


async def numbers(world: World, who: AccountSignedIn, *, size: int = 20) -> list[str]:
    """Read the numbers of all of a customer's orders, page by page."""
    read: list[str] = []
    after = None
    while True:
        found = await page(world, who, after=after, limit=size)
        assert len(found.items) <= size
        read += [order.order_number for order in found.items]
        after = found.after
        if after is None:
            return read


# --- the profile ------------------------------------------------------------------------------


async def test_a_profile_tells_a_customer_about_themselves(
    world: World, ann: AccountSignedIn
) -> None:
    found = await visit(world, ReadAccount, ann)

    assert isinstance(found, Account)
    assert found.account == ann.account
    assert (found.account.email, found.account.email_verified) == (EMAIL, True)
    assert found.account.created_at_ms == world.now_ms
    assert found.front.slug == "alpha"


async def test_name_and_phone_change_and_nothing_else(world: World, ann: AccountSignedIn) -> None:
    changed = await visit(world, UpdateAccount, ann, name="Ann Łódź", phone="+628123456789")
    cleared = await visit(world, UpdateAccount, ann, phone=None)

    assert isinstance(changed, Account)
    assert isinstance(cleared, Account)
    expected = msgspec.structs.replace(ann.account, name="Ann Łódź", phone="+628123456789")
    assert changed.account == expected
    assert cleared.account == msgspec.structs.replace(expected, phone=None)
    assert await visit(world, ReadAccount, ann) == cleared


@pytest.mark.parametrize(
    ("field", "value"), [("name", ""), ("name", "a\nb"), ("name", "x" * 101), ("phone", "0812")]
)
async def test_a_bad_value_changes_nothing(
    world: World, ann: AccountSignedIn, field: str, value: str
) -> None:
    good = {"name": "Eve", "phone": "+628123456789"}

    refused = await visit(world, UpdateAccount, ann, **(good | {field: value}))

    assert isinstance(refused, Invalid)
    assert refused.name == field
    found = await visit(world, ReadAccount, ann)
    assert isinstance(found, Account)
    assert found.account == ann.account


async def test_portal_and_account_are_one_customer(world: World, ann: AccountSignedIn) -> None:
    portal = await world.sign_in()
    await visit(world, UpdateAccount, ann, name="Ann")

    me = await world.me(portal.secret)

    assert isinstance(me, Me)
    assert me.customer is not None
    assert (me.customer.id, me.customer.name) == (ann.account.id, "Ann")


async def test_the_language_is_the_one_last_signed_in_with(world: World) -> None:
    speaks = Caller(address="192.0.2.1", scheme="https", locale="id")
    await enter(world, caller=speaks)
    first = customer_of(world).locale
    await enter(world)
    unsaid = customer_of(world).locale
    await enter(world, caller=msgspec.structs.replace(speaks, locale="en"))

    assert (first, unsaid, customer_of(world).locale) == ("id", "id", "en")


# --- orders -----------------------------------------------------------------------------------


async def test_orders_are_listed_newest_created_first_whatever_happens_to_them(
    world: World, ann: AccountSignedIn
) -> None:
    for number in (2, 3, 1):
        await put(world, f"A-{number}", created_at=day(number))
    await put(world, "B-1", email="bea@example.org")
    await put(world, "A-9", slug="bravo")
    await write(world, (await get(world, "A-1")).access_token)

    for size in (1, 2, 3, 100):
        assert await numbers(world, ann, size=size) == ["A-3", "A-2", "A-1"]


async def test_an_order_moves_with_its_email_and_its_date(
    world: World, ann: AccountSignedIn
) -> None:
    for number in (1, 2):
        await put(world, f"A-{number}", created_at=day(number))

    await put(world, "A-1", created_at=day(3))
    moved = await numbers(world, ann)
    await put(world, "A-2", email="bea@example.org")

    assert moved == ["A-1", "A-2"]
    assert await numbers(world, ann) == ["A-1"]


async def test_a_page_reads_only_what_it_shows(world: World, ann: AccountSignedIn) -> None:
    for number in range(150):
        await put(world, f"A-{number:03d}", created_at=day(1 + number // 5))
        if number % 50 == 0:
            await world.advance(61)
    heir = await world.successor()
    remembered = heir.host.remembered
    first = await page(heir, ann, limit=5)

    assert len(first.items) == 5
    assert heir.host.remembered - remembered < 20
    assert len(set(await numbers(heir, ann, size=7))) == 150


async def test_an_own_order_is_found_with_what_could_come_back(
    world: World, ann: AccountSignedIn
) -> None:
    await put(world, fulfillment_status="FULFILLED")

    found = await visit(world, GetOwnOrder, ann, order_number="A-1")

    assert isinstance(found, OwnOrder)
    assert found.order == (await get(world)).order
    assert (found.returns, found.returnable) == ((), {"1": 2})
    assert found.account == ann.account


async def test_somebody_elses_order_and_none_are_one_answer(
    world: World, ann: AccountSignedIn
) -> None:
    await put(world, "B-1", email="bea@example.org")
    await put(world, "C-1", slug="bravo")
    runs = []
    for number in ("B-1", "C-1", "absent", "", "../x", "\ud800", "x" * 5_000):
        heir = await world.successor()
        before = heir.host.figures.turns, heir.host.figures.misses
        assert await visit(heir, GetOwnOrder, ann, order_number=number) == NotFound()
        after = heir.host.figures
        runs.append((after.turns - before[0], after.misses - before[1]))
        world = heir

    assert len(set(runs)) == 1


async def test_who_has_not_proven_the_mailbox_sees_no_order_of_it(
    world: World, ann: AccountSignedIn
) -> None:
    await put(world)
    heir = await rewritten(world, email_verified=False)

    found = await page(heir, ann)

    assert (found.items, found.after) == ((), None)
    assert await visit(heir, GetOwnOrder, ann, order_number="A-1") == NotFound()
    profile = await visit(heir, ReadAccount, ann)
    assert isinstance(profile, Account)
    assert not profile.account.email_verified


@pytest.mark.parametrize(
    ("kind", "fields"),
    [(ReadAccount, {}), (ListOwnOrders, {}), (GetOwnOrder, {"order_number": "A-1"})],
)
async def test_orders_and_profile_need_a_session(
    world: World, kind: type, fields: dict[str, object]
) -> None:
    await put(world)

    assert await visit(world, kind, Credentials(), **fields) == SessionRequired()


async def test_an_order_with_another_spelling_of_the_email_is_the_customers(
    world: World, ann: AccountSignedIn
) -> None:
    await put(world, email="ANN@Example.ORG")

    assert await numbers(world, ann) == [document().order_number]


# --- accounts made in advance (contract §1) -----------------------------------------------------


async def by_code(world: World) -> object:
    return await enter(world)


async def by_link(world: World) -> object:
    await code_of(world)
    signed_in = await follow(world, world.token())
    assert isinstance(signed_in, AccountSignedIn)
    return signed_in


async def by_the_portal(world: World) -> object:
    return await world.sign_in()


@pytest.mark.parametrize("proof", [by_code, by_link, by_the_portal])
async def test_the_first_proof_of_a_mailbox_ends_what_was_there_before(
    world: World, ann: AccountSignedIn, proof: Make
) -> None:
    portal = await world.sign_in()
    world = await rewritten(world, email_verified=False, password=PASSWORD)
    planted = {device.digest for device in customer_of(world).devices}

    await proof(world)

    after = customer_of(world)
    assert (after.id, after.email_verified, after.password) == (ann.account.id, True, None)
    assert len(after.sessions) == 1
    assert planted.isdisjoint(device.digest for device in after.devices)
    for presented in (
        holding(ann),
        holding(bearer=ann.bearer_secret),
        holding(cookie_secret=ann.cookie_secret),
    ):
        assert await visit(world, ReadAccount, presented) == SessionRequired()
    assert await world.me(portal.secret) == Me(customer=None)
    assert len(stored_under(world, "session:")) == 1


async def test_only_the_proof_itself_ends_it_not_asking_or_guessing(
    world: World, ann: AccountSignedIn
) -> None:
    world = await rewritten(world, email_verified=False, password=PASSWORD)
    code = await code_of(world)
    await world.verify("000000" if code != "000000" else "000001")

    assert customer_of(world).password == PASSWORD
    assert isinstance(await visit(world, ReadAccount, ann), Account)


async def test_a_password_the_sign_ups_own_mail_confirmed_stays(
    world: World, ann: AccountSignedIn
) -> None:
    proven = msgspec.structs.replace(PASSWORD, proven=True)
    world = await rewritten(world, email_verified=True, password=proven)

    again = await enter(world)

    assert customer_of(world).password == proven
    assert isinstance(await visit(world, ReadAccount, ann), Account)
    assert isinstance(await visit(world, ReadAccount, again), Account)


def test_confirming_makes_mailbox_and_password_the_customers_own() -> None:
    bare = Customer(id="1", email=EMAIL, email_verified=False, created_at_ms=1)
    planted = msgspec.structs.replace(bare, password=PASSWORD)

    assert confirmed(bare) == msgspec.structs.replace(bare, email_verified=True)
    assert confirmed(planted).password == msgspec.structs.replace(PASSWORD, proven=True)
    assert confirmed(planted).email_verified


async def test_later_proofs_end_nothing(world: World, ann: AccountSignedIn) -> None:
    world = await rewritten(world, email_verified=False, password=PASSWORD)
    first = await enter(world)
    second = await enter(world)

    assert await visit(world, ReadAccount, ann) == SessionRequired()
    for who in (first, second):
        assert isinstance(await visit(world, ReadAccount, who), Account)


async def test_a_session_is_placed_where_the_shops_own_server_says_the_shopper_is(
    world: World,
) -> None:
    caller = Caller(
        address="192.0.2.1",
        scheme="https",
        key_digest=await key_of(world),
        asserted_address="203.0.113.9",
    )

    await enter(world, caller=caller)

    assert [entry.address for entry in customer_of(world).sessions] == ["203.0.113.0/24"]
