"""A steward that says what it was told to say, and remembers what it was asked for."""

from collections.abc import Iterable

from doorward.actors.cluster.fleet import Node
from doorward.actors.cluster.tables import HostStatus, State, Status
from doorward.actors.errors import ClusterRefused

NODE = Node("a1b2c3d4e5f6a7b8", "10.0.0.5", 4)
OTHER_NODE = Node("0f1e2d3c4b5a6978", "10.0.0.6", 2)


def host(  # the columns of a table
    name: str,
    held: int = 128,
    *,
    wanted: int | None = None,
    state: State = "live",
    node: Node = NODE,
    trouble: str = "",
) -> HostStatus:
    return HostStatus(
        name=name,
        state=state,
        node=node.id,
        pid=4321,
        wanted=held if wanted is None else wanted,
        held=held,
        storefronts=12,
        depth=3,
        asks_per_second=240.4,
        flush_ms=1.26,
        epoch=7,
        rss_bytes=131_400_000,
        heard_seconds_ago=0.21,
        trouble=trouble,
    )


def status(
    *hosts: HostStatus,
    version: int = 1,
    wanted_hosts: int | None = None,
    pins: dict[str, str] | None = None,
    drained_nodes: tuple[str, ...] = (),
    trouble: str = "",
) -> Status:
    return Status(
        store_id="5335f79c46dabb3b",
        version=version,
        wanted_hosts=len(hosts) if wanted_hosts is None else wanted_hosts,
        served=sum(each.held for each in hosts),
        partitions=256,
        hosts=hosts,
        pins=pins or {},
        drained_nodes=drained_nodes,
        trouble=trouble,
    )


class PretendedSteward:
    """See ``operating.Orders``.

    Attributes:
        asked: Orders so far, in words.
        left: Host processes that there are, one answer after the other.
        places: Where a storefront should be, one answer after the other.
    """

    def __init__(self, *statuses: Status | str, nodes: Iterable[Node] = (NODE,)) -> None:
        """Say one status after the other, the last one for ever; a text is a refusal."""
        self._statuses = list(statuses)
        self._nodes = list(nodes)
        self.asked: list[str] = []
        self.left: list[list[str]] = [[]]
        self.places: list[str] = [""]

    async def status(self) -> Status:
        said = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        if isinstance(said, str):
            raise ClusterRefused(said)
        return said

    async def scale(self, hosts: int) -> None:
        self.asked.append(f"scale {hosts}")

    async def drain(self, name: str) -> None:
        self.asked.append(f"drain {name}")

    async def pin(self, slug: str, host: str) -> None:
        self.asked.append(f"pin {slug} {host}".rstrip())

    async def down(self) -> None:
        self.asked.append("down")

    async def place(self, slug: str) -> str:
        return self.places.pop(0) if len(self.places) > 1 else self.places[0]

    async def nodes(self) -> list[Node]:
        return self._nodes

    async def processes(self) -> list[str]:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]

    async def end_host(self, name: str) -> None:
        self.asked.append(f"end {name}")

    def end(self) -> None:
        self.asked.append("end")
