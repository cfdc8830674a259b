"""Batches of orders on their way: several at once, settled in the order of the file.

Two batches with the same order in them are never under way together: the later line of a file has
the last word, as it would have if one line were sent after the other.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any, Final, NamedTuple

import msgspec

from doorward.http.cli.kept_connection import KeptConnection, Later, Unanswered
from doorward.http.cli.operator_api import OperatorApi
from doorward.http.cli.order_lines import Batch

AT_ONCE: Final = 8
"""Batches; with half as many the server waited for us a quarter of its time."""
PATIENCE_SECONDS: Final = 300.0
"""How long a server may be away or busy, once it has taken something."""

_BACKOFF_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
_TOO_LONG: Final = {"refused": [{"line": 1, "name": "line", "rule": "must be at most 65536 bytes"}]}


class Rejected(msgspec.Struct, frozen=True):
    """A line of a batch that was not taken, by its number in the batch, and why."""

    line: int
    name: str
    rule: str


class Report(msgspec.Struct, frozen=True):
    """What became of a batch."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: tuple[Rejected, ...] = ()


class Stopped(Exception):
    """It was not sent, as we are to stop; it may or may not have been taken before."""


class _Flight(NamedTuple):
    batch: Batch
    report: "Future[Report]"


class Flights:
    """Sends batches to one storefront."""

    def __init__(self, api: OperatorApi, path: str, stop: Event) -> None:
        """Send nothing yet.

        Args:
            api: The server.
            path: Of the call that takes lines of orders.
            stop: When it is set nothing more is sent; what is under way is waited for.
        """
        self._api = api
        self._path = path
        self._stop = stop
        self._idle: list[KeptConnection] = []
        self._was_answered = False

    @property
    def is_stopped(self) -> bool:
        """Tell whether nothing more is sent."""
        return self._stop.is_set()

    def settled(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, Report]]:
        """Send batches and tell what became of them, in their order.

        Raises:
            Failed: The server refuses, or was away for too long. What was told before is done;
                what was not may or may not be.
            Stopped: The same, because we were to stop.
        """
        try:
            with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="import") as pool:
                try:
                    yield from self._settled(pool, batches)
                except BaseException:
                    # The pool waits for all; they shall not wait for a server that is away.
                    self._stop.set()
                    raise
        finally:
            for connection in self._idle:
                connection.close()

    def _settled(
        self, pool: ThreadPoolExecutor, batches: Iterable[Batch]
    ) -> Iterator[tuple[Batch, Report]]:
        flying: deque[_Flight] = deque()
        for batch in batches:
            while flying and (len(flying) == AT_ONCE or _meets(batch, flying)):
                yield _landed(flying.popleft())
            if self._stop.is_set():
                break
            flying.append(_Flight(batch, pool.submit(self._send, batch)))
        while flying:
            yield _landed(flying.popleft())

    def _send(self, batch: Batch) -> Report:
        if batch.is_too_long:
            return msgspec.convert(_TOO_LONG, Report)
        connection = self._idle.pop() if self._idle else KeptConnection(self._api)
        try:
            answer = self._patiently(connection, b"".join(batch.lines))
        finally:
            self._idle.append(connection)
        try:
            return msgspec.convert(answer, Report)
        except msgspec.ValidationError:
            raise self._api.foreign("a report") from None

    def _patiently(self, connection: KeptConnection, lines: bytes) -> dict[str, Any]:
        """Send until it is taken: an order that is put twice is put once."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        tries = 0
        while True:
            try:
                answer = connection.post_lines(self._path, lines)
            except Unanswered as unanswered:
                if not self._was_answered:
                    raise unanswered.failure from None
                wait = 0.0 if unanswered.at_once else _BACKOFF_SECONDS[min(tries, 4)]
                answer = Later(wait, unanswered.failure)
            if not isinstance(answer, Later):
                self._was_answered = True
                return answer
            tries += 1
            if time.monotonic() + answer.seconds > give_up_at:
                raise answer.failure
            if self._stop.wait(answer.seconds):
                raise Stopped


def _meets(batch: Batch, flying: Iterable[_Flight]) -> bool:
    return any(batch.numbers & flight.batch.numbers for flight in flying)


def _landed(flight: _Flight) -> tuple[Batch, Report]:
    return flight.batch, flight.report.result()
