"""A cluster that is pretended, all but its steward: hosts that follow orders, on virtual time.

What a host does with a partition is reduced to what a steward can see of it: it gives up what it is
not wanted for, and takes what nobody holds, or whoever holds it is silent or dead.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from doorward.actors.cluster import wire
from doorward.actors.cluster.fleet import Gone, Node, NotStarted
from doorward.actors.cluster.plan import Plan
from doorward.actors.cluster.seats import Agreed
from doorward.actors.cluster.steward import BEAT_SECONDS, Steward
from doorward.actors.cluster.tables import Order, Report, Status, Table
from doorward.actors.errors import StoreUnreachable
from doorward.actors.partitions import PARTITIONS
from tests.actors.simulation.virtual_loop import VirtualLoop, run_virtually

STORE: Final = "store-1"
SETTINGS: Final = "settings-1"
AGREED: Final = Agreed(STORE, SETTINGS)
START_SECONDS: Final = 3.0
"""How long a host takes from being started to its first answer."""


class MemoryPlanStore:
    """Keeps a plan as bytes, in two steps that others may come between."""

    def __init__(self) -> None:
        self.kept = msgspec.json.encode(Plan())
        self.away = False
        self.answers_lost = 0
        self.saves = 0
        self.storefronts_of_each: tuple[int, ...] = (0,) * PARTITIONS

    async def load(self) -> Plan:
        await self._reach()
        return msgspec.json.decode(self.kept, type=Plan)

    async def save(self, plan: Plan, *, over: int) -> bool:
        await self._reach()
        if msgspec.json.decode(self.kept, type=Plan).version != over:
            return False
        self.kept = msgspec.json.encode(plan)
        self.saves += 1
        if self.answers_lost:
            self.answers_lost -= 1
            raise StoreUnreachable("the answer was lost")
        return True

    async def storefronts(self) -> tuple[int, ...]:
        await self._reach()
        return self.storefronts_of_each

    async def _reach(self) -> None:
        await asyncio.sleep(0.001)
        if self.away:
            raise StoreUnreachable("away")


@dataclass
class PretendedHost:
    """One process of a host."""

    name: str
    owner: str
    node: str
    pid: int
    table: Table = field(default_factory=lambda: Table(STORE, 0, ()))
    silent: frozenset[str] = frozenset()
    open_at: float = 0.0
    store_id: str = STORE
    settings: str = SETTINGS
    vocabulary: str = wire.VOCABULARY
    trouble: str = ""
    rates: dict[int, float] = field(default_factory=dict)
    reported_at: float | None = None

    @property
    def wanted(self) -> frozenset[int]:
        return self.table.of(self.name)


class Pretence:
    """Hosts, nodes and claims."""

    def __init__(self, loop: VirtualLoop, *rooms: int) -> None:
        self.loop = loop
        self.nodes_alive = {
            f"node-{number}": Node(f"node-{number}", f"10.0.0.{number}", room)
            for number, room in enumerate(rooms or (4, 4), 1)
        }
        self.hosts: dict[str, PretendedHost] = {}
        self.frozen: set[str] = set()
        self.cut: set[str] = set()
        self.gone: set[str] = set()
        self.stuck: set[str] = set()
        self.closing: set[str] = set()
        self.unheard: set[str] = set()
        self.dead: set[str] = set()
        self.claims: dict[int, str] = {}
        self.incarnations: Counter[str] = Counter()
        self.begun: list[tuple[str, str]] = []
        self.ended: list[tuple[str, bool]] = []
        self.ending_takes = 0.0
        self.end_fails = 0
        self.proves = False
        self.orders: list[Order] = []
        self.broken: list[str] = []
        self.shape: Callable[[PretendedHost], None] = lambda host: None

    # --- Fleet ------------------------------------------------------------------------------------

    async def beat(self, name: str, order: bytes) -> bytes:
        # Who gives up on a call does not take it back: a host that thaws finds it.
        answer = await asyncio.shield(asyncio.ensure_future(self._answer(name, order)))
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _answer(self, name: str, order: bytes) -> bytes | Exception:
        await asyncio.sleep(0.001)
        while name in self.frozen:  # noqa: ASYNC110 - ends with a thaw or a death
            await asyncio.sleep(0.05)
        if name in self.unheard:
            self.unheard.remove(name)
            await asyncio.sleep(10_000)
        if name in self.cut:
            return ConnectionError(name)
        if name in self.gone:
            return Gone()
        host = self.hosts.get(name)
        if host is None:
            return NotStarted()
        if name in self.closing:
            self.broken.append(f"{name} was given an order while it closed")
        if (wait := host.open_at - self.loop.time()) > 0:
            await asyncio.sleep(wait)
        return self._told(host, msgspec.msgpack.decode(order, type=Order))

    async def nodes(self) -> list[Node]:
        await asyncio.sleep(0.001)
        return list(self.nodes_alive.values())

    async def start(self, name: str, node: str) -> None:
        await asyncio.sleep(0.01)
        if name in dict(self.ended):
            self.broken.append(f"{name} was started after it had ended")
        self.begun.append((name, node))
        if name not in self.hosts:
            self.run(name, node)

    async def end(self, name: str, *, at_once: bool) -> None:
        self.closing.add(name)
        await asyncio.sleep(0.001 if at_once else max(0.001, self.ending_takes))
        self.closing.remove(name)
        if self.end_fails:
            self.end_fails -= 1
            raise ConnectionError(name)
        host = self.hosts.get(name)
        if host is not None and not at_once and host.owner in self.claims.values():
            self.broken.append(f"{name} was ended in order while it had partitions")
        self.ended.append((name, at_once))
        self.kill(name)
        self.hosts.pop(name, None)
        self.gone.discard(name)

    # --- what happens to hosts --------------------------------------------------------------------

    def run(self, name: str, node: str) -> None:
        """Run a new process of a host."""
        self.incarnations[name] += 1
        number = self.incarnations[name]
        host = PretendedHost(name, f"{name}#{number}", node, 1000 * number + len(self.begun))
        host.open_at = self.loop.time() + START_SECONDS
        self.shape(host)
        self.hosts[name] = host

    def kill(self, name: str) -> None:
        """End a host's process where it stands; its claims stay."""
        if (host := self.hosts.get(name)) is not None:
            self.dead.add(host.owner)
        self.frozen.discard(name)
        self.cut.discard(name)

    def crash(self, name: str, *, back_after: float = 2.0) -> None:
        """Let a host die, and Ray start it again by itself."""
        node = self.hosts[name].node
        self.kill(name)
        self.gone.add(name)
        self.loop.call_later(back_after, self._back, name, node)

    def stick(self, name: str) -> None:
        """Let a host lose what it has, and take nothing any more."""
        owner = self.hosts[name].owner
        self.claims = {p: by for p, by in self.claims.items() if by != owner}
        self.stuck.add(name)

    def lose(self, name: str) -> None:
        """Let a host die for good."""
        self.kill(name)
        self.hosts.pop(name, None)

    def remove_node(self, node: str) -> None:
        """Lose a node and all that runs there."""
        self.nodes_alive.pop(node, None)
        for name in [host.name for host in self.hosts.values() if host.node == node]:
            self.lose(name)

    async def find_gone(self, owners: frozenset[str]) -> frozenset[str]:
        """Prove owners dead, where that can be told at all."""
        return owners & self.dead if self.proves else frozenset()

    def served(self) -> dict[int, str]:
        """Tell who holds each partition, of those who can answer."""
        owners = {host.owner: host.name for host in self.hosts.values() if self._answers(host)}
        return {p: owners[owner] for p, owner in self.claims.items() if owner in owners}

    def _answers(self, host: PretendedHost) -> bool:
        return host.owner not in self.dead and not {host.name} & (self.frozen | self.cut)

    def _back(self, name: str, node: str) -> None:
        if name in self.gone:
            self.gone.discard(name)
            if node in self.nodes_alive:
                self.run(name, node)
            else:
                self.hosts.pop(name, None)

    def _told(self, host: PretendedHost, order: Order) -> bytes:
        self.orders.append(order)
        table = order.table
        if (
            table is not None
            and table.store_id == host.store_id
            and table.version > host.table.version
        ):
            host.table = table
        if order.version >= host.table.version > 0:
            host.silent = frozenset(order.silent)
        if not host.trouble and host.name not in self.stuck:
            self._claim(host)
        return msgspec.msgpack.encode(self._report(host))

    def _claim(self, host: PretendedHost) -> None:
        wanted = host.wanted
        for partition, owner in list(self.claims.items()):
            if owner == host.owner and partition not in wanted:
                del self.claims[partition]
        for partition in wanted:
            holder = self.claims.get(partition)
            if holder is None or holder in host.silent or holder in self.dead:
                self.claims[partition] = host.owner

    def _report(self, host: PretendedHost) -> Report:
        if host.trouble:
            return Report(name=host.name, node=host.node, pid=host.pid, trouble=host.trouble)
        now, before = self.loop.time(), host.reported_at
        host.reported_at = now
        held = tuple(p for p, owner in self.claims.items() if owner == host.owner)
        turns = {p: round(host.rates.get(p, 0.0) * (now - (before or now))) for p in held}
        return Report(
            name=host.name,
            owner=host.owner,
            node=host.node,
            pid=host.pid,
            store_id=host.store_id,
            vocabulary=host.vocabulary,
            settings=host.settings,
            version=host.table.version,
            held=held,
            loads={p: count for p, count in turns.items() if count},
            asks=int(100 * now),
        )


