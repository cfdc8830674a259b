"""Which node of a Redis Cluster keeps which slot, as its nodes say it.

Nodes may disagree while slots move and after one was cut off. What the node says that has seen the
latest epoch of the cluster is taken; a wrong answer costs one refused call, since a node refuses
what is not its own.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from redis.crc import REDIS_CLUSTER_HASH_SLOTS

from doorward.config.redis_urls import Address

SLOTS: Final = REDIS_CLUSTER_HASH_SLOTS
_UNKNOWN_HOSTS: Final = frozenset({"", "?"})


class View(NamedTuple):
    """What one node says of its cluster.

    Attributes:
        is_ok: Whether it takes the cluster for working.
        epoch: The latest epoch it has heard of.
        keepers: The master of each slot, None for a slot that nobody keeps.
    """

    is_ok: bool
    epoch: int
    keepers: list[Address | None]


def read_view(info: bytes, slots: Sequence[Any], asked: Address) -> View:
    """Read the replies to ``CLUSTER INFO`` and ``CLUSTER SLOTS``.

    Args:
        info: Lines of ``name:value``.
        slots: Rows of first slot, last slot, master, replicas; a server is host, port and more.
        asked: Who answered; a node that does not know its own address names none.
    """
    facts = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
    keepers: list[Address | None] = [None] * SLOTS
    for first, last, (host, port, *_), *_ in slots:
        name = (host or b"").decode()
        address = (asked[0] if name in _UNKNOWN_HOSTS else name, int(port))
        keepers[first : last + 1] = [address] * (last + 1 - first)
    return View(
        facts.get("cluster_state") == "ok", int(facts.get("cluster_current_epoch", 0)), keepers
    )


def best_view(views: Sequence[View]) -> View:
    """Choose the one to go by."""
    return max(views, key=lambda view: (view.is_ok, view.epoch))


def gaps(view: View) -> list[tuple[int, int]]:
    """List the slots that nobody keeps, as first and last of each run."""
    bare = (slot for slot, keeper in enumerate(view.keepers) if keeper is None)
    runs = groupby(enumerate(bare), key=lambda numbered: numbered[1] - numbered[0])
    found = [[slot for _, slot in run] for _, run in runs]
    return [(run[0], run[-1]) for run in found]


def is_leaving(nodes: bytes, slot: int) -> bool:
    """Tell from a node's ``CLUSTER NODES`` whether keys of a slot are being moved away from it."""
    own = (line for line in nodes.decode().splitlines() if "myself" in line.split(" ")[2])
    return any(f"[{slot}->-" in line for line in own)
