"""Action tokens: previewed by anybody, taken once, each only its own action."""

import re

import pytest
from msgspec.structs import replace

from doorward.actors.desks import live_tokens
from doorward.actors.messages.account import (
    ActionPreview,
    ActionTaken,
    ListSessions,
    NotReturnable,
    SessionList,
)
from doorward.actors.messages.envelope import Caller
from doorward.actors.messages.merchant import ItemDocument
from doorward.actors.messages.merchant_returns import ActionMinted, MintAction
from doorward.actors.messages.refusals import (
    Conflict,
    Invalid,
    InvalidTransition,
    NotFound,
    OriginRefused,
    SessionRequired,
)
from doorward.actors.records.codec import decode, encode
from doorward.actors.records.sign_in import Customer, Email, Password
from doorward.actors.tokens import email_id
from tests.actors.aftermath import (
    delivered,
    mint,
    minted,
    move,
    own,
    preview,
    send_back,
    started,
    take,
    taken,
    taking,
)
from tests.actors.harness import CALLER, EMAIL, World
from tests.actors.ordering import change, put, stored_under
from tests.actors.visiting import ROOMY, enter, visit

OTHER = "bea@example.org"
DAY = 86_400


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha", "bravo", policy=ROOMY)


async def test_a_token_tells_what_it_does_and_does_it_once(world: World) -> None:
    ann = await enter(world)
    await enter(world)
    made = await mint(world)
    assert isinstance(made, ActionMinted)

    previews = [await preview(world, made.token) for _ in range(100)]
    result = await taken(world, made.token)

    assert re.fullmatch(r"a[a-z0-9]{25}", made.token)
    assert made.url == f"https://alpha.example/actions/{made.token}"
    assert all(isinstance(each, ActionPreview) for each in previews)
    assert {each.action for each in previews if isinstance(each, ActionPreview)} == {
        "revoke_sessions"
    }
    assert result == {"sessionsEnded": 2}
    assert await visit(world, ListSessions, ann) == SessionRequired()
    assert await take(world, made.token) == NotFound()
    assert await preview(world, made.token) == NotFound()
    assert not stored_under(world, "action-token")


async def test_of_fifty_in_parallel_exactly_one_acts(world: World) -> None:
    await delivered(world)
    ann = await enter(world)
    token = await minted(world, "start_return", {"orderNumber": "A-1", "items": ITEMS})

    outcomes = await world.ask_all("alpha", [taking(token)] * 50)

    assert sum(isinstance(outcome, ActionTaken) for outcome in outcomes) == 1
    assert outcomes.count(NotFound()) == 49
    assert len((await own(world, ann)).returns) == 1


async def test_a_token_expires_when_it_says(world: World) -> None:
    usual, short = await minted(world), await minted(world, expires_in_seconds=60)

    await world.advance(59)
    assert isinstance(await preview(world, short), ActionPreview)
    await world.advance(1)
    assert await preview(world, short) == NotFound()
    assert await take(world, short) == NotFound()
    await world.advance(7 * DAY - 61)
    assert isinstance(await preview(world, usual), ActionPreview)
    await world.advance(1)
    assert await take(world, usual) == NotFound()


async def test_a_token_opens_nothing_in_another_storefront(world: World) -> None:
    token = await minted(world)

    assert await preview(world, token, "bravo") == NotFound()
    assert await take(world, token, "bravo") == NotFound()
    assert isinstance(await take(world, token), ActionTaken)


ITEMS = [{"orderItemId": "1", "quantity": 1}]


async def test_a_return_is_started_as_the_token_says(world: World) -> None:
    await delivered(world)
    ann = await enter(world)
    context = {"orderNumber": "A-1", "items": ITEMS, "reason": "Too bitter", "colour": "red"}
    token = await minted(world, "start_return", context)
    shown = await preview(world, token)

    result = await taken(world, token)

    (returned,) = (await own(world, ann)).returns
    assert isinstance(shown, ActionPreview)
    assert b"colour" not in shown.context
    assert returned.reason == "Too bitter"
    assert result == {
        "orderNumber": "A-1",
        "returnId": returned.id,
        "status": "REQUESTED",
        "items": ITEMS,
    }


async def test_a_return_without_items_is_of_all_that_is_left(world: World) -> None:
    await delivered(world)
    ann = await enter(world)
    await started(world, ann, _1=1)
    token = await minted(world, "start_return", {"orderNumber": "A-1"})

    result = await taken(world, token)

    assert result["items"] == [
        {"orderItemId": "1", "quantity": 1},
        {"orderItemId": "2", "quantity": 1},
    ]


