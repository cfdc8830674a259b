"""A simulated host process: the real host, ownership, working loop and outbox on a model store."""

import asyncio
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from random import Random
from typing import Final, Protocol

from doorward.actors.clocks import StoreClock
from doorward.actors.errors import StoreUnreachable, TurnFailed, Unavailable
from doorward.actors.hooks import Hooks
from doorward.actors.host import Host
from doorward.actors.keyring import Keyring
from doorward.actors.ledger import Event
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.outbox import Outbox
from doorward.actors.ownership import Ownership, Partition
from doorward.actors.post.transport import Transport
from doorward.actors.records.mail import MailJob
from doorward.actors.turns import Place
from doorward.actors.work_loop import WorkLoop
from tests.actors.simulation.model_journal import ModelJournal
from tests.actors.simulation.model_store import ModelStore
from tests.actors.simulation.stormy_wire import StormyWire, Weather
from tests.actors.simulation.virtual_loop import VirtualLoop, party_context

LEASE_SECONDS: Final = 3.0
HIGH_WATER_SECONDS: Final = 1.0
Marks = dict[int, tuple[int, int]]


@dataclass(frozen=True)
class Design:
    """Which classes a world is built of; a saboteur puts in his own."""

    store: type[ModelStore] = ModelStore
    ownership: type[Ownership] = Ownership
    host: type[Host] = Host


class Household(Protocol):
    """What a machine needs of the world around it."""

    loop: VirtualLoop
    random: Random
    store: ModelStore
    keyring: Keyring
    placement: tuple[int, ...]
    marks: Marks
    design: Design
    transport: Transport

    def trouble(self, machine: str, what: str, error: BaseException | None) -> None: ...


@dataclass
class Reply:
    """What came of a message: an outcome, or an error; neither when nobody answered in time.

    ``begun_ms`` and ``ended_ms`` enclose the time of the turn, on the machine's own store clock.
    """

    outcome: Outcome | None = None
    error: Exception | None = None
    turned_away: bool = False
    begun_ms: int = 0
    ended_ms: int = 0
    frozen: bool = False


