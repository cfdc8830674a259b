"""Returns as their customer sees, starts and calls them off (contract §3)."""

from msgspec.structs import replace

from doorward.actors.desks import customers, order_documents, return_states, returns
from doorward.actors.desks.account_sessions import Visit, visiting
from doorward.actors.desks.accounts import own_order
from doorward.actors.desks.storefronts import front_of
from doorward.actors.messages.account import (
    CancelReturn,
    ListReturns,
    OwnOrder,
    RequestReturn,
    ReturnFound,
)
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import InvalidTransition, NotFound
from doorward.actors.records.account import Return, Returns
from doorward.actors.records.orders import Order
from doorward.actors.turns import Turn


@visiting
def list_returns(turn: Turn, visit: Visit, message: ListReturns) -> Outcome:
    """Read an order of the customer's own with its returns."""
    order = _order(turn, visit, message.order_number)
    if order is None:
        return NotFound()
    known = returns.returns_of(turn, order.id)
    return OwnOrder(
        front=front_of(turn, visit.storefront),
        account=customers.account_view(visit.customer),
        order=order,
        returns=known,
        returnable=returns.returnable(order, known),
    )


@visiting
def request_return(turn: Turn, visit: Visit, message: RequestReturn) -> Outcome:
    """Ask to send items back; none stand for all that may still come back."""
    order = _order(turn, visit, message.order_number)
    if order is None:
        return NotFound()
    started = returns.start(turn, order, message.items, message.reason)
    if not isinstance(started, Return):
        return started
    return ReturnFound(order_number=order.order_number, returned=started, created=True)


@visiting
def cancel_return(turn: Turn, visit: Visit, message: CancelReturn) -> Outcome:
    """Call a return off, while it is requested or approved."""
    order = _order(turn, visit, message.order_number)
    if order is None:
        return NotFound()
    known = returns.returns_of(turn, order.id)
    before = next((each for each in known if each.id == message.return_id), None)
    if before is None:
        return NotFound()
    status = return_states.called_off(before.status)
    if isinstance(status, InvalidTransition):
        return status
    changed = replace(before, status=status)
    after = returns.keep(turn, visit.storefront, order, before, changed)
    return ReturnFound(order_number=order.order_number, returned=after)


def _order(turn: Turn, visit: Visit, order_number: str) -> Order | None:
    """Find the customer's own order, and bring its returns in the same round trip."""
    order_id = order_documents.order_id(order_number)
    turn.ledger.need((Order, order_id), (Returns, order_id))
    return own_order(turn, visit.customer, order_number)
