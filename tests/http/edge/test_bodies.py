import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress

import pytest
from aiohttp import web

from doorward.http.edge import bodies
from doorward.http.edge.refusals import EdgeError
from tests.http.edge.wire import Handler, Serve

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
FOLLOW_UP = b"GET /follow-up HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


class Wire(asyncio.Transport):
    """A connection without a socket, so that a test decides what arrives when."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 4711)})
        self.written = b""
        self.closed = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.written += b"".join(list_of_data)

    def is_closing(self) -> bool:
        return self.closed.is_set()

    def close(self) -> None:
        self.closed.set()


def collecting(*, bytes_max: int = 1000, seconds_max: float = 60) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            body = await bodies.collect(request, bytes_max=bytes_max, seconds_max=seconds_max)
        except EdgeError as error:
            return web.Response(status=error.status, headers=error.headers)
        return web.Response(body=body)

    return handler


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"Content-Length: 5\r\n\r\nhello",
        CHUNKED + b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-Trailer: 1\r\n\r\n",
    ],
)
async def test_a_body_is_collected_whole(serve: Serve, raw: bytes) -> None:
    served = await serve(collecting())

    async with served.client() as client:
        await client.send(raw)
        answer = await client.answer()

    assert (answer.status, answer.body) == (200, b"hello")


async def test_a_body_that_comes_later_is_waited_for(serve: Serve) -> None:
    begun = asyncio.Event()
    collect = collecting()

    async def handler(request: web.Request) -> web.StreamResponse:
        begun.set()
        return await collect(request)

    served = await serve(handler)

    async with served.client() as client:
        await client.send(HEAD + b"Content-Length: 5\r\n\r\nhe")
        await begun.wait()
        await client.send(b"llo" + FOLLOW_UP)
        answers = [await client.answer(), await client.answer()]

    assert [answer.body for answer in answers] == [b"hello", b""]


async def test_an_announced_body_over_the_cap_is_refused_unread(serve: Serve) -> None:
    served = await serve(collecting(), linger_seconds=0.05)

    async with served.client() as client:
        await client.send(HEAD + b"Content-Length: 1001\r\n\r\n")
        answer = await client.answer()
        rest = await client.rest()

    assert (answer.status, answer.headers["Connection"], rest) == (413, "close", b"")


async def test_an_endless_chunked_body_is_cut_off_at_the_cap(serve: Serve) -> None:
    held: list[int] = []
    collect = collecting()

    async def handler(request: web.Request) -> web.StreamResponse:
        answer = await collect(request)
        held.append(request.content.total_bytes)
        return answer

    served = await serve(handler, linger_seconds=0.05)
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"

    async with served.client() as client:
        await client.send(CHUNKED)
        sending = asyncio.create_task(client.send_until_closed(chunk))
        answer = await client.answer()
        sent = await asyncio.wait_for(sending, 10)

    assert answer.status == 413
    assert sent > 0
    # What was parsed of it when it was refused: a read or two (256 KiB each), no more.
    assert held[0] <= 512 * 1024


async def test_what_follows_a_refused_body_is_not_executed(serve: Serve) -> None:
    served = await serve(collecting(), linger_seconds=0.05)

    async with served.client() as client:
        await client.send(HEAD + b"Content-Length: 1001\r\n\r\n" + b"x" * 1001 + FOLLOW_UP)
        rest = await client.rest()

    assert rest.startswith(b"HTTP/1.1 413 ")
    assert rest.count(b"HTTP/1.1") == 1
    assert served.seen == ["POST /"]


@pytest.mark.parametrize("raw", [HEAD + b"Content-Length: 5\r\n\r\nhe", CHUNKED + b"5\r\nhe"])
async def test_a_body_that_stalls_is_answered_and_closed_at_once(serve: Serve, raw: bytes) -> None:
    served = await serve(collecting(seconds_max=0.02), linger_seconds=30)

    async with served.client() as client:
        started = time.monotonic()
        await client.send(raw)
        answer = await client.answer()
        rest = await client.rest()

    assert (answer.status, answer.headers["Connection"], rest) == (408, "close", b"")
    assert time.monotonic() - started < 10


async def test_what_comes_after_a_timeout_is_not_executed(serve: Serve) -> None:
    timed_out, sent = asyncio.Event(), asyncio.Event()
    collect = collecting(seconds_max=0.02)

    async def handler(request: web.Request) -> web.StreamResponse:
        response = await collect(request)
        timed_out.set()
        await sent.wait()
        return response

    served = await serve(handler)

    async with served.client() as client:
        await client.send(HEAD + b"Content-Length: 5\r\n\r\nhe")
        await timed_out.wait()
        await client.send(b"llo" + FOLLOW_UP)
        sent.set()
        rest = await client.rest()

    assert rest.startswith(b"HTTP/1.1 408 ")
    assert rest.count(b"HTTP/1.") == 1
    assert served.seen == ["POST /"]


@pytest.mark.parametrize(
    "broken", [b"x\r\n", b"5\r\nhelloX", b"+5\r\n", b"0\r\nBad Trailer: 1\r\n\r\n"]
)
async def test_a_body_whose_framing_breaks_off_is_a_400_at_once(
    serve: Serve, broken: bytes
) -> None:
    begun = asyncio.Event()
    collect = collecting()

    async def handler(request: web.Request) -> web.StreamResponse:
        begun.set()
        return await collect(request)

    served = await serve(handler, linger_seconds=30)

    async with served.client() as client:
        await client.send(CHUNKED)
        await begun.wait()
        await client.send(broken + FOLLOW_UP)
        rest = await client.rest()

    assert rest.startswith(b"HTTP/1.1 400 ")
    assert rest.count(b"HTTP/1.") == 1
    assert served.seen == ["POST /"]


@pytest.mark.parametrize("turns", range(6))
async def test_a_body_may_break_off_at_any_moment_between_parsing_and_handling(
    serve: Serve, turns: int
) -> None:
    served = await serve(collecting())
    connection = served.edge()
    wire = Wire()
    connection.connection_made(wire)

    connection.data_received(CHUNKED)
    for _ in range(turns):
        await asyncio.sleep(0)
    connection.data_received(b"x\r\n")
    async with asyncio.timeout(10):
        await wire.closed.wait()
    connection.connection_lost(None)

    assert wire.written.split(b" ")[1] == b"400"
    assert wire.written.count(b"HTTP/1.") == 1


@pytest.mark.parametrize(("stalled", "seconds_max"), [(b"5\r\nhe", 0.02), (b"5\r\nhelloX\r\n", 60)])
async def test_the_connection_ends_even_if_the_answer_does_not_say_so(
    serve: Serve, stalled: bytes, seconds_max: float
) -> None:
    begun = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        begun.set()
        with suppress(EdgeError):
            await bodies.collect(request, bytes_max=1000, seconds_max=seconds_max)
        return web.Response()

    served = await serve(handler, linger_seconds=30)

    async with served.client() as client:
        await client.send(CHUNKED)
        await begun.wait()
        await client.send(stalled)
        answer = await client.answer()
        rest = await client.rest()

    assert (answer.status, rest) == (200, b"")


async def test_a_client_that_leaves_in_the_middle_ends_the_wait(serve: Serve) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()
    refusals: list[EdgeError] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        begun.set()
        try:
            await bodies.collect(request, bytes_max=1000)
        except EdgeError as error:
            refusals.append(error)
        ended.set()
        return web.Response()

    served = await serve(handler)

    async with served.client() as client:
        await client.send(HEAD + b"Content-Length: 5\r\n\r\nhe")
        await begun.wait()
    async with asyncio.timeout(10):
        await ended.wait()

    assert [error.status for error in refusals] == [400]
