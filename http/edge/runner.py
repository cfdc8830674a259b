"""How an application is run behind the edge: ``AppRunner``'s place is taken by ``EdgeRunner``."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from doorward.http.edge.client_address import ClientAddress
from doorward.http.edge.server import ConnectionLimits, EdgeServer, Handler

EXACT: Final[web.AppKey[Mapping[tuple[str, str], Handler]]] = web.AppKey("exact", Mapping)
"""Where an application may keep handlers by method and path, for paths without parameters."""

# More than the kernel keeps in line (net.core.somaxconn): whoever comes while we take them in, too.
_WAITING_MAX: Final = 8192


class EdgeRunner(web.AppRunner):
    """Sets an application up behind an ``EdgeServer``; sites are started on it as on any runner.

    Attributes:
        edge: The server, from ``setup`` on.
    """

    __slots__ = ("_addresses", "_clock", "_limits", "_sweeping", "edge")

    def __init__(
        self,
        app: web.Application,
        *,
        addresses: ClientAddress,
        limits: ConnectionLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        **options: Any,  # noqa: ANN401 - as aiohttp takes them
    ) -> None:
        """Prepare; nothing is started before ``setup``.

        Args:
            app: The application. Its ``handler_args`` are not used.
            addresses: Tells which peers are one client, and which are trusted proxies.
            limits: What a client may hold.
            clock: Monotonic, in seconds.
            options: ``handle_signals``, ``shutdown_timeout`` and what else ``AppRunner`` takes.
        """
        super().__init__(app, **options)
        self._addresses = addresses
        self._limits = limits or ConnectionLimits()
        self._clock = clock
        self._sweeping: asyncio.Task[None] | None = None

    async def cleanup(self) -> None:
        """Stop accepting, answer what was accepted, end connections, then stop sweeping."""
        try:
            if self.server is not None:
                self.edge.is_ending = True
                await self._stop_accepting()
                await self.edge.drain()
            await super().cleanup()
        finally:
            if self._sweeping is not None:
                self._sweeping.cancel()
                with suppress(asyncio.CancelledError):
                    await self._sweeping

    async def _stop_accepting(self) -> None:
        """Stop sites, but on nobody who is through already.

        Closing a listening socket resets the connections that the kernel has made and nobody has
        taken: their clients may have sent a request. So the sockets are held while the sites end,
        what waits is taken, and they are let go the moment nobody waits any more.
        """
        held = [_held(listening) for listening in self._listening()]
        for site in list(self.sites):
            await site.stop()
        loop = asyncio.get_running_loop()
        for connection in [each for listening in held for each in _emptied(listening)]:
            await loop.connect_accepted_socket(self.edge, connection)

    def _listening(self) -> Iterator[int]:
        """Yield the file descriptors of all sites, found as ``AppRunner.addresses`` finds them."""
        for site in self.sites:
            server = getattr(site, "_server", None)
            yield from (each.fileno() for each in server.sockets) if server is not None else ()

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        # No access log: paths hold tokens (order pages, links). What is to be logged of a request
        # is for the application to say.
        self.edge = EdgeServer(
            plain.request_handler,
            addresses=self._addresses,
            exact=self.app.get(EXACT, {}),
            limits=self._limits,
            clock=self._clock,
            request_factory=plain.request_factory,
            handler_cancellation=plain.handler_cancellation,
            access_log=None,
            logger=logging.getLogger("doorward.http"),
        )
        self._sweeping = asyncio.get_running_loop().create_task(self.edge.keep_sweeping())
        return self.edge


def _held(fd: int) -> socket.socket:
    """Hold a listening socket, whatever becomes of ``fd``."""
    held = socket.socket(fileno=os.dup(fd))
    held.settimeout(0)
    return held


def _emptied(listening: socket.socket) -> list[socket.socket]:
    """Take everybody who waits, and close."""
    waiting: list[socket.socket] = []
    with listening, suppress(BlockingIOError):
        while len(waiting) < _WAITING_MAX:
            connection, _ = listening.accept()
            connection.settimeout(0)
            waiting.append(connection)
    return waiting
