"""A wire on which things go wrong: lost, torn, late, or nobody there at all.

A call that its caller gave up on may still be under way: it arrives when it arrives, also after the
partition was taken by somebody else, also when its caller has long crashed.
"""

import asyncio
from contextvars import Context
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, TypeVar

from doorward.actors.errors import StoreUnreachable
from tests.actors.simulation.model_journal import Torn, Work, done
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


@dataclass(eq=False)
class Connection:
    """One connection: what is sent on it arrives in order, and so do the answers.

    ``dead``: what is sent from now on is lost. ``mute``: no answer comes back any more.
    """

    arrives_at: float = 0.0
    answered_at: float = 0.0
    dead: bool = False
    mute: bool = False
    waiting: "list[asyncio.Future[Any]]" = field(default_factory=list)


class StormyWire:
    """One host's ways to the store: a connection per call, and the lane that flushes share."""

    def __init__(self, random: Random, weather: Weather) -> None:
        self._random = random
        self.weather = weather
        self._store: Context = party_context("store")
        self._lane = Connection()

    async def carry(self, work: Work[T], *, lane: bool = False) -> T:
        if self.weather.cut:
            await asyncio.sleep(self._random.choice((0.0, 0.05, TIMEOUT_SECONDS)))
            raise StoreUnreachable(f"{PREFIX}cut")
        connection = self._lane if lane else Connection()
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[T] = loop.create_future()
        connection.waiting.append(reply)
        self._send(loop, connection, work, reply)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await reply
        except TimeoutError:
            self._break(connection)
            raise StoreUnreachable(f"{PREFIX}timeout") from None
        except StoreUnreachable:
            self._break(connection)
            raise
        finally:
            connection.waiting.remove(reply)

    def _break(self, connection: Connection) -> None:
        """Give a connection up; everybody on it learns so, nobody knows how far their calls got."""
        if connection is self._lane:
            self._lane = Connection()
        for reply in connection.waiting:
            if not reply.done():
                reply.set_exception(StoreUnreachable(f"{PREFIX}broken"))

    def _send(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: Connection,
        work: Work[T],
        reply: "asyncio.Future[T]",
    ) -> None:
        connection.dead |= self._happens(self.weather.request_lost)
        if connection.dead:
            return
        late, torn = self._happens(self.weather.late), self._happens(self.weather.torn)
        to_store = self._random.uniform(TIMEOUT_SECONDS, 6.0) if late else self._delay()
        back = self._delay()
        steps = self._random.randint(0, 3) if torn else None
        connection.dead |= torn
        connection.mute |= self._happens(self.weather.reply_lost)
        mute = connection.mute
        connection.arrives_at = max(connection.arrives_at, loop.time() + to_store)

        def arrive() -> None:
            try:
                result = done(work, steps=steps)
            except StoreUnreachable as error:
                answer(error)
            except Torn:
                answer(StoreUnreachable(f"{PREFIX}torn"))
            else:
                if mute:
                    return
                answered_at = max(connection.answered_at, loop.time() + back)
                connection.answered_at = answered_at
                loop.call_at(answered_at, answer, result, context=self._store)

        def answer(result: T | StoreUnreachable) -> None:
            if reply.done():
                return
            if isinstance(result, StoreUnreachable):
                reply.set_exception(result)
            else:
                reply.set_result(result)

        loop.call_at(connection.arrives_at, arrive, context=self._store)

    def _happens(self, likelihood: float) -> bool:
        return self._random.random() < likelihood

    def _delay(self) -> float:
        if self._happens(self.weather.slow):
            return self._random.uniform(0.05, 0.5)
        return self._random.uniform(0.0002, 0.003)
