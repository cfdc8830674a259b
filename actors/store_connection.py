"""Connecting to the store: the embedded child, or the Redis an operator runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import redis.asyncio as aioredis
import structlog

from doorward.actors.data_folder import DataFolder
from doorward.actors.errors import StoreRefused, StoreUnreachable
from doorward.actors.finishing import finish_in_thread
from doorward.actors.redis_child import ChildReport, RedisChild
from doorward.actors.redis_clients import client_of, cluster_of, master_of
from doorward.actors.redis_cluster import RedisCluster
from doorward.actors.redis_home import last_writer
from doorward.actors.redis_program import find_program
from doorward.actors.redis_sentinel import BehindSentinels
from doorward.actors.redis_shards import Shards
from doorward.actors.store_checks import StoreFacts, check_cluster, check_store
from doorward.config.concerns import Store
from doorward.config.forms import Unfit
from doorward.config.redis_urls import RedisPlace, read_place

OPEN_SECONDS: Final = 5.0
_log = structlog.get_logger("doorward.store")


async def connect(
    settings: Store, folder: DataFolder, stack: AsyncExitStack
) -> "aioredis.Redis | Shards":
    """Open a connection to a store that may keep a door; ``stack`` closes what was opened.

    Returns:
        What a ``RedisJournal`` is made of.

    Raises:
        StoreMissing: No server program is found.
        StoreRefused: The store must not be used; says why.
        StoreUnreachable: It does not answer.
    """
    if settings.redis_url is None:
        return await _embedded(settings, folder, stack)
    url = settings.redis_url.reveal()
    place = _place(url)
    if place.kind == "cluster":
        return await _cluster(place, settings, stack)
    if place.kind == "sentinel":
        return await _master(place, settings, stack)
    client = client_of(url)
    stack.push_async_callback(client.aclose)
    async with _opening():
        facts = await check_store(client, allow_volatile=settings.allow_volatile, embedded=False)
    _warn(facts)
    return client


async def _embedded(settings: Store, folder: DataFolder, stack: AsyncExitStack) -> "aioredis.Redis":
    program = await finish_in_thread(lambda: find_program(writer=last_writer(folder)))
    child = RedisChild(program, folder, fsync=settings.appendfsync, on_state=_tell)
    await child.start()
    stack.push_async_callback(child.stop)
    # No timeouts of its own, as all clients here: whoever calls sets a deadline.
    client = child.client(timeout_seconds=None)
    stack.push_async_callback(client.aclose)
    async with _opening():
        facts = await check_store(client, allow_volatile=settings.allow_volatile, embedded=True)
    _warn(facts)
    return client


async def _cluster(place: RedisPlace, settings: Store, stack: AsyncExitStack) -> RedisCluster:
    cluster = cluster_of(place)
    stack.push_async_callback(cluster.aclose)
    async with _opening():
        found = await check_cluster(cluster, allow_volatile=settings.allow_volatile)
    _warn(*found.values())
    return cluster


async def _master(place: RedisPlace, settings: Store, stack: AsyncExitStack) -> BehindSentinels:
    store = master_of(place)
    stack.push_async_callback(store.aclose)
    async with _opening():
        facts = await check_store(
            store.client, allow_volatile=settings.allow_volatile, embedded=False, fails_over=True
        )
    _warn(facts)
    return store


def _place(url: str) -> RedisPlace:
    try:
        return read_place(url)
    except Unfit as unfit:
        raise StoreRefused(f"DOORWARD_REDIS_URL must {unfit.rule}") from None


@asynccontextmanager
async def _opening() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            yield
    except TimeoutError:
        raise StoreUnreachable("the store did not answer") from None


def _warn(*found: StoreFacts) -> None:
    for warning in (warning for facts in found for warning in facts.warnings):
        _log.warning("store", detail=warning)


def _tell(report: ChildReport) -> None:
    _log.info("redis", phase=report.phase.value, detail=report.detail)
