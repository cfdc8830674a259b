"""Orders as their merchant brings and moves them (contract §5).

A ``PUT`` is idempotent: the same document again writes nothing. A ``PATCH`` takes one legal step of
each state it names, all or nothing. Whatever a buyer can see of it moves the order to the top of
the buyer's list, and a change of status is mailed.
"""

from typing import Final, NamedTuple, cast

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from doorward.actors.desks import (
    mails,
    order_access,
    order_documents,
    order_index,
    order_mails,
    order_pricing,
    order_states,
    threads,
)
from doorward.actors.desks.merchant_keys import keyed
from doorward.actors.desks.order_states import States
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant import (
    AddSellerRemark,
    ChangeOrder,
    ConfirmPayment,
    FindProof,
    GetOrder,
    OrderChanges,
    OrderDocument,
    OrderFound,
    OrdersPut,
    ProofFound,
    PutOrder,
    PutOrders,
    Refusal,
    RotateAccess,
)
from doorward.actors.messages.refusals import Invalid, InvalidTransition, NotFound
from doorward.actors.records.index import IndexRoot
from doorward.actors.records.orders import Hold, Order
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn

DOCUMENTS_MAX: Final = 64
"""Each is an order, its token and two lists of its buyer's: about 270 writes, one script call."""


class _Put(NamedTuple):
    """What becomes of an order by a document; the same value twice when nothing does."""

    before: Order | None
    order: Order


@keyed("orders:write")
def put_order(turn: Turn, storefront: Storefront, message: PutOrder) -> Outcome:
    """Create or replace an order."""
    _need(turn, (message.document,))
    put = _put(turn, storefront, message.document, quiet=False)
    if not isinstance(put, _Put):
        return put
    if put.before != put.order:
        order_index.file(turn.ledger, (put.before, put.order))
        turn.note("order_created" if put.before is None else "order_changed", order=put.order.id)
    return _found(turn, storefront, put.order, created=put.before is None)


@keyed("orders:write")
def put_orders(turn: Turn, storefront: Storefront, message: PutOrders) -> Outcome:
    """Create or replace many orders, each on its own."""
    if len(message.documents) > DOCUMENTS_MAX:
        return Invalid(name="orders", rule=f"must be at most {DOCUMENTS_MAX} at a time")
    _need(turn, message.documents)
    if not message.quiet:
        emails = (order_documents.email_of(document) for document in message.documents)
        mails.bring_languages(turn, storefront, [email for email in emails if email is not None])
    refused: list[Refusal] = []
    puts: list[_Put] = []
    for place, document in enumerate(message.documents):
        put = _put(turn, storefront, document, quiet=message.quiet)
        if isinstance(put, _Put):
            puts.append(put)
        else:
            refused.append(_refusal(place, put))
    changed = [put for put in puts if put.before != put.order]
    order_index.file(turn.ledger, *changed)
    created = sum(put.before is None for put in puts)
    if changed:
        turn.note("orders_put", created=created, changed=len(changed) - created)
    return OrdersPut(
        created=created,
        changed=len(changed) - created,
        unchanged=len(puts) - len(changed),
        refused=tuple(refused),
    )


@keyed("orders:read")
def get_order(turn: Turn, storefront: Storefront, message: GetOrder) -> Outcome:
    """Read an order whole, internal messages included."""
    order = _order(turn, message.order_number)
    return NotFound() if order is None else _found(turn, storefront, order)


@keyed("orders:write")
def change_order(turn: Turn, storefront: Storefront, message: ChangeOrder) -> Outcome:
    """Move an order on."""
    order = _order(turn, message.order_number)
    if order is None:
        return NotFound()
    changed = _changed(order, message.changes)
    if not isinstance(changed, Order):
        return changed
    return _found(turn, storefront, _kept(turn, storefront, order, changed))


@keyed("orders:write")
def confirm_payment(turn: Turn, storefront: Storefront, message: ConfirmPayment) -> Outcome:
    """Say that the money arrived; a second time is refused."""
    order = _order(turn, message.order_number)
    if order is None:
        return NotFound()
    states = order_states.paid(order_states.states_of(order), "payment_confirmed")
    if not isinstance(states, States):
        return states
    changed = replace(order, payment_status=states.payment_status)
    return _found(turn, storefront, _kept(turn, storefront, order, changed))


