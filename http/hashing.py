"""The hashing gate: passwords are hashed by as many threads as there are cores, and no more.

Argon2id is made to be slow and large (19 MiB for 10 to 25 ms). Left to itself a burst of sign-ins
would take all cores and gigabytes, and every other answer with them. So a few threads hash, at a
lower priority than the event loop; whoever finds them busy waits in a line that is bounded, per
storefront and in all, and storefronts take turns: a flood at one of them delays the others by a
hash, not by its line. Past the bounds the answer is 503 at once, because a client that would wait
longer has given up before.

A thread takes the next of the line by itself: to ask the event loop would wake it for every hash,
on a core whose caches hashing has just emptied.

Called from one event loop. Nothing here survives a crash, and nothing has to: a try that is not
settled counts as wrong in the storefront.
"""

import asyncio
import os
import secrets
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import ceil
from typing import Any, Final, NamedTuple, TypeVar, cast

import structlog
from aiohttp import web

from doorward.actors.errors import Overloaded
from doorward.http.argon2id import Argon2id, UnreadableHash

PER_STOREFRONT: Final = 256
IN_ALL: Final = 512
"""Who may wait: on two cores, for one storefront, one and a half seconds at 11 ms a hash, three at
25. To wait in line costs nothing; to be turned away and come again costs a tenth of a hash."""
_NICENESS: Final = 5
_HASHES_KNOWN: Final = 16
"""Over so many hashes the time of one is averaged: it depends on the machine, and on who else is
busy there."""
GATHERING: Final = 0.1
"""While others wait, who is through hears of it in groups, for which nobody waits longer than this
share of what the line takes: hashing empties the caches of a core, so that one sign-in by itself
costs the event loop three times what it costs after another."""
_Result = TypeVar("_Result")
_log: Final = structlog.get_logger("doorward.http")


class _Work(NamedTuple):
    """Something to do in a thread, and who waits for it."""

    run: Callable[[], Any]
    done: "asyncio.Future[Any]"


class _Ended(NamedTuple):
    """Something that was done: its result, or how it failed."""

    done: "asyncio.Future[Any]"
    result: Any
    error: BaseException | None


