import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from doorward.http.edge.client_address import ClientAddress
from doorward.http.edge.runner import EdgeRunner
from doorward.http.edge.server import ConnectionLimits

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
WAIT_SECONDS = 20


class Served:
    """A server, and the one request of it that waits to be let go on."""

    def __init__(self, runner: EdgeRunner) -> None:
        self.runner = runner
        self.arrived = asyncio.Event()
        self.go_on = asyncio.Event()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.runner.addresses[0][1])


@asynccontextmanager
async def serving(drain_seconds: float = 0.5) -> AsyncIterator[Served]:
    app = web.Application()
    runner = EdgeRunner(
        app,
        addresses=ClientAddress(),
        limits=ConnectionLimits(drain_seconds=drain_seconds),
        handle_signals=False,
        shutdown_timeout=WAIT_SECONDS,
    )
    served = Served(runner)

    async def at_once(_request: web.Request) -> web.Response:
        return web.Response(text="here")

    async def in_its_own_time(_request: web.Request) -> web.Response:
        served.arrived.set()
        await served.go_on.wait()
        return web.Response(text="at last")

    app.router.add_get("/", at_once)
    app.router.add_get("/slow", in_its_own_time)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=64).start()
    try:
        yield served
    finally:
        await runner.cleanup()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Send a request on a connection that stays, and return the answer."""
    writer.write(REQUEST)
    async with asyncio.timeout(WAIT_SECONDS):
        return await reader.readuntil(b"here")


async def test_who_got_through_before_the_end_is_answered_though_not_accepted_yet() -> None:
    async with serving() as served:
        # The kernel makes these connections; the server has had no chance to look yet.
        early = [socket.create_connection(served.address) for _ in range(20)]
        for connection in early:
            connection.sendall(REQUEST)

        await served.runner.cleanup()

        answers = []
        for connection in early:
            with connection, connection.makefile("rb") as answer:
                answers.append(answer.read())
    assert all(answer.startswith(b"HTTP/1.1 200 OK\r\n") for answer in answers)
    assert all(b"\r\nConnection: close\r\n" in answer for answer in answers)


async def test_a_request_on_a_kept_connection_is_answered_and_is_its_last() -> None:
    async with serving(drain_seconds=WAIT_SECONDS) as served:
        reader, writer = await asyncio.open_connection(*served.address)
        before = await exchange(reader, writer)
        ending = asyncio.create_task(served.runner.cleanup())
        await asyncio.to_thread(refused, served.address)

        last = await exchange(reader, writer)

        rest = await reader.read()
        await ending
        writer.close()
    assert b"Connection: close" not in before
    assert last.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in last
    assert rest == b""


async def test_a_connection_that_stays_silent_is_ended_after_its_time() -> None:
    async with serving(drain_seconds=0.05) as served:
        reader, writer = await asyncio.open_connection(*served.address)
        await exchange(reader, writer)

        await served.runner.cleanup()

        assert await reader.read() == b""
        writer.close()


async def test_a_request_that_is_being_answered_is_waited_for() -> None:
    async with serving(drain_seconds=0.05) as served:
        reader, writer = await asyncio.open_connection(*served.address)
        writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await served.arrived.wait()
        ending = asyncio.create_task(served.runner.cleanup())
        await asyncio.to_thread(refused, served.address)

        served.go_on.set()

        answer = await reader.read()
        await ending
        writer.close()
    assert answer.endswith(b"at last")


async def test_an_end_with_nobody_there_takes_no_time() -> None:
    async with serving(drain_seconds=1_000) as served, asyncio.timeout(WAIT_SECONDS):
        address = served.address

        await served.runner.cleanup()

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)


def refused(address: tuple[str, int]) -> None:
    """Connect again and again until nobody listens any more."""
    while True:
        try:
            socket.create_connection(address, timeout=WAIT_SECONDS).close()
        except ConnectionError:
            return
