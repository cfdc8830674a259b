"""Records of who lists an origin say what the storefronts' own lists say, whatever happens."""

from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from doorward.actors.messages.operator import (
    DeleteStorefront,
    EraseRecords,
    PutStorefront,
    StorefrontDocument,
    StorefrontView,
)
from doorward.actors.messages.refusals import Deleted
from doorward.actors.messages.store import FindOrigin, OriginFound
from doorward.actors.partitions import PARTITIONS, partition_of, shared_name
from tests.actors.harness import Runner, World

ORIGINS = [f"https://{name}.example" for name in ("one", "two", "three")]


def neighbours(wanted: int) -> list[str]:
    """Name storefronts of one partition."""
    names = (f"shop-{number}" for number in count())
    first = next(names)
    found = [first]
    while len(found) < wanted:
        name = next(names)
        if partition_of(name) == partition_of(first):
            found.append(name)
    return found


SLUGS = neighbours(2)


async def put(world: World, slug: str, origins: list[str]) -> None:
    document = StorefrontDocument(
        display_name="Shop", published=True, headless=True, allowed_origins=tuple(origins)
    )
    assert isinstance(await world.ask(slug, PutStorefront(document=document)), StorefrontView)


async def is_listed(world: World, origin: str, partition: int = partition_of(SLUGS[0])) -> bool:
    found = await world.ask(shared_name(partition), FindOrigin(origin=origin))
    assert isinstance(found, OriginFound)
    return found.listed


async def erase(world: World, slug: str) -> None:
    assert isinstance(await world.ask(slug, DeleteStorefront()), Deleted)
    assert isinstance(await world.ask(slug, EraseRecords(names=(), last=True)), Deleted)


async def test_an_origin_is_found_in_its_storefronts_partition_only() -> None:
    world = await World().open()
    await put(world, SLUGS[0], ORIGINS[:1])

    found = [each for each in range(PARTITIONS) if await is_listed(world, ORIGINS[0], each)]

    assert found == [partition_of(SLUGS[0])]


async def test_as_many_origins_as_may_be_listed_can_be_replaced_by_as_many_others() -> None:
    world = await World().open()
    before, after = (
        [f"https://{kind}-{number}.example" for number in range(100)] for kind in ("old", "new")
    )
    await put(world, SLUGS[0], before)
    world = await world.successor()

    await put(world, SLUGS[0], after)

    assert not any([await is_listed(world, origin) for origin in before])
    assert all([await is_listed(world, origin) for origin in after])


async def test_an_origin_on_a_list_twice_is_one() -> None:
    world = await World().open()
    await put(world, SLUGS[0], ORIGINS[:1] * 2)

    await put(world, SLUGS[0], [])

    assert not await is_listed(world, ORIGINS[0])


async def test_a_storefront_that_is_closed_lists_nothing_at_once() -> None:
    world = await World().open()
    await put(world, SLUGS[0], ORIGINS)

    await world.ask(SLUGS[0], DeleteStorefront())

    assert not any([await is_listed(world, origin) for origin in ORIGINS])


class Listing(RuleBasedStateMachine):
    """Storefronts of one partition come, change and go; the model is their lists."""

    def __init__(self) -> None:
        super().__init__()
        self.run = Runner()
        self.world = self.run(World().open())
        self.lists: dict[str, list[str]] = {}

    def teardown(self) -> None:
        self.run.close()

    @rule(slug=st.sampled_from(SLUGS), origins=st.lists(st.sampled_from(ORIGINS)))
    def put(self, slug: str, origins: list[str]) -> None:
        self.run(put(self.world, slug, origins))
        self.lists[slug] = origins

    @rule(slug=st.sampled_from(SLUGS))
    def erase(self, slug: str) -> None:
        if self.lists.pop(slug, None) is not None:
            self.run(erase(self.world, slug))

    @rule()
    def restart(self) -> None:
        self.world = self.run(self.world.successor())

    @invariant()
    def an_origin_is_found_when_any_list_has_it(self) -> None:
        for origin in ORIGINS:
            expected = any(origin in origins for origins in self.lists.values())
            assert self.run(is_listed(self.world, origin)) == expected


Listing.TestCase.settings = settings(max_examples=20, stateful_step_count=12)
test_origins_are_found_as_the_lists_say = Listing.TestCase
