"""A virtual clock: what is due happens in order, and no time passes in between."""

import heapq
from collections.abc import Callable
from typing import ParamSpec

_What = ParamSpec("_What")


class Agenda:
    """What is to happen, and when.

    Attributes:
        now: Seconds since the start of the simulation.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._made = 0
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def at(
        self,
        when: float,
        then: Callable[_What, None],
        *args: _What.args,
        **kwargs: _What.kwargs,
    ) -> None:
        """Let something happen at a time; what is due at the same time happens in this order."""
        self._made += 1
        heapq.heappush(self._due, (when, self._made, lambda: then(*args, **kwargs)))

    def after(
        self,
        seconds: float,
        then: Callable[_What, None],
        *args: _What.args,
        **kwargs: _What.kwargs,
    ) -> None:
        """Let something happen so many seconds from now."""
        self.at(self.now + seconds, then, *args, **kwargs)

    def run(self, until: float) -> None:
        """Let happen what is due until then."""
        while self._due and self._due[0][0] <= until:
            self.now, _, then = heapq.heappop(self._due)
            then()
        self.now = until
