"""A journal over the model store, through a wire that may be perfect or not.

What a call does to the store is a generator: it yields between steps that are atomic each, so that
a wire can tear between them (Redis runs a script whole; two scripts of one flush are two steps).
"""

from collections.abc import Collection, Generator, Sequence
from itertools import count
from typing import Protocol, TypeVar

from doorward.actors.journal import Bid, Claim, Commit, Ending, Store, Taken
from tests.actors.simulation.model_store import ModelStore

T = TypeVar("T")
Work = Generator[None, None, T]


class Wire(Protocol):
    """Carries a call to the store and its answer back."""

    async def carry(self, work: Work[T], *, lane: bool = False) -> T:
        """Carry it; calls on the lane arrive in the order in which they were made."""


class Torn(Exception):
    """The connection died before the last step."""


def done(work: Work[T], *, steps: int | None = None) -> T:
    """Do all of a call's work, or only its first steps.

    Raises:
        Torn: There would have been more.
    """
    for number in count():
        if number == steps:
            work.close()
            break
        try:
            next(work)
        except StopIteration as stop:
            result: T = stop.value
            return result
    raise Torn


class PerfectWire:
    """Nothing is lost, nothing takes time."""

    async def carry(self, work: Work[T], *, lane: bool = False) -> T:
        return done(work)


class ModelJournal:
    """A ``Journal`` on a model store."""

    def __init__(self, store: ModelStore, wire: Wire | None = None) -> None:
        self._store = store
        self._wire = wire or PerfectWire()

    async def open(self) -> Store:
        return await self._wire.carry(self._open())

    async def flush(
        self, commits: Sequence[Commit], reads: Sequence[str]
    ) -> tuple[list[Ending], list[bytes | None]]:
        return await self._wire.carry(self._flush(commits, reads), lane=True)

    async def claims(self, partitions: Sequence[int]) -> list[Claim]:
        return await self._wire.carry(self._claims(partitions))

    async def take(self, owner: str, bids: Sequence[Bid], at_ms: int) -> list[Taken | None]:
        return await self._wire.carry(self._take(owner, bids, at_ms))

    async def confirm(
        self,
        owner: str,
        held: Sequence[tuple[int, int]],
        lease_ms: int,
        *,
        settled: Collection[int] = (),
    ) -> list[Ending]:
        return await self._wire.carry(self._confirm(owner, held, lease_ms, settled))

    async def release(
        self,
        owner: str,
        held: Sequence[tuple[int, int]],
        *,
        settled: Collection[int] = (),
        leaves: bool = True,
    ) -> None:
        await self._wire.carry(self._release(owner, held, settled, leaves=leaves))

    async def outbox(self, partition: int, after: str, count: int) -> list[tuple[str, bytes]]:
        return await self._wire.carry(self._outbox(partition, after, count))

    async def roster(self, after: str, limit: int) -> list[str]:
        return await self._wire.carry(self._roster(after, limit))

    async def names(self, slug: str, limit: int) -> tuple[list[str], bool]:
        return await self._wire.carry(self._names(slug, limit))

    def _open(self) -> Work[Store]:
        yield
        return self._store.open()

    def _flush(
        self, commits: Sequence[Commit], reads: Sequence[str]
    ) -> Work[tuple[list[Ending], list[bytes | None]]]:
        endings = []
        for commit in commits:
            yield
            endings.append(self._store.commit(commit))
        yield
        return endings, [self._store.get(key) for key in reads]

    def _claims(self, partitions: Sequence[int]) -> Work[list[Claim]]:
        yield
        return [self._store.claim(partition) for partition in partitions]

    def _take(self, owner: str, bids: Sequence[Bid], at_ms: int) -> Work[list[Taken | None]]:
        taken = []
        for bid in bids:
            yield
            taken.append(self._store.take(owner, bid, at_ms))
        return taken

    def _confirm(
        self,
        owner: str,
        held: Sequence[tuple[int, int]],
        lease_ms: int,
        settled: Collection[int],
    ) -> Work[list[Ending]]:
        yield
        return self._store.confirm(owner, held, lease_ms, settled)

    def _release(
        self,
        owner: str,
        held: Sequence[tuple[int, int]],
        settled: Collection[int],
        *,
        leaves: bool,
    ) -> Work[None]:
        yield
        self._store.release(owner, held, settled=settled, leaves=leaves)

    def _outbox(self, partition: int, after: str, count: int) -> Work[list[tuple[str, bytes]]]:
        yield
        return self._store.outbox(partition, after, count)

    def _roster(self, after: str, limit: int) -> Work[list[str]]:
        yield
        return self._store.roster(after, limit)

    def _names(self, slug: str, limit: int) -> Work[tuple[list[str], bool]]:
        yield
        return self._store.names(slug, limit)
