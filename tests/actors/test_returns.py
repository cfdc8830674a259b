"""Returns: what may come back, who moves them where, and who is told."""

import pytest

from doorward.actors.desks import returns
from doorward.actors.desks.keys import SCOPES
from doorward.actors.desks.return_states import STATUSES, STEPS
from doorward.actors.messages.account import ListReturns, NotReturnable, RequestReturn, ReturnFound
from doorward.actors.messages.merchant_returns import (
    ChangeReturn,
    GetReturn,
    ListAllReturns,
    MintAction,
    MintStatusLink,
    ReturnRead,
)
from doorward.actors.messages.refusals import (
    Invalid,
    InvalidTransition,
    KeyRefused,
    NotFound,
    ScopeMissing,
    SessionRequired,
)
from doorward.actors.records.account import ReturnItem
from tests.actors.aftermath import (
    LINES,
    back,
    call_off,
    delivered,
    listed_returns,
    move,
    moved,
    own,
    send_back,
    started,
)
from tests.actors.harness import CALLER, EMAIL, World
from tests.actors.ordering import get, key_of, put
from tests.actors.visiting import ROOMY, enter, holding, visit

OTHER = "bea@example.org"


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha", "bravo", policy=ROOMY)


async def test_all_of_a_fulfilled_order_may_come_back_once(world: World) -> None:
    await delivered(world)
    ann = await enter(world)

    returned = await started(world, ann)

    assert returned.status == "REQUESTED"
    assert returned.items == back(_1=2, _2=1)
    found = await own(world, ann)
    assert found.returns == (returned,)
    assert found.returnable == {"1": 0, "2": 0}
    assert await send_back(world, ann) == NotReturnable(
        reason="nothing of the order is left to return"
    )


async def test_lines_come_back_a_few_at_a_time_and_never_more_than_were_bought(
    world: World,
) -> None:
    await delivered(world)
    ann = await enter(world)

    first = await started(world, ann, _1=1)

    assert (await own(world, ann)).returnable == {"1": 1, "2": 1}
    assert await send_back(world, ann, _1=2) == NotReturnable(
        reason="more would come back than is left to return"
    )
    second = await started(world, ann, _1=1, _2=1)
    assert (await own(world, ann)).returns == (first, second)
    assert first.id != second.id


@pytest.mark.parametrize("fulfilled", ["UNFULFILLED", "PARTIALLY_FULFILLED"])
async def test_what_is_not_delivered_whole_cannot_come_back(world: World, fulfilled: str) -> None:
    await delivered(world, fulfillment_status=fulfilled)
    ann = await enter(world)

    assert await send_back(world, ann) == NotReturnable(reason="the order is not fulfilled")
    assert (await own(world, ann)).returnable == {"1": 0, "2": 0}


@pytest.mark.parametrize(
    ("items", "name"),
    [
        ((ReturnItem("3", 1),), "items[0].orderItemId"),
        ((ReturnItem("1", 1), ReturnItem("1", 1)), "items[1].orderItemId"),
        ((ReturnItem("1", 0),), "items[0].quantity"),
        ((ReturnItem("1", -1),), "items[0].quantity"),
    ],
)
async def test_items_that_make_no_sense_are_named(
    world: World, items: tuple[ReturnItem, ...], name: str
) -> None:
    await delivered(world)
    ann = await enter(world)

    outcome = await visit(world, RequestReturn, ann, order_number="A-1", items=items)

    assert isinstance(outcome, Invalid)
    assert outcome.name == name
    assert (await own(world, ann)).returns == ()


@pytest.mark.parametrize("reason", ["", " ", "x" * 4_001, "a\x00b"])
async def test_a_reason_is_a_text_of_at_most_4000_characters(world: World, reason: str) -> None:
    await delivered(world)
    ann = await enter(world)

    refused = await visit(world, RequestReturn, ann, order_number="A-1", items=(), reason=reason)
    taken = await visit(world, RequestReturn, ann, order_number="A-1", items=(), reason="x" * 4_000)

    assert isinstance(refused, Invalid)
    assert refused.name == "reason"
    assert isinstance(taken, ReturnFound)
    assert taken.returned.reason == "x" * 4_000


async def test_another_customers_order_is_as_absent_as_none(world: World) -> None:
    await delivered(world)
    ann, bea = await enter(world), await enter(world, email=OTHER)
    returned = await started(world, ann, _1=1)

    for number in ("A-1", "A-2"):
        assert await send_back(world, bea, number) == NotFound()
        assert await call_off(world, bea, returned.id, number) == NotFound()
    assert await call_off(world, ann, f"{returned.id}0") == NotFound()
    assert (await own(world, ann)).returns == (returned,)


