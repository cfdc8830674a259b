"""When to try again."""

import random
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

_DOUBLINGS: Final = 16
"""Any cap is long reached by then; larger powers would only overflow."""


class Handle(Protocol):
    """Something that is going to happen and can be called off."""

    def cancel(self) -> None:
        """Call it off."""


Timer = Callable[[float, Callable[[], None]], Handle]
"""Calls back after so many seconds, as an event loop's ``call_later`` does."""


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait before the next try: doubling, capped, half of it by chance.

    The cap is low because a code lives for ten minutes: after an outage every mail that is still
    worth something goes out within half a minute. News, which are worth sending for days, wait
    longer: thousands of them would otherwise keep knocking on a dead server.

    Attributes:
        first_seconds: Before the second try, at most.
        most_seconds: Between any two tries of an urgent mail, at most.
        most_news_seconds: Between any two tries of another mail, at most.
        chance: Uniform from 0 (included) to 1; parts mails that failed together. No secret
            depends on it.

    Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (equal jitter).
    """

    first_seconds: float = 1.0
    most_seconds: float = 30.0
    most_news_seconds: float = 600.0
    chance: Callable[[], float] = random.random

    def seconds(self, tries: int, *, urgent: bool = True) -> float:
        """Tell how long to wait after so many failed tries (at least one)."""
        most_seconds = self.most_seconds if urgent else self.most_news_seconds
        ceiling = min(most_seconds, self.first_seconds * 2 ** min(tries - 1, _DOUBLINGS))
        return float(ceiling * (0.5 + self.chance() / 2))
