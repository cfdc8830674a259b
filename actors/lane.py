"""A connection that flushes keep to themselves: questions in order, answers in order.

Several may ask at once; what is asked first is sent first and answered first. After any trouble the
lane is broken for good, for everyone on it: no late reply can ever meet another question, and no
later commit can pass one whose fate is unknown.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError


class Lane:
    """One connection to Redis, pipelined.

    Attributes:
        is_broken: Whether it must not be used any more.
    """

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._sending = asyncio.Lock()
        self._latest: asyncio.Future[None] | None = None
        self.is_broken = False

    async def ask(self, packed: Sequence[bytes]) -> list[Any]:
        """Send packed commands and return their replies.

        Raises:
            RedisError: When the connection fails or a command is refused.
            OSError: When the connection fails.
        """
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            async with self._sending:
                self._demand_sound()
                before, self._latest = self._latest, answered
                await self._connection.send_packed_command(packed)
            if before is not None:
                await asyncio.shield(before)
            self._demand_sound()
            return [await self._connection.read_response() for _ in packed]
        except BaseException:
            await self.close()
            raise
        finally:
            answered.set_result(None)

    def _demand_sound(self) -> None:
        if self.is_broken:
            raise RedisConnectionError("an earlier call broke this connection")

    async def close(self) -> None:
        """End it, also for whoever still waits on it."""
        self.is_broken = True
        await self._connection.disconnect(nowait=True)
