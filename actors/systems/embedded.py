"""The embedded system: host, journal and mail in this very process, Redis beside it.

``ask(slug, message)`` is the whole interface; a cluster offers the same one.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from doorward.actors import high_water
from doorward.actors.blobs.store import BlobStore
from doorward.actors.clocks import StoreClock, boot_seconds
from doorward.actors.errors import StoreUnreachable
from doorward.actors.hooks import Hooks
from doorward.actors.host import Host
from doorward.actors.journal import Journal
from doorward.actors.ledger import Event
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.merchant_customers import EraseCustomer
from doorward.actors.messages.operator import DeleteStorefront, EraseRecords
from doorward.actors.messages.refusals import NotFound
from doorward.actors.outbox import Outbox
from doorward.actors.ownership import Ownership, Partition
from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.post.postponed import Postponed
from doorward.actors.post.transport import Transport
from doorward.actors.records.mail import MailJob
from doorward.actors.systems import erasing
from doorward.actors.tokens import Chance, Random
from doorward.actors.turns import Place
from doorward.actors.work_loop import WorkLoop

NAMED_AT_ONCE: Final = 10_000
"""Naming looks through the whole store, so it should seldom have to begin again."""
ERASED_AT_ONCE: Final = 120
"""What one turn deletes: an order takes what finds it by its token along, so twice this many fit
into one script call (``redis_journal.WRITES_PER_CALL``)."""
HIGH_WATER_SECONDS: Final = 1.0
_OWNER_BYTES: Final = 8
_LEAST_WAIT_MS: Final = 50
_WAIT_RANGE_MS: Final = 450


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What an embedded system is made of.

    ``alone``: nobody but this process can reach the store. ``blobs``: what is erased with a
    storefront.
    """

    journal: Journal
    place: Place
    transport: Transport
    folder: Path
    memory_bytes: int
    mailbox_limit: int
    lease_seconds: float
    on_event: Callable[[Event], None]
    on_trouble: Callable[[str, BaseException | None], None]
    alone: bool = False
    random: Random = field(default_factory=Chance)
    blobs: BlobStore | None = None


class EmbeddedSystem:
    """One host for all partitions, in this process."""

    def __init__(self, wiring: Wiring, marks: high_water.HighWater, clock: StoreClock) -> None:
        """Use ``open``."""
        self._wiring = wiring
        owner = secrets.token_hex(_OWNER_BYTES)
        self._marks = marks.with_owner(owner)
        self._marks_written_at = 0.0
        self.ownership = Ownership(
            wiring.journal,
            owner=owner,
            lease_seconds=wiring.lease_seconds,
            ticks=boot_seconds,
            clock=clock,
            dead=frozenset(marks.owners),
            alone=wiring.alone,
        )
        self.ownership.expect(marks.marks)
        self.host = Host(
            wiring.journal,
            self.ownership,
            clock=clock,
            place=wiring.place,
            random=wiring.random,
            hooks=Hooks(wiring.on_event, self._on_mail, self._on_taken, wiring.on_trouble),
            memory_bytes=wiring.memory_bytes,
            mailbox_limit=wiring.mailbox_limit,
        )
        self.outbox = Outbox(
            wiring.journal,
            self.host,
            wiring.transport,
            keyring=wiring.place.keyring,
            clock_ms=clock.now_ms,
        )
        self._postponed = Postponed(self.outbox.send)
        self._shown = isinstance(wiring.transport, DevelopmentMailbox)
        self._loop = WorkLoop(self.host, on_trouble=wiring.on_trouble, also=self._also)

    @classmethod
    async def open(cls, wiring: Wiring) -> Self:
        """Open the store and take its partitions.

        Raises:
            StoreRefused: When the store is another Doorward's, or of another shape.
            StoreUnreachable: When it does not answer.
        """
        store = await wiring.journal.open()
        clock = StoreClock(boot_seconds)
        clock.start_at(store.now_ms)
        marks = (await asyncio.to_thread(high_water.read, wiring.folder)).of(store.id)
        system = cls(wiring, marks, clock)
        await asyncio.to_thread(high_water.write, wiring.folder, system._marks)
        await system.outbox.delivery.start()
        await system._loop.start()
        return system

    def ask(self, slug: str, message: Request) -> "asyncio.Future[Outcome]":
        """Ask a storefront; see ``Host.ask``."""
        return self._loop.ask(slug, message)

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
        closed = await self.ask(slug, DeleteStorefront())
        if isinstance(closed, NotFound):
            return closed
        complete = False
        while not complete:
            names, complete = await self._wiring.journal.names(slug, NAMED_AT_ONCE)
            for start in range(0, len(names), ERASED_AT_ONCE):
                chunk = tuple(names[start : start + ERASED_AT_ONCE])
                await self.ask(slug, EraseRecords(names=chunk, last=False))
        # Before the slug is free again, and after no turn can refer to a blob of it any more.
        if self._wiring.blobs is not None:
            await self._wiring.blobs.erase(slug)
        await self.ask(slug, EraseRecords(names=(), last=True))
        return closed

    async def erase_customer(self, slug: str, message: EraseCustomer) -> Outcome:
        """Erase a person at a storefront; asked again, it goes on where it broke off.

        Raises:
            Unavailable: When it could not be finished now.
        """
        return await erasing.erase_customer(self.ask, slug, message, self._wiring.blobs)

    async def close(self) -> None:
        """Refuse new work, finish and commit what is queued, give the partitions up."""
        self._postponed.stop()
        await self.outbox.delivery.stop()
        await self._loop.stop()
        try:
            await self.ownership.release()
        except StoreUnreachable as error:
            self._wiring.on_trouble("release", error)
        self._write_marks(self._current_marks())

    def _on_mail(self, partition: int, mail_id: str, job: MailJob) -> None:
        if self._shown or not job.letter.urgent:
            self.outbox.send(partition, mail_id, job)
            return
        wait_seconds = (_LEAST_WAIT_MS + secrets.randbelow(_WAIT_RANGE_MS)) / 1000
        if not self._postponed.put(wait_seconds, partition, mail_id, job):
            self.outbox.read_again([partition])

    def _on_taken(self, partitions: list[Partition]) -> None:
        self.outbox.read_again([partition.index for partition in partitions])

    async def _also(self) -> None:
        """Do what a tick asks for beside the host: unread mail, the high-water file."""
        if self.ownership.reachable:
            await self.outbox.catch_up()
        now = boot_seconds()
        if now >= self._marks_written_at + HIGH_WATER_SECONDS:
            self._marks_written_at = now
            marks = self._current_marks()
            if marks != self._marks:
                self._marks = marks
                # In a thread: writing waits for the disk, and the loop must not.
                await asyncio.get_running_loop().run_in_executor(None, self._write_marks, marks)

    def _current_marks(self) -> high_water.HighWater:
        return high_water.HighWater(
            self._marks.store_id, self._marks.owners, self.ownership.high_water()
        )

    def _write_marks(self, marks: high_water.HighWater) -> None:
        try:
            high_water.write(self._wiring.folder, marks)
        except OSError as error:
            self._wiring.on_trouble("high-water file", error)
