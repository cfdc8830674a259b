"""Hosts as a cluster has them, several in one loop on virtual time, over one model store.

All of a host is real from ``HostServer`` down to its working loop and its post. What is pretended
is what lies between: the store, the network, and the processes, which may freeze and die.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar

import msgspec
import pytest

from doorward.actors import high_water, residence
from doorward.actors.cluster.courier import Call
from doorward.actors.cluster.fleet import Gone, Node, NotStarted
from doorward.actors.cluster.host_server import HostServer, Identity
from doorward.actors.cluster.system import ClusterSystem
from doorward.actors.cluster.tables import Order, Report, Table
from doorward.actors.errors import NotOwner
from doorward.actors.keyring import Keyring
from doorward.actors.post.mail import Mail
from doorward.actors.systems import hosting as hosting_module
from doorward.actors.systems.hosting import Hosting, Wiring
from doorward.actors.turns import Place
from tests.actors.harness import MASTER_KEY
from tests.actors.simulation.model_journal import ModelJournal
from tests.actors.simulation.model_store import ModelStore
from tests.actors.simulation.stormy_wire import StormyWire, Weather
from tests.actors.simulation.virtual_loop import PARTY, VirtualLoop, end_all, party_context

EPOCH_MS: Final = 1_700_000_000_000
LEASE_SECONDS: Final = 3.0
SETTINGS: Final = "settings-1"

R = TypeVar("R")
Work = Callable[[HostServer], Any]
"""Something to do with a host, at once or not."""


class Loop(VirtualLoop):
    """Where nothing is slow enough for a thread."""

    def run_in_executor(  # type: ignore[override]
        self, executor: object, work: Callable[..., R], *args: object
    ) -> "asyncio.Future[R]":
        future: asyncio.Future[R] = self.create_future()
        future.set_result(work(*args))
        return future


@dataclass
class Road:
    """How likely a call gets lost on its way to a host, or its answer on the way back."""

    random: Random
    lost_before: float = 0.0
    lost_after: float = 0.0
    late: float = 0.0

    def clear(self) -> None:
        self.lost_before = self.lost_after = self.late = 0.0

    async def there(self) -> None:
        await asyncio.sleep(self._delay())
        if self.random.random() < self.lost_before:
            raise ConnectionError("lost on its way")

    async def back(self) -> None:
        if self.random.random() < self.lost_after:
            raise ConnectionError("the answer was lost")
        await asyncio.sleep(self._delay())

    def _delay(self) -> float:
        if self.random.random() < self.late:
            return self.random.uniform(0.5, 4.0)
        return self.random.uniform(0.0002, 0.002)


@dataclass(eq=False)
class Process:
    """One process of a host."""

    quarters: "Quarters"
    name: str
    owner: str
    node: str = "node-1"
    server: HostServer | None = None
    hosting: Hosting | None = None
    dead: bool = False
    frozen: bool = False
    weather: Weather = field(default_factory=Weather)

    def __post_init__(self) -> None:
        self.context = party_context(self.owner)
        self.died: asyncio.Future[None] = self.quarters.loop.create_future()

    def start(self) -> None:
        self.quarters.loop.create_task(self._open(), context=self.context)

    async def opened(self) -> "Process":
        """Start, and wait until it is open."""
        self.start()
        while self.server is None:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
        return self

    def freeze(self) -> None:
        self.frozen = True
        self.quarters.loop.freeze(self.owner)

    def thaw(self) -> None:
        self.frozen = False
        self.quarters.loop.thaw(self.owner)

    def kill(self) -> None:
        """End it where it stands; what it sent may still be under way."""
        if not self.dead:
            self.dead = True
            self.died.set_result(None)
            self.quarters.loop.freeze(self.owner)

    async def do(self, work: Work) -> Any:  # noqa: ANN401 - whatever it comes to
        """Do something in this process, as whoever calls it from another one does.

        Raises:
            ConnectionError: When it dies before it is done.
            NotOwner: When it is not open.
        """
        if self.dead:
            raise ConnectionError(self.name)
        done = self.quarters.loop.create_task(self._do(work), context=self.context)
        await asyncio.wait({done, self.died}, return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            raise ConnectionError(self.name)
        return done.result()

    def table(self, table: Table | None, version: int, *silent: str) -> Report:
        """Give an order, with nothing in between."""
        assert self.server is not None
        order = msgspec.msgpack.encode(Order(table, version, silent))
        return msgspec.msgpack.decode(self.server.beat(order), type=Report)

    async def _do(self, work: Work) -> Any:  # noqa: ANN401 - as above
        if self.server is None:
            raise NotOwner("this host is not open")
        found = work(self.server)
        return await found if isinstance(found, Awaitable) else found

    async def _open(self) -> None:
        journal = ModelJournal(self.quarters.store, StormyWire(self.quarters.random, self.weather))
        self.hosting = await Hosting.open(
            Wiring(
                journal=journal,
                place=Place(Keyring((MASTER_KEY,))),
                transport=self.quarters,
                folder=Path(f"/{self.node}/{self.name}"),
                memory_bytes=64_000_000,
                mailbox_limit=1_000,
                lease_seconds=LEASE_SECONDS,
                on_event=lambda _event: None,
                on_trouble=self._on_trouble,
                random=self.quarters.random.randbytes,
                wanted=frozenset(),
                look_again_seconds=0.1,
            )
        )
        identity = Identity(name=self.name, settings=SETTINGS, node=self.node)
        self.server = HostServer(self.hosting, journal, identity)

    def _on_trouble(self, what: str, error: BaseException | None) -> None:
        self.quarters.troubles.append((self.name, what, error))


class Quarters:
    """Processes of hosts, the roads to them, the store and the post."""

    def __init__(self, loop: VirtualLoop, seed: int = 0) -> None:
        self.loop = loop
        self.random = Random(seed)
        self.store = ModelStore(self.wall_ms)
        self.road = Road(self.random)
        self.processes: dict[str, Process] = {}
        self.owners: dict[str, Process] = {}
        self.posted: list[Mail] = []
        self.post_is_slow = False
        self.troubles: list[tuple[str, str, BaseException | None]] = []
        self.started = 0

    def wall_ms(self) -> int:
        return EPOCH_MS + int(self.loop.time() * 1000)

    def process(self, name: str, node: str = "node-1") -> Process:
        """Make another process of a host, not started yet."""
        self.started += 1
        made = Process(self, name, f"{name}#{self.started}", node)
        self.processes[name] = made
        self.owners[made.owner] = made
        return made

    async def hosts(self, count: int) -> list[Process]:
        """Start so many hosts."""
        return [await self.process(f"host-{n}").opened() for n in range(1, count + 1)]

    def serving(self, partition: int) -> list[str]:
        """Name who may answer for a partition now."""
        living = [p for p in self.processes.values() if not p.dead and p.hosting is not None]
        return [p.name for p in living if p.hosting.ownership.serves(partition)]

    def gone(self, owners: frozenset[str]) -> frozenset[str]:
        """Tell who is dead for certain; all of this is one machine."""
        return frozenset(o for o in owners if o in self.owners and self.owners[o].dead)

    # --- the post ---------------------------------------------------------------------------------

    async def send(self, mail: Mail) -> None:
        """Carry a mail, as a transport."""
        await asyncio.sleep(self.random.uniform(0.0, 3.0 if self.post_is_slow else 0.01))
        self.posted.append(mail)

    async def close(self) -> None:
        """A transport is closed with its host; the post goes on."""

    # --- system.Hosts -----------------------------------------------------------------------------

    async def call(self, name: str) -> Call:
        """Find a host, of whichever process it is then."""
        if name not in self.processes:
            raise ValueError(name)

        async def call(batch: bytes) -> bytes:
            answers: bytes = await self.carry(name, lambda server: server.serve(batch))
            return answers

        return call

    async def table(self, known: int) -> bytes:
        """Fetch the newest table of any host that answers."""
        for name in sorted(self.processes):
            try:
                found: bytes = await self.carry(name, lambda server: server.table(known))
            except (ConnectionError, NotOwner):
                continue
            if found:
                return found
        return b""

    async def roster(self, name: str, after: str, limit: int) -> list[str]:
        found: list[str] = await self.carry(name, lambda server: server.roster(after, limit))
        return found

    async def names(self, name: str, slug: str, limit: int) -> tuple[list[str], bool]:
        found: tuple[list[str], bool] = await self.carry(
            name, lambda server: server.names(slug, limit)
        )
        return found

    async def mails(self, name: str) -> bytes:
        found: bytes = await self.carry(name, lambda server: server.mails())
        return found

    async def figures(self, name: str) -> bytes:
        found: bytes = await self.carry(name, lambda server: server.figures())
        return found

    async def carry(self, name: str, work: Work) -> Any:  # noqa: ANN401 - as above
        """Make a call to a host over the road; who gives up on it does not take it back."""
        await self.road.there()
        found = await asyncio.shield(asyncio.ensure_future(_kept(self._done(name, work))))
        if isinstance(found, Exception):
            raise found
        await self.road.back()
        return found

    async def _done(self, name: str, work: Work) -> Any:  # noqa: ANN401 - as above
        return await self.processes[name].do(work)

    # --- fleet.Fleet ------------------------------------------------------------------------------

    async def beat(self, name: str, order: bytes) -> bytes:
        process = self.processes.get(name)
        if process is None:
            raise NotStarted
        if process.dead:
            raise Gone
        report: bytes = await self.carry(name, lambda server: server.beat(order))
        return report

    async def nodes(self) -> list[Node]:
        return [Node(f"node-{n}", f"10.0.0.{n}", 4) for n in (1, 2)]

    async def start(self, name: str, node: str) -> None:
        if name not in self.processes:
            self.process(name, node).start()

    def abandon(self, name: str) -> None:
        """Take a host's process for dead though it is not, and start another elsewhere.

        Not in its folder: there its lock would keep the other one out.
        """
        self.process(name, f"node-{self.started + 100}").start()

    async def end(self, name: str, *, at_once: bool) -> None:
        process = self.processes.get(name)
        if process is None:
            return
        if not at_once and not process.dead:
            async with asyncio.timeout(8.0):
                await process.do(lambda server: server.close())
        process.kill()
        self.processes.pop(name, None)


async def _kept(work: Awaitable[R]) -> R | Exception:
    """Return what was raised: whoever asked may have gone."""
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - raised where it is waited for
        return error


@contextmanager
def _pretended(quarters: Quarters) -> Iterator[None]:
    """Let hosts take the loop's time for the machine's, and read and write no files."""
    files: dict[Path, high_water.HighWater] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hosting_module, "boot_seconds", quarters.loop.time)
        patch.setattr(hosting_module.secrets, "randbelow", quarters.random.randrange)
        patch.setattr(residence, "new_owner", PARTY.get)
        patch.setattr(residence, "gone", quarters.gone)
        patch.setattr(high_water, "read", lambda folder: files.get(folder, high_water.HighWater()))
        patch.setattr(high_water, "write", files.__setitem__)
        yield


def in_quarters(scene: Callable[[Quarters], Coroutine[Any, Any, None]], *, seed: int = 0) -> None:
    """Play a scene."""
    loop = Loop()
    quarters = Quarters(loop, seed)
    with _pretended(quarters):
        try:
            loop.run_until_complete(scene(quarters))
            assert loop.complaints == []
        finally:
            loop.thaw_all()
            loop.run_until_complete(end_all())
            loop.close()


async def opened_system(quarters: Quarters) -> ClusterSystem:
    """Open an HTTP process's way to the hosts."""
    system = ClusterSystem(quarters, blobs=None, on_trouble=lambda *_: None)  # type: ignore[arg-type]
    await system.start()
    return system