class HashingGate:
    """Hashes and compares passwords, fairly between storefronts."""

    def __init__(  # noqa: PLR0913 - what a gate is made of, each by its name
        self,
        *,
        threads: int | None = None,
        per_storefront: int = PER_STOREFRONT,
        in_all: int = IN_ALL,
        hasher: Argon2id | None = None,
        gathering: float = GATHERING,
        chance: Callable[[int], int] = secrets.randbelow,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the gate, and the decoy that unknown emails are compared with.

        Args:
            threads: How many hash at a time; the machine's cores where it is not said.
            per_storefront: How many may wait at one storefront.
            in_all: How many may wait at all of them.
            hasher: Makes new hashes; the contract's parameters where it is not said.
            gathering: How long who is through may have to wait for others to be, as a share of
                what the line takes.
            chance: Draws a whole number below another, for when to come again.
            clock: Tells seconds that pass.
        """
        self._hasher = hasher or Argon2id()
        self._clock = clock
        began = clock()
        # With the same parameters, so that it costs the same; of a secret that nobody keeps.
        self._decoy = self._hasher.hash(secrets.token_urlsafe())
        self._hash_seconds = clock() - began
        self._threads = threads or os.cpu_count() or 1
        self._per_storefront = per_storefront
        self._in_all = in_all
        self._gathering = gathering
        self._chance = chance
        self._pool = ThreadPoolExecutor(self._threads, "hashing", initializer=_step_back)
        # What threads and the event loop share, under the lock.
        self._lock = threading.Lock()
        self._lines: OrderedDict[str, deque[_Work]] = OrderedDict()
        self._waiting = 0
        self._running = 0
        self._ended: list[_Ended] = []
        self._ended_at = 0.0
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many wait for a thread."""
        return self._waiting

    @property
    def running(self) -> int:
        """How many are being hashed."""
        return self._running

    def check(self, slug: str) -> None:
        """Refuse already now whoever would find no place, before anything is begun for them.

        Raises:
            Overloaded: When too many wait, or the gate is closed.
        """
        # A thread that takes somebody from a line has the line in its hands for a moment.
        with self._lock:
            line = self._lines.get(slug, ())
            is_full = self._waiting >= self._in_all or len(line) >= self._per_storefront
        if self._closed or is_full:
            raise self._refusal()

    async def hash(self, slug: str, password: str) -> str:
        """Hash a new password.

        Args:
            slug: Whose line to wait in.
            password: In NFC.

        Returns:
            A PHC string: Argon2id, its parameters, salt and hash.

        Raises:
            Overloaded: When too many wait, or the gate is closed.
        """
        return await self._through(slug, lambda: self._hasher.hash(password))

    async def verify(
        self, slug: str, password_hash: str | None, password: str
    ) -> tuple[bool, str | None]:
        """Compare a password with a stored hash.

        Args:
            slug: Whose line to wait in.
            password_hash: The stored one; None compares with a decoy, for the same work.
            password: In NFC.

        Returns:
            Whether it matches; and where it does and the stored one was made with lesser
            parameters, a new hash to keep in its place. A hash that cannot be read matches nothing.

        Raises:
            Overloaded: When too many wait, or the gate is closed.
        """
        return await self._through(slug, lambda: self._compared(slug, password_hash, password))

    async def close(self) -> None:
        """Refuse who waits, and end the threads once they are through with what they are at."""
        with self._lock:
            self._closed = True
            waiting = [work for line in self._lines.values() for work in line]
            self._lines.clear()
            self._waiting = 0
        for work in waiting:
            if not work.done.done():
                work.done.set_exception(self._refusal())
        await asyncio.to_thread(self._pool.shutdown)

    async def _through(self, slug: str, run: Callable[[], _Result]) -> _Result:
        self.check(slug)
        loop = asyncio.get_running_loop()
        work = _Work(run, loop.create_future())
        with self._lock:
            is_free = self._running < self._threads
            if is_free:
                self._running += 1
            else:
                self._lines.setdefault(slug, deque()).append(work)
                self._waiting += 1
        if is_free:
            self._pool.submit(self._work_off, work, loop)
        try:
            return cast("_Result", await work.done)
        except MemoryError as error:
            _log.error("no_memory_to_hash", storefront=slug)
            raise self._refusal() from error
        except asyncio.CancelledError:
            self._leave(slug, work)
            raise

    def _leave(self, slug: str, work: _Work) -> None:
        """Give a place in line up, unless it has come to an end."""
        with self._lock:
            line = self._lines.get(slug)
            if line is None or work not in line:
                return
            line.remove(work)
            self._waiting -= 1
            if not line:
                del self._lines[slug]

    def _work_off(self, work: _Work | None, loop: asyncio.AbstractEventLoop) -> None:
        """Do what found this thread free, and then what waits in line."""
        while work is not None:
            began = self._clock()
            try:
                ended = _Ended(work.done, work.run(), None)
            except BaseException as error:  # noqa: BLE001 - whatever it is, who waits is told
                ended = _Ended(work.done, None, error)
            work = self._next(ended, self._clock() - began, loop)

    def _next(
        self, ended: _Ended, took_seconds: float, loop: asyncio.AbstractEventLoop
    ) -> _Work | None:
        """Let who is through be told, and take who comes next, one storefront after the other.

        Returns:
            None when nobody waits: then the thread is free.
        """
        told: list[_Ended] = []
        with self._lock:
            self._hash_seconds += (took_seconds - self._hash_seconds) / _HASHES_KNOWN
            now = self._clock()
            self._ended_at = self._ended_at if self._ended else now
            self._ended.append(ended)
            is_due = now - self._ended_at >= self._gathering * self._line_seconds()
            if self._waiting < self._threads or is_due:
                told, self._ended = self._ended, []
            work = self._take()
        # Last of all: who hears of it must find this thread free, where it is.
        if told:
            loop.call_soon_threadsafe(_tell, told)
        return work

    def _take(self) -> _Work | None:
        """Take the next of the line that has its turn; under the lock."""
        if not self._lines:
            self._running -= 1
            return None
        slug, line = self._lines.popitem(last=False)
        work = line.popleft()
        self._waiting -= 1
        if line:
            self._lines[slug] = line  # at the end: the others come first
        return work

    def _line_seconds(self) -> float:
        """Tell how long it takes until who waits is through."""
        return self._waiting * self._hash_seconds / self._threads

    def _refusal(self) -> Overloaded:
        """Turn away until who waits now is through, and not all until the same moment."""
        line_seconds = max(1, ceil(self._line_seconds()))
        wait_seconds = line_seconds + self._chance(line_seconds + 1)
        return Overloaded("too many passwords are being hashed", wait_seconds)

    def _compared(
        self, slug: str, password_hash: str | None, password: str
    ) -> tuple[bool, str | None]:
        """Compare, in a thread."""
        hasher = self._hasher
        if password_hash is None:
            hasher.matches(self._decoy, password)
            return False, None
        try:
            if not hasher.matches(password_hash, password):
                return False, None
            return True, hasher.hash(password) if hasher.is_lesser(password_hash) else None
        except UnreadableHash:
            _log.error("password_hash_unreadable", storefront=slug)
            hasher.matches(self._decoy, password)  # for the same work
            return False, None


def _tell(ended: list[_Ended]) -> None:
    """Tell everybody whose password is through, unless they have left."""
    for done, result, error in ended:
        if done.done():
            continue
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)


HASHING: Final = web.AppKey("hashing", HashingGate)
"""Where an application's gate hangs, for pages and calls that set a password."""


def _step_back() -> None:
    """Lower the priority of this thread, so that the event loop is served first."""
    if sys.platform == "linux":  # elsewhere a priority is of the process as a whole
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
