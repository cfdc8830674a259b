"""Several Redis servers that make one store: a Redis Cluster, and a master behind a Sentinel."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import redis
from redis.crc import key_slot

from doorward.actors.partitions import partition_key
from tests.actors.redis_node import LASTING, RedisNode, until

SLOTS: Final = 16_384
MASTERS: Final = 3
SERVICE: Final = "doorward"
PATIENT_MS: Final = 60_000
"""No server of a busy machine is taken for dead: what fails over does so when a test says so."""


class Cluster:
    """Masters that share the slots, and replicas of the first of them."""

    def __init__(self, masters: Sequence[RedisNode], replicas: Sequence[RedisNode]) -> None:
        self.masters = list(masters)
        self.replicas = list(replicas)

    @property
    def nodes(self) -> list[RedisNode]:
        return self.masters + self.replicas

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(node.name for node in self.masters)

    def form(self) -> None:
        """Make the cluster, and return when all nodes agree on it."""
        share = -(-SLOTS // len(self.masters))
        for number, node in enumerate(self.masters):
            first, last = number * share, min((number + 1) * share, SLOTS) - 1
            node("CLUSTER", "ADDSLOTSRANGE", first, last)
            node("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            self.masters[0]("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus_port)
        self.until_sound()
        for node in self.replicas:
            node("CLUSTER", "REPLICATE", _id_of(self.masters[0]))
        for node in self.replicas:
            until_linked(node)

    def until_sound(self) -> None:
        """Wait until every node takes the cluster for working."""
        for node in self.nodes:
            until(lambda node=node: self._is_sound(node), f"the cluster of {node.name}")

    def keeper_of(self, key: str) -> RedisNode:
        """Return the node that keeps a key."""
        return self._keepers([key])[0]

    def a_partition_each(self) -> list[int]:
        """Choose a partition of every master."""
        keepers = self._keepers([partition_key(partition) for partition in range(32)])
        return [keepers.index(node) for node in self.masters]

    def mend(self) -> None:
        """Let every node run that does not."""
        for node in self.nodes:
            if not node.runs:
                node.start_again()
            node.thaw()
        self.until_sound()

    def other_than(self, node: RedisNode) -> RedisNode:
        return next(other for other in self.masters if other is not node)

    def begin_moving(self, key: str, target: RedisNode) -> RedisNode:
        """Declare a key's slot to be on its way, with nothing moved yet; return its source."""
        slot, source = key_slot(key.encode()), self.keeper_of(key)
        target("CLUSTER", "SETSLOT", slot, "IMPORTING", _id_of(source))
        source("CLUSTER", "SETSLOT", slot, "MIGRATING", _id_of(target))
        return source

    def move_keys(self, key: str, source: RedisNode, target: RedisNode) -> None:
        """Move what is in a key's slot."""
        while keys := source("CLUSTER", "GETKEYSINSLOT", key_slot(key.encode()), 100):
            source("MIGRATE", "127.0.0.1", target.port, "", 0, 10_000, "KEYS", *keys)

    def end_moving(self, key: str, target: RedisNode) -> None:
        """Declare a key's slot to have arrived."""
        for node in (target, *(node for node in self.masters if node is not target)):
            node("CLUSTER", "SETSLOT", key_slot(key.encode()), "NODE", _id_of(target))

    def move(self, key: str, target: RedisNode) -> None:
        """Move a key's slot with all that is in it."""
        source = self.begin_moving(key, target)
        self.move_keys(key, source, target)
        self.end_moving(key, target)

    def _keepers(self, keys: Sequence[str]) -> list[RedisNode]:
        """Return the nodes that keep keys, as a master says that runs."""
        rows = next(node for node in self.masters if node.runs)("CLUSTER", "SLOTS")
        slots = [key_slot(key.encode()) for key in keys]
        ports = [next(row[2][1] for row in rows if row[0] <= slot <= row[1]) for slot in slots]
        return [next(node for node in self.nodes if node.port == port) for port in ports]

    def _is_sound(self, node: RedisNode) -> bool:
        said = node("CLUSTER", "INFO").decode().splitlines()
        return {"cluster_state:ok", f"cluster_known_nodes:{len(self.nodes)}"} <= set(said)


