"""A courier: carries an HTTP process's messages to one host, many in a call.

What arrives while calls are under way travels in the next one: no timer waits for company, and the
batches grow with the load. Every call has a deadline of our own, because nobody else sees a frozen
process: when it passes, nobody knows what became of the messages, and whoever asked hears so.

A courier whose call failed is *down* until one succeeds again: new messages are not sent into the
dark, they wait for another table (``system``), while a probe looks whether the host is back.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Final

from doorward.actors.cluster import wire
from doorward.actors.errors import (
    DoorwardError,
    NotOwner,
    Overloaded,
    Unavailable,
    VocabularyDiffers,
)
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.partitions import partition_of

FLIGHTS: Final = 2
WORTH_ANOTHER_CALL: Final = 16
"""Messages; fewer wait for the call that is under way."""
MESSAGES: Final = 128
BYTES: Final = 90_000
"""In a call, unless one message alone is longer: more would keep the others waiting too long."""
WAITING: Final = 8_192
CALL_SECONDS: Final = 2.0
"""Longer than a host takes to give up on its store (``redis_journal``)."""
PROBE_SECONDS: Final = 0.25

Call = Callable[[bytes], Awaitable[bytes]]
"""One call to the host: a batch goes in, answers come out."""


class Parcel:
    """A message on its way over the cluster, and where its outcome goes.

    Attributes:
        strayed: How often it came to a host that it was not for.
    """

    __slots__ = ("deadline", "future", "packed", "partition", "slug", "strayed")

    def __init__(
        self, slug: str, message: Request, future: "asyncio.Future[Outcome]", deadline: float
    ) -> None:
        self.slug = slug
        self.partition = partition_of(slug)
        self.packed = wire.ask_bytes(slug, message)
        self.future = future
        self.deadline = deadline
        self.strayed = 0

    def answer(self, answer: Outcome | DoorwardError) -> None:
        """Hand over what came of it, unless whoever asked has gone."""
        if self.future.done():
            return
        if isinstance(answer, DoorwardError):
            self.future.set_exception(answer)
        else:
            self.future.set_result(answer)


class Courier:
    """Messages for one host.

    Attributes:
        calls: Calls made.
        carried: Messages in them.
        lost: Messages of which nobody knows what became.
    """

    def __init__(
        self,
        call: Call,
        *,
        stray: Callable[[Parcel], None],
        heard: Callable[[int], None],
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        """Carry through ``call``.

        Args:
            call: One call to the host.
            stray: Takes back a message that the host did nothing with, as it is not its own.
            heard: Told the version of the host's table after every call.
            call_seconds: How long a call may take.
        """
        self._call = call
        self._stray = stray
        self._heard = heard
        self._call_seconds = call_seconds
        self._waiting: deque[Parcel] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._probing: asyncio.Task[None] | None = None
        self._woken = False
        self._closed = False
        self.version = 0
        self.down = False
        self.calls = 0
        self.carried = 0
        self.lost = 0

    @property
    def depth(self) -> int:
        """How many messages wait for a call."""
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether a call is under way, a probe included."""
        return bool(self._under_way)

    def put(self, parcel: Parcel) -> None:
        """Take a message; it travels with whatever else arrives in this pass of the loop.

        Raises:
            Overloaded: When too many wait.
        """
        if self._closed:
            parcel.answer(Unavailable("closing"))
            return
        if len(self._waiting) >= WAITING:
            raise Overloaded("too many messages wait for a host")
        self._waiting.append(parcel)
        if not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._wake)

    def take_back(self) -> list[Parcel]:
        """Give back what was not sent yet."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    async def close(self) -> None:
        """Send nothing more, and wait for what is under way."""
        self._closed = True
        if self._probing is not None:
            self._probing.cancel()
        if self._under_way:
            await asyncio.wait(set(self._under_way))
        for parcel in self.take_back():
            parcel.answer(Unavailable("closing"))

    def _wake(self) -> None:
        self._woken = False
        self._send()

    def _send(self) -> None:
        while self._waiting and not self._closed and self._may_call():
            if batch := self._next():
                self._launch(self._carry(batch))

    def _next(self) -> list[Parcel]:
        """Take what fits into a call; who waited for too long hears so, and nothing is sent."""
        now = asyncio.get_running_loop().time()
        batch: list[Parcel] = []
        room = BYTES
        while self._waiting and len(batch) < MESSAGES:
            parcel = self._waiting[0]
            if batch and len(parcel.packed) > room:
                break
            self._waiting.popleft()
            if now >= parcel.deadline:
                parcel.answer(Overloaded("the host is too slow"))
            elif not parcel.future.done():
                batch.append(parcel)
                room -= len(parcel.packed)
        return batch

    def _may_call(self) -> bool:
        if self.down:
            return False
        flying = len(self._under_way)
        return not flying or (flying < FLIGHTS and len(self._waiting) >= WORTH_ANOTHER_CALL)

    def _launch(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._landed)
        return task

    def _landed(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.result()
        self._send()

    async def _carry(self, batch: list[Parcel]) -> None:
        self.calls += 1
        self.carried += len(batch)
        packed = wire.batch_bytes(self.version, [parcel.packed for parcel in batch])
        try:
            async with asyncio.timeout(self._call_seconds):
                answered = await self._call(packed)
            version, answers = wire.read_answers(answered, len(batch))
        except Exception as error:  # noqa: BLE001 - Ray's own, ours, a deadline: all mean the same
            self._lose(batch, error)
            return
        for parcel, answer in zip(batch, answers, strict=True):
            if isinstance(answer, NotOwner):
                self._stray(parcel)
            else:
                parcel.answer(answer)
        self._heard(version)

    def _lose(self, batch: list[Parcel], error: Exception) -> None:
        """Say to everyone in a call that failed that nobody knows; then look for the host."""
        if isinstance(error, NotOwner):
            for parcel in batch:
                self._stray(parcel)
        else:
            self.lost += len(batch)
            for parcel in batch:
                parcel.answer(_told(error))
        if not self.down:
            self.down = True
            for parcel in self.take_back():
                self._stray(parcel)
            self._probing = self._launch(self._probe())

    async def _probe(self) -> None:
        """Ask nothing until it is answered."""
        nothing = wire.batch_bytes(self.version, [])
        while self.down and not self._closed:
            try:
                async with asyncio.timeout(self._call_seconds):
                    version, _ = wire.read_answers(await self._call(nothing), 0)
            except Exception:  # noqa: BLE001 - as in _carry
                await asyncio.sleep(PROBE_SECONDS)
            else:
                self.down = False
                self._heard(version)


def _told(error: Exception) -> Unavailable:
    """Say it in an exception of our own: Ray's is of a kind made up on the way."""
    if isinstance(error, VocabularyDiffers):
        return VocabularyDiffers(error.reason)
    if isinstance(error, Unavailable):
        return Unavailable(error.reason)
    return Unavailable(f"a host was lost: {type(error).__name__}")
