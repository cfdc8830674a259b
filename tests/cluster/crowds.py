"""Shoppers at many storefronts at once, with a ledger for each (``tests.process.promises``)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Final, Self

from tests.http.shops import Storefront
from tests.process.promises import Promises, shoppers
from tests.process.servers import Server

STOREFRONTS: Final = 8
REST_SECONDS: Final = 0.1
"""They leave some of the machine to whoever has to be started meanwhile."""
_GIVEN_UP_SECONDS: Final = 60.0
_numbers: Final = count(1)


class Crowd:
    """One shopper at each of some storefronts, who never stops.

    Attributes:
        fronts: The storefronts.
        ledgers: What was promised at each.
    """

    def __init__(self, fronts: list[Storefront], sessions: list[str]) -> None:
        number = next(_numbers)
        self.fronts = fronts
        self.ledgers = [Promises(f"{number}-") for _ in fronts]
        self._sessions = sessions

    @classmethod
    async def at(cls, server: Server, known: list[Storefront]) -> Self:
        """Gather at storefronts that were made before."""
        fronts = [server.storefront(front) for front in known]
        sessions = [await front.session(f"crowd-{next(_numbers)}@x.io") for front in fronts]
        return cls(fronts, sessions)

    @property
    def made(self) -> int:
        return sum(ledger.made for ledger in self.ledgers)

    @property
    def answered(self) -> int:
        return sum(ledger.answered for ledger in self.ledgers)

    @property
    def unavailable(self) -> int:
        return sum(ledger.unavailable for ledger in self.ledgers)

    @property
    def unheard(self) -> int:
        return sum(ledger.unheard for ledger in self.ledgers)

    @asynccontextmanager
    async def shopping(self) -> AsyncIterator[None]:
        """Let them come and go until the end of the block."""
        async with AsyncExitStack() as stack:
            for front, ledger in zip(self.fronts, self.ledgers, strict=True):
                shopper = shoppers(front, ledger, 1, rest_seconds=REST_SECONDS)
                await stack.enter_async_context(shopper)
            yield

    async def until(self, more: int) -> None:
        """Wait until there are so many more promises at every storefront than now."""
        await asyncio.gather(*(ledger.until(more) for ledger in self.ledgers))

    async def hold(self) -> None:
        """Hold the cluster to everything that was promised."""
        for front, ledger in zip(self.fronts, self.ledgers, strict=True):
            await ledger.hold(front)
        assert self.unheard == 0, "a request was cut off"

    async def until_served(self) -> float:
        """Ask every storefront until it answers; return how long the last one took in seconds."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(_GIVEN_UP_SECONDS):
            await asyncio.gather(*map(_served, self.fronts, self._sessions))
        return loop.time() - began

    def at_some(self, is_there: Callable[[Storefront], bool]) -> "Crowd":
        """Tell of the storefronts that are somewhere, without shoppers."""
        pairs = zip(self.fronts, self._sessions, strict=True)
        there = [(front, session) for front, session in pairs if is_there(front)]
        return Crowd([front for front, _ in there], [session for _, session in there])

    async def statuses(self) -> list[int]:
        """Ask every storefront once, and tell how each answered."""
        asked = map(Storefront.me, self.fronts, self._sessions)
        return [answer.status for answer in await asyncio.gather(*asked)]

    def is_well_served(self, share: float = 0.05) -> bool:
        """Tell whether nearly all requests were answered.

        A machine that is busy with other things for a second makes a host look lost, which costs
        an answer or two; a promise it never costs.
        """
        return self.unavailable <= self.answered * share

    def figures(self) -> str:
        """Tell in words what was counted."""
        return f"{self.answered} answers, {self.unavailable} of them 503; {self.made} promises"


async def _served(front: Storefront, session: str) -> None:
    while (await front.me(session)).status != 200:
        pass