@keyed("orders:write")
def add_seller_remark(turn: Turn, storefront: Storefront, message: AddSellerRemark) -> Outcome:
    """Write to the buyer, or for the merchant's own eyes."""
    order = _order(turn, message.order_number)
    return NotFound() if order is None else threads.add_sellers(turn, storefront, order, message)


@keyed("orders:write")
def rotate_access(turn: Turn, storefront: Storefront, message: RotateAccess) -> Outcome:
    """Give an order a new access token; nothing that a buyer can see changes by it."""
    order = _order(turn, message.order_number)
    if order is None:
        return NotFound()
    newer = replace(order, access_version=order.access_version + 1)
    order = order_access.issued(turn, storefront, newer)
    turn.ledger.put(order, order.id)
    turn.note("order_access_rotated", order=order.id)
    return _found(turn, storefront, order)


@keyed("orders:read")
def find_proof(turn: Turn, _storefront: Storefront, message: FindProof) -> Outcome:
    """Find a proof of payment: the newest, or one by its number."""
    order = _order(turn, message.order_number)
    proofs = order.proofs if order is not None else ()
    number = len(proofs) if message.number is None else message.number
    if order is None or not 1 <= number <= len(proofs):
        return NotFound()
    return ProofFound(slug=turn.slug, order_id=order.id, proof=proofs[number - 1])


def _need(turn: Turn, documents: tuple[OrderDocument, ...]) -> None:
    """Read in one round trip what documents will touch, before they are looked at closely.

    Raises:
        Miss: Naming all that is not in memory.
    """
    indexes = set(map(order_index.of_status, order_states.STATUSES))
    emails = {order_documents.email_of(document) for document in documents} - {None}
    for email in emails:
        if email is not None:
            indexes.update((order_index.of_email(email), order_index.placed_by(email)))
    turn.ledger.need(
        *((Order, order_documents.order_id(document.order_number)) for document in documents),
        *((IndexRoot, name) for name in indexes),
    )


def _put(
    turn: Turn, storefront: Storefront, document: OrderDocument, *, quiet: bool
) -> _Put | Invalid | InvalidTransition:
    """Stage the order that a document describes, but for where it is filed."""
    if invalid := order_documents.fault(document, turn.now_ms):
        return invalid
    before = turn.ledger.get(Order, order_documents.order_id(document.order_number))
    states = order_states.snapshot(
        order_states.states_of(before) if before is not None else None,
        status=document.status,
        payment_status=document.payment_status,
        fulfillment_status=document.fulfillment_status,
        hold=document.hold,
    )
    if not isinstance(states, States):
        return states
    order = _described(turn, before, document, states)
    if before is None:
        activity_at_ms = order.created_at_ms if quiet else turn.now_ms
        order = replace(order, activity_at_ms=activity_at_ms)
        order = order_access.issued(turn, storefront, order)
        turn.ledger.put(order, order.id)
        return _Put(None, order)
    return _Put(before, _kept(turn, storefront, before, order, quiet=quiet, filed=False))


def _described(turn: Turn, before: Order | None, document: OrderDocument, states: States) -> Order:
    """Make the order that a document describes; what it cannot speak of stays as it was."""
    known_at_ms = before.created_at_ms if before is not None else turn.now_ms
    created_at_ms = order_documents.created_at_ms(document)
    return Order(
        id=order_documents.order_id(document.order_number),
        order_number=document.order_number,
        number=document.number or document.order_number,
        email=order_documents.email_of(document) or "",
        currency=document.currency,
        status=states.status,
        payment_status=states.payment_status,
        fulfillment_status=states.fulfillment_status,
        items=order_documents.items_of(document),
        subtotal=document.subtotal,
        discount=document.discount,
        tax=document.tax,
        shipping=document.shipping,
        total=document.total,
        created_at_ms=known_at_ms if created_at_ms is None else created_at_ms,
        updated_at_ms=before.updated_at_ms if before else turn.now_ms,
        activity_at_ms=before.activity_at_ms if before else turn.now_ms,
        access_key_id=before.access_key_id if before else "",
        access_version=before.access_version if before else 0,
        customer_id=document.customer_id,
        buyer_name=document.buyer_name,
        buyer_phone=document.buyer_phone,
        payment_method=document.payment_method,
        service=order_documents.service_of(document),
        package_name=document.package_name,
        notes=document.notes or None,
        preferred_date=document.preferred_date,
        shipping_address=order_documents.address_of(document.shipping_address),
        billing_address=order_documents.address_of(document.billing_address),
        tracking=order_documents.tracking_of(document.tracking),
        hold=states.hold,
        said=states.said,
        proofs=before.proofs if before else (),
        remarks=before.remarks if before else 0,
        access_digest=before.access_digest if before else "",
        status_digest=before.status_digest if before else "",
        fully_returned=before is not None and before.fully_returned and _holds(before, document),
    )


