"""What a journal needs of where its keys lie: on one server, or spread over several."""

from collections.abc import Sequence
from typing import Any, Protocol

import redis.asyncio as aioredis

from doorward.actors.journal import Commit, Ending
from doorward.actors.redis_scripts import ENDINGS, Words, commit_calls
from doorward.actors.redis_server import RedisServer

Call = tuple[str, Words]
"""A key, which says whom to ask, and what to ask there."""
Held = tuple[int, int]
"""A partition and the epoch it is held under."""


class Shards(Protocol):
    """The servers of one store. Every method may raise ``RedisError`` or ``OSError``."""

    async def begin_afresh(self) -> None:
        """Load the scripts and leave the old lanes: at first, and after any trouble.

        A store that was restarted has lost its scripts, and a lane to it is dead though nobody may
        have asked on it since; its first flush would look like a second outage.
        """

    async def suspect(self) -> None:
        """Take nothing for granted any more, after any trouble. Raises nothing."""

    def demand_current(self) -> None:
        """Make sure, as far as is known, that these are still the servers to ask. Asks nobody.

        Raises:
            RedisError: When others are.
        """

    async def ask(self, calls: Sequence[Call]) -> list[Any]:
        """Make calls and return their replies in order; those of one key go to one server."""

    async def flush(
        self, commits: Sequence[Commit], reads: Sequence[str]
    ) -> tuple[list[Ending], list[bytes | None]]:
        """Commit, then read; flushes reach each server in the order in which they were begun.

        Returns:
            The ending of each commit, and what was read.
        """

    def in_one_call(self, held: Sequence[Held]) -> list[Sequence[Held]]:
        """Group partitions that one script call may touch."""

    async def keeper(self, key: str) -> "Keeper":
        """Tell who keeps a key, for looking through all that is there."""

    async def aclose(self) -> None:
        """End all connections."""


class Keeper(Protocol):
    """A server with keys to look through."""

    async def scan(self, cursor: int, pattern: str) -> tuple[int, list[bytes]]:
        """Name some keys, and tell where to go on; 0 is the end.

        Raises:
            RedisError: Also when this server does not keep them all any more.
        """


class OneServer:
    """All keys on one server."""

    def __init__(self, client: "aioredis.Redis") -> None:
        """Use ``client``, whose retries are off."""
        self.client = client
        self._server = RedisServer(client)

    async def begin_afresh(self) -> None:
        """See ``Shards.begin_afresh``."""
        await self._server.leave_lane()
        await self._server.load_scripts()

    async def suspect(self) -> None:
        """See ``Shards.suspect``."""
        await self._server.drop_idle()

    def demand_current(self) -> None:
        """See ``Shards.demand_current``. A server that stands alone always is."""

    async def ask(self, calls: Sequence[Call]) -> list[Any]:
        """See ``Shards.ask``."""
        return await self._server.ask([words for _, words in calls])

    async def flush(
        self, commits: Sequence[Commit], reads: Sequence[str]
    ) -> tuple[list[Ending], list[bytes | None]]:
        """See ``Shards.flush``."""
        calls = list(commit_calls(commits))
        if reads:
            calls.append(("MGET", *reads))
        replies = await self._server.send(calls)
        found = replies.pop() if reads else []
        return [ENDINGS[ending] for reply in replies for ending in reply], found

    def in_one_call(self, held: Sequence[Held]) -> list[Sequence[Held]]:
        """See ``Shards.in_one_call``."""
        return [held] if held else []

    async def keeper(self, key: str) -> Keeper:  # noqa: ARG002 - it keeps them all
        """See ``Shards.keeper``."""
        return self._server

    async def aclose(self) -> None:
        """End all connections."""
        await self._server.close()
