"""The journal: how a host reads and commits, whatever keeps the records.

One ``flush`` carries the staged writes of many storefronts and the reads that turns missed, in one
round trip. It ends, per partition, in one of three ways:

- *committed*: everything of that partition is durable; its outcomes may leave;
- *fenced*: another owner has the partition; nothing of it was written;
- *unknown* (``StoreUnreachable``): some of it may be durable and some not. Nobody may repeat it;
  the owner forgets what it held in memory, raises its epochs and reads again.

``RedisJournal`` (in ``redis_journal``) is the real one; the simulator has a model of it.
"""

from collections.abc import Collection, Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol


class Ending(IntEnum):
    """How one partition's part of a flush ended, when it is known."""

    COMMITTED = 0
    FENCED = 1
    WENT_BACK = 2


Operation = tuple[str, str, bytes, int | str]
"""One write: what, key, value, extra.

What: ``s`` set, ``d`` delete, ``m`` mail, ``x`` strike mail, ``l`` list, ``u`` unlist. Extra: the
time to live in ms for ``s`` (0: for good), the stream id for ``m`` and ``x``, else 0. A bare tuple,
since thousands a second are made.
"""


class Commit(NamedTuple):
    """One partition's part of a flush: all of it or nothing, under (epoch, owner)."""

    partition: int
    epoch: int
    owner: str
    seq: int
    at_ms: int
    operations: list[Operation]


class Claim(NamedTuple):
    """Who owns a partition, as the store says. ``owner`` is empty when nobody does."""

    epoch: int
    owner: str
    seq: int
    alive: bool
    """Whether the owner's host was heard of lately; a hint, never a proof."""
    settled: bool = True
    """Whether the owner had waited for the lease of the one before it; else that may still run."""


class Bid(NamedTuple):
    """An attempt to take a partition that was seen with this epoch and owner."""

    partition: int
    seen_epoch: int
    seen_owner: str
    floor_epoch: int
    floor_seq: int
    waits: bool = False
    """Whether the bidder must wait for a lease before it answers."""


class Taken(NamedTuple):
    """A partition taken: its new epoch, and what its last owner left."""

    epoch: int
    seq: int
    at_ms: int
    burned_before_ms: int
    went_back: bool


class Store(NamedTuple):
    """A store as it was opened: its random identity and its wall clock."""

    id: str
    now_ms: int


class Journal(Protocol):
    """What a host needs of a store. Every method may raise ``StoreUnreachable``."""

    async def open(self) -> Store:
        """Open the store, or make it.

        Raises:
            StoreRefused: When it was made with another number of partitions or another format.
        """

    async def flush(
        self, commits: Sequence[Commit], reads: Sequence[str]
    ) -> tuple[list[Ending], list[bytes | None]]:
        """Commit, then read; both in one round trip."""

    async def claims(self, partitions: Sequence[int]) -> list[Claim]:
        """Tell who owns these partitions."""

    async def take(self, owner: str, bids: Sequence[Bid], at_ms: int) -> list[Taken | None]:
        """Take partitions; None for each that somebody else took first."""

    async def confirm(
        self,
        owner: str,
        held: Sequence[tuple[int, int]],
        lease_ms: int,
        *,
        settled: Collection[int] = (),
    ) -> list[Ending]:
        """Tell whether these (partition, epoch) are still held, and that this host lives.

        ``settled``: the partitions for which it has waited for whoever was before it.
        """

    async def release(
        self,
        owner: str,
        held: Sequence[tuple[int, int]],
        *,
        settled: Collection[int] = (),
        leaves: bool = True,
    ) -> None:
        """Give these (partition, epoch) up; ``leaves``: the host is heard of no more."""

    async def outbox(self, partition: int, after: str, count: int) -> list[tuple[str, bytes]]:
        """Read mail jobs that were committed and not yet struck, after a stream id."""

    async def roster(self, after: str, limit: int) -> list[str]:
        """List slugs in order, after one."""

    async def names(self, slug: str, limit: int) -> tuple[list[str], bool]:
        """Name some records of a storefront (``kind:id``), and tell whether those are all."""
