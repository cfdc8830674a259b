"""The partitions' rows in Redis, as far as they say who owns what (``actors/lua``)."""

from typing import Generic, NamedTuple, TypeVar

Owner = TypeVar("Owner")


class Claim(NamedTuple, Generic[Owner]):
    """What a row said when it was read."""

    epoch: int
    owner: Owner | None
    settled: bool


class Store(Generic[Owner]):
    """Who owns what; every method is one script call, so nothing comes in between."""

    def __init__(self, partitions: int) -> None:
        """Begin with nobody."""
        self._rows: list[Claim[Owner]] = [Claim(0, None, settled=True)] * partitions

    def claim(self, partition: int) -> Claim[Owner]:
        """Read a row."""
        return self._rows[partition]

    def take(self, partition: int, owner: Owner, seen: Claim[Owner], *, waits: bool) -> bool:
        """Raise the epoch for a new owner, unless somebody else was faster."""
        row = self._rows[partition]
        if (row.epoch, row.owner) != (seen.epoch, seen.owner):
            return False
        self._rows[partition] = Claim(row.epoch + 1, owner, not waits)
        return True

    def holds(self, partition: int, owner: Owner, epoch: int) -> bool:
        """Tell whether it is still the owner's."""
        row = self._rows[partition]
        return row.owner is owner and row.epoch == epoch

    def commit(self, partition: int, owner: Owner, epoch: int) -> bool:
        """Let an owner write something; whoever writes has done its waiting."""
        if not self.holds(partition, owner, epoch):
            return False
        self._rows[partition] = Claim(epoch, owner, settled=True)
        return True

    def release(self, partition: int, owner: Owner, epoch: int) -> None:
        """Give it up."""
        if self.holds(partition, owner, epoch):
            self._rows[partition] = self._rows[partition]._replace(owner=None)
