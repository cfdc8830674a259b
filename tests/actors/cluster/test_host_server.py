"""What a host answers to couriers and to a steward; a real host, on virtual time."""

import asyncio

import msgspec
import pytest

from doorward.actors import high_water
from doorward.actors.cluster import wire
from doorward.actors.cluster.host_server import HostServer
from doorward.actors.cluster.tables import Order, Table
from doorward.actors.errors import (
    DoorwardError,
    NotOwner,
    StoreUnreachable,
    TurnFailed,
    VocabularyDiffers,
)
from doorward.actors.figures import HostFigures
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.operator import PutStorefront, StorefrontDocument, StorefrontView
from doorward.actors.messages.sign_in import CodeSent, Me, ReadMe, RequestCode
from doorward.actors.partitions import PARTITIONS, partition_of
from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.post.mail import Mail
from tests.actors.cluster.quarters import LEASE_SECONDS, SETTINGS, Process, Quarters, in_quarters
from tests.actors.harness import CALLER, EMAIL
from tests.actors.simulation.model_store import STORE_ID

ALPHA = partition_of("alpha")
ME = ReadMe(caller=CALLER)


def put(slug: str) -> PutStorefront:
    return PutStorefront(document=StorefrontDocument(display_name=slug, published=True))


def all_to(*names: str, version: int = 1, store_id: str = STORE_ID) -> Table:
    """Deal all partitions to these hosts in turn."""
    hosts = tuple(names[p % len(names)] for p in range(PARTITIONS))
    return Table(store_id, version, hosts)


async def asked(process: Process, *asks: tuple[str, Request]) -> list[Outcome | DoorwardError]:
    """Ask in one batch."""
    batch = wire.batch_bytes(1, [wire.ask_bytes(*ask) for ask in asks])
    answers = await process.do(lambda server: server.serve(batch))
    return wire.read_answers(answers, len(asks))[1]


async def at_work(quarters: Quarters, *slugs: str) -> Process:
    """Start a host that has everything, with some storefronts."""
    process = await quarters.process("host-1").opened()
    process.table(all_to("host-1"), 1)
    await asyncio.sleep(1)
    for slug in slugs or ("alpha",):
        assert isinstance((await asked(process, (slug, put(slug))))[0], StorefrontView)
    return process


def test_a_host_that_was_told_nothing_has_nothing_and_did_nothing() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await quarters.process("host-1").opened()
        await asyncio.sleep(5)
        (answer,) = await asked(process, ("alpha", put("alpha")))
        report = process.table(None, 0)

        # Not that the store is away: whoever hears this asks somebody else.
        assert type(answer) is NotOwner
        assert (report.version, report.held) == (0, ())
        assert quarters.store.image.rows == {}

    in_quarters(scene)


def test_a_batch_is_answered_in_its_order_once_all_of_it_is_decided() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await at_work(quarters, "alpha", "bravo")
        answers = await asked(
            process,
            ("alpha", RequestCode(email=EMAIL, caller=CALLER)),
            ("bravo", ME),
            ("nobody", RequestCode(email=EMAIL, caller=CALLER)),
            ("alpha", ME),
        )

        assert [type(answer) for answer in answers[:2]] == [CodeSent, Me]
        assert isinstance(answers[3], Me)
        assert len(answers) == 4

    in_quarters(scene)


def test_one_that_is_refused_or_fails_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene(quarters: Quarters) -> None:
        process = await at_work(quarters, "alpha", "bravo")
        there = all_to("host-1", version=2)
        hosts = tuple("" if p == partition_of("bravo") else h for p, h in enumerate(there.hosts))
        process.table(msgspec.structs.replace(there, hosts=hosts), 2)
        assert process.hosting is not None
        ask = process.hosting.ask

        def poisoned(slug: str, message: Request) -> "asyncio.Future[Outcome]":
            if slug == "poison":
                raise KeyError(slug)
            return ask(slug, message)

        monkeypatch.setattr(process.hosting, "ask", poisoned)
        answers = await asked(process, ("alpha", ME), ("bravo", ME), ("poison", ME), ("alpha", ME))

        assert [type(answer) for answer in answers] == [Me, NotOwner, TurnFailed, Me]

    in_quarters(scene)


def test_an_empty_batch_is_answered_with_the_version() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await at_work(quarters)
        answers = await process.do(lambda server: server.serve(wire.batch_bytes(0, [])))

        assert wire.read_answers(answers, 0) == (1, [])

    in_quarters(scene)


