"""The steward as a Ray actor: one for a cluster, found by name, started again when it dies."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import msgspec
import ray
from ray.exceptions import RayError

from doorward.actors import logs, residence
from doorward.actors.clocks import boot_seconds
from doorward.actors.cluster.plan import RedisPlanStore
from doorward.actors.cluster.ray_fleet import NAMESPACE, RayFleet
from doorward.actors.cluster.requirements import cluster_settings, shared_keyring
from doorward.actors.cluster.seats import Agreed
from doorward.actors.cluster.steward import Steward
from doorward.actors.data_folder import DataFolder
from doorward.actors.errors import ClusterRefused
from doorward.actors.redis_journal import RedisJournal
from doorward.actors.store_connection import connect
from doorward.actors.systems.wiring import digest_of

STEWARD: Final = "steward"
_AT_THE_HEAD: Final = {"node:__internal_head__": 0.001}
"""Ray's own mark of its head. Ray needs a quarter of a minute to miss a node, and the steward that
was on it; the head's loss ends all of Ray anyhow."""
_RETRY_SECONDS: Final = 1.0
_encoder: Final = msgspec.msgpack.Encoder()


class RaySteward:
    """A steward in a Ray actor; every method does what ``Steward``'s does.

    An order is answered with an empty text, or with the sentence that refuses it: an exception
    would arrive as one of Ray's own.
    """

    def __init__(self, folder: str) -> None:
        """Begin to work, in the loop that Ray runs this in."""
        self._folder = Path(folder)
        self._stack = AsyncExitStack()
        self._steward: Steward | None = None
        self._why_not = "the steward is starting"
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def table(self, known: int) -> bytes:
        """Tell the table."""
        return self._steward.table(known) if self._steward is not None else b""

    async def status(self) -> bytes:
        """Tell the status; empty while there is none."""
        return _encoder.encode(self._steward.status()) if self._steward is not None else b""

    async def why_not(self) -> str:
        """Tell why there is no steward yet; empty when there is one."""
        return self._why_not

    async def scale(self, hosts: int) -> str:
        """Want so many hosts."""
        return await self._told("scale", hosts)

    async def drain(self, name: str) -> str:
        """Drain a host or node."""
        return await self._told("drain", name)

    async def pin(self, slug: str, host: str) -> str:
        """Pin a storefront."""
        return await self._told("pin", slug, host)

    async def down(self) -> str:
        """Let all hosts end."""
        return await self._told("down")

    async def _told(self, order: str, *words: Any) -> str:  # noqa: ANN401 - the order's own
        if self._steward is None:
            return self._why_not
        try:
            await getattr(self._steward, order)(*words)
        except Exception as error:  # noqa: BLE001 - said in words
            return str(error) or type(error).__name__
        return ""

    async def _run(self) -> None:
        while self._steward is None:
            try:
                self._steward = await self._open()
            except Exception as error:  # noqa: BLE001 - said to whoever asks, and tried again
                self._why_not = f"{type(error).__name__}: {error}"
                await self._stack.aclose()
                await asyncio.sleep(_RETRY_SECONDS)
        self._why_not = ""
        await self._steward.run()

    async def _open(self) -> Steward:
        settings = await asyncio.to_thread(cluster_settings, self._folder)
        logs.configure(level=settings.log.log_level, style=settings.log.log_format)
        path = settings.store.data_dir / STEWARD
        folder = self._stack.enter_context(DataFolder.open(path))
        client = await connect(settings.store, folder, self._stack)
        store = await RedisJournal(client).open()
        steward = Steward(
            RayFleet(str(self._folder)),
            RedisPlanStore(client),
            agreed=Agreed(store.id, digest_of(settings, shared_keyring(settings))),
            ticks=boot_seconds,
            find_gone=_find_gone,
            on_trouble=logs.Troubles(),
        )
        await steward.open()
        return steward


def start_steward(folder: str) -> Any:  # noqa: ANN401 - Ray's handles have no type
    """Start the steward, or find the one that there is.

    Raises:
        ClusterRefused: When Ray cannot start it.
    """
    try:
        return (
            ray.remote(RaySteward)
            .options(
                name=STEWARD,
                namespace=NAMESPACE,
                lifetime="detached",
                get_if_exists=True,
                num_cpus=0,
                resources=_AT_THE_HEAD,
                max_restarts=-1,
                max_task_retries=0,
            )
            .remote(folder)
        )
    except RayError as error:
        raise ClusterRefused(f"Ray cannot start the steward ({type(error).__name__})") from error


async def _find_gone(owners: frozenset[str]) -> frozenset[str]:
    # In a thread: /proc is read.
    return await asyncio.to_thread(residence.gone, owners)
