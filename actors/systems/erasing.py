"""Erasing: the turns of it one after another, and the bytes outside the store between."""

from collections.abc import Awaitable, Callable
from typing import Final

from doorward.actors.blobs.store import BlobName, BlobStore
from doorward.actors.desks.merchant_keys import told
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.merchant_customers import EraseCustomer, EraseMore, ErasureGoesOn
from doorward.actors.messages.operator import DeleteStorefront, EraseRecords
from doorward.actors.messages.refusals import NotFound

NAMED_AT_ONCE: Final = 10_000
"""Naming looks through the whole store, so it should seldom have to begin again."""
ERASED_AT_ONCE: Final = 120
"""What one turn deletes: an order takes what finds it by its token along, so twice this many fit
into one script call (``redis_scripts.WRITES_PER_CALL``)."""

Ask = Callable[[str, Request], Awaitable[Outcome]]
Names = Callable[[str, int], Awaitable[tuple[list[str], bool]]]
"""Names some records of a storefront (``Journal.names``)."""


async def erase_storefront(ask: Ask, names: Names, slug: str, blobs: BlobStore | None) -> Outcome:
    """Close a storefront and erase everything it had; asking again goes on after a crash.

    Raises:
        Unavailable: When it could not be finished now.
    """
    closed = await ask(slug, DeleteStorefront())
    if isinstance(closed, NotFound):
        return closed
    complete = False
    while not complete:
        named, complete = await names(slug, NAMED_AT_ONCE)
        for start in range(0, len(named), ERASED_AT_ONCE):
            chunk = tuple(named[start : start + ERASED_AT_ONCE])
            await ask(slug, EraseRecords(names=chunk, last=False))
    # Before the slug is free again, and after no turn can refer to a blob of it any more.
    if blobs is not None:
        await blobs.erase(slug)
    await ask(slug, EraseRecords(names=(), last=True))
    return closed


async def erase_customer(
    ask: Ask, slug: str, message: EraseCustomer, blobs: BlobStore | None
) -> Outcome:
    """Erase a person; asked again after it broke off, it goes on where it stopped.

    Returns:
        ``CustomerErased`` once nothing is left; ``NotFound`` when there was nothing; what refused
        the key.

    Raises:
        Unavailable: When it could not be finished now.
    """
    first = outcome = await ask(slug, message)
    while isinstance(outcome, ErasureGoesOn):
        for blob in outcome.blobs:
            if blobs is not None:
                await blobs.delete(BlobName(slug, blob.order_id, blob.name))
        more = EraseMore(customer_id=message.customer_id, blobs=outcome.blobs)
        outcome = await ask(slug, more)
    return told(outcome, getattr(first, "standing", None))
