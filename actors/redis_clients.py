"""Clients of an operator's Redis servers, as its URL says where they are.

All have their retries off, and no timeouts of their own: whoever calls sets a deadline (redis-py's,
under Python 3.11, can swallow a cancellation).
"""

from typing import Any

import redis.asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from doorward.actors.errors import StoreRefused
from doorward.actors.redis_cluster import RedisCluster
from doorward.actors.redis_sentinel import (
    BehindSentinels,
    MasterConnection,
    MasterTlsConnection,
    Sentinels,
)
from doorward.config.redis_urls import Address, Login, RedisPlace


def client_of(url: str) -> "aioredis.Redis":
    """Make a client of the one server that a URL names.

    Raises:
        StoreRefused: The URL cannot be used.
    """
    try:
        return aioredis.Redis.from_url(
            url, retry=Retry(NoBackoff(), 0), socket_timeout=None, driver_info=None
        )
    except ValueError as error:
        raise StoreRefused("DOORWARD_REDIS_URL cannot be used") from error


def master_of(place: RedisPlace) -> BehindSentinels:
    """Make a client of whichever server the Sentinels that a URL names say is the master."""
    login = place.sentinel_login.reveal()
    clients = [_client(address, place, login) for address in place.servers]
    sentinels = Sentinels(clients, place.service)
    options: dict[str, Any] = {"sentinels": sentinels, "db": place.database, **place.tls}
    pool = aioredis.ConnectionPool(
        MasterTlsConnection if place.is_encrypted else MasterConnection,
        **options,
        **_common(place.login.reveal()),
    )
    return BehindSentinels(aioredis.Redis.from_pool(pool), sentinels)


def cluster_of(place: RedisPlace) -> RedisCluster:
    """Make the cluster some of whose nodes a URL names."""
    login = place.login.reveal()
    return RedisCluster(place.servers, lambda address: _client(address, place, login))


def _client(address: Address, place: RedisPlace, login: Login) -> "aioredis.Redis":
    host, port = address
    tls: dict[str, Any] = {"ssl": place.is_encrypted, **place.tls}
    return aioredis.Redis(host=host, port=port, **tls, **_common(login))


def _common(login: Login) -> dict[str, Any]:
    return {
        "username": login.username,
        "password": login.password,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": None,
        # Else redis-py looks its own version up on disk, in the event loop.
        "driver_info": None,
        # Who is asked is for us to know: a server must not send us elsewhere behind our back.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
