"""The output gate: what turns staged, on its way to the store, and the outcomes that wait for it.

Turns run as soon as there is something to run and stage into the *open* batch. The open batch is
sent when nothing is in flight, or, once it has grown, behind the flights that are: then the store
works while turns do. Flights travel in order on one connection, and a partition's sequence numbers
make the store refuse one whose predecessor did not arrive.

*What may be read.* Staged writes are visible to later turns at once. So an outcome that read
anything of a partition with unflushed writes waits behind the last of them, refusals included; one
that did not has nothing to wait for and leaves at once. Counts of calls (``Ledger.count``) are the
exception: no outcome waits for them, and they are sent with what is sent anyway, or with the tick.

*How a flight ends.* Committed: its outcomes leave, if this host may still answer. Refused: the
partition is lost, what depended on it fails, its memory is dropped. Unknown: the same for all
partitions, since nobody knows; nothing is sent again.

*Loss.* Whoever loses a partition calls ``drop``: what was staged for it under its old epoch must
never be sent under a new one.
"""

import asyncio
from collections.abc import Callable, Mapping
from itertools import islice
from time import perf_counter
from typing import Final, NamedTuple

from doorward.actors.batch import Batch, Held, Staged, Written
from doorward.actors.clocks import StoreClock
from doorward.actors.errors import RecordUnreadable, StoreUnreachable, TurnFailed, Unavailable
from doorward.actors.figures import Figures
from doorward.actors.hooks import Hooks
from doorward.actors.journal import Ending, Journal
from doorward.actors.ledger import Event, Ledger, Write
from doorward.actors.mailboxes import Ask
from doorward.actors.memory import Memory, Remembered
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import TooMany
from doorward.actors.ownership import Ownership, Partition
from doorward.actors.partitions import kind_of
from doorward.actors.records.codec import decode

FLIGHTS: Final = 3
"""One being answered, one in the store, one on its way there."""
WORTH_ANOTHER_FLIGHT: Final = 21
"""Messages; fewer are better sent together with what comes while the flights are out."""
STRUCK_PER_COMMIT: Final = 128
_NOTHING: Final[dict[str, Write]] = {}


class _Flight(NamedTuple):
    """A batch on its way: what it writes, what it reads and for whom."""

    prepared: list[tuple[Staged, Written]]
    batch: Batch
    losses: int


