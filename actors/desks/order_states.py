"""The states of an order: which follow which, and what other surfaces call them (contract §2, §7).

Three state machines, independent of each other: how far the work is, whether it is paid, how much
of it is delivered. A ``PATCH`` takes one legal step; a ``PUT`` is a snapshot, which may have missed
some, so it may arrive wherever legal steps lead.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeVar, cast, get_args

from doorward.actors.messages.refusals import Invalid, InvalidTransition
from doorward.actors.records.orders import (
    FulfillmentStatus,
    Hold,
    Order,
    PaymentStatus,
    Status,
)

S = TypeVar("S", bound=str)
_Steps = Mapping[S, frozenset[S]]

STATUSES: Final[tuple[Status, ...]] = get_args(Status)
PAYMENT_STATUSES: Final[tuple[PaymentStatus, ...]] = get_args(PaymentStatus)
FULFILLMENT_STATUSES: Final[tuple[FulfillmentStatus, ...]] = get_args(FulfillmentStatus)
HOLDS: Final[tuple[Hold, ...]] = get_args(Hold)

STEPS: Final[_Steps[Status]] = {
    "requested": frozenset({"confirmed", "declined", "canceled"}),
    "confirmed": frozenset({"in_progress", "canceled"}),
    "in_progress": frozenset({"delivered", "canceled"}),
    "delivered": frozenset({"completed", "canceled"}),
    "completed": frozenset(),
    "declined": frozenset(),
    "canceled": frozenset(),
}
PAYMENT_STEPS: Final[_Steps[PaymentStatus]] = {
    "unpaid": frozenset({"payment_claimed", "payment_confirmed"}),
    "payment_claimed": frozenset({"payment_confirmed"}),
    "payment_confirmed": frozenset(),
}


class States(NamedTuple):
    """Where an order is. ``said``: the status in another surface's words, if it was sent so."""

    status: Status = "requested"
    payment_status: PaymentStatus = "unpaid"
    fulfillment_status: FulfillmentStatus = "UNFULFILLED"
    hold: Hold | None = None
    said: str | None = None


class Meaning(NamedTuple):
    """What a word for a status means here; what is None it does not speak of."""

    status: Status | None = None
    fulfillment_status: FulfillmentStatus | None = None
    hold: Hold | None = None


OTHER_WORDS: Final[Mapping[str, Meaning]] = {
    "PENDING": Meaning("requested"),
    "CONFIRMED": Meaning("confirmed"),
    "PROCESSING": Meaning("in_progress"),
    "SHIPPED": Meaning("in_progress", "FULFILLED"),
    "DELIVERED": Meaning("delivered", "DELIVERED"),
    "CANCELLED": Meaning("canceled"),
    # What came back was delivered first: these are ends of an order that ran its course.
    "REFUNDED": Meaning("completed"),
    "RETURNED": Meaning("completed"),
    "ON_HOLD": Meaning(hold="ON_HOLD"),
    "DISPUTED": Meaning(hold="DISPUTED"),
}
"""The account's and the store's words (contract §3, §4)."""

_MEANINGS: Final[Mapping[str, Meaning]] = {
    **{status: Meaning(status) for status in STATUSES},
    **OTHER_WORDS,
}


def states_of(order: Order) -> States:
    """Tell where an order is."""
    return States(
        order.status,
        order.payment_status,
        order.fulfillment_status,
        order.hold,
        order.said,
    )


def fault(
    *, status: object = None, payment_status: object = None, fulfillment_status: object = None
) -> Invalid | None:
    """Find the first word that names no state; None is none."""
    if status is not None and status not in _MEANINGS:
        return _unknown("status", STATUSES)
    if payment_status is not None and payment_status not in PAYMENT_STATUSES:
        return _unknown("paymentStatus", PAYMENT_STATUSES)
    if fulfillment_status is not None and fulfillment_status not in FULFILLMENT_STATUSES:
        return _unknown("fulfillmentStatus", FULFILLMENT_STATUSES)
    return None


def fault_of_hold(hold: object) -> Invalid | None:
    """Tell what is wrong with a hold; None is none."""
    return None if hold is None or hold in HOLDS else _unknown("hold", HOLDS)


