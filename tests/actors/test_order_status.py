"""Order-status links: one per order, a pure read, dead when replaced, expired or of nobody here."""

import re

import pytest

from doorward.actors import tokens
from doorward.actors.messages.account import OrderStatus
from doorward.actors.messages.envelope import Caller
from doorward.actors.messages.merchant_returns import MintStatusLink
from doorward.actors.messages.refusals import Conflict, NotFound, TooMany
from tests.actors.aftermath import link, minted, preview, status, take
from tests.actors.harness import CALLER, EMAIL, World
from tests.actors.ordering import change, put, stored_under
from tests.actors.visiting import ROOMY

DAY = 86_400
ELSEWHERE = Caller(address="198.51.100.7", scheme="https")


@pytest.fixture
async def world() -> World:
    world = await (await World().open()).furnish("alpha", "bravo", policy=ROOMY)
    await put(world)
    return world


async def test_a_link_shows_the_order_as_it_is_as_often_as_anybody_asks(world: World) -> None:
    made = await link(world)

    first = await status(world, made.token)
    await change(world, status="confirmed")
    later = [await status(world, made.token) for _ in range(100)]

    assert re.fullmatch(r"o[a-z0-9]{25}", made.token)
    assert made.url == f"https://alpha.example/order/{made.token}/status"
    assert not made.rotated
    assert isinstance(first, OrderStatus)
    assert first.order.status == "requested"
    assert all(isinstance(found, OrderStatus) for found in later)
    assert {found.order.status for found in later if isinstance(found, OrderStatus)} == {
        "confirmed"
    }


async def test_another_link_ends_the_one_before(world: World) -> None:
    first = await link(world)

    second = await link(world)

    assert second.rotated
    assert first.token != second.token
    assert await status(world, first.token) == NotFound()
    assert isinstance(await status(world, second.token), OrderStatus)
    assert len(stored_under(world, "status-token:")) == 1


async def test_a_link_lives_for_90_days(world: World) -> None:
    made = await link(world)

    await world.advance(90 * DAY - 1)
    assert isinstance(await status(world, made.token), OrderStatus)
    await world.advance(1)

    assert await status(world, made.token) == NotFound()
    assert (await link(world)).rotated


async def test_a_link_outlives_a_new_document_of_its_order(world: World) -> None:
    made = await link(world)

    await put(world, notes="Please hurry")

    found = await status(world, made.token)
    assert isinstance(found, OrderStatus)
    assert found.order.notes == "Please hurry"


async def test_a_token_opens_nothing_elsewhere_and_no_other_family(world: World) -> None:
    made = await link(world)
    action = await minted(world)

    assert await status(world, made.token, "bravo") == NotFound()
    assert await status(world, action) == NotFound()
    assert await preview(world, made.token) == NotFound()
    assert await take(world, made.token) == NotFound()
    assert isinstance(await status(world, made.token), OrderStatus)


async def test_misses_are_limited_by_address_and_never_stop_a_good_link(world: World) -> None:
    made = await link(world)
    for number in range(60):
        assert await status(world, f"o{number:025d}") == NotFound()

    refused = await status(world, "o" + "0" * 25)

    assert isinstance(refused, TooMany)
    assert refused.standing.rule.name == "tokens.misses"
    assert isinstance(await preview(world, "a" + "0" * 25), TooMany)
    assert isinstance(await take(world, "a" + "0" * 25), TooMany)
    assert isinstance(await status(world, made.token), OrderStatus)
    assert await status(world, "o" + "0" * 25, caller=ELSEWHERE) == NotFound()
    assert await status(world, "o" + "0" * 25, "bravo") == NotFound()
    await world.advance(refused.wait_ms / 1_000)
    assert await status(world, "o" + "0" * 25) == NotFound()


async def test_the_limit_of_misses_is_the_storefronts_to_set(world: World) -> None:
    await world.put("alpha", policy=b'{"tokens":{"missesPerAddressPerMinute":2}}')

    outcomes = [await status(world, "o" + "0" * 25) for _ in range(3)]

    assert outcomes[:2] == [NotFound(), NotFound()]
    assert isinstance(outcomes[2], TooMany)


async def test_every_cause_of_a_miss_reads_and_writes_alike(world: World) -> None:
    dead = (await link(world)).token
    live = await link(world)
    action = await minted(world)
    counted = len(stored_under(world, "misses:"))
    assert counted == 0

    for token in (dead, action, "o" + "0" * 25, "", live.token[:-1]):
        assert await status(world, token) == NotFound()

    (stored,) = stored_under(world, "misses:")
    assert tokens.address_id(CALLER.address) in stored


async def test_a_link_can_be_mailed_to_the_buyer(world: World) -> None:
    made = await link(world, mail=True)

    mail = world.mail("alpha", EMAIL)

    assert mail.link == made.url


async def test_a_mail_that_could_lead_nowhere_changes_nothing(world: World) -> None:
    made = await link(world)
    await world.put("alpha", published=False)

    message = MintStatusLink(key_digest=None, order_number="A-1", mail=True)
    outcome = await world.ask("alpha", message)

    assert isinstance(outcome, Conflict)
    await world.put("alpha")
    assert isinstance(await status(world, made.token), OrderStatus)


async def test_an_order_that_is_not_there_gets_no_link(world: World) -> None:
    message = MintStatusLink(key_digest=None, order_number="A-2")

    assert await world.ask("alpha", message) == NotFound()


async def test_an_unpublished_storefront_shows_nothing(world: World) -> None:
    made = await link(world)

    await world.put("alpha", published=False)

    assert await status(world, made.token) == NotFound()


async def test_no_token_lies_in_the_store(world: World) -> None:
    made = await link(world)
    action = await minted(world)
    await link(world, mail=True)

    stored = b"".join(
        key.encode() + value for key, (value, _) in world.site.store.image.records.items()
    )

    assert made.token.encode() not in stored
    assert action.encode() not in stored
    assert tokens.digest(action).encode() in stored
