"""A real server on a free port, a raw client for it, and requests parsed without a socket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.http import HttpRequestParser

from doorward.http.edge.client_address import ClientAddress
from doorward.http.edge.runner import EdgeRunner
from doorward.http.edge.server import ConnectionLimits
from tests.http.edge.wire import NO_SWEEPING, Clock, Handler, Parse, Serve, Served


async def echo(request: web.Request) -> web.Response:
    """Tell what was asked, so that answers cannot be mistaken for one another."""
    body = await request.read()
    return web.Response(body=request.raw_path.encode() + b":" + body)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as running:

        async def start(
            handler: Handler = echo,
            *,
            clock: Callable[[], float] | None = None,
            addresses: ClientAddress | None = None,
            **limits: float,
        ) -> Served:
            seen: list[str] = []

            async def noting(request: web.Request) -> web.StreamResponse:
                seen.append(f"{request.method} {request.raw_path}")
                return await handler(request)

            app = web.Application()
            app.router.add_route("*", "/{anything:.*}", noting)
            limits.setdefault("sweep_seconds", NO_SWEEPING)
            runner = EdgeRunner(
                app,
                addresses=addresses or ClientAddress(),
                limits=ConnectionLimits(**cast("dict[str, Any]", limits)),
                clock=clock or asyncio.get_running_loop().time,
                shutdown_timeout=1.0,
            )
            await runner.setup()
            running.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            return Served(runner.edge, site.port, seen)

        yield start


@pytest.fixture
def clock() -> Clock:
    return Clock()


class _Peer:
    """As much of a connection as a request looks at."""

    ssl_context = None
    sockname = None

    def __init__(self, host: str | None) -> None:
        self.peername = (host, 40000) if host is not None else ""


@pytest.fixture
async def parsed() -> Parse:
    loop = asyncio.get_running_loop()

    def parse(*lines: str | bytes, peer: str | None = "192.0.2.1") -> web.BaseRequest:
        """Parse a GET with these header lines."""
        raw = [line.encode() if isinstance(line, str) else line for line in lines]
        head = b"\r\n".join([b"GET / HTTP/1.1", *(raw or [b"Host: shop.example"])])
        if b"\nhost:" not in head.lower():
            head += b"\r\nHost: shop.example"
        connection: Any = _Peer(peer)
        parser = HttpRequestParser(connection, loop, 65536)
        ((message, body),) = parser.feed_data(head + b"\r\n\r\n")[0]
        nothing: Any = None
        return web.BaseRequest(message, body, connection, nothing, nothing, loop)

    return parse
