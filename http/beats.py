"""Answers that must not be told apart leave on a beat, so that no clock tells them apart either.

A storefront does the same work for an email that is known and for one that is not, but a machine
does not: one's records are in memory and the other's are not, one's mail is on its way while the
answer is written. That is a tenth of a millisecond, and over a thousand requests it shows. So what
such a request was answered leaves on one of a few beats that its arrival alone decided, whatever it
took. Each beat is a quarter longer than the one before: who waits in a line of seconds is not woken
for nothing, and waits a quarter longer at most.

The beat is struck by a timer set on arrival. One set when the work is done would be rounded to the
event loop's milliseconds from there, and tell how long the work took all the same.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, ParamSpec, Self

from doorward.http.replies import Failure, Reply

BEAT_SECONDS: Final = 0.020
"""Longer than such a request takes at an idle server, disk included; too short to be seen."""
GROWTH: Final = 1.25

P = ParamSpec("P")
_Answering = Callable[P, Awaitable[Reply | Failure]]


class Beat:
    """Strikes after 20 ms, or what is said, then ever more slowly, from entering until leaving."""

    def __init__(self, seconds: float = BEAT_SECONDS) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._timer = self._loop.call_later(self._seconds, self._strike)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def next(self) -> None:
        """Wait until it strikes."""
        self._waiting = self._loop.create_future()
        await self._waiting

    def _strike(self) -> None:
        self._seconds *= GROWTH
        self._timer = self._loop.call_later(self._seconds, self._strike)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


def on_the_beat(
    *statuses: int, seconds: float = BEAT_SECONDS
) -> Callable[[_Answering[P]], _Answering[P]]:
    """Make a handler whose answers with these statuses leave on a beat; others leave at once."""

    def held(handler: _Answering[P]) -> _Answering[P]:
        async def answering(*args: P.args, **kwargs: P.kwargs) -> Reply | Failure:
            with Beat(seconds) as beat:
                answer = await handler(*args, **kwargs)
                if answer.status in statuses:
                    await beat.next()
            return answer

        answering.__doc__ = handler.__doc__
        return answering

    return held
