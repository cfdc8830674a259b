"""One client connection: aiohttp's, with deadlines, a place in the count, and plain answers.

Hooks used, all of them methods of ``asyncio.Protocol`` or documented on ``RequestHandler``:
``connection_made``, ``connection_lost``, ``data_received``, ``handle_error``. Of aiohttp's own
attributes two are touched: ``_parser`` is replaced, once, by one that frames strictly, and
``_messages``, its queue, is counted.

Deadlines are numbers that the server's sweeper compares, not timers: a request costs two readings
of the clock.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from aiohttp import StreamReader, web
from aiohttp.http import HttpRequestParser

from doorward.http.edge import last_resort, request_ids
from doorward.http.edge.coalescing import CoalescingTransport, Departures
from doorward.http.edge.framing import FramedParser, Parser

# One read buffer: enough for any API body, and all that is held of one that nobody wants.
_READ_BUFFER_BYTES: Final = 64 * 1024


class Door(Protocol):
    """What a connection asks of the server it belongs to."""

    clock: Callable[[], float]
    departures: Departures
    head_seconds: float
    idle_seconds: float

    def admit(self, connection: "EdgeConnection", address: str | None) -> bool:
        """Count a connection in, unless its address has too many."""

    def dismiss(self, connection: "EdgeConnection") -> None:
        """Count a connection out."""


class EdgeConnection(web.RequestHandler):
    """What reads one socket, parses it and writes the answers.

    Attributes:
        request: The one that is being handled. The server sets it, and the two that follow, itself:
            two calls per request less.
        unfed: Whether the next byte that arrives begins a head.
        deadline: When the connection is overdue, by the server's clock; not while it handles.
        upgrade_seen: Whether a request on this connection asked for another protocol.
        broken: Whether its framing was wrong, so that what is not complete never will be.
    """

    __slots__ = (
        "_door",
        "_transport",
        "_unsent",
        "broken",
        "deadline",
        "request",
        "unfed",
        "upgrade_seen",
    )

    def __init__(
        self,
        server: web.Server,
        door: Door,
        *,
        loop: asyncio.AbstractEventLoop,
        **options: Any,  # noqa: ANN401 - as aiohttp takes them
    ) -> None:
        super().__init__(server, loop=loop, read_bufsize=_READ_BUFFER_BYTES, **options)
        # auto_decompress is off: an encoded body is refused, so nothing may ever inflate it.
        parser = HttpRequestParser(
            self,
            loop,
            _READ_BUFFER_BYTES,
            max_line_size=self.max_line_size,
            max_field_size=self.max_field_size,
            max_headers=self.max_headers,
            payload_exception=web.RequestPayloadError,
            auto_decompress=False,
        )
        self._parser = cast("Any", FramedParser(cast("Parser", parser), self))
        self._door = door
        self._transport: asyncio.Transport | None = None  # kept until it is really gone
        self.deadline = door.clock() + door.head_seconds
        self.request: web.BaseRequest | None = None  # the one that is being handled
        self.unfed = False  # the next byte that arrives begins a head
        self._unsent = 0
        self.upgrade_seen = False
        self.broken = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start, or end at once where the address has too many connections already."""
        self._transport = CoalescingTransport(
            cast("asyncio.Transport", transport), self._door.departures
        )
        peer = transport.get_extra_info("peername")
        address = peer[0] if isinstance(peer, tuple | list) else None
        if self._door.admit(self, address):
            super().connection_made(self._transport)
        else:
            self._transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Leave the count, then let aiohttp end what is under way."""
        self._transport = None
        self._door.dismiss(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Start the head's deadline with its first byte."""
        if self.unfed and data:
            self.unfed = False
            self.deadline = self._door.clock() + self._door.head_seconds
        super().data_received(data)

    def waiting(self) -> int:
        """Count the messages that are parsed but not handled."""
        return len(self._messages)

    def newest_body(self) -> StreamReader | None:
        """Tell the body of the newest message, if there was one."""
        if self._messages:
            return self._messages[-1][1]
        return self.request.content if self.request is not None else None

    def note_upgrade(self) -> None:
        """Hear that a message asks for another protocol."""
        self.upgrade_seen = True

    def note_break(self) -> None:
        """Hear that nothing more will be parsed."""
        self.broken = True

    def is_overdue(self, now: float) -> bool:
        """Tell whether this connection has had its time.

        While an answer is on its way to a slow reader it has not, as long as a part of it goes out
        in each idle time.
        """
        transport = self._transport
        if now < self.deadline or transport is None:
            return False
        unsent = transport.get_write_buffer_size()
        if (self.request is not None and not unsent) or (unsent and unsent != self._unsent):
            self._unsent = unsent
            self.deadline = now + self._door.idle_seconds
            return False
        return True

    def abort(self) -> None:
        """End the connection now, without waiting for a peer that may never read."""
        if self._transport is not None:
            self._transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what could not be parsed, or what a handler failed at; close the connection.

        aiohttp would log the parser's error, which quotes the request with its cookies, and send
        its text back. Neither happens here.

        Raises:
            ConnectionError: When an answer has begun already, so that no second one can be sent.
        """
        del message
        if status >= 500:  # noqa: PLR2004
            self.logger.error("A request failed outside any surface", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        return last_resort.last_answer(status, request_ids.of(request))
