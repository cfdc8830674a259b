"""Requirement R-84: half-open, idle and too many connections end in time."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aiohttp import web

from doorward.http.edge.client_address import ClientAddress
from doorward.http.edge.connections import EdgeConnection
from doorward.http.edge.server import ConnectionLimits, EdgeServer
from tests.http.edge.wire import Clock, Serve

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Wire(asyncio.Transport):
    """A socket that is not there: who is on it, what is unsent, whether it was cut."""

    def __init__(self, peer: object) -> None:
        super().__init__({"peername": peer})
        self.unsent = 0
        self.cut = False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def is_closing(self) -> bool:
        return self.cut

    def abort(self) -> None:
        self.cut = True

    def close(self) -> None:
        self.cut = True


class House:
    """A server whose connections come without sockets."""

    def __init__(self, clock: Clock, **limits: float) -> None:
        self.handled, self.release = asyncio.Event(), asyncio.Event()
        self.release.set()
        self._open: list[EdgeConnection] = []
        self.edge = EdgeServer(
            self._handle,
            addresses=ClientAddress(["10.0.0.0/8"]),
            limits=ConnectionLimits(**{"per_address": 3, **limits}),  # type: ignore[arg-type]
            clock=clock,
        )

    def connect(self, peer: object = ("192.0.2.1", 4711)) -> tuple[EdgeConnection, Wire]:
        wire = Wire(peer)
        connection = self.edge()
        assert isinstance(connection, EdgeConnection)
        self._open.append(connection)
        connection.connection_made(wire)
        return connection, wire

    async def ask(self, connection: EdgeConnection) -> None:
        """Have one request handled."""
        self.handled.clear()
        connection.data_received(GET)
        async with asyncio.timeout(10):
            await self.handled.wait()

    async def settle(self) -> None:
        """Let everything that is due happen."""
        for connection in self._open:
            connection.connection_lost(None)
        await asyncio.gather(
            *asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True
        )

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        del request
        self.handled.set()
        await self.release.wait()
        return web.Response()
