"""What a host remembers of the records: authoritative while it owns the partition.

Absence is remembered like presence. Memory is bounded by two generations: what is touched moves to
the young one; when that is full (or old enough) the other is dropped and the two change places.
That costs a dictionary look-up per read and forgets exactly what nobody asks for, so that an idle
storefront ends up costing nothing.
"""

from typing import Final

from doorward.actors.errors import RecordUnreadable
from doorward.actors.records.record import Record

_ENTRY_BYTES: Final = 320
"""A dictionary slot, a key, a tuple and an object header or two."""
_GROWTH: Final = 4
"""A record takes about this many times its stored size as Python objects."""

Remembered = Record | RecordUnreadable | None
_Entry = tuple[Remembered, int]


class Memory:
    """Records by full key, bounded by an estimate of their size."""

    __slots__ = ("_old", "_young", "_young_bytes", "_young_limit")

    def __init__(self, limit_bytes: int) -> None:
        self._young: dict[str, _Entry] = {}
        self._old: dict[str, _Entry] = {}
        self._young_bytes = 0
        self._young_limit = limit_bytes // 2

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def knows(self, key: str) -> bool:
        """Tell whether a record (or its absence) is in memory; it counts as touched then."""
        if key in self._young:
            return True
        entry = self._old.pop(key, None)
        if entry is None:
            return False
        self._keep(key, entry)
        return True

    def look(self, key: str) -> Record | None:
        """Return a record, or None when it is known to be absent.

        Raises:
            KeyError: When it is not in memory.
            RecordUnreadable: When its stored form cannot be read.
        """
        entry = self._young.get(key)
        if entry is None:
            entry = self._old.pop(key)
            self._keep(key, entry)
        record = entry[0]
        if isinstance(record, RecordUnreadable):
            raise record
        return record

    def learn(self, key: str, record: Remembered, stored_bytes: int) -> None:
        """Remember a record (or its absence) as the store now has it."""
        self._old.pop(key, None)
        known = self._young.pop(key, None)
        if known is not None:
            self._young_bytes -= known[1]
        self._keep(key, (record, _ENTRY_BYTES + stored_bytes * _GROWTH))

    def age(self) -> None:
        """Forget what was not touched since the last time."""
        self._old = self._young
        self._young = {}
        self._young_bytes = 0

    def forget(self, prefix: str = "") -> None:
        """Forget everything whose key begins so; a partition that is no longer owned."""
        for generation in (self._young, self._old):
            if prefix:
                for key in [key for key in generation if key.startswith(prefix)]:
                    del generation[key]
            else:
                generation.clear()
        self._young_bytes = sum(size for _, size in self._young.values())

    def _keep(self, key: str, entry: _Entry) -> None:
        self._young[key] = entry
        self._young_bytes += entry[1]
        if self._young_bytes > self._young_limit:
            self.age()
