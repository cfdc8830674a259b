"""The demo storefront: something to sign in to, with orders to see, on the first run."""

import asyncio
import time
from pathlib import Path
from typing import Final

import structlog

from doorward.actors import tokens
from doorward.actors.data_folder import replace_file
from doorward.actors.errors import DoorwardError
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.merchant import AddSellerRemark, GetOrder, OrderFound, PutOrders
from doorward.actors.messages.operator import (
    GetStorefront,
    PutStorefront,
    StorefrontDocument,
    StorefrontView,
)
from doorward.actors.messages.orders import AddBuyerRemark
from doorward.actors.messages.refusals import NotFound
from doorward.actors.partitions import partition_of, shared_name
from doorward.actors.records.storefronts import BankAccount, Payment
from doorward.http.demo_orders import DemoOrder, Told, demo_orders
from doorward.http.system import System

SLUG: Final = "kopi-senja"
_MARK: Final = "demo-made"
_BEGUN: Final = "demo-begun"
_DOCUMENT: Final = StorefrontDocument(
    display_name="Kopi Senja",
    published=True,
    accent="#8a4b2a",
    payment=Payment(
        bank_accounts=(
            BankAccount("Bank Central Asia", "7750123456", "PT Kopi Senja Abadi"),
            BankAccount("Bank Mandiri", "1310009876543", "PT Kopi Senja Abadi"),
        ),
        instructions="Please transfer within two days and write the order number as the message.",
        whatsapp_number="+6281200005678",
    ),
)
_log: Final = structlog.get_logger("doorward")


async def seed_demo(system: System, folder: Path) -> str | None:
    """Make the demo storefront and its orders, once per data folder.

    What an operator deleted stays deleted, and what is there already (the store is older than the
    folder) stays as it is. A failure is logged, and tried again at the next start: real storefronts
    do not stay closed for want of a demo.

    Returns:
        Its slug; None when nobody can sign in to it now.
    """
    try:
        found = await _seed(system, folder)
    except (DoorwardError, OSError) as error:
        _log.warning("demo_not_made", cause=type(error).__name__)
        return None
    return SLUG if isinstance(found, StorefrontView) and found.document.published else None


async def _seed(system: System, folder: Path) -> Outcome:
    mark, begun = folder / _MARK, folder / _BEGUN
    found = await system.ask(SLUG, GetStorefront())
    if await asyncio.to_thread(mark.exists):
        return found
    is_ours = await asyncio.to_thread(begun.exists)
    if isinstance(found, NotFound):
        # Before it is made: what a crash leaves half made is told from what somebody else made.
        is_ours = True
        await asyncio.to_thread(_leave, begun)
        found = await system.ask(SLUG, PutStorefront(document=_DOCUMENT))
    if not isinstance(found, StorefrontView):
        _log.warning("demo_not_made", cause=type(found).__name__)
        return found
    if is_ours:
        await _order(system)
    await asyncio.to_thread(_leave, mark)
    return found


async def _order(system: System) -> None:
    orders = demo_orders(time.time_ns() // 1_000_000)
    documents = tuple(order.document for order in orders)
    put = await system.ask(SLUG, PutOrders(key_digest=None, documents=documents))
    _log.debug("demo_orders_put", outcome=type(put).__name__)
    for order in orders:
        await _talk(system, order)


async def _talk(system: System, order: DemoOrder) -> None:
    """Write beneath an order, unless something is there already; nobody is mailed."""
    number = order.document.order_number
    found = await system.ask(SLUG, GetOrder(key_digest=None, order_number=number))
    if not isinstance(found, OrderFound) or found.remarks:
        return
    for told in order.thread:
        if told.by == "buyer":
            await system.ask(shared_name(partition_of(SLUG)), _buyer_wrote(found, told))
        else:
            await system.ask(SLUG, _seller_wrote(found, told))


def _seller_wrote(found: OrderFound, told: Told) -> AddSellerRemark:
    return AddSellerRemark(
        key_digest=None,
        order_number=found.order.order_number,
        body=told.body,
        internal=told.by == "note",
        quiet=True,
    )


def _buyer_wrote(found: OrderFound, told: Told) -> AddBuyerRemark:
    return AddBuyerRemark(
        token_digest=tokens.digest(found.access_token),
        caller=Caller(address="127.0.0.1"),
        body=told.body,
    )


def _leave(mark: Path) -> None:
    replace_file(mark, f"{SLUG}\n".encode())
