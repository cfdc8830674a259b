"""What each action does, once its token opened (contract §3).

An action that cannot be done now (nothing is left to return, the parcel is on its way) is refused
and the token lives on: it has done nothing, and what stands in its way may pass. One whose object
is no longer of the token's email opens nothing.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from doorward.actors.desks import (
    confirmations,
    customers,
    live_sessions,
    new_passwords,
    return_states,
    returns,
    tallies,
)
from doorward.actors.desks.account_sessions import Entered
from doorward.actors.desks.action_contexts import CancelReturn, StartReturn, order_of, return_of
from doorward.actors.messages.account import NewPassword, NotReturnable
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import Invalid, InvalidTransition, NotFound
from doorward.actors.messages.store import ResetBegun
from doorward.actors.records.account import Action, ActionToken, Return
from doorward.actors.records.sign_in import Customer
from doorward.actors.turns import Turn


class Done(NamedTuple):
    """What an action did, for its caller; and for the audit log, who and to what.

    ``audited``: what the log tells of it is there already.
    """

    result: dict[str, Any]
    who: str = "token"
    subject: str = ""
    audited: bool = False


def done(
    turn: Turn, entry: Entered, token: ActionToken, password: NewPassword | None
) -> Done | Outcome:
    """Do what a token does, or tell why it cannot be done; then nothing is staged."""
    if token.action == "set_password":
        return _set_password(turn, entry, token, password)
    return _ACTIONS[token.action](turn, entry, token)


def _start_return(turn: Turn, _entry: Entered, token: ActionToken) -> Done | Outcome:
    context = msgspec.json.decode(token.context, type=StartReturn)
    order = order_of(turn, token.email, context)
    if order is None:
        return NotFound()
    started = returns.start(turn, order, context.wanted(), context.reason)
    if isinstance(started, Invalid):
        # The order was put anew since, without what the token names.
        return NotReturnable(reason=f"{started.name} {started.rule}")
    if not isinstance(started, Return):
        return started
    result = {
        "orderNumber": order.order_number,
        "returnId": started.id,
        "status": started.status,
        "items": [
            {"orderItemId": item.order_item_id, "quantity": item.quantity} for item in started.items
        ],
    }
    return Done(result, subject=started.id)


def _cancel_return(turn: Turn, entry: Entered, token: ActionToken) -> Done | Outcome:
    context = msgspec.json.decode(token.context, type=CancelReturn)
    pair = return_of(turn, token.email, context)
    if pair is None:
        return NotFound()
    order, before = pair
    status = return_states.called_off(before.status)
    if isinstance(status, InvalidTransition):
        return status
    after = returns.keep(turn, entry.storefront, order, before, replace(before, status=status))
    result = {"orderNumber": order.order_number, "returnId": after.id, "status": after.status}
    return Done(result, subject=after.id)


def _confirm_email(turn: Turn, entry: Entered, token: ActionToken) -> Done:
    """Take the token as a proof of the mailbox; the first proof of one creates the customer.

    The password of a sign-up is proven with it only by the sign-up's own mail.
    """
    tally = tallies.read(turn, address=entry.caller.address, email=token.email)
    known = customers.of_email(turn, token.email)
    if (
        known is not None
        and not known.email_verified
        and confirmations.confirms(token.context, known)
    ):
        customer = customers.confirmed(known)
    else:
        customer = customers.proven(turn, tally, token.email)
    turn.ledger.put(customer, customer.id)
    turn.ledger.put(replace(tally.email, customer_id=customer.id), tally.email_id)
    return Done({"emailVerified": customer.email_verified}, _who(customer), customer.id)


def _restore_password(turn: Turn, _entry: Entered, token: ActionToken) -> Done:
    """Take the password away and end every session; a new one is set by mail, as a first one."""
    customer = customers.of_email(turn, token.email)
    if customer is None:
        return Done({"passwordRemoved": False, "sessionsEnded": 0})
    ended = len(live_sessions.live_entries(turn, customer))
    left = replace(live_sessions.without(turn, customer), password=None)
    if left != customer:
        turn.ledger.put(left, left.id)
    result = {"passwordRemoved": customer.password is not None, "sessionsEnded": ended}
    return Done(result, _who(customer), customer.id)


def _revoke_sessions(turn: Turn, _entry: Entered, token: ActionToken) -> Done:
    customer = customers.of_email(turn, token.email)
    if customer is None:
        return Done({"sessionsEnded": 0})
    ended = sessions_revoked(turn, customer)
    return Done({"sessionsEnded": ended}, _who(customer), customer.id)


def _unlock_password(turn: Turn, entry: Entered, token: ActionToken) -> Done:
    customer = customers.of_email(turn, token.email)
    if customer is None:
        return Done({"unlocked": False})
    unlocked = new_passwords.unlock(turn, entry.storefront, customer)
    return Done({"unlocked": unlocked}, _who(customer), customer.id)


def _set_password(
    turn: Turn, entry: Entered, token: ActionToken, password: NewPassword | None
) -> Done | Outcome:
    """Ask for a password, then for its hash, then set it: the token lives until that is done."""
    if password is None:
        return Invalid(name="password", rule="is needed for this action")
    rule = new_passwords.fault(entry.storefront, password.length)
    if rule is not None:
        return Invalid(name="password", rule=rule)
    if password.hash is None:
        return ResetBegun()
    was_set = new_passwords.set_by_mail(
        turn, entry.storefront, token.email, password.hash, entry.caller
    )
    if was_set is None:
        return NotFound()
    result = {"passwordSet": True, "sessionsEnded": was_set.ended}
    return Done(result, audited=True)


def sessions_revoked(turn: Turn, customer: Customer) -> int:
    """Stage the end of all of a customer's sessions; returns how many were live."""
    ended = len(live_sessions.live_entries(turn, customer))
    left = live_sessions.without(turn, customer)
    if left != customer:
        turn.ledger.put(left, left.id)
        turn.note("sessions_ended", customer=left.id, count=ended)
    return ended


def _who(customer: Customer) -> str:
    return f"customer:{customer.id}"


_ACTIONS: Final[dict[Action, Callable[[Turn, Entered, ActionToken], Done | Outcome]]] = {
    "start_return": _start_return,
    "cancel_return": _cancel_return,
    "confirm_email": _confirm_email,
    "restore_password": _restore_password,
    "revoke_sessions": _revoke_sessions,
    "unlock_password": _unlock_password,
}
