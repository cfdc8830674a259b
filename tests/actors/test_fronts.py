import pytest

from doorward.actors.messages.envelope import NOTHING
from doorward.actors.messages.fronts import AskWithFront, WithFront
from doorward.actors.messages.orders import ReadOrders
from doorward.actors.messages.refusals import NotFound, SessionRequired
from doorward.actors.messages.sign_in import CodeSent, Front, ReadFront, RequestCode
from tests.actors.harness import CALLER, EMAIL, World

READ = AskWithFront(request=ReadOrders(caller=CALLER, session=NOTHING))
ASK = AskWithFront(request=RequestCode(email=EMAIL, caller=CALLER))


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha")


async def test_what_is_asked_beside_the_front_is_decided_as_if_alone(world: World) -> None:
    found = await world.ask("alpha", ASK)

    assert isinstance(found, WithFront)
    assert isinstance(found.outcome, CodeSent)
    assert len(world.mails()) == 1


async def test_a_refusal_comes_with_the_front_too(world: World) -> None:
    found = await world.ask("alpha", READ)

    assert found == WithFront(
        front=await world.ask("alpha", ReadFront()),  # type: ignore[arg-type]
        outcome=SessionRequired(),
    )


@pytest.mark.parametrize(
    ("origin", "secure"),
    [("https://shop.example", True), ("http://shop.example", False), (None, False)],
)
async def test_a_front_says_whether_its_pages_are_reached_over_https(
    world: World,
    origin: str | None,
    secure: bool,  # noqa: FBT001 - what is expected
) -> None:
    await world.put("alpha", origin=origin)

    front = await world.ask("alpha", ReadFront())

    assert isinstance(front, Front)
    assert front.secure is secure


async def test_an_unknown_or_closed_storefront_has_no_front(world: World) -> None:
    await world.put("beta", published=False)

    assert await world.ask("nobody", READ) == NotFound()
    assert await world.ask("beta", ASK) == NotFound()
