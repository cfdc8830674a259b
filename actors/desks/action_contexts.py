"""What an action token is about: read strictly when it is minted, kept as canonical JSON.

Members that an action does not know are left out. Whatever an order is named by must be of the
email that the token is for: a token opens nothing that its holder could not have had otherwise.
"""

from typing import Final, NamedTuple, TypeVar

import msgspec

from doorward.actors.desks import order_documents, returns
from doorward.actors.messages.refusals import Invalid
from doorward.actors.records.account import Action, Return, ReturnItem
from doorward.actors.records.orders import Order
from doorward.actors.turns import Turn

C = TypeVar("C")


class ItemContext(msgspec.Struct, frozen=True, rename="camel"):
    """How much of a line comes back."""

    order_item_id: str
    quantity: int


class StartReturn(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What ``start_return`` returns; no items stand for all that may still come back."""

    order_number: str
    items: tuple[ItemContext, ...] = ()
    reason: str | None = None

    def wanted(self) -> tuple[ReturnItem, ...]:
        """Tell the items as returns hold them."""
        return tuple(ReturnItem(item.order_item_id, item.quantity) for item in self.items)


class CancelReturn(msgspec.Struct, frozen=True, rename="camel"):
    """Which return ``cancel_return`` calls off."""

    return_id: str


class Nothing(msgspec.Struct, frozen=True):
    """Actions about the customer need no more than the email."""


class Context(NamedTuple):
    """A sound context as it is kept, and the order it is about, if it is about one."""

    stored: bytes
    order: Order | None = None


class About(NamedTuple):
    """An order's number, and lines of it by name and quantity; nothing for what is about none."""

    order_number: str | None = None
    lines: tuple[tuple[str, int], ...] = ()


_RETURN_RULE: Final = (
    "must be {orderNumber, items?: [{orderItemId, quantity}], reason?} of an order of that email"
)
_CANCEL_RULE: Final = "must be {returnId} of a return of that email's"


def sound(turn: Turn, action: Action, email: str, sent: bytes) -> Context | Invalid:
    """Hold a context to its action's form and to what there is.

    Raises:
        Miss: When the order it is about is not in memory.
    """
    if action == "start_return":
        return _of_start(turn, email, sent)
    if action == "cancel_return":
        return _of_cancel(turn, email, sent)
    return Context(b"{}")


def about(turn: Turn, action: Action, email: str, stored: bytes) -> About:
    """Tell people what a kept context is about, as far as it is still there.

    Raises:
        Miss: When the order it is about, or its returns, are not in memory.
    """
    if action == "start_return":
        wanted = msgspec.json.decode(stored, type=StartReturn)
        order = order_of(turn, email, wanted)
        if order is None:
            return About()
        left = returns.returnable(order, returns.returns_of(turn, order.id))
        pieces = {item.order_item_id: item.quantity for item in wanted.items} or left
        return _about(order, pieces)
    if action == "cancel_return":
        pair = return_of(turn, email, msgspec.json.decode(stored, type=CancelReturn))
        if pair is None:
            return About()
        return _about(pair[0], {item.order_item_id: item.quantity for item in pair[1].items})
    return About()


def _about(order: Order, pieces: dict[str, int]) -> About:
    lines = tuple((item.name, pieces[item.id]) for item in order.items if pieces.get(item.id))
    return About(order.order_number, lines)


def order_of(turn: Turn, email: str, context: StartReturn) -> Order | None:
    """Find the order of a ``start_return``, if it is (still) that email's."""
    order = turn.ledger.get(Order, order_documents.order_id(context.order_number))
    return order if order is not None and order.email == email else None


def return_of(turn: Turn, email: str, context: CancelReturn) -> tuple[Order, Return] | None:
    """Find the return of a ``cancel_return``, if it is (still) that email's."""
    pair = returns.found(turn, context.return_id)
    return pair if pair is not None and pair[0].email == email else None


def _of_start(turn: Turn, email: str, sent: bytes) -> Context | Invalid:
    context = _read(sent, StartReturn)
    order = order_of(turn, email, context) if context is not None else None
    if context is None or order is None:
        return Invalid(name="context", rule=_RETURN_RULE)
    if invalid := returns.fault_of_items(order, context.wanted()):
        return Invalid(name=f"context.{invalid.name}", rule=invalid.rule)
    if invalid := returns.fault_of_reason(context.reason):
        return Invalid(name="context.reason", rule=invalid.rule)
    return Context(msgspec.json.encode(context), order)


def _of_cancel(turn: Turn, email: str, sent: bytes) -> Context | Invalid:
    context = _read(sent, CancelReturn)
    pair = return_of(turn, email, context) if context is not None else None
    if pair is None:
        return Invalid(name="context", rule=_CANCEL_RULE)
    return Context(msgspec.json.encode(context), pair[0])


def _read(sent: bytes, form: type[C]) -> C | None:
    try:
        return msgspec.json.decode(sent, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
