"""What an operator may ask of a cluster, and how to reach who answers; Ray may not be installed."""

from typing import Protocol

from doorward.actors.cluster.fleet import Node
from doorward.actors.cluster.tables import Status


class Orders(Protocol):
    """Orders to the steward; every method may raise ``ClusterRefused``, which says why."""

    async def status(self) -> Status:
        """Ask for the status."""

    async def scale(self, hosts: int) -> None:
        """Want so many hosts."""

    async def drain(self, name: str) -> None:
        """Let a host, or all of a node, give up what they have, and end."""

    async def pin(self, slug: str, host: str) -> None:
        """Keep a storefront at a host; an empty name lets it go."""

    async def down(self) -> None:
        """Let all hosts end."""

    async def place(self, slug: str) -> str:
        """Tell the host that a storefront should be at; empty where there is none."""

    async def nodes(self) -> list[Node]:
        """List the nodes that are alive."""

    async def processes(self) -> list[str]:
        """Name the hosts whose processes are there."""

    async def end_host(self, name: str) -> None:
        """End a host that the steward knows nothing of."""

    def end(self) -> None:
        """End the steward for good, once its hosts have ended."""


def find_steward(address: str) -> Orders | None:
    """Join the cluster at an address and find its steward, if it has one. Blocks for seconds.

    Raises:
        ClusterRefused: It cannot be joined.
    """
    _join(address)
    from doorward.actors.cluster.ray_cluster import Operator  # noqa: PLC0415 - an extra

    return Operator.found()


def start_steward(address: str, folder: str) -> Orders:
    """Join the cluster at an address, and start its steward where there is none. Blocks.

    Args:
        address: Of the Ray cluster.
        folder: Where hosts look for their settings, on their own machines.

    Raises:
        ClusterRefused: It cannot be joined, or refuses us.
    """
    _join(address)
    from doorward.actors.cluster.ray_cluster import Operator  # noqa: PLC0415 - an extra

    return Operator.started(folder)


def leave() -> None:
    """Leave the cluster that was joined; hosts and steward stay."""
    from doorward.actors.cluster import ray_cluster  # noqa: PLC0415 - an extra

    ray_cluster.leave()


def _join(address: str) -> None:
    # Late: it takes half a second, which no other command should wait for.
    from doorward.actors.cluster.joining import join  # noqa: PLC0415

    join(address)
