"""Erasing a person: the turns of it one after another, and the bytes outside the store between."""

from collections.abc import Awaitable, Callable

from doorward.actors.blobs.store import BlobName, BlobStore
from doorward.actors.desks.merchant_keys import told
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.merchant_customers import EraseCustomer, EraseMore, ErasureGoesOn

Ask = Callable[[str, Request], Awaitable[Outcome]]


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
