"""The embedded system: host, journal and mail in this very process, Redis beside it.

``ask(slug, message)`` is the whole interface; a cluster offers the same one.
"""

from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant_customers import EraseCustomer
from doorward.actors.systems import erasing
from doorward.actors.systems.hosting import Hosting


class EmbeddedSystem(Hosting):
    """One host for all partitions, in this process."""

    def is_ready(self) -> bool:
        """Tell whether every partition is served right now."""
        return all(self.ownership.serves(p.index) for p in self.ownership.partitions)

    async def roster(self, after: str, limit: int) -> list[str]:
        """List slugs in order, after one.

        Raises:
            StoreUnreachable: When the store does not answer.
        """
        return await self._wiring.journal.roster(after, limit)

    async def erase(self, slug: str) -> Outcome:
        """Close a storefront and erase everything it had; asking again goes on after a crash.

        Raises:
            Unavailable: When it could not be finished now.
        """
        names = self._wiring.journal.names
        return await erasing.erase_storefront(self.ask, names, slug, self._wiring.blobs)

    async def erase_customer(self, slug: str, message: EraseCustomer) -> Outcome:
        """Erase a person at a storefront; asked again, it goes on where it broke off.

        Raises:
            Unavailable: When it could not be finished now.
        """
        return await erasing.erase_customer(self.ask, slug, message, self._wiring.blobs)
