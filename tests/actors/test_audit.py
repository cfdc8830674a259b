"""The audit log: who changed what, newest first, ten thousand entries of it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.actors.desks import audit
from doorward.actors.keyring import Keyring
from doorward.actors.messages.account import UpdateAccount
from doorward.actors.messages.merchant import GetOrder, PutOrders
from doorward.actors.messages.merchant_customers import ExportCustomer
from doorward.actors.messages.merchant_returns import MintStatusLink
from doorward.actors.messages.merchant_settings import ChangePolicy
from doorward.actors.messages.operator import KeyList, ListKeys, RevokeKey
from doorward.actors.turns import Place
from tests.actors.aftermath import audited, delivered, minted, move, started, taken
from tests.actors.harness import START_MS, Runner, World
from tests.actors.ordering import document, get, key_of, put, stored_under
from tests.actors.test_erasures import NAME, PHONE, erase, person
from tests.actors.visiting import ROOMY, enter, visit


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha", "bravo", policy=ROOMY)


async def whats(world: World, slug: str = "alpha") -> list[str]:
    return [entry.what for entry in await audited(world, slug=slug)]


async def test_what_a_key_changes_is_logged_under_its_id(world: World) -> None:
    digest = await key_of(world)
    listed = await world.ask("alpha", ListKeys())
    assert isinstance(listed, KeyList)
    await put(world)
    await world.advance(5)
    at_ms = world.now_ms

    await world.ask("alpha", MintStatusLink(key_digest=digest, order_number="A-1"))

    newest = (await audited(world))[0]
    assert newest.who == f"key:{listed.keys[0].id}"
    assert (newest.what, newest.subject, newest.at_ms) == ("mint_status_link", "A-1", at_ms)


async def test_what_an_operator_changes_is_logged_too(world: World) -> None:
    await key_of(world)
    listed = await world.ask("alpha", ListKeys())
    assert isinstance(listed, KeyList)
    await world.ask("alpha", RevokeKey(key_id=listed.keys[0].id))

    entries = await audited(world)

    assert [entry.what for entry in entries] == ["revoke_key", "add_key", "put_storefront"]
    assert {entry.who for entry in entries} == {"operator"}
    assert [entry.number for entry in entries] == [2, 1, 0]
    assert entries[2].at_ms == START_MS


async def test_what_changes_nothing_is_not_logged(world: World) -> None:
    digest = await key_of(world)
    await put(world)
    before = await audited(world)

    await put(world)
    await get(world)
    await world.ask("alpha", GetOrder(key_digest=digest, order_number="A-1"))
    await world.ask("alpha", ChangePolicy(key_digest=None, patch=b'{"codes":{"ttl":0}}'))
    await world.ask("alpha", MintStatusLink(key_digest=None, order_number="A-9"))
    await world.ask("alpha", MintStatusLink(key_digest="0" * 64, order_number="A-1"))

    assert await audited(world) == before


async def test_many_orders_at_once_are_one_entry(world: World) -> None:
    documents = tuple(document(f"A-{number}") for number in range(40))
    await world.ask("alpha", PutOrders(key_digest=None, documents=documents))

    newest = (await audited(world))[0]

    assert (newest.what, newest.subject) == ("put_orders", "40 orders")


async def test_the_life_of_a_return_and_of_an_action_can_be_followed(world: World) -> None:
    await delivered(world)
    ann = await enter(world)
    returned = await started(world, ann)
    await move(world, returned.id, "APPROVED")
    token = await minted(world, "revoke_sessions")
    await taken(world, token)

    entries = (await audited(world))[:3]

    assert [entry.what for entry in entries] == ["revoke_sessions", "mint_action", "change_return"]
    assert entries[0].who == f"customer:{ann.account.id}"
    assert entries[2].subject == returned.id
    assert token not in str(entries)


async def test_an_export_is_logged_once_and_an_erasure_by_its_id(world: World) -> None:
    customer_id = await person(world)
    message = ExportCustomer(key_digest=None, customer_id=customer_id, limit=1)
    page = await world.ask("alpha", message)
    await world.ask("alpha", msgspec.structs.replace(message, after=page.after))  # type: ignore[attr-defined]

    await erase(world, customer_id)

    entries = await audited(world)
    assert [entry.what for entry in entries[:2]] == ["erase_customer", "export_customer"]
    assert entries[0].subject == entries[1].subject == customer_id


async def test_nothing_personal_is_in_it(world: World) -> None:
    customer_id = await person(world)
    await erase(world, customer_id)

    stored = b"".join(stored_under(world, "audit").values())

    for text in (NAME, PHONE, "ann@example.org", "example.org"):
        assert text.encode() not in stored


async def test_what_customers_do_for_themselves_is_not_logged(world: World) -> None:
    ann = await enter(world)
    before = await audited(world)

    await visit(world, UpdateAccount, ann, name="Ann")

    assert await audited(world) == before


async def test_a_storefront_sees_its_own_log_only(world: World) -> None:
    await put(world)

    assert await whats(world, "bravo") == ["put_storefront"]


@given(entries=st.integers(0, 40), page=st.integers(1, 9))
def test_the_newest_are_kept_and_paged_in_order(entries: int, page: int) -> None:
    run, patch = Runner(), pytest.MonkeyPatch()
    patch.setattr(audit, "PAGE_SIZE", 4)
    patch.setattr(audit, "KEPT_PAGES", 3)

    async def read() -> tuple[list[int], int]:
        world = await (await World().open()).furnish("alpha")
        for number in range(entries):
            await put(world, f"A-{number}")
        found = await audited(world, page=page)
        return [entry.number for entry in found], len(stored_under(world, "audit-page:"))

    numbers, pages = run(read())
    patch.undo()
    run.close()

    total = entries + 1
    assert numbers == list(range(total - 1, total - 1 - len(numbers), -1))
    assert len(numbers) >= min(total, 12)
    assert pages <= 3


async def test_ten_thousand_entries_are_kept() -> None:
    assert audit.PAGE_SIZE * audit.KEPT_PAGES >= 10_000


async def test_what_an_operator_is_refused_is_not_logged(world: World) -> None:
    before = await audited(world)

    await world.put("alpha", display_name="")

    assert await audited(world) == before


async def test_reading_is_not_logged_even_where_it_mends_something(world: World) -> None:
    await put(world)
    before = await audited(world)
    other = Keyring([b"n" * 32])

    world = World(world.site, owner="host-2", dead=("host-1",), place=Place(keyring=other))
    await world.open()
    fresh = (await get(world)).access_token

    assert fresh
    assert await audited(world) == before
