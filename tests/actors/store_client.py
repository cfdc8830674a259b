"""A client of the test's Redis that leaves nothing open, whoever made connections with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import redis.asyncio as aioredis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


class KeptPool(aioredis.ConnectionPool):
    """Remembers connections made past it (a journal keeps one to itself), to end them too."""

    def __init__(self, socket: Path) -> None:
        super().__init__(
            connection_class=aioredis.UnixDomainSocketConnection,
            path=str(socket),
            driver_info=None,
            retry=Retry(NoBackoff(), 0),
        )
        self.made: list[AbstractConnection] = []

    def make_connection(self) -> AbstractConnection:
        made = super().make_connection()
        self.made.append(made)
        return made


@asynccontextmanager
async def client_of(socket: Path) -> AsyncIterator["aioredis.Redis"]:
    pool = KeptPool(socket)
    async with aioredis.Redis.from_pool(pool) as opened:
        yield opened
    for made in pool.made:
        await made.disconnect()
