"""Erasing a person: what is theirs goes, what is the merchant's stays without them.

Their customer record, sessions, devices, address book and tokens go in the first turn. Their orders
stay the merchant's, but lose what is personal, a few at a time: an ``alias`` that leads nowhere
takes the email's place, the links in their old mails die, the bytes of their proofs of payment are
gone before the order forgets them. An order that is done is out of the email's index, so that index
is the whole progress, and a crash between two turns costs nothing but asking again.

What stays for a while: mails that wait to be sent, until they are; counts by address, a minute;
windows of the email under its digest, a day.
"""

from functools import partial
from typing import Final

from msgspec.structs import replace

from doorward.actors import tokens
from doorward.actors.desks import (
    captured_mail,
    challenges,
    live_sessions,
    live_tokens,
    logins,
    mails,
    order_access,
    order_index,
    order_lists,
    order_status,
    returns,
    tallies,
    threads,
)
from doorward.actors.desks.gathering import together
from doorward.actors.desks.merchant_keys import keyed
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant_customers import (
    Blob,
    CustomerErased,
    EraseCustomer,
    EraseMore,
    ErasureGoesOn,
)
from doorward.actors.messages.refusals import NotFound
from doorward.actors.records.account import AddressBook, Erasure, Returns
from doorward.actors.records.orders import Order
from doorward.actors.records.sign_in import Customer, Email
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn

ORDERS_AT_ONCE: Final = 8
"""Each with 16 pages of thread and five ways in: about 200 writes, one script call."""
_ALIAS_BYTES: Final = 8


@keyed("customers:write")
def erase_customer(turn: Turn, storefront: Storefront, message: EraseCustomer) -> Outcome:
    """Begin to erase a person, or say that it is not finished."""
    if turn.ledger.get(Erasure, message.customer_id) is not None:
        return ErasureGoesOn()
    customer = turn.ledger.get(Customer, message.customer_id)
    if customer is None:
        return NotFound()
    together(
        partial(_forget_email, turn, storefront, customer),
        partial(live_tokens.forget_all, turn, customer.email),
        partial(logins.forget, turn, storefront, customer),
    )
    live_sessions.erase(turn, customer)
    turn.ledger.delete(AddressBook, customer.id)
    turn.ledger.delete(Customer, customer.id)
    alias = f"erased-{turn.random(_ALIAS_BYTES).hex()}@{mails.NOWHERE}"
    turn.ledger.put(Erasure(customer.email, alias, customer.email_verified), customer.id)
    turn.note("erasure_begun", customer=customer.id)
    return ErasureGoesOn()


def erase_more(turn: Turn, message: EraseMore) -> Outcome:
    """Go on with an erasure by a few orders, or by some captured mail; tell when it is done."""
    storefront = turn.storefront()
    if storefront is None:
        return NotFound()
    erasure = turn.ledger.get(Erasure, message.customer_id)
    if erasure is None:
        return CustomerErased(orders=0)
    orders = _orders_left(turn, erasure)
    if orders:
        gone = {(blob.order_id, blob.name) for blob in message.blobs}
        blobs = [Blob(order.id, proof.blob) for order in orders for proof in order.proofs]
        left = tuple(blob for blob in blobs if (blob.order_id, blob.name) not in gone)
        if left:
            return ErasureGoesOn(blobs=left)
        _strip(turn, storefront, erasure, orders)
        erasure = replace(erasure, orders=erasure.orders + len(orders))
    else:
        page = captured_mail.forgotten(turn, erasure.email, erasure.mail_page)
        if page is None:
            turn.ledger.delete(Erasure, message.customer_id)
            turn.note("customer_erased", customer=message.customer_id, orders=erasure.orders)
            return CustomerErased(orders=erasure.orders)
        erasure = replace(erasure, mail_page=page)
    turn.ledger.put(erasure, message.customer_id)
    return ErasureGoesOn()


def _forget_email(turn: Turn, storefront: Storefront, customer: Customer) -> None:
    """Keep of an email what bounds guesses at it, and nothing that leads to the person."""
    name = tokens.email_id(customer.email)
    known = turn.ledger.get(Email, name) or Email()
    challenges.forget_link(turn, storefront, known.challenge)
    left = replace(known, customer_id=None, challenge=None)
    keep_ms = tallies.email_keep_ms(left, turn.now_ms)
    if keep_ms:
        turn.ledger.put(left, name, keep_ms=keep_ms)
    else:
        turn.ledger.delete(Email, name)


def _orders_left(turn: Turn, erasure: Erasure) -> list[Order]:
    # Who had not proven the mailbox is not whom the orders with that email are about.
    if not erasure.verified:
        return []
    name = order_index.of_email(erasure.email)
    return order_lists.page(turn, name, after=None, limit=ORDERS_AT_ONCE)[0]


def _strip(turn: Turn, storefront: Storefront, erasure: Erasure, orders: list[Order]) -> None:
    """Stage orders without what is personal in them.

    Raises:
        Miss: Naming at once the threads and returns that are not in memory.
    """
    together(*(partial(_strip_words, turn, order) for order in orders))
    stripped = [_stripped(turn, storefront, order, erasure.alias) for order in orders]
    order_index.file(turn.ledger, *zip(orders, stripped, strict=True))
    for order in stripped:
        turn.ledger.put(order, order.id)


def _stripped(turn: Turn, storefront: Storefront, order: Order, alias: str) -> Order:
    closed = replace(
        order_status.without_link(turn, order),
        email=alias,
        customer_id=None,
        buyer_name=None,
        buyer_phone=None,
        notes=None,
        shipping_address=None,
        billing_address=None,
        proofs=(),
        updated_at_ms=turn.now_ms,
        access_version=order.access_version + 1,
    )
    return order_access.issued(turn, storefront, closed)


def _strip_words(turn: Turn, order: Order) -> None:
    together(
        partial(threads.forget_buyer, turn, order), partial(returns.returns_of, turn, order.id)
    )
    known = returns.returns_of(turn, order.id)
    if any(returned.reason is not None for returned in known):
        silent = tuple(replace(returned, reason=None) for returned in known)
        turn.ledger.put(Returns(silent), order.id)
