"""Access tokens: derived, replaced, limited when missed, gone with their order."""

import re

import pytest

from doorward.actors import tokens
from doorward.actors.desks.order_access import MISSES
from doorward.actors.keyring import Keyring
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.merchant import OrderFound, RotateAccess
from doorward.actors.messages.operator import DeleteStorefront, EraseRecords, PutStorefront
from doorward.actors.messages.operator import StorefrontDocument as Document
from doorward.actors.messages.orders import (
    AddBuyerRemark,
    AdmitProof,
    ClaimPayment,
    KeepProof,
    OrderPage,
    ReadOrderPage,
)
from doorward.actors.messages.refusals import Deleted, NotFound, TooMany
from doorward.actors.partitions import partition_of, partition_of_access_token, shared_name
from doorward.actors.records.orders import Proof
from tests.actors.harness import CALLER, MASTER_KEY, World
from tests.actors.ordering import by_token, get, leads_to, page, put, write
from tests.actors.simulation.world import neighbour_of

OTHER = Caller(address="198.51.100.7", scheme="https")
PROOF = Proof("b", "image/png", 1, 0)
ACTS = [
    (AddBuyerRemark, {"body": "x"}),
    (ClaimPayment, {}),
    (AdmitProof, {}),
    (KeepProof, {"proof": PROOF}),
]


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha")


async def rotate(world: World) -> OrderFound:
    found = await world.ask("alpha", RotateAccess(key_digest=None, order_number="A-1"))
    assert isinstance(found, OrderFound)
    return found


async def erase(world: World, slug: str = "alpha") -> None:
    assert await world.ask(slug, DeleteStorefront()) == Deleted()
    names, complete = world.site.store.names(slug, 1_000)
    assert complete
    for _ in range(2):  # as after a crash: what is gone already is asked for again
        await world.ask(slug, EraseRecords(names=tuple(names), last=False))
    await world.ask(slug, EraseRecords(names=(), last=True))


async def miss(world: World, number: int = 0, caller: Caller = CALLER) -> Outcome:
    token = tokens.base64url(bytes([partition_of("alpha")]) + number.to_bytes(32, "big"))
    return await by_token(world, token, caller=caller)


async def test_a_token_leads_to_its_order_and_names_its_partition(world: World) -> None:
    made = await put(world)

    assert re.fullmatch(r"[A-Za-z0-9_-]{44}", made.access_token)
    assert partition_of_access_token(made.access_token) == partition_of("alpha")
    assert (await page(world, made.access_token)).order == made.order


async def test_no_token_is_the_literal_word_or_even_of_its_length(world: World) -> None:
    made = [await put(world, f"A-{number}") for number in range(50)]

    assert len({found.access_token for found in made}) == 50
    assert all(len(found.access_token) != len("token") for found in made)
    assert partition_of_access_token("token") is None


async def test_only_digests_of_tokens_are_at_rest(world: World) -> None:
    made = await put(world)

    at_rest = b"".join(stored for stored, _ in world.site.store.image.records.values())
    keys = "".join(world.site.store.image.records)

    assert made.access_token.encode() not in at_rest
    assert made.access_token not in keys
    assert tokens.digest(made.access_token) in keys


async def test_tokens_of_neighbours_in_a_partition_lead_home(world: World) -> None:
    neighbour = neighbour_of("alpha")
    await world.furnish(neighbour)

    ours, theirs = await put(world), await put(world, slug=neighbour)

    assert (await page(world, ours.access_token)).front.slug == "alpha"
    assert (await page(world, theirs.access_token)).front.slug == neighbour


async def test_a_replaced_token_opens_nothing_and_the_new_one_does(world: World) -> None:
    made = await put(world)

    rotated = await rotate(world)

    assert rotated.access_token != made.access_token
    assert rotated.order.access_version == 1
    assert await by_token(world, made.access_token) == NotFound()
    assert (await page(world, rotated.access_token)).order.order_number == "A-1"
    assert await get(world) == rotated
    assert tokens.digest(made.access_token) not in "".join(world.site.store.image.records)


async def test_a_token_that_is_no_longer_the_orders_own_is_dead_though_it_is_found(
    world: World,
) -> None:
    made = await put(world)
    records = world.site.store.image.records
    name = next(key for key in records if tokens.digest(made.access_token) in key)
    left_behind = records[name]
    await rotate(world)

    records[name] = left_behind
    heir = await world.successor()

    assert await by_token(heir, made.access_token) == NotFound()


async def test_replacing_a_token_moves_nothing_in_the_buyers_list(world: World) -> None:
    made = await put(world)
    await world.advance(60)

    rotated = await rotate(world)

    assert rotated.order.activity_at_ms == made.order.activity_at_ms


