import asyncio
from collections import deque
from typing import Any, NamedTuple

import pytest
from aiohttp import StreamReader, web
from aiohttp.http import HttpProcessingError, HttpRequestParser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from doorward.http.edge.framing import FramedParser

# Small, so that bodies overflow their buffer and parsing stops in the middle of a piece.
BUFFER_BYTES = 16
CUT = b"\r\n\r\n"

Told = tuple[str, str, bytes, tuple[bytes, ...]]  # method, path, body, names of header fields


class Connection:
    """A protocol without a socket: it queues what is parsed and reads bodies as they are asked for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        itself: Any = self
        self.queue: deque[tuple[Any, StreamReader]] = deque()
        self.upgrades = 0
        self.paused = False
        self.current: tuple[Any, StreamReader, bytes] | None = None
        self.handled: list[Told] = []
        parser: Any = HttpRequestParser(
            itself, loop, BUFFER_BYTES, payload_exception=web.RequestPayloadError
        )
        self.parser = FramedParser(parser, self)

    def waiting(self) -> int:
        return len(self.queue)

    def newest_body(self) -> StreamReader | None:
        if self.queue:
            return self.queue[-1][1]
        return self.current[1] if self.current else None

    def note_upgrade(self) -> None:
        self.upgrades += 1

    def pause_reading(self) -> None:
        self.paused = True
        self.parser.pause_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's
        self.paused = False
        if resume_parser:
            self.receive(b"")

    def receive(self, data: bytes) -> None:
        messages, _, _ = self.parser.feed_data(data)
        self.queue.extend(messages)

    def work_off(self) -> None:
        """Handle what waits, each message to its end, until more must arrive."""
        while self.current or self.queue:
            if self.current is None:
                message, body = self.queue.popleft()
                self.parser.message_consumed()
                self.current = (message, body, b"")
            message, body, read = self.current
            while part := body.read_nowait():
                read += part
            self.current = (message, body, read)
            if not body.at_eof():
                return
            names = tuple(name for name, _ in message.raw_headers)
            self.handled.append((message.method, message.path, read, names))
            self.current = None
            self.receive(b"")


class Sent(NamedTuple):
    raw: bytes
    told: Told


TRICKY = st.lists(
    st.sampled_from([b"chunked", b"chun", b"ked", b"hunked\r\n\r\n", CUT, b"\r\n", b"0\r\n\r\n", b"x" * 40]),
    max_size=6,
).map(b"".join)
TRAILERS = st.sampled_from([b"", b"Cookie: evil=1\r\n", b"X-A: chunked\r\nX-Forwarded-For: 6.6.6.6\r\n"])


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    path = draw(st.sampled_from(["/a", "/chunked", "/b?x=chunked"]))
    body = draw(TRICKY)
    kind = draw(st.sampled_from(["bare", "length", "chunks"]))
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n".encode()
    names: tuple[bytes, ...] = (b"Host",)
    if kind == "bare":
        return Sent(head + b"\r\n", ("POST", path, b"", names))
    if kind == "length":
        raw = head + b"Content-Length: %d" % len(body) + CUT + body
        return Sent(raw, ("POST", path, body, (*names, b"Content-Length")))
    size = draw(st.integers(1, 30))
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    raw = head + b"Transfer-Encoding: chunked" + CUT + chunks + b"0\r\n" + draw(TRAILERS) + b"\r\n"
    return Sent(raw, ("POST", path, body, (*names, b"Transfer-Encoding")))


async def understood(raw: bytes, sizes: list[int]) -> list[Told]:
    """Feed pieces of these sizes, then the rest; handle messages in order, as far as they go."""
    connection = Connection(asyncio.get_running_loop())
    for size in [*sizes, len(raw)]:
        connection.receive(raw[:size])
        raw = raw[size:]
        connection.work_off()
    return connection.handled


@settings(max_examples=400)
@given(sent=st.lists(requests(), min_size=1, max_size=6), sizes=st.lists(st.integers(1, 60), max_size=60))
async def test_however_it_is_cut_what_was_sent_is_what_is_understood(
    sent: list[Sent], sizes: list[int]
) -> None:
    raw = b"".join(each.raw for each in sent)

    assert await understood(raw, sizes) == [each.told for each in sent]
