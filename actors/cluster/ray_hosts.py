"""Hosts as Ray actors: a process each, found by name, started again by Ray when it dies.

Ray runs the methods of one of these in one event loop, and nothing else in it. A process that was
started again has everything to learn anew: its owner id is a new one, and it holds nothing.

Its settings are read on its own machine, from the environment that its Ray node was started with:
keys and passwords never travel through Ray, which keeps what an actor was made with.
"""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import ray

from doorward.actors import logs
from doorward.actors.cluster.call_server import CallServer
from doorward.actors.cluster.host_server import HostServer, Identity
from doorward.actors.cluster.ray_membership import Membership
from doorward.actors.cluster.requirements import cluster_settings, shared_keyring
from doorward.actors.cluster.tables import Report
from doorward.actors.data_folder import DataFolder
from doorward.actors.errors import DoorwardError, NotOwner
from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.redis_journal import RedisJournal
from doorward.actors.store_connection import connect
from doorward.actors.systems.hosting import Hosting
from doorward.actors.systems.wiring import digest_of, wiring_of
from doorward.config.errors import ConfigurationError

LOOK_AGAIN_SECONDS: Final = 0.1
"""How soon to look again at a partition that is being handed over: with every tick."""
HOSTS_FOLDER: Final = "hosts"
_encoder: Final = msgspec.msgpack.Encoder()


class RayHost:
    """A host in a Ray actor; every method answers what ``HostServer``'s does."""

    def __init__(self, name: str, folder: str) -> None:
        """Begin to open; ``folder`` is where settings are looked for."""
        self._name = name
        self._folder = Path(folder)
        self._stack = AsyncExitStack()
        self._server: HostServer | None = None
        self._calls: CallServer | None = None
        self._opening: asyncio.Task[HostServer] | None = None
        self._membership = Membership()
        self._ending = asyncio.get_running_loop().create_task(self._end_with_the_cluster())

    async def address(self) -> str:
        """Tell where couriers reach this host; empty while it is not open."""
        return self._calls.address if self._calls is not None else ""

    async def beat(self, order: bytes) -> bytes:
        """Take an order and report; also why there is nothing to report."""
        self._membership.hear()
        try:
            server = await self._opened()
        except (DoorwardError, ConfigurationError, OSError) as error:
            trouble = f"{type(error).__name__}: {error}"
            return _encoder.encode(
                Report(name=self._name, pid=os.getpid(), node=_node(), trouble=trouble)
            )
        return server.beat(order)

    async def table(self, known: int) -> bytes:
        """Tell the newest table."""
        return self._server.table(known) if self._server is not None else b""

    async def roster(self, after: str, limit: int) -> list[str]:
        """List slugs."""
        return await (await self._opened()).roster(after, limit)

    async def names(self, slug: str, limit: int) -> tuple[list[str], bool]:
        """Name records."""
        return await (await self._opened()).names(slug, limit)

    async def mails(self) -> bytes:
        """Show the newest mails."""
        return (await self._opened()).mails()

    async def figures(self) -> bytes:
        """Tell how it stands."""
        return (await self._opened()).figures()

    async def close(self) -> None:
        """Finish and give everything up."""
        self._server = None
        self._calls = None
        await self._stack.aclose()

    async def _serve(self, batch: bytes) -> bytes:
        if self._server is None:
            raise NotOwner("this host is not open")
        return await self._server.serve(batch)

    async def _opened(self) -> HostServer:
        if self._server is None:
            if self._opening is None or (self._opening.done() and self._failed(self._opening)):
                self._opening = asyncio.create_task(self._open())
            self._server = await asyncio.shield(self._opening)
        return self._server

    async def _end_with_the_cluster(self) -> None:
        """End when another cluster has taken the place of ours, which nobody asks for any more."""
        await self._membership.ended()
        logs.Troubles()("another Ray head is in the place of ours: this host ends", None)
        try:
            await self.close()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)

    def _failed(self, opening: "asyncio.Task[HostServer]") -> bool:
        return opening.cancelled() or opening.exception() is not None

    async def _open(self) -> HostServer:
        settings = await asyncio.to_thread(cluster_settings, self._folder)
        logs.configure(level=settings.log.log_level, style=settings.log.log_format)
        async with AsyncExitStack() as stack:
            keyring = shared_keyring(settings)
            # First of all: it is closed last, when what is under way is answered.
            calls = CallServer(self._serve, keyring, on_trouble=logs.Troubles())
            stack.push_async_callback(calls.close)
            path = settings.store.data_dir / HOSTS_FOLDER / self._name
            folder = stack.enter_context(DataFolder.open(path))
            client = await connect(settings.store, folder, stack)
            journal = RedisJournal(client)
            mailbox = DevelopmentMailbox() if settings.mail.smtp_url is None else None
            wiring = wiring_of(
                settings, journal=journal, keyring=keyring, folder=path, mailbox=mailbox
            )
            hosting = await Hosting.open(
                replace(wiring, wanted=frozenset(), look_again_seconds=LOOK_AGAIN_SECONDS)
            )
            stack.push_async_callback(hosting.close)
            identity = Identity(
                name=self._name, settings=digest_of(settings, keyring), node=_node()
            )
            here = str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
            await calls.listen(here, settings.hosting.host_port)
            self._calls = calls
            self._stack = stack.pop_all()
            return HostServer(hosting, journal, identity, mailbox)


def _node() -> str:
    return str(ray.get_runtime_context().get_node_id())