def _holds(before: Order, document: OrderDocument) -> bool:
    """Tell whether an order held all that a document lists: if it all came back, so did this."""
    held = {item.id: item.quantity for item in before.items}
    return all(item.quantity <= held.get(item.id, 0) for item in document.items)


def _changed(order: Order, changes: OrderChanges) -> Order | Outcome:
    """Make the order that changes lead to, or tell the first that cannot be made."""
    if invalid := _fault(changes):
        return invalid
    priced = order
    if changes.quoted_price is not UNSET:
        quoted = order_pricing.quoted(order, changes.quoted_price)
        if not isinstance(quoted, Order):
            return quoted
        priced = quoted
    states = _stepped(order_states.states_of(order), changes)
    if not isinstance(states, States):
        return states
    tracking = changes.tracking
    return replace(
        priced,
        status=states.status,
        payment_status=states.payment_status,
        fulfillment_status=states.fulfillment_status,
        hold=states.hold,
        said=states.said,
        tracking=order.tracking if tracking is UNSET else order_documents.tracking_of(tracking),
    )


def _fault(changes: OrderChanges) -> Invalid | None:
    invalid = order_states.fault(
        status=_set(changes.status),
        payment_status=_set(changes.payment_status),
        fulfillment_status=_set(changes.fulfillment_status),
    ) or order_states.fault_of_hold(_set(changes.hold))
    if invalid is None and changes.tracking:
        invalid = order_documents.fault_of_tracking(changes.tracking)
    return invalid


def _set(word: str | UnsetType | None) -> str | None:
    return None if word is UNSET else word


def _stepped(states: States, changes: OrderChanges) -> States | InvalidTransition:
    if changes.hold is not UNSET:
        states = states._replace(hold=cast("Hold | None", changes.hold))
    for word, step in (
        (changes.status, order_states.stepped),
        (changes.payment_status, order_states.paid),
        (changes.fulfillment_status, order_states.delivered),
    ):
        if isinstance(word, str):
            after = step(states, word)
            if isinstance(after, InvalidTransition):
                return after
            states = after
    return states


def _kept(  # noqa: PLR0913 - how an order was and is, and who hears of it
    turn: Turn,
    storefront: Storefront,
    before: Order,
    after: Order,
    *,
    quiet: bool = False,
    filed: bool = True,
) -> Order:
    """Stage a changed order; ``quiet`` mails nobody, ``filed`` also files it where it belongs."""
    if after == before:
        return before
    seen = _seen_of(before) != _seen_of(after)
    after = replace(
        after,
        updated_at_ms=turn.now_ms,
        activity_at_ms=turn.now_ms if seen else before.activity_at_ms,
    )
    turn.ledger.put(after, after.id)
    if filed:
        order_index.file(turn.ledger, (before, after))
    if after.status != before.status and not quiet:
        after = order_access.reachable(turn, storefront, after)
        language = mails.language_of(turn, storefront, after.email)
        order_mails.status_changed(turn, storefront, after, language=language)
    return after


def _seen_of(order: Order) -> Order:
    """Leave out of an order what its buyer does not see."""
    return replace(
        order, email="", customer_id=None, buyer_phone=None, hold=None, said=None, created_at_ms=0
    )


def _order(turn: Turn, order_number: str) -> Order | None:
    return turn.ledger.get(Order, order_documents.order_id(order_number))


def _found(
    turn: Turn, storefront: Storefront, order: Order, *, created: bool = False
) -> OrderFound:
    order = order_access.reachable(turn, storefront, order)
    return OrderFound(
        order=order,
        access_token=order_access.token_of(turn, storefront, order),
        remarks=threads.remarks_of(turn, order),
        created=created,
    )


def _refusal(place: int, refusal: Invalid | InvalidTransition) -> Refusal:
    if isinstance(refusal, Invalid):
        return Refusal(place, refusal.name, refusal.rule)
    return Refusal(place, refusal.reason.partition(" ")[0], refusal.reason)
