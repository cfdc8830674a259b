"""Orders put, patched and read by their merchant."""

from typing import Any

import pytest

from doorward.actors.desks.order_documents import order_id
from doorward.actors.desks.orders import DOCUMENTS_MAX
from doorward.actors.messages.merchant import (
    AddSellerRemark,
    ChangeOrder,
    ConfirmPayment,
    FindProof,
    GetOrder,
    ItemDocument,
    OrderChanges,
    OrderDocument,
    OrderFound,
    OrdersPut,
    PutOrder,
    PutOrders,
    Refusal,
    RotateAccess,
    TrackingDocument,
)
from doorward.actors.messages.refusals import Conflict, Invalid, InvalidTransition, NotFound
from doorward.actors.partitions import record_prefix
from doorward.actors.post.mail import Mail
from doorward.actors.records.orders import Order, Tracking
from tests.actors.harness import EMAIL, World
from tests.actors.ordering import (
    change,
    claim,
    confirm,
    document,
    get,
    key_of,
    listed_numbers,
    put,
    say,
)
from tests.actors.simulation.world import neighbour_of

HOUR = 3_600


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha", "bravo")


async def put_many(world: World, *documents: OrderDocument, quiet: bool = True) -> OrdersPut:
    message = PutOrders(key_digest=None, documents=documents, quiet=quiet)
    done = await world.ask("alpha", message)
    assert isinstance(done, OrdersPut), done
    return done


def stored(world: World) -> dict[str, bytes]:
    return {key: value for key, (value, _) in world.site.store.image.records.items()}


async def test_an_order_is_read_as_it_was_put(world: World) -> None:
    made = await put(world, buyer_name="Ann", notes="Two bags\nplease", number="1042")

    read = await get(world)

    assert made.created
    assert not read.created
    assert read.order == made.order
    assert read.access_token == made.access_token
    order = read.order
    assert (order.order_number, order.number, order.email) == ("A-1", "1042", EMAIL)
    assert (order.status, order.payment_status) == ("requested", "unpaid")
    assert (order.total, order.notes, order.buyer_name) == (130_000, "Two bags\nplease", "Ann")
    assert order.created_at_ms == order.updated_at_ms == order.activity_at_ms == world.now_ms


async def test_the_number_shown_is_the_order_number_unless_another_is_given(world: World) -> None:
    assert (await put(world)).order.number == "A-1"


async def test_the_same_document_again_writes_nothing(world: World) -> None:
    made = await put(world)
    before = stored(world)
    await world.advance(HOUR)

    again = await put(world)

    assert not again.created
    assert again.order == made.order
    assert stored(world) == before


async def test_a_changed_document_replaces_the_order_and_keeps_what_it_cannot_speak_of(
    world: World,
) -> None:
    made = await put(world, buyer_name="Ann")
    await claim(world, made.access_token)
    await say(world, "Noted", internal=True)
    await world.advance(HOUR)

    changed = await put(world, buyer_name="Bea", status="confirmed")

    order = changed.order
    assert not changed.created
    assert (order.buyer_name, order.status) == ("Bea", "confirmed")
    assert order.payment_status == "payment_claimed"
    assert [remark.body for remark in changed.remarks] == ["Noted"]
    assert changed.access_token == made.access_token
    assert order.created_at_ms == made.order.created_at_ms
    assert order.updated_at_ms == order.activity_at_ms == world.now_ms


async def test_what_the_buyer_does_not_see_leaves_the_order_where_it_was_in_the_list(
    world: World,
) -> None:
    made = await put(world)
    await world.advance(HOUR)

    changed = await put(world, customer_id="c-1", buyer_phone="+628123456789", hold="ON_HOLD")
    await say(world, "Careful", internal=True)

    assert changed.order.updated_at_ms == world.now_ms
    assert (await get(world)).order.activity_at_ms == made.order.activity_at_ms


async def test_an_unknown_order_is_not_found(world: World) -> None:
    for message in (
        GetOrder(key_digest=None, order_number="A-9"),
        ChangeOrder(key_digest=None, order_number="A-9", changes=OrderChanges()),
        ConfirmPayment(key_digest=None, order_number="A-9"),
        AddSellerRemark(key_digest=None, order_number="A-9", body="x"),
        RotateAccess(key_digest=None, order_number="A-9"),
        FindProof(key_digest=None, order_number="A-9"),
    ):
        assert await world.ask("alpha", message) == NotFound()


