"""A Redis Cluster: which node keeps what, a lane to each, and all of them asked at the same time.

One script call may touch one slot only, and a partition is one slot: a flush becomes one call per
partition, and all calls for one node travel in one write. Each partition is committed whole or not
at all; a flush of several is no more one thing than it is on a single Redis.

*Order.* Flushes must reach a node in the order in which they were begun, or the store takes the
later one for ahead of its time and refuses it. Each share of a flush is a task of its own, begun
before the flush waits for anything; the loop starts tasks in the order of their making, and a lane
serves them in the order of their asking.

*Trouble.* A node that is gone, a slot that has moved or is being moved (``MOVED``, ``ASK``,
``TRYAGAIN``), a cluster that is down: whatever it is, the flush as a whole has an unknown ending,
nothing is followed and nothing is sent again. Who keeps what is then read afresh before anything
else is asked, and scripts are loaded wherever something is kept.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import redis.asyncio as aioredis
from redis.crc import key_slot
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from doorward.actors.journal import Commit, Ending
from doorward.actors.partitions import partition_key
from doorward.actors.redis_asking import all_of, heard_of
from doorward.actors.redis_scripts import ENDINGS, Words, commit_calls
from doorward.actors.redis_server import RedisServer
from doorward.actors.redis_shards import Call, Held, Keeper
from doorward.actors.redis_slots import View, best_view, is_leaving, read_view
from doorward.config.redis_urls import Address

_REFUSALS: Final = (ResponseError, AuthenticationError)


class RedisCluster:
    """The nodes of a cluster."""

    def __init__(
        self, seeds: Sequence[Address], make_client: Callable[[Address], "aioredis.Redis"]
    ) -> None:
        """Know nothing yet.

        Args:
            seeds: Some nodes, of which one at least must be there to tell of the others.
            make_client: Makes a client of a node, with its retries off.
        """
        self._seeds = frozenset(seeds)
        self._make_client = make_client
        self._servers: dict[Address, RedisServer] = {}
        self._keepers: list[RedisServer | None] | None = None
        self._looking = asyncio.Lock()

    async def begin_afresh(self) -> None:
        """See ``Shards.begin_afresh``."""
        self._keepers = None
        await all_of(*(server.leave_lane() for server in self._servers.values()))
        await self._found()

    async def suspect(self) -> None:
        """See ``Shards.suspect``."""
        self._keepers = None
        await all_of(*(server.drop_idle() for server in self._servers.values()))

    def demand_current(self) -> None:
        """See ``Shards.demand_current``. Nodes refuse what they do not keep any more."""

    async def ask(self, calls: Sequence[Call]) -> list[Any]:
        """See ``Shards.ask``."""
        return await self._spread(calls, RedisServer.ask)

    async def flush(
        self, commits: Sequence[Commit], reads: Sequence[str]
    ) -> tuple[list[Ending], list[bytes | None]]:
        """See ``Shards.flush``."""
        calls = [
            (partition_key(c.partition), words) for c in commits for words in commit_calls([c])
        ]
        slots: dict[str, list[str]] = {}
        for key in reads:
            slots.setdefault(key[: key.index("}")], []).append(key)
        calls += [(keys[0], ("MGET", *keys)) for keys in slots.values()]
        replies = await self._spread(calls, RedisServer.send)
        found: dict[str, bytes | None] = {}
        for keys, values in zip(slots.values(), replies[len(commits) :], strict=True):
            found.update(zip(keys, values, strict=True))
        endings = [ENDINGS[reply[0]] for reply in replies[: len(commits)]]
        return endings, [found[key] for key in reads]

    def in_one_call(self, held: Sequence[Held]) -> list[Sequence[Held]]:
        """See ``Shards.in_one_call``."""
        return [[one] for one in held]

    async def keeper(self, key: str) -> Keeper:
        """See ``Shards.keeper``."""
        return _Keeper(_server_of(key, self._keepers or await self._found()), key)

    async def masters(self) -> tuple[View, dict[Address, "aioredis.Redis"]]:
        """Ask who keeps what, and return that with a client of every node that keeps anything.

        Raises:
            RedisError: When no node answers, or those that do refuse; what the first one said.
            OSError: When no node can be reached.
        """
        view = await self._view()
        return view, {address: self._server(address).client for address in _masters(view)}

    async def aclose(self) -> None:
        """End all connections."""
        servers, self._servers, self._keepers = self._servers, {}, None
        await all_of(*(server.close() for server in servers.values()))

    async def _spread(
        self,
        calls: Sequence[Call],
        ask: Callable[[RedisServer, Sequence[Words]], Awaitable[list[Any]]],
    ) -> list[Any]:
        """Ask every node its share of the calls at the same time; return all replies in order."""
        keepers = self._keepers or await self._found()
        shares: dict[RedisServer, list[int]] = {}
        try:
            for place, (key, _) in enumerate(calls):
                shares.setdefault(_server_of(key, keepers), []).append(place)
            # A task for a single share too: begun at once, it would overtake an earlier flush's.
            answered = await all_of(
                *(
                    ask(server, [calls[place][1] for place in places])
                    for server, places in shares.items()
                )
            )
        except BaseException:
            self._keepers = None
            raise
        replies: list[Any] = [None] * len(calls)
        for places, answers in zip(shares.values(), answered, strict=True):
            for place, answer in zip(places, answers, strict=True):
                replies[place] = answer
        return replies

    async def _found(self) -> list[RedisServer | None]:
        """Find out who keeps what, and load the scripts there."""
        async with self._looking:
            if self._keepers is None:
                view = await self._view()
                await self._leave_others(view)
                servers = {address: self._server(address) for address in _masters(view)}
                await all_of(*(server.load_scripts() for server in servers.values()))
                self._keepers = [
                    None if keeper is None else servers[keeper] for keeper in view.keepers
                ]
            return self._keepers

    async def _view(self) -> View:
        views, errors = await heard_of(map(self._view_of, self._seeds | self._servers.keys()))
        if views:
            return best_view(views)
        # Who refuses us tells more than who cannot be reached.
        raise next((error for error in errors if isinstance(error, _REFUSALS)), errors[0])

    async def _view_of(self, address: Address) -> View:
        calls = [("CLUSTER", "INFO"), ("CLUSTER", "SLOTS")]
        info, slots = await self._server(address).ask(calls)
        return read_view(info, slots, address)

    def _server(self, address: Address) -> RedisServer:
        if address not in self._servers:
            self._servers[address] = RedisServer(self._make_client(address))
        return self._servers[address]

    async def _leave_others(self, view: View) -> None:
        """Leave the nodes that keep nothing any more."""
        left = self._servers.keys() - {*_masters(view), *self._seeds}
        await all_of(*(self._servers.pop(address).close() for address in left))


class _Keeper:
    """The node that keeps a partition, as long as it does."""

    def __init__(self, server: RedisServer, key: str) -> None:
        self._server = server
        self._key = key

    async def scan(self, cursor: int, pattern: str) -> tuple[int, list[bytes]]:
        """See ``Keeper.scan``. A slot on its way elsewhere would show but a part of its keys."""
        found = await self._server.scan(cursor, pattern)
        _, nodes = await self._server.ask([("EXISTS", self._key), ("CLUSTER", "NODES")])
        if is_leaving(nodes, key_slot(self._key.encode())):
            raise RedisError("the slot is being moved to another node")
        return found


def _masters(view: View) -> list[Address]:
    return sorted({keeper for keeper in view.keepers if keeper is not None})


def _server_of(key: str, keepers: list[RedisServer | None]) -> RedisServer:
    server = keepers[key_slot(key.encode())]
    if server is None:
        raise RedisError("no node of the cluster keeps this slot")
    return server