@dataclass(eq=False)
class Machine:
    """One host process, from its start to its end."""

    world: Household
    name: str
    memory_bytes: int
    dead: Container[str] = ()
    weather: Weather = field(default_factory=Weather)
    frozen: bool = False
    freezes: int = 0
    gone: bool = False

    def __post_init__(self) -> None:
        world = self.world
        self.context = party_context(self.name)
        self.clock = StoreClock(world.loop.time)
        journal = ModelJournal(world.store, StormyWire(world.random, self.weather))
        self._journal = journal
        self.ownership = world.design.ownership(
            journal,
            owner=self.name,
            lease_seconds=LEASE_SECONDS,
            ticks=world.loop.time,
            clock=self.clock,
            dead=self.dead,
            # Only what is in use, as a steward's placement would have it.
            wanted=frozenset(world.placement),
        )
        self.ownership.expect(world.marks)
        self.host = world.design.host(
            journal,
            self.ownership,
            clock=self.clock,
            place=Place(keyring=world.keyring),
            random=world.random.randbytes,
            hooks=Hooks(_ignore, self._on_mail, self._on_taken, self._on_trouble, self._on_leaving),
            memory_bytes=self.memory_bytes,
            mailbox_limit=64,
        )
        self.outbox = Outbox(
            journal,
            self.host,
            world.transport,
            keyring=world.keyring,
            clock_ms=self.clock.now_ms,
        )
        self._marks_noted_at = 0.0
        self.work = WorkLoop(self.host, on_trouble=self._on_trouble, also=self._also)

    @property
    def up(self) -> bool:
        """Tell whether it exists and runs."""
        return not self.gone and not self.frozen

    def start(self) -> None:
        """Begin, as the embedded system does."""
        self.world.loop.create_task(self._boot(), context=self.context)

    def freeze(self) -> None:
        """Stop the process where it stands; time goes on without it."""
        self.frozen = True
        self.freezes += 1
        self.world.loop.freeze(self.name)

    def thaw(self) -> None:
        """Let it go on."""
        self.frozen = False
        self.world.loop.thaw(self.name)

    def crash(self) -> None:
        """End the process where it stands; what it sent may still be under way."""
        self.gone = True
        self.world.loop.freeze(self.name)

    def place(self, wanted: frozenset[int], silent: frozenset[str]) -> None:
        """Tell it what it is wanted for."""
        self.world.loop.call_soon(self.host.want, wanted, silent, context=self.context)

    def hand_over(self) -> None:
        """Let it finish what it has and give up its partitions, as the embedded system does."""
        self.world.loop.create_task(self._close(), context=self.context)

    async def ask(self, slug: str, message: Request, *, patience_seconds: float) -> Reply:
        """Send a message to this machine and wait for what comes of it."""
        loop, freezes = self.world.loop, self.freezes
        landed: asyncio.Future[Reply] = loop.create_future()
        loop.call_soon(self._submit, slug, message, landed, context=self.context)
        try:
            async with asyncio.timeout(patience_seconds):
                reply = await landed
        except TimeoutError:
            reply = Reply(ended_ms=self.clock.now_ms())
        reply.frozen = self.frozen or self.freezes > freezes
        return reply

    def _submit(self, slug: str, message: Request, landed: "asyncio.Future[Reply]") -> None:
        begun_ms = self.clock.now_ms()
        if landed.done():
            return
        try:
            future = self.work.ask(slug, message)
        except Unavailable as error:
            landed.set_result(Reply(error=error, turned_away=True, ended_ms=begun_ms))
            return

        def land(future: "asyncio.Future[Outcome]") -> None:
            error = None if future.cancelled() else future.exception()
            assert error is None or isinstance(error, Unavailable | TurnFailed)
            if not landed.done() and not future.cancelled():
                outcome = future.result() if error is None else None
                landed.set_result(
                    Reply(
                        outcome,
                        error,
                        turned_away=False,
                        begun_ms=begun_ms,
                        ended_ms=self.clock.now_ms(),
                    )
                )

        future.add_done_callback(land)
        landed.add_done_callback(lambda _: future.cancel() if not future.done() else None)

    async def _boot(self) -> None:
        while True:
            try:
                store = await self._journal.open()
            except StoreUnreachable:
                await asyncio.sleep(0.1)
            else:
                break
        self.clock.start_at(store.now_ms)
        await self.outbox.delivery.start()
        await self.work.start()

    async def _close(self) -> None:
        await self.outbox.delivery.stop(grace_seconds=1.0)
        await self.work.stop()
        try:
            await self.ownership.release()
        except StoreUnreachable as error:
            self._on_trouble("release", error)
        self.note_marks()
        self.gone = True

    async def _also(self) -> None:
        now = self.world.loop.time()
        if now >= self._marks_noted_at + HIGH_WATER_SECONDS:
            self._marks_noted_at = now
            self.note_marks()
        if self.ownership.reachable:
            await self.outbox.catch_up()

    def note_marks(self) -> None:
        """Write the high-water file: one for all, as these machines share a disk."""
        for index, mark in self.ownership.high_water().items():
            self.world.marks[index] = max(mark, self.world.marks.get(index, (0, 0)))

    def _on_mail(self, partition: int, mail_id: str, job: MailJob) -> None:
        self.outbox.send(partition, mail_id, job)

    def _on_taken(self, partitions: list[Partition]) -> None:
        self.outbox.read_again([partition.index for partition in partitions])

    def _on_leaving(self, partition: int) -> bool:
        return self.outbox.withdraw(partition)

    def _on_trouble(self, what: str, error: BaseException | None) -> None:
        self.world.trouble(self.name, what, error)


def _ignore(_event: Event) -> None:
    """Events are for the log."""


Trouble = Callable[[str, str, BaseException | None], None]