async def test_an_action_that_cannot_be_done_now_leaves_its_token_alive(world: World) -> None:
    await delivered(world, fulfillment_status="UNFULFILLED")
    token = await minted(world, "start_return", {"orderNumber": "A-1"})

    assert await take(world, token) == NotReturnable(reason="the order is not fulfilled")
    assert isinstance(await preview(world, token), ActionPreview)
    await change(world, fulfillment_status="DELIVERED")

    assert isinstance(await take(world, token), ActionTaken)
    assert await take(world, token) == NotFound()


async def test_a_return_is_cancelled_while_it_may_be(world: World) -> None:
    await delivered(world)
    ann = await enter(world)
    first, second = await started(world, ann, _1=1), await started(world, ann, _1=1)
    tokens = [
        await minted(world, "cancel_return", {"returnId": each.id}) for each in (first, second)
    ]
    await move(world, second.id, "APPROVED", "IN_TRANSIT")

    result = await taken(world, tokens[0])
    refused = await take(world, tokens[1])

    assert result == {"orderNumber": "A-1", "returnId": first.id, "status": "CANCELLED"}
    assert isinstance(refused, InvalidTransition)
    assert isinstance(await preview(world, tokens[1]), ActionPreview)


@pytest.mark.parametrize(
    ("action", "context", "name"),
    [
        ("start_return", {}, "context"),
        ("start_return", [], "context"),
        ("start_return", {"orderNumber": 1}, "context"),
        ("start_return", {"orderNumber": "A-9"}, "context"),
        ("start_return", {"orderNumber": "B-1"}, "context"),
        ("start_return", {"orderNumber": "A-1", "items": [{"orderItemId": "1"}]}, "context"),
        (
            "start_return",
            {"orderNumber": "A-1", "items": [{"orderItemId": "9", "quantity": 1}]},
            "context.items[0].orderItemId",
        ),
        (
            "start_return",
            {"orderNumber": "A-1", "items": [{"orderItemId": "1", "quantity": 0}]},
            "context.items[0].quantity",
        ),
        ("start_return", {"orderNumber": "A-1", "reason": ""}, "context.reason"),
        ("cancel_return", {}, "context"),
        ("cancel_return", {"returnId": "x-1"}, "context"),
        ("delete_everything", {}, "action"),
        ("", {}, "action"),
    ],
)
async def test_a_token_without_a_sound_context_is_not_minted(
    world: World, action: str, context: object, name: str
) -> None:
    await delivered(world)
    await put(world, "B-1", email=OTHER)

    outcome = await mint(world, action, context)

    assert isinstance(outcome, Invalid)
    assert outcome.name == name
    assert not stored_under(world, "action-token")


@pytest.mark.parametrize("seconds", [0, -1, 30 * DAY + 1])
async def test_a_token_lives_a_second_at_least_and_thirty_days_at_most(
    world: World, seconds: int
) -> None:
    refused = await mint(world, expires_in_seconds=seconds)

    assert isinstance(refused, Invalid)
    assert refused.name == "expiresInSeconds"
    assert isinstance(await mint(world, expires_in_seconds=30 * DAY), ActionMinted)


async def test_a_context_that_is_no_json_is_refused(world: World) -> None:
    for sent in (b"", b"{", b"\xff", b"null"):
        message = MintAction(key_digest=None, action="start_return", email=EMAIL, context=sent)
        assert isinstance(await world.ask("alpha", message), Invalid)


async def test_a_token_for_an_order_that_is_somebody_elses_by_now_opens_nothing(
    world: World,
) -> None:
    await delivered(world)
    ann = await enter(world)
    returned = await started(world, ann, _1=1)
    start = await minted(world, "start_return", {"orderNumber": "A-1"})
    cancel = await minted(world, "cancel_return", {"returnId": returned.id})

    await delivered(world, email=OTHER)

    assert await take(world, start) == NotFound()
    assert await take(world, cancel) == NotFound()


async def test_a_token_names_lines_that_a_later_document_left_out(world: World) -> None:
    await delivered(world)
    token = await minted(world, "start_return", {"orderNumber": "A-1", "items": ITEMS})

    line = ItemDocument(id="7", name="Gula", quantity=1, unit_price=5)
    await delivered(world, items=(line,), subtotal=5, total=5)

    assert isinstance(await take(world, token), NotReturnable)
    assert isinstance(await preview(world, token), ActionPreview)


async def test_confirming_an_email_makes_it_verified_and_takes_a_strangers_password(
    world: World,
) -> None:
    ann = await enter(world)
    world = await with_password(world, Password("hash", 1), email_verified=False)
    token = await minted(world, "confirm_email")

    result = await taken(world, token)

    customer = await customer_of(world)
    assert await visit(world, ListSessions, ann) == SessionRequired()
    assert result == {"emailVerified": True}
    assert customer.email_verified
    assert customer.password is None
    assert customer.sessions == ()


