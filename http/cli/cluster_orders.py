"""``doorward cluster scale``, ``drain``, ``pin``: an order, and waiting for its effect."""

from collections.abc import Callable
from typing import Final

from doorward.actors.cluster.operating import Orders
from doorward.actors.cluster.tables import Status
from doorward.http.cli.cluster_room import demand_room, room_in
from doorward.http.cli.cluster_waiting import Patience, is_served, is_settled, wait_until

Show = Callable[[str], None]
PATIENCE: Final = Patience()
_ADVICE: Final = "scale down, or add a node, before it is drained"


async def scale(orders: Orders, hosts: int, *, advice: str, is_waited: bool, show: Show) -> Status:
    """Want so many hosts; returns what there is then.

    Raises:
        ClusterRefused: The steward refuses, or it does not come about.
        Failed: There is no room.
    """
    before = await orders.status()
    demand_room(hosts, await orders.nodes(), drained=before.drained_nodes, advice=advice)
    await orders.scale(hosts)
    if not is_waited:
        return before
    return await wait_until(
        orders,
        lambda status: status.wanted_hosts == hosts and is_settled(status),
        show=show,
        patience=PATIENCE,
    )


async def drain(orders: Orders, name: str, *, is_waited: bool, show: Show) -> int:
    """Empty a host, or a node by address or id, and end what ran there.

    Returns:
        How many hosts are wanted that find no room any more.

    Raises:
        ClusterRefused: As ``scale``.
        Failed: Nothing would be left that could host.
    """
    before = await orders.status()
    node, room = None, before.wanted_hosts
    if name not in {host.name for host in before.hosts}:
        node, room = await _node(orders, name, before)
    await orders.drain(name)
    lacking = max(0, before.wanted_hosts - room)
    if not is_waited:
        return lacking

    def is_done(status: Status) -> bool:
        is_empty = not any(host.name == name or host.node == node for host in status.hosts)
        return is_empty and (is_served(status) if lacking else is_settled(status))

    await wait_until(orders, is_done, show=show, patience=PATIENCE)
    return lacking


async def pin(orders: Orders, slug: str, host: str, *, is_waited: bool, show: Show) -> None:
    """Keep a storefront at a host.

    Raises:
        ClusterRefused: As ``scale``.
    """
    await orders.pin(slug, host)
    if not is_waited:
        return

    async def is_there(_: Status) -> bool:
        # In this order: what is served now is told after the steward has changed its mind.
        return await orders.place(slug) == host and is_served(await orders.status())

    await wait_until(orders, is_there, show=show, patience=PATIENCE)


async def _node(orders: Orders, name: str, before: Status) -> tuple[str | None, int]:
    """Find a node's id, and the room on the others; None where there is none, as will be said."""
    nodes = await orders.nodes()
    node = next((node for node in nodes if name in {node.id, node.address}), None)
    if node is None:
        return None, before.wanted_hosts
    closed = {*before.drained_nodes, node.id}
    room = room_in(nodes, closed)
    if not room:
        # Less room than is wanted is no reason to refuse: who drains takes the node away anyhow.
        demand_room(before.wanted_hosts, nodes, drained=closed, advice=_ADVICE)
    return node.id, room
