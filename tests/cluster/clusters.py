"""A whole cluster on this machine: Redis, several Ray nodes, hosts, an operator, HTTP processes.

All of it is real. What runs on which node, and what its environment says, is up to a test.
"""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from doorward.actors.cluster.plan import Plan, RedisPlanStore
from doorward.actors.cluster.tables import HostStatus, Status
from doorward.actors.partitions import PARTITIONS, partition_of
from tests.actors.store_client import client_of
from tests.cluster.programs import Program
from tests.http.cli.running_server import RunningServer, running_server, surroundings
from tests.http.knocking import client_from
from tests.http.shops import Storefront
from tests.http.store_server import StoreServer
from tests.process.servers import SETTINGS, Server

HOSTS: Final = 2
ROOM: Final = 3
"""For so many hosts there is room on a node."""
SETTLED_SECONDS: Final = 90.0
"""Far more than anything takes, also where other work keeps all cores busy."""
_LOOK_SECONDS: Final = 0.05
_DISGUISE: Final = {"PYTHONPATH": str(Path(__file__).parent / "disguise")}
_RAY: Final = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Without it Ray takes 127.0.0.1 for this machine's address in its network. Also on Linux.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_prestart_worker_first_driver": "0",
    "RAY_worker_niceness": "0",
}


class Node(NamedTuple):
    """A Ray node: its number in this cluster, Ray's id of it."""

    number: int
    id: str


