"""An event loop whose time is virtual: it jumps to the next timer when nothing is ready.

Whatever runs here runs unmodified and always in the same order, so a seed tells all. Callbacks
belong to a *party* (a simulated process), told by the context they were made in. A frozen party's
callbacks are kept until it thaws, as a stopped process finds its sockets and timers due when it
goes on; a dead party's are kept until the very end, when its tasks are cleared away.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, TypeVar, TypeVarTuple

PARTY: Final[ContextVar[str]] = ContextVar("party", default="")

Ts = TypeVarTuple("Ts")
T = TypeVar("T")


class Stuck(Exception):
    """Nothing is ready and no timer is set: whoever is waited for will never come."""


class Due(asyncio.TimerHandle):
    """A callback, when it is due and whose it is."""

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[object, ...],
        *,
        loop: asyncio.AbstractEventLoop,
        context: Context,
    ) -> None:
        super().__init__(when, callback, args, loop, context)
        self.party = context.get(PARTY, "")

    def run(self) -> None:
        self._run()


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs everything in one order. ``watch`` is called before and after time moves."""

    def __init__(self, *, start_seconds: float = 10_000.0) -> None:
        super().__init__()
        self._now = start_seconds
        self._queue: deque[Due] = deque()
        self._timers: list[tuple[float, int, Due]] = []
        self._made = 0
        self._frozen: dict[str, list[Due]] = {}
        self.complaints: list[str] = []
        self.watch: Callable[[], None] = lambda: None

    def time(self) -> float:
        return self._now

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        due = self._due(self._now, callback, args, context)
        self._queue.append(due)
        return due

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        due = self._due(when, callback, args, context)
        self._made += 1
        heapq.heappush(self._timers, (when, self._made, due))
        return due

    def leap(self, seconds: float) -> None:
        """Let time pass during which nobody runs at all: the machine slept."""
        self.watch()
        self._now += seconds

    def freeze(self, party: str) -> None:
        """Stop a party; what falls due for it is kept."""
        self._frozen.setdefault(party, [])

    def thaw(self, party: str) -> None:
        """Let a party go on with all that fell due."""
        self._queue.extend(self._frozen.pop(party, ()))

    def thaw_all(self) -> None:
        """Let everybody run again, so that what is left of them can be cleared away."""
        for party in list(self._frozen):
            self.thaw(party)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        broken = isinstance(error, AssertionError)
        self.complaints.append(f"{error}" if broken else f"{context.get('message')}: {error!r}")

    def _due(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[object, ...],
        context: Context | None,
    ) -> Due:
        # An empty context counts as false, so only None may mean the present one.
        context = copy_context() if context is None else context
        return Due(when, callback, args, loop=self, context=context)

    def _run_once(self) -> None:
        """Run what is ready now; the one method of the standard loop that decides what runs."""
        if not self._queue:
            self.watch()
            self._pass_time()
            self.watch()
        self._gather_due()
        for _ in range(len(self._queue)):
            due = self._queue.popleft()
            if due.party in self._frozen:
                self._frozen[due.party].append(due)
            elif not due.cancelled():
                due.run()

    def _pass_time(self) -> None:
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        if not self._timers:
            raise Stuck("nothing is ready and no timer is set")
        self._now = max(self._now, self._timers[0][0])

    def _gather_due(self) -> None:
        while self._timers and self._timers[0][0] <= self._now:
            self._queue.append(heapq.heappop(self._timers)[2])


def party_context(party: str) -> Context:
    """Make the context in which everything of a party runs."""
    context = copy_context()
    context.run(PARTY.set, party)
    return context


def run_virtually(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end on a loop of its own, and every task left behind too."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main(loop))
    finally:
        loop.watch = lambda: None
        loop.thaw_all()
        loop.run_until_complete(end_all())
        loop.close()


async def end_all() -> None:
    """End every task but the one that asks."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