class Gate:
    """The way out of a host."""

    def __init__(  # noqa: PLR0913 - the wiring of one object
        self,
        journal: Journal,
        ownership: Ownership,
        memory: Memory,
        *,
        clock: StoreClock,
        hooks: Hooks,
        figures: Figures,
        run_again: Callable[[list[Ask]], None],
        give_up: Callable[[StoreUnreachable], None],
    ) -> None:
        """Send through ``journal``.

        Args:
            journal: The store.
            ownership: Who may answer.
            memory: Learns what is sent and what is read.
            clock: Store time.
            hooks: Told of events, mails and troubles.
            figures: Counts.
            run_again: Called after every flight, with the messages whose missed records it brought
                (some of them may have failed since).
            give_up: Called when a flight's ending is unknown: everything is to be lost.
        """
        self._journal = journal
        self._ownership = ownership
        self._memory = memory
        self._clock = clock
        self._hooks = hooks
        self._figures = figures
        self._run_again = run_again
        self._give_up = give_up
        self._open = Batch()
        self._flying: dict[int, list[Staged]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._out = 0
        self._losses = 0
        self._struck: dict[int, dict[str, None]] = {}

    @property
    def room(self) -> int:
        """How many more messages the open batch should take."""
        return self._open.room

    def is_busy(self) -> bool:
        """Tell whether anybody waits for what is staged, missed or on its way."""
        return self._out > 0 or self._open.messages > 0

    def is_clear(self, partition: Partition) -> bool:
        """Tell whether nothing of a partition is staged, on its way, or still to be struck."""
        return not (self.is_flying(partition) or self._struck.get(partition.index))

    def is_flying(self, partition: Partition) -> bool:
        """Tell whether anything of a partition is staged or on its way."""
        return partition.index in self._open.staged or partition.index in self._flying

    def staged(self, partition: Partition) -> Mapping[str, Write]:
        """Return what is staged for a partition and not yet sent."""
        staged = self._open.staged.get(partition.index)
        return staged.writes if staged is not None else _NOTHING

    def take(self, ask: Ask, partition: Partition, ledger: Ledger, outcome: Outcome) -> None:
        """Take a successful turn: stage what it wrote, and let its outcome leave when it may."""
        held = Held(ask, outcome, ledger.events)
        if ledger.changed():
            self._open.stage(partition).take(ledger, held)
            return
        if ledger.counts:
            self._open.beside(partition).writes.update(ledger.counts)
        if (last := self._last_unflushed(partition)) is not None:
            last.held.append(held)
        else:
            self._release(held)

    def miss(self, ask: Ask, partition: Partition, keys: tuple[str, ...]) -> None:
        """Note what a turn missed; it runs again once that is read."""
        self._figures.misses += len(keys)
        self._open.miss(ask, partition, keys)

    def strike(self, partition: int, mail_id: str) -> None:
        """Strike a settled mail from the outbox, with a commit to come."""
        self._struck.setdefault(partition, {})[mail_id] = None

    def is_struck(self, partition: int, mail_id: str) -> bool:
        """Tell whether a mail is settled, though the store may not know it yet."""
        return mail_id in self._struck.get(partition, ())

    def stage_rest(self) -> None:
        """Let settled mails and counts be flushed on their own; under load they ride along."""
        for index in self._struck:
            partition = self._ownership.partitions[index]
            if self._ownership.serves(index):
                self._open.stage(partition)
        self._open.ripen()

    def should_send(self) -> bool:
        """Tell whether the open batch is to be sent now."""
        if not self._open.messages:
            return False
        if not self._out:
            return True
        return self._out < FLIGHTS and self._open.messages >= WORTH_ANOTHER_FLIGHT

    def send(self) -> None:
        """Send the open batch."""
        batch, self._open = self._open, Batch()
        flight = _Flight(self._prepared(batch), batch, self._losses)
        for staged, written in flight.prepared:
            staged.partition.seq = written.commit.seq
            self._flying.setdefault(staged.partition.index, []).append(staged)
            for key, write in staged.writes.items():
                self._memory.learn(key, write.record, written.sizes[key])
        if flight.prepared or batch.reads:
            self._out += 1
            task = asyncio.get_running_loop().create_task(self._fly(flight))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def landed(self) -> None:
        """Wait until nothing is in flight."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def drop(self, partitions: list[Partition], error: Unavailable) -> None:
        """Forget what is staged for partitions that were lost, and fail what waits for it."""
        for partition in partitions:
            self._flying.pop(partition.index, None)
            for ask in self._open.drop(partition):
                ask.fail(_again_later(error))

    def drop_all(self, error: StoreUnreachable) -> None:
        """Forget everything staged: every partition was lost."""
        self._losses += 1
        self._flying.clear()
        batch, self._open = self._open, Batch()
        _fail(batch.asks(), error)

    def _last_unflushed(self, partition: Partition) -> Staged | None:
        """Return the newest unflushed writes that an outcome depends on; counts are no such."""
        staged = self._open.staged.get(partition.index)
        if staged is not None and staged.held:
            return staged
        flying = self._flying.get(partition.index)
        if flying is None:
            return None
        return next((staged for staged in reversed(flying) if staged.held), None)

    def _prepared(self, batch: Batch) -> list[tuple[Staged, Written]]:
        """Write every partition's commit; what cannot be written fails its partition alone."""
        prepared = []
        now_ms = self._clock.now_ms()
        for index, staged in batch.staged.items():
            struck = list(islice(self._struck.get(index, ()), STRUCK_PER_COMMIT))
            try:
                written = staged.write(self._ownership.owner, now_ms, struck)
            except Exception as error:  # noqa: BLE001 - a poisonous record must not stop the others
                self._figures.failed_turns += len(staged.held)
                self._hooks.on_trouble("a record cannot be written", error)
                for held in staged.held:
                    held.ask.fail(TurnFailed(type(error).__name__))
            else:
                prepared.append((staged, written))
        return prepared

    async def _fly(self, flight: _Flight) -> None:
        try:
            await self._flush(flight)
        finally:
            self._out -= 1
            self._run_again(flight.batch.missed)

    async def _flush(self, flight: _Flight) -> None:
        began = perf_counter()
        commits = [written.commit for _, written in flight.prepared]
        try:
            endings, found = await self._journal.flush(commits, list(flight.batch.reads))
        except StoreUnreachable as error:
            self._unknown(flight, error)
            return
        except Exception as error:  # noqa: BLE001 - a fault of ours; what was written is unknown too
            self._unknown(flight, StoreUnreachable(type(error).__name__))
            return
        self._figures.flushes += 1
        self._figures.flush_ms.observe((perf_counter() - began) * 1000)
        self._learn(flight.batch, found)
        for (staged, written), ending in zip(flight.prepared, endings, strict=True):
            if ending is Ending.COMMITTED:
                self._committed(staged, written)
            else:
                self._refused(staged, written, ending)

    def _committed(self, staged: Staged, written: Written) -> None:
        partition = staged.partition
        self._landed(staged)
        is_ours = partition.owned and partition.epoch == written.commit.epoch
        if is_ours:
            partition.acknowledged_seq = written.commit.seq
        for held in staged.held:
            self._release(held)
        self._struck_out(partition.index, written.struck)
        if is_ours:
            for mail_id, job in written.mails:
                self._hooks.on_mail(partition.index, mail_id, job)

    def _refused(self, staged: Staged, written: Written, ending: Ending) -> None:
        partition = staged.partition
        self._landed(staged)
        self._figures.fenced += 1
        if partition.owned and partition.epoch == written.commit.epoch:
            self._hooks.on_trouble(f"commit {ending.name.lower()}", None)
            self._ownership.lose(partition)
            self._memory.forget(partition.prefix)
            self.drop([partition], self._ownership.refusal(partition.index))
        _fail([held.ask for held in staged.held], self._ownership.refusal(partition.index))

    def _unknown(self, flight: _Flight, error: StoreUnreachable) -> None:
        """Nobody knows what was written: say so to everyone who waits for it."""
        self._figures.unknown += 1
        _fail(flight.batch.asks(), error)
        # A later flight of the same connection ends the same way; what was lost is lost once.
        if flight.losses == self._losses:
            self._give_up(error)

    def _landed(self, staged: Staged) -> None:
        flying = self._flying.get(staged.partition.index)
        if flying is not None and staged in flying:
            flying.remove(staged)
            if not flying:
                del self._flying[staged.partition.index]

    def _struck_out(self, index: int, struck: list[str]) -> None:
        left = self._struck.get(index)
        if left is None:
            return
        for mail_id in struck:
            left.pop(mail_id, None)
        if not left:
            del self._struck[index]

    def _learn(self, batch: Batch, found: list[bytes | None]) -> None:
        """Remember what was read, unless its partition changed hands or a flight writes it."""
        for (key, (partition, epoch)), stored in zip(batch.reads.items(), found, strict=True):
            if not partition.owned or partition.epoch != epoch:
                continue
            if any(key in staged.writes for staged in self._flying.get(partition.index, ())):
                continue
            self._memory.learn(key, _read(key, stored), len(stored or b""))

    def _release(self, held: Held) -> None:
        """Let an outcome leave, if this host may still answer at this very moment."""
        for event in held.events:
            self._tell(event)
        if not self._ownership.serves(held.ask.partition):
            # Not ``NotOwner``: it was done, and must not be asked for again elsewhere.
            held.ask.fail(Unavailable("decided, but this host may not say so any more"))
            return
        if isinstance(held.outcome, TooMany):
            self._figures.refusals[held.outcome.standing.rule.name] += 1
        held.ask.answer(held.outcome)

    def _tell(self, event: Event) -> None:
        try:
            self._hooks.on_event(event)
        except Exception as error:  # noqa: BLE001 - a full log must not keep an outcome back
            self._hooks.on_trouble("an event cannot be logged", error)


def _read(key: str, stored: bytes | None) -> Remembered:
    if stored is None:
        return None
    try:
        return decode(kind_of(key), stored)
    except RecordUnreadable as error:
        return error


def _fail(asks: list[Ask], error: Unavailable) -> None:
    for ask in asks:
        ask.fail(_again_later(error))


def _again_later(error: Unavailable) -> Unavailable:
    """Make an exception per asker: one shared instance would gather everybody's tracebacks."""
    return type(error)(error.reason, error.retry_after_seconds)
