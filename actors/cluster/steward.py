"""The steward: which host has which partition, which hosts there are, and who is not heard of.

*Normal operation.* A few times a second it tells every host the newest table and hears what the
host has (``beat``). It moves a few partitions at a time: the table says where one should be, its
host hands it over when it hears that, the next one takes it when it is given up.

*Trouble.* A host that has not answered for ``seats.SILENT_SECONDS`` is silent: frozen, cut off or
dead, nobody knows, and nobody has to. Its partitions are given to others, who are told its owner id
and take them by force; what keeps two hosts from answering for the same is the lease and the fence
(``ownership``), not this. One that is back before ``deciding.REPLACED_SECONDS`` is a host like any
other; else it is ended and replaced. While the steward itself was frozen nobody was silent.

*Its own death* disturbs nobody: hosts and HTTP processes go on with the table they have. The next
steward reads the plan from the store and goes on; until a host had the time to answer, it takes
none for silent.

Plain asyncio on one loop; how hosts are reached and started is the fleet's business.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec.structs import replace

from doorward.actors.clocks import Ticks
from doorward.actors.cluster.deciding import View, finished, manned, placed, without
from doorward.actors.cluster.fleet import Fleet, Gone, NotStarted
from doorward.actors.cluster.plan import Plan, PlanStore
from doorward.actors.cluster.seats import SILENT_SECONDS, Agreed, Seat
from doorward.actors.cluster.tables import Order, Report, Status, Table
from doorward.actors.errors import ClusterRefused, StoreUnreachable
from doorward.actors.ownership import FindGone
from doorward.actors.partitions import PARTITIONS, is_slug

BEAT_SECONDS: Final = 0.25
ANSWER_SECONDS: Final = 1.0
MOST_HOSTS: Final = 256
COUNT_SECONDS: Final = 2.0
"""Between two looks at how many storefronts there are."""

_encoder: Final = msgspec.msgpack.Encoder()
_reports: Final = msgspec.msgpack.Decoder(Report)


class Steward:
    """Keeps a cluster's hosts and its table."""

    def __init__(  # noqa: PLR0913 - the wiring of one object
        self,
        fleet: Fleet,
        store: PlanStore,
        *,
        agreed: Agreed,
        ticks: Ticks,
        find_gone: FindGone,
        on_trouble: Callable[[str, BaseException | None], None],
    ) -> None:
        """Know nothing yet.

        Args:
            fleet: Reaches hosts.
            store: Keeps the plan.
            agreed: What all hosts must have in common.
            ticks: A clock that never steps, in seconds.
            find_gone: Tells which of some owners are certainly dead, where that can be told.
            on_trouble: Told what should not happen.
        """
        self._fleet = fleet
        self._store = store
        self._agreed = agreed
        self._ticks = ticks
        self._find_gone = find_gone
        self._on_trouble = on_trouble
        self._changing = asyncio.Lock()
        self._seats: dict[str, Seat] = {}
        self._beating: dict[str, asyncio.Task[None]] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._ended: set[str] = set()
        self._listened_at = ticks()
        self._is_sure = True
        self._trouble = ""
        self._counting: asyncio.Task[None] | None = None
        self._counted_at = ticks() - COUNT_SECONDS
        self._storefronts: tuple[int, ...] = (0,) * PARTITIONS
        self.plan = Plan()

    async def open(self) -> None:
        """Read the plan.

        Raises:
            StoreRefused: When it cannot be read.
            StoreUnreachable: When the store does not answer.
        """
        self.plan = await self._store.load()

    async def run(self) -> None:
        """Beat for ever."""
        while True:
            began = self._ticks()
            await self.beat()
            await asyncio.sleep(max(0.0, BEAT_SECONDS - (self._ticks() - began)))

    async def beat(self) -> None:
        """Hear every host once, then decide what follows; after trouble the next beat goes on."""
        self._count_now_and_then()
        try:
            await self._hear_all()
            self._listen()
            async with self._changing:
                self._trouble = await self._decide()
        except Exception as error:  # noqa: BLE001 - a steward that stops helps nobody
            self._trouble = f"{type(error).__name__}: {error}"
            self._on_trouble("steward", error)

    def table(self, known: int) -> bytes:
        """Tell the table; nothing when it is no newer than ``known``, or there is none yet."""
        return _encoder.encode(self._table()) if self.plan.version > known else b""

    def status(self) -> Status:
        """Tell everything about the cluster."""
        now, plan = self._ticks(), self.plan
        hosts = tuple(
            self._seats.get(name, Seat(now)).status(
                name,
                now,
                self._agreed,
                wanted=plan.owners.count(name),
                storefronts=self._storefronts,
                leaving=name in plan.leaving,
            )
            for name in plan.hosts
        )
        return Status(
            store_id=self._agreed.store_id,
            version=plan.version,
            wanted_hosts=plan.wanted,
            served=sum(host.held for host in hosts),
            partitions=len(plan.owners),
            hosts=hosts,
            pins=plan.pins,
            drained_nodes=plan.drained,
            trouble=self._trouble,
        )

    # --- orders -----------------------------------------------------------------------------------

    async def scale(self, hosts: int) -> None:
        """Want so many hosts.

        Raises:
            ClusterRefused: When that is no number of hosts.
        """
        if not 1 <= hosts <= MOST_HOSTS:
            raise ClusterRefused(f"a cluster has 1 to {MOST_HOSTS} hosts, not {hosts}")
        await self._change(lambda plan: replace(plan, wanted=hosts))

    async def drain(self, name: str) -> None:
        """Let a host, or all of a node, give up what they have, and end; others take their place.

        Args:
            name: A host's name, or a node's address or id.

        Raises:
            ClusterRefused: When there is no such host or node.
        """
        if name in self.plan.hosts:
            await self._change(lambda plan: without(plan, [name]))
            return
        node = next((n for n in await self._fleet.nodes() if name in {n.id, n.address}), None)
        if node is None:
            raise ClusterRefused(f"there is no host and no node {name}")
        at = node.id
        await self._change(
            lambda plan: replace(plan, drained=tuple(dict.fromkeys((*plan.drained, at))))
        )

    async def pin(self, slug: str, host: str) -> None:
        """Keep a storefront, and its whole partition, at a host; an empty name lets it go.

        Raises:
            ClusterRefused: When there is no such host, or that is no slug.
        """
        if not is_slug(slug):
            raise ClusterRefused(f"{slug} is no storefront's slug")
        if host and host not in self.plan.members:
            raise ClusterRefused(f"there is no host {host}, or it is leaving")
        await self._change(lambda plan: _pinned(plan, slug, host))

    async def down(self) -> None:
        """Let all hosts finish and end."""
        await self._change(
            lambda plan: replace(
                plan, wanted=0, leaving=plan.hosts, owners=Plan().owners, pins={}, drained=()
            )
        )

    # --- hearing ----------------------------------------------------------------------------------

    async def _hear_all(self) -> None:
        """Send every host a beat, and wait for the answers as long as a beat lasts."""
        self._listen()
        now = self._ticks()
        silent = [owner for seat in self._seats.values() for owner in seat.silent_owners(now)]
        for name in self.plan.hosts:
            self._seats.setdefault(name, Seat(now))
            if name not in self._beating and name not in self._ending:
                self._beating[name] = asyncio.create_task(self._hear(name, tuple(silent)))
        if self._beating:
            await asyncio.wait(self._beating.values(), timeout=BEAT_SECONDS)
        gone = await self._find_gone(frozenset(s.owner for s in self._seats.values() if s.owner))
        for seat in self._seats.values():
            seat.gone = seat.gone or seat.owner in gone

    def _listen(self) -> None:
        """Hold nobody's silence against him while this steward was frozen or busy itself."""
        now = self._ticks()
        if now - self._listened_at > SILENT_SECONDS:
            for seat in self._seats.values():
                seat.excuse(now - self._listened_at)
        self._listened_at = now

    async def _hear(self, name: str, silent: tuple[str, ...]) -> None:
        seat = self._seats[name]
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._fleet.beat(name, self._order(seat, silent))
            seat.hear(_reports.decode(answer), self._ticks())
        except Gone:
            seat.gone = True
        except NotStarted:
            seat.gone = seat.missing = True
        except Exception:  # noqa: BLE001, S110 - no answer: its silence is what tells
            pass
        finally:
            self._beating.pop(name, None)

    def _order(self, seat: Seat, silent: tuple[str, ...]) -> bytes:
        known = seat.report.version if seat.report is not None else 0
        table = self._table() if known != self.plan.version else None
        return _encoder.encode(Order(table, self.plan.version, silent))

    def _count_now_and_then(self) -> None:
        """Count storefronts, beside everything else: only whoever looks at the status needs it."""
        if self._counting is None and self._ticks() >= self._counted_at + COUNT_SECONDS:
            self._counting = asyncio.create_task(self._count())

    async def _count(self) -> None:
        try:
            self._storefronts = await self._store.storefronts()
        except StoreUnreachable:
            pass  # the last count stands
        finally:
            self._counted_at = self._ticks()
            self._counting = None

    # --- deciding ---------------------------------------------------------------------------------

    async def _decide(self) -> str:
        """Change the plan where it no longer fits, then see to the fleet; tell what is amiss."""
        if not self._is_sure:
            self.plan = await self._store.load()
            self._is_sure = True
        view = self._view()
        plan = placed(manned(self.plan, view, self._ended), view)
        if plan != self.plan or view.newest() > self.plan.version:
            await self._keep(plan)
        self._end_hosts()
        return await self._start_hosts()

    def _end_hosts(self) -> None:
        """End those that are done with; they stay in the plan until they have ended.

        A steward that dies in between leaves no process behind that nobody knows of.
        """
        self._seats = {name: seat for name, seat in self._seats.items() if name in self.plan.hosts}
        for name in finished(self.plan, self._view()):
            if name not in self._ending and name not in self._ended:
                is_silent = self._seats[name].is_silent(self._ticks())
                self._ending[name] = asyncio.create_task(self._end(name, at_once=is_silent))

    async def _end(self, name: str, *, at_once: bool) -> None:
        try:
            await self._fleet.end(name, at_once=at_once)
            self._ended.add(name)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            self._on_trouble(f"{name} cannot be ended", error)
        finally:
            del self._ending[name]

    async def _start_hosts(self) -> str:
        """Start the hosts that are planned and missing; tell for which there is no room."""
        missing = [n for n, s in self._seats.items() if s.missing and n not in self.plan.leaving]
        room = await self._room() if missing else {}
        for name in missing:
            node = max(room, key=lambda each: (room[each], each), default=None)
            if node is None or room[node] <= 0:
                return f"no node has room for {name}"
            room[node] -= 1
            await self._fleet.start(name, node)
            self._seats[name].begin(node, self._ticks())
        return ""

    async def _room(self) -> dict[str, int]:
        """Tell how many more hosts fit on each node."""
        room = {n.id: n.room for n in await self._fleet.nodes() if n.id not in self.plan.drained}
        for seat in self._seats.values():
            if seat.node in room and not seat.missing:
                room[seat.node] -= 1
        return room

    # --- the plan ---------------------------------------------------------------------------------

    async def _change(self, changed: Callable[[Plan], Plan]) -> None:
        """Change the plan as an operator asks.

        Raises:
            ClusterRefused: When somebody else changed it meanwhile, twice.
            StoreUnreachable: When it cannot be kept.
        """
        async with self._changing:
            for _ in range(2):
                if await self._keep(changed(self.plan)):
                    return
        raise ClusterRefused("another steward changed the plan: ask again")

    async def _keep(self, plan: Plan) -> bool:
        """Keep a plan before anybody goes by it; what somebody else kept meanwhile is read."""
        self._is_sure = False
        newer = replace(plan, version=max(self.plan.version, self._view().newest()) + 1)
        kept = await self._store.save(newer, over=self.plan.version)
        self.plan = newer if kept else await self._store.load()
        self._is_sure = True
        return kept

    def _view(self) -> View:
        return View(self._seats, self._agreed, self._ticks())

    def _table(self) -> Table:
        return Table(self._agreed.store_id, self.plan.version, self.plan.owners)


def _pinned(plan: Plan, slug: str, host: str) -> Plan:
    """Pin a storefront to a host, or let it go."""
    others = {at: name for at, name in plan.pins.items() if at != slug}
    return replace(plan, pins=others | {slug: host} if host else others)
