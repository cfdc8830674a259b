"""Whether there is room for as many hosts as are asked for: one CPU of Ray's each."""

from collections.abc import Collection

from doorward.actors.cluster.fleet import Node
from doorward.http.cli.failures import Failed


def room_in(nodes: list[Node], drained: Collection[str]) -> int:
    """Tell how many hosts fit on the nodes that are not drained."""
    return sum(node.room for node in nodes if node.id not in drained)


def demand_room(
    hosts: int, nodes: list[Node], *, drained: Collection[str] = (), advice: str
) -> None:
    """Demand room for so many hosts.

    Args:
        hosts: How many.
        nodes: Those that are alive.
        drained: Ids of those that get no hosts any more.
        advice: What to do about it; no full stop.

    Raises:
        Failed: There is less; says how much.
    """
    open_nodes = [node for node in nodes if node.id not in drained]
    room = room_in(nodes, drained)
    if room >= hosts:
        return
    raise Failed(
        f"There is no room for {counted(hosts, 'host')}, at a CPU of Ray's each: "
        f"{_what_there_is(len(open_nodes), room, is_some_drained=bool(drained))}; {advice}."
    )


def _what_there_is(nodes: int, room: int, *, is_some_drained: bool) -> str:
    if not nodes:
        return "no node is left for them"
    kept = " that is not drained" if nodes == 1 else " that are not drained"
    verb = "has" if nodes == 1 else "have"
    return f"{counted(nodes, 'node')}{kept if is_some_drained else ''} {verb} {room}"


def counted(number: int, noun: str) -> str:
    """Say how many."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
