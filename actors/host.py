"""The host: many storefronts in one event loop, one turn at a time, answers only when durable.

A work cycle takes a fair batch from the mailboxes, runs each message's turn in memory, flushes
everything that was staged and missed in one round trip, and opens the gate: outcomes leave only
after the flush that made them true, and only while this host still owns the partition. Cycles do
not overlap; what arrives meanwhile makes the next batch, so batches grow with the load by
themselves and no timer waits for company.

An outcome that depends on nothing unflushed (its partition has staged nothing in this cycle) has
nothing to wait for and leaves at once.

Who may call: anything in the same event loop, through ``ask``. What is serialised: turns, flushes,
renewals. What survives a crash: what was flushed. What does not: all else, and nobody was told.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Final

from doorward.actors.batch import Batch, Held, Staged, Written
from doorward.actors.clocks import StoreClock
from doorward.actors.errors import RecordUnreadable, StoreUnreachable, TurnFailed, Unavailable
from doorward.actors.figures import Figures
from doorward.actors.journal import Ending, Journal
from doorward.actors.ledger import Event, Ledger, Miss, Write
from doorward.actors.mailboxes import Ask, Mailboxes
from doorward.actors.memory import Memory, Remembered
from doorward.actors.messages import Outcome, Request, TooMany
from doorward.actors.ownership import Ownership, Partition
from doorward.actors.partitions import kind_of, partition_of, record_prefix, shared_prefix
from doorward.actors.records import MailJob, decode
from doorward.actors.storefront import decide
from doorward.actors.tokens import Random
from doorward.actors.turns import Place, Turn

BATCH: Final = 256
MAX_RUNS: Final = 12
"""A turn that still misses something after so many fetches will never be content."""
STRUCK_PER_COMMIT: Final = 128
AGE_SECONDS: Final = 60.0
_NOTHING_STAGED: Final[dict[str, Write]] = {}


@dataclass(frozen=True, slots=True)
class Hooks:
    """Who is told what happened; none of these may wait."""

    on_event: Callable[[Event], None]
    on_mail: Callable[[int, str, MailJob], None]
    on_taken: Callable[[list[Partition]], None]
    on_trouble: Callable[[str, BaseException | None], None]


class Host:
    """Storefront actors over one journal."""

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
        self._journal = journal
        self._ownership = ownership
        self._clock = clock
        self._place = place
        self._random = random
        self._hooks = hooks
        self._memory = Memory(memory_bytes)
        self._mailboxes = Mailboxes(limit=mailbox_limit)
        self._again: list[Ask] = []
        self._struck: dict[int, dict[str, None]] = {}
        self._aged_at = 0.0
        self._intake = True
        self.figures = Figures()

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
        if not self._intake or not self._ownership.serves(partition):
            raise self._ownership.refusal()
        ask = Ask(slug, partition, message, asyncio.get_running_loop().create_future())
        self._mailboxes.put(ask)
        self.figures.asks += 1
        return ask.future

    def strike(self, partition: int, mail_id: str) -> None:
        """Strike a settled mail from the outbox, with the next flush."""
        self._struck.setdefault(partition, {})[mail_id] = None

    def is_struck(self, partition: int, mail_id: str) -> bool:
        """Tell whether a mail is settled, though the store may not know it yet."""
        return mail_id in self._struck.get(partition, ())

    def has_work(self) -> bool:
        """Tell whether a cycle has something to do now."""
        return bool(self._mailboxes.depth or self._again)

    def stop_intake(self) -> None:
        """Refuse whatever comes from now on; what is queued is still worked off."""
        self._intake = False

    async def cycle(self) -> None:
        """Run one work cycle."""
        asks, self._again = self._again, []
        asks += self._mailboxes.take(BATCH - len(asks))
        if asks:
            self.figures.batch.observe(len(asks))
        batch = Batch()
        for ask in asks:
            self._run(ask, batch)
        if not asks:
            self._stage_struck(batch)
        if batch.staged or batch.reads:
            await self._flush(batch)

    async def tend(self) -> None:
        """Do what time asks for: renew the lease, take what is missing, forget what is idle."""
        try:
            if self._ownership.renewal_due():
                self._forget(await self._ownership.renew())
            if self._intake and self._ownership.wants_more():
                taken = await self._ownership.acquire()
                self._forget(taken)
                if taken:
                    self._hooks.on_taken(taken)
                if any(partition.went_back for partition in taken):
                    self._hooks.on_trouble("the store went back in time: codes are burned", None)
        except StoreUnreachable as error:
            self._lose_everything(error)
        self._age()

    def _run(self, ask: Ask, batch: Batch) -> None:
        """Run one turn: stage it, answer it, note what it missed, or fail it alone."""
        if ask.future.done():
            return
        if not self._ownership.serves(ask.partition):
            ask.fail(self._ownership.refusal())
            return
        partition = self._ownership.partitions[ask.partition]
        staged = batch.staged.get(ask.partition)
        ledger = Ledger(
            self._memory,
            staged.writes if staged is not None else _NOTHING_STAGED,
            prefix=record_prefix(ask.slug),
            shared=shared_prefix(ask.partition),
        )
        self.figures.turns += 1
        try:
            outcome = decide(self._turn(ask, partition, ledger), ask.message)
        except Miss as miss:
            self._missed(ask, batch, miss)
        except Exception as error:  # noqa: BLE001 - one poisonous message must not stop the others
            self._fail_turn(ask, error)
        else:
            if ledger.changed():
                batch.stage(partition).take(ask, ledger, outcome)
            elif staged is not None:
                staged.held.append(Held(ask, outcome, ledger.events))
            else:
                self._release(Held(ask, outcome, ledger.events))

    def _turn(self, ask: Ask, partition: Partition, ledger: Ledger) -> Turn:
        return Turn(
            ask.slug,
            ledger,
            store_ms=self._clock.now_ms(),
            random=self._random,
            place=self._place,
            burned_before_ms=partition.burned_before_ms,
        )

    def _missed(self, ask: Ask, batch: Batch, miss: Miss) -> None:
        ask.runs += 1
        if ask.runs > MAX_RUNS:
            self._fail_turn(ask, miss)
            return
        self.figures.misses += len(miss.keys)
        batch.miss(ask, miss.keys)

    def _fail_turn(self, ask: Ask, error: BaseException) -> None:
        self.figures.failed_turns += 1
        self._hooks.on_trouble(f"turn {type(ask.message).__name__}", error)
        ask.fail(TurnFailed(type(error).__name__))

    def _stage_struck(self, batch: Batch) -> None:
        """Flush settled mails alone in a quiet moment; otherwise they ride on other commits."""
        for index in list(self._struck):
            partition = self._ownership.partitions[index]
            if partition.owned:
                batch.stage(partition)

    async def _flush(self, batch: Batch) -> None:
        prepared = self._prepare(batch)
        began = perf_counter()
        try:
            endings, found = await self._journal.flush(
                [written.commit for _, written in prepared], list(batch.reads)
            )
        except StoreUnreachable as error:
            self._unknown(batch, error)
            return
        self.figures.flushes += 1
        self.figures.flush_ms.observe((perf_counter() - began) * 1000)
        for (staged, written), ending in zip(prepared, endings, strict=True):
            self._end(staged, written, ending)
        self._learn(batch, found)
        self._again = batch.missed

    def _prepare(self, batch: Batch) -> list[tuple[Staged, Written]]:
        """Write every partition's commit; what cannot be written fails its partition alone."""
        prepared = []
        for index, staged in list(batch.staged.items()):
            struck = list(islice(self._struck.get(index, ()), STRUCK_PER_COMMIT))
            try:
                written = staged.write(self._ownership.owner, self._clock.now_ms(), struck)
            except Exception as error:  # noqa: BLE001 - a poisonous record must not stop the others
                for held in staged.held:
                    self._fail_turn(held.ask, error)
                del batch.staged[index]
            else:
                prepared.append((staged, written))
        return prepared

    def _end(self, staged: Staged, written: Written, ending: Ending) -> None:
        """Open the gate, or drop everything held for a partition that is no longer ours."""
        partition = staged.partition
        if ending is not Ending.COMMITTED:
            self.figures.fenced += 1
            self._ownership.lose(partition)
            self._forget([partition])
            self._hooks.on_trouble(f"commit {ending.name.lower()}", None)
            for held in staged.held:
                held.ask.fail(self._ownership.refusal())
            return
        partition.seq = written.commit.seq
        for key, write in staged.writes.items():
            self._memory.learn(key, write.record, written.sizes[key])
        for held in staged.held:
            self._release(held)
        self._struck_out(partition.index, written.struck)
        for mail_id, job in written.mails:
            self._hooks.on_mail(partition.index, mail_id, job)

    def _struck_out(self, index: int, struck: list[str]) -> None:
        if not struck:
            return
        left = self._struck[index]
        for mail_id in struck:
            del left[mail_id]
        if not left:
            del self._struck[index]

    def _release(self, held: Held) -> None:
        """Let an outcome leave, if this host may still answer at this very moment."""
        for event in held.events:
            self._hooks.on_event(event)
        if not self._ownership.serves(held.ask.partition):
            held.ask.fail(self._ownership.refusal())
            return
        if isinstance(held.outcome, TooMany):
            self.figures.refusals[held.outcome.standing.rule.name] += 1
        held.ask.answer(held.outcome)

    def _learn(self, batch: Batch, found: list[bytes | None]) -> None:
        for key, stored in zip(batch.reads, found, strict=True):
            record: Remembered = None
            if stored is not None:
                try:
                    record = decode(kind_of(key), stored)
                except RecordUnreadable as error:
                    record = error
            self._memory.learn(key, record, len(stored or b""))

    def _unknown(self, batch: Batch, error: StoreUnreachable) -> None:
        """Nobody knows what was written: say so to everyone, forget everything, begin again."""
        self.figures.unknown += 1
        for staged in batch.staged.values():
            for held in staged.held:
                held.ask.fail(_again_later(error))
        for ask in batch.missed:
            ask.fail(_again_later(error))
        self._lose_everything(error)

    def give_up(self, error: Exception) -> None:
        """Fail closed after a fault of our own in a cycle: nothing in memory is trusted now."""
        self._lose_everything(StoreUnreachable(type(error).__name__))

    def _lose_everything(self, error: StoreUnreachable) -> None:
        self._ownership.lose_all()
        self._memory.forget()
        waiting, self._again = self._again, []
        for ask in (*waiting, *self._mailboxes.take_all()):
            ask.fail(_again_later(error))
        self._hooks.on_trouble("store unreachable", error)

    def _forget(self, partitions: list[Partition]) -> None:
        if len(partitions) == len(self._ownership.partitions):
            self._memory.forget()
            return
        for partition in partitions:
            self._memory.forget(f"dw:{{{partition.index}}}:")

    def _age(self) -> None:
        now = self._clock.now_ms() / 1000
        if now >= self._aged_at + AGE_SECONDS:
            self._aged_at = now
            self._memory.age()


def _again_later(error: Unavailable) -> StoreUnreachable:
    """Make an exception per asker: one shared instance would gather everybody's tracebacks."""
    return StoreUnreachable(error.reason, error.retry_after_seconds)
