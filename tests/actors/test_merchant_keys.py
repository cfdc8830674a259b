"""What secret keys open, for what, and how often."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.actors import tokens, windows
from doorward.actors.desks.key_traffic import _newest
from doorward.actors.desks.keys import SCOPES
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.merchant import (
    AddSellerRemark,
    ChangeOrder,
    ConfirmPayment,
    FindProof,
    GetOrder,
    ListOrders,
    OrderChanges,
    OrderFound,
    OrdersFound,
    OrdersPut,
    PutOrder,
    PutOrders,
    RotateAccess,
)
from doorward.actors.messages.operator import AddKey, KeyList, KeyMade, ListKeys, RevokeKey
from doorward.actors.messages.refusals import KeyRefused, NotFound, ScopeMissing, TooMany
from doorward.actors.messages.sandbox import AdvanceClock, ClockNow, ReadMail
from doorward.actors.windows import EMPTY, Rule
from tests.actors.harness import World
from tests.actors.ordering import document, get, key_of, put, stored_under

READ = ("orders:read",)
WRITE = ("orders:write",)


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha", "bravo")


def calls(key_digest: str | None) -> list[tuple[Request, str]]:
    """Make every call of a merchant, with the scope it needs."""
    number = {"key_digest": key_digest, "order_number": "A-1"}
    return [
        (PutOrder(key_digest=key_digest, document=document()), "orders:write"),
        (PutOrders(key_digest=key_digest, documents=(document(),)), "orders:write"),
        (GetOrder(**number), "orders:read"),
        (ListOrders(key_digest=key_digest), "orders:read"),
        (ChangeOrder(changes=OrderChanges(), **number), "orders:write"),
        (AddSellerRemark(body="x", **number), "orders:write"),
        (ConfirmPayment(**number), "orders:write"),
        (RotateAccess(**number), "orders:write"),
        (FindProof(**number), "orders:read"),
    ]


async def read(world: World, key_digest: str, slug: str = "alpha") -> Outcome:
    return await world.ask(slug, ListOrders(key_digest=key_digest))


@pytest.mark.parametrize("scope", sorted(SCOPES))
async def test_a_key_does_what_its_scope_says_and_nothing_else(world: World, scope: str) -> None:
    digest = await key_of(world, scopes=(scope,))
    await put(world)
    before = await get(world)

    for message, needed in calls(digest):
        outcome = await world.ask("alpha", message)
        refused = outcome == ScopeMissing(scope=needed)
        assert refused == (scope != needed), message
    if scope != "orders:write":
        assert await get(world) == before


async def test_a_key_of_nothing_opens_nothing(world: World) -> None:
    made = await world.ask("alpha", AddKey(key_kind="publishable", name="web"))
    assert isinstance(made, KeyMade)
    other = await key_of(world, "bravo")

    for digest in (tokens.digest(made.secret), other, "0" * 64):
        for message, _ in calls(digest):
            assert await world.ask("alpha", message) == KeyRefused()
    assert not stored_under(world, "order:")
    assert not stored_under(world, "key-traffic:")


async def test_a_revoked_key_opens_nothing_any_more(world: World) -> None:
    digest = await key_of(world)
    assert isinstance(await read(world, digest), OrdersFound)

    listed = await world.ask("alpha", ListKeys())
    assert isinstance(listed, KeyList)
    await world.ask("alpha", RevokeKey(key_id=listed.keys[0].id))

    assert await read(world, digest) == KeyRefused()


async def test_the_operator_needs_no_key_but_a_storefront(world: World) -> None:
    for message, _ in calls(None):
        assert await world.ask("charlie", message) == NotFound()
    digest = await key_of(world)
    assert await read(world, digest, "charlie") == KeyRefused()
    done = await world.ask("alpha", PutOrders(key_digest=None, documents=(document(),)))
    assert isinstance(done, OrdersPut)
    assert done.standing is None


async def test_a_key_also_opens_an_unpublished_storefront(world: World) -> None:
    digest = await key_of(world)

    await world.put("alpha", published=False)

    assert isinstance(await read(world, digest), OrdersFound)


async def test_calls_of_a_key_are_limited_in_any_minute(world: World) -> None:
    digest, second = await key_of(world), await key_of(world)
    for number in range(1_000):
        found = await read(world, digest)
        assert isinstance(found, OrdersFound)
        assert found.standing is not None
        assert found.standing.remaining == 999 - number
        await world.advance(0.03)

    refused = await read(world, digest)

    assert isinstance(refused, TooMany)
    assert refused.standing.rule == Rule("keys.secret", 1_000, 60_000)
    assert isinstance(await read(world, second), OrdersFound)
    await world.advance(refused.wait_ms / 1_000)
    assert isinstance(await read(world, digest), OrdersFound)


async def test_refused_calls_count_too(world: World) -> None:
    await world.put("alpha", policy=b'{"keys":{"secretPerMinute":3}}')
    digest = await key_of(world, scopes=READ)
    write = PutOrder(key_digest=digest, document=document())

    for _ in range(3):
        assert await world.ask("alpha", write) == ScopeMissing(scope="orders:write")
        await world.advance(1)
    refused = await read(world, digest)
    await world.advance(58.5)
    still = await read(world, digest)

    assert isinstance(refused, TooMany)
    # It counted itself: of the three that count now the oldest is the second.
    assert refused.wait_ms == 58_000
    assert isinstance(still, OrdersFound)
    assert isinstance(await read(world, digest), TooMany)


async def test_of_parallel_calls_exactly_the_limit_passes(world: World) -> None:
    await world.put("alpha", policy=b'{"keys":{"secretPerMinute":10}}')
    digest = await key_of(world)

    done = await world.ask_all("alpha", [ListOrders(key_digest=digest)] * 50)

    assert sum(isinstance(outcome, OrdersFound) for outcome in done) == 10
    assert sum(isinstance(outcome, TooMany) for outcome in done) == 40


async def test_the_record_of_a_hammered_key_stays_small(world: World) -> None:
    digest = await key_of(world)
    for _ in range(300):
        await world.ask_all("alpha", [ListOrders(key_digest=digest)] * 10)
        await world.advance(0.001)

    (record,) = stored_under(world, "key-traffic:").values()

    assert len(record) < 16_384


async def test_a_limit_survives_a_change_of_hosts(world: World) -> None:
    await world.put("alpha", policy=b'{"keys":{"secretPerMinute":2}}')
    digest = await key_of(world)
    await read(world, digest)
    await read(world, digest)
    # Nobody waits for a count: it is stored with the next tick.
    await world.host.tend()
    await world.work()

    heir = await world.successor()

    assert isinstance(await read(heir, digest), TooMany)


async def test_calls_of_the_sandbox_count_as_all_others(world: World) -> None:
    await world.furnish("sand", sandbox=True, policy=b'{"keys":{"secretPerMinute":2}}')
    digest = await key_of(world, "sand")

    await world.ask("sand", ReadMail(key_digest=digest))
    moved = await world.ask("sand", AdvanceClock(key_digest=digest, advance_ms=1_000))
    refused = await world.ask("sand", ReadMail(key_digest=digest))

    assert isinstance(moved, ClockNow)
    assert isinstance(refused, TooMany)


async def test_an_answer_of_a_key_tells_where_its_limit_stands(world: World) -> None:
    digest = await key_of(world)

    made = await world.ask("alpha", PutOrder(key_digest=digest, document=document()))

    assert isinstance(made, OrderFound)
    assert made.standing is not None
    assert made.standing.remaining == 999


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 8), st.integers(1, 20))
def test_forgetting_the_oldest_of_too_many_decides_nothing_otherwise(
    gaps: list[int], limit: int, window_ms: int
) -> None:
    rule = Rule("r", limit, window_ms)
    whole = trimmed = EMPTY
    now_ms = 1_000
    for gap in gaps:
        now_ms += gap
        assert windows.wait_ms(whole, rule, now_ms) == windows.wait_ms(trimmed, rule, now_ms)
        whole = windows.counted(whole, rule, now_ms)
        trimmed = _newest(windows.counted(trimmed, rule, now_ms), limit)
        assert trimmed.total == sum(trimmed.counts) <= limit
        assert windows.remaining(whole, rule, now_ms) == windows.remaining(trimmed, rule, now_ms)
