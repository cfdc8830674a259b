"""One work cycle's worth: what turns staged, what they missed, and whose outcomes wait for it."""

from typing import Final, NamedTuple

import msgspec

from doorward.actors.journal import Commit, Operation
from doorward.actors.ledger import Event, Ledger, Write
from doorward.actors.mailboxes import Ask
from doorward.actors.messages import Outcome
from doorward.actors.ownership import Partition
from doorward.actors.partitions import outbox_key, roster_key
from doorward.actors.records import MailJob, encode

GRACE_MS: Final = 2 * 3_600_000
"""How much longer than needed Redis keeps a record: its clock may be set, deadlines are ours."""


class Held(msgspec.Struct, frozen=True, gc=False):
    """An outcome behind the gate."""

    ask: Ask
    outcome: Outcome
    events: list[Event]


class Staged:
    """What one partition's turns staged in this cycle, and the outcomes that wait for it."""

    __slots__ = ("held", "listed", "mails", "partition", "writes")

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.writes: dict[str, Write] = {}
        self.mails: list[MailJob] = []
        self.listed: dict[str, bool] = {}
        self.held: list[Held] = []

    def take(self, ask: Ask, ledger: Ledger, outcome: Outcome) -> None:
        """Take over what a successful turn staged."""
        self.writes.update(ledger.writes)
        self.mails.extend(ledger.mails)
        if ledger.listed or ledger.delisted:
            self.listed[ask.slug] = ledger.listed
        self.held.append(Held(ask, outcome, ledger.events))

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
    """Everything one work cycle has to flush."""

    __slots__ = ("missed", "reads", "staged")

    def __init__(self) -> None:
        self.staged: dict[int, Staged] = {}
        self.missed: list[Ask] = []
        self.reads: dict[str, None] = {}

    def miss(self, ask: Ask, keys: tuple[str, ...]) -> None:
        """Note what a turn missed; it runs again once that is fetched."""
        self.missed.append(ask)
        for key in keys:
            self.reads[key] = None

    def stage(self, partition: Partition) -> Staged:
        """Return what is staged for a partition."""
        staged = self.staged.get(partition.index)
        if staged is None:
            staged = self.staged[partition.index] = Staged(partition)
        return staged
