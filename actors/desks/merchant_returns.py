"""Returns as their merchant works through them (contract §5)."""

from msgspec import UNSET
from msgspec.structs import replace

from doorward.actors.desks import return_index, return_states, returns
from doorward.actors.desks.merchant_keys import keyed
from doorward.actors.desks.order_lists import PAGE_MAX
from doorward.actors.desks.sorted_index import SortedIndex
from doorward.actors.desks.text_rules import BLOCK_LENGTH, BLOCK_RULE, is_block
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant_returns import (
    ChangeReturn,
    GetReturn,
    ListAllReturns,
    MerchantReturn,
    ReturnRead,
    ReturnsFound,
)
from doorward.actors.messages.refusals import Invalid, InvalidTransition, NotFound
from doorward.actors.records.account import Return, Returns
from doorward.actors.records.orders import Order
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn


@keyed("returns:operate")
def list_returns(turn: Turn, _storefront: Storefront, message: ListAllReturns) -> Outcome:
    """Read returns, newest first."""
    if message.status is not None and (invalid := return_states.fault(message.status)):
        return invalid
    limit = max(1, min(message.limit, PAGE_MAX))
    name = return_index.ALL if message.status is None else return_index.of_status(message.status)
    keys = SortedIndex(turn.ledger, name).page(after=message.after, limit=limit + 1)
    shown = keys[:limit]
    order_ids = [returns.order_id_of(return_id) for _, return_id in shown]
    turn.ledger.need(
        *((Order, order_id) for order_id in order_ids),
        *((Returns, order_id) for order_id in order_ids),
    )
    pairs = (returns.found(turn, return_id) for _, return_id in shown)
    items = tuple(_shown(*pair) for pair in pairs if pair is not None)
    return ReturnsFound(items=items, after=shown[-1] if len(keys) > limit else None)


@keyed("returns:operate")
def get_return(turn: Turn, _storefront: Storefront, message: GetReturn) -> Outcome:
    """Read one return."""
    pair = returns.found(turn, message.return_id)
    return NotFound() if pair is None else ReturnRead(item=_shown(*pair))


@keyed("returns:operate")
def change_return(turn: Turn, storefront: Storefront, message: ChangeReturn) -> Outcome:
    """Move a return on, note something about it, or both."""
    pair = returns.found(turn, message.return_id)
    if pair is None:
        return NotFound()
    order, before = pair
    after = _changed(before, message)
    if not isinstance(after, Return):
        return after
    after = returns.keep(turn, storefront, order, before, after)
    return ReturnRead(item=_shown(order, after))


def _changed(before: Return, message: ChangeReturn) -> Return | Invalid | InvalidTransition:
    after = before
    if message.note is not UNSET:
        if message.note is not None and not is_block(message.note):
            return Invalid(name="note", rule=BLOCK_RULE.format(BLOCK_LENGTH))
        after = replace(after, note=message.note)
    if message.status is not UNSET:
        if invalid := return_states.fault(message.status):
            return invalid
        status = return_states.stepped(before.status, message.status)
        if isinstance(status, InvalidTransition):
            return status
        after = replace(after, status=status)
    return after


def _shown(order: Order, returned: Return) -> MerchantReturn:
    return MerchantReturn(order_number=order.order_number, email=order.email, returned=returned)
