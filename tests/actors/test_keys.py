import re

import pytest

from doorward.actors import tokens
from doorward.actors.desks.keys import KEYS_PER_STOREFRONT, SCOPES
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.operator import (
    AddKey,
    DeleteStorefront,
    FindKey,
    KeyFound,
    KeyList,
    KeyMade,
    ListKeys,
    RevokeKey,
)
from doorward.actors.messages.refusals import (
    Conflict,
    Deleted,
    Invalid,
    KeyRefused,
    NotFound,
    TooMany,
)
from doorward.actors.messages.sandbox import AdvanceClock, ClockNow
from doorward.actors.messages.sign_in import RequestCode
from doorward.actors.partitions import partition_of, shard_of_key, shared_name
from tests.actors.harness import CALLER, World
from tests.actors.simulation.world import neighbour_of


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha", "bravo")


async def add(world: World, slug: str = "alpha", kind: str = "secret", **more: object) -> KeyMade:
    message = AddKey(key_kind=kind, name="server", **more)  # type: ignore[arg-type]
    made = await world.ask(slug, message)
    assert isinstance(made, KeyMade)
    return made


async def find(world: World, secret: str) -> Outcome:
    shard = shard_of_key(secret)
    assert shard is not None
    return await world.ask(shared_name(shard), FindKey(key_digest=tokens.digest(secret)))


@pytest.mark.parametrize(("kind", "prefix"), [("publishable", "pk"), ("secret", "sk")])
async def test_a_key_leads_to_its_storefront(world: World, kind: str, prefix: str) -> None:
    made = await add(world, kind=kind)

    assert re.fullmatch(rf"{prefix}_live_[0-9a-f]{{6}}_[A-Za-z0-9_-]{{43}}", made.secret)
    assert shard_of_key(made.secret) == partition_of("alpha")
    assert await find(world, made.secret) == KeyFound(slug="alpha")


async def test_keys_of_neighbours_in_a_partition_lead_home(world: World) -> None:
    neighbour = neighbour_of("alpha")
    await world.furnish(neighbour)

    ours, theirs = await add(world, "alpha"), await add(world, neighbour)

    assert await find(world, ours.secret) == KeyFound(slug="alpha")
    assert await find(world, theirs.secret) == KeyFound(slug=neighbour)


async def test_a_key_is_shown_once_and_kept_as_a_digest(world: World) -> None:
    made = await add(world, scopes=("orders:read",))

    listed = await world.ask("alpha", ListKeys())

    assert listed == KeyList(keys=(made.key,))
    assert made.key.scopes == ("orders:read",)
    at_rest = b"".join(stored for stored, _ in world.site.store.image.records.values())
    assert made.secret.encode() not in at_rest
    assert tokens.digest(made.secret).encode() in at_rest
    assert made.secret not in repr(made) + repr(world.events)


async def test_no_two_keys_are_alike(world: World) -> None:
    made = [await add(world) for _ in range(5)]

    listed = await world.ask("alpha", ListKeys())

    assert len({key.secret for key in made}) == len({key.key.id for key in made}) == 5
    assert listed == KeyList(keys=tuple(key.key for key in made))


async def test_a_revoked_key_leads_nowhere(world: World) -> None:
    made, other = await add(world), await add(world)

    revoked = await world.ask("alpha", RevokeKey(key_id=made.key.id))

    assert revoked == Deleted()
    assert await find(world, made.secret) == NotFound()
    assert await find(world, other.secret) == KeyFound(slug="alpha")
    assert await world.ask("alpha", ListKeys()) == KeyList(keys=(other.key,))
    assert await world.ask("alpha", RevokeKey(key_id=made.key.id)) == NotFound()


async def test_another_storefronts_key_looks_like_no_key(world: World) -> None:
    made = await add(world, "bravo")

    assert await world.ask("alpha", RevokeKey(key_id=made.key.id)) == NotFound()
    assert await find(world, made.secret) == KeyFound(slug="bravo")


async def test_a_made_up_key_is_not_found(world: World) -> None:
    assert await find(world, "sk_live_0000b4_" + "x" * 43) == NotFound()


