"""All connections of one listening process: how many each address has, and how long each may idle.

Half-open connections cost an attacker nothing and a server memory (OWASP ASVS 15.2.2), so one
sweeper task looks at every connection twice a second and ends those that are overdue.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import hdrs, web

from doorward.http.edge import last_resort, request_ids
from doorward.http.edge.client_address import LOCAL, ClientAddress
from doorward.http.edge.coalescing import Departures
from doorward.http.edge.connections import EdgeConnection
from doorward.http.edge.framing import spoil

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """How long and how often a client may hold a connection (contract §7, requirement R-84).

    Attributes:
        head_seconds: From accepting, or from a request's first byte, until its head is complete.
        idle_seconds: From an answer to the next request's first byte; also how long an answer may
            make no headway.
        linger_seconds: How long the rest of a body that was answered early is read and thrown
            away, so that the client gets to read the answer (nginx's ``lingering_timeout``).
        per_address: Open connections per client address, IPv6 per /64; trusted proxies exempt.
        sweep_seconds: How often deadlines are looked at, hence how late they may strike.
        drain_seconds: How long a draining server waits for the next request on a connection that
            is open, to answer it and say that it is the last.
    """

    head_seconds: float = 10.0
    idle_seconds: float = 75.0
    linger_seconds: float = 5.0
    per_address: int = 256
    sweep_seconds: float = 0.5
    drain_seconds: float = 0.5


_DEFAULTS: Final = ConnectionLimits()
_NO_ROUTES: Final[Mapping[tuple[str, str], Handler]] = {}


class EdgeServer(web.Server):
    """aiohttp's low-level server with the edge around it.

    Attributes:
        departures: What its connections send with each other.
        is_ending: Whether every answer is the last of its connection.
        refused_connections: How many were closed because their address had too many.
        swept_connections: How many were closed because they were overdue.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        addresses: ClientAddress,
        exact: Mapping[tuple[str, str], Handler] = _NO_ROUTES,
        limits: ConnectionLimits = _DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
        **options: Any,  # noqa: ANN401 - as aiohttp takes them
    ) -> None:
        """Serve ``handler``.

        Args:
            handler: Answers a request.
            exact: Handlers by method and path as sent, for paths without parameters: found by one
                look-up instead of aiohttp's routing, which took a twentieth of a short request.
            addresses: Tells which peers are one client, and which are trusted proxies.
            limits: What a client may hold.
            clock: Monotonic, in seconds.
            options: As ``web.Server`` takes them.
        """
        super().__init__(self._answer, lingering_time=limits.linger_seconds, **options)
        self._handler = handler
        self._exact = exact
        self._addresses = addresses
        self._limits = limits
        self.departures = Departures(self._loop)
        self.clock = clock
        self.head_seconds = limits.head_seconds
        self.idle_seconds = limits.idle_seconds
        self._counts: Counter[str] = Counter()
        self._admitted: dict[EdgeConnection, str | None] = {}
        self._deserted = asyncio.Event()
        self.is_ending = False
        self.refused_connections = 0
        self.swept_connections = 0

    def __call__(self) -> web.RequestHandler:
        """Make the protocol of a new connection."""
        return EdgeConnection(self, self, loop=self._loop, **self._kwargs)

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._admitted)

    def admit(self, connection: EdgeConnection, address: str | None) -> bool:
        """Count a connection in, unless its address has too many.

        Args:
            connection: The new one.
            address: The socket's other end; None for a unix socket, which is not counted, as its
                other end is this machine's own proxy.
        """
        place = self._addresses.peer(address)
        if place.trusted or place.group == LOCAL:
            self._admitted[connection] = None
            return True
        if self._counts[place.group] >= self._limits.per_address:
            self.refused_connections += 1
            return False
        self._counts[place.group] += 1
        self._admitted[connection] = place.group
        return True

    def dismiss(self, connection: EdgeConnection) -> None:
        """Count a connection out; one that was not admitted is not counted."""
        group = self._admitted.pop(connection, None)
        if not self._admitted:
            self._deserted.set()
        if group is None:
            return
        self._counts[group] -= 1
        if not self._counts[group]:
            del self._counts[group]

    async def drain(self) -> None:
        """Let every connection end after an answer, as far as there is something to answer.

        To end an idle connection at once would cut off whoever is sending a request on it just
        then, and who could not know whether it was heard (RFC 9112 §9.6). So each is kept a little
        longer, and its next answer is its last. Nothing may be accepted any more.
        """
        self.is_ending = True
        if self._admitted:
            self._deserted.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.drain_seconds):
                    await self._deserted.wait()
        for connection in [each for each in self._admitted if each.request is None]:
            connection.force_close()

    def sweep(self) -> None:
        """End every connection that is overdue now."""
        now = self.clock()
        for connection in [each for each in self._admitted if each.is_overdue(now)]:
            self.swept_connections += 1
            connection.abort()

    async def keep_sweeping(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(self._limits.sweep_seconds)
            self.sweep()

    def _handler_of(self, request: web.BaseRequest) -> Handler:
        exact = self._exact.get((request.method, request.rel_url.raw_path))
        return self._handler if exact is None or hdrs.EXPECT in request.headers else exact

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        connection: EdgeConnection = request.protocol  # type: ignore[assignment] # see __call__
        connection.request = request
        if connection.broken:
            # It broke off after aiohttp took the request from its queue and before it came here.
            spoil(request.content)
        try:
            response = await self._handler_of(request)(request)
        except web.HTTPException as escaped:
            return last_resort.instead_of(escaped, request_ids.of(request))
        finally:
            connection.request = None
            connection.unfed = True
            connection.deadline = self.clock() + self.idle_seconds
        if hdrs.SERVER not in response.headers:
            response.headers[hdrs.SERVER] = last_resort.SERVER
            response.headers.setdefault(request_ids.HEADER, request_ids.of(request))
        if self.is_ending:
            response.force_close()
        # A refusal that says it closes (``EdgeError.headers``) does, whoever renders it.
        if response.status >= 400 and response.headers.get(hdrs.CONNECTION) == "close":  # noqa: PLR2004
            response.force_close()
        # aiohttp's parser drops what follows a request for another protocol in the same segment;
        # what comes after that could be taken for the beginning of a request.
        if connection.upgrade_seen and hdrs.UPGRADE in request.headers:
            response.force_close()
        return response
