"""A cluster as seen from a process that is not part of it: HTTP processes and operators.

``connect`` comes first, outside of any event loop: Ray installs signal handlers of its own, and
whoever serves puts his own after it.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable
from typing import Any, Final, cast
from weakref import WeakValueDictionary

import msgspec

# Read by Ray when it is imported: nothing is told to anybody, and nobody is let in without a token.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AUTH_MODE", "token")
# Else Ray takes 127.0.0.1 for this machine's address in its network, where a head that is bound to
# loopback does not listen. Also on Linux, whatever the name says.
os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
# How long to look for a node on this machine; a minute else.
os.environ.setdefault("RAY_GCS_SERVER_REQUEST_TIMEOUT_SECONDS", "10")

import ray
from ray.core.generated.gcs_pb2 import ActorTableData  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
from ray.exceptions import RayError

from doorward.actors.cluster import wire
from doorward.actors.cluster.call_client import CallClient
from doorward.actors.cluster.courier import Call
from doorward.actors.cluster.fleet import Node
from doorward.actors.cluster.ray_fleet import NAMESPACE, RayFleet, state_of
from doorward.actors.cluster.ray_membership import Membership
from doorward.actors.cluster.ray_reaching import address_of, check_token, why
from doorward.actors.cluster.ray_steward import STEWARD, start_steward
from doorward.actors.cluster.tables import Status, Table
from doorward.actors.errors import ClusterRefused, NoHosts, NotOwner
from doorward.actors.keyring import Keyring
from doorward.actors.logs import Troubles
from doorward.actors.partitions import partition_of

TABLE_SECONDS: Final = 1.0
_AWAY: Final = frozenset({ActorTableData.RESTARTING, ActorTableData.DEAD})
ORDER_SECONDS: Final = 10.0
_statuses: Final = msgspec.msgpack.Decoder(Status)
_tables: Final = msgspec.msgpack.Decoder(Table)


def connect(address: str) -> None:
    """Join a Ray cluster. Blocks for seconds.

    Args:
        address: ``host:port`` of its head, or ``auto`` for the one on this machine.

    Raises:
        ClusterRefused: When it cannot be reached, or refuses us.
    """
    place = address_of(address)
    check_token(place)
    try:
        ray.init(
            address=place,
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (RayError, ConnectionError, RuntimeError, ValueError) as error:
        raise ClusterRefused(f"Ray at {place} cannot be used: {why(error)}") from error


def leave() -> None:
    """Leave the Ray cluster; hosts and steward stay."""
    ray.shutdown()


class RayHosts:
    """See ``system.Hosts``."""

    def __init__(self, keyring: Keyring) -> None:
        """Know nobody yet; the process ends in order when its cluster is replaced by another.

        Args:
            keyring: The master keys, by which hosts know us and we know them.
        """
        self._keyring = keyring
        self._handles: dict[str, Any] = {}
        # A client is its courier's: names come and go, and must not add up here.
        self._clients: WeakValueDictionary[str, CallClient] = WeakValueDictionary()
        self._membership = Membership()
        self._ending = asyncio.get_running_loop().create_task(self._end_with_the_cluster())

    async def table(self, known: int) -> bytes:
        """See ``Hosts.table``: of the steward, else the newest that a host has.

        Raises:
            NoHosts: When neither steward nor hosts answer.
        """
        names = [STEWARD, *(name for name in self._handles if name != STEWARD)]
        heard = False
        for name in names:
            try:
                async with asyncio.timeout(TABLE_SECONDS):
                    handle = await self._handle(name)
                    found = cast("bytes", await handle.table.remote(known))
            except (RayError, TimeoutError, ValueError):
                self._handles.pop(name, None) if name == STEWARD else None
                continue
            if name == STEWARD:
                self._membership.hear()
                return found
            if found:
                return found
            heard = True
        if not heard:
            raise NoHosts("nobody in the cluster tells who hosts what")
        return b""

    async def call(self, name: str) -> Call:
        """See ``Hosts.call``; a host that does not answer, or speaks otherwise, is not found.

        Raises:
            VocabularyDiffers: It is of another release.
        """
        handle = await self._handle(name)

        async def find() -> str:
            if state_of(handle) in _AWAY:
                raise NotOwner("the host is not there now")
            return cast("str", await handle.address.remote())

        if before := self._clients.get(name):
            before.close()
        client = self._clients[name] = CallClient(find, self._keyring, on_trouble=Troubles())
        # Else a process would call itself ready that no host understands.
        wire.read_answers(await client.call(wire.batch_bytes(0, [])), 0)
        return client.call

    async def roster(self, name: str, after: str, limit: int) -> list[str]:
        """See ``Hosts.roster``."""
        handle = await self._handle(name)
        return cast("list[str]", await _in_time(handle.roster.remote(after, limit)))

    async def names(self, name: str, slug: str, limit: int) -> tuple[list[str], bool]:
        """See ``Hosts.names``."""
        handle = await self._handle(name)
        return cast("tuple[list[str], bool]", await _in_time(handle.names.remote(slug, limit)))

    async def mails(self, name: str) -> bytes:
        """See ``Hosts.mails``."""
        return cast("bytes", await _in_time((await self._handle(name)).mails.remote()))

    async def figures(self, name: str) -> bytes:
        """See ``Hosts.figures``."""
        return cast("bytes", await _in_time((await self._handle(name)).figures.remote()))

    async def _end_with_the_cluster(self) -> None:
        await self._membership.ended()
        Troubles()("another Ray head is in the place of ours: this process ends", None)
        signal.raise_signal(signal.SIGTERM)

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
    def found(cls) -> "Operator | None":
        """Find the steward; None where there is none."""
        try:
            return cls(ray.get_actor(STEWARD, namespace=NAMESPACE))
        except ValueError:
            return None

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

    async def place(self, slug: str) -> str:
        """Tell the host that a storefront should be at, empty where none; raises as ``status``."""
        packed = await _answered(self._steward.table.remote(-1))
        hosts = _tables.decode(packed).hosts if packed else ()
        return hosts[partition_of(slug)] if hosts else ""

    async def nodes(self) -> list[Node]:
        """List the nodes that are alive."""
        return cast("list[Node]", await _told(RayFleet("").nodes()))

    async def processes(self) -> list[str]:
        """Name the hosts whose processes are there, whether or not the steward knows of them."""
        found = await _told(asyncio.to_thread(ray.util.list_named_actors))
        return sorted(name for name in found if name != STEWARD)

    async def end_host(self, name: str) -> None:
        """End a host that the steward knows nothing of."""
        await RayFleet("").end(name, at_once=False)

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


async def _told(asked: Awaitable[Any]) -> Any:  # noqa: ANN401 - whatever was asked for
    try:
        return await _in_time(asked)
    except (TimeoutError, RayError, RuntimeError) as error:
        raise ClusterRefused(f"Ray does not answer ({type(error).__name__})") from error


async def _in_time(asked: Awaitable[Any]) -> Any:  # noqa: ANN401 - whatever was asked for
    async with asyncio.timeout(ORDER_SECONDS):
        return await asked
