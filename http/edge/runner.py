"""How an application is run behind the edge: ``AppRunner``'s place is taken by ``EdgeRunner``."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiohttp import web

from doorward.http.edge.client_address import ClientAddress
from doorward.http.edge.server import ConnectionLimits, EdgeServer


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
        """Stop sites, end connections, then stop sweeping."""
        try:
            await super().cleanup()
        finally:
            if self._sweeping is not None:
                self._sweeping.cancel()
                with suppress(asyncio.CancelledError):
                    await self._sweeping

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        # No access log: paths hold tokens (order pages, links). What is to be logged of a request
        # is for the application to say.
        self.edge = EdgeServer(
            plain.request_handler,
            addresses=self._addresses,
            limits=self._limits,
            clock=self._clock,
            request_factory=plain.request_factory,
            handler_cancellation=plain.handler_cancellation,
            access_log=None,
            logger=logging.getLogger("doorward.http"),
        )
        self._sweeping = asyncio.get_running_loop().create_task(self.edge.keep_sweeping())
        return self.edge
