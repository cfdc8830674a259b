"""A turn's view of the records: ``get``, ``put``, ``delete``, staged until the turn succeeds.

A turn is a plain function. It reads what it needs; a record that is not in memory raises ``Miss``,
the host fetches it and runs the turn again from the start. That is safe because a turn stages its
writes here and nowhere else: until the host takes them, nothing happened.
"""

from collections.abc import Mapping
from typing import Protocol, cast

import msgspec

from doorward.actors.partitions import record_prefix
from doorward.actors.records.mail import MailJob
from doorward.actors.records.record import R, Record


class Miss(Exception):
    """Records a turn needs that are not in memory, by full key."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__(keys)
        self.keys = keys


class Memory(Protocol):
    """What is known of the store."""

    def knows(self, key: str) -> bool:
        """Tell whether a record (or its absence) is in memory."""

    def look(self, key: str) -> Record | None:
        """Return the record, or None when it is known to be absent.

        Raises:
            KeyError: When it is not in memory.
            RecordUnreadable: When its stored form cannot be read.
        """


class Write(msgspec.Struct, frozen=True, gc=False):
    """A staged write; ``record`` None deletes. ``keep_ms`` None keeps for good."""

    record: Record | None
    keep_ms: int | None


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something worth a line in the log once it is durable."""

    name: str
    slug: str
    fields: Mapping[str, str | int]


class Ledger:
    """One turn's records. ``prefix`` is the storefront's, ``shared`` the partition's own."""

    __slots__ = (
        "_memory",
        "_prefix",
        "_shared",
        "_staged",
        "counts",
        "delisted",
        "events",
        "listed",
        "mails",
        "writes",
    )

    def __init__(
        self, memory: Memory, staged: Mapping[str, "Write"], *, prefix: str, shared: str
    ) -> None:
        """Read from ``staged`` (what earlier turns of the cycle wrote), then from ``memory``."""
        self._memory = memory
        self._staged = staged
        self._prefix = prefix
        self._shared = shared
        self.writes: dict[str, Write] = {}
        self.counts: dict[str, Write] = {}
        self.mails: list[MailJob] = []
        self.events: list[Event] = []
        self.listed = False
        self.delisted = False

    def of(self, slug: str) -> "Ledger":
        """View a storefront of the same partition; what is staged there is staged here.

        A partition's shared actor finds out whose thing a token opens and goes on as that
        storefront in the same turn: one host owns both, and turns run one at a time.
        """
        view = Ledger(self._memory, self._staged, prefix=record_prefix(slug), shared=self._shared)
        view.writes, view.mails, view.events = self.writes, self.mails, self.events
        view.counts = self.counts
        return view

    def get(self, kind: type[R], name: str = "") -> R | None:
        """Read a record; None when there is none.

        Raises:
            Miss: When it is not in memory; the host fetches it and runs the turn again.
        """
        return cast("R | None", self._look(f"{self._prefix}{kind.kind}:{name}"))

    def get_shared(self, kind: type[R], name: str) -> R | None:
        """Read one of the partition's shared records.

        Raises:
            Miss: When it is not in memory.
        """
        return cast("R | None", self._look(f"{self._shared}{kind.kind}:{name}"))

    def need(self, *wanted: tuple[type[Record], str]) -> None:
        """Say at once which records the turn will read, so that one round trip fetches all.

        Raises:
            Miss: Naming every one that is not in memory.
        """
        missing = []
        for kind, name in wanted:
            key = f"{self._prefix}{kind.kind}:{name}"
            if key in self.writes or key in self._staged or self._memory.knows(key):
                continue
            missing.append(key)
        if missing:
            raise Miss(tuple(missing))

    def put(self, record: Record, name: str = "", *, keep_ms: int | None = None) -> None:
        """Stage a record; after ``keep_ms`` it means nothing any more and may be collected."""
        self.writes[f"{self._prefix}{record.kind}:{name}"] = Write(record, keep_ms)

    def count(self, record: Record, name: str = "", *, keep_ms: int) -> None:
        """Stage a record that no outcome waits for: a count of calls, not a promise to anybody.

        It is seen by every later turn at once, and stored within a tick or with the partition's
        next commit. A crash in between forgets it.
        """
        self.counts[f"{self._prefix}{record.kind}:{name}"] = Write(record, keep_ms)

    def put_shared(self, record: Record, name: str, *, keep_ms: int | None = None) -> None:
        """Stage one of the partition's shared records; ``keep_ms`` as in ``put``."""
        self.writes[f"{self._shared}{record.kind}:{name}"] = Write(record, keep_ms)

    def delete(self, kind: type[Record], name: str = "") -> None:
        """Stage a deletion."""
        self.writes[f"{self._prefix}{kind.kind}:{name}"] = _DELETION

    def delete_named(self, name: str) -> None:
        """Stage the deletion of ``kind:id``, whatever kind it is (erasure)."""
        self.writes[f"{self._prefix}{name}"] = _DELETION

    def delete_shared(self, kind: type[Record], name: str) -> None:
        """Stage the deletion of one of the partition's shared records."""
        self.writes[f"{self._shared}{kind.kind}:{name}"] = _DELETION

    def mail(self, job: MailJob) -> None:
        """Stage a mail: it leaves only after the commit that makes its code true."""
        self.mails.append(job)

    def changed(self) -> bool:
        """Tell whether anything was staged that must be committed before the outcome leaves."""
        return bool(self.writes or self.mails or self.listed or self.delisted)

    def _look(self, key: str) -> Record | None:
        staged = self.writes.get(key) or self.counts.get(key) or self._staged.get(key)
        if staged is not None:
            return staged.record
        try:
            return self._memory.look(key)
        except KeyError:
            raise Miss((key,)) from None


_DELETION = Write(None, None)
