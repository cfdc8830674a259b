"""A cluster as seen from a process that is not part of it: HTTP processes and operators.

``connect`` comes first, outside of any event loop: Ray installs signal handlers of its own, and
whoever serves puts his own after it.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable
from typing import Any, Final, cast

import msgspec

# Read by Ray when it is imported: nothing is told to anybody, and nobody is let in without a token.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AUTH_MODE", "token")

import ray
from ray.exceptions import RayError

from doorward.actors.cluster.courier import Call
from doorward.actors.cluster.ray_fleet import NAMESPACE
from doorward.actors.cluster.ray_steward import STEWARD, start_steward
from doorward.actors.cluster.tables import Status
from doorward.actors.errors import ClusterRefused, NoHosts

TABLE_SECONDS: Final = 1.0
ORDER_SECONDS: Final = 10.0
_statuses: Final = msgspec.msgpack.Decoder(Status)


def connect(address: str) -> None:
    """Join a Ray cluster. Blocks for seconds.

    Args:
        address: ``host:port`` of its head, or ``auto`` for the one on this machine.

    Raises:
        ClusterRefused: When it cannot be reached, or refuses us.
    """
    try:
        ray.init(
            address=address,
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (RayError, ConnectionError, RuntimeError, ValueError) as error:
        first = str(error).strip().splitlines()[:1]
        raise ClusterRefused(
            f"Ray at {address} cannot be used: {first[0] if first else type(error).__name__}"
        ) from error


def leave() -> None:
    """Leave the Ray cluster; hosts and steward stay."""
    ray.shutdown()


class RayHosts:
    """See ``system.Hosts``."""

    def __init__(self) -> None:
        self._handles: dict[str, Any] = {}

    async def table(self, known: int) -> bytes:
        """See ``Hosts.table``: of the steward, else of any host that answers."""
        names = [STEWARD, *(name for name in self._handles if name != STEWARD)]
        for name in names:
            try:
                async with asyncio.timeout(TABLE_SECONDS):
                    handle = await self._handle(name)
                    found = cast("bytes", await handle.table.remote(known))
            except (RayError, TimeoutError, ValueError):
                self._handles.pop(name, None) if name == STEWARD else None
                continue
            if found or name == STEWARD:
                return found
        raise NoHosts("nobody in the cluster tells who hosts what")

    async def call(self, name: str) -> Call:
        """See ``Hosts.call``."""
        serve = (await self._handle(name)).serve

        async def call(batch: bytes) -> bytes:
            return cast("bytes", await serve.remote(batch))

        return call

    async def roster(self, name: str, after: str, limit: int) -> list[str]:
        """See ``Hosts.roster``."""
        handle = await self._handle(name)
        return cast("list[str]", await _in_time(handle.roster.remote(after, limit)))

    async def names(self, name: str, slug: str, limit: int) -> tuple[list[str], bool]:
        """See ``Hosts.names``."""
        handle = await self._handle(name)
        return cast("tuple[list[str], bool]", await _in_time(handle.names.remote(slug, limit)))

    async def _handle(self, name: str) -> Any:  # noqa: ANN401 - Ray's handles have no type
        if name not in self._handles:
            self._handles[name] = await asyncio.to_thread(ray.get_actor, name, namespace=NAMESPACE)
        return self._handles[name]


class Operator:
    """An operator's orders to the steward of the cluster that was joined."""

    def __init__(self, steward: Any) -> None:  # noqa: ANN401 - Ray's handles have no type
        """Use ``found`` or ``started``."""
        self._steward = steward

    @classmethod
    def started(cls, folder: str) -> "Operator":
        """Start a steward, or find the one that there is.

        Raises:
            ClusterRefused: When it cannot be started.
        """
        return cls(start_steward(folder))

    @classmethod
    def found(cls) -> "Operator":
        """Find the steward.

        Raises:
            ClusterRefused: When there is none.
        """
        try:
            return cls(ray.get_actor(STEWARD, namespace=NAMESPACE))
        except ValueError:
            raise ClusterRefused(
                "this Ray cluster has no Doorward in it: `doorward cluster up` makes one"
            ) from None

    async def status(self) -> Status:
        """Ask for the status.

        Raises:
            ClusterRefused: When there is none yet; says why.
        """
        packed = await _answered(self._steward.status.remote())
        if not packed:
            raise ClusterRefused(await _answered(self._steward.why_not.remote()))
        return _statuses.decode(packed)

    async def scale(self, hosts: int) -> None:
        """Want so many hosts.

        Raises:
            ClusterRefused: Says why not.
        """
        await self._order(self._steward.scale.remote(hosts))

    async def drain(self, name: str) -> None:
        """Drain a host or a node; raises as ``scale``."""
        await self._order(self._steward.drain.remote(name))

    async def pin(self, slug: str, host: str) -> None:
        """Pin a storefront to a host, or let it go; raises as ``scale``."""
        await self._order(self._steward.pin.remote(slug, host))

    async def down(self) -> None:
        """Let all hosts end; raises as ``scale``."""
        await self._order(self._steward.down.remote())

    def end(self) -> None:
        """End the steward for good, once its hosts have ended."""
        ray.kill(self._steward, no_restart=True)

    async def _order(self, asked: Awaitable[Any]) -> None:
        refusal = await _answered(asked)
        if refusal:
            raise ClusterRefused(refusal)


async def _answered(asked: Awaitable[Any]) -> Any:  # noqa: ANN401 - whatever was asked for
    try:
        async with asyncio.timeout(ORDER_SECONDS):
            return await asked
    except TimeoutError:
        raise ClusterRefused("the steward does not answer") from None
    except RayError as error:
        raise ClusterRefused(f"the steward is lost ({type(error).__name__})") from error


async def _in_time(asked: Awaitable[Any]) -> Any:  # noqa: ANN401 - whatever was asked for
    async with asyncio.timeout(ORDER_SECONDS):
        return await asked
