"""The address book: its rules, its defaults, and that it is nobody else's."""

import pytest
from babel import Locale
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from doorward.actors.desks.addresses import ADDRESSES_MAX
from doorward.actors.desks.countries import COUNTRIES
from doorward.actors.messages.account import (
    AccountSignedIn,
    AddAddress,
    AddressFields,
    AddressFound,
    AddressList,
    ChangeAddress,
    Credentials,
    GetAddress,
    LimitReached,
    ListAddresses,
    RemoveAddress,
)
from doorward.actors.messages.refusals import Deleted, Invalid, NotFound, SessionRequired
from doorward.actors.records.account import BookAddress
from doorward.actors.records.orders import PostalAddress
from tests.actors.harness import CALLER, Runner, World
from tests.actors.visiting import PLAIN, ROOMY, enter, holding, visit


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha", "bravo", policy=ROOMY)


@pytest.fixture
async def ann(world: World) -> AccountSignedIn:
    return await enter(world)


async def add(world: World, who: AccountSignedIn, **fields: object) -> BookAddress:
    added = await visit(world, AddAddress, who, fields=replace(PLAIN, **fields))
    assert isinstance(added, AddressFound), added
    assert added.created
    return added.entry


async def change(
    world: World, who: AccountSignedIn, entry: BookAddress, **fields: object
) -> object:
    message = {"address_id": entry.id, "fields": AddressFields(**fields)}
    return await visit(world, ChangeAddress, who, **message)


async def book(world: World, who: AccountSignedIn) -> tuple[BookAddress, ...]:
    listed = await visit(world, ListAddresses, who)
    assert isinstance(listed, AddressList), listed
    return listed.entries


async def test_addresses_are_kept_in_the_order_they_came(
    world: World, ann: AccountSignedIn
) -> None:
    assert await book(world, ann) == ()

    first = await add(world, ann)
    second = await add(
        world,
        ann,
        label="Work",
        company="Kopi Senja",
        line2="2nd floor",
        region="Jawa Barat",
        postal_code="40111",
        phone="+628123456789",
    )

    assert await book(world, ann) == (first, second)
    assert first.address == PostalAddress("Ann", "Jl. Braga 1", "Bandung", "ID")
    assert (second.label, second.address.postal_code) == ("Work", "40111")
    assert await visit(world, GetAddress, ann, address_id=second.id) == AddressFound(entry=second)
    assert await book(await world.successor(), ann) == (first, second)


async def test_an_id_is_random(world: World, ann: AccountSignedIn) -> None:
    ids = {(await add(world, ann)).id for _ in range(5)}

    assert len(ids) == 5
    assert {len(each) for each in ids} == {36}


async def test_the_fifty_first_address_is_refused_and_nothing_is_lost(
    world: World, ann: AccountSignedIn
) -> None:
    kept = [await add(world, ann, label=str(number)) for number in range(ADDRESSES_MAX)]

    refused = await visit(world, AddAddress, ann, fields=PLAIN)

    assert ADDRESSES_MAX == 50
    assert isinstance(refused, LimitReached)
    assert list(await book(world, ann)) == kept
    await visit(world, RemoveAddress, ann, address_id=kept[7].id)
    await add(world, ann)
    assert isinstance(await visit(world, AddAddress, ann, fields=PLAIN), LimitReached)


async def test_of_parallel_adds_no_more_are_kept_than_may_be(
    world: World, ann: AccountSignedIn
) -> None:
    message = AddAddress(caller=CALLER, presented=holding(ann), fields=PLAIN)
    outcomes = await world.ask_all("alpha", [message] * 60)

    assert sum(isinstance(outcome, AddressFound) for outcome in outcomes) == 50
    assert sum(isinstance(outcome, LimitReached) for outcome in outcomes) == 10
    assert len(await book(world, ann)) == 50


@pytest.mark.parametrize("flag", ["is_default_shipping", "is_default_billing"])
async def test_a_new_default_clears_the_old_one(
    world: World, ann: AccountSignedIn, flag: str
) -> None:
    first = await add(world, ann, is_default_shipping=True, is_default_billing=True)
    second = await add(world, ann, **{flag: True})

    flags = [getattr(entry, flag) for entry in await book(world, ann)]
    others = {"is_default_shipping", "is_default_billing"} - {flag}
    assert flags == [False, True]
    assert [getattr(e, o) for o in others for e in await book(world, ann)] == [True, False]
    await change(world, ann, first, **{flag: True})
    assert [getattr(entry, flag) for entry in await book(world, ann)] == [True, False]
    await change(world, ann, first, **{flag: False})
    assert [getattr(entry, flag) for entry in await book(world, ann)] == [False, False]
    assert second.id == (await book(world, ann))[1].id


async def test_a_default_that_is_removed_leaves_none(world: World, ann: AccountSignedIn) -> None:
    first = await add(world, ann, is_default_shipping=True)
    second = await add(world, ann)

    assert await visit(world, RemoveAddress, ann, address_id=first.id) == Deleted()

    assert await book(world, ann) == (second,)
    assert not second.is_default_shipping
    assert await visit(world, RemoveAddress, ann, address_id=first.id) == NotFound()


async def test_what_is_left_out_stays_and_none_clears(world: World, ann: AccountSignedIn) -> None:
    entry = await add(world, ann, label="Home", company="Co", line2="b", phone="+628123456789")

    changed = await change(world, ann, entry, city="Jakarta", label=None, company=None, line2=UNSET)

    assert isinstance(changed, AddressFound)
    after = changed.entry
    assert not changed.created
    assert (after.id, after.label, after.address.company) == (entry.id, None, None)
    assert (after.address.city, after.address.line2) == ("Jakarta", "b")
    assert (after.address.phone, after.address.name) == ("+628123456789", "Ann")
    assert await book(world, ann) == (after,)


