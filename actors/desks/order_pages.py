"""The order page: what whoever holds an order's link may see and do (contract §2).

Each message is asked of the partition that the token leads to, and goes on in the same turn as the
order's storefront (``order_access``). No sign-in: the link is the credential, so what it may do is
bounded by address and order, and nothing it shows would tell who the buyer is beyond their name.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from doorward.actors import tokens, windows
from doorward.actors.desks import limits, order_access, order_index, order_states, threads
from doorward.actors.desks.callers import admitted
from doorward.actors.desks.merchant_keys import told
from doorward.actors.desks.order_access import Located
from doorward.actors.desks.order_states import States
from doorward.actors.desks.storefronts import front_of
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.orders import (
    AddBuyerRemark,
    AdmitProof,
    ClaimPayment,
    KeepProof,
    OrderPage,
    PaymentClaimed,
    ProofAdmitted,
    ProofKept,
    ReadOrderPage,
)
from doorward.actors.messages.refusals import Conflict, TooMany
from doorward.actors.records.orders import Knocks, Order
from doorward.actors.turns import HOUR_MS, Turn, policy_of
from doorward.actors.windows import Rule, Standing, Window

PROOFS_MAX = 10
"""Contract §2."""

_Act = AddBuyerRemark | ClaimPayment | AdmitProof | KeepProof
A = TypeVar("A", AddBuyerRemark, ClaimPayment, AdmitProof, KeepProof)


def read_order_page(turn: Turn, message: ReadOrderPage) -> Outcome:
    """Read the order that a token opens."""
    return order_access.opened(turn, message.token_digest, message.caller, _page)


def add_buyer_remark(turn: Turn, message: AddBuyerRemark) -> Outcome:
    """Write to the seller."""
    return _opened(turn, message, _add_remark)


def claim_payment(turn: Turn, message: ClaimPayment) -> Outcome:
    """Say that the money was transferred; saying it again changes nothing."""
    return _opened(turn, message, _claim)


def admit_proof(turn: Turn, message: AdmitProof) -> Outcome:
    """Admit one more proof, before any of it is read; what is begun counts, kept or not."""
    return _opened(turn, message, _admit_proof)


def keep_proof(turn: Turn, message: KeepProof) -> Outcome:
    """Keep a proof whose bytes are stored, if there is still room for it."""
    return _opened(turn, message, _keep_proof)


def _opened(turn: Turn, message: A, desk: Callable[[Located, Caller, A], Outcome]) -> Outcome:
    """Open the order for an act; one from another origin's page is refused."""
    return order_access.opened(
        turn, message.token_digest, message.caller, partial(_admitted, message, desk)
    )


def _admitted(message: A, desk: Callable[[Located, Caller, A], Outcome], found: Located) -> Outcome:
    caller = admitted(found.turn, found.storefront, message.caller)
    return desk(found, caller, message) if isinstance(caller, Caller) else caller


def _page(found: Located) -> OrderPage:
    turn, storefront, order = found
    remarks = threads.remarks_of(turn, order)
    return OrderPage(
        front=front_of(turn, storefront),
        order=order,
        remarks=tuple(remark for remark in remarks if not remark.internal),
        payment=None if order.payment_status == "payment_confirmed" else storefront.payment,
    )


def _add_remark(found: Located, caller: Caller, message: AddBuyerRemark) -> Outcome:
    limit = policy_of(found.storefront).orders.messages_per_address_per_hour
    standing = _counted(found, caller, "remarks", Rule("orders.messages", limit, HOUR_MS))
    if isinstance(standing, TooMany):
        return standing
    return told(threads.add_buyers(found.turn, found.order, message), standing)


def _claim(found: Located, caller: Caller, _message: ClaimPayment) -> Outcome:
    turn, storefront, order = found
    limit = policy_of(storefront).orders.claims_per_address_per_hour
    standing = _counted(found, caller, "claims", Rule("orders.claims", limit, HOUR_MS))
    if isinstance(standing, TooMany):
        return standing
    again = order.payment_status == "payment_claimed"
    if not again:
        states = order_states.paid(order_states.states_of(order), "payment_claimed")
        if not isinstance(states, States):
            return states
        order = _moved(turn, order, replace(order, payment_status=states.payment_status))
        turn.note("payment_claimed", order=order.id, request_id=caller.request_id)
    return PaymentClaimed(payment_status=order.payment_status, again=again, standing=standing)


def _admit_proof(found: Located, caller: Caller, _message: AdmitProof) -> Outcome:
    turn, storefront, order = found
    limit = policy_of(storefront).orders.proofs_per_address_per_hour
    standing = _counted(found, caller, "proofs", Rule("orders.proofs", limit, HOUR_MS))
    if isinstance(standing, TooMany):
        return standing
    return _full(order) or ProofAdmitted(slug=turn.slug, order_id=order.id, standing=standing)


def _keep_proof(found: Located, _caller: Caller, message: KeepProof) -> Outcome:
    turn, _, order = found
    if full := _full(order):
        return full
    proof = replace(message.proof, sent_at_ms=turn.now_ms)
    _moved(turn, order, replace(order, proofs=(*order.proofs, proof)))
    return ProofKept()


def _full(order: Order) -> Conflict | None:
    if len(order.proofs) < PROOFS_MAX:
        return None
    return Conflict(reason=f"an order holds at most {PROOFS_MAX} proofs of payment")


def _moved(turn: Turn, before: Order, after: Order) -> Order:
    """Stage what a buyer did to an order."""
    after = replace(after, updated_at_ms=turn.now_ms, activity_at_ms=turn.now_ms)
    turn.ledger.put(after, after.id)
    order_index.file(turn.ledger, (before, after))
    return after


def _counted(found: Located, caller: Caller, what: str, rule: Rule) -> Standing | TooMany:
    """Count an act of a client address with this order, or refuse it."""
    turn = found.turn
    name = f"{found.order.id}-{tokens.address_id(caller.address)}"
    knocks = turn.ledger.get(Knocks, name) or Knocks()
    window: Window = getattr(knocks, what)
    standing = limits.passed(((window, rule),), turn.now_ms)
    if isinstance(standing, Standing):
        counted = windows.counted(window, rule, turn.now_ms)
        turn.ledger.put(replace(knocks, **{what: counted}), name, keep_ms=HOUR_MS)
    return standing
