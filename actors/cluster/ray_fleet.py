"""The fleet on Ray: hosts are named, detached actors, which outlive whoever started them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import ray
from ray.core.generated.gcs_pb2 import ActorTableData  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
from ray.exceptions import ActorDiedError, ActorUnavailableError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from doorward.actors.cluster.fleet import Gone, Node, NotStarted
from doorward.actors.cluster.ray_hosts import RayHost

NAMESPACE: Final = "doorward"
CLOSE_SECONDS: Final = 8.0
_CALLS_AT_ONCE: Final = 1_000


class RayFleet:
    """See ``fleet.Fleet``."""

    def __init__(self, folder: str) -> None:
        """Start hosts that look for their settings in ``folder``."""
        self._folder = folder
        self._handles: dict[str, Any] = {}

    async def beat(self, name: str, order: bytes) -> bytes:
        """See ``Fleet.beat``."""
        handle = await self._handle(name)
        if state_of(handle) == ActorTableData.RESTARTING:
            raise Gone
        try:
            return cast("bytes", await handle.beat.remote(order))
        except ActorDiedError as error:
            # For good: Ray starts it again by itself as long as it may.
            self._handles.pop(name, None)
            raise NotStarted from error
        except ActorUnavailableError as error:
            raise Gone from error

    async def nodes(self) -> list[Node]:
        """See ``Fleet.nodes``."""
        found = await asyncio.to_thread(ray.nodes)
        return [
            Node(node["NodeID"], node["NodeManagerAddress"], int(node["Resources"].get("CPU", 0)))
            for node in found
            if node["Alive"]
        ]

    async def start(self, name: str, node: str) -> None:
        """See ``Fleet.start``."""
        await asyncio.to_thread(self._start, name, node)

    async def end(self, name: str, *, at_once: bool) -> None:
        """See ``Fleet.end``."""
        try:
            handle = await self._handle(name)
        except NotStarted:
            return
        self._handles.pop(name, None)
        if not at_once:
            await _within(CLOSE_SECONDS, handle.close.remote)
        await asyncio.to_thread(ray.kill, handle, no_restart=True)

    async def _handle(self, name: str) -> Any:  # noqa: ANN401 - Ray's handles have no type
        if name not in self._handles:
            try:
                self._handles[name] = await asyncio.to_thread(
                    ray.get_actor, name, namespace=NAMESPACE
                )
            except ValueError as error:
                raise NotStarted from error
        return self._handles[name]

    def _start(self, name: str, node: str) -> None:
        self._handles[name] = (
            ray.remote(RayHost)
            .options(
                name=name,
                namespace=NAMESPACE,
                lifetime="detached",
                get_if_exists=True,
                num_cpus=1,
                max_restarts=-1,
                # A message may have been acted on: nothing is ever sent twice behind our back.
                max_task_retries=0,
                max_concurrency=_CALLS_AT_ONCE,
                # Soft: a host whose node is lost is started again elsewhere by Ray itself.
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=True),
            )
            .remote(name, self._folder)
        )


def state_of(handle: Any) -> int | None:  # noqa: ANN401 - Ray's handles have no type
    """Tell in what state an actor is (``ActorTableData``), as far as Ray told this process.

    It does within a tenth of a second. A call to one that is being started again would be kept
    until then, and nobody would hear of its end.
    """
    state: int | None = handle._get_local_state()  # noqa: SLF001 - as Ray's own libraries do
    return state


async def _within(seconds: float, call: Callable[[], Awaitable[Any]]) -> None:
    """Make a call, and go on without its answer after so long, or when it fails."""
    try:
        async with asyncio.timeout(seconds):
            await call()
    except Exception:  # noqa: BLE001, S110 - it is ended anyhow
        pass