@pytest.mark.parametrize(("kind", "values"), ACTS)
async def test_an_unknown_token_does_nothing(
    world: World, kind: type, values: dict[str, object]
) -> None:
    made = await put(world)
    wrong = made.access_token[:2] + made.access_token[:1:-1]
    assert leads_to(wrong) == shared_name(partition_of("alpha"))

    assert await by_token(world, wrong, kind, **values) == NotFound()
    assert (await get(world)).order == made.order


async def test_a_token_asked_of_another_partition_opens_nothing(world: World) -> None:
    made = await put(world)
    elsewhere = shared_name((partition_of("alpha") + 1) % 256)

    digest = tokens.digest(made.access_token)
    read = await world.ask(elsewhere, ReadOrderPage(token_digest=digest, caller=CALLER))

    assert read == NotFound()


async def test_an_unpublished_storefront_shows_no_order_and_shows_it_again_later(
    world: World,
) -> None:
    made = await put(world)

    await world.put("alpha", published=False)
    assert await by_token(world, made.access_token) == NotFound()
    assert await write(world, made.access_token) == NotFound()
    await world.put("alpha")

    assert isinstance(await by_token(world, made.access_token), OrderPage)


async def test_misses_are_limited_by_address_and_a_right_token_still_opens(world: World) -> None:
    made = await put(world)

    for number in range(MISSES.limit):
        assert await miss(world, number) == NotFound()
        await world.advance(0.5)
    refused = await miss(world, 0)

    assert isinstance(refused, TooMany)
    assert refused.standing.rule == MISSES
    assert refused.wait_ms == 30_000
    assert await miss(world, 0, OTHER) == NotFound()
    assert isinstance(await by_token(world, made.access_token), OrderPage)
    await world.advance(30)
    assert await miss(world, 0) == NotFound()
    assert isinstance(await miss(world, 0), TooMany)


async def test_missed_tokens_leave_a_small_record_that_expires(world: World) -> None:
    before = set(world.site.store.image.records)

    await miss(world, 1)
    await miss(world, 2)

    (left,) = set(world.site.store.image.records) - before
    assert ":~:misses:" in left
    assert CALLER.address not in left
    assert world.site.store.image.records[left][1]


async def test_a_token_whose_master_key_is_gone_opens_nothing_and_is_made_anew(
    world: World,
) -> None:
    made = await put(world)
    world.site.keyring = Keyring([bytes(reversed(MASTER_KEY))])
    heir = await world.successor()

    assert await by_token(heir, made.access_token) == NotFound()
    found = await get(heir)
    assert found.access_token != made.access_token
    assert (await page(heir, found.access_token)).order == found.order
    assert await by_token(heir, made.access_token) == NotFound()
    assert tokens.digest(made.access_token) not in "".join(heir.site.store.image.records)


async def test_a_token_outlives_the_rotation_of_master_keys(world: World) -> None:
    made = await put(world)
    world.site.keyring = Keyring([bytes(reversed(MASTER_KEY)), MASTER_KEY])
    heir = await world.successor()

    assert (await get(heir)).access_token == made.access_token
    assert (await page(heir, made.access_token)).order == made.order


async def test_an_erased_storefront_leaves_no_trace_of_its_orders(world: World) -> None:
    before = set(world.site.store.image.records)
    neighbour = neighbour_of("alpha")
    await world.furnish(neighbour)
    kept = await put(world, slug=neighbour)
    for number in range(100):
        made = await put(world, f"A-{number}", email=f"{number}@example.org")
        await write(world, made.access_token)

    await erase(world)

    left = set(world.site.store.image.records) - before
    assert not [key for key in left if ":alpha:" in key]
    assert len([key for key in left if "access-token" in key]) == 1
    assert isinstance(await by_token(world, kept.access_token), OrderPage)
    await world.furnish("alpha")
    assert await by_token(world, made.access_token) == NotFound()


async def test_a_slug_that_is_used_again_has_other_tokens(world: World) -> None:
    first = await put(world)
    await erase(world)
    await world.ask("alpha", PutStorefront(document=Document(display_name="A", published=True)))

    second = await put(world)

    assert second.access_token != first.access_token
    assert await by_token(world, first.access_token) == NotFound()


async def test_an_order_that_cannot_be_read_can_still_be_erased(world: World) -> None:
    await put(world)
    records = world.site.store.image.records
    name = next(key for key in records if ":order:" in key)
    records[name] = (b"\x09damaged", records[name][1])
    heir = await world.successor()

    await erase(heir)

    assert not [key for key in heir.site.store.image.records if ":alpha:" in key]