@pytest.mark.parametrize("batch", [b"", b"garbage", wire.answers_bytes(1, [])])
def test_what_is_no_batch_is_refused(batch: bytes) -> None:
    async def scene(quarters: Quarters) -> None:
        process = await at_work(quarters)
        turns = process.hosting.host.figures.turns
        with pytest.raises(VocabularyDiffers):
            await process.do(lambda server: server.serve(batch))

        assert process.hosting.host.figures.turns == turns

    in_quarters(scene)


def test_who_asked_and_is_cancelled_leaves_no_answer_to_the_others() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await at_work(quarters)
        assert process.hosting is not None
        ask = process.hosting.ask

        def cancelled(slug: str, message: Request) -> "asyncio.Future[Outcome]":
            future = ask(slug, message)
            future.cancel()
            return future

        process.hosting.ask = cancelled  # type: ignore[method-assign]
        batch = wire.batch_bytes(1, [wire.ask_bytes("alpha", ME)])
        with pytest.raises(asyncio.CancelledError):
            await process.do(lambda server: server.serve(batch))

    in_quarters(scene)


# --- orders ---------------------------------------------------------------------------------------


def test_a_host_takes_what_the_table_gives_it() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await quarters.process("host-1").opened()
        table = all_to("host-1", "host-2")
        began = quarters.loop.time()
        process.table(table, 1)
        await asyncio.sleep(0.05)
        report = process.table(None, 1)

        assert frozenset(report.held) == table.of("host-1")
        assert (report.version, report.epoch) == (1, 1)
        # With the order, and not with the next tick.
        assert quarters.loop.time() - began < 0.1

    in_quarters(scene)


def test_what_the_table_takes_away_is_given_up_and_taken_by_the_other_at_once() -> None:
    async def scene(quarters: Quarters) -> None:
        one, two = await quarters.hosts(2)
        one.table(all_to("host-1"), 1)
        two.table(all_to("host-1"), 1)
        await asyncio.sleep(1)
        (table, began) = all_to("host-1", "host-2", version=2), quarters.loop.time()
        for process in (one, two):
            process.table(table, 2)
        while len(two.table(None, 2).held) < PARTITIONS // 2:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)

        assert quarters.loop.time() - began <= 0.25
        assert frozenset(one.table(None, 2).held) == table.of("host-1")

    in_quarters(scene)


def test_an_older_order_changes_nothing() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await quarters.process("host-1").opened()
        process.table(all_to("host-1", version=5), 5)
        for version in (1, 4):
            process.table(all_to("host-2", version=version), version, "host-1#1")
        assert process.hosting is not None
        silent = process.hosting.ownership._silent  # noqa: SLF001
        await asyncio.sleep(1)
        report = process.table(None, 4)

        assert (report.version, len(report.held)) == (5, PARTITIONS)
        assert silent == frozenset()

    in_quarters(scene)


def test_an_order_of_another_stores_changes_nothing() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await at_work(quarters)
        foreign = all_to("host-2", version=9, store_id="other")
        report = process.table(foreign, 9, "somebody")
        await asyncio.sleep(1)

        assert report.version == 1
        assert len(process.table(None, 1).held) == PARTITIONS
        assert process.hosting.ownership.wanted == all_to("host-1").of("host-1")

        process.table(foreign, 10, "somebody")
        assert process.hosting.ownership._silent == frozenset()  # noqa: SLF001

    in_quarters(scene)


def test_an_order_of_another_stores_gives_a_new_host_nothing() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await quarters.process("host-1").opened()
        process.table(all_to("host-1", version=9, store_id="other"), 9)
        await asyncio.sleep(1)

        assert process.table(None, 9).held == ()
        assert quarters.store.image.rows == {}

    in_quarters(scene)


def test_what_a_silent_owner_has_is_taken_and_answered_for_a_lease_later() -> None:
    async def scene(quarters: Quarters) -> None:
        one, two = await quarters.hosts(2)
        one.table(all_to("host-1"), 1)
        await asyncio.sleep(1)
        one.freeze()
        began = quarters.loop.time()
        two.table(all_to("host-2", version=2), 2, one.owner)
        await asyncio.sleep(0.5)
        early = two.table(None, 2).held, quarters.store.row(ALPHA).owner
        while not two.table(None, 2, one.owner).held:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.05)
        took = quarters.loop.time() - began
        one.thaw()
        (answer,) = await asked(one, ("alpha", ME))

        assert early == ((), two.owner)
        assert LEASE_SECONDS <= took <= LEASE_SECONDS + 0.3
        assert isinstance(answer, NotOwner)

    in_quarters(scene)