async def test_an_unknown_storefront_has_no_keys(world: World) -> None:
    for message in (AddKey(key_kind="secret", name="n"), ListKeys(), RevokeKey(key_id="1")):
        assert await world.ask("nobody", message) == NotFound()


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb", "a\x00"])
async def test_a_key_has_a_printable_name(world: World, name: str) -> None:
    refused = await world.ask("alpha", AddKey(key_kind="secret", name=name))

    assert isinstance(refused, Invalid)
    assert refused.name == "name"
    assert await world.ask("alpha", ListKeys()) == KeyList(keys=())


async def test_unknown_scopes_are_refused(world: World) -> None:
    scopes = (*SCOPES, "orders:*")

    refused = await world.ask("alpha", AddKey(key_kind="secret", name="n", scopes=scopes))

    assert isinstance(refused, Invalid)
    assert refused.name == "scopes"
    assert (await add(world, scopes=tuple(sorted(SCOPES)))).key.scopes == tuple(sorted(SCOPES))


async def test_a_storefront_holds_a_hundred_keys(world: World) -> None:
    for _ in range(KEYS_PER_STOREFRONT):
        await add(world)

    refused = await world.ask("alpha", AddKey(key_kind="secret", name="n"))

    assert isinstance(refused, Conflict)


async def test_keys_outlive_the_host(world: World) -> None:
    made = await add(world)

    after = await world.successor()

    assert await find(after, made.secret) == KeyFound(slug="alpha")
    assert await after.ask("alpha", ListKeys()) == KeyList(keys=(made.key,))


async def test_a_closed_storefronts_keys_open_nothing(world: World) -> None:
    made = await add(world)

    await world.ask("alpha", DeleteStorefront())

    assert await find(world, made.secret) == NotFound()
    assert await world.ask("alpha", ListKeys()) == NotFound()


async def test_only_a_secret_key_of_the_storefront_moves_its_clock(world: World) -> None:
    await world.put("alpha", sandbox=None)
    await world.put("charlie", sandbox=True)
    secret, publishable = await add(world, "charlie"), await add(world, "charlie", "publishable")
    foreign = await add(world, "bravo")

    outcomes = [
        await world.ask("charlie", AdvanceClock(key_digest=tokens.digest(key.secret), advance_ms=5))
        for key in (secret, publishable, foreign)
    ]

    assert isinstance(outcomes[0], ClockNow)
    assert outcomes[1:] == [KeyRefused(), KeyRefused()]


async def asserted(world: World, key: str | None, address: str | None) -> Outcome:
    caller = Caller(
        address=CALLER.address,
        scheme="https",
        key_digest=tokens.digest(key) if key else None,
        asserted_address=address,
    )
    email = f"{len(world.jobs)}@example.org"
    return await world.ask("alpha", RequestCode(email=email, caller=caller))


async def test_a_secret_key_says_whose_address_counts(world: World) -> None:
    await world.put("alpha", policy=b'{"codes":{"perAddressPerMinute":2}}')
    key = (await add(world)).secret

    for number in range(6):
        assert not isinstance(await asserted(world, key, f"203.0.113.{number}"), TooMany)
    counted = [await asserted(world, key, "203.0.113.99") for _ in range(3)]

    assert [isinstance(outcome, TooMany) for outcome in counted] == [False, False, True]


async def test_a_secret_key_that_asserts_nothing_counts_for_itself(world: World) -> None:
    await world.put("alpha", policy=b'{"codes":{"perAddressPerMinute":2}}')
    key = (await add(world)).secret

    counted = [await asserted(world, key, None) for _ in range(3)]

    assert [isinstance(outcome, TooMany) for outcome in counted] == [False, False, True]


async def test_a_key_that_asserts_an_address_must_be_a_secret_key_of_ours(world: World) -> None:
    publishable = (await add(world, kind="publishable")).secret
    foreign = (await add(world, "bravo")).secret

    outcomes = [
        await asserted(world, key, "203.0.113.1") for key in (publishable, foreign, "made up")
    ]

    assert outcomes == [KeyRefused()] * 3
    assert world.jobs == []
