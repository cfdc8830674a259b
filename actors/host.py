"""The host: many storefronts in one event loop, one turn at a time, answers only when durable.

A work cycle takes a fair batch from the mailboxes and runs each message's turn in memory. What the
turns staged and missed goes out through the gate (``gate``), many storefronts' turns in one flush,
and outcomes leave only after the flush that made them true, and only while this host still owns the
partition. Batches grow with the load by themselves; no timer waits for company.

Who may call: anything in the same event loop, through ``ask``. What is serialised: turns, against
each other and against every change of ownership. What survives a crash: what was flushed. What does
not: all else, and nobody was told.
"""

import asyncio
from collections.abc import Callable, Container
from typing import Final

from doorward.actors.clocks import StoreClock
from doorward.actors.errors import Overloaded, StoreUnreachable, TurnFailed
from doorward.actors.figures import Figures
from doorward.actors.gate import Gate
from doorward.actors.hooks import Hooks
from doorward.actors.journal import Journal
from doorward.actors.ledger import Ledger, Miss
from doorward.actors.mailboxes import Ask, Mailboxes
from doorward.actors.memory import Memory
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.ownership import Ownership, Partition
from doorward.actors.partitions import partition_of, record_prefix, shared_prefix
from doorward.actors.storefront import decide
from doorward.actors.tokens import Random
from doorward.actors.turns import Place, Turn

MAX_RUNS: Final = 16
"""A turn that still misses something after so many fetches will never be content."""
LONELY: Final = 8
"""From so many runs on a turn runs alone. Turns that read much drive each other's records out of
memory, and would go on like that for ever."""
TURNS: Final = 21
"""Turns in a cycle. What they staged is then sent, and the store works while further turns do. With
larger cycles clients fall into step: all wait for one flight, while nobody runs turns. A third of
64 connections; at 256, cycles of 42 do as well."""
AGE_MS: Final = 60_000
HAND_OVER_MS: Final = 1_000
"""How long a partition that is handed over waits for its mails; a slow mail server must not keep
it from being served. The next owner sends what is not settled by then, with the same Message-ID."""


def _nobody_waits() -> None:
    """Stand in until a working loop wants to be woken."""


