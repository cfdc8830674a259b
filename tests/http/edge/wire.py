"""A raw client for a real server, and what the tests of the edge call things."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple, Protocol

from aiohttp import web

from doorward.http.edge.client_address import ClientAddress
from doorward.http.edge.server import EdgeServer

PATIENCE_SECONDS = 10
# Nothing is swept but when a test says so.
NO_SWEEPING = 3600.0


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, raw: bytes) -> None:
        self._writer.write(raw)
        await self._writer.drain()

    async def send_while_open(self, *pieces: bytes) -> None:
        """Send piece by piece, each once the loop had its turn, as long as the server listens."""
        with suppress(ConnectionError):
            for piece in pieces:
                await self.send(piece)
                await asyncio.sleep(0)

    async def send_in_pieces(self, raw: bytes, chance: random.Random) -> None:
        """Send in pieces of any size."""
        while raw:
            size = chance.choice([1, 10, 100, 1000, 10_000])
            await self.send(raw[:size])
            raw = raw[size:]

    async def send_until_closed(self, raw: bytes) -> int:
        """Send the same again and again; tell how often it went out."""
        sent = 0
        with suppress(ConnectionError):
            while not self._writer.is_closing():
                await self.send(raw)
                sent += 1
        return sent

    async def answer(self) -> Answer:
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await self._reader.readuntil(b"\r\n\r\n")
            status, *lines = head.decode("latin-1").split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines if line)
            body = await self._reader.readexactly(int(headers.get("Content-Length", 0)))
        return Answer(int(status.split()[1]), headers, body)

    async def rest(self) -> bytes:
        """Read until the server closes."""
        parts = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            with suppress(ConnectionResetError):
                while part := await self._reader.read(65536):
                    parts.append(part)
        return b"".join(parts)

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


class Served:
    """A running server, and what its handler was asked."""

    def __init__(self, edge: EdgeServer, port: int, seen: list[str]) -> None:
        self.edge = edge
        self.port = port
        self.seen = seen

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        try:
            yield client
        finally:
            await client.close()


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Serve(Protocol):
    """Starts a server; limits are those of ``ConnectionLimits``."""

    async def __call__(
        self,
        handler: Handler = ...,
        *,
        clock: Callable[[], float] | None = None,
        addresses: ClientAddress | None = None,
        **limits: float,
    ) -> Served: ...


class Parse(Protocol):
    """Parses a GET with these header lines, as if it came from ``peer``."""

    def __call__(self, *lines: str | bytes, peer: str | None = "192.0.2.1") -> web.BaseRequest: ...