class Cluster:
    """A steward at work over pretended hosts."""

    def __init__(self, loop: VirtualLoop, *rooms: int) -> None:
        self.loop = loop
        self.fleet = Pretence(loop, *rooms)
        self.store = MemoryPlanStore()
        self.troubles: list[tuple[str, BaseException | None]] = []
        self.steward = self.hire()
        self._task: asyncio.Task[None] | None = None

    def hire(self) -> Steward:
        """Make a steward that knows nothing yet."""
        return Steward(
            self.fleet,
            self.store,
            agreed=AGREED,
            ticks=self.loop.time,
            find_gone=self.fleet.find_gone,
            on_trouble=lambda *trouble: self.troubles.append(trouble),
        )

    async def begin(self) -> None:
        """Let the steward work."""
        await self.steward.open()
        self._task = asyncio.ensure_future(self.steward.run())

    def dismiss(self) -> None:
        """End the steward where it stands."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def replace(self) -> None:
        """Put another steward in place of this one."""
        self.dismiss()
        self.steward = self.hire()
        await self.begin()

    async def up(self, hosts: int) -> None:
        """Begin with so many hosts, and wait until all is in place."""
        await self.begin()
        await self.steward.scale(hosts)
        await self.settled()

    async def beats(self, count: float = 1) -> None:
        """Let so many beats pass."""
        await asyncio.sleep(BEAT_SECONDS * count)

    async def settled(self, *, within: float = 60.0) -> float:
        """Wait until every partition is where it should be and nothing moves; tell how long.

        Raises:
            AssertionError: When that takes longer than it may, in seconds.
        """
        began = self.loop.time()
        before = None
        calm = 0
        while self.loop.time() - began < within:
            now = (self.steward.plan, dict(self.fleet.claims))
            calm = calm + 1 if self._in_place() and now == before else 0
            if calm > 8:
                return self.loop.time() - began
            before = now
            await self.beats()
        raise AssertionError(f"not settled: {self.shown()}")

    def _in_place(self) -> bool:
        plan, served = self.steward.plan, self.fleet.served()
        states = {host.state for host in self.status.hosts}
        return (
            len(plan.members) == len(plan.hosts) == plan.wanted
            and states <= {"live", "refused"}
            and all(served.get(p) == host for p, host in enumerate(plan.owners))
        )

    def shown(self) -> str:
        """Show what is so, for whoever reads why a test failed."""
        status = self.status
        hosts = [(h.name, h.state, h.wanted, h.held, h.trouble) for h in status.hosts]
        return f"{hosts} {status.served} {self.troubles[-3:]}"

    @property
    def status(self) -> Status:
        return self.steward.status()

    @property
    def counts(self) -> dict[str, int]:
        """How many partitions each host should have."""
        return dict(Counter(self.steward.plan.owners))

    def state(self, name: str) -> str:
        """Tell a host's state; empty where there is no such host."""
        return next((h.state for h in self.status.hosts if h.name == name), "")


def virtually(scene: Callable[[Cluster], Coroutine[Any, Any, None]], *rooms: int) -> None:
    """Play a scene."""

    async def main(loop: VirtualLoop) -> None:
        cluster = Cluster(loop, *rooms)
        try:
            await scene(cluster)
        finally:
            cluster.dismiss()
        assert loop.complaints == []
        assert cluster.fleet.broken == []

    run_virtually(main)
