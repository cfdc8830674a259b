"""The states of a return: which follow which, and who may move it there (contract §3)."""

from collections.abc import Mapping
from typing import Final, cast, get_args

from doorward.actors.messages.refusals import Invalid, InvalidTransition
from doorward.actors.records.account import ReturnStatus

STATUSES: Final[tuple[ReturnStatus, ...]] = get_args(ReturnStatus)
STEPS: Final[Mapping[ReturnStatus, frozenset[ReturnStatus]]] = {
    "REQUESTED": frozenset({"APPROVED", "REJECTED", "CANCELLED"}),
    "APPROVED": frozenset({"IN_TRANSIT", "CANCELLED"}),
    "IN_TRANSIT": frozenset({"RECEIVED", "CANCELLED"}),
    "RECEIVED": frozenset({"COMPLETED"}),
    "COMPLETED": frozenset(),
    "REJECTED": frozenset(),
    "CANCELLED": frozenset(),
}
OFF: Final = frozenset({"REJECTED", "CANCELLED"})
"""In these nothing comes back, so what they hold may be asked for again."""
CUSTOMER_CANCELS: Final = frozenset({"REQUESTED", "APPROVED"})
MAILED: Final = frozenset({"APPROVED", "REJECTED", "COMPLETED"})


def fault(word: object) -> Invalid | None:
    """Tell what is wrong with a word for a status."""
    if word in STATUSES:
        return None
    return Invalid(name="status", rule=f"must be one of {', '.join(STATUSES)}")


def stepped(before: ReturnStatus, word: str) -> ReturnStatus | InvalidTransition:
    """Take one step to the status of this (sound) name; none at all is refused."""
    after = cast("ReturnStatus", word)
    if after not in STEPS[before]:
        return InvalidTransition(reason=f"status cannot go from {before} to {after}")
    return after


def called_off(before: ReturnStatus) -> ReturnStatus | InvalidTransition:
    """Cancel as a customer may: not once the parcel is on its way."""
    if before not in CUSTOMER_CANCELS:
        return InvalidTransition(reason=f"a return that is {before} cannot be cancelled any more")
    return "CANCELLED"
