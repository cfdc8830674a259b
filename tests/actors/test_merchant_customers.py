"""Customers as their merchant finds, reads, signs out and exports them."""

import msgspec
import pytest

from doorward.actors.messages.account import (
    AddAddress,
    AddressFound,
    ListSessions,
    SessionList,
    UpdateAccount,
)
from doorward.actors.messages.merchant_customers import (
    CustomerDetail,
    CustomerFound,
    CustomersFound,
    EraseCustomer,
    ExportCustomer,
    Exported,
    FindCustomer,
    GetCustomer,
    RevokeSessions,
    SessionsRevoked,
)
from doorward.actors.messages.orders import After
from doorward.actors.messages.refusals import KeyRefused, NotFound, ScopeMissing, SessionRequired
from tests.actors.aftermath import delivered, minted, started
from tests.actors.harness import EMAIL, World
from tests.actors.ordering import key_of, put, say
from tests.actors.visiting import PLAIN, ROOMY, enter, visit

OTHER = "bea@example.org"


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha", "bravo", policy=ROOMY)


async def found(world: World, email: str = EMAIL, slug: str = "alpha") -> list[CustomerDetail]:
    outcome = await world.ask(slug, FindCustomer(key_digest=None, email=email))
    assert isinstance(outcome, CustomersFound), outcome
    return list(outcome.items)


async def exported(world: World, customer_id: str, **asked: object) -> Exported:
    outcome = await world.ask(
        "alpha", ExportCustomer(key_digest=None, customer_id=customer_id, **asked)
    )
    assert isinstance(outcome, Exported), outcome
    return outcome


async def test_a_customer_is_found_by_email_and_read_by_id(world: World) -> None:
    await put(world)
    await put(world, "A-2")
    ann = await enter(world)
    await enter(world)
    await visit(world, UpdateAccount, ann, name="Ann", phone="+628123456789")

    (by_email,) = await found(world)
    message = GetCustomer(key_digest=None, customer_id=by_email.id)
    by_id = await world.ask("alpha", message)

    assert by_email.id == ann.account.id
    assert (by_email.email, by_email.email_verified) == (EMAIL, True)
    assert (by_email.name, by_email.phone) == ("Ann", "+628123456789")
    assert (by_email.order_count, by_email.session_count) == (2, 2)
    assert isinstance(by_id, CustomerFound)
    assert by_id.customer == by_email


async def test_nobody_is_found_where_nobody_signed_in(world: World) -> None:
    await put(world)
    ann = await enter(world, "bravo")

    assert await found(world) == []
    message = GetCustomer(key_digest=None, customer_id=ann.account.id)
    assert await world.ask("alpha", message) == NotFound()


async def test_every_session_of_a_customer_ends(world: World) -> None:
    ann, again = await enter(world), await enter(world)
    portal = await world.sign_in()
    bea = await enter(world, email=OTHER)

    message = RevokeSessions(key_digest=None, customer_id=ann.account.id)
    outcome = await world.ask("alpha", message)
    repeated = await world.ask("alpha", message)

    assert outcome == SessionsRevoked(count=3)
    assert repeated == SessionsRevoked(count=0)
    for gone in (ann, again):
        assert await visit(world, ListSessions, gone) == SessionRequired()
    me = await world.me(portal.secret)
    assert getattr(me, "customer", 0) is None
    assert isinstance(await visit(world, ListSessions, bea), SessionList)


async def test_an_export_holds_all_there_is_and_no_secret(world: World) -> None:
    await delivered(world, buyer_name="Ann Example", notes="Ring twice")
    ann = await enter(world)
    await visit(world, UpdateAccount, ann, name="Ann")
    assert isinstance(await visit(world, AddAddress, ann, fields=PLAIN), AddressFound)
    await say(world, "On its way")
    await say(world, "Pays late", internal=True)
    returned = await started(world, ann, _1=1)
    token = await minted(world, "start_return", {"orderNumber": "A-1"})

    whole = await exported(world, ann.account.id)

    assert whole.customer.name == "Ann"
    assert [entry.address.line1 for entry in whole.addresses] == ["Jl. Braga 1"]
    assert [session.surface for session in whole.sessions] == ["account"]
    assert len(whole.known_devices) == 1
    assert [action.action for action in whole.actions] == ["start_return"]
    (held,) = whole.orders
    assert held.order.buyer_name == "Ann Example"
    assert [remark.body for remark in held.remarks] == ["On its way", "Pays late"]
    assert held.returns == (returned,)
    assert whole.after is None
    written = msgspec.json.encode(whole)
    for secret in (ann.cookie_secret, ann.bearer_secret, token):
        assert secret.encode() not in written


async def test_an_export_pages_through_every_order(world: World) -> None:
    ann = await enter(world)
    for number in range(45):
        await put(world, f"A-{number}")
    await put(world, "B-1", email=OTHER)

    numbers: list[str] = []
    after: After | None = None
    while True:
        page = await exported(world, ann.account.id, after=after, limit=1_000)
        assert len(page.orders) <= 20
        assert (after is None) == bool(page.sessions)
        numbers += [held.order.order_number for held in page.orders]
        after = page.after
        if after is None:
            break

    assert sorted(numbers) == sorted(f"A-{number}" for number in range(45))


async def test_calls_about_customers_need_their_scopes_and_their_storefronts_key(
    world: World,
) -> None:
    ann = await enter(world)
    reading = await key_of(world, scopes=("customers:read",))
    writing = await key_of(world, scopes=("customers:write",))
    foreign = await key_of(world, "bravo")
    about = {"customer_id": ann.account.id}
    calls = [
        (FindCustomer, {"email": EMAIL}, "customers:read"),
        (GetCustomer, about, "customers:read"),
        (ExportCustomer, about, "customers:read"),
        (RevokeSessions, about, "customers:write"),
        (EraseCustomer, about, "customers:write"),
    ]

    for kind, fields, scope in calls:
        lacking = writing if scope == "customers:read" else reading
        refused = await world.ask("alpha", kind(key_digest=lacking, **fields))
        assert refused == ScopeMissing(scope=scope)
        assert await world.ask("alpha", kind(key_digest=foreign, **fields)) == KeyRefused()

    assert isinstance(await visit(world, ListSessions, ann), SessionList)