@pytest.mark.parametrize("other", ["bravo", "neighbour"])
async def test_another_storefront_neither_sees_nor_changes_it(world: World, other: str) -> None:
    if other == "neighbour":
        other = neighbour_of("alpha")
        await world.furnish(other)
    ours = await put(world)
    theirs = await world.ask(other, GetOrder(key_digest=None, order_number="A-1"))
    made = await put(world, slug=other, email="eve@example.org")

    assert theirs == NotFound()
    assert made.created
    assert made.access_token != ours.access_token
    assert (await get(world)).order == ours.order


async def test_raw_client_input_reaches_no_key(world: World) -> None:
    await put(world, "Sëcret".encode().hex() + "*{x}:~")

    assert all("*" not in key.removeprefix(record_prefix("alpha")) for key in stored(world))
    assert len(order_id("A-1")) == 32


async def test_a_price_is_only_known_in_the_order_and_not_by_its_token(world: World) -> None:
    made = await put(world)

    at_rest = b"".join(stored(world).values()) + repr(made).encode() + repr(world.events).encode()

    assert made.access_token.encode() not in at_rest


# --- PUT is a snapshot ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("requested", "completed"),
        ("requested", "declined"),
        ("confirmed", "delivered"),
        ("delivered", "canceled"),
        ("completed", "completed"),
    ],
)
async def test_a_snapshot_may_have_skipped_steps(world: World, before: str, after: str) -> None:
    await put(world, status=before)

    changed = await put(world, status=after)

    assert changed.order.status == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"status": "confirmed"}, {"status": "requested"}),
        ({"status": "confirmed"}, {"status": "declined"}),
        ({"status": "completed"}, {"status": "canceled"}),
        ({"status": "declined"}, {"status": "canceled"}),
        ({"status": "canceled"}, {"status": "requested"}),
        ({"payment_status": "payment_confirmed"}, {"payment_status": "unpaid"}),
        ({"payment_status": "payment_confirmed"}, {"payment_status": "payment_claimed"}),
        ({"fulfillment_status": "FULFILLED"}, {"fulfillment_status": "PARTIALLY_FULFILLED"}),
        ({"status": "DELIVERED"}, {"fulfillment_status": "FULFILLED"}),
    ],
)
async def test_a_snapshot_takes_no_state_back(
    world: World, before: dict[str, str], after: dict[str, str]
) -> None:
    made = await put(world, **before)

    message = PutOrder(key_digest=None, document=document(buyer_name="Eve", **after))
    refused = await world.ask("alpha", message)

    assert isinstance(refused, InvalidTransition)
    assert "cannot go from" in refused.reason
    assert (await get(world)).order == made.order


async def test_states_that_are_left_out_stay_as_they_are(world: World) -> None:
    await put(
        world,
        status="in_progress",
        payment_status="payment_confirmed",
        fulfillment_status="FULFILLED",
    )

    order = (await put(world, buyer_name="Ann")).order

    assert order.status == "in_progress"
    assert order.payment_status == "payment_confirmed"
    assert order.fulfillment_status == "FULFILLED"


async def test_a_snapshot_that_knows_of_no_claim_does_not_take_it_back(world: World) -> None:
    made = await put(world, payment_status="unpaid")
    await claim(world, made.access_token)

    again = await put(world, payment_status="unpaid")

    assert again.order.payment_status == "payment_claimed"


@pytest.mark.parametrize(
    ("word", "status", "fulfillment"),
    [
        ("PENDING", "requested", "UNFULFILLED"),
        ("CONFIRMED", "confirmed", "UNFULFILLED"),
        ("PROCESSING", "in_progress", "UNFULFILLED"),
        ("SHIPPED", "in_progress", "FULFILLED"),
        ("DELIVERED", "delivered", "DELIVERED"),
        ("CANCELLED", "canceled", "UNFULFILLED"),
        ("REFUNDED", "completed", "UNFULFILLED"),
        ("RETURNED", "completed", "UNFULFILLED"),
    ],
)
async def test_words_of_other_surfaces_are_mapped_and_kept(
    world: World, word: str, status: str, fulfillment: str
) -> None:
    order = (await put(world, status=word)).order

    assert (order.status, order.fulfillment_status, order.said) == (status, fulfillment, word)


