"""The high-water file: what the store had acknowledged, remembered outside the store.

A store put back to an earlier state looks perfectly healthy from within. This file, on the host's
own disk, says how far it had come; a partition found below its mark has gone back in time. The file
may lag behind (it is written about once a second), never run ahead.

It also names the hosts that ran on this data folder. The folder's lock is ours now, so they are
dead, and nobody needs to wait for their lease.
"""

from pathlib import Path
from typing import Final

import msgspec

from doorward.actors.data_folder import replace_file

FILE: Final = "high-water.json"
_OWNERS_KEPT: Final = 16


class HighWater(msgspec.Struct, frozen=True):
    """How far a store had come: (epoch, sequence) per partition, and who owned them."""

    store_id: str = ""
    owners: tuple[str, ...] = ()
    marks: dict[int, tuple[int, int]] = {}

    def of(self, store_id: str) -> "HighWater":
        """Keep the marks if they speak of this store; those of another one mean nothing here."""
        return self if self.store_id == store_id else HighWater(store_id, self.owners)

    def with_owner(self, owner: str) -> "HighWater":
        """Add the host that works from now on."""
        owners = (*self.owners, owner)[-_OWNERS_KEPT:]
        return HighWater(self.store_id, owners, self.marks)


def read(folder: Path) -> HighWater:
    """Read the file; a missing or unreadable one says nothing (and asks everybody to wait)."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=HighWater)
    except (OSError, msgspec.MsgspecError):
        return HighWater()


def write(folder: Path, marks: HighWater) -> None:
    """Replace the file as a whole."""
    replace_file(folder / FILE, msgspec.json.encode(marks))