async def test_a_session_of_another_storefront_is_none(world: World) -> None:
    await delivered(world)
    elsewhere = await enter(world, "bravo")

    outcome = await visit(world, RequestReturn, elsewhere, order_number="A-1", items=())

    assert outcome == SessionRequired()
    outcome = await visit(world, RequestReturn, holding(), order_number="A-1", items=())
    assert outcome == SessionRequired()


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("after", STATUSES)
async def test_a_merchant_moves_a_return_by_one_legal_step(
    world: World, before: str, after: str
) -> None:
    await delivered(world)
    ann = await enter(world)
    returned = await started(world, ann)
    await move(world, returned.id, *path_to(before))

    outcome = await move(world, returned.id, after)

    legal = {
        ("REQUESTED", "APPROVED"),
        ("APPROVED", "IN_TRANSIT"),
        ("IN_TRANSIT", "RECEIVED"),
        ("RECEIVED", "COMPLETED"),
        ("REQUESTED", "REJECTED"),
        ("REQUESTED", "CANCELLED"),
        ("APPROVED", "CANCELLED"),
        ("IN_TRANSIT", "CANCELLED"),
    }
    if (before, after) in legal:
        assert isinstance(outcome, ReturnRead)
        assert outcome.item.returned.status == after
    else:
        assert isinstance(outcome, InvalidTransition)
        assert (await own(world, ann)).returns[0].status == before
    current = (await own(world, ann)).returns[0]
    assert await listed_returns(world, status=current.status) == [returned.id]
    assert sum([len(await listed_returns(world, status=each)) for each in STATUSES]) == 1


@pytest.mark.parametrize("before", STATUSES)
async def test_a_customer_calls_off_what_is_not_on_its_way(world: World, before: str) -> None:
    await delivered(world)
    ann = await enter(world)
    returned = await started(world, ann)
    await move(world, returned.id, *path_to(before))

    outcome = await call_off(world, ann, returned.id)

    if before in {"REQUESTED", "APPROVED"}:
        assert isinstance(outcome, ReturnFound)
        assert outcome.returned.status == "CANCELLED"
        assert not outcome.created
        assert (await own(world, ann)).returnable == {"1": 2, "2": 1}
    else:
        assert isinstance(outcome, InvalidTransition)
        assert (await own(world, ann)).returns[0].status == before


async def test_a_word_that_is_no_status_and_a_note_that_is_no_text_change_nothing(
    world: World,
) -> None:
    await delivered(world)
    ann = await enter(world)
    returned = await started(world, ann)

    for changes in ({"status": "approved"}, {"status": "APPROVED", "note": "\x00"}):
        message = ChangeReturn(key_digest=None, return_id=returned.id, **changes)
        assert isinstance(await world.ask("alpha", message), Invalid)

    assert (await own(world, ann)).returns == (returned,)


async def test_a_note_is_kept_cleared_and_left(world: World) -> None:
    await delivered(world)
    ann = await enter(world)
    returned = await started(world, ann)

    noted = await moved(world, returned.id, "REJECTED", note="Worn.")
    same = await world.ask("alpha", ChangeReturn(key_digest=None, return_id=returned.id))
    message = ChangeReturn(key_digest=None, return_id=returned.id, note=None)
    cleared = await world.ask("alpha", message)

    assert noted.note == "Worn."
    assert isinstance(same, ReturnRead)
    assert same.item.returned == noted
    assert isinstance(cleared, ReturnRead)
    assert cleared.item.returned.note is None


async def test_only_what_is_worth_it_is_mailed(world: World) -> None:
    await delivered(world)
    ann = await enter(world)
    before = len(world.mails())

    first = await started(world, ann, _1=1)
    assert len(world.mails()) == before
    await move(world, first.id, "APPROVED")
    assert len(world.mails()) == before + 1
    await move(world, first.id, "IN_TRANSIT", "RECEIVED")
    assert len(world.mails()) == before + 1
    await move(world, first.id, "COMPLETED")
    assert len(world.mails()) == before + 2
    second = await started(world, ann, _1=1)
    await moved(world, second.id, "REJECTED", note="Worn too much.")
    assert len(world.mails()) == before + 3
    third = await started(world, ann, _1=1)
    await call_off(world, ann, third.id)
    assert len(world.mails()) == before + 3


async def test_an_order_is_fully_returned_once_every_line_came_back_whole(world: World) -> None:
    await delivered(world)
    ann = await enter(world)
    first = await started(world, ann, _1=2)
    await move(world, first.id, "APPROVED", "IN_TRANSIT", "RECEIVED", "COMPLETED")
    assert not (await get(world)).order.fully_returned
    second = await started(world, ann, _2=1)
    await move(world, second.id, "APPROVED", "IN_TRANSIT", "RECEIVED")
    assert not (await get(world)).order.fully_returned

    await move(world, second.id, "COMPLETED")

    assert (await get(world)).order.fully_returned
    await delivered(world, notes="Put again")
    assert (await get(world)).order.fully_returned
    more = LINES[0].__class__(id="3", name="Gula", quantity=1, unit_price=0)
    await delivered(world, items=(*LINES, more))
    assert not (await get(world)).order.fully_returned


