"""From durable mail jobs to mail: what was committed is sent, then struck from the outbox.

A job is committed beside the code it announces and holds no secret; only here, at sending time,
are code and link derived. The owner feeds its own commits straight to the post; the stream in the
store is read only after a partition was taken, or when the post had no room. So a mail may go twice
after a crash (the same mail, with the same code), but none is lost and none goes before its code is
true.

A mail that is to be held back waits in the store as well, not here: what is remembered is only when
a partition's outbox must be read again, however many wait in it and whoever owns it by then.
"""

from collections.abc import Callable
from typing import Final

from doorward.actors.errors import RecordUnreadable
from doorward.actors.host import Host
from doorward.actors.journal import Journal
from doorward.actors.keyring import Keyring
from doorward.actors.opening import opened
from doorward.actors.post.delivery import Delivery, Ending
from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.post.mail import Mail
from doorward.actors.post.transport import Transport
from doorward.actors.records.codec import decode_job
from doorward.actors.records.mail import MailJob

PAGE: Final = 500
HELD_STEP_MS: Final = 10_000
"""Mails that are held back go at steps of this, so that thousands of them are read a few times."""


class Outbox:
    """The mails of a host's partitions, on their way out."""

    def __init__(
        self,
        journal: Journal,
        host: Host,
        transport: Transport,
        *,
        keyring: Keyring,
        clock_ms: Callable[[], int],
    ) -> None:
        self._journal = journal
        self._host = host
        self._keyring = keyring
        self._clock_ms = clock_ms
        self._unread: set[int] = set()
        self._held: dict[int, int] = {}
        # A mailbox that is only looked at needs no delivery: no queue, no retry, no deadline.
        self._mailbox = transport if isinstance(transport, DevelopmentMailbox) else None
        self.delivery = Delivery(transport, clock_ms=clock_ms, settle=self._settled)

    def send(self, partition: int, mail_id: str, job: MailJob) -> None:
        """Send a committed mail; what finds no room, or is too early, is read again later."""
        if job.is_blank:
            self._host.gate.strike(partition, mail_id)
            return
        if job.not_before_ms > self._clock_ms():
            self._hold(partition, job.not_before_ms)
            return
        if self._mailbox is not None:
            self._mailbox.keep(lambda: opened(job, self._keyring, at_ms=job.sent_at_ms))
            self.delivery.sent += 1
            self._host.gate.strike(partition, mail_id)
            return

        def make() -> Mail | None:
            return opened(job, self._keyring, at_ms=self._clock_ms())

        name, urgent = f"{partition}/{mail_id}", job.letter.urgent
        if not self.delivery.offer(make, mail_id=name, urgent=urgent):
            self._unread.add(partition)

    def read_again(self, partitions: list[int]) -> None:
        """Note partitions whose outbox may hold mails nobody here has in hand."""
        self._unread.update(partitions)

    def withdraw(self, partition: int) -> bool:
        """Leave a partition's mails to its next owner; tell whether none is being sent any more."""
        self._unread.discard(partition)
        self._held.pop(partition, None)
        return self.delivery.withdraw(f"{partition}/")

    async def catch_up(self) -> None:
        """Read what is noted, as far as the post has room.

        Raises:
            StoreUnreachable: When the store does not answer; what is left stays noted.
        """
        self._release()
        for partition in sorted(self._unread):
            if await self._read(partition):
                self._unread.discard(partition)
            elif self.delivery.full:
                return

    def _hold(self, partition: int, until_ms: int) -> None:
        step_ms = -(-until_ms // HELD_STEP_MS) * HELD_STEP_MS
        self._held[partition] = min(step_ms, self._held.get(partition, step_ms))

    def _release(self) -> None:
        now_ms = self._clock_ms()
        for partition in [held for held, until_ms in self._held.items() if until_ms <= now_ms]:
            del self._held[partition]
            self._unread.add(partition)

    async def _read(self, partition: int) -> bool:
        after = ""
        while True:
            rows = await self._journal.outbox(partition, after, PAGE)
            for mail_id, stored in rows:
                after = mail_id
                if not self._offered(partition, mail_id, stored):
                    return False
            if len(rows) < PAGE:
                return True

    def _offered(self, partition: int, mail_id: str, stored: bytes) -> bool:
        if self._host.gate.is_struck(partition, mail_id):
            return True
        try:
            job = decode_job(stored)
        except RecordUnreadable:
            self._host.gate.strike(partition, mail_id)
            return True
        self._unread.discard(partition)
        self.send(partition, mail_id, job)
        return partition not in self._unread

    def _settled(self, name: str, _ending: Ending) -> None:
        partition, _, mail_id = name.partition("/")
        self._host.gate.strike(int(partition), mail_id)