def snapshot(
    before: States | None,
    *,
    status: str | None,
    payment_status: str | None,
    fulfillment_status: str | None,
    hold: str | None,
) -> States | InvalidTransition:
    """Tell where an order is according to its merchant's own record of it.

    Args:
        before: Where it was; None for a new order, which may be anywhere.
        status: A word for it (sound, see ``fault``); None leaves it, as with the others.
        payment_status: ``unpaid`` does not take back a buyer's claim: the record may not know it.
        fulfillment_status: See there.
        hold: The flag as it is from now on, unless ``status`` is a word for one.
    """
    known = before or States()
    meaning = _MEANINGS[status] if status is not None else Meaning()
    paid = cast("PaymentStatus", payment_status or known.payment_status)
    if (paid, known.payment_status) == ("unpaid", "payment_claimed"):
        paid = "payment_claimed"
    reached = States(
        meaning.status or known.status,
        paid,
        _furthest(
            cast("FulfillmentStatus", fulfillment_status or known.fulfillment_status), meaning
        ),
        meaning.hold or cast("Hold | None", hold),
        known.said if meaning.status is None else _other_word(status),
    )
    return reached if before is None else _reachable(before, reached)


def stepped(before: States, word: str) -> States | InvalidTransition:
    """Take the step to the status that a word stands for; no step at all is refused."""
    meaning = _MEANINGS[word]
    after = before._replace(
        status=meaning.status or before.status,
        fulfillment_status=meaning.fulfillment_status or before.fulfillment_status,
        hold=meaning.hold or before.hold,
        said=before.said if meaning.status is None else _other_word(word),
    )
    if after == before:
        return InvalidTransition(reason=f"the order is {word} already")
    if after.status != before.status and after.status not in STEPS[before.status]:
        return _refused("status", before.status, after.status)
    return _forward(before, after)


def paid(before: States, payment_status: str) -> States | InvalidTransition:
    """Take a step of the payment; none at all is refused: a confirmation is said once."""
    after = cast("PaymentStatus", payment_status)
    if after not in PAYMENT_STEPS[before.payment_status]:
        return _refused("paymentStatus", before.payment_status, after)
    return before._replace(payment_status=after)


def delivered(before: States, fulfillment_status: str) -> States | InvalidTransition:
    """Move on with the delivery, by any number of steps (a parcel is often the whole)."""
    reached = cast("FulfillmentStatus", fulfillment_status)
    return _forward(before, before._replace(fulfillment_status=reached))


def _reachable(before: States, reached: States) -> States | InvalidTransition:
    if reached.status not in _REACHABLE[before.status]:
        return _refused("status", before.status, reached.status)
    if reached.payment_status not in _REACHABLE_PAYMENT[before.payment_status]:
        return _refused("paymentStatus", before.payment_status, reached.payment_status)
    return _forward(before, reached)


def _forward(before: States, after: States) -> States | InvalidTransition:
    """Refuse what takes a delivery back."""
    if _rank(after.fulfillment_status) < _rank(before.fulfillment_status):
        return _refused("fulfillmentStatus", before.fulfillment_status, after.fulfillment_status)
    return after


def _furthest(stated: FulfillmentStatus, meaning: Meaning) -> FulfillmentStatus:
    """Tell how much is delivered where the word for the status says something about it too."""
    implied = meaning.fulfillment_status
    return implied if implied is not None and _rank(implied) > _rank(stated) else stated


def _other_word(word: str | None) -> str | None:
    return word if word in OTHER_WORDS else None


def _rank(fulfillment_status: FulfillmentStatus) -> int:
    return FULFILLMENT_STATUSES.index(fulfillment_status)


def _refused(name: str, before: str, after: str) -> InvalidTransition:
    return InvalidTransition(reason=f"{name} cannot go from {before} to {after}")


def _unknown(name: str, known: tuple[str, ...]) -> Invalid:
    return Invalid(name=name, rule=f"must be one of {', '.join(known)}")


def _closed(steps: _Steps[S]) -> _Steps[S]:
    """Tell for every state which may come after it, itself included."""

    def onwards(state: S) -> frozenset[S]:
        return frozenset({state}).union(*(onwards(after) for after in steps[state]))

    return {state: onwards(state) for state in steps}


_REACHABLE: Final = _closed(STEPS)
_REACHABLE_PAYMENT: Final = _closed(PAYMENT_STEPS)
