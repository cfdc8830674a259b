"""A model of the store: what Redis and the scripts in ``actors/lua`` do, as plain data.

``tests/actors/test_journal_contract.py`` holds it to the real one. Everything here is synchronous
and happens at once; what can go wrong on the way is the wire's affair (``model_journal``).
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from doorward.actors.errors import StoreUnreachable
from doorward.actors.journal import Bid, Claim, Commit, Ending, Operation, Store, Taken
from doorward.actors.partitions import PARTITIONS, outbox_key, record_prefix, roster_key

STORE_ID: Final = "model"


@dataclass(frozen=True)
class Row:
    """A partition's own record."""

    epoch: int = 0
    owner: str = ""
    seq: int = 0
    at_ms: int = 0
    burned_ms: int = 0
    settled: bool = True


@dataclass
class Stream:
    """An outbox: entries in order, and the last id ever given."""

    entries: dict[str, bytes] = field(default_factory=dict)
    last: tuple[int, int] = (0, 0)

    def copy(self) -> "Stream":
        return Stream(dict(self.entries), self.last)


@dataclass
class Image:
    """All that a store holds; what is put back when a store goes back in time."""

    rows: dict[int, Row] = field(default_factory=dict)
    records: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    streams: dict[str, Stream] = field(default_factory=dict)
    rosters: dict[str, dict[str, None]] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)

    def copy(self) -> "Image":
        return Image(
            dict(self.rows),
            dict(self.records),
            {key: stream.copy() for key, stream in self.streams.items()},
            {key: dict(roster) for key, roster in self.rosters.items()},
            dict(self.marks),
        )


class Watcher(Protocol):
    """Sees every commit and take as the store decides it."""

    def committed(self, commit: Commit, ending: Ending, before: Row) -> None: ...

    def taken(self, owner: str, partition: int, row: Row) -> None: ...


