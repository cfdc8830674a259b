"""The cluster as an HTTP process sees it: ``ask(slug, message)``, wherever a storefront is hosted.

The newest table says which host a partition should be at. It may be out of date, which costs time
and nothing else: a host that does not own a partition does nothing with a message and says so, and
the message is sent again, to whom the next table names, until its own deadline. A message that may
have been acted on is never sent twice.

Nothing here is kept: HTTP processes may come and go, and there may be any number of them. They need
the steward to hear of changes, not to work.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

import msgspec

from doorward.actors.blobs.store import BlobStore
from doorward.actors.cluster.courier import Call, Courier, Parcel
from doorward.actors.cluster.tables import Table
from doorward.actors.errors import ClusterRefused, NoHosts, Overloaded
from doorward.actors.figures import HostFigures
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.merchant_customers import EraseCustomer
from doorward.actors.partitions import PARTITIONS
from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.post.mail import Mail
from doorward.actors.systems import erasing

STRAY_SECONDS: Final = 3.0
"""How long a message may look for its host: what a host on the same machine left is served again by
then. Where a lease is waited for, the first to come hear 503 instead of waiting that long."""
AGAIN_SECONDS: Final = 0.03
LONGEST_SECONDS: Final = 0.25
"""A message that looks for its host looks twice as long after each time, up to this: a host that
waits for a lease must not be flooded by all who wait for it."""
REFRESH_SECONDS: Final = 1.0
MEET_SECONDS: Final = 1.0
FIGURES_SECONDS: Final = 1.0
_STRAYS: Final = 8_192

T = TypeVar("T")
_host_figures: Final = msgspec.msgpack.Decoder(HostFigures)
_mails: Final = msgspec.msgpack.Decoder(list[Mail])
_table: Final = msgspec.msgpack.Decoder(Table)


class Hosts(Protocol):
    """How hosts are reached. Every method may fail in any way; that means nobody answered."""

    async def table(self, known: int) -> bytes:
        """Fetch the newest table, from whoever has it; empty when it is no newer than known."""

    async def call(self, name: str) -> Call:
        """Find a host by its name."""

    async def roster(self, name: str, after: str, limit: int) -> list[str]:
        """Ask a host for slugs (``Journal.roster``)."""

    async def names(self, name: str, slug: str, limit: int) -> tuple[list[str], bool]:
        """Ask a host for names of records (``Journal.names``)."""

    async def mails(self, name: str) -> bytes:
        """Ask a host for the newest mails that it keeps, where none are sent (development)."""

    async def figures(self, name: str) -> bytes:
        """Ask a host how it stands (``HostFigures``)."""


class ClusterSystem:
    """Answers for storefronts, whoever hosts them.

    Attributes:
        couriers: By the names of their hosts.
        rerouted: Messages that were sent again, each time counted.
    """

    def __init__(
        self,
        hosts: Hosts,
        *,
        blobs: BlobStore | None,
        on_trouble: Callable[[str, BaseException | None], None],
    ) -> None:
        """Reach hosts through ``hosts``; ``blobs``: what is erased with a storefront."""
        self._hosts = hosts
        self._blobs = blobs
        self._on_trouble = on_trouble
        self._loop = asyncio.get_running_loop()
        self._strays: set[Parcel] = set()
        self._refreshing: asyncio.Task[None] | None = None
        self._parting: set[asyncio.Task[None]] = set()
        self._refreshed_at = 0.0
        self._closed = False
        self._keeper: asyncio.Task[None] | None = None
        self.table = Table("", 0, ())
        self.couriers: dict[str, Courier] = {}
        self.rerouted = 0

    async def start(self) -> None:
        """Fetch a table, and keep it new.

        Raises:
            NoHosts: When nobody has one.
        """
        await self._refresh()
        if not self.table.version:
            raise NoHosts("nobody in the cluster has a table")
        self._keeper = asyncio.create_task(self._keep())

    def ask(self, slug: str, message: Request) -> "asyncio.Future[Outcome]":
        """Ask a storefront.

        The future raises ``Unavailable`` when the outcome is unknown or cannot be had now, and
        ``TurnFailed`` when the turn raised.

        Raises:
            Overloaded: At once, when too many messages wait.
        """
        future: asyncio.Future[Outcome] = self._loop.create_future()
        self._route(Parcel(slug, message, future, self._loop.time() + STRAY_SECONDS))
        return future

    def is_ready(self) -> bool:
        """Tell whether there is somebody to ask for every partition."""
        hosts = set(self.table.hosts)
        return bool(hosts) and all(self._courier(name) is not None for name in hosts)

    async def roster(self, after: str, limit: int) -> list[str]:
        """List slugs in order, after one.

        Raises:
            NoHosts: When no host answers.
        """
        return await self._tried(lambda name: self._hosts.roster(name, after, limit))

    async def erase(self, slug: str) -> Outcome:
        """Close a storefront and erase everything it had; see ``EmbeddedSystem.erase``."""
        return await erasing.erase_storefront(self.ask, self._names, slug, self._blobs)

    async def erase_customer(self, slug: str, message: EraseCustomer) -> Outcome:
        """Erase a person at a storefront; see ``EmbeddedSystem.erase_customer``."""
        return await erasing.erase_customer(self.ask, slug, message, self._blobs)

    async def look(self) -> DevelopmentMailbox:
        """Gather the mails that hosts keep, where none are sent (see ``Looking``).

        Raises:
            NoHosts: When one does not answer.
        """
        mails: list[Mail] = []
        for name in set(self.table.hosts) - {""}:
            try:
                mails += _mails.decode(await self._hosts.mails(name))
            except Exception as error:
                raise NoHosts("a host does not show its mails") from error
        return DevelopmentMailbox.of(mails)

    async def figures(self) -> dict[str, HostFigures | None]:
        """Ask all hosts how they stand; None of one that does not answer in time."""
        names = sorted(set(self.table.hosts) - {""})
        told = await asyncio.gather(*map(self._figures, names))
        return dict(zip(names, told, strict=True))

    async def close(self) -> None:
        """Wait for what is under way, and refuse the rest."""
        self._closed = True
        for task in (self._keeper, self._refreshing):
            if task is not None:
                task.cancel()
        for parcel in self._strays:
            parcel.answer(NoHosts("closing"))
        closing = [courier.close() for courier in self.couriers.values()]
        await asyncio.gather(*closing, *self._parting)

    def _route(self, parcel: Parcel) -> None:
        """Give a message to its host's courier, or keep it until there is one."""
        hosts = self.table.hosts
        courier = self._courier(hosts[parcel.partition]) if hosts else None
        if courier is None or self._loop.time() >= parcel.deadline:
            self._stray(parcel)
        else:
            courier.put(parcel)

    def _courier(self, name: str) -> Courier | None:
        courier = self.couriers.get(name)
        return None if courier is None or courier.down else courier

    def _stray(self, parcel: Parcel) -> None:
        """Keep a message that nobody did anything with, and send it again in a moment."""
        left_seconds = parcel.deadline - self._loop.time()
        if self._closed or left_seconds <= 0:
            parcel.answer(NoHosts("nobody answers for the storefront now"))
            return
        if len(self._strays) >= _STRAYS:
            parcel.answer(Overloaded("too many messages look for their host"))
            return
        self._strays.add(parcel)
        wait_seconds = min(left_seconds, LONGEST_SECONDS, AGAIN_SECONDS * 2**parcel.strayed)
        parcel.strayed += 1
        self._loop.call_later(wait_seconds, self._again, parcel)
        if self._loop.time() >= self._refreshed_at + AGAIN_SECONDS:
            self._refresh_soon()

    def _again(self, parcel: Parcel) -> None:
        if parcel not in self._strays:
            return
        self._strays.remove(parcel)
        self.rerouted += 1
        try:
            self._route(parcel)
        except Overloaded as error:
            parcel.answer(error)

    def _heard(self, version: int) -> None:
        if version > self.table.version:
            self._refresh_soon()

    def _refresh_soon(self) -> None:
        if self._refreshing is None and not self._closed:
            self._refreshing = asyncio.create_task(self._refresh())

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            self._refresh_soon()

    async def _refresh(self) -> None:
        """Fetch a newer table, if there is one, find its hosts, and send what waits for them."""
        version = self.table.version
        self._refreshed_at = self._loop.time()
        try:
            await self._fetch()
            await self._meet_hosts()
        finally:
            self._refreshing = None
        if self.table.version > version:
            for parcel in list(self._strays):
                self._again(parcel)

    async def _fetch(self) -> None:
        try:
            found = await self._hosts.table(self.table.version)
            if found:
                self._adopt(_table.decode(found))
        except Exception as error:  # noqa: BLE001 - whatever it is: the table we have goes on
            self._on_trouble("table", error)

    def _adopt(self, table: Table) -> None:
        if self.table.store_id not in {"", table.store_id}:
            raise ClusterRefused(
                f"the table is of store {table.store_id}, this process serves {self.table.store_id}"
            )
        if len(table.hosts) != PARTITIONS:
            raise ClusterRefused(f"the table is about {len(table.hosts)} partitions")
        if table.version <= self.table.version:
            return
        self.table = table
        for name, courier in list(self.couriers.items()):
            courier.version = table.version
            if name not in table.hosts:
                del self.couriers[name]
                self._part(courier)

    async def _meet_hosts(self) -> None:
        """Find the hosts that are new; one that is not found is looked for again."""
        for name in sorted(set(self.table.hosts) - {"", *self.couriers}):
            try:
                async with asyncio.timeout(MEET_SECONDS):
                    call = await self._hosts.call(name)
            except Exception as error:  # noqa: BLE001 - the others are there all the same
                self._on_trouble(f"{name} is not found", error)
            else:
                courier = Courier(call, stray=self._stray, heard=self._heard)
                courier.version = self.table.version
                self.couriers[name] = courier

    def _part(self, courier: Courier) -> None:
        """Send nothing more to a host that has nothing any more; what is under way is answered."""
        for parcel in courier.take_back():
            self._stray(parcel)
        parting = self._loop.create_task(courier.close())
        self._parting.add(parting)
        parting.add_done_callback(self._parting.discard)

    async def _figures(self, name: str) -> HostFigures | None:
        try:
            async with asyncio.timeout(FIGURES_SECONDS):
                return _host_figures.decode(await self._hosts.figures(name))
        except Exception as error:  # noqa: BLE001 - that it does not answer is what is told then
            self._on_trouble(f"{name} tells no figures", error)
            return None

    async def _names(self, slug: str, limit: int) -> tuple[list[str], bool]:
        return await self._tried(lambda name: self._hosts.names(name, slug, limit))

    async def _tried(self, ask: Callable[[str], Awaitable[T]]) -> T:
        """Ask one host after the other, until one answers."""
        for name, courier in list(self.couriers.items()):
            if courier.down:
                continue
            try:
                return await ask(name)
            except Exception as error:  # noqa: BLE001 - the next may answer
                self._on_trouble("asking a host", error)
        raise NoHosts("no host answers")
