"""The hashing gate: passwords are hashed by as many threads as there are cores, and no more.

Argon2id is made to be slow and large (19 MiB for 25 ms). Left to itself a burst of sign-ins would
take all cores and gigabytes, and every other answer with them. So a few threads hash, at a lower
priority than the event loop; whoever finds them busy waits in a line that is bounded, per
storefront and in all, and storefronts take turns: a flood at one of them delays the others by a
hash, not by its line. Past the bounds the answer is 503 at once, because a client that would wait
longer has given up before.

Called from one event loop. Nothing here survives a crash, and nothing has to: a try that is not
settled counts as wrong in the storefront.
"""

import asyncio
import os
import secrets
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

import structlog
from aiohttp import web
from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from doorward.actors.errors import Overloaded

MEMORY_KIB: Final = 19_456
PASSES: Final = 2
LANES: Final = 1
"""Argon2id, m=19 MiB, t=2, p=1 (contract §4; OWASP Password Storage Cheat Sheet)."""
PER_STOREFRONT: Final = 256
IN_ALL: Final = 512
"""Who may wait: at 25 ms a hash and two cores, a good three seconds for one storefront. To wait in
line costs nothing; to be turned away and come again costs as much as a twentieth of a hash."""
_NICENESS: Final = 5
_HASH_SECONDS: Final = 0.03
GATHERING_SECONDS: Final = 0.1
"""While others wait, who is through hears of it in groups: hashing empties the caches of a core, so
that one sign-in by itself costs the event loop three times what it costs after another."""
_Result = TypeVar("_Result")
_log: Final = structlog.get_logger("doorward.http")


class _Work(NamedTuple):
    """Something to do in a thread, and who waits for it."""

    run: Callable[[], Any]
    done: "asyncio.Future[Any]"


