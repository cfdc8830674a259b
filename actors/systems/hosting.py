"""A host at work in this process: its ownership, its working loop, its mails, its high-water file.

The same whether it is the only one, inside the HTTP process, or one of many in a cluster.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from doorward.actors import high_water, residence
from doorward.actors.blobs.store import BlobStore
from doorward.actors.clocks import StoreClock, boot_seconds
from doorward.actors.errors import StoreUnreachable
from doorward.actors.figures import HostFigures
from doorward.actors.hooks import Hooks
from doorward.actors.host import Host
from doorward.actors.journal import Journal
from doorward.actors.ledger import Event
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.outbox import Outbox
from doorward.actors.ownership import ALL, Ownership, Partition
from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.post.postponed import Postponed
from doorward.actors.post.transport import Transport
from doorward.actors.records.mail import MailJob
from doorward.actors.tokens import Chance, Random
from doorward.actors.turns import Place
from doorward.actors.work_loop import WorkLoop

HIGH_WATER_SECONDS: Final = 1.0
_LEAST_WAIT_MS: Final = 50
_WAIT_RANGE_MS: Final = 450


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What a host is made of.

    ``alone``: nobody but this process can reach the store. ``blobs``: what is erased with a
    storefront. ``wanted``: the partitions to take from the start. ``look_again_seconds``: see
    ``Ownership``.
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
    wanted: frozenset[int] = ALL
    look_again_seconds: float | None = None


class Hosting:
    """One host at work."""

    def __init__(
        self, wiring: Wiring, *, owner: str, marks: high_water.HighWater, clock: StoreClock
    ) -> None:
        """Use ``open``."""
        self._wiring = wiring
        self._marks = marks.with_owner(owner)
        self._marks_written_at = 0.0
        self.store_id = marks.store_id
        self.ownership = Ownership(
            wiring.journal,
            owner=owner,
            lease_seconds=wiring.lease_seconds,
            ticks=boot_seconds,
            clock=clock,
            dead=frozenset(marks.owners),
            alone=wiring.alone,
            wanted=wiring.wanted,
            look_again_seconds=wiring.look_again_seconds,
            find_gone=_find_gone,
        )
        self.ownership.expect(marks.marks)
        self.host = Host(
            wiring.journal,
            self.ownership,
            clock=clock,
            place=wiring.place,
            random=wiring.random,
            hooks=Hooks(
                wiring.on_event,
                self._on_mail,
                self._on_taken,
                wiring.on_trouble,
                self._on_leaving,
            ),
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
        """Open the store and take what is wanted.

        Raises:
            StoreRefused: When the store is another Doorward's, or of another shape.
            StoreUnreachable: When it does not answer.
        """
        store = await wiring.journal.open()
        clock = StoreClock(boot_seconds)
        clock.start_at(store.now_ms)
        marks = (await asyncio.to_thread(high_water.read, wiring.folder)).of(store.id)
        owner = await asyncio.to_thread(residence.new_owner)
        hosting = cls(wiring, owner=owner, marks=marks, clock=clock)
        await asyncio.to_thread(high_water.write, wiring.folder, hosting._marks)
        await hosting.outbox.delivery.start()
        await hosting._loop.start()
        return hosting

    def ask(self, slug: str, message: Request) -> "asyncio.Future[Outcome]":
        """Ask a storefront; see ``Host.ask``."""
        return self._loop.ask(slug, message)

    def want(self, wanted: frozenset[int], silent: frozenset[str]) -> None:
        """Be told which partitions to have, and who is silent; see ``Host.want``."""
        self.host.want(wanted, silent)
        self._loop.wake()

    def figures(self) -> HostFigures:
        """Tell how it stands."""
        delivery = self.outbox.delivery
        return HostFigures(
            counted=self.host.figures,
            rollbacks=self.ownership.rollbacks,
            depth=self.host.depth,
            remembered=self.host.remembered,
            owned=len(self.ownership.held()),
            mails={
                "sent": delivery.sent,
                "undeliverable": delivery.failed,
                "expired": delivery.expired,
            },
            mail_retries=delivery.retried,
            mails_pending=delivery.pending,
        )

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

    def _on_leaving(self, partition: int) -> bool:
        self._postponed.withdraw(partition)
        return self.outbox.withdraw(partition)

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


async def _find_gone(owners: frozenset[str]) -> frozenset[str]:
    # In a thread: /proc is read.
    return await asyncio.to_thread(residence.gone, owners)
