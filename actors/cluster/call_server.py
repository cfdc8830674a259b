"""The host's end of the connections that couriers call over.

Whoever connects has to prove within a moment that it is of the cluster (``call_proof``). A call is
answered when it is decided, whatever else is under way on its connection.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Final, Literal

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
from doorward.actors.errors import ClusterRefused, Unavailable
from doorward.actors.keyring import Keyring

PORTS: Final = 64
"""How many are tried, from the first that is asked for: as many hosts as one machine may have."""
PROOF_SECONDS: Final = 5.0
STRANGERS: Final = 256
"""Connections that have proved nothing yet; one more is cut at once."""
CALLS: Final = 64
"""That may be under way on one connection; couriers have a few."""
CLOSE_SECONDS: Final = 1.0
_LAST_PORT: Final = 65_535
Serve = Callable[[bytes], Awaitable[bytes]]
_encoder: Final = msgspec.msgpack.Encoder()


class CallServer:
    """Listens for couriers."""

    def __init__(
        self,
        serve: Serve,
        keyring: Keyring,
        *,
        on_trouble: Callable[[str, BaseException | None], None],
        proof_seconds: float = PROOF_SECONDS,
    ) -> None:
        """Answer calls with ``serve``, of those who hold the keys of ``keyring``."""
        self._serve = serve
        self.keyring = keyring
        self.on_trouble = on_trouble
        self.proof_seconds = proof_seconds
        self._server: asyncio.Server | None = None
        self._connections: set[_Incoming] = set()
        self._calls: set[asyncio.Task[None]] = set()
        self.address = ""

    async def listen(self, host: str, first_port: int = 0) -> None:
        """Listen at an address of this machine.

        Args:
            host: An IP address.
            first_port: The first of ``PORTS`` that are tried; 0 takes any free one.

        Raises:
            ClusterRefused: When none is free, or the address is not ours.
        """
        loop = asyncio.get_running_loop()
        tried: OSError | None = None
        last_port = min(first_port + PORTS - 1, _LAST_PORT) if first_port else 0
        for port in range(first_port, last_port + 1):
            try:
                self._server = await loop.create_server(lambda: _Incoming(self), host, port)
            except OSError as error:
                tried = error
            else:
                self.address = f"{host}:{self._server.sockets[0].getsockname()[1]}"
                return
        raise ClusterRefused(f"no port can be listened on at {host}: {tried}") from tried

    async def close(self) -> None:
        """Let nobody in any more, answer what is under way, and close."""
        if self._server is not None:
            self._server.close()
        if self._calls:
            await asyncio.wait(self._calls, timeout=CLOSE_SECONDS)
        for connection in list(self._connections):
            connection.close()

    def admit(self, connection: "_Incoming") -> bool:
        """Count a connection in, unless too many are there that have proved nothing."""
        strangers = sum(not each.proven for each in self._connections)
        if strangers >= STRANGERS:
            return False
        self._connections.add(connection)
        return True

    def dismiss(self, connection: "_Incoming") -> None:
        """Count a connection out."""
        self._connections.discard(connection)

    def begin(self, connection: "_Incoming", number: int, batch: bytes) -> None:
        """Answer a call, in a task of its own."""
        task = asyncio.get_running_loop().create_task(self._answer(connection, number, batch))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _answer(self, connection: "_Incoming", number: int, batch: bytes) -> None:
        try:
            answers = await self._serve(batch)
        except Unavailable as error:
            connection.answer(number, REFUSAL, _encoder.encode(wire.refusal(error)))
        except Exception as error:  # noqa: BLE001 - a fault of ours; its text may quote what was sent
            self.on_trouble("a call", error)
            told = wire.refusal(Unavailable(f"a host failed: {type(error).__name__}"))
            connection.answer(number, REFUSAL, _encoder.encode(told))
        else:
            connection.answer(number, ANSWER, answers)


class _Incoming(Framed):
    """A courier's connection."""

    def __init__(self, server: CallServer) -> None:
        super().__init__()
        self._of = server
        self._challenge = secrets.token_bytes(call_proof.NONCE_BYTES)
        self._calls = 0
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._of.admit(self):
            self.cut()
            return
        self._patience = asyncio.get_running_loop().call_later(self._of.proof_seconds, self.cut)
        self.send(0, CHALLENGE, self._challenge)

    def ended(self) -> None:
        self._of.dismiss(self)
        if self._patience is not None:
            self._patience.cancel()

    def frame_received(self, number: int, kind: int, rest: bytes) -> None:
        if self.proven and kind == CALL and self._calls < CALLS:
            self._calls += 1
            self._of.begin(self, number, rest)
        elif not self.proven and kind == PROOF:
            self._check(rest)
        else:
            self.cut()

    def _check(self, given: bytes) -> None:
        told = call_proof.welcome(self._of.keyring, self._challenge, given)
        if told is None:
            self._of.on_trouble("a process with other master keys was turned away", None)
            self.cut()
            return
        self.proven = True
        if self._patience is not None:
            self._patience.cancel()
        self.send(0, WELCOME, told)

    def answer(self, number: int, kind: Literal[4, 5], rest: bytes) -> None:
        """Answer a call."""
        self._calls -= 1
        self.send(number, kind, rest)
