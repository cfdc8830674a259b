"""An owner of some partitions that commits to a journal, and the numbers it must keep."""

import asyncio
from collections.abc import Awaitable
from typing import Self

import pytest

from doorward.actors.errors import StoreUnreachable
from doorward.actors.journal import Bid, Commit, Ending, Journal, Taken
from tests.actors.redis_node import WAIT_SECONDS


def record(partition: int, name: str = "email:1") -> str:
    """Name a record of a partition."""
    return f"dw:{{{partition}}}:x:{name}"


class Owner:
    """Holds partitions under the epochs it was given, and numbers its commits."""

    def __init__(self, journal: Journal, name: str = "ann") -> None:
        self.journal = journal
        self.name = name
        self.epochs: dict[int, int] = {}
        self.sent: dict[int, int] = {}
        self.acknowledged: dict[int, int] = {}

    async def take(self, *partitions: int) -> Self:
        """Take partitions, and go on where their last owner was."""
        for partition, taken in zip(partitions, await self.takes(*partitions), strict=True):
            self.epochs[partition] = taken.epoch
            self.sent[partition] = self.acknowledged[partition] = taken.seq
        return self

    async def takes(self, *partitions: int) -> list[Taken]:
        """Take partitions, and tell what was found."""
        claims = await self.journal.claims(partitions)
        bids = [
            Bid(
                partition,
                claim.epoch,
                claim.owner,
                self.epochs.get(partition, 0),
                self.acknowledged.get(partition, 0),
            )
            for partition, claim in zip(partitions, claims, strict=True)
        ]
        taken = await self.journal.take(self.name, bids, 1_000)
        return [found for found in taken if found is not None]

    async def put(self, value: bytes, *partitions: int, name: str = "email:1") -> list[Ending]:
        """Write a record of each partition, in one flush."""
        commits = [self._commit(value, partition, name) for partition in partitions]
        endings, _ = await self.journal.flush(commits, [])
        for commit, ending in zip(commits, endings, strict=True):
            if ending is Ending.COMMITTED:
                self.acknowledged[commit.partition] = commit.seq
        return endings

    async def reached(self) -> None:
        """Wait until the store of all its partitions can be reached."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                try:
                    await self.journal.claims(list(self.epochs))
                except StoreUnreachable:
                    await asyncio.sleep(0)
                else:
                    return

    async def take_again(self) -> None:
        """Take what it had, as soon as the store can be reached."""
        await self.reached()
        await self.take(*self.epochs)

    async def read(self, *partitions: int) -> list[bytes | None]:
        _, found = await self.journal.flush([], [record(partition) for partition in partitions])
        return found

    def _commit(self, value: bytes, partition: int, name: str) -> Commit:
        self.sent[partition] += 1
        write = ("s", record(partition, name), value, 0)
        return Commit(
            partition, self.epochs[partition], self.name, self.sent[partition], 2_000, [write]
        )


async def unreachable(work: Awaitable[object]) -> float:
    """Await a call that must fail, and tell how long it took in seconds."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(StoreUnreachable):
        await work
    return loop.time() - began
