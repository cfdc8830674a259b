"""The journal on Redis: one script call per flush, keys of a partition in one slot.

Client-library retries are off: a commit that was sent again behind our back could be applied twice
or land after its partition was taken. Every trouble with the store, whatever its kind, is one thing
here, ``StoreUnreachable``; the cause is chained for the log.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha1
from importlib.resources import files
from typing import Any, Final

import hiredis
import redis.asyncio as aioredis
from redis.exceptions import RedisError

from doorward.actors.errors import StoreRefused, StoreUnreachable
from doorward.actors.journal import Bid, Claim, Commit, Ending, Store, Taken
from doorward.actors.lane import Lane
from doorward.actors.partitions import (
    PARTITIONS,
    STORE_KEY,
    outbox_key,
    partition_key,
    record_prefix,
    roster_key,
)

FORMAT: Final = "1"
WRITES_PER_CALL: Final = 256
"""Keeps one script call well under a millisecond, so that Redis stays answerable."""


_SOURCES: Final = {
    name: files("doorward.actors.lua").joinpath(f"{name}.lua").read_text("utf-8")
    for name in ("commit", "take", "confirm", "release")
}
_SHA: Final = {name: sha1(source.encode()).hexdigest() for name, source in _SOURCES.items()}  # noqa: S324 - how Redis names scripts


class RedisJournal:
    """A ``Journal`` on one Redis."""

    def __init__(self, client: "aioredis.Redis", *, timeout_seconds: float = 0.7) -> None:
        """Use ``client`` (retries off); no call takes longer than ``timeout_seconds``."""
        self._client = client
        self._timeout_seconds = timeout_seconds
        self._scripts_loaded = False
        self._lane: Lane | None = None

    async def open(self) -> Store:
        """See ``Journal.open``."""
        async with self._reaching():
            pipe = self._client.pipeline(transaction=False)
            pipe.hsetnx(STORE_KEY, "id", secrets.token_hex(8))
            pipe.hsetnx(STORE_KEY, "partitions", PARTITIONS)
            pipe.hsetnx(STORE_KEY, "format", FORMAT)
            pipe.hmget(STORE_KEY, "id", "partitions", "format")
            pipe.time()
            *_, (store_id, partitions, layout), (seconds, micros) = await pipe.execute()
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
        calls = list(_calls(_SHA["commit"], commits))
        if reads:
            calls.append(("MGET", *reads))
        replies = await self._sent(calls)
        found = replies.pop() if reads else []
        return [_ENDINGS[ending] for reply in replies for ending in reply], found

    async def claims(self, partitions: Sequence[int]) -> list[Claim]:
        """See ``Journal.claims``."""
        async with self._reaching():
            if not self._scripts_loaded:
                await self._begin_afresh()
            pipe = self._client.pipeline(transaction=False)
            for partition in partitions:
                pipe.hmget(partition_key(partition), "epoch", "owner", "seq", "settled")
            rows = await pipe.execute()
            owners = sorted({(row[1] or b"").decode() for row in rows} - {""})
            marks = await self._client.mget([_host_key(o) for o in owners]) if owners else []
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
        async with self._reaching():
            pipe = self._client.pipeline(transaction=False)
            for bid in bids:
                pipe.execute_command(
                    "EVALSHA",
                    _SHA["take"],
                    1,
                    partition_key(bid.partition),
                    owner,
                    bid.seen_epoch,
                    bid.seen_owner,
                    bid.floor_epoch,
                    bid.floor_seq,
                    at_ms,
                    int(bid.waits),
                )
            replies = await pipe.execute()
        return [
            Taken(epoch, seq, at, burned, bool(back)) if taken else None
            for taken, epoch, seq, at, burned, back in replies
        ]

    async def confirm(
        self, owner: str, held: Sequence[tuple[int, int]], lease_ms: int
    ) -> list[Ending]:
        """See ``Journal.confirm``."""
        async with self._reaching():
            pipe = self._client.pipeline(transaction=False)
            pipe.set(_host_key(owner), "1", px=lease_ms)
            self._owner_call(pipe, "confirm", owner, held)
            _, verdicts = await pipe.execute()
        return [_VERDICTS[verdict] for verdict in verdicts]

    async def release(self, owner: str, held: Sequence[tuple[int, int]]) -> None:
        """See ``Journal.release``."""
        async with self._reaching():
            pipe = self._client.pipeline(transaction=False)
            self._owner_call(pipe, "release", owner, held)
            pipe.delete(_host_key(owner))
            await pipe.execute()

    async def outbox(self, partition: int, after: str, count: int) -> list[tuple[str, bytes]]:
        """See ``Journal.outbox``."""
        async with self._reaching():
            rows: Any = await self._client.xrange(
                outbox_key(partition), min=f"({after}" if after else "-", count=count
            )
        return [(mail_id.decode(), fields[b"m"]) for mail_id, fields in rows]

    async def roster(self, after: str, limit: int) -> list[str]:
        """See ``Journal.roster``."""
        async with self._reaching():
            pipe = self._client.pipeline(transaction=False)
            for partition in range(PARTITIONS):
                low = f"({after}" if after else "-"
                pipe.zrangebylex(roster_key(partition), low, "+", start=0, num=limit)
            rows = await pipe.execute()
        return sorted(slug.decode() for row in rows for slug in row)[:limit]

    async def names(self, slug: str, limit: int) -> tuple[list[str], bool]:
        """See ``Journal.names``. Looks through all keys: for the rare erasure only."""
        prefix = record_prefix(slug)
        pattern = prefix.replace("[", "\\[") + "*"
        found: list[str] = []
        cursor = 0
        while len(found) < limit:
            async with self._reaching():
                reply: Any = await self._client.scan(cursor, match=pattern, count=1000)
            cursor, keys = reply
            found.extend(key.decode()[len(prefix) :] for key in keys)
            if cursor == 0:
                return found, True
        return found, False

    def _owner_call(
        self,
        pipe: Any,  # noqa: ANN401 - redis-py has no type for a pipeline's commands
        script: str,
        owner: str,
        held: Sequence[tuple[int, int]],
    ) -> None:
        keys = [partition_key(partition) for partition, _ in held]
        epochs = [epoch for _, epoch in held]
        pipe.execute_command("EVALSHA", _SHA[script], len(keys), *keys, owner, *epochs)

    async def _begin_afresh(self) -> None:
        """Load the scripts and leave the old lane: at first, and after any trouble with the store.

        A store that was restarted has lost its scripts, and a lane to it is dead though nobody may
        have asked on it since; its first flush would look like a second outage.
        """
        if self._lane is not None:
            await self._lane.close()
            self._lane = None
        for source in _SOURCES.values():
            await self._client.script_load(source)
        self._scripts_loaded = True

    async def _sent(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Send calls and collect their replies, on a connection that flushes keep to themselves.

        Packing by hiredis and reading without the client's pipeline takes a third of the time.
        """
        packed = [hiredis.pack_command(call) for call in calls]
        async with self._reaching():
            if self._lane is None or self._lane.is_broken:
                self._lane = Lane(self._client.connection_pool.make_connection())  # type: ignore[no-untyped-call]
            return await self._lane.ask(packed)

    @asynccontextmanager
    async def _reaching(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                yield
        except (RedisError, OSError, TimeoutError) as error:
            self._scripts_loaded = False
            # What idles in the pool is as dead as what failed; met one by one later, each would
            # look like another outage.
            await self._client.connection_pool.disconnect(inuse_connections=False)
            raise StoreUnreachable(type(error).__name__) from error


_VERDICTS: Final = {0: Ending.FENCED, 1: Ending.COMMITTED, 2: Ending.WENT_BACK}


_ENDINGS: Final = (Ending.COMMITTED, Ending.FENCED, Ending.WENT_BACK)


def _calls(script: str, commits: Sequence[Commit]) -> Iterator[tuple[Any, ...]]:
    """Fill script calls with whole partitions, up to ``WRITES_PER_CALL`` writes each."""
    keys: list[str] = []
    args: list[Any] = []
    partitions = writes = 0
    for commit in commits:
        if writes and writes + len(commit.operations) > WRITES_PER_CALL:
            yield ("EVALSHA", script, len(keys), *keys, partitions, *args)
            keys, args = [], []
            partitions = writes = 0
        partitions += 1
        keys.append(partition_key(commit.partition))
        args += (commit.epoch, commit.owner, commit.seq, commit.at_ms, len(commit.operations))
        for what, key, value, extra in commit.operations:
            keys.append(key)
            args += (what, value, extra)
        writes += len(commit.operations)
    if partitions:
        yield ("EVALSHA", script, len(keys), *keys, partitions, *args)


def _host_key(owner: str) -> str:
    return f"dw:host:{owner}"
