"""Where messages go: by the newest table, to somebody else when need be, and never twice."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest

from doorward.actors.cluster import wire
from doorward.actors.cluster.courier import CALL_SECONDS, MESSAGES, WAITING, Call
from doorward.actors.cluster.system import (
    AGAIN_SECONDS,
    FIGURES_SECONDS,
    LONGEST_SECONDS,
    MEET_SECONDS,
    REFRESH_SECONDS,
    STRAY_SECONDS,
    ClusterSystem,
)
from doorward.actors.cluster.tables import Table
from doorward.actors.errors import NoHosts, NotOwner, Overloaded, Unavailable
from doorward.actors.figures import Figures, HostFigures
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.merchant_customers import EraseCustomer
from doorward.actors.messages.operator import DeleteStorefront, EraseRecords
from doorward.actors.messages.refusals import Deleted, KeyRefused, NotFound
from doorward.actors.messages.sign_in import Me, ReadMe
from doorward.actors.partitions import PARTITIONS, partition_of
from tests.actors.harness import CALLER
from tests.actors.simulation.virtual_loop import VirtualLoop, run_virtually

STORE = "store-1"
ALPHA, BRAVO = partition_of("alpha"), partition_of("bravo")
ME = ReadMe(caller=CALLER)


def figures_of(name: str) -> HostFigures:
    """Make up how a host stands, by its number."""
    number = int(name.rpartition("-")[2])
    counted = Figures(asks=100 * number)
    counted.refusals["codes.email.minute"] = number
    counted.batch.observe(3)
    return HostFigures(
        counted=counted,
        rollbacks=0,
        depth=number,
        remembered=0,
        owned=128,
        mails={"sent": number},
        mail_retries=0,
        mails_pending=0,
    )


class Exchange:
    """Hosts as an HTTP process reaches them, and the table that is told."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.there = {"host-1", "host-2", "host-3"}
        self.told = Table(STORE, 0, ())
        self.tables_away = False
        self.tables_asked = 0
        self.versions: Counter[str] = Counter()
        self.owns: dict[str, set[int]] = {}
        self.dead: set[str] = set()
        self.frozen: set[str] = set()
        self.mute: set[str] = set()
        self.acted: list[tuple[str, str, Request]] = []
        self.calls: Counter[str] = Counter()
        self.decide: Callable[[str, Request], Outcome] = lambda slug, message: Me(customer=None)
        self.names_left: dict[str, list[str]] = {}
        self.asked: list[tuple[str, str]] = []
        self.between: Callable[[], None] = lambda: None
        self.finding: Callable[[str], float] = lambda name: 0.0

    def deal(self, version: int, *names: str, **places: str) -> None:
        """Tell a table: all partitions in turn, but for these slugs; hosts own what it says."""
        hosts = [names[p % len(names)] for p in range(PARTITIONS)]
        for slug, name in places.items():
            hosts[partition_of(slug)] = name
        self.told = Table(STORE, version, tuple(hosts))
        for name in set(hosts):
            self.owns[name] = set(self.told.of(name))

    async def table(self, known: int) -> bytes:
        self.tables_asked += 1
        await asyncio.sleep(0.001)
        if self.tables_away:
            raise NoHosts("nobody tells")
        return msgspec.msgpack.encode(self.told) if self.told.version > known else b""

    async def call(self, name: str) -> Call:
        await asyncio.sleep(self.finding(name))
        if name not in self.there:
            raise ValueError(name)

        async def call(batch: bytes) -> bytes:
            await asyncio.sleep(0.001)
            self.calls[name] += 1
            if name in self.dead:
                raise ConnectionError(name)
            _, asks = wire.read_batch(batch)
            answers: list[Outcome | Exception] = [
                self._act(name, slug, message) for slug, message in asks
            ]
            if name in self.frozen:
                await asyncio.sleep(1_000)
            return wire.answers_bytes(self.versions[name], answers)

        return call

    async def roster(self, name: str, after: str, limit: int) -> list[str]:
        await self._ask(name, "roster")
        return [name, after, str(limit)]

    async def names(self, name: str, slug: str, limit: int) -> tuple[list[str], bool]:
        await self._ask(name, "names")
        left = self.names_left.get(slug, [])
        return left[:limit], len(left) <= limit

    async def mails(self, name: str) -> bytes:
        await self._ask(name, "mails")
        return msgspec.msgpack.encode([])

    async def figures(self, name: str) -> bytes:
        await self._ask(name, "figures")
        if name in self.mute:
            await asyncio.sleep(1_000)
        return msgspec.msgpack.encode(figures_of(name))

    async def _ask(self, name: str, what: str) -> None:
        await asyncio.sleep(0.001)
        self.asked.append((name, what))
        self.between()
        if name in self.dead:
            raise ConnectionError(name)

    def _act(self, name: str, slug: str, message: Request) -> Outcome | Exception:
        if partition_of(slug) not in self.owns.get(name, ()):
            return NotOwner("not mine")
        self.acted.append((name, slug, message))
        return self.decide(slug, message)


