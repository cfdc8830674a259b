"""What the surfaces talk to: whatever answers for storefronts, embedded or a cluster."""

from collections.abc import Awaitable
from typing import Protocol

from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.merchant_customers import EraseCustomer


class System(Protocol):
    """Asks storefronts. Every method may raise ``Unavailable``: then nothing may be concluded."""

    def ask(self, slug: str, message: Request) -> Awaitable[Outcome]:
        """Ask a storefront for one decision; the outcome is durable when it arrives."""

    async def roster(self, after: str, limit: int) -> list[str]:
        """List slugs in order, after one."""

    async def erase(self, slug: str) -> Outcome:
        """Close a storefront and erase everything it had."""

    async def erase_customer(self, slug: str, message: EraseCustomer) -> Outcome:
        """Erase a person at a storefront; asked again, it goes on where it broke off."""

    def is_ready(self) -> bool:
        """Tell whether every storefront can be asked now."""
