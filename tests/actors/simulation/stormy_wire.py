"""A wire on which things go wrong: lost, torn, late, or nobody there at all.

A call that its caller gave up on may still be under way: it arrives when it arrives, also after the
partition was taken by somebody else, also when its caller has long crashed.
"""

import asyncio
from contextvars import Context
from dataclasses import dataclass
from random import Random
from typing import Final, TypeVar

from doorward.actors.errors import StoreUnreachable
from tests.actors.simulation.model_journal import Work, done
from tests.actors.simulation.virtual_loop import party_context

T = TypeVar("T")

TIMEOUT_SECONDS: Final = 0.7
PREFIX: Final = "wire: "
"""How every trouble made here begins, so that others stand out."""


@dataclass
class Weather:
    """How likely each trouble is for a call; changed while the simulation runs."""

    request_lost: float = 0.0
    reply_lost: float = 0.0
    torn: float = 0.0
    late: float = 0.0
    slow: float = 0.0
    cut: bool = False

    def clear(self) -> None:
        self.request_lost = self.reply_lost = self.torn = self.late = self.slow = 0.0
        self.cut = False


class StormyWire:
    """One host's way to the store."""

    def __init__(self, random: Random, weather: Weather) -> None:
        self._random = random
        self.weather = weather
        self._store: Context = party_context("store")

    async def carry(self, work: Work[T]) -> T:
        if self.weather.cut:
            await asyncio.sleep(self._random.choice((0.0, 0.05, TIMEOUT_SECONDS)))
            raise StoreUnreachable(f"{PREFIX}cut")
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[T] = loop.create_future()
        self._send(loop, work, reply)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await reply
        except TimeoutError:
            raise StoreUnreachable(f"{PREFIX}timeout") from None

    def _send(
        self, loop: asyncio.AbstractEventLoop, work: Work[T], reply: "asyncio.Future[T]"
    ) -> None:
        if self._happens(self.weather.request_lost):
            return
        late, torn = self._happens(self.weather.late), self._happens(self.weather.torn)
        to_store = self._random.uniform(TIMEOUT_SECONDS, 6.0) if late else self._delay()
        steps = self._random.randint(0, 3) if torn else None
        lost = self._happens(self.weather.reply_lost)
        back = self._delay()

        def arrive() -> None:
            try:
                result = done(work, steps=steps)
            except StoreUnreachable as error:
                if not reply.done():
                    reply.set_exception(error)
                return
            if result is not None and not lost:
                loop.call_later(back, answer, result, context=self._store)
            elif torn and not reply.done():
                reply.set_exception(StoreUnreachable(f"{PREFIX}torn"))

        def answer(result: T) -> None:
            if not reply.done():
                reply.set_result(result)

        loop.call_later(to_store, arrive, context=self._store)

    def _happens(self, likelihood: float) -> bool:
        return self._random.random() < likelihood

    def _delay(self) -> float:
        if self._happens(self.weather.slow):
            return self._random.uniform(0.05, 0.5)
        return self._random.uniform(0.0002, 0.003)