class Process:
    """An HTTP process's system, and what troubled it."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.troubles: list[tuple[str, BaseException | None]] = []
        self.system = ClusterSystem(
            exchange, blobs=None, on_trouble=lambda *trouble: self.troubles.append(trouble)
        )

    def acted(self) -> list[tuple[str, str]]:
        """Tell which host did something for which storefront, in order."""
        return [(name, slug) for name, slug, _ in self.exchange.acted]


def virtually(scene: Callable[[Process], Coroutine[Any, Any, None]]) -> None:
    async def main(loop: VirtualLoop) -> None:
        await scene(Process(Exchange(loop)))
        assert loop.complaints == []

    run_virtually(main)


async def started(process: Process, *names: str, **places: str) -> ClusterSystem:
    process.exchange.deal(1, *(names or ("host-1", "host-2")), **places)
    await process.system.start()
    return process.system


async def failed(future: "asyncio.Future[Outcome]") -> BaseException:
    with pytest.raises(Unavailable) as raised:
        await future
    return raised.value


# --- tables ---------------------------------------------------------------------------------------


def test_a_message_goes_where_the_table_says() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", alpha="host-2")
        answers = await asyncio.gather(system.ask("alpha", ME), system.ask("bravo", ME))

        assert [*answers] == [Me(customer=None)] * 2
        assert sorted(process.acted()) == [("host-1", "bravo"), ("host-2", "alpha")]
        assert system.is_ready()

    virtually(scene)


@pytest.mark.parametrize("away", [True, False])
def test_without_a_table_nothing_is_started(*, away: bool) -> None:
    async def scene(process: Process) -> None:
        process.exchange.tables_away = away
        with pytest.raises(NoHosts, match="nobody in the cluster has a table"):
            await process.system.start()
        assert not process.system.is_ready()

    virtually(scene)


def test_only_newer_tables_are_adopted() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1")
        process.exchange.deal(5, "host-2")
        await asyncio.sleep(REFRESH_SECONDS + 0.1)
        newest = system.table
        process.exchange.deal(3, "host-3")
        older = msgspec.msgpack.encode(process.exchange.told)

        async def told_anyway(known: int) -> bytes:
            return older

        process.exchange.table = told_anyway  # type: ignore[method-assign]
        await asyncio.sleep(2 * REFRESH_SECONDS)

        assert newest.version == 5
        assert system.table is newest

    virtually(scene)


@pytest.mark.parametrize("kind", ["store", "short", "garbage"])
def test_a_table_that_cannot_be_gone_by_is_refused(kind: str) -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1")
        hosts = ("host-2",) * PARTITIONS
        tables = {
            "store": msgspec.msgpack.encode(Table("store-2", 9, hosts)),
            "short": msgspec.msgpack.encode(Table(STORE, 9, hosts[:-1])),
            "garbage": b"\x93garbage",
        }

        async def told(known: int) -> bytes:
            return tables[kind]

        process.exchange.table = told  # type: ignore[method-assign]
        await asyncio.sleep(REFRESH_SECONDS + 0.1)
        answer = await system.ask("alpha", ME)

        assert answer == Me(customer=None)
        assert system.table.version == 1
        assert [what for what, _ in process.troubles] == ["table"]

    virtually(scene)


def test_a_newer_table_is_fetched_when_a_host_has_one() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1")
        process.exchange.deal(2, "host-1", alpha="host-2")
        process.exchange.versions["host-1"] = 2
        await system.ask("bravo", ME)
        await asyncio.sleep(0.01)

        assert system.table.version == 2
        assert {c.version for c in system.couriers.values()} == {2}

    virtually(scene)


def test_a_host_that_is_as_far_is_no_reason_to_fetch() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1")
        process.exchange.versions["host-1"] = 1
        for _ in range(10):
            await system.ask("bravo", ME)

        assert process.exchange.tables_asked == 1

    virtually(scene)


def test_while_nobody_tells_a_table_the_last_one_is_gone_by() -> None:
    async def scene(process: Process) -> None:
        system = await started(process)
        process.exchange.tables_away = True
        await asyncio.sleep(10)

        assert await system.ask("alpha", ME) == Me(customer=None)
        assert system.is_ready()

    virtually(scene)


# --- hosts that are not found ---------------------------------------------------------------------


def test_a_host_that_is_not_found_keeps_nobody_from_the_others() -> None:
    async def scene(process: Process) -> None:
        process.exchange.there.remove("host-2")
        system = await started(process, "host-1", bravo="host-2")
        waiting = system.ask("bravo", ME)
        answer = await system.ask("alpha", ME)
        early = system.is_ready(), waiting.done()
        process.exchange.there.add("host-2")

        assert answer == Me(customer=None)
        assert early == (False, False)
        assert await waiting == Me(customer=None)
        assert system.is_ready()

    virtually(scene)


def test_a_host_that_is_not_found_in_time_is_looked_for_later() -> None:
    async def scene(process: Process) -> None:
        slow = {"host-1"}
        process.exchange.finding = lambda name: 100.0 if name in slow else 0.0
        began = process.exchange.loop.time()
        system = await started(process, "host-1", "host-2")
        took = process.exchange.loop.time() - began
        slow.clear()
        await asyncio.sleep(REFRESH_SECONDS + 0.1)

        assert took == pytest.approx(MEET_SECONDS, abs=0.1)
        assert set(system.couriers) == {"host-1", "host-2"}

    virtually(scene)


# --- messages that look for their host ------------------------------------------------------------


def test_a_message_the_host_does_not_own_is_sent_to_who_does_by_the_next_table() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1")
        process.exchange.owns["host-1"].discard(ALPHA)
        asked = system.ask("alpha", ME)
        await asyncio.sleep(0.5)
        early = asked.done()
        process.exchange.deal(2, "host-1", alpha="host-2")

        assert not early
        assert await asked == Me(customer=None)
        assert process.acted() == [("host-2", "alpha")]
        assert system.rerouted > 1

    virtually(scene)


def test_who_waits_for_a_newer_table_is_sent_with_it_and_not_only_when_his_time_comes() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1")
        process.exchange.owns["host-1"].discard(ALPHA)
        asked = system.ask("alpha", ME)
        await asyncio.sleep(1.0)
        process.exchange.deal(2, "host-1", alpha="host-2")
        process.exchange.versions["host-1"] = 2
        began = process.exchange.loop.time()
        await system.ask("bravo", ME)
        await asked

        assert process.exchange.loop.time() - began < AGAIN_SECONDS

    virtually(scene)


def test_who_finds_no_host_hears_so_at_his_deadline() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1")
        process.exchange.owns["host-1"].clear()
        began = process.exchange.loop.time()
        error = await failed(system.ask("alpha", ME))
        took = process.exchange.loop.time() - began

        assert isinstance(error, NoHosts)
        assert STRAY_SECONDS <= took <= STRAY_SECONDS + LONGEST_SECONDS + 0.1
        assert process.acted() == []

    virtually(scene)


def test_a_partition_nobody_has_yet_is_waited_for() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", alpha="")
        asked = system.ask("alpha", ME)
        await asyncio.sleep(1)
        early = system.is_ready(), asked.done()
        process.exchange.deal(2, "host-1")

        assert early == (False, False)
        assert await asked == Me(customer=None)

    virtually(scene)


def test_a_host_that_is_not_ready_to_answer_is_not_flooded_by_who_waits_for_it() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1")
        process.exchange.owns["host-1"].clear()
        asked = [system.ask(f"s-{number}", ME) for number in range(100)]
        await asyncio.gather(*asked, return_exceptions=True)

        assert process.exchange.calls["host-1"] <= 25
        assert process.exchange.tables_asked <= STRAY_SECONDS / AGAIN_SECONDS

    virtually(scene)


def test_many_who_stray_at_any_time_do_not_ask_for_tables_all_the_time() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1")
        process.exchange.owns["host-1"].clear()
        asked = []
        for number in range(1_000):
            asked.append(system.ask(f"s-{number}", ME))
            await asyncio.sleep(0.001)
        before = process.exchange.tables_asked
        await asyncio.gather(*asked, return_exceptions=True)

        assert before <= 1.0 / AGAIN_SECONDS + 5

    virtually(scene)


def test_there_is_an_end_to_how_many_look_for_their_host(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(process: Process) -> None:
        monkeypatch.setattr("doorward.actors.cluster.system._STRAYS", 10)
        system = await started(process, "host-1", alpha="")
        asked = [system.ask("alpha", ME) for _ in range(15)]
        errors = [await failed(future) for future in asked]

        assert Counter(map(type, errors)) == {Overloaded: 5, NoHosts: 10}

    virtually(scene)


def test_a_queue_that_is_full_is_refused_at_once_and_when_a_message_comes_again() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", alpha="")
        stray = system.ask("alpha", ME)
        process.exchange.deal(2, "host-1")
        # Nobody is called before this scene waits for something.
        asked = [system.ask("bravo", ME) for _ in range(WAITING)]
        with pytest.raises(Overloaded):
            system.ask("bravo", ME)
        system.couriers["host-1"]._may_call = lambda: False  # type: ignore[method-assign]  # noqa: SLF001
        error = await failed(stray)

        assert isinstance(error, Overloaded)
        assert not any(future.done() for future in asked)

    virtually(scene)


# --- hosts that are lost --------------------------------------------------------------------------


def test_a_message_that_may_have_been_acted_on_is_not_sent_again() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", alpha="host-2")
        process.exchange.frozen.add("host-2")
        error = await failed(system.ask("alpha", ME))
        process.exchange.deal(2, "host-1")
        await asyncio.sleep(2 * STRAY_SECONDS)

        assert type(error) is Unavailable
        assert process.acted() == [("host-2", "alpha")]

    virtually(scene)


def test_what_was_not_sent_to_a_host_that_is_lost_is_sent_to_the_next() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", alpha="host-2")
        process.exchange.frozen.add("host-2")
        lost = system.ask("alpha", ME)
        await asyncio.sleep(0.1)
        waiting = system.ask("alpha", ME)
        await asyncio.sleep(CALL_SECONDS)
        later = system.ask("alpha", ME)
        process.exchange.deal(2, "host-1")

        assert isinstance(await failed(lost), Unavailable)
        assert await waiting == await later == Me(customer=None)
        assert process.acted() == [("host-2", "alpha"), *[("host-1", "alpha")] * 2]
        assert not {"host-2"} & {name for name, _ in process.acted()[1:]}

    virtually(scene)


def test_a_process_is_not_ready_while_a_host_is_lost() -> None:
    async def scene(process: Process) -> None:
        system = await started(process)
        process.exchange.dead.add("host-2")
        slug = next(
            f"s-{n}" for n in range(99) if system.table.hosts[partition_of(f"s-{n}")] == "host-2"
        )
        await failed(system.ask(slug, ME))
        lost = system.is_ready()
        process.exchange.dead.clear()
        await asyncio.sleep(1)

        assert not lost
        assert system.is_ready()
        assert await system.ask(slug, ME) == Me(customer=None)

    virtually(scene)


def test_a_host_that_disappears_from_the_table_gives_back_what_was_not_sent() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", alpha="host-2")
        process.exchange.frozen.add("host-2")
        under_way = system.ask("alpha", ME)
        await asyncio.sleep(0.1)
        waiting = [system.ask("alpha", ME) for _ in range(3)]
        process.exchange.deal(2, "host-1")
        await asyncio.sleep(REFRESH_SECONDS)

        assert [future.done() for future in waiting] == [True] * 3
        assert "host-2" not in system.couriers
        assert isinstance(await failed(under_way), Unavailable)
        await asyncio.sleep(10)
        # It is not probed for ever either.
        assert process.exchange.calls["host-2"] == 1

    virtually(scene)


def test_what_is_under_way_to_a_host_that_disappears_is_answered() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", alpha="host-2")
        answers = [system.ask("alpha", ME) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        process.exchange.deal(2, "host-1")
        system._adopt(process.exchange.told)  # noqa: SLF001 - while the call is under way

        assert await asyncio.gather(*answers) == [Me(customer=None)] * 3
        assert {name for name, _ in process.acted()} == {"host-2"}

    virtually(scene)


def test_a_lost_host_that_disappears_and_returns_is_asked_again() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", alpha="host-2")
        process.exchange.dead.add("host-2")
        await failed(system.ask("alpha", ME))
        process.exchange.deal(2, "host-1")
        await asyncio.sleep(2 * REFRESH_SECONDS)
        process.exchange.dead.clear()
        process.exchange.deal(3, "host-1", alpha="host-2")
        await asyncio.sleep(2 * REFRESH_SECONDS)
        process.exchange.acted.clear()

        assert await system.ask("alpha", ME) == Me(customer=None)
        assert process.acted() == [("host-2", "alpha")]

    virtually(scene)


# --- what goes to any host ------------------------------------------------------------------------


def test_the_roster_is_asked_of_a_host_that_answers() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", "host-2", "host-3")
        process.exchange.dead.update({"host-1", "host-2"})
        found = await system.roster("bravo", 7)

        assert found == ["host-3", "bravo", "7"]
        assert [what for what, _ in process.troubles] == ["asking a host"] * 2

    virtually(scene)


def test_a_host_that_is_down_is_not_asked_for_the_roster() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", "host-2", alpha="host-1")
        process.exchange.dead.add("host-1")
        await failed(system.ask("alpha", ME))
        await system.roster("", 1)

        assert process.exchange.asked == [("host-2", "roster")]

    virtually(scene)


def test_where_no_host_answers_there_is_no_roster() -> None:
    async def scene(process: Process) -> None:
        system = await started(process)
        process.exchange.dead.update({"host-1", "host-2"})
        with pytest.raises(NoHosts):
            await system.roster("", 1)

    virtually(scene)


def test_hosts_may_come_and_go_while_one_after_the_other_is_asked() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", "host-2")
        process.exchange.dead.add("host-1")

        def change() -> None:
            process.exchange.deal(2, "host-2", "host-3")
            system._adopt(process.exchange.told)  # noqa: SLF001

        process.exchange.between = change
        found = await system.roster("", 1)

        assert found[0] == "host-2"
        assert "host-1" not in system.couriers

    virtually(scene)


def test_a_storefront_is_erased_over_all_hosts() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", "host-2")
        process.exchange.dead.add("host-1")
        slug = next(
            f"s-{n}" for n in range(99) if system.table.hosts[partition_of(f"s-{n}")] == "host-2"
        )
        left = [f"customer:{number}" for number in range(300)]
        process.exchange.names_left[slug] = left

        def decide(_slug: str, message: Request) -> Outcome:
            if isinstance(message, EraseRecords):
                del left[: len(message.names)]
            return Deleted()

        process.exchange.decide = decide
        closed = await system.erase(slug)
        kinds = [type(message) for _, _, message in process.exchange.acted]

        assert isinstance(closed, Deleted)
        assert left == []
        assert kinds == [DeleteStorefront, *[EraseRecords] * 4]
        assert ("host-2", "names") in process.exchange.asked

    virtually(scene)


def test_a_storefront_that_is_not_there_is_not_erased() -> None:
    async def scene(process: Process) -> None:
        system = await started(process)
        process.exchange.decide = lambda slug, message: NotFound()

        assert isinstance(await system.erase("alpha"), NotFound)
        assert process.exchange.asked == []

    virtually(scene)


def test_a_customer_is_erased_where_he_is() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", alpha="host-2")
        process.exchange.decide = lambda slug, message: KeyRefused()
        message = EraseCustomer(key_digest="k", customer_id="c1")
        outcome = await system.erase_customer("alpha", message)

        assert isinstance(outcome, KeyRefused)
        assert process.acted() == [("host-2", "alpha")]

    virtually(scene)


def test_mails_are_gathered_from_every_host_or_from_none() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", "host-2", alpha="")
        shown = (await system.look()).newest()
        process.exchange.dead.add("host-2")
        with pytest.raises(NoHosts):
            await system.look()

        assert shown == []
        assert sorted(process.exchange.asked[:2]) == [("host-1", "mails"), ("host-2", "mails")]

    virtually(scene)


def test_figures_are_told_of_every_host_also_of_one_that_does_not_answer() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", "host-2", "host-3", alpha="")
        process.exchange.dead.add("host-2")
        process.exchange.mute.add("host-3")
        began = process.exchange.loop.time()

        told = await system.figures()

        assert told == {"host-1": figures_of("host-1"), "host-2": None, "host-3": None}
        assert process.exchange.loop.time() - began < FIGURES_SECONDS + 0.1

    virtually(scene)


# --- closing --------------------------------------------------------------------------------------


def test_closing_finishes_what_is_under_way_and_refuses_the_rest() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", bravo="")
        under_way = system.ask("alpha", ME)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting, stray = system.ask("alpha", ME), system.ask("bravo", ME)
        await system.close()
        late = system.ask("alpha", ME), system.ask("bravo", ME)

        assert await under_way == Me(customer=None)
        assert [type(await failed(future)) for future in (waiting, stray)] == [Unavailable, NoHosts]
        assert [type(await failed(future)) for future in late] == [Unavailable, NoHosts]
        asked = process.exchange.tables_asked
        await asyncio.sleep(10)
        assert process.exchange.tables_asked == asked

    virtually(scene)


def test_what_strays_while_closing_is_refused() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1")
        process.exchange.owns["host-1"].clear()
        asked = system.ask("alpha", ME)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await system.close()

        assert isinstance(await failed(asked), NoHosts)

    virtually(scene)


def test_closing_waits_for_no_host_longer_than_for_one_call() -> None:
    async def scene(process: Process) -> None:
        names = [f"host-{number}" for number in range(1, 9)]
        process.exchange.there.update(names)
        system = await started(process, *names)
        process.exchange.frozen.update(names)
        asked = [system.ask(f"s-{number}", ME) for number in range(MESSAGES)]
        await asyncio.sleep(0.1)
        began = process.exchange.loop.time()
        await system.close()
        took = process.exchange.loop.time() - began

        assert took <= CALL_SECONDS
        assert all(future.done() for future in asked)
        await asyncio.gather(*asked, return_exceptions=True)

    virtually(scene)


def test_what_was_never_started_can_be_closed() -> None:
    async def scene(process: Process) -> None:
        await process.system.close()

    virtually(scene)
