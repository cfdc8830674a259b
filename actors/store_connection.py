"""Connecting to the store: the embedded child, or the Redis an operator runs."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

import redis.asyncio as aioredis
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from doorward.actors.data_folder import DataFolder
from doorward.actors.errors import StoreRefused, StoreUnreachable
from doorward.actors.finishing import finish_in_thread
from doorward.actors.redis_child import ChildReport, RedisChild
from doorward.actors.redis_home import last_writer
from doorward.actors.redis_program import find_program
from doorward.actors.store_checks import check_store
from doorward.config.concerns import Store

OPEN_SECONDS: Final = 5.0
_log = structlog.get_logger("doorward.store")


async def connect(settings: Store, folder: DataFolder, stack: AsyncExitStack) -> aioredis.Redis:
    """Open a connection to a store that may keep a door; ``stack`` closes what was opened.

    Raises:
        StoreMissing: No server program is found.
        StoreRefused: The store must not be used; says why.
        StoreUnreachable: It does not answer.
    """
    if settings.redis_url is None:
        program = await finish_in_thread(lambda: find_program(writer=last_writer(folder)))
        child = RedisChild(program, folder, fsync=settings.appendfsync, on_state=_tell)
        await child.start()
        stack.push_async_callback(child.stop)
        client = child.client(timeout_seconds=None)
    else:
        try:
            client = aioredis.Redis.from_url(
                settings.redis_url.reveal(), retry=Retry(NoBackoff(), 0), socket_timeout=None
            )
        except ValueError as error:
            raise StoreRefused("DOORWARD_REDIS_URL cannot be used") from error
    stack.push_async_callback(client.aclose)
    # The client has no timeouts of its own: whoever calls sets a deadline (redis-py's, under Python
    # 3.11, can swallow a cancellation).
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            facts = await check_store(
                client, allow_volatile=settings.allow_volatile, embedded=settings.redis_url is None
            )
    except TimeoutError:
        raise StoreUnreachable("the store did not answer") from None
    for warning in facts.warnings:
        _log.warning("store", detail=warning)
    return client


def _tell(report: ChildReport) -> None:
    _log.info("redis", phase=report.phase.value, detail=report.detail)
