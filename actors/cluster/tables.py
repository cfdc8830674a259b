"""What the steward and the hosts tell each other, and what HTTP processes go by."""

from typing import Literal

import msgspec

State = Literal["live", "silent", "leaving", "starting", "refused"]


class Table(msgspec.Struct, frozen=True, gc=False):
    """Which host should have which partition: a hint, for the fence is the truth.

    Attributes:
        store_id: The store that it is about; of another one it says nothing.
        version: Grows with every change.
        hosts: The name of a host for each partition; empty where there is none.
    """

    store_id: str
    version: int
    hosts: tuple[str, ...]

    def of(self, name: str) -> frozenset[int]:
        """Tell a host's partitions."""
        return frozenset(index for index, host in enumerate(self.hosts) if host == name)


class Order(msgspec.Struct, frozen=True, gc=False):
    """A steward's beat.

    Attributes:
        table: The newest; None where the host said that it has it.
        version: The newest table's.
        silent: Owner ids that were not heard of for a while, or whose process Ray says is gone.
    """

    table: Table | None
    version: int
    silent: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A host's answer to a beat; ``trouble`` says why it cannot host at all, else empty.

    Attributes:
        owner: The id of this incarnation (``residence``).
        settings: A digest of what all hosts must agree about.
        version: Of the table it has.
        held: Partitions it owns and answers for now.
        loads: Turns per partition since the last report.
        flush_ms: The mean of the flushes since the last report; 0 when there was none.
    """

    name: str
    owner: str = ""
    node: str = ""
    pid: int = 0
    store_id: str = ""
    vocabulary: str = ""
    settings: str = ""
    trouble: str = ""
    version: int = 0
    held: tuple[int, ...] = ()
    loads: dict[int, int] = {}
    asks: int = 0
    depth: int = 0
    remembered: int = 0
    flush_ms: float = 0.0
    epoch: int = 0
    rss_bytes: int = 0


class HostStatus(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One host as the steward sees it."""

    name: str
    state: State
    node: str = ""
    pid: int = 0
    wanted: int = 0
    held: int = 0
    storefronts: int = 0
    depth: int = 0
    asks_per_second: float = 0.0
    flush_ms: float = 0.0
    epoch: int = 0
    rss_bytes: int = 0
    heard_seconds_ago: float | None = None
    trouble: str = ""


class Status(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The whole cluster as the steward sees it."""

    store_id: str
    version: int
    wanted_hosts: int
    served: int
    partitions: int
    hosts: tuple[HostStatus, ...]
    pins: dict[str, str]
    drained_nodes: tuple[str, ...] = ()
    trouble: str = ""
