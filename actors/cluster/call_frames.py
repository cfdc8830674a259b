"""Frames: what goes over a connection between an HTTP process and a host, whole pieces at a time.

A frame is a head (number of the call, kind, length of the rest; network byte order) and the rest.
Answers come in any order; the number says which call each is the answer to.
"""

import asyncio
from abc import ABC, abstractmethod
from struct import Struct
from typing import Final, Literal, cast

_HEAD: Final = Struct("!IBI")
LONGEST: Final = 16 * 1024 * 1024
"""Bytes; a batch has some 100 KB unless one message alone is longer."""
LONGEST_BEFORE_PROOF: Final = 256

Kind = Literal[0, 1, 2, 3, 4, 5]
CHALLENGE: Final = 0
PROOF: Final = 1
WELCOME: Final = 2
CALL: Final = 3
ANSWER: Final = 4
REFUSAL: Final = 5


def frame(number: int, kind: Kind, rest: bytes) -> bytes:
    """Write a frame."""
    return _HEAD.pack(number, kind, len(rest)) + rest


class Framed(asyncio.Protocol, ABC):
    """A connection that carries frames; one that carries anything else is cut.

    Attributes:
        proven: Whether the other side has shown that it is of our cluster; until then it may send
            next to nothing.
    """

    def __init__(self) -> None:
        self.proven = False
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        del exc
        self.ended()

    @abstractmethod
    def ended(self) -> None:
        """Act on the connection's end, whoever ended it."""

    def data_received(self, data: bytes) -> None:
        """Take in what came, and act on the frames that are complete."""
        self._received += data
        at = 0
        while len(self._received) - at >= _HEAD.size and not self.is_closing():
            number, kind, length = _HEAD.unpack_from(self._received, at)
            if length > (LONGEST if self.proven else LONGEST_BEFORE_PROOF):
                self.cut()
                return
            end = at + _HEAD.size + length
            if len(self._received) < end:
                break
            rest = bytes(self._received[at + _HEAD.size : end])
            at = end
            self.frame_received(number, kind, rest)
        del self._received[:at]

    @abstractmethod
    def frame_received(self, number: int, kind: int, rest: bytes) -> None:
        """Act on a frame."""

    def send(self, number: int, kind: Kind, rest: bytes) -> None:
        """Send a frame, unless the connection has gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame(number, kind, rest))

    def is_closing(self) -> bool:
        """Tell whether nothing can be sent any more."""
        return self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        """Send what is still to be sent, then close."""
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """Close at once: the other side is not what it should be."""
        if self._transport is not None:
            self._transport.abort()