async def test_confirming_an_email_that_nobody_has_makes_its_customer(world: World) -> None:
    token = await minted(world, "confirm_email", email=OTHER)

    assert await taken(world, token) == {"emailVerified": True}

    customer = await customer_of(world, OTHER)
    assert customer.email == OTHER
    assert customer.email_verified
    again = await enter(world, email=OTHER)
    assert again.account.id == customer.id


async def test_restoring_a_password_removes_it_and_ends_every_session(world: World) -> None:
    ann = await enter(world)
    world = await with_password(world, Password("hash", 1, proven=True))
    token = await minted(world, "restore_password")

    result = await taken(world, token)

    assert result == {"passwordRemoved": True, "sessionsEnded": 1}
    assert (await customer_of(world)).password is None
    assert await visit(world, ListSessions, ann) == SessionRequired()


@pytest.mark.parametrize(
    ("action", "result"),
    [
        ("restore_password", {"passwordRemoved": False, "sessionsEnded": 0}),
        ("revoke_sessions", {"sessionsEnded": 0}),
    ],
)
async def test_an_email_that_nobody_has_has_nothing_to_end(
    world: World, action: str, result: dict[str, object]
) -> None:
    token = await minted(world, action, email=OTHER)

    assert await taken(world, token) == result
    assert await take(world, token) == NotFound()
    assert not stored_under(world, "customer:")


async def test_only_the_sessions_of_the_tokens_email_end(world: World) -> None:
    await enter(world)
    bea = await enter(world, email=OTHER)

    await taken(world, await minted(world))

    assert isinstance(await visit(world, ListSessions, bea), SessionList)


async def test_a_page_of_another_origin_cannot_act(world: World) -> None:
    token = await minted(world)
    stranger = Caller(address=CALLER.address, scheme="https", origin="https://evil.example")

    outcome = await world.ask("alpha", taking(token, caller=stranger))

    assert outcome == OriginRefused()
    assert isinstance(await take(world, token), ActionTaken)


async def test_a_token_can_be_mailed(world: World) -> None:
    made = await mint(world, mail=True)

    assert isinstance(made, ActionMinted)
    assert world.mail().link == made.url
    assert await taken(world, made.url.rpartition("/")[2]) == {"sessionsEnded": 0}


async def test_a_mail_that_could_lead_nowhere_mints_nothing(world: World) -> None:
    await world.put("alpha", published=False)

    assert isinstance(await mint(world, mail=True), Conflict)
    assert isinstance(await mint(world), ActionMinted)
    assert len(stored_under(world, "action-token:")) == 1


async def test_one_token_too_many_ends_the_oldest_of_its_email(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_tokens, "PER_EMAIL", 3)
    other = await minted(world, email=OTHER)
    tokens = [await minted(world) for _ in range(5)]

    previews = [await preview(world, token) for token in tokens]

    assert previews[:2] == [NotFound(), NotFound()]
    assert all(isinstance(each, ActionPreview) for each in previews[2:])
    assert isinstance(await preview(world, other), ActionPreview)
    assert len(stored_under(world, "action-token:")) == 4


async def test_tokens_survive_their_host(world: World) -> None:
    await delivered(world)
    token = await minted(world, "start_return", {"orderNumber": "A-1"})

    successor = await world.successor()

    assert isinstance(await take(successor, token), ActionTaken)
    assert await take(successor, token) == NotFound()
    ann = await enter(successor)
    assert isinstance(await send_back(successor, ann), NotReturnable)


async def customer_of(world: World, email: str = EMAIL) -> Customer:
    (owner,) = stored_under(world, f"email:{email_id(email)}").values()
    record = decode("email", owner)
    assert isinstance(record, Email)
    (stored,) = stored_under(world, f"customer:{record.customer_id}").values()
    customer = decode("customer", stored)
    assert isinstance(customer, Customer)
    return customer


async def with_password(world: World, password: Password, **changes: object) -> World:
    """Give the customer a password, as they may have set it; a new host reads it."""
    customer = await customer_of(world)
    changed = replace(customer, password=password, **changes)
    (key,) = stored_under(world, f"customer:{customer.id}")
    world.site.store.image.records[key] = (encode(changed), 0)
    return await world.successor()


async def test_an_unpublished_storefront_has_no_actions(world: World) -> None:
    token = await minted(world)

    await world.put("alpha", published=False)

    assert await preview(world, token) == NotFound()
    assert await take(world, token) == NotFound()
    await world.put("alpha", policy=ROOMY)
    assert isinstance(await take(world, token), ActionTaken)


async def test_a_second_token_finds_nothing_left_to_end(world: World) -> None:
    await enter(world)
    first, second = await minted(world), await minted(world, "restore_password")

    assert await taken(world, first) == {"sessionsEnded": 1}

    assert await taken(world, second) == {"passwordRemoved": False, "sessionsEnded": 0}