@pytest.mark.parametrize("word", ["ON_HOLD", "DISPUTED"])
async def test_a_hold_is_a_flag_beside_the_status(world: World, word: str) -> None:
    await put(world, status="confirmed")

    held = await change(world, status=word)
    freed = await change(world, hold=None)

    assert isinstance(held, OrderFound)
    assert (held.order.status, held.order.hold, held.order.said) == ("confirmed", word, None)
    assert isinstance(freed, OrderFound)
    assert freed.order.hold is None


async def test_what_was_said_is_forgotten_once_the_portals_own_word_is_used(world: World) -> None:
    await put(world, status="PENDING")

    changed = await change(world, status="confirmed")

    assert isinstance(changed, OrderFound)
    assert changed.order.said is None


async def test_changing_the_email_moves_the_order_to_another_buyer(world: World) -> None:
    await put(world)

    await put(world, email="Bea@Example.ORG ")

    assert await listed_numbers(world, email=EMAIL) == []
    assert await listed_numbers(world, email="bea@example.org") == ["A-1"]


async def test_changing_the_creation_moves_the_order_in_the_lists(world: World) -> None:
    await put(world, "A-1", created_at="2023-01-01T00:00:00Z")
    await put(world, "A-2", created_at="2023-01-02T00:00:00Z")

    await put(world, "A-1", created_at="2023-01-03T00:00:00.250Z")

    assert await listed_numbers(world) == ["A-1", "A-2"]
    assert (await get(world, "A-1")).order.created_at_ms % 1000 == 250


# --- PATCH takes one step -------------------------------------------------------------------------


async def test_an_order_takes_its_way_step_by_step(world: World) -> None:
    await put(world)

    for status in ("confirmed", "in_progress", "delivered", "completed"):
        changed = await change(world, status=status)
        assert isinstance(changed, OrderFound)
        assert changed.order.status == status


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        ("requested", {"status": "requested"}),
        ("requested", {"status": "in_progress"}),
        ("requested", {"status": "PENDING", "payment_status": "unpaid"}),
        ("confirmed", {"status": "declined"}),
        ("confirmed", {"status": "delivered"}),
        ("confirmed", {"status": "DELIVERED"}),
        ("completed", {"status": "canceled"}),
        ("declined", {"status": "confirmed"}),
        ("canceled", {"status": "canceled"}),
        ("confirmed", {"payment_status": "unpaid"}),
        ("DELIVERED", {"fulfillment_status": "FULFILLED"}),
    ],
)
async def test_an_illegal_step_changes_nothing_at_all(
    world: World, before: str, changes: dict[str, str]
) -> None:
    await put(world, status=before)
    at_rest = stored(world)

    refused = await change(world, **(changes | {"tracking": TrackingDocument(number="1")}))

    assert isinstance(refused, InvalidTransition), refused
    assert stored(world) == at_rest


async def test_a_legal_step_beside_an_illegal_one_is_not_taken(world: World) -> None:
    await put(world)

    refused = await change(world, status="confirmed", payment_status="unpaid")

    assert isinstance(refused, InvalidTransition)
    assert (await get(world)).order.status == "requested"


async def test_a_delivery_may_come_at_once_or_in_parts_and_saying_it_again_is_fine(
    world: World,
) -> None:
    await put(world)

    for status in ("PARTIALLY_FULFILLED", "FULFILLED", "FULFILLED", "DELIVERED"):
        changed = await change(world, fulfillment_status=status)
        assert isinstance(changed, OrderFound)
        assert changed.order.fulfillment_status == status


async def test_a_payment_is_confirmed_once(world: World) -> None:
    await put(world)

    first, second = await confirm(world), await confirm(world)
    third = await change(world, payment_status="payment_confirmed")

    assert isinstance(first, OrderFound)
    assert first.order.payment_status == "payment_confirmed"
    assert isinstance(second, InvalidTransition)
    assert isinstance(third, InvalidTransition)


