"""HTTP/1.1 as plain as it goes: kept connections, one request at a time on each, bytes in and out.

wrk loads; this prepares what it loads with (storefronts, codes, sessions) and holds a steady rate,
which wrk cannot. It knows no more of HTTP than our own servers send: a Content-Length, no chunks.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, NamedTuple, Self, cast

import orjson

from bench.failures import BenchFailed

HOST: Final = "127.0.0.1"
ANSWER_SECONDS: Final = 30.0
_LENGTH: Final = re.compile(rb"\r\nContent-Length: (\d+)", re.IGNORECASE)
_RETRY_AFTER: Final = re.compile(rb"\r\nRetry-After: (\d+)", re.IGNORECASE)
_STATUS_AT: Final = slice(9, 12)
_UNAVAILABLE: Final = 503
_WAITS_SECONDS: Final = (0.0, 1.0, 1.0, 2.0)


class Answer(NamedTuple):
    """What came back; ``status`` 0 means that the connection was lost."""

    status: int
    head: bytes
    body: bytes

    @property
    def retry_after_seconds(self) -> int:
        """When a refusal says to come again."""
        found = _RETRY_AFTER.search(self.head)
        return int(found[1]) if found else 1


LOST: Final = Answer(0, b"", b"")


def request(
    method: str, path: str, *, body: object = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """Write a request; a body goes as JSON."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    content = b"" if body is None else orjson.dumps(body)
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


def lines_request(path: str, lines: bytes, *, headers: Mapping[str, str]) -> bytes:
    """Write a request that posts lines of JSON."""
    named = {"Content-Type": "application/x-ndjson", "Content-Length": f"{len(lines)}"}
    return request("POST", path, headers={**headers, **named}) + lines


class Wire(asyncio.Protocol):
    """A connection."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._told: Callable[[Answer], None] | None = None
        self._received = b""

    @classmethod
    async def open(cls, port: int, *, source: str = HOST) -> Self:
        """Connect to a server on this machine, from one of its loopback addresses.

        Raises:
            OSError: Nobody listens there.
        """
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(cls, HOST, port, local_addr=(source, 0))
        return wire

    def send(self, content: bytes, told: Callable[[Answer], None]) -> None:
        """Send a request; ``told`` is called once with its answer, or with ``LOST``."""
        if self._transport is None or self._transport.is_closing():
            told(LOST)
            return
        self._told = told
        self._transport.write(content)

    def ask(self, content: bytes) -> "asyncio.Future[Answer]":
        """Send a request and have its answer as a future."""
        future = asyncio.get_running_loop().create_future()
        self.send(content, lambda answer: None if future.done() else future.set_result(answer))
        return future

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # A stream always has a full one; uvloop's is none by class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Put an answer together and tell it."""
        self._received += data
        answer = parse(self._received)
        if answer is not None:
            self._received = b""
            self._tell(answer)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits."""
        del error
        self._transport = None
        self._tell(LOST)

    def _tell(self, answer: Answer) -> None:
        told, self._told = self._told, None
        if told is not None:
            told(answer)


def parse(received: bytes) -> Answer | None:
    """Read an answer; None while some of it is still on its way."""
    head, blank, body = received.partition(b"\r\n\r\n")
    if not blank:
        return None
    length = _LENGTH.search(head)
    if len(body) < (int(length[1]) if length else 0):
        return None
    return Answer(int(head[_STATUS_AT]), head, body)


async def ask_all(
    port: int, requests: Iterable[bytes], *, expect: Collection[int], at_once: int = 32
) -> list[Answer]:
    """Send requests over a few connections and return their answers, in the order of asking.

    A 503 is asked again a second later, as its Retry-After says, a few times: on a busy machine a
    commit may come too late, and a long preparation should not be lost to it.

    Raises:
        BenchFailed: An answer has another status than expected, or does not come.
        OSError: Nobody listens there.
    """
    waiting = list(enumerate(requests))[::-1]
    answers = [LOST] * len(waiting)

    async def work() -> None:
        wire = await Wire.open(port)
        try:
            while waiting:
                index, content = waiting.pop()
                answer = await _patiently(wire, content)
                if answer.status not in expect:
                    raise BenchFailed(f"{_line(content)} was answered {answer.status}")
                answers[index] = answer
        finally:
            wire.close()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(waiting))):
                group.create_task(work())
    except* (BenchFailed, TimeoutError) as failed:
        raise BenchFailed(str(failed.exceptions[0]) or "an answer did not come") from failed
    return answers


async def _patiently(wire: Wire, content: bytes) -> Answer:
    answer = LOST
    for wait_seconds in _WAITS_SECONDS:
        await asyncio.sleep(wait_seconds)
        answer = await asyncio.wait_for(wire.ask(content), ANSWER_SECONDS)
        if answer.status != _UNAVAILABLE:
            break
    return answer


def _line(content: bytes) -> str:
    """Name a request without what it carries."""
    return content.partition(b" HTTP")[0].partition(b"?")[0].decode()
