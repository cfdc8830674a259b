"""A host of a cluster: what it answers to couriers and to the steward.

It is the host that runs embedded, wanted for nothing until the steward's first beat says otherwise.
All of this runs in one event loop; nothing of it is called from another thread.
"""

import asyncio
import os
import resource
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from doorward.actors.cluster import wire
from doorward.actors.cluster.tables import Order, Report, Table
from doorward.actors.journal import Journal
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.systems.hosting import Hosting

_encoder: Final = msgspec.msgpack.Encoder()
_orders: Final = msgspec.msgpack.Decoder(Order)
_MAILS: Final = 200
_RSS_UNIT: Final = 1024
"""``ru_maxrss`` is in KiB on Linux."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which host this is, and by what all of a cluster must agree (``settings``, a digest)."""

    name: str
    settings: str
    node: str = ""


class HostServer:
    """Serves batches of messages, and the steward's beats."""

    def __init__(
        self,
        hosting: Hosting,
        journal: Journal,
        identity: Identity,
        mailbox: DevelopmentMailbox | None = None,
    ) -> None:
        """Serve for a host at work; ``mailbox``: where its mails are kept, if none are sent."""
        self._mailbox = mailbox
        self._hosting = hosting
        self._journal = journal
        self._identity = identity
        self._table = Table(hosting.store_id, 0, ())
        self._told_turns: dict[int, int] = {}
        self._told_flushes = 0
        self._told_flush_ms = 0.0

    async def serve(self, batch: bytes) -> bytes:
        """Answer a batch of asks, in its order, once all of them are decided.

        Raises:
            VocabularyDiffers: When it is of another release; nothing was done.
        """
        _, asks = wire.read_batch(batch)
        answers = await asyncio.gather(*self._asked(asks), return_exceptions=True)
        return wire.answers_bytes(self._table.version, [_expected(each) for each in answers])

    def beat(self, order: bytes) -> bytes:
        """Take a steward's order, and report.

        An order of another store's, or older than what is known, changes nothing.
        """
        told = _orders.decode(order)
        if told.table is None or told.table.store_id == self._table.store_id:
            self._follow(told)
        return _encoder.encode(self._report())

    def _follow(self, told: Order) -> None:
        if told.table is not None and told.table.version > self._table.version:
            self._table = told.table
        if self._table.version and told.version >= self._table.version:
            wanted = self._table.of(self._identity.name)
            self._hosting.want(wanted, frozenset(told.silent))

    def table(self, known: int) -> bytes:
        """Tell the newest table known; nothing when it is no newer than ``known``."""
        return _encoder.encode(self._table) if self._table.version > known else b""

    async def roster(self, after: str, limit: int) -> list[str]:
        """List slugs in order, after one (``Journal.roster``)."""
        return await self._journal.roster(after, limit)

    async def names(self, slug: str, limit: int) -> tuple[list[str], bool]:
        """Name some records of a storefront (``Journal.names``)."""
        return await self._journal.names(slug, limit)

    def mails(self) -> bytes:
        """Show the newest mails, where they are kept and none are sent (development)."""
        return _encoder.encode(self._mailbox.newest(limit=_MAILS) if self._mailbox else [])

    def figures(self) -> bytes:
        """Tell how it stands (``HostFigures``)."""
        return _encoder.encode(self._hosting.figures())

    async def close(self) -> None:
        """Finish what is queued, and give everything up."""
        await self._hosting.close()

    def _asked(self, asks: Iterable[tuple[str, Request]]) -> Iterable["asyncio.Future[Outcome]"]:
        for slug, message in asks:
            try:
                yield self._hosting.ask(slug, message)
            except Exception as error:  # noqa: BLE001 - one that is refused must not stop the others
                failed: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
                failed.set_exception(error)
                yield failed

    def _report(self) -> Report:
        hosting, identity = self._hosting, self._identity
        host, ownership = hosting.host, hosting.ownership
        held = ownership.held()
        return Report(
            name=identity.name,
            owner=ownership.owner,
            node=identity.node,
            pid=os.getpid(),
            store_id=hosting.store_id,
            vocabulary=wire.VOCABULARY,
            settings=identity.settings,
            version=self._table.version,
            held=tuple(p.index for p in held if ownership.serves(p.index)),
            loads=self._loads(),
            asks=host.figures.asks,
            depth=host.depth,
            remembered=host.remembered,
            flush_ms=self._flush_ms(),
            epoch=max((p.epoch for p in held), default=0),
            rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT,
        )

    def _loads(self) -> dict[int, int]:
        turns = {p.index: p.turns for p in self._hosting.ownership.partitions if p.turns}
        before, self._told_turns = self._told_turns, turns
        return {
            p: count - before.get(p, 0) for p, count in turns.items() if count > before.get(p, 0)
        }

    def _flush_ms(self) -> float:
        figures = self._hosting.host.figures
        count, total = figures.flushes - self._told_flushes, figures.flush_ms.sum
        spent, self._told_flush_ms = total - self._told_flush_ms, total
        self._told_flushes = figures.flushes
        return spent / count if count else 0.0


def _expected(answer: Outcome | BaseException) -> Outcome | Exception:
    """Pass on what is an answer; what is none (a cancellation) ends the call."""
    if isinstance(answer, Outcome | Exception):
        return answer
    raise answer