class Host:
    """Storefront actors over one journal.

    Attributes:
        figures: What it counts about itself.
        gate: Its way out.
        on_work: Called when there may be something to do that no ``ask`` brought.
    """

    def __init__(  # noqa: PLR0913 - the wiring of one object
        self,
        journal: Journal,
        ownership: Ownership,
        *,
        clock: StoreClock,
        place: Place,
        random: Random,
        hooks: Hooks,
        memory_bytes: int,
        mailbox_limit: int,
    ) -> None:
        self._ownership = ownership
        self._clock = clock
        self._place = place
        self._random = random
        self._hooks = hooks
        self._memory = Memory(memory_bytes)
        self._mailboxes = Mailboxes(limit=mailbox_limit)
        self._again: list[Ask] = []
        self._lonely: Ask | None = None
        self._aged_at_ms = 0
        self._intake = True
        self._leaving: dict[int, int] = {}
        self.on_work: Callable[[], None] = _nobody_waits
        self.figures = Figures()
        self.gate = Gate(
            journal,
            ownership,
            self._memory,
            clock=clock,
            hooks=hooks,
            figures=self.figures,
            run_again=self._run_again,
            give_up=self.lose_everything,
        )

    @property
    def depth(self) -> int:
        """How many messages wait."""
        return self._mailboxes.depth + len(self._again)

    @property
    def remembered(self) -> int:
        """How many records are in memory."""
        return len(self._memory)

    def ask(self, slug: str, message: Request) -> "asyncio.Future[Outcome]":
        """Ask a storefront; the future holds its outcome once that is durable.

        The future raises ``Unavailable`` when the outcome is unknown or cannot be had now, and
        ``TurnFailed`` when the turn raised.

        Raises:
            Unavailable: At once, when this host does not serve the storefront or is overloaded.
        """
        partition = partition_of(slug)
        if not self._intake or not self._takes(partition):
            raise self._ownership.refusal(partition)
        ask = Ask(slug, partition, message, asyncio.get_running_loop().create_future())
        try:
            self._mailboxes.put(ask)
        except Overloaded:
            self.figures.overloads += 1
            raise
        self.figures.asks += 1
        return ask.future

    def is_busy(self) -> bool:
        """Tell whether anybody still waits for an outcome."""
        return self.depth > 0 or self.gate.is_busy()

    def has_work(self) -> bool:
        """Tell whether a cycle has something to do now."""
        return (self._may_run() and self.gate.room > 0) or self.gate.should_send()

    def want(self, wanted: frozenset[int], silent: Container[str] = ()) -> None:
        """Be told which partitions to have; what is held and not among them is handed over.

        Args:
            wanted: Partitions to take, each as soon as its owner has given it up.
            silent: Owners that were not heard of: what they hold is taken at once, and answered
                for a lease later.
        """
        self._ownership.want(wanted, silent)
        until_ms = self._clock.now_ms() + HAND_OVER_MS
        self._leaving = {
            p.index: self._leaving.get(p.index, until_ms)
            for p in self._ownership.held()
            if p.index not in wanted
        }

    def stop_intake(self) -> None:
        """Refuse whatever comes from now on; what is queued is still worked off."""
        self._intake = False

    def cycle(self) -> None:
        """Run one work cycle: turns, then the gate if it is time."""
        asks = self._taken() if self._may_run() else []
        if asks:
            self.figures.batch.observe(len(asks))
        for ask in asks:
            self._run(ask)
        if self.gate.should_send():
            self.gate.send()

    def _may_run(self) -> bool:
        """Tell whether a message waits that may run now."""
        if self._lonely is not None and self._lonely.future.done():
            self._lonely = None
        return self.depth > 0 if self._lonely is None else self._lonely in self._again

    def _taken(self) -> list[Ask]:
        """Take what this cycle runs."""
        lonely = self._lonely or next((ask for ask in self._again if ask.runs >= LONELY), None)
        if lonely is not None:
            self._again.remove(lonely)
            return [lonely]
        asks, self._again = self._again, []
        return asks + self._mailboxes.take(min(TURNS, self.gate.room) - len(asks))

    async def tend(self) -> None:
        """Do what time asks for: renew the lease, take what is missing, forget what is idle."""
        try:
            if self._ownership.renewal_due():
                lost = await self._ownership.renew()
                self._forget(lost)
                for partition in lost:
                    self.gate.drop([partition], self._ownership.refusal(partition.index))
            if self._leaving:
                await self._hand_over()
            if self._ownership.has_doubts():
                await self._ownership.disown()
            if self._intake and self._ownership.wants_more():
                await self._take_more()
        except StoreUnreachable as error:
            self.lose_everything(error)
        self.gate.stage_rest()
        self._age()

    def lose_everything(self, error: StoreUnreachable) -> None:
        """Give up all partitions and forget all records: nobody knows what the store holds."""
        self._ownership.lose_all()
        self._memory.forget()
        self.gate.drop_all(error)
        waiting, self._again = self._again, []
        for ask in (*waiting, *self._mailboxes.take_all()):
            ask.fail(StoreUnreachable(error.reason, error.retry_after_seconds))
        self._hooks.on_trouble("store unreachable", error)

    async def _hand_over(self) -> None:
        """Give up what is to leave, once its last commit is answered and its mails are settled."""
        held = [self._ownership.partitions[index] for index in self._leaving]
        ready = [partition for partition in held if partition.owned and self._is_done(partition)]
        for partition in held:
            if not partition.owned or partition in ready:
                del self._leaving[partition.index]
        if ready:
            await self._ownership.give_up(ready)
            self._forget(ready)

    def _is_done(self, partition: Partition) -> bool:
        """Tell whether a partition that leaves has nothing left to wait for."""
        is_settled = self._hooks.on_leaving(partition.index) and self.gate.is_clear(partition)
        is_late = self._clock.now_ms() >= self._leaving[partition.index]
        return is_settled or (is_late and not self.gate.is_flying(partition))

    def _takes(self, partition: int) -> bool:
        """Tell whether a message for a partition may run here now."""
        return partition not in self._leaving and self._ownership.serves(partition)

    async def _take_more(self) -> None:
        taken = await self._ownership.acquire()
        self._forget(taken)
        if taken:
            self._hooks.on_taken(taken)
        if any(partition.went_back for partition in taken):
            self._hooks.on_trouble("the store went back in time: codes are burned", None)

    def _run(self, ask: Ask) -> None:
        """Run one turn: pass it through the gate, note what it missed, or fail it alone."""
        if ask is self._lonely:
            self._lonely = None
        if ask.future.done():
            return
        if not self._takes(ask.partition):
            ask.fail(self._ownership.refusal(ask.partition))
            return
        partition = self._ownership.partitions[ask.partition]
        ledger = Ledger(
            self._memory,
            self.gate.staged(partition),
            prefix=record_prefix(ask.slug),
            shared=shared_prefix(ask.partition),
        )
        self.figures.turns += 1
        partition.turns += 1
        try:
            outcome = decide(self._turn(ask, partition, ledger), ask.message)
        except Miss as miss:
            self._missed(ask, partition, miss)
        except Exception as error:  # noqa: BLE001 - one poisonous message must not stop the others
            self._fail_turn(ask, error)
        else:
            self.gate.take(ask, partition, ledger, outcome)

    def _turn(self, ask: Ask, partition: Partition, ledger: Ledger) -> Turn:
        return Turn(
            ask.slug,
            ledger,
            store_ms=self._clock.now_ms(),
            random=self._random,
            place=self._place,
            burned_before_ms=partition.burned_before_ms,
        )

    def _missed(self, ask: Ask, partition: Partition, miss: Miss) -> None:
        ask.runs += 1
        if ask.runs > MAX_RUNS:
            self._fail_turn(ask, miss)
            return
        if ask.runs >= LONELY and self._lonely is None:
            self._lonely = ask
        self.gate.miss(ask, partition, miss.keys)

    def _run_again(self, asks: list[Ask]) -> None:
        self._again += [ask for ask in asks if not ask.future.done()]
        self.on_work()

    def _fail_turn(self, ask: Ask, error: BaseException) -> None:
        self.figures.failed_turns += 1
        self._hooks.on_trouble(f"turn {type(ask.message).__name__}", error)
        ask.fail(TurnFailed(type(error).__name__))

    def _forget(self, partitions: list[Partition]) -> None:
        if len(partitions) == len(self._ownership.partitions):
            self._memory.forget()
            return
        for partition in partitions:
            self._memory.forget(partition.prefix)

    def _age(self) -> None:
        now_ms = self._clock.now_ms()
        if now_ms >= self._aged_at_ms + AGE_MS:
            self._aged_at_ms = now_ms
            self._memory.age()
