"""The master behind Sentinels: asked for at each new connection, and looked at before it is used.

All Sentinels are asked at the same time, and the answer of the latest failover counts: one that was
cut off goes on naming the old master. A server that says it is no master any more is not used.

Sentinels tell an old master that is still there late, by default up to ten seconds after the
failover, and all that it took in the meantime is lost. So they are asked again at every renewal of
the lease, without waiting for them, and once another master is named the old one is left.

What this cannot see is a master that was cut off from its Sentinels together with us, and goes on
taking writes until it is told to stop: ``min-replicas-to-write`` on the servers is against that.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakSet

import redis.asyncio as aioredis
from redis.exceptions import AuthenticationError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.utils import str_if_bytes

from doorward.actors.errors import StoreRefused
from doorward.actors.redis_asking import heard_of
from doorward.actors.redis_shards import OneServer

LOOK_SECONDS: Final = 1.0
"""How long is listened for news of another master."""


class Master(NamedTuple):
    """Where the master is, by which failover it became that, and whether it is taken for dead."""

    host: str
    port: int
    epoch: int
    is_down: bool = False


class Sentinels:
    """Those who know which server is the master now.

    Attributes:
        connections: To what was the master when each of them was made.
    """

    def __init__(self, clients: Sequence["aioredis.Redis"], service: str) -> None:
        """Ask ``clients`` for the master of ``service``."""
        self._clients = clients
        self._service = service
        self.connections: WeakSet[_ToMaster] = WeakSet()

    async def master(self) -> Master:
        """Tell where the master is.

        Raises:
            StoreRefused: The Sentinels answer and will not tell: no such service, or a password.
            RedisConnectionError: None answers, or the master is down and no other chosen yet.
        """
        named, errors = await heard_of(map(self._ask, self._clients))
        if not named:
            raise _reason(errors, self._service)
        latest = max(named, key=lambda master: (master.epoch, not master.is_down))
        if latest.is_down:
            raise RedisConnectionError("the master is down, and no other is chosen yet")
        return latest

    async def have_moved(self) -> bool:
        """Tell whether another server is the master than one that we are connected to.

        Sentinels that do not answer are no news: the door stays open without them.
        """
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                named = await self.master()
        except (RedisConnectionError, StoreRefused, TimeoutError):
            return False
        return any(made.is_connected and made.is_before(named) for made in self.connections)

    async def aclose(self) -> None:
        """End the connections to them."""
        for client in self._clients:
            await client.aclose()

    async def _ask(self, client: "aioredis.Redis") -> Master:
        state: Any = await client.sentinel_master(self._service)
        # Late in a failover the state is still the old master's, the address the new one's.
        address: Any = await client.sentinel_get_master_addr_by_name(self._service)
        host, port = str_if_bytes(address[0]), int(address[1])
        is_its = (host, port) == (state["ip"], state["port"])
        is_down = state["is_sdown"] or state["is_odown"] or not state["is_master"]
        return Master(host, port, int(state["config-epoch"]), bool(is_its and is_down))


def _reason(errors: Sequence[BaseException], service: str) -> Exception:
    for error in errors:
        if isinstance(error, ResponseError | AuthenticationError):
            return StoreRefused(f"the Sentinels do not tell the master of {service!r} ({error})")
    return RedisConnectionError("no Sentinel answers")


if TYPE_CHECKING:
    _Connecting = aioredis.Connection
else:
    _Connecting = object


class _ToMaster(_Connecting):
    """Connects to whichever server is the master at that moment."""

    def __init__(self, *, sentinels: Sentinels, **options: Any) -> None:  # noqa: ANN401 - redis-py's own
        super().__init__(**options)
        self._sentinels = sentinels
        self._master: Master | None = None

    def is_before(self, named: Master) -> bool:
        """Tell whether this leads to a server that is the master no more."""
        known = self._master
        return known is not None and known.epoch < named.epoch and known[:2] != named[:2]

    async def _connect(self) -> None:
        self._master = await self._sentinels.master()
        self.host, self.port = self._master[:2]
        await super()._connect()  # type: ignore[no-untyped-call]
        self._sentinels.connections.add(self)

    async def on_connect_check_health(self, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's own
        await super().on_connect_check_health(check_health)
        await self.send_command("ROLE", check_health=False)
        told: Any = await self.read_response()
        if told[0] != b"master":
            raise RedisConnectionError("the server that was the master is none any more")


class MasterConnection(_ToMaster, aioredis.Connection):
    """A connection to the master."""


class MasterTlsConnection(_ToMaster, aioredis.SSLConnection):
    """A connection to the master, in TLS."""


class BehindSentinels(OneServer):
    """All keys on one server: whichever is the master now."""

    def __init__(self, client: "aioredis.Redis", sentinels: Sentinels) -> None:
        """Use ``client``, whose connections ask ``sentinels``."""
        super().__init__(client)
        self._sentinels = sentinels
        self._look: asyncio.Task[bool] | None = None

    def demand_current(self) -> None:
        """See ``Shards.demand_current``. What was found since the last time is told."""
        look = self._look
        if look is not None and not look.done():
            return
        self._look = asyncio.create_task(self._sentinels.have_moved())
        if look is not None and look.result():
            raise RedisConnectionError("the master is another one by now")

    async def aclose(self) -> None:
        """End all connections."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.wait({self._look})
        await super().aclose()
        await self._sentinels.aclose()