async def test_tracking_is_set_and_cleared(world: World) -> None:
    await put(world)

    tracking = TrackingDocument(carrier="JNE", number="1", url="https://jne.example/1")
    await change(world, tracking=tracking)
    left = (await change(world, fulfillment_status="FULFILLED")).order
    cleared = (await change(world, tracking=None)).order

    assert left.tracking == Tracking("JNE", "1", "https://jne.example/1")
    assert cleared.tracking is None


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"status": "lost"}, "status"),
        ({"status": ""}, "status"),
        ({"payment_status": "paid"}, "paymentStatus"),
        ({"payment_status": ""}, "paymentStatus"),
        ({"fulfillment_status": "SOME"}, "fulfillmentStatus"),
        ({"fulfillment_status": ""}, "fulfillmentStatus"),
        ({"hold": "MAYBE"}, "hold"),
        ({"hold": ""}, "hold"),
        ({"tracking": TrackingDocument(url="javascript:alert(1)")}, "tracking.url"),
        ({"quoted_price": -1}, "quotedPrice"),
        ({"quoted_price": 10**12 + 1}, "quotedPrice"),
    ],
)
async def test_a_value_that_breaks_a_rule_is_named(
    world: World, changes: dict[str, Any], name: str
) -> None:
    await put(world)

    refused = await change(world, **changes)

    assert isinstance(refused, Invalid)
    assert refused.name == name


async def test_no_change_changes_nothing(world: World) -> None:
    made = await put(world)
    await world.advance(HOUR)

    same = await change(world)

    assert isinstance(same, OrderFound)
    assert same.order == made.order


# --- a quoted price -------------------------------------------------------------------------------


def sums_are_true(order: Order) -> bool:
    lines = sum(item.quantity * item.unit_price for item in order.items)
    total = order.subtotal - order.discount + order.tax + order.shipping
    return (order.subtotal, order.total) == (lines, total)


@pytest.mark.parametrize("price", [0, 50_000, 90_000, 10_000_000])
async def test_a_quoted_price_becomes_the_price_of_the_one_thing_ordered(
    world: World, price: int
) -> None:
    line = ItemDocument(id="1", name="Painting", quantity=1, unit_price=70_000)
    await put(world, items=(line,), subtotal=70_000, shipping=0, total=70_000)

    quoted = (await change(world, quoted_price=price)).order

    assert quoted.total == quoted.items[0].unit_price == price
    assert sums_are_true(quoted)


@pytest.mark.parametrize("price", [0, 100_000, 130_000])
async def test_a_price_quoted_for_several_things_is_made_up_by_the_discount(
    world: World, price: int
) -> None:
    await put(world)

    quoted = (await change(world, quoted_price=price)).order

    assert (quoted.total, quoted.discount) == (price, 130_000 - price)
    assert sums_are_true(quoted)


async def test_several_things_cannot_be_quoted_above_their_prices(world: World) -> None:
    await put(world)

    refused = await change(world, quoted_price=130_001)

    assert refused == Invalid(name="quotedPrice", rule="must be at most 130000 for these lines")


async def test_shipping_beyond_the_quoted_price_is_no_negative_line(world: World) -> None:
    line = ItemDocument(id="1", name="Painting", quantity=1, unit_price=70_000)
    await put(world, items=(line,), subtotal=70_000, shipping=20_000, total=90_000)

    quoted = (await change(world, quoted_price=5_000)).order

    assert quoted.total == 5_000
    assert quoted.items[0].unit_price == 70_000
    assert sums_are_true(quoted)


async def test_a_price_is_settled_once_it_was_claimed_to_be_paid(world: World) -> None:
    made = await put(world)
    await claim(world, made.access_token)

    assert isinstance(await change(world, quoted_price=1), Conflict)


# --- many at once ---------------------------------------------------------------------------------


async def test_many_documents_are_taken_or_refused_each_on_its_own(world: World) -> None:
    await put(world, "A-1", status="confirmed")
    await put(world, "A-2")

    done = await put_many(
        world,
        document("A-1"),
        document("A-2", buyer_name="Ann"),
        document("A-3"),
        document("A-4", total=1),
        document("A-1", status="requested"),
        document("A-3"),
    )

    assert (done.created, done.changed, done.unchanged) == (1, 1, 2)
    assert [(refusal.place, refusal.name) for refusal in done.refused] == [
        (3, "total"),
        (4, "status"),
    ]
    assert done.refused[1] == Refusal(4, "status", "status cannot go from confirmed to requested")
    assert await listed_numbers(world) == sorted(["A-1", "A-2", "A-3"], key=order_id, reverse=True)


