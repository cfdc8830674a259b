import asyncio
from collections import deque
from typing import Any, NamedTuple

import pytest
from aiohttp import StreamReader, web
from aiohttp.http import HttpProcessingError, HttpRequestParser
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.http.edge.framing import FramedParser

# Small, so that bodies overflow their buffer and parsing stops in the middle of a piece.
BUFFER_BYTES = 16
CUT = b"\r\n\r\n"

Told = tuple[str, str, bytes, tuple[bytes, ...]]  # method, path, body, names of header fields


class Connection:
    """A protocol without a socket: queues what is parsed, reads bodies as far as they have come."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        itself: Any = self
        self.queue: deque[tuple[Any, StreamReader]] = deque()
        self.upgrades = 0
        self.broken = False
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

    def note_break(self) -> None:
        self.broken = True

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

    def receive_in_pieces(self, raw: bytes, size: int) -> None:
        for at in range(0, len(raw), size):
            self.receive(raw[at : at + size])

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
    st.sampled_from(
        [b"chunked", b"chun", b"ked", b"hunked\r\n\r\n", CUT, b"\r\n", b"0\r\n\r\n", b"x" * 40]
    ),
    max_size=6,
).map(b"".join)
TRAILERS = st.sampled_from(
    [b"", b"Cookie: evil=1\r\n", b"X-A: chunked\r\nX-Forwarded-For: 6.6.6.6\r\n"]
)


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


async def understood(raw: bytes, sizes: list[int], *, readers_lag: bool = False) -> list[Told]:
    """Feed pieces of these sizes, then the rest; handle messages in order, as far as they go."""
    connection = Connection(asyncio.get_running_loop())
    for size in [*sizes, len(raw)]:
        connection.receive(raw[:size])
        raw = raw[size:]
        if not readers_lag:
            connection.work_off()
    connection.work_off()
    return connection.handled


@settings(max_examples=400)
@given(
    sent=st.lists(requests(), min_size=1, max_size=6),
    sizes=st.lists(st.integers(1, 60), max_size=60),
    readers_lag=st.booleans(),
)
async def test_however_it_is_cut_what_was_sent_is_what_is_understood(
    sent: list[Sent], sizes: list[int], *, readers_lag: bool
) -> None:
    raw = b"".join(each.raw for each in sent)

    handled = await understood(raw, sizes, readers_lag=readers_lag)

    assert handled == [each.told for each in sent]


@pytest.mark.parametrize("cut", range(1, 150))
async def test_a_trailer_is_no_header_of_the_next_request_wherever_it_is_cut(cut: int) -> None:
    chunked = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    trailing = b"2\r\n{}\r\n0\r\nX-A: 1\r\nCookie: evil=1\r\n\r\n"
    raw = chunked + trailing + b"GET /b HTTP/1.1\r\nHost: x\r\nAccept: y\r\n\r\n"

    handled = await understood(raw, [cut])

    assert handled == [
        ("POST", "/a", b"{}", (b"Host", b"Transfer-Encoding")),
        ("GET", "/b", b"", (b"Host", b"Accept")),
    ]


@pytest.mark.parametrize("offset", range(-80, 10))
async def test_a_slice_may_end_anywhere_in_a_head_that_announces_chunks(offset: int) -> None:
    padding = b"GET /a HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n"
    padding %= b"y" * (8192 + offset - len(padding) + 2)
    chunked = b"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw = padding + chunked + b"2\r\n{}\r\n0\r\nCookie: evil=1\r\n\r\n" + chunked + b"0\r\n\r\n"

    handled = await understood(raw, [])

    assert handled == [
        ("GET", "/a", b"", (b"Host", b"X")),
        ("POST", "/b", b"{}", (b"Host", b"Transfer-Encoding")),
        ("POST", "/b", b"", (b"Host", b"Transfer-Encoding")),
    ]


async def test_a_pipelining_client_makes_a_bounded_number_of_requests_wait() -> None:
    connection = Connection(asyncio.get_running_loop())
    raw = b"GET / HTTP/1.1\r\nHost:\r\n\r\n"

    connection.receive(raw * 10_000)
    waiting = len(connection.queue)
    connection.work_off()

    assert 32 <= waiting <= 32 + 8192 // len(raw) + 1
    assert len(connection.handled) == 10_000


async def test_a_reader_who_is_behind_is_not_fed_on() -> None:
    connection = Connection(asyncio.get_running_loop())
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"

    connection.receive(head + b"x" * 1_000_000)
    _, body = connection.queue[0]
    held = body.total_bytes
    connection.work_off()

    assert held <= 2 * 8192
    assert connection.handled == [("POST", "/", b"x" * 1_000_000, (b"Host", b"Content-Length"))]


async def test_a_body_that_is_complete_holds_up_nothing_even_if_nobody_reads_it() -> None:
    connection = Connection(asyncio.get_running_loop())
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8000\r\nX: %s\r\n\r\n"
    # As long as one slice, so that what follows is in the next one.
    first = head % (b"y" * (8192 - 8000 - len(head) + 2)) + b"x" * 8000

    connection.receive(first + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3)

    assert len(first) == 8192
    assert [message.method for message, _ in connection.queue] == ["POST", "GET", "GET", "GET"]


@pytest.mark.parametrize(
    "head",
    [
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: CHUNKED\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: x\r\nX: chunked\r\nTransfer-Encoding: Chunked\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: ,chunked\r\n\r\n",
        b"POST /a HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_chunks_announced_in_an_odd_way_are_refused(head: bytes, size: int) -> None:
    connection = Connection(asyncio.get_running_loop())
    raw = head + b"0\r\nCookie: evil=1\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n"

    with pytest.raises(HttpProcessingError):
        connection.receive_in_pieces(raw, size)

    assert not connection.queue


async def test_after_an_error_nothing_is_parsed_any_more() -> None:
    connection = Connection(asyncio.get_running_loop())

    with pytest.raises(HttpProcessingError):
        connection.receive(b"GET /a HTTP/1.1\r\nHost : x\r\n\r\n")
    connection.receive(b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n")

    assert not connection.queue


@pytest.mark.parametrize("broken", [b"zz\r\n", b"2\r\n{}x", b"0\r\nbad trailer: 1\r\n\r\n"])
async def test_whoever_reads_a_body_hears_that_it_broke_off(broken: bytes) -> None:
    connection = Connection(asyncio.get_running_loop())
    connection.receive(b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    _, body = connection.queue[0]

    with pytest.raises(HttpProcessingError):
        connection.receive(broken)

    assert isinstance(body.exception(), web.RequestPayloadError)
    assert body.is_eof()
    assert connection.broken


async def test_what_follows_a_request_for_another_protocol_is_handed_back() -> None:
    connection = Connection(asyncio.get_running_loop())
    head = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"

    messages, upgraded, tail = connection.parser.feed_data(head + b"chunked\x81\x00" * 3000)

    assert (len(messages), upgraded, tail) == (1, True, b"chunked\x81\x00" * 3000)
    assert connection.upgrades == 1
