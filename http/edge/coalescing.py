"""Answers that are ready in the same pass of the loop, sent in a row.

Every send on a local connection wakes whoever reads it. With the work for the next answer in
between, a reverse proxy on the same machine woke, and fell asleep again, once per answer: a seventh
of the time of a short request. Sent in a row, it wakes once for many.

An answer waits for what the loop was about to do anyway, never for company.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

BYTES_MAX: Final = 64 * 1024
"""What a connection holds back; with more it sends at once, so that a slow reader is felt."""

Data = bytes | bytearray | memoryview


class Departures:
    """The connections of one loop that have something to send."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[CoalescingTransport] = []

    def add(self, transport: "CoalescingTransport") -> None:
        """Send what ``transport`` holds, once the loop is through with what it is at."""
        if not self._waiting:
            self._loop.call_soon(self._depart)
        self._waiting.append(transport)

    def _depart(self) -> None:
        waiting, self._waiting = self._waiting, []
        for transport in waiting:
            transport.flush()


class CoalescingTransport(asyncio.Transport):
    """A connection's transport, whose writes leave together with those of other connections."""

    __slots__ = ("_departures", "_held", "_transport")

    def __init__(self, transport: asyncio.Transport, departures: Departures) -> None:
        super().__init__()
        self._transport = transport
        self._departures = departures
        self._held: Data = b""

    def write(self, data: Data) -> None:
        """Hold data back until the pass of the loop ends."""
        if self._held:
            self._held = b"".join((self._held, data))
        else:
            self._held = data
            self._departures.add(self)
        if len(self._held) > BYTES_MAX:
            self.flush()

    def writelines(self, list_of_data: Iterable[Data]) -> None:
        """Hold all of it back."""
        self.write(b"".join(list_of_data))

    def flush(self) -> None:
        """Send what is held back, unless the connection has gone meanwhile."""
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._transport.write(held)

    def write_eof(self) -> None:
        """Send what is held back, then say that nothing follows."""
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Send what is held back, then close."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what is held back is lost."""
        self._held = b""
        self._transport.abort()

    def get_write_buffer_size(self) -> int:
        """Count the bytes that have not been sent, held back or not."""
        return len(self._held) + self._transport.get_write_buffer_size()

    def is_closing(self) -> bool:
        """Tell whether it is closing or closed."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's
        """Tell what the transport knows."""
        return self._transport.get_extra_info(name, default)

    def can_write_eof(self) -> bool:
        """Tell whether one direction can be ended alone."""
        return self._transport.can_write_eof()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set where writing is paused and goes on."""
        self._transport.set_write_buffer_limits(high, low)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Tell where writing is paused and goes on."""
        return self._transport.get_write_buffer_limits()

    def is_reading(self) -> bool:
        """Tell whether it reads."""
        return self._transport.is_reading()

    def pause_reading(self) -> None:
        """Stop reading."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        self._transport.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection to another protocol."""
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Tell whose connection it is."""
        return self._transport.get_protocol()
