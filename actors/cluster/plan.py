"""The steward's plan: what it decided, kept in the store so that another steward goes on with it.

Nobody's answers depend on it. Two stewards at once (one is cut off, and Ray started another) would
send hosts to and fro, so a change is kept only by who has seen the newest plan: the version is
compared and set in one step. A steward that loses there reads the newer plan.
"""

import asyncio
from typing import Any, Final, Protocol

import msgspec
import redis.asyncio as aioredis
from redis.exceptions import RedisError

from doorward.actors.errors import StoreRefused, StoreUnreachable
from doorward.actors.partitions import PARTITIONS, roster_key
from doorward.actors.redis_scripts import Words
from doorward.actors.redis_shards import OneServer, Shards

KEY: Final = "dw:cluster"
_SAVE: Final = """
local held = tonumber(redis.call('HGET', KEYS[1], 'version') or 0)
if held ~= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'plan', ARGV[3])
return 1
"""


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be.

    Attributes:
        version: Grows by one with every change.
        wanted: How many hosts there should be; those that are leaving do not count.
        hosts: Names of those that there are, leaving ones included, in the order they came.
        leaving: Names of hosts that are to give up what they have and end.
        last: The number of the newest host; numbers are never used again.
        owners: The host of each partition; empty where there is none yet.
        pins: Host by storefront slug.
        drained: Ray ids of nodes that get no hosts any more.
    """

    version: int = 0
    wanted: int = 0
    hosts: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    last: int = 0
    owners: tuple[str, ...] = ("",) * PARTITIONS
    pins: dict[str, str] = {}
    drained: tuple[str, ...] = ()

    @property
    def members(self) -> tuple[str, ...]:
        """The hosts that are to stay."""
        return tuple(name for name in self.hosts if name not in self.leaving)


class PlanStore(Protocol):
    """Where a plan is kept. Every method may raise ``StoreUnreachable``."""

    async def load(self) -> Plan:
        """Read the plan; an empty one where there is none."""

    async def save(self, plan: Plan, *, over: int) -> bool:
        """Keep a plan over the one of that version; False when another was kept meanwhile."""

    async def storefronts(self) -> tuple[int, ...]:
        """Count the storefronts of each partition."""


class RedisPlanStore:
    """A plan in the journal's own Redis."""

    def __init__(self, store: "aioredis.Redis | Shards", *, timeout_seconds: float = 0.7) -> None:
        """Use what a journal uses; no call takes longer than ``timeout_seconds``."""
        self._shards: Shards = OneServer(store) if isinstance(store, aioredis.Redis) else store
        self._timeout_seconds = timeout_seconds

    async def load(self) -> Plan:
        """See ``PlanStore.load``.

        Raises:
            StoreRefused: When a newer Doorward wrote it, or it is damaged.
        """
        version, stored = await self._asked("HMGET", KEY, "version", "plan")
        if version is None and stored is None:
            return Plan()
        try:
            plan = msgspec.json.decode(stored or b"", type=Plan)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StoreRefused(f"{KEY} holds no plan that this release can read") from error
        if version != b"%d" % plan.version:
            raise StoreRefused(f"{KEY} holds another plan than it says")
        if len(plan.owners) != PARTITIONS:
            raise StoreRefused(f"{KEY} is about {len(plan.owners)} partitions, not {PARTITIONS}")
        return plan

    async def save(self, plan: Plan, *, over: int) -> bool:
        """See ``PlanStore.save``."""
        packed = msgspec.json.encode(plan)
        return bool(await self._asked("EVAL", _SAVE, 1, KEY, over, plan.version, packed))

    async def storefronts(self) -> tuple[int, ...]:
        """See ``PlanStore.storefronts``."""
        keys = [roster_key(partition) for partition in range(PARTITIONS)]
        return tuple(await self._all_asked([(key, ("ZCARD", key)) for key in keys]))

    async def _asked(self, *words: str | int | bytes) -> Any:  # noqa: ANN401 - any reply
        return (await self._all_asked([(KEY, words)]))[0]

    async def _all_asked(self, calls: list[tuple[str, Words]]) -> list[Any]:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._shards.ask(calls)
        except (RedisError, OSError, TimeoutError) as error:
            await self._shards.suspect()
            raise StoreUnreachable(type(error).__name__) from error