class HashingGate:
    """Hashes and compares passwords, fairly between storefronts."""

    def __init__(  # noqa: PLR0913 - what a gate is made of, each by its name
        self,
        *,
        threads: int | None = None,
        per_storefront: int = PER_STOREFRONT,
        in_all: int = IN_ALL,
        hasher: PasswordHasher | None = None,
        gathering_seconds: float = GATHERING_SECONDS,
        chance: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        """Make the gate, and the decoy that unknown emails are compared with.

        Args:
            threads: How many hash at a time; the machine's cores where it is not said.
            per_storefront: How many may wait at one storefront.
            in_all: How many may wait at all of them.
            hasher: Makes new hashes; the contract's parameters where it is not said.
            gathering_seconds: How long who is through may have to wait for others to be.
            chance: Draws a whole number below another, for when to come again.
        """
        self._hasher = hasher or PasswordHasher(
            time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, type=Type.ID
        )
        # With the same parameters, so that it costs the same; of a secret that nobody keeps.
        self._decoy = self._hasher.hash(secrets.token_urlsafe())
        self._threads = threads or os.cpu_count() or 1
        self._per_storefront = per_storefront
        self._in_all = in_all
        self._gathering = gathering_seconds
        self._chance = chance
        self._pool = ThreadPoolExecutor(self._threads, "hashing", initializer=_step_back)
        self._lines: OrderedDict[str, deque[_Work]] = OrderedDict()
        self._waiting = 0
        self._running: set[asyncio.Future[Any]] = set()
        self._ended: list[tuple[_Work, asyncio.Future[Any]]] = []
        self._telling: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many wait for a thread."""
        return self._waiting

    @property
    def running(self) -> int:
        """How many are being hashed."""
        return len(self._running)

    def check(self, slug: str) -> None:
        """Refuse already now whoever would find no place, before anything is begun for them.

        Raises:
            Overloaded: When too many wait, or the gate is closed.
        """
        line = self._lines.get(slug, ())
        if self._closed or self._waiting >= self._in_all or len(line) >= self._per_storefront:
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
        self._closed = True
        for line in self._lines.values():
            for work in line:
                if not work.done.done():
                    work.done.set_exception(self._refusal())
        self._lines.clear()
        self._waiting = 0
        if self._running:
            await asyncio.wait(set(self._running))
        self._pool.shutdown(wait=False)

    async def _through(self, slug: str, run: Callable[[], _Result]) -> _Result:
        self.check(slug)
        work = _Work(run, asyncio.get_running_loop().create_future())
        self._lines.setdefault(slug, deque()).append(work)
        self._waiting += 1
        self._start()
        try:
            result: _Result = await work.done
            return result
        finally:
            self._leave(slug, work)

    def _leave(self, slug: str, work: _Work) -> None:
        """Give a place up that is still held: its caller was cancelled."""
        line = self._lines.get(slug)
        if line is None or work not in line:
            return
        line.remove(work)
        self._waiting -= 1
        if not line:
            del self._lines[slug]

    def _start(self) -> None:
        """Give free threads to who waits, one storefront after the other."""
        while self._lines and len(self._running) < self._threads:
            slug, line = self._lines.popitem(last=False)
            work = line.popleft()
            self._waiting -= 1
            if line:
                self._lines[slug] = line  # at the end: the others come first
            if work.done.done():
                continue  # cancelled, and has not got round to leaving
            running = asyncio.get_running_loop().run_in_executor(self._pool, work.run)
            self._running.add(running)
            running.add_done_callback(partial(self._end, work))

    def _end(self, work: _Work, ended: "asyncio.Future[Any]") -> None:
        self._running.discard(ended)
        self._ended.append((work, ended))
        if self._closed:
            self._tell()
            return
        self._start()
        if self._waiting < self._threads:
            self._tell()
        elif self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(self._gathering, self._tell)

    def _tell(self) -> None:
        """Tell everybody whose password is through."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        ended, self._ended = self._ended, []
        for work, running in ended:
            _hand_over(work.done, running)

    def _refusal(self) -> Overloaded:
        """Turn away until who waits now is through, and not all until the same moment."""
        line_seconds = max(1, int(-(-self._waiting * _HASH_SECONDS // self._threads)))
        wait_seconds = line_seconds + self._chance(line_seconds + 1)
        return Overloaded("too many passwords are being hashed", wait_seconds)

    def _compared(
        self, slug: str, password_hash: str | None, password: str
    ) -> tuple[bool, str | None]:
        """Compare, in a thread."""
        stored = password_hash or self._decoy
        try:
            self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return False, None
        except (InvalidHashError, VerificationError) as error:
            _log.error("password_hash_unreadable", storefront=slug, error=type(error).__name__)
            with suppress(VerifyMismatchError):
                self._hasher.verify(self._decoy, password)  # for the same work
            return False, None
        if password_hash is None:
            return False, None
        return True, self._hasher.hash(password) if self._is_lesser(password_hash) else None

    def _is_lesser(self, password_hash: str) -> bool:
        """Tell whether a hash was made with less than is used now; what has more is kept."""
        if not self._hasher.check_needs_rehash(password_hash):
            return False
        made, now = extract_parameters(password_hash), self._hasher
        return (
            made.type is not now.type
            or made.version < extract_parameters(self._decoy).version
            or made.memory_cost < now.memory_cost
            or made.time_cost < now.time_cost
            or made.hash_len < now.hash_len
            or made.salt_len < now.salt_len
        )


def _hand_over(done: "asyncio.Future[Any]", ended: "asyncio.Future[Any]") -> None:
    if done.done():
        return
    if ended.cancelled():
        done.cancel()
    elif (error := ended.exception()) is not None:
        done.set_exception(error)
    else:
        done.set_result(ended.result())


HASHING: Final = web.AppKey("hashing", HashingGate)
"""Where an application's gate hangs, for pages and calls that set a password."""


def _step_back() -> None:
    """Lower the priority of this thread, so that the event loop is served first."""
    if sys.platform == "linux":  # elsewhere a priority is of the process as a whole
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
