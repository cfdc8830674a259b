"""The courier's end of the connection to a host.

It is opened when it is needed, and again after it broke: a host that was started again listens
elsewhere. While it cannot be opened nothing is sent, so what was to be sent may go to another host;
once a call is sent and the connection breaks, nobody knows what became of it.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from doorward.actors.cluster import call_proof, wire
from doorward.actors.cluster.call_frames import (
    ANSWER,
    CALL,
    CHALLENGE,
    PROOF,
    REFUSAL,
    WELCOME,
    Framed,
)
from doorward.actors.errors import NotOwner, Unavailable
from doorward.actors.keyring import Keyring

CONNECT_SECONDS: Final = 1.0
"""To be told where a host is, to reach it, and to prove who we are."""
_NUMBERS: Final = 2**32
_refusals: Final = msgspec.msgpack.Decoder(wire.Refused)


class _TurnedAway(Exception):
    """A host closed a connection before either side was proven."""


class CallClient:
    """Calls one host."""

    def __init__(
        self,
        find: Callable[[], Awaitable[str]],
        keyring: Keyring,
        *,
        on_trouble: Callable[[str, BaseException | None], None],
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        """Call the host at the address that ``find`` tells, each time anew."""
        self._find = find
        self._keyring = keyring
        self._on_trouble = on_trouble
        self._connect_seconds = connect_seconds
        self._connection: _Outgoing | None = None
        self._connecting: asyncio.Task[_Outgoing] | None = None

    async def call(self, batch: bytes) -> bytes:
        """Make a call.

        Raises:
            NotOwner: The host cannot be reached, or is not open; nothing was done.
            VocabularyDiffers: It is of another release; nothing was done.
            Unavailable: The connection broke; nobody knows what was done.
        """
        connection = self._connection
        if connection is None or connection.is_closing():
            connection = await self._connected()
        return await connection.ask(batch)

    def close(self) -> None:
        """Close the connection; what is under way is lost."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection is not None:
            self._connection.close()

    async def _connected(self) -> "_Outgoing":
        """Open a connection, once for all who wait for it."""
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(self._tried)
        return await asyncio.shield(self._connecting)

    def _tried(self, connecting: "asyncio.Task[_Outgoing]") -> None:
        self._connecting = None
        if not connecting.cancelled():
            connecting.exception()  # seen: whoever waited may have left

    async def _connect(self) -> "_Outgoing":
        loop = asyncio.get_running_loop()
        connection = _Outgoing(self._keyring)
        try:
            async with asyncio.timeout(self._connect_seconds):
                host, _, port = (await self._find()).rpartition(":")
                await loop.create_connection(lambda: connection, host, int(port))
                await connection.welcomed
        except NotOwner:
            raise
        except Exception as error:
            if isinstance(error, _TurnedAway):
                self._on_trouble("a host turned us away: are its master keys others?", None)
            raise NotOwner(f"a host cannot be reached: {type(error).__name__}") from error
        finally:
            # Also where whoever wanted it has left meanwhile.
            if not connection.proven:
                connection.cut()
        self._connection = connection
        return connection


class _Outgoing(Framed):
    """A connection to a host."""

    def __init__(self, keyring: Keyring) -> None:
        super().__init__()
        self.welcomed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._keyring = keyring
        self._challenge = b""
        self._nonce = secrets.token_bytes(call_proof.NONCE_BYTES)
        self._asked: dict[int, asyncio.Future[bytes]] = {}
        self._last = 0

    async def ask(self, batch: bytes) -> bytes:
        """Send a batch, and wait for the answers; see ``CallClient.call``."""
        if self.is_closing():
            raise NotOwner("the host is not there now")
        self._last = number = (self._last + 1) % _NUMBERS
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asked[number] = answered
        self.send(number, CALL, batch)
        try:
            return await answered
        finally:
            self._asked.pop(number, None)

    def ended(self) -> None:
        """Say so to who waits."""
        if not self.welcomed.done():
            self.welcomed.set_exception(_TurnedAway())
            self.welcomed.exception()  # seen: whoever waited may have left
        for answered in self._asked.values():
            if not answered.done():
                answered.set_exception(Unavailable("the connection to a host broke"))

    def frame_received(self, number: int, kind: int, rest: bytes) -> None:
        if not self.proven:
            self._prove(kind, rest)
        elif kind in {ANSWER, REFUSAL}:
            self._hand_over(number, kind, rest)
        else:
            self.cut()

    def _prove(self, kind: int, rest: bytes) -> None:
        if kind == CHALLENGE and not self._challenge and len(rest) == call_proof.NONCE_BYTES:
            self._challenge = rest
            self.send(0, PROOF, call_proof.proof(self._keyring, rest, self._nonce))
        elif (
            kind == WELCOME
            and self._challenge
            and call_proof.is_welcome(self._keyring, self._challenge, self._nonce, rest)
        ):
            self.proven = True
            if not self.welcomed.done():
                self.welcomed.set_result(None)
        else:
            self.cut()

    def _hand_over(self, number: int, kind: int, rest: bytes) -> None:
        answered = self._asked.get(number)
        if answered is None or answered.done():
            return  # whoever asked waits no longer
        if kind == ANSWER:
            answered.set_result(rest)
            return
        try:
            error: Exception = wire.read_refusal(_refusals.decode(rest))
        except msgspec.MsgspecError:
            error = Unavailable("a host's refusal cannot be read")
        answered.set_exception(error)
