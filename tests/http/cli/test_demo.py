from pathlib import Path

import pytest

from doorward.actors.errors import StoreUnreachable
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.merchant_customers import EraseCustomer
from doorward.actors.messages.operator import (
    GetStorefront,
    PutStorefront,
    StorefrontDocument,
    StorefrontView,
)
from doorward.actors.messages.refusals import Conflict, Deleted, NotFound
from doorward.http.demo import SLUG, seed_demo


class Shelf:
    """A system that keeps storefronts in memory, and fails when it is told to."""

    def __init__(self) -> None:
        self.documents: dict[str, StorefrontDocument] = {}
        self.is_away = False
        self.is_erasing = False
        self.writes = 0
        self.asked: list[Request] = []

    async def ask(self, slug: str, message: Request) -> Outcome:
        if self.is_away:
            raise StoreUnreachable("the test took it away")
        if isinstance(message, PutStorefront):
            if self.is_erasing:
                return Conflict(reason="the storefront is still being erased")
            self.writes += 1
            self.documents[slug] = message.document
        elif not isinstance(message, GetStorefront):
            # Its orders are tested with a real storefront (tests/http/test_demo_orders.py).
            self.asked.append(message)
            return NotFound()
        document = self.documents.get(slug)
        if document is None:
            return NotFound()
        return StorefrontView(slug=slug, document=document, created_at_ms=0, updated_at_ms=0)

    async def roster(self, after: str, limit: int) -> list[str]:
        return sorted(slug for slug in self.documents if slug > after)[:limit]

    async def erase_customer(self, slug: str, message: EraseCustomer) -> Outcome:
        raise AssertionError(f"no customer of {slug} was to be erased: {message}")

    async def erase(self, slug: str) -> Outcome:
        return Deleted() if self.documents.pop(slug, None) else NotFound()

    def is_ready(self) -> bool:
        return not self.is_away


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


async def test_the_first_start_makes_a_published_demo(shelf: Shelf, tmp_path: Path) -> None:
    slug = await seed_demo(shelf, tmp_path)

    assert slug == SLUG
    assert shelf.documents[SLUG].published


async def test_the_second_start_writes_nothing(shelf: Shelf, tmp_path: Path) -> None:
    await seed_demo(shelf, tmp_path)

    slug = await seed_demo(shelf, tmp_path)

    assert (slug, shelf.writes) == (SLUG, 1)


async def test_a_demo_that_was_deleted_stays_deleted(shelf: Shelf, tmp_path: Path) -> None:
    await seed_demo(shelf, tmp_path)
    await shelf.erase(SLUG)

    slug = await seed_demo(shelf, tmp_path)

    assert (slug, shelf.documents) == (None, {})


async def test_a_demo_that_cannot_be_made_is_made_at_the_next_start(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.is_away = True
    failed = await seed_demo(shelf, tmp_path)
    shelf.is_away = False

    slug = await seed_demo(shelf, tmp_path)

    assert (failed, slug) == (None, SLUG)
    assert SLUG in shelf.documents


async def test_a_refused_demo_is_not_taken_for_made(shelf: Shelf, tmp_path: Path) -> None:
    shelf.is_erasing = True
    refused = await seed_demo(shelf, tmp_path)
    shelf.is_erasing = False

    slug = await seed_demo(shelf, tmp_path)

    assert (refused, slug) == (None, SLUG)


async def test_a_demo_that_another_folder_made_is_left_as_its_operator_changed_it(
    shelf: Shelf, tmp_path: Path
) -> None:
    changed = StorefrontDocument(display_name="Renamed", published=True)
    shelf.documents[SLUG] = changed

    slug = await seed_demo(shelf, tmp_path)
    await shelf.erase(SLUG)
    later = await seed_demo(shelf, tmp_path)

    assert (slug, later) == (SLUG, None)
    assert shelf.writes == 0


async def test_an_unpublished_demo_is_not_announced(shelf: Shelf, tmp_path: Path) -> None:
    await seed_demo(shelf, tmp_path)
    shelf.documents[SLUG] = StorefrontDocument(display_name="Kopi Senja", published=False)

    slug = await seed_demo(shelf, tmp_path)

    assert slug is None


async def test_a_folder_that_takes_no_mark_keeps_no_server_from_starting(
    shelf: Shelf, tmp_path: Path
) -> None:
    slug = await seed_demo(shelf, tmp_path / "gone")

    assert slug is None


async def test_a_demo_that_was_left_half_made_is_finished_at_the_next_start(
    shelf: Shelf, tmp_path: Path
) -> None:
    await seed_demo(shelf, tmp_path)
    wanted = len(shelf.asked)
    (tmp_path / "demo-made").unlink()
    shelf.asked.clear()

    slug = await seed_demo(shelf, tmp_path)

    assert (slug, shelf.writes) == (SLUG, 1)
    assert wanted > 0
    assert len(shelf.asked) == wanted


async def test_a_demo_that_another_folder_made_is_given_no_orders(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.documents[SLUG] = StorefrontDocument(display_name="A real shop", published=True)

    await seed_demo(shelf, tmp_path)

    assert shelf.asked == []
