"""One mailbox per storefront that has work, bounded, and a fair share of every batch.

An idle storefront has no mailbox at all. A hot one gets what is left after everybody waiting had
a turn: batches are filled in rounds, ``ROUND`` messages per storefront and round.
"""

from asyncio import Future
from collections import deque
from typing import Final

from doorward.actors.errors import Overloaded
from doorward.actors.messages.envelope import Outcome, Request

ROUND: Final = 16
STOREFRONTS: Final = 32
"""Bounds the memory of all mailboxes together: as if so many storefronts were at their limit."""


class Ask:
    """A message on its way through a host, and where its outcome goes."""

    __slots__ = ("future", "message", "partition", "runs", "slug")

    def __init__(
        self, slug: str, partition: int, message: Request, future: "Future[Outcome]"
    ) -> None:
        self.slug = slug
        self.partition = partition
        self.message = message
        self.future = future
        self.runs = 0

    def answer(self, outcome: Outcome) -> None:
        """Hand over the outcome, unless whoever asked has gone."""
        if not self.future.done():
            self.future.set_result(outcome)

    def fail(self, error: Exception) -> None:
        """Hand over that there is no outcome, unless whoever asked has gone."""
        if not self.future.done():
            self.future.set_exception(error)


class Mailboxes:
    """The mailboxes of a host."""

    def __init__(self, *, limit: int) -> None:
        """Hold at most ``limit`` messages per storefront, and ``STOREFRONTS`` times that in all."""
        self._limit = limit
        self._boxes: dict[str, deque[Ask]] = {}
        self._waiting: deque[str] = deque()
        self.depth = 0

    def put(self, ask: Ask) -> None:
        """Queue a message.

        Raises:
            Overloaded: When the storefront's mailbox is full, or all of them together are.
        """
        if self.depth >= self._limit * STOREFRONTS:
            raise Overloaded("the host's mailboxes are full")
        box = self._boxes.get(ask.slug)
        if box is None:
            box = self._boxes[ask.slug] = deque()
            self._waiting.append(ask.slug)
        elif len(box) >= self._limit:
            raise Overloaded("the storefront's mailbox is full")
        box.append(ask)
        self.depth += 1

    def take(self, count: int) -> list[Ask]:
        """Take up to ``count`` messages, in fair rounds over all waiting storefronts."""
        batch: list[Ask] = []
        while self._waiting and len(batch) < count:
            slug = self._waiting.popleft()
            box = self._boxes[slug]
            share = min(ROUND, len(box), count - len(batch))
            batch.extend(box.popleft() for _ in range(share))
            if box:
                self._waiting.append(slug)
            else:
                del self._boxes[slug]
        self.depth -= len(batch)
        return batch

    def take_all(self) -> list[Ask]:
        """Empty every mailbox."""
        return self.take(self.depth)

    @property
    def storefronts(self) -> int:
        """How many storefronts have work waiting."""
        return len(self._boxes)