class Cluster:
    """Everything of one cluster; whoever makes it ends ``stack``.

    Attributes:
        store: Its Redis.
        environ: The settings of all its processes.
        address: Of its Ray head.
        nodes: Its Ray nodes; the first one is the head.
        servers: Its HTTP processes, all on one port.
    """

    def __init__(self, folder: Path, stack: ExitStack, **environ: str) -> None:
        """Start Redis; everything else comes with ``start``."""
        self._folder = folder
        self._stack = stack
        (folder / "redis").mkdir()
        self.store = StoreServer(folder / "redis")
        stack.callback(self.store.kill)
        self.environ = SETTINGS | {
            **_RAY,
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_TMPDIR": str(folder),
            "DOORWARD_REDIS_URL": f"unix://{self.store.socket}",
            "DOORWARD_DATA_DIR": str(folder / "data"),
            **environ,
        }
        self.address = ""
        self.nodes: list[Node] = []
        self.servers: list[RunningServer] = []
        self._port = _kept_port(stack)
        self._programs = 0
        self._ray = self._program("tests.cluster.ray_nodes", str(folder / "ray"))
        self._operator: Program | None = None

    async def start(self) -> None:
        """Start two nodes, two hosts and two HTTP processes."""
        await self.start_head()
        await self.add_node()
        await self.until(lambda _: True, "open")
        await self.order("scale", HOSTS)
        await asyncio.gather(self.serve(), self.serve())
        await self.until_whole(HOSTS)

    async def restore(self, hosts: int = HOSTS) -> None:
        """Bring it back to what it was at the start, wherever its hosts are."""
        await self.order("scale", hosts)
        if len(self.nodes) == 1:
            await self.add_node()
        await self.until_whole(hosts)

    async def spread(self) -> list[HostStatus]:
        """See to it that there is a host on each node; return them in the nodes' order."""
        found = [await self.hosts_on(node) for node in self.nodes]
        while not all(found):
            # Another one comes where there is most room.
            name = max(found, key=len)[0].name
            await self.order("drain", name)
            await self.until_without(name)
            await self.until_whole(HOSTS)
            found = [await self.hosts_on(node) for node in self.nodes]
        return [there[0] for there in found]

    # --- nodes ------------------------------------------------------------------------------------

    async def start_head(self) -> None:
        """Start a head, with room for some hosts, where there is none, and a steward."""
        if self._operator is not None:
            await asyncio.to_thread(self._operator.end)
        await self._add_node({})
        self._operator = self._program("tests.cluster.operating", self.address, str(self._folder))

    async def add_node(self) -> None:
        """Start one more node, which passes for another machine: nobody can see who dies there."""
        await self._add_node(disguised(MACHINE="elsewhere"))

    async def kill_node(self, node: Node) -> None:
        """End a node with all that runs there, as a power cut would."""
        await asyncio.to_thread(self._ray.tell, "kill", node.number)
        self.nodes.remove(node)

    async def steward_pid(self) -> int:
        """Find the steward's process."""
        (pid,) = await asyncio.to_thread(self._ray.tell, "named", "ray::RaySteward")
        return int(pid)

    async def until_hosts_are(self, number: int) -> None:
        """Wait until so many processes are hosts, whether or not the steward knows of them."""

        async def are_so_many() -> bool:
            return len(await self.host_pids()) == number

        await _until(are_so_many)

    async def host_pids(self) -> list[int]:
        """Find the processes of all hosts, whether or not the steward knows of them."""
        pids: list[int] = await asyncio.to_thread(self._ray.tell, "named", "ray::RayHost")
        return pids

    # --- orders -----------------------------------------------------------------------------------

    async def order(self, order: str, *words: object) -> Any:  # noqa: ANN401 - any JSON value
        """Give an order (see ``operating``), and wait for nothing but its answer."""
        assert self._operator is not None
        return await asyncio.to_thread(self._operator.tell, order, *words)

    async def scale(self, hosts: int) -> None:
        """Want so many hosts, and wait until they have everything."""
        await self.order("scale", hosts)
        await self.until_whole(hosts)

    async def move(self, front: Storefront, name: str) -> None:
        """Pin a storefront to a host, and wait until it is there."""
        await self.order("pin", front.slug, name)
        await _until(lambda: self._is_placed(front, name))
        await self.until_whole(len(await self.hosts()))

    async def prepare_hosts(self, *environs: dict[str, str]) -> list[str]:
        """Start the hosts that will be wanted next with environments of their own; name them."""
        last = (await self.plan()).last
        names = [f"host-{last + number}" for number, _ in enumerate(environs, 1)]
        for name, environ in zip(names, environs, strict=True):
            await self.order("prepare_host", name, environ)
        return names

    # --- looking ----------------------------------------------------------------------------------

    async def plan(self) -> Plan:
        """Read the steward's plan from the store."""
        async with client_of(self.store.socket) as client:
            return await RedisPlanStore(client).load()

    async def place(self, front: Storefront) -> str:
        """Name the host that a storefront should be at."""
        return (await self.plan()).owners[partition_of(front.slug)]

    async def status(self) -> Status:
        """Ask the steward."""
        return msgspec.convert(await self.order("status"), Status)

    async def hosts(self) -> dict[str, HostStatus]:
        """Tell the hosts by their names."""
        return {host.name: host for host in (await self.status()).hosts}

    async def hosts_on(self, node: Node) -> list[HostStatus]:
        """List the hosts on a node."""
        return [host for host in (await self.hosts()).values() if host.node == node.id]

    async def until(self, state: Callable[[Status], bool], what: str) -> Status:
        """Ask until the cluster is in some state."""
        found: Status | RuntimeError | None = None

        async def is_so() -> bool:
            nonlocal found
            try:
                found = await self.status()
            except RuntimeError as error:
                # A steward that has just been started has no status yet, and says so.
                found = error
                return False
            return state(found)

        try:
            await _until(is_so)
        except TimeoutError:
            raise AssertionError(f"not {what}: {found!r}") from None
        assert isinstance(found, Status)
        return found

    async def until_whole(self, hosts: int) -> Status:
        """Wait until exactly so many hosts have everything, each its even share."""
        return await self.until(lambda status: is_whole(status, hosts), f"whole with {hosts}")

    async def until_without(self, *names: str) -> Status:
        """Wait until none of these hosts is there any more."""
        return await self.until(
            lambda status: {*names}.isdisjoint(host.name for host in status.hosts),
            f"without {names}",
        )

    # --- HTTP -------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Start one more HTTP process on the common port."""
        self.servers.append(
            await asyncio.to_thread(
                self._stack.enter_context, self._running(DOORWARD_PORT=self._port)
            )
        )

    @asynccontextmanager
    async def served(self, **environ: str) -> AsyncIterator[RunningServer]:
        """Start an HTTP process on a port of its own, until the end of the block."""
        with ExitStack() as stack:
            yield await asyncio.to_thread(stack.enter_context, self._running(**environ))

    async def end_server(self, server: RunningServer) -> int:
        """Ask an HTTP process to end; return its status when it has."""
        self.servers.remove(server)
        return await asyncio.to_thread(server.end)

    async def until_ended(self, servers: list[RunningServer]) -> None:
        """Wait until HTTP processes have ended by themselves."""
        for server in servers:
            self.servers.remove(server)
            await asyncio.to_thread(server.process.wait, SETTLED_SECONDS)

    def logged(self, words: str) -> int:
        """Count how often HTTP processes have logged something."""
        return sum(server.log.read().count(words) for server in self.servers)

    async def until_logged(self, words: str) -> None:
        """Wait until every HTTP process has logged something."""
        for server in self.servers:
            await asyncio.to_thread(server.log.until, words)

    @asynccontextmanager
    async def door(self) -> AsyncIterator[Server]:
        """Open a client of the common port; it may meet any of the processes there."""
        async with client_from(f"http://127.0.0.1:{self._port}") as client:
            yield Server(self.servers[0], client)

    def _running(self, **environ: str) -> AbstractContextManager[RunningServer]:
        given = self.environ | {"DOORWARD_CLUSTER": self.address} | environ
        return running_server(self._folder, environ=given)

    async def _is_placed(self, front: Storefront, name: str) -> bool:
        return await self.place(front) == name

    async def _add_node(self, environ: dict[str, str]) -> None:
        told = await asyncio.to_thread(self._ray.tell, "add", ROOM, environ)
        self.address = told["address"]
        self.nodes.append(Node(told["number"], told["id"]))

    def _program(self, module: str, *words: str) -> Program:
        self._programs += 1
        log = self._folder / f"program-{self._programs}.log"
        program = Program(module, *words, log=log, environ=surroundings(self.environ))
        self._stack.callback(program.end)
        return program


def disguised(**words: str) -> dict[str, str]:
    """Make the environment of a process that passes for one of another kind (``disguise``)."""
    return _DISGUISE | {f"DISGUISED_{name}": text for name, text in words.items()}


async def _until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SETTLED_SECONDS):
        while True:
            if await is_so():
                return
            await asyncio.sleep(_LOOK_SECONDS)


def is_whole(status: Status, hosts: int) -> bool:
    """Tell whether exactly so many hosts have everything, each its even share."""
    if len(status.hosts) != hosts or status.served != PARTITIONS:
        return False
    wanted = [host.wanted for host in status.hosts]
    # While partitions are on their way to a newcomer, a few at a time, it may have all that it is
    # wanted for by then.
    return max(wanted) - min(wanted) <= 1 and all(
        host.state == "live" and host.held == host.wanted > 0 for host in status.hosts
    )


async def timed(work: Awaitable[object]) -> float:
    """Tell how long something takes, in seconds."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await work
    return loop.time() - began


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def freeze(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


def thaw(pid: int) -> None:
    """Let a process go on, unless somebody has ended it."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def _kept_port(stack: ExitStack) -> str:
    """Choose a free port that several processes are to share, and keep everybody else off it."""
    kept = stack.enter_context(socket.socket())
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    kept.bind(("127.0.0.1", 0))
    return str(kept.getsockname()[1])
