"""What should not happen, as one tree.

DoorwardError
├── Unavailable            the answer is unknown or cannot be had now: 503, try again
│   ├── StoreUnreachable   Redis did not answer, or not in time
│   ├── NotOwner           this host does not (or no longer) own the storefront's partition
│   ├── Overloaded         the storefront's mailbox is full
│   ├── NoHosts            no host of the cluster can be asked now
│   └── VocabularyDiffers  host and HTTP process do not speak of the same messages
├── TurnFailed             a turn raised: its writes are dropped, the others stand
├── RecordUnreadable       a stored record is damaged, or a newer Doorward wrote it
├── StoreRefused           this Redis cannot be trusted with a door (volatile, evicting, foreign)
├── StoreMissing           no Redis server program can be found
├── ClusterRefused         this cluster cannot be used: no Ray, another store, other keys
└── DataFolderInUse        another server works on this data folder

Expected outcomes (wrong code, too many, not found) are values in ``messages``, never exceptions.
Every leaf passes all its data to ``super().__init__`` so that it survives pickling (Ray moves
errors between processes); ``tests/actors/test_errors.py`` holds them to it.
"""

from typing import ClassVar


class DoorwardError(Exception):
    """The root: anything Doorward raises on purpose outside ``config``."""

    code: ClassVar[str] = "internal"


class Unavailable(DoorwardError):
    """The outcome is unknown or cannot be had now; nothing may be concluded from it.

    Attributes:
        retry_after_seconds: When trying again makes sense.
    """

    code: ClassVar[str] = "unavailable"

    def __init__(self, reason: str, retry_after_seconds: int = 1) -> None:
        super().__init__(reason, retry_after_seconds)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        return self.reason


class StoreUnreachable(Unavailable):
    """Redis did not answer, or not in time: what was in flight may or may not be stored."""

    code: ClassVar[str] = "store_unreachable"


class NotOwner(Unavailable):
    """This host does not own the storefront's partition, or its lease has run out.

    Nothing was done with the message: it may be sent to whoever owns it.
    """

    code: ClassVar[str] = "not_owner"


class Overloaded(Unavailable):
    """The storefront's mailbox is full; answered at once so that waiting work is not wasted."""

    code: ClassVar[str] = "overloaded"


class NoHosts(Unavailable):
    """No host of the cluster can be asked: none is known, or none answers."""

    code: ClassVar[str] = "no_hosts"


class VocabularyDiffers(Unavailable):
    """Host and HTTP process are of releases that do not speak of the same messages."""

    code: ClassVar[str] = "vocabulary_differs"


class TurnFailed(DoorwardError):
    """A turn raised; nothing it staged is kept. The cause is logged, never sent."""

    code: ClassVar[str] = "turn_failed"


class RecordUnreadable(DoorwardError):
    """A stored record that this Doorward cannot read: damaged, or written by a newer one."""

    code: ClassVar[str] = "record_unreadable"

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(kind, reason)
        self.kind = kind
        self.reason = reason


class StoreRefused(DoorwardError):
    """This Redis must not be used: it forgets, evicts, or belongs to something else."""

    code: ClassVar[str] = "store_refused"


class StoreMissing(DoorwardError):
    """No Redis or Valkey server program was found to run as the embedded store."""

    code: ClassVar[str] = "store_missing"


class ClusterRefused(DoorwardError):
    """This cluster must not or cannot be used; the sentence says why, and what to do."""

    code: ClassVar[str] = "cluster_refused"


class DataFolderInUse(DoorwardError):
    """Another server holds the lock of this data folder."""

    code: ClassVar[str] = "data_folder_in_use"
