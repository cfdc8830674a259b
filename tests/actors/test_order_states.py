"""The state machines of an order, whole: every state against every other."""

from itertools import product

import pytest

from doorward.actors.desks import order_states
from doorward.actors.desks.order_states import (
    FULFILLMENT_STATUSES,
    OTHER_WORDS,
    PAYMENT_STATUSES,
    STATUSES,
    States,
)
from doorward.actors.messages.refusals import InvalidTransition

# As the contract has them (§2).
STEPS = {
    ("requested", "confirmed"),
    ("confirmed", "in_progress"),
    ("in_progress", "delivered"),
    ("delivered", "completed"),
    ("requested", "declined"),
    *((open_, "canceled") for open_ in ("requested", "confirmed", "in_progress", "delivered")),
}
PAYMENT_STEPS = {
    ("unpaid", "payment_claimed"),
    ("payment_claimed", "payment_confirmed"),
    ("unpaid", "payment_confirmed"),
}


def legal(outcome: States | InvalidTransition) -> bool:
    return isinstance(outcome, States)


@pytest.mark.parametrize(("before", "after"), list(product(STATUSES, STATUSES)))
def test_a_step_of_the_status_is_legal_as_the_contract_says(before: str, after: str) -> None:
    taken = order_states.stepped(States(status=before), after)

    assert legal(taken) == ((before, after) in STEPS)


@pytest.mark.parametrize(("before", "after"), list(product(PAYMENT_STATUSES, PAYMENT_STATUSES)))
def test_a_step_of_the_payment_is_legal_as_the_contract_says(before: str, after: str) -> None:
    taken = order_states.paid(States(payment_status=before), after)

    assert legal(taken) == ((before, after) in PAYMENT_STEPS)


@pytest.mark.parametrize(
    ("before", "after"), list(product(FULFILLMENT_STATUSES, FULFILLMENT_STATUSES))
)
def test_a_delivery_only_goes_on(before: str, after: str) -> None:
    taken = order_states.delivered(States(fulfillment_status=before), after)

    at, then = FULFILLMENT_STATUSES.index(before), FULFILLMENT_STATUSES.index(after)
    assert legal(taken) == (then >= at)


@pytest.mark.parametrize(("before", "after"), list(product(STATUSES, STATUSES)))
def test_a_snapshot_reaches_what_steps_lead_to(before: str, after: str) -> None:
    reached = {before}
    for _ in STATUSES:
        reached |= {then for at, then in STEPS if at in reached}

    taken = order_states.snapshot(
        States(status=before),
        status=after,
        payment_status=None,
        fulfillment_status=None,
        hold=None,
    )

    assert legal(taken) == (after in reached)


@pytest.mark.parametrize("word", OTHER_WORDS)
def test_every_word_of_another_surface_means_something(word: str) -> None:
    assert order_states.fault(status=word) is None
    assert any(OTHER_WORDS[word])


def test_a_word_for_the_same_state_is_a_step_where_it_says_more() -> None:
    progress = States(status="in_progress")

    shipped = order_states.stepped(progress, "SHIPPED")
    again = order_states.stepped(progress._replace(said="PROCESSING"), "PROCESSING")

    assert shipped == States("in_progress", fulfillment_status="FULFILLED", said="SHIPPED")
    assert isinstance(again, InvalidTransition)


def test_a_returned_order_is_completed_and_says_so() -> None:
    done = States(status="completed", fulfillment_status="DELIVERED")

    returned = order_states.stepped(done, "RETURNED")

    assert returned == done._replace(said="RETURNED")