def test_what_a_dead_owner_had_is_answered_for_at_once() -> None:
    async def scene(quarters: Quarters) -> None:
        one, two = await quarters.hosts(2)
        one.table(all_to("host-1"), 1)
        await asyncio.sleep(1)
        one.kill()
        began = quarters.loop.time()
        # Nobody was told that it is silent: it is dead for certain.
        two.table(all_to("host-2", version=2), 2)
        while len(two.table(None, 2).held) < PARTITIONS:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)

        assert quarters.loop.time() - began <= 0.25

    in_quarters(scene)


# --- reports --------------------------------------------------------------------------------------


def test_a_report_says_who_it_is_and_what_it_has() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await at_work(quarters)
        report = process.table(None, 1)

        assert (report.name, report.owner, report.node) == ("host-1", process.owner, "node-1")
        assert (report.store_id, report.settings) == (STORE_ID, SETTINGS)
        assert report.vocabulary == wire.VOCABULARY
        assert report.trouble == ""
        assert (report.asks, report.depth) == (1, 0)
        assert report.remembered > 0
        assert 10_000_000 < report.rss_bytes < 10_000_000_000
        assert report.pid > 0

    in_quarters(scene)


def test_loads_and_flushes_are_those_since_the_last_report() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await at_work(quarters, "alpha", "bravo")
        process.table(None, 1)
        for number in range(3):
            await asked(process, ("alpha", RequestCode(email=f"{number}@a.io", caller=CALLER)))
        await asked(process, ("bravo", ME))
        some, none = process.table(None, 1), process.table(None, 1)

        # A message that misses something takes more than one turn.
        assert 3 <= some.loads[ALPHA] <= 9
        assert 1 <= some.loads[partition_of("bravo")] <= 3
        assert set(some.loads) == {ALPHA, partition_of("bravo")}
        assert some.flush_ms > 0
        assert (none.loads, none.flush_ms) == ({}, 0.0)

    in_quarters(scene)


def test_the_mean_is_of_the_flushes_since_the_last_report() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await at_work(quarters)
        assert process.hosting is not None
        figures = process.hosting.host.figures
        process.table(None, 1)
        means = []
        for spans in ((10.0, 20.0), (40.0,), ()):
            for milliseconds in spans:
                figures.flushes += 1
                figures.flush_ms.observe(milliseconds)
            means.append(process.table(None, 1).flush_ms)

        assert means == pytest.approx([15.0, 40.0, 0.0])

    in_quarters(scene)


def test_what_waits_is_told() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await at_work(quarters)
        waiting = asyncio.ensure_future(asked(process, *[("alpha", ME)] * 50))
        for _ in range(3):
            await asyncio.sleep(0)
        report = process.table(None, 1)
        await waiting

        assert report.depth > 0

    in_quarters(scene)


# --- the rest -------------------------------------------------------------------------------------


def test_the_table_is_told_to_who_does_not_know_it() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await quarters.process("host-1").opened()
        assert process.server is not None
        empty = process.server.table(0)
        table = all_to("host-1", version=3)
        process.table(table, 3)

        assert empty == b""
        assert msgspec.msgpack.decode(process.server.table(2), type=Table) == table
        assert process.server.table(3) == b""

    in_quarters(scene)


def test_what_is_in_the_store_can_be_listed() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await at_work(quarters, "alpha", "bravo")
        server = process.server
        assert server is not None

        assert await server.roster("", 10) == ["alpha", "bravo"]
        assert await server.roster("alpha", 10) == ["bravo"]
        names, complete = await server.names("alpha", 100)
        assert complete
        assert names

    in_quarters(scene)


def test_mails_are_shown_where_they_are_kept() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await at_work(quarters)
        assert process.server is not None
        assert process.hosting is not None
        mailbox = DevelopmentMailbox()
        server = HostServer(process.hosting, None, process.server._identity, mailbox)  # type: ignore[arg-type]  # noqa: SLF001
        await asked(process, ("alpha", RequestCode(email=EMAIL, caller=CALLER)))
        await asyncio.sleep(1)
        (mail,) = quarters.posted
        mailbox.keep(lambda: mail)

        assert msgspec.msgpack.decode(server.mails(), type=list[Mail]) == [mail]
        assert msgspec.msgpack.decode(process.server.mails(), type=list[Mail]) == []

    in_quarters(scene)


def test_a_host_tells_how_it_stands() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await at_work(quarters)
        assert process.server is not None
        before = msgspec.msgpack.decode(process.server.figures(), type=HostFigures)
        await asked(process, *[("alpha", RequestCode(email=EMAIL, caller=CALLER))] * 5)
        await asyncio.sleep(1)

        told = msgspec.msgpack.decode(process.server.figures(), type=HostFigures)

        assert told.counted.asks - before.counted.asks == 5
        assert told.counted.turns >= told.counted.asks
        assert sum(told.counted.flush_ms.counts) == told.counted.flushes > 0
        assert told.counted.refusals == {"codes.email.minute": 2}
        assert told.mails["sent"] == 3
        assert (told.depth, told.mails_pending, told.rollbacks) == (0, 0, 0)
        assert told.owned > 0
        assert told.remembered > 0

    in_quarters(scene)


