"""The journal on Redis: one server, the master behind Sentinels, or a Redis Cluster.

All keys of a partition are in one slot, and a partition is committed by one script call, whole or
not at all. Where the keys lie, and in how many calls a flush travels, ``redis_shards`` knows.

Client-library retries are off: a commit that was sent again behind our back could be applied twice
or land after its partition was taken. Every trouble with the store, whatever its kind, is one thing
here, ``StoreUnreachable``; the cause is chained for the log.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Final

import redis.asyncio as aioredis
from redis.exceptions import RedisError

from doorward.actors.errors import StoreRefused, StoreUnreachable
from doorward.actors.journal import Bid, Claim, Commit, Ending, Store, Taken
from doorward.actors.partitions import (
    PARTITIONS,
    STORE_KEY,
    outbox_key,
    partition_key,
    partition_of,
    record_prefix,
    roster_key,
)
from doorward.actors.redis_scripts import SHA, Words, held_call
from doorward.actors.redis_shards import Call, OneServer, Shards

FORMAT: Final = "1"
_CLAIM: Final = ("epoch", "owner", "seq", "settled")


class RedisJournal:
    """A ``Journal`` on Redis."""

    def __init__(self, store: "aioredis.Redis | Shards", *, timeout_seconds: float = 0.7) -> None:
        """Use ``store``, whose retries are off; no call takes longer than ``timeout_seconds``."""
        self._shards: Shards = OneServer(store) if isinstance(store, aioredis.Redis) else store
        self._timeout_seconds = timeout_seconds
        self._is_sound = False

    async def open(self) -> Store:
        """See ``Journal.open``."""
        given = (("id", secrets.token_hex(8)), ("partitions", PARTITIONS), ("format", FORMAT))
        calls: list[Words] = [("HSETNX", STORE_KEY, *pair) for pair in given]
        calls += [("HMGET", STORE_KEY, "id", "partitions", "format"), ("TIME",)]
        async with self._reaching():
            replies = await self._shards.ask([(STORE_KEY, words) for words in calls])
        *_, (store_id, partitions, layout), (seconds, micros) = replies
        if int(partitions) != PARTITIONS or layout.decode() != FORMAT:
            raise StoreRefused(
                f"the store has {int(partitions)} partitions in format {layout.decode()}; "
                f"this Doorward works with {PARTITIONS} in format {FORMAT}"
            )
        return Store(store_id.decode(), seconds * 1000 + micros // 1000)

    async def flush(
        self, commits: Sequence[Commit], reads: Sequence[str]
    ) -> tuple[list[Ending], list[bytes | None]]:
        """See ``Journal.flush``."""
        # Not through _reaching: this is done thousands of times a second.
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._shards.flush(commits, reads)
        except (RedisError, OSError, TimeoutError) as error:
            raise await self._lost(error) from error

    async def claims(self, partitions: Sequence[int]) -> list[Claim]:
        """See ``Journal.claims``."""
        keys = [partition_key(partition) for partition in partitions]
        async with self._reaching():
            if not self._is_sound:
                await self._shards.begin_afresh()
                self._is_sound = True
            rows = await self._shards.ask([(key, ("HMGET", key, *_CLAIM)) for key in keys])
            owners = sorted({(row[1] or b"").decode() for row in rows} - {""})
            hosts = [_host_key(owner) for owner in owners]
            marks = await self._shards.ask([(key, ("GET", key)) for key in hosts])
        alive = {owner for owner, mark in zip(owners, marks, strict=True) if mark is not None}
        return [
            Claim(
                int(epoch or 0),
                (owner or b"").decode(),
                int(seq or 0),
                (owner or b"").decode() in alive,
                settled != b"0",
            )
            for epoch, owner, seq, settled in rows
        ]

    async def take(self, owner: str, bids: Sequence[Bid], at_ms: int) -> list[Taken | None]:
        """See ``Journal.take``."""
        calls = [_take_call(owner, bid, at_ms) for bid in bids]
        async with self._reaching():
            replies = await self._shards.ask(calls)
        return [
            Taken(epoch, seq, at, burned, bool(back)) if taken else None
            for taken, epoch, seq, at, burned, back in replies
        ]

    async def confirm(
        self,
        owner: str,
        held: Sequence[tuple[int, int]],
        lease_ms: int,
        *,
        settled: Collection[int] = (),
    ) -> list[Ending]:
        """See ``Journal.confirm``."""
        host = _host_key(owner)
        calls: list[Call] = [(host, ("SET", host, "1", "PX", lease_ms))]
        async with self._reaching():
            self._shards.demand_current()
            held_calls = self._held_calls("confirm", owner, held, settled)
            _, *verdicts = await self._shards.ask(calls + held_calls)
        return [_VERDICTS[verdict] for some in verdicts for verdict in some]

    async def release(
        self,
        owner: str,
        held: Sequence[tuple[int, int]],
        *,
        settled: Collection[int] = (),
        leaves: bool = True,
    ) -> None:
        """See ``Journal.release``."""
        host = _host_key(owner)
        calls = self._held_calls("release", owner, held, settled)
        if leaves:
            calls.append((host, ("DEL", host)))
        async with self._reaching():
            await self._shards.ask(calls)

    async def outbox(self, partition: int, after: str, count: int) -> list[tuple[str, bytes]]:
        """See ``Journal.outbox``."""
        key, first = outbox_key(partition), f"({after}" if after else "-"
        async with self._reaching():
            calls = [(key, ("XRANGE", key, first, "+", "COUNT", count))]
            (rows,) = await self._shards.ask(calls)
        return [(mail_id.decode(), fields[b"m"]) for mail_id, fields in rows]

    async def roster(self, after: str, limit: int) -> list[str]:
        """See ``Journal.roster``."""
        keys = [roster_key(partition) for partition in range(PARTITIONS)]
        span = (f"({after}" if after else "-", "+", "LIMIT", 0, limit)
        async with self._reaching():
            rows = await self._shards.ask([(key, ("ZRANGEBYLEX", key, *span)) for key in keys])
        return sorted(slug.decode() for row in rows for slug in row)[:limit]

    async def names(self, slug: str, limit: int) -> tuple[list[str], bool]:
        """See ``Journal.names``. Looks through all keys: for the rare erasure only."""
        prefix = record_prefix(slug)
        pattern = prefix.replace("[", "\\[") + "*"
        found: list[str] = []
        cursor = 0
        async with self._reaching():
            keeper = await self._shards.keeper(partition_key(partition_of(slug)))
        while len(found) < limit:
            async with self._reaching():
                cursor, keys = await keeper.scan(cursor, pattern)
            found.extend(key.decode()[len(prefix) :] for key in keys)
            if cursor == 0:
                return found, True
        return found, False

    def _held_calls(
        self,
        script: str,
        owner: str,
        held: Sequence[tuple[int, int]],
        settled: Collection[int],
    ) -> list[Call]:
        return [
            (partition_key(some[0][0]), held_call(script, owner, some, settled))
            for some in self._shards.in_one_call(held)
        ]

    @asynccontextmanager
    async def _reaching(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                yield
        except (RedisError, OSError, TimeoutError) as error:
            raise await self._lost(error) from error

    async def _lost(self, error: Exception) -> StoreUnreachable:
        self._is_sound = False
        await self._shards.suspect()
        return StoreUnreachable(type(error).__name__)


_VERDICTS: Final = {0: Ending.FENCED, 1: Ending.COMMITTED, 2: Ending.WENT_BACK}


def _take_call(owner: str, bid: Bid, at_ms: int) -> Call:
    key = partition_key(bid.partition)
    seen = (bid.seen_epoch, bid.seen_owner, bid.floor_epoch, bid.floor_seq)
    return key, ("EVALSHA", SHA["take"], 1, key, owner, *seen, at_ms, int(bid.waits))


def _host_key(owner: str) -> str:
    return f"dw:host:{owner}"