async def test_the_same_number_twice_is_taken_in_order(world: World) -> None:
    done = await put_many(world, document("A-1"), document("A-1", email="bea@example.org"))

    assert (done.created, done.changed) == (1, 1)
    assert await listed_numbers(world, email="bea@example.org") == ["A-1"]
    assert await listed_numbers(world, email=EMAIL) == []


async def test_an_import_mails_nobody_and_dates_activity_by_the_order(world: World) -> None:
    await put_many(world, document("A-1", created_at="2023-01-01T00:00:00Z", status="confirmed"))
    await put_many(world, document("A-1", status="completed"))
    await put(world, "A-2", created_at="2023-06-01T00:00:00Z")

    assert world.jobs == []
    made = (await get(world, "A-2")).order
    assert made.activity_at_ms == world.now_ms
    done = await put_many(world, document("A-3", created_at="2023-01-01T00:00:00Z"))
    assert done.created == 1
    order = (await get(world, "A-3")).order
    assert order.activity_at_ms == order.created_at_ms < world.now_ms


async def test_many_that_are_not_quiet_mail_about_each_change_of_status(world: World) -> None:
    await put_many(world, document("A-1"), document("A-2"))

    changes = (document("A-1", status="confirmed"), document("A-2", buyer_name="Ann"))
    await put_many(world, *changes, quiet=False)

    assert len(world.jobs) == 1


async def test_no_more_than_a_turn_can_hold_are_taken_at_once(world: World) -> None:
    documents = tuple(document(f"A-{number}") for number in range(DOCUMENTS_MAX + 1))

    refused = await world.ask("alpha", PutOrders(key_digest=None, documents=documents))

    assert isinstance(refused, Invalid)
    assert await listed_numbers(world) == []


async def test_a_full_batch_of_strangers_fits_into_one_script_call(world: World) -> None:
    for start in (0, 1_000):
        documents = (
            document(f"A-{start + number}", email=f"{start + number}@example.org")
            for number in range(DOCUMENTS_MAX)
        )
        before = stored(world)
        await put_many(world, *documents)
        after = stored(world)

    # A call is filled up to 256 writes, and one turn's are never split.
    written = {key for key, value in after.items() if before.get(key) != value}
    assert len(written) <= 280


async def test_a_batch_is_put_by_a_host_that_remembers_nothing(world: World) -> None:
    total = 640
    for start in range(0, total, DOCUMENTS_MAX):
        documents = (
            document(f"A-{number}", email=f"{number % 7}@example.org")
            for number in range(start, start + DOCUMENTS_MAX)
        )
        await put_many(world, *documents)

    heir = await world.successor()
    moved = [document(f"A-{n}", email="new@example.org") for n in range(0, total, 10)]
    done = await put_many(heir, *moved)

    assert (done.changed, done.refused) == (64, ())
    assert len(await listed_numbers(heir, page=100)) == total
    assert len(await listed_numbers(heir, email="new@example.org")) == 64


# --- who hears of it ------------------------------------------------------------------------------


async def test_each_change_of_status_is_mailed_with_the_orders_link(world: World) -> None:
    made = await put(world)

    await change(world, status="confirmed")
    await put(world, status="in_progress")
    await change(world, fulfillment_status="FULFILLED")
    await confirm(world)

    mails: list[Mail] = world.mails()
    assert len(mails) == 2
    for mail in mails:
        assert mail.link is not None
        assert mail.link.endswith(f"/o/{made.access_token}")


async def test_a_message_of_the_seller_is_mailed_and_an_internal_one_is_not(world: World) -> None:
    await put(world)

    await say(world, "For us", internal=True)
    assert world.mails() == []
    await say(world, "For you")

    assert len(world.mails()) == 1


async def test_orders_survive_a_change_of_hosts(world: World) -> None:
    made = await put(world)
    digest = await key_of(world)

    heir = await world.successor()

    assert await get(heir) == OrderFound(order=made.order, access_token=made.access_token)
    found = await heir.ask("alpha", GetOrder(key_digest=digest, order_number="A-1"))
    assert isinstance(found, OrderFound)