async def test_changing_nothing_writes_nothing(world: World, ann: AccountSignedIn) -> None:
    entry = await add(world, ann)
    flushes = world.host.figures.flushes

    assert await change(world, ann, entry) == AddressFound(entry=entry)
    await change(world, ann, entry, city="Bandung")

    assert world.host.figures.flushes == flushes


@pytest.mark.parametrize("missing", ["name", "line1", "city", "country"])
async def test_what_an_address_must_have_is_named(
    world: World, ann: AccountSignedIn, missing: str
) -> None:
    refused = await visit(world, AddAddress, ann, fields=replace(PLAIN, **{missing: UNSET}))

    assert isinstance(refused, Invalid)
    assert refused.name == missing
    assert await book(world, ann) == ()


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("name", "", "name"),
        ("name", "x" * 101, "name"),
        ("name", "a\nb", "name"),
        ("name", None, "name"),
        ("label", "x" * 101, "label"),
        ("label", " ", "label"),
        ("line1", "x" * 201, "line1"),
        ("line1", "a\x00", "line1"),
        ("line1", None, "line1"),
        ("line2", "a\u2028b", "line2"),
        ("city", "\u3000", "city"),
        ("region", "\x85", "region"),
        ("company", "x" * 201, "company"),
        ("postal_code", "4\t0", "postalCode"),
        ("country", "id", "country"),
        ("country", "IDN", "country"),
        ("country", "ZZ", "country"),
        ("country", "", "country"),
        ("country", None, "country"),
        ("phone", "0812", "phone"),
        ("phone", "", "phone"),
    ],
)
async def test_a_bad_value_changes_nothing(
    world: World, ann: AccountSignedIn, field: str, value: object, named: str
) -> None:
    entry = await add(world, ann)

    added = await visit(world, AddAddress, ann, fields=replace(PLAIN, **{field: value}))
    changed = await change(world, ann, entry, **{field: value, "is_default_billing": True})

    assert isinstance(added, Invalid)
    assert isinstance(changed, Invalid)
    assert (added.name, changed.name) == (named, named)
    assert await book(world, ann) == (entry,)


async def test_anothers_address_is_not_there(world: World, ann: AccountSignedIn) -> None:
    entry = await add(world, ann)
    bea = await enter(world, email="bea@example.org")
    there = await enter(world, "bravo")

    for who, slug in ((bea, "alpha"), (there, "bravo")):
        for kind, fields in (
            (GetAddress, {}),
            (ChangeAddress, {"fields": AddressFields(city="X")}),
            (RemoveAddress, {}),
        ):
            asked = {"address_id": entry.id} | fields
            assert await visit(world, kind, who, slug, **asked) == NotFound()
    assert await book(world, ann) == (entry,)
    assert await visit(world, GetAddress, ann, address_id="made up") == NotFound()


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (ListAddresses, {}),
        (GetAddress, {"address_id": "x"}),
        (AddAddress, {"fields": PLAIN}),
        (ChangeAddress, {"address_id": "x", "fields": PLAIN}),
        (RemoveAddress, {"address_id": "x"}),
    ],
)
async def test_an_address_book_needs_a_session(
    world: World, kind: type, fields: dict[str, object]
) -> None:
    assert await visit(world, kind, Credentials(), **fields) == SessionRequired()


Step = tuple[str, int, bool | None, bool | None]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "change", "remove"]),
        st.integers(0, 5),
        st.sampled_from([None, False, True]),
        st.sampled_from([None, False, True]),
    ),
    max_size=15,
)


@given(STEPS)
@settings(max_examples=40, deadline=None)
def test_each_default_is_what_was_last_made_it(steps: list[Step]) -> None:
    run = Runner()
    try:
        run(follow(steps))
    finally:
        run.close()


async def follow(steps: list[Step]) -> None:
    world = await (await World().open()).furnish(policy=ROOMY)
    who = await enter(world)
    ids: list[str] = []
    defaults: dict[str, str | None] = {"is_default_shipping": None, "is_default_billing": None}
    for what, place, shipping, billing in steps:
        flags = {"is_default_shipping": shipping, "is_default_billing": billing}
        said = {name: value for name, value in flags.items() if value is not None}
        if what == "add":
            ids.append((await add(world, who, **said)).id)
            touched = ids[-1]
        elif not ids:
            continue
        else:
            touched = ids[place % len(ids)]
            if what == "change":
                fields = AddressFields(**said)
                await visit(world, ChangeAddress, who, address_id=touched, fields=fields)
            else:
                await visit(world, RemoveAddress, who, address_id=touched)
                ids.remove(touched)
                said = dict.fromkeys(defaults, False)
        for name, value in said.items():
            if value:
                defaults[name] = touched
            elif defaults[name] == touched:
                defaults[name] = None
        entries = await book(world, who)
        assert [entry.id for entry in entries] == ids
        for name, held in defaults.items():
            assert [entry.id for entry in entries if getattr(entry, name)] == (
                [held] if held is not None else []
            )


def test_every_country_is_one_and_none_is_missing() -> None:
    # What Babel knows beside them: regions and codes that ISO 3166-1 reserves but does not assign.
    not_assigned = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB"}
    known = {code for code in Locale("en").territories if len(code) == 2 and code.isalpha()}

    assert known - not_assigned - {"XK", "ZZ"} == COUNTRIES
    assert len(COUNTRIES) == 249