class ModelStore:
    """One store. ``wall_ms`` is its wall clock, by which times to live run out."""

    def __init__(self, wall_ms: Callable[[], int]) -> None:
        self._wall_ms = wall_ms
        self.image = Image()
        self.watchers: list[Watcher] = []

    def open(self) -> Store:
        return Store(STORE_ID, self._wall_ms())

    def row(self, partition: int) -> Row:
        return self.image.rows.get(partition, Row())

    def get(self, key: str) -> bytes | None:
        stored, expires_at_ms = self.image.records.get(key, (None, 0))
        if expires_at_ms and self._wall_ms() >= expires_at_ms:
            del self.image.records[key]
            return None
        return stored

    def ttl_ms(self, key: str) -> int:
        """Tell how long a record has to live: -1 for good, -2 when there is none (as ``PTTL``)."""
        if self.get(key) is None:
            return -2
        expires_at_ms = self.image.records[key][1]
        return expires_at_ms - self._wall_ms() if expires_at_ms else -1

    def commit(self, commit: Commit) -> Ending:
        """Do what ``commit.lua`` does for one partition."""
        row = self.row(commit.partition)
        ending = self.judge(row, commit)
        if ending is Ending.COMMITTED and row.seq != commit.seq:
            for operation in commit.operations:
                self._apply(operation)
            changed = replace(row, seq=commit.seq, at_ms=commit.at_ms, settled=True)
            self.image.rows[commit.partition] = changed
        for watcher in self.watchers:
            watcher.committed(commit, ending, row)
        return ending

    def judge(self, row: Row, commit: Commit) -> Ending:
        """Tell how a commit ends, before anything is written."""
        if row.epoch < commit.epoch:
            return Ending.WENT_BACK
        if row.epoch > commit.epoch or row.owner != commit.owner or row.seq > commit.seq:
            return Ending.FENCED
        return Ending.WENT_BACK if row.seq < commit.seq - 1 else Ending.COMMITTED

    def claim(self, partition: int) -> Claim:
        row = self.row(partition)
        alive = self.image.marks.get(row.owner, 0) > self._wall_ms()
        return Claim(row.epoch, row.owner, row.seq, alive, row.settled)

    def take(self, owner: str, bid: Bid, at_ms: int) -> Taken | None:
        """Do what ``take.lua`` does."""
        row = self.row(bid.partition)
        if (row.epoch, row.owner) != (bid.seen_epoch, bid.seen_owner):
            return None
        went_back = self.went_back(row, bid)
        # What is burned must be older than this moment, also when the clock was set back.
        at_ms = max(row.at_ms + went_back, at_ms)
        taken = Row(
            max(row.epoch, bid.floor_epoch) + 1,
            owner,
            max(row.seq, bid.floor_seq),
            at_ms,
            at_ms if went_back else row.burned_ms,
            not bid.waits,
        )
        self.image.rows[bid.partition] = taken
        for watcher in self.watchers:
            watcher.taken(owner, bid.partition, taken)
        return Taken(taken.epoch, taken.seq, taken.at_ms, taken.burned_ms, went_back)

    def went_back(self, row: Row, bid: Bid) -> bool:
        """Tell whether the store is below what the bidder knows it has reached."""
        return row.epoch < bid.floor_epoch or row.seq < bid.floor_seq

    def confirm(
        self,
        owner: str,
        held: Sequence[tuple[int, int]],
        lease_ms: int,
        settled: Collection[int],
    ) -> list[Ending]:
        """Do what ``confirm.lua`` does, and mark the host alive."""
        self.image.marks[owner] = self._wall_ms() + lease_ms
        verdicts = []
        for partition, epoch in held:
            row = self.row(partition)
            verdict = self._verdict(owner, row, epoch)
            if verdict is Ending.COMMITTED and partition in settled:
                self.image.rows[partition] = replace(row, settled=True)
            verdicts.append(verdict)
        return verdicts

    def release(
        self,
        owner: str,
        held: Sequence[tuple[int, int]],
        *,
        settled: Collection[int],
        leaves: bool,
    ) -> None:
        """Do what ``release.lua`` does, and unmark a host that leaves."""
        for partition, epoch in held:
            row = self.row(partition)
            if (row.epoch, row.owner) == (epoch, owner):
                settles = row.settled or partition in settled
                self.image.rows[partition] = replace(row, owner="", settled=settles)
        if leaves:
            self.image.marks.pop(owner, None)

    def outbox(self, partition: int, after: str, count: int) -> list[tuple[str, bytes]]:
        entries = self.image.streams.get(outbox_key(partition), Stream()).entries
        start = _stream_id(after) if after else (0, 0)
        later = [(name, value) for name, value in entries.items() if _stream_id(name) > start]
        return later[:count]

    def roster(self, after: str, limit: int) -> list[str]:
        rosters = [self.image.rosters.get(roster_key(p), {}) for p in range(PARTITIONS)]
        return sorted(slug for roster in rosters for slug in roster if slug > after)[:limit]

    def names(self, slug: str, limit: int) -> tuple[list[str], bool]:
        prefix = record_prefix(slug)
        keys = [key for key in list(self.image.records) if self.get(key) is not None]
        found = sorted(key[len(prefix) :] for key in keys if key.startswith(prefix))
        return found[:limit], len(found) <= limit

    def _verdict(self, owner: str, row: Row, epoch: int) -> Ending:
        if (row.epoch, row.owner) == (epoch, owner):
            return Ending.COMMITTED
        return Ending.WENT_BACK if row.epoch < epoch else Ending.FENCED

    def _apply(self, operation: Operation) -> None:
        what, key, value, extra = operation
        match what:
            case "s":
                expires_at_ms = self._wall_ms() + int(extra) if int(extra) else 0
                self.image.records[key] = (value, expires_at_ms)
            case "d":
                self.image.records.pop(key, None)
            case "m":
                _append(self.image.streams.setdefault(key, Stream()), str(extra), value)
            case "x":
                self.image.streams.setdefault(key, Stream()).entries.pop(str(extra), None)
            case "l":
                self.image.rosters.setdefault(key, {})[value.decode()] = None
            case "u":
                self.image.rosters.setdefault(key, {}).pop(value.decode(), None)
            case _:
                raise StoreUnreachable(f"the script does not know {what!r}")


def _append(stream: Stream, name: str, value: bytes) -> None:
    given = _stream_id(name)
    if given <= stream.last:
        raise StoreUnreachable("XADD: the id is not greater than the last one")
    stream.entries[name] = value
    stream.last = given


def _stream_id(name: str) -> tuple[int, int]:
    first, _, second = name.partition("-")
    return int(first), int(second or 0)
