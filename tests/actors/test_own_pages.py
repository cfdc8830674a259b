"""What pages on a storefront's own host ask: where they are, the overview, actions."""

from collections.abc import Sequence

import pytest

from doorward.actors.messages.account import (
    ActionPreview,
    AddAddress,
    Overview,
    ReadOverview,
    Requested,
    RequestSignIn,
)
from doorward.actors.messages.fronts import AskWithFront, WithFront
from doorward.actors.messages.refusals import NotFound, SessionRequired
from doorward.actors.messages.sign_in import ReadFront
from doorward.actors.turns import Place
from tests.actors.aftermath import delivered, minted, preview, started
from tests.actors.harness import CALLER, EMAIL, World
from tests.actors.ordering import put
from tests.actors.visiting import PLAIN, ROOMY, enter, holding, visit

OTHER = "bea@example.org"


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha", policy=ROOMY)


@pytest.mark.parametrize(
    ("document", "hosted_domain", "hosts"),
    [
        ({}, None, {"alpha.localhost"}),
        ({}, "all.example", {"alpha.all.example"}),
        ({"hosted_domain": "own.example"}, None, {"alpha.own.example"}),
        ({"hosted_domain": "own.example"}, "all.example", {"alpha.own.example"}),
        (
            {"origin": "https://alpha.shop.example:8443"},
            "all.example",
            {"alpha.all.example", "alpha.shop.example"},
        ),
    ],
)
async def test_a_storefront_has_its_pages_on_its_own_host_and_no_other(
    document: dict[str, object], hosted_domain: str | None, hosts: set[str]
) -> None:
    world = World()
    place = Place(keyring=world.site.keyring, hosted_domain=hosted_domain)
    world = await (await World(site=world.site, place=place).open()).furnish("alpha")
    await world.put("alpha", **document)
    tried = {
        f"alpha.{domain}" for domain in ("localhost", "all.example", "own.example", "shop.example")
    }

    found = {
        host: await world.ask("alpha", AskWithFront(request=ReadFront(), host=host))
        for host in tried
    }

    assert {host for host, one in found.items() if isinstance(one, WithFront)} == hosts


async def test_nothing_is_decided_for_a_page_that_is_on_no_host_of_ours(world: World) -> None:
    request = RequestSignIn(email=EMAIL, caller=CALLER, with_link=True)

    refused = await world.ask("alpha", AskWithFront(request=request, host="alpha.evil.example"))
    mails = len(world.mails())
    taken = await world.ask("alpha", AskWithFront(request=request, host="alpha.localhost"))

    assert (refused, mails) == (NotFound(), 0)
    assert isinstance(taken, WithFront)
    assert isinstance(taken.outcome, Requested)
    assert len(world.mails()) == 1


async def test_the_overview_has_the_newest_three_orders_and_all_else(world: World) -> None:
    for day in range(1, 6):
        await put(world, f"A-{day}", created_at=f"2023-01-0{day}T00:00:00Z")
    await put(world, "B-1", email=OTHER)
    ann = await enter(world)
    await enter(world)
    await visit(world, AddAddress, ann, fields=PLAIN)

    found = await visit(await world.successor(), ReadOverview, ann)

    assert isinstance(found, Overview)
    assert [order.order_number for order in found.orders] == ["A-5", "A-4", "A-3"]
    assert [entry.address.city for entry in found.addresses] == ["Bandung"]
    assert (found.account.email, found.sessions) == (EMAIL, 2)


async def test_there_is_no_overview_without_a_session(world: World) -> None:
    found = await visit(world, ReadOverview, holding(cookie_secret="x"))

    assert found == SessionRequired()


async def test_a_preview_names_what_would_come_back(world: World) -> None:
    await delivered(world)
    ann = await enter(world)
    some = await minted(
        world,
        "start_return",
        {"orderNumber": "A-1", "items": [{"orderItemId": "1", "quantity": 1}]},
    )
    rest = await minted(world, "start_return", {"orderNumber": "A-1"})
    before = await started(world, ann, _1=1)
    off = await minted(world, "cancel_return", {"returnId": before.id})

    found = [await preview(world, token) for token in (some, rest, off)]

    assert [each.order_number for each in _all(found)] == ["A-1"] * 3
    assert [[quantity for _, quantity in each.lines] for each in _all(found)] == [[1], [1, 1], [1]]


async def test_a_preview_tells_nothing_of_what_is_anothers_by_now(world: World) -> None:
    await delivered(world)
    ann = await enter(world)
    start = await minted(world, "start_return", {"orderNumber": "A-1"})
    off = await minted(world, "cancel_return", {"returnId": (await started(world, ann, _1=1)).id})
    await delivered(world, email=OTHER)

    found = [await preview(world, token) for token in (start, off)]

    assert [(each.order_number, each.lines) for each in _all(found)] == [(None, ())] * 2


def _all(found: Sequence[object]) -> list[ActionPreview]:
    return [each for each in found if isinstance(each, ActionPreview)]
