"""Clients of the tests' Redis that leave nothing open, whoever made connections with them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import redis.asyncio as aioredis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from doorward.actors.redis_clients import cluster_of, master_of
from doorward.actors.redis_cluster import RedisCluster
from doorward.actors.redis_sentinel import BehindSentinels
from doorward.config.redis_urls import read_place


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


@asynccontextmanager
async def master_client(url: str) -> AsyncIterator[BehindSentinels]:
    """Open a client of the master behind Sentinels."""
    opened = master_of(read_place(url))
    yield opened
    await opened.aclose()


@asynccontextmanager
async def cluster_client(url: str) -> AsyncIterator[RedisCluster]:
    """Open a client of a Redis Cluster."""
    opened = cluster_of(read_place(url))
    yield opened
    await opened.aclose()
