"""Returns: what of an order comes back, and that no more of it does than was bought (contract §3).

All returns of an order lie in one record, so what is left of a line is decided and changed in one
place. Only an order that is delivered whole can be returned: of one that is delivered in part
nobody told which part. Rejected and cancelled returns hold nothing; completed ones hold for good.
"""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from doorward.actors.desks import return_index, return_mails, return_states
from doorward.actors.desks.text_rules import BLOCK_LENGTH, BLOCK_RULE, is_block
from doorward.actors.messages.account import NotReturnable
from doorward.actors.messages.refusals import Invalid
from doorward.actors.records.account import Return, ReturnItem, Returns
from doorward.actors.records.orders import Order
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn

RETURNS_MAX: Final = 50
"""Of one order, ended ones too: they lie in one record, which is read with the order."""
_DELIVERED: Final = frozenset({"FULFILLED", "DELIVERED"})
_NO_RETURNS: Final = Returns()


def returns_of(turn: Turn, order_id: str) -> tuple[Return, ...]:
    """Read an order's returns, oldest first.

    Raises:
        Miss: When their record is not in memory.
    """
    return (turn.ledger.get(Returns, order_id) or _NO_RETURNS).returns


def returnable(order: Order, returns: tuple[Return, ...]) -> dict[str, int]:
    """Tell how much of each line may still be asked to come back, by the line's id."""
    if order.fulfillment_status not in _DELIVERED:
        return dict.fromkeys((item.id for item in order.items), 0)
    held = _quantities(each for each in returns if each.status not in return_states.OFF)
    # A merchant may put an order with less in it than is on its way back.
    return {item.id: max(0, item.quantity - held.get(item.id, 0)) for item in order.items}


def is_fully_returned(order: Order, returns: tuple[Return, ...]) -> bool:
    """Tell whether every line came back whole in completed returns (contract §7)."""
    back = _quantities(each for each in returns if each.status == "COMPLETED")
    return all(back.get(item.id, 0) >= item.quantity for item in order.items)


def fault_of_items(order: Order, items: tuple[ReturnItem, ...]) -> Invalid | None:
    """Find the first line that is none of the order's, named twice or of no quantity."""
    ids = {item.id for item in order.items}
    for place, item in enumerate(items):
        if item.order_item_id not in ids:
            name, rule = "orderItemId", "must be the id of one of the order's items, named once"
            return Invalid(name=f"items[{place}].{name}", rule=rule)
        if item.quantity < 1:
            return Invalid(name=f"items[{place}].quantity", rule="must be 1 or more")
        ids.remove(item.order_item_id)
    return None


def fault_of_reason(reason: str | None) -> Invalid | None:
    """Tell what is wrong with a customer's reason; None is none."""
    if reason is None or is_block(reason):
        return None
    return Invalid(name="reason", rule=BLOCK_RULE.format(BLOCK_LENGTH))


def start(
    turn: Turn, order: Order, items: tuple[ReturnItem, ...], reason: str | None
) -> Return | Invalid | NotReturnable:
    """Stage a return that is requested; no items stand for all that may still come back."""
    if invalid := fault_of_reason(reason) or fault_of_items(order, items):
        return invalid
    known = returns_of(turn, order.id)
    left = returnable(order, known)
    if refused := _refusal(order, known, left, items):
        return refused
    whole = tuple(ReturnItem(item_id, quantity) for item_id, quantity in left.items() if quantity)
    started = Return(
        id=f"{order.id}-{len(known) + 1}",
        status="REQUESTED",
        items=items or whole,
        created_at_ms=turn.now_ms,
        updated_at_ms=turn.now_ms,
        reason=reason,
    )
    return_index.file(turn.ledger, None, started)
    turn.ledger.put(Returns((*known, started)), order.id)
    turn.note("return_requested", returned=started.id)
    return started


def keep(turn: Turn, storefront: Storefront, order: Order, before: Return, after: Return) -> Return:
    """Stage a return that changed, and mail its customer what is worth it; returns it as kept."""
    if after == before:
        return before
    after = replace(after, updated_at_ms=turn.now_ms)
    known = returns_of(turn, order.id)
    changed = tuple(after if each.id == after.id else each for each in known)
    return_index.file(turn.ledger, before, after)
    turn.ledger.put(Returns(changed), order.id)
    if after.status != before.status:
        turn.note("return_moved", returned=after.id, status=after.status)
        if is_fully_returned(order, changed) and not order.fully_returned:
            order = replace(order, fully_returned=True, updated_at_ms=turn.now_ms)
            turn.ledger.put(order, order.id)
        if after.status in return_states.MAILED:
            return_mails.changed(turn, storefront, order, after)
    return after


def order_id_of(return_id: str) -> str:
    """Tell the order that a return's id leads to; whatever it is, it names a record at most."""
    return return_id.partition("-")[0]


def found(turn: Turn, return_id: str) -> tuple[Order, Return] | None:
    """Find a return by its id, with its order.

    Raises:
        Miss: Naming both records that are not in memory.
    """
    order_id = order_id_of(return_id)
    if not is_order_id(order_id):
        return None
    turn.ledger.need((Order, order_id), (Returns, order_id))
    order = turn.ledger.get(Order, order_id)
    returned = next((r for r in returns_of(turn, order_id) if r.id == return_id), None)
    return (order, returned) if order is not None and returned is not None else None


def is_order_id(text: str) -> bool:
    """Tell whether this may be an order's id: raw client input never reaches a key."""
    return len(text) == _ID_LENGTH and set(text) <= _HEX


_ID_LENGTH: Final = 32
_HEX: Final = frozenset("0123456789abcdef")


def _refusal(
    order: Order,
    known: tuple[Return, ...],
    left: dict[str, int],
    items: tuple[ReturnItem, ...],
) -> NotReturnable | None:
    if order.fulfillment_status not in _DELIVERED:
        return NotReturnable(reason="the order is not fulfilled")
    if len(known) >= RETURNS_MAX:
        return NotReturnable(reason=f"an order holds at most {RETURNS_MAX} returns")
    if not any(left.values()):
        return NotReturnable(reason="nothing of the order is left to return")
    if any(item.quantity > left[item.order_item_id] for item in items):
        return NotReturnable(reason="more would come back than is left to return")
    return None


def _quantities(returns: Iterable[Return]) -> dict[str, int]:
    quantities: dict[str, int] = {}
    for returned in returns:
        for item in returned.items:
            quantities[item.order_item_id] = quantities.get(item.order_item_id, 0) + item.quantity
    return quantities
