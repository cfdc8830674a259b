"""What a merchant reads and changes of its storefront's set-up."""

import msgspec
import pytest
from msgspec.structs import replace

from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant_settings import (
    ChangeOwnStorefront,
    ChangePolicy,
    OwnStorefront,
    PolicyFound,
    ReadAudit,
    ReadOwnStorefront,
    ReadPolicy,
    StorefrontChanges,
)
from doorward.actors.messages.operator import GetStorefront, StorefrontView
from doorward.actors.messages.refusals import Invalid, KeyRefused, ScopeMissing, TooMany
from doorward.actors.records.storefronts import Payment
from doorward.config.policy import Policy, to_json
from tests.actors.harness import World
from tests.actors.ordering import key_of


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha", "bravo")


async def patched(world: World, patch: object) -> Outcome:
    sent = msgspec.json.encode(patch)
    return await world.ask("alpha", ChangePolicy(key_digest=None, patch=sent))


async def policy(world: World) -> dict[str, dict[str, object]]:
    found = await world.ask("alpha", ReadPolicy(key_digest=None))
    assert isinstance(found, PolicyFound), found
    return msgspec.json.decode(found.policy, type=dict[str, dict[str, object]])


async def changed(world: World, **changes: object) -> Outcome:
    message = ChangeOwnStorefront(key_digest=None, changes=StorefrontChanges(**changes))
    return await world.ask("alpha", message)


async def operators_view(world: World) -> StorefrontView:
    found = await world.ask("alpha", GetStorefront())
    assert isinstance(found, StorefrontView)
    return found


async def test_a_policy_shows_every_field_with_its_effective_value(world: World) -> None:
    assert await policy(world) == to_json(Policy())

    await patched(world, {"codes": {"perEmailPerMinute": 5}, "signIn.open": True})

    after = await policy(world)
    assert after["codes"]["perEmailPerMinute"] == 5
    assert after["signIn"]["open"] is True
    assert after["guesses"] == to_json(Policy())["guesses"]


async def test_a_patch_holds_at_once_and_null_takes_it_back(world: World) -> None:
    await patched(world, {"codes": {"perEmailPerMinute": 1, "perEmailPerHour": 7}})
    await world.request()
    assert isinstance(await world.request(), TooMany)

    await patched(world, {"codes.perEmailPerMinute": None})

    assert (await policy(world))["codes"]["perEmailPerMinute"] == 3
    assert (await policy(world))["codes"]["perEmailPerHour"] == 7
    assert not isinstance(await world.request(), TooMany)


@pytest.mark.parametrize(
    ("patch", "name"),
    [
        ({"codes": {"perEmailPerMinute": 0}}, "codes.perEmailPerMinute"),
        ({"codes": {"perEmailPerMinute": "3"}}, "codes.perEmailPerMinute"),
        ({"codes.perEmailPerMinute": True}, "codes.perEmailPerMinute"),
        ({"nothing": 1}, "nothing"),
        ({"codes": {"ttl": 300}, "codes.nothing": 1}, "codes.nothing"),
    ],
)
async def test_a_bad_patch_names_its_field_and_changes_nothing(
    world: World, patch: object, name: str
) -> None:
    outcome = await patched(world, patch)

    assert isinstance(outcome, Invalid)
    assert outcome.name == name
    assert await policy(world) == to_json(Policy())


@pytest.mark.parametrize("sent", [b"", b"[]", b"null", b"{", b"\xff"])
async def test_a_patch_is_a_json_object(world: World, sent: bytes) -> None:
    outcome = await world.ask("alpha", ChangePolicy(key_digest=None, patch=sent))

    assert isinstance(outcome, Invalid)


async def test_a_merchant_changes_what_is_its_own_and_leaves_the_rest(world: World) -> None:
    await world.put("alpha", payment=Payment(instructions="By transfer"), accent="#112233")
    before = await operators_view(world)

    outcome = await changed(
        world,
        display_name="Kopi Kita",
        return_to_store_url="https://kopi.example/",
        logo_url="https://kopi.example/logo.png",
        locale="id",
    )

    assert isinstance(outcome, OwnStorefront)
    after = await operators_view(world)
    assert outcome.document == after.document
    assert after.document == replace(
        before.document,
        display_name="Kopi Kita",
        return_to_store_url="https://kopi.example/",
        logo_url="https://kopi.example/logo.png",
        locale="id",
    )
    cleared = await changed(world, payment=None, accent=None)
    assert isinstance(cleared, OwnStorefront)
    assert (cleared.document.payment, cleared.document.accent) == (None, None)
    assert cleared.document.display_name == "Kopi Kita"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"display_name": ""}, "displayName"),
        ({"display_name": "a\nb"}, "displayName"),
        ({"return_to_store_url": "javascript:alert(1)"}, "returnToStoreUrl"),
        ({"accent": "red"}, "branding.accent"),
        ({"logo_url": "http://kopi.example/logo.png"}, "branding.logoUrl"),
        ({"locale": "xx"}, "locale"),
        ({"display_name": "Fine", "locale": "xx"}, "locale"),
    ],
)
async def test_a_bad_change_is_named_and_changes_nothing(
    world: World, changes: dict[str, object], name: str
) -> None:
    before = await operators_view(world)

    outcome = await changed(world, **changes)

    assert isinstance(outcome, Invalid)
    assert outcome.name == name
    assert await operators_view(world) == before


async def test_reading_needs_no_scope_and_changing_its_own(world: World) -> None:
    orders = await key_of(world, scopes=("orders:read",))
    writing = await key_of(world, scopes=("policy:write",))
    foreign = await key_of(world, "bravo")
    nothing = StorefrontChanges()

    for kind in (ReadPolicy, ReadOwnStorefront):
        found = await world.ask("alpha", kind(key_digest=orders))
        assert isinstance(found, PolicyFound | OwnStorefront)
        assert found.standing is not None
        assert await world.ask("alpha", kind(key_digest=foreign)) == KeyRefused()
    for message in (
        ChangePolicy(key_digest=orders, patch=b"{}"),
        ChangeOwnStorefront(key_digest=orders, changes=nothing),
    ):
        assert await world.ask("alpha", message) == ScopeMissing(scope="policy:write")
    audit = ReadAudit(key_digest=writing)
    assert await world.ask("alpha", audit) == ScopeMissing(scope="customers:read")
    assert isinstance(
        await world.ask("alpha", ChangePolicy(key_digest=writing, patch=b"{}")), PolicyFound
    )


async def test_a_change_to_what_is_already_so_changes_nothing(world: World) -> None:
    before = await operators_view(world)
    await world.advance(5)

    same = await changed(world, display_name=before.document.display_name)

    assert isinstance(same, OwnStorefront)
    assert await operators_view(world) == before