def test_a_host_that_closes_finishes_what_is_queued_and_gives_everything_up() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await at_work(quarters)
        waiting = asyncio.ensure_future(
            asked(
                process,
                *(("alpha", RequestCode(email=f"{n}@a.io", caller=CALLER)) for n in range(30)),
            )
        )
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await process.do(lambda server: server.close())
        (late,) = await asked(process, ("alpha", ME))

        assert {type(answer) for answer in await waiting} == {CodeSent}
        assert isinstance(late, NotOwner)
        assert {row.owner for row in quarters.store.image.rows.values()} == {""}
        assert process.owner not in quarters.store.image.marks

    in_quarters(scene)


def test_a_host_that_cannot_reach_its_store_any_more_says_so_and_has_nothing() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await at_work(quarters)
        process.weather.cut = True
        await asyncio.sleep(2 * LEASE_SECONDS)
        report = process.table(None, 1)
        (answer,) = await asked(process, ("alpha", ME))
        process.weather.cut = False
        await asyncio.sleep(1)
        (after,) = await asked(process, ("alpha", ME))

        assert report.held == ()
        assert isinstance(answer, StoreUnreachable)
        assert isinstance(after, Me)

    in_quarters(scene)


def test_a_disk_that_refuses_is_told_and_hosts_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(quarters: Quarters) -> None:
        process = await at_work(quarters)

        def full(folder: object, marks: object) -> None:
            raise OSError("no space left")

        with monkeypatch.context() as patch:
            patch.setattr(high_water, "write", full)
            await asked(process, ("alpha", RequestCode(email=EMAIL, caller=CALLER)))
            await asyncio.sleep(2)
            (answer,) = await asked(process, ("alpha", ME))

        assert isinstance(answer, Me)
        assert "high-water file" in {what for _, what, _ in quarters.troubles}

    in_quarters(scene)


# --- mails that are handed over -------------------------------------------------------------------


def test_a_mail_that_was_postponed_is_sent_by_the_next_owner_alone() -> None:
    async def scene(quarters: Quarters) -> None:
        one, two = await quarters.hosts(2)
        one.table(all_to("host-1"), 1)
        await asyncio.sleep(1)
        await asked(one, ("alpha", put("alpha")))
        await asked(one, ("alpha", RequestCode(email=EMAIL, caller=CALLER)))
        before = len(quarters.posted)
        for process in (one, two):
            process.table(all_to("host-2", version=2), 2)
        await asyncio.sleep(0.3)
        (answer,) = await asked(two, ("alpha", ME))
        await asyncio.sleep(5)

        assert before == 0
        assert isinstance(answer, Me)
        assert [mail.to for mail in quarters.posted] == [EMAIL]
        assert quarters.store.outbox(ALPHA, "", 10) == []

    in_quarters(scene)


def test_a_mail_that_is_being_sent_is_waited_for_a_moment() -> None:
    async def scene(quarters: Quarters) -> None:
        one, two = await quarters.hosts(2)
        one.table(all_to("host-1"), 1)
        await asyncio.sleep(1)
        await asked(one, ("alpha", put("alpha")))
        sent = asyncio.Event()

        async def slowly(mail: Mail) -> None:
            await sent.wait()
            quarters.posted.append(mail)

        quarters.send = slowly  # type: ignore[method-assign]
        await asked(one, ("alpha", RequestCode(email=EMAIL, caller=CALLER)))
        await asyncio.sleep(0.6)
        for process in (one, two):
            process.table(all_to("host-2", version=2), 2)
        await asyncio.sleep(0.5)
        during = quarters.store.row(ALPHA).owner, len(two.table(None, 2).held)
        sent.set()
        await asyncio.sleep(1.0)

        assert during == (one.owner, PARTITIONS - 1)
        assert quarters.store.row(ALPHA).owner == two.owner
        assert [mail.to for mail in quarters.posted] == [EMAIL]

    in_quarters(scene)


def test_an_order_that_cannot_be_read_is_no_order() -> None:
    async def scene(quarters: Quarters) -> None:
        process = await at_work(quarters)
        assert process.server is not None
        with pytest.raises(msgspec.MsgspecError):
            process.server.beat(b"garbage")
        with pytest.raises(msgspec.MsgspecError):
            process.server.beat(msgspec.msgpack.encode(Order(None, 1))[:-1])

        assert len(process.table(None, 1).held) == PARTITIONS

    in_quarters(scene)