class Watched:
    """A master, its replica, and a Sentinel that watches them."""

    def __init__(self, servers: Sequence[RedisNode], sentinel: RedisNode) -> None:
        self.master, self.replica = servers
        self.sentinel = sentinel

    @property
    def url(self) -> str:
        return f"redis+sentinel://{self.sentinel.name}/{SERVICE}"

    def fail_over(self) -> None:
        """Have the replica made the master, and return when it is, as the Sentinel says."""
        until(self._begins_failover, "a replica good enough for the Sentinel")
        until(lambda: self.named() == self.replica.port, "the failover")
        self.master, self.replica = self.replica, self.master

    def _begins_failover(self) -> bool:
        try:
            return bool(self.sentinel("SENTINEL", "FAILOVER", SERVICE))
        except redis.ResponseError as error:
            if "NOGOODSLAVE" in str(error):  # it has not looked at it yet
                return False
            raise

    def named(self) -> int:
        """Return the port of the master, as the Sentinel says."""
        return int(self.sentinel("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1])


@contextmanager
def cluster(
    *, masters: int = MASTERS, replicas: int = 0, tls: dict[str, str] | None = None
) -> Iterator[Cluster]:
    """Run a Redis Cluster; with ``tls`` settings it is spoken to on other ports too."""
    settings = LASTING | {
        "cluster-enabled": "yes",
        "cluster-node-timeout": str(PATIENT_MS),
        "repl-diskless-sync-delay": "0",
        **(tls or {}),
    }
    with _folder() as folder, _stopping() as nodes:
        for number in range(masters + replicas):
            nodes.append(RedisNode(folder / str(number), settings))
        made = Cluster(nodes[:masters], nodes[masters:])
        made.form()
        yield made


@contextmanager
def watched(*, tls: dict[str, str] | None = None) -> Iterator[Watched]:
    """Run a master, its replica and a Sentinel; with ``tls`` settings all speak it."""
    settings = LASTING | {"repl-diskless-sync-delay": "0", **(tls or {})}
    with _folder() as folder, _stopping() as nodes:
        nodes.append(RedisNode(folder / "master", settings))
        port = nodes[0].tls_port if tls else nodes[0].port
        follows = {"replicaof": f"127.0.0.1 {port}"}
        nodes.append(RedisNode(folder / "replica", settings | follows))
        until_linked(nodes[1])
        watches = {
            "sentinel monitor": f"{SERVICE} 127.0.0.1 {port} 1",
            "sentinel down-after-milliseconds": f"{SERVICE} {PATIENT_MS}",
            **(tls or {}),
        }
        nodes.append(RedisNode(folder / "sentinel", watches, is_sentinel=True))
        yield Watched(nodes[:2], nodes[2])


def until_linked(replica: RedisNode) -> None:
    """Wait until a replica has all that its master has."""
    until(lambda: _is_linked(replica), f"the link of {replica.name}")


def cut_off(replica: RedisNode, master: RedisNode) -> None:
    """Let a replica hear nothing more of what its master writes."""
    replica("CONFIG", "SET", "masteruser", "nobody", "masterauth", "wrong")
    master("CLIENT", "KILL", "TYPE", "replica")
    until(lambda: not _is_linked(replica), f"the loss of the link of {replica.name}")


def _is_linked(replica: RedisNode) -> bool:
    return bool(replica("INFO").get("master_link_status") == "up")


def _id_of(node: RedisNode) -> str:
    return str(node("CLUSTER", "MYID").decode())


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="dw-fleet-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _stopping() -> Iterator[list[RedisNode]]:
    nodes: list[RedisNode] = []
    try:
        yield nodes
    finally:
        for node in nodes:
            node.kill()
