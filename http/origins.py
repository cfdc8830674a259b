"""Whether any storefront lists an origin: asked of every partition, remembered for a moment.

Whoever asks need not be anybody: a preflight has no key. So what it can cost is bounded:

- an answer, either way, is remembered for 10 s, for 1,024 origins that are listed and as many that
  are not, apart, so that made-up origins cannot push a real one out;
- an origin is looked up once at a time, whoever waits for it;
- an origin that was not found listed before costs a token of a bucket of its client address (30,
  one more a second) and one of a bucket for all (100, five more a second: looking takes 6 ms, so
  that is 3 % of a core). Without one it is 503, not 403: nobody looked. An origin that was listed
  when last looked at costs none, so that made-up ones do not stand in the way of a shop's pages.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeVar

from doorward.actors.desks.storefronts import is_origin
from doorward.actors.errors import Overloaded
from doorward.actors.messages.store import FindOrigin, OriginFound
from doorward.actors.partitions import PARTITIONS, shared_name
from doorward.http.system import System

REMEMBERED_SECONDS: Final = 10.0
REMEMBERED: Final = 1_024
LENGTH_MAX: Final = 300
"""Longer than any origin: a host name has 253 characters at most."""
OF_ALL: Final = (100, 5.0)
OF_ADDRESS: Final = (30, 1.0)
"""Unknown origins that may be looked up: so many at once, so many more a second."""
_Value = TypeVar("_Value")


class Bucket:
    """So many tokens, filling up again at a steady rate."""

    __slots__ = ("_at", "_left", "_per_second", "_size")

    def __init__(self, size: int, per_second: float, now: float) -> None:
        self._size = size
        self._per_second = per_second
        self._left = float(size)
        self._at = now

    def take(self, now: float) -> bool:
        """Take one token, if there is one."""
        self._left = min(self._size, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class OriginBook:
    """Remembers which origins storefronts list."""

    def __init__(self, system: System, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with an empty book.

        Args:
            system: Answers for partitions.
            clock: Monotonic, in seconds.
        """
        self._system = system
        self._clock = clock
        self._listed: OrderedDict[str, float] = OrderedDict()
        self._unlisted: OrderedDict[str, float] = OrderedDict()
        self._looking: dict[str, asyncio.Task[bool]] = {}
        self._of_all = Bucket(*OF_ALL, clock())
        self._of_address: OrderedDict[str, Bucket] = OrderedDict()

    async def lists(self, origin: str, address: str) -> bool:
        """Tell whether any storefront lists ``origin``.

        Args:
            origin: What a page said; anything.
            address: The client's, as limits count it.

        Raises:
            Overloaded: When too many unknown origins were asked for.
            Unavailable: When a partition cannot be asked now.
        """
        if len(origin) > LENGTH_MAX or not is_origin(origin):
            return False
        now = self._clock()
        if self._listed.get(origin, 0.0) > now:
            return True
        if self._unlisted.get(origin, 0.0) > now:
            return False
        looking = self._looking.get(origin)
        if looking is None:
            if origin not in self._listed:
                self._pay(address, now)
            looking = asyncio.create_task(self._look(origin))
            self._looking[origin] = looking
            looking.add_done_callback(lambda task: self._looked(origin, task))
        # Shielded: others may wait for the same, and one who leaves must not take it from them.
        return await asyncio.shield(looking)

    def _pay(self, address: str, now: float) -> None:
        bucket = self._of_address.pop(address, None) or Bucket(*OF_ADDRESS, now)
        _remember(self._of_address, address, bucket)
        if not (bucket.take(now) and self._of_all.take(now)):
            raise Overloaded("too many unknown origins are asked for", 1)

    async def _look(self, origin: str) -> bool:
        message = FindOrigin(origin=origin)
        found = await asyncio.gather(
            *(self._system.ask(shared_name(index), message) for index in range(PARTITIONS))
        )
        return any(isinstance(each, OriginFound) and each.listed for each in found)

    def _looked(self, origin: str, task: "asyncio.Task[bool]") -> None:
        del self._looking[origin]
        self._unlisted.pop(origin, None)
        if task.cancelled() or task.exception() is not None:
            return
        self._listed.pop(origin, None)
        kept = self._listed if task.result() else self._unlisted
        _remember(kept, origin, self._clock() + REMEMBERED_SECONDS)


def _remember(kept: "OrderedDict[str, _Value]", name: str, value: _Value) -> None:
    kept[name] = value
    if len(kept) > REMEMBERED:
        kept.popitem(last=False)
