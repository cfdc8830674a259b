import pytest
from msgspec import UNSET

from doorward.actors.messages.refusals import Invalid, NotFound, SessionRequired
from doorward.actors.messages.sign_in import Me, UpdateMe
from tests.actors.harness import CALLER, World, cookie


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha")


async def update(world: World, secret: str | None, **changes: object) -> object:
    message = UpdateMe(caller=CALLER, session=cookie(secret), **changes)  # type: ignore[arg-type]
    return await world.ask("alpha", message)


async def test_a_customer_changes_name_and_phone(world: World) -> None:
    signed_in = await world.sign_in()

    changed = await update(world, signed_in.secret, name="Ann Łódź", phone="+628123456789")

    assert isinstance(changed, Me)
    assert changed.customer is not None
    assert (changed.customer.name, changed.customer.phone) == ("Ann Łódź", "+628123456789")
    assert await world.me(signed_in.secret) == changed


async def test_nothing_else_of_a_customer_changes(world: World) -> None:
    signed_in = await world.sign_in()
    await world.advance(50)

    changed = await update(world, signed_in.secret, name="Ann")

    before = signed_in.customer
    assert isinstance(changed, Me)
    assert changed.customer is not None
    assert (changed.customer.id, changed.customer.email) == (before.id, before.email)
    assert changed.customer.created_at_ms == before.created_at_ms
    assert changed.customer.phone is None


async def test_what_is_left_out_stays_and_none_clears(world: World) -> None:
    signed_in = await world.sign_in()
    await update(world, signed_in.secret, name="Ann", phone="+628123456789")

    changed = await update(world, signed_in.secret, name=None, phone=UNSET)

    assert isinstance(changed, Me)
    assert changed.customer is not None
    assert (changed.customer.name, changed.customer.phone) == (None, "+628123456789")


async def test_changing_nothing_writes_nothing(world: World) -> None:
    signed_in = await world.sign_in()
    await update(world, signed_in.secret, name="Ann")
    commits = world.host.figures.flushes

    await update(world, signed_in.secret, name="Ann")
    await update(world, signed_in.secret)

    assert world.host.figures.flushes == commits


@pytest.mark.parametrize("name", ["A", "x" * 100, "名前", "O'Neil-Łódź", "👩‍👩‍👧"])
async def test_a_name_may_be_anything_a_person_is_called(world: World, name: str) -> None:
    signed_in = await world.sign_in()

    assert isinstance(await update(world, signed_in.secret, name=name), Me)


@pytest.mark.parametrize(
    "name",
    ["", " ", "\u3000", "x" * 101, "a\nb", "a\x00", "a\x7f", "a\x85b", "a\u2028b", "\ud800"],
)
async def test_a_bad_name_changes_nothing(world: World, name: str) -> None:
    signed_in = await world.sign_in()

    refused = await update(world, signed_in.secret, name=name, phone="+628123456789")

    assert isinstance(refused, Invalid)
    assert refused.name == "name"
    assert await world.me(signed_in.secret) == Me(customer=signed_in.customer)


@pytest.mark.parametrize("phone", ["+1234567", "+123456789012345"])
async def test_a_phone_is_e164(world: World, phone: str) -> None:
    signed_in = await world.sign_in()

    assert isinstance(await update(world, signed_in.secret, phone=phone), Me)


@pytest.mark.parametrize(
    "phone",
    [
        "",
        "628123456789",
        "+0123456789",
        "+123456",
        "+1234567890123456",
        "+62 812",
        "+\uff16\uff12\uff18\uff11\uff12\uff13\uff14",
        "+1234567\n",
    ],
)
async def test_a_bad_phone_changes_nothing(world: World, phone: str) -> None:
    signed_in = await world.sign_in()

    refused = await update(world, signed_in.secret, name="Ann", phone=phone)

    assert isinstance(refused, Invalid)
    assert refused.name == "phone"
    assert await world.me(signed_in.secret) == Me(customer=signed_in.customer)


async def test_nobody_changes_nothing(world: World) -> None:
    assert await update(world, None, name="Eve") == SessionRequired()
    assert await update(world, "made up", name="Eve") == SessionRequired()


async def test_a_change_outlives_the_host(world: World) -> None:
    signed_in = await world.sign_in()
    changed = await update(world, signed_in.secret, name="Ann")

    after = await world.successor()

    assert await after.me(signed_in.secret) == changed


async def test_a_customer_keeps_the_name_when_signing_in_again(world: World) -> None:
    signed_in = await world.sign_in()
    await update(world, signed_in.secret, name="Ann")

    again = await world.sign_in()

    assert again.customer.name == "Ann"


async def test_an_unpublished_storefront_knows_nobody(world: World) -> None:
    signed_in = await world.sign_in()
    await world.put("alpha", published=False)

    assert await update(world, signed_in.secret, name="Ann") == NotFound()