async def test_less_in_an_order_than_is_on_its_way_back_leaves_nothing_to_return(
    world: World,
) -> None:
    await delivered(world)
    ann = await enter(world)
    await started(world, ann, _1=2)

    fewer = (LINES[0].__class__(id="1", name="Kopi", quantity=1, unit_price=60_000),)
    await delivered(world, items=fewer, subtotal=60_000, total=60_000)

    assert (await own(world, ann)).returnable == {"1": 0}


async def test_an_order_holds_at_most_fifty_returns(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(returns, "RETURNS_MAX", 3)
    await delivered(world)
    ann = await enter(world)
    for _ in range(3):
        returned = await started(world, ann, _1=1)
        await call_off(world, ann, returned.id)

    outcome = await send_back(world, ann, _1=1)

    assert outcome == NotReturnable(reason="an order holds at most 3 returns")


async def test_returns_are_listed_newest_first_page_by_page(world: World) -> None:
    ann = await enter(world)
    ids = []
    for number in range(7):
        await delivered(world, f"A-{number}")
        ids.append((await started(world, ann, f"A-{number}", _1=1)).id)
        await world.advance(1)
    await move(world, ids[3], "REJECTED")

    assert await listed_returns(world, page=3) == ids[::-1]
    assert await listed_returns(world, page=2, status="REJECTED") == [ids[3]]
    left = [each for each in ids[::-1] if each != ids[3]]
    assert await listed_returns(world, page=2, status="REQUESTED") == left
    unknown = await world.ask("alpha", ListAllReturns(key_digest=None, status="LOST"))
    assert isinstance(unknown, Invalid)


@pytest.mark.parametrize("return_id", ["", "-", "x-1", "0" * 32, f"{'0' * 32}-1", "a:b", "é" * 40])
async def test_an_id_of_no_return_is_not_found(world: World, return_id: str) -> None:
    await delivered(world)

    for message in (
        GetReturn(key_digest=None, return_id=return_id),
        ChangeReturn(key_digest=None, return_id=return_id, status="APPROVED"),
    ):
        assert await world.ask("alpha", message) == NotFound()


async def test_a_return_of_another_storefront_is_not_found(world: World) -> None:
    await delivered(world)
    await put(world, slug="bravo")
    ann = await enter(world)
    returned = await started(world, ann)

    message = GetReturn(key_digest=None, return_id=returned.id)

    assert await world.ask("bravo", message) == NotFound()
    found = await world.ask("alpha", message)
    assert isinstance(found, ReturnRead)
    assert found.item.email == EMAIL


async def test_parallel_requests_share_what_is_left(world: World) -> None:
    await delivered(world)
    ann = await enter(world)
    asked = RequestReturn(
        caller=CALLER, presented=holding(ann), order_number="A-1", items=back(_1=1)
    )

    outcomes = await world.ask_all("alpha", [asked] * 20)

    assert sum(isinstance(outcome, ReturnFound) for outcome in outcomes) == 2
    assert (await own(world, ann)).returnable["1"] == 0


def path_to(status: str) -> tuple[str, ...]:
    """Tell the steps from the first status to this one."""
    paths: dict[str, tuple[str, ...]] = {"REQUESTED": ()}
    for before in STATUSES:
        for after in sorted(STEPS[before]):
            paths.setdefault(after, (*paths[before], after))
    return paths[status]


async def test_calls_about_what_comes_after_an_order_need_their_scopes(world: World) -> None:
    await delivered(world)
    ann = await enter(world)
    returned = await started(world, ann)
    one = {"return_id": returned.id}
    calls = [
        (ListAllReturns, {}, "returns:operate"),
        (GetReturn, one, "returns:operate"),
        (ChangeReturn, one | {"status": "APPROVED"}, "returns:operate"),
        (MintStatusLink, {"order_number": "A-1"}, "orders:write"),
        (MintAction, {"action": "revoke_sessions", "email": EMAIL}, "actions:write"),
    ]
    foreign = await key_of(world, "bravo")

    for kind, fields, scope in calls:
        lacking = await key_of(world, scopes=tuple(SCOPES - {scope}))
        refused = await world.ask("alpha", kind(key_digest=lacking, **fields))
        assert refused == ScopeMissing(scope=scope)
        assert await world.ask("alpha", kind(key_digest=foreign, **fields)) == KeyRefused()
        having = await key_of(world, scopes=(scope,))
        done = await world.ask("alpha", kind(key_digest=having, **fields))
        assert getattr(done, "standing", None) is not None, done


async def test_the_returns_of_another_customers_order_are_not_found(world: World) -> None:
    await delivered(world)
    bea = await enter(world, email=OTHER)

    for number in ("A-1", "A-2"):
        assert await visit(world, ListReturns, bea, order_number=number) == NotFound()
