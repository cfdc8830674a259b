"""One flush's worth: what turns staged, what they missed, and whose outcomes wait for it."""

from typing import Final, NamedTuple

import msgspec

from doorward.actors.journal import Commit, Operation
from doorward.actors.ledger import Event, Ledger, Write
from doorward.actors.mailboxes import Ask
from doorward.actors.messages.envelope import Outcome
from doorward.actors.ownership import Partition
from doorward.actors.partitions import outbox_key, roster_key
from doorward.actors.records.codec import encode
from doorward.actors.records.mail import MailJob

MESSAGES: Final = 256
"""How many messages a batch takes: enough to share a flush, few enough to answer soon."""
GRACE_MS: Final = 2 * 3_600_000
"""How much longer than needed Redis keeps a record: its clock may be set, deadlines are ours."""


class Held(msgspec.Struct, frozen=True, gc=False):
    """An outcome behind the gate."""

    ask: Ask
    outcome: Outcome
    events: list[Event]


class Staged:
    """What one partition's turns staged, and the outcomes that wait for it."""

    __slots__ = ("held", "listed", "mails", "partition", "writes")

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.writes: dict[str, Write] = {}
        self.mails: list[MailJob] = []
        self.listed: dict[str, bool] = {}
        self.held: list[Held] = []

    def take(self, ledger: Ledger, held: Held) -> None:
        """Take over what a successful turn staged, and its outcome."""
        self.writes.update(ledger.counts)
        self.writes.update(ledger.writes)
        self.mails.extend(ledger.mails)
        if ledger.listed or ledger.delisted:
            self.listed[held.ask.slug] = ledger.listed
        self.held.append(held)

    def write(self, owner: str, at_ms: int, struck: list[str]) -> "Written":
        """Write this down as the partition's next commit.

        Args:
            owner: The host's owner id.
            at_ms: Store time.
            struck: Mails that are settled and leave the outbox.
        """
        index, seq = self.partition.index, self.partition.seq + 1
        operations, sizes = self._records()
        # Stream ids grow with the partition's sequence, so the owner knows them without asking.
        mails = [(f"{seq}-{number}", job) for number, job in enumerate(self.mails, 1)]
        outbox = outbox_key(index)
        operations += [("m", outbox, encode(job), mail_id) for mail_id, job in mails]
        operations += [("x", outbox, b"", mail_id) for mail_id in struck]
        operations += [
            ("l" if listed else "u", roster_key(index), slug.encode(), 0)
            for slug, listed in self.listed.items()
        ]
        commit = Commit(index, self.partition.epoch, owner, seq, at_ms, operations)
        return Written(commit, sizes, mails, struck)

    def _records(self) -> tuple[list[Operation], dict[str, int]]:
        operations: list[Operation] = []
        sizes: dict[str, int] = {}
        for key, write in self.writes.items():
            if write.record is None:
                operations.append(("d", key, b"", 0))
                sizes[key] = 0
                continue
            stored = encode(write.record)
            ttl_ms = 0 if write.keep_ms is None else write.keep_ms + GRACE_MS
            operations.append(("s", key, stored, ttl_ms))
            sizes[key] = len(stored)
        return operations, sizes


class Written(NamedTuple):
    """A partition's commit, its records' sizes, its mails by stream id, and what it strikes."""

    commit: Commit
    sizes: dict[str, int]
    mails: list[tuple[str, MailJob]]
    struck: list[str]


class Batch:
    """What is staged and missed until it is sent, in one round trip.

    Attributes:
        messages: How many messages wait for it. None do where only counts of calls are staged.
    """

    __slots__ = ("messages", "missed", "reads", "staged")

    def __init__(self) -> None:
        self.staged: dict[int, Staged] = {}
        self.missed: list[Ask] = []
        self.reads: dict[str, tuple[Partition, int]] = {}
        self.messages = 0

    @property
    def room(self) -> int:
        """How many more messages it should take."""
        return MESSAGES - self.messages

    def stage(self, partition: Partition) -> Staged:
        """Return what is staged for a partition, to add what a message waits for."""
        self.messages += 1
        return self.beside(partition)

    def beside(self, partition: Partition) -> Staged:
        """Return what is staged for a partition, to add what nobody waits for."""
        staged = self.staged.get(partition.index)
        if staged is None:
            staged = self.staged[partition.index] = Staged(partition)
        return staged

    def ripen(self) -> None:
        """Let what nobody waits for be sent as well."""
        if self.staged:
            self.messages = max(1, self.messages)

    def miss(self, ask: Ask, partition: Partition, keys: tuple[str, ...]) -> None:
        """Note what a message's turn missed, and the epoch it is read under."""
        self.missed.append(ask)
        self.messages += 1
        for key in keys:
            self.reads[key] = (partition, partition.epoch)

    def drop(self, partition: Partition) -> list[Ask]:
        """Take a partition out, and return the messages that waited for it."""
        staged = self.staged.pop(partition.index, None)
        waiting = [held.ask for held in staged.held] if staged is not None else []
        waiting += [ask for ask in self.missed if ask.partition == partition.index]
        self.missed = [ask for ask in self.missed if ask.partition != partition.index]
        self.reads = {
            key: (whose, epoch)
            for key, (whose, epoch) in self.reads.items()
            if whose is not partition
        }
        return waiting

    def asks(self) -> list[Ask]:
        """List every message that waits for it."""
        return [
            *(held.ask for staged in self.staged.values() for held in staged.held),
            *self.missed,
        ]
