import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio
import redis.asyncio as aioredis

from doorward.actors.errors import StoreRefused, StoreUnreachable
from doorward.actors.journal import Bid, Claim, Commit, Ending, Journal, Operation, Taken
from doorward.actors.partitions import (
    PARTITIONS,
    STORE_KEY,
    outbox_key,
    partition_key,
    partition_of,
    record_prefix,
    roster_key,
)
from doorward.actors.redis_cluster import RedisCluster
from doorward.actors.redis_journal import RedisJournal
from doorward.actors.redis_scripts import WRITES_PER_CALL
from doorward.actors.redis_sentinel import BehindSentinels
from doorward.actors.redis_shards import OneServer
from tests.actors.simulation.model_journal import ModelJournal, Work
from tests.actors.simulation.model_store import ModelStore, Row
from tests.actors.store_client import client_of, cluster_client, master_client

ALPHA = partition_of("alpha")
BRAVO = partition_of("bravo")
KEY = f"{record_prefix('alpha')}email:1"
LEASE_MS = 60_000


class Bench(Protocol):
    """A store under test: its journal, and what no journal can see or do."""

    journal: Journal

    async def ttl_ms(self, key: str) -> int: ...

    async def set_back(self, partition: int, *, epoch: int, owner: str, seq: int) -> None: ...

    async def silence(self, owner: str) -> None: ...

    async def now_ms(self) -> int: ...


class ModelBench:
    def __init__(self) -> None:
        self.store = ModelStore(lambda: int(time.time() * 1000))
        self.journal: Journal = ModelJournal(self.store)

    async def ttl_ms(self, key: str) -> int:
        return self.store.ttl_ms(key)

    async def set_back(self, partition: int, *, epoch: int, owner: str, seq: int) -> None:
        row = self.store.row(partition)
        self.store.image.rows[partition] = Row(epoch, owner, seq, row.at_ms, row.burned_ms)

    async def silence(self, owner: str) -> None:
        self.store.image.marks.pop(owner, None)

    async def now_ms(self) -> int:
        return int(time.time() * 1000)


class RedisBench:
    def __init__(self, store: "aioredis.Redis | BehindSentinels | RedisCluster") -> None:
        self.store = store
        self.shards = OneServer(store) if isinstance(store, aioredis.Redis) else store
        self.journal: Journal = RedisJournal(store, timeout_seconds=20)

    async def ask(self, key: str, *words: str | int) -> Any:  # noqa: ANN401 - any reply
        return (await self.shards.ask([(key, words)]))[0]

    async def everywhere(self) -> "list[aioredis.Redis]":
        if isinstance(self.shards, RedisCluster):
            _, masters = await self.shards.masters()
            return list(masters.values())
        return [self.shards.client]

    async def ttl_ms(self, key: str) -> int:
        return int(await self.ask(key, "PTTL", key))

    async def set_back(self, partition: int, *, epoch: int, owner: str, seq: int) -> None:
        key = partition_key(partition)
        await self.ask(key, "HSET", key, "epoch", epoch, "owner", owner, "seq", seq)

    async def silence(self, owner: str) -> None:
        key = f"dw:host:{owner}"
        await self.ask(key, "DEL", key)

    async def now_ms(self) -> int:
        seconds, micros = await self.ask(STORE_KEY, "TIME")
        return int(seconds * 1000 + micros // 1000)


def opened(kind: str, request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Any]:
    if kind == "sentinel":
        return master_client(request.getfixturevalue("redis_watched").url)
    if kind == "cluster":
        return cluster_client(request.getfixturevalue("redis_cluster").url)
    return client_of(request.getfixturevalue("redis_socket"))


@pytest_asyncio.fixture(params=["redis", "sentinel", "cluster"])
async def real(request: pytest.FixtureRequest) -> AsyncIterator[RedisBench]:
    async with opened(request.param, request) as store:
        found = RedisBench(store)
        for client in await found.everywhere():
            await client.flushall()
        yield found


@pytest_asyncio.fixture(params=["model", "redis", "sentinel", "cluster"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    if request.param == "model":
        yield ModelBench()
        return
    async with opened(request.param, request) as store:
        found = RedisBench(store)
        for client in await found.everywhere():
            await client.flushall()
        await found.journal.open()
        await found.journal.claims([])
        yield found


async def take(bench: Bench, owner: str, partition: int = ALPHA, *, at_ms: int = 1_000) -> Taken:
    claim = (await bench.journal.claims([partition]))[0]
    bid = Bid(partition, claim.epoch, claim.owner, 0, 0)
    taken = (await bench.journal.take(owner, [bid], at_ms))[0]
    assert taken is not None
    return taken


def commit(
    taken: Taken, owner: str, *operations: Operation, seq: int = 1, at_ms: int = 2_000
) -> Commit:
    return Commit(ALPHA, taken.epoch, owner, seq, at_ms, list(operations))


def put(value: bytes, key: str = KEY, ttl_ms: int = 0) -> Operation:
    return ("s", key, value, ttl_ms)


def drop(key: str) -> Operation:
    return ("d", key, b"", 0)


def mail(mail_id: str, value: bytes = b"mail") -> Operation:
    return ("m", outbox_key(ALPHA), value, mail_id)


def strike(mail_id: str) -> Operation:
    return ("x", outbox_key(ALPHA), b"", mail_id)


def enlist(slug: str) -> Operation:
    return ("l", roster_key(partition_of(slug)), slug.encode(), 0)


def delist(slug: str) -> Operation:
    return ("u", roster_key(partition_of(slug)), slug.encode(), 0)


async def endings(bench: Bench, *commits: Commit) -> list[Ending]:
    found, _ = await bench.journal.flush(commits, [])
    return found


async def read(bench: Bench, *keys: str) -> list[bytes | None]:
    _, found = await bench.journal.flush([], keys)
    return found


async def test_a_store_is_made_once_and_tells_its_time(bench: Bench) -> None:
    before_ms = await bench.now_ms()

    first, second = await bench.journal.open(), await bench.journal.open()

    assert first.id == second.id
    assert before_ms <= first.now_ms <= second.now_ms <= await bench.now_ms()


async def test_nobody_owns_a_partition_of_a_new_store(bench: Bench) -> None:
    claims = await bench.journal.claims([ALPHA, BRAVO])

    assert claims == [Claim(0, "", 0, alive=False)] * 2


async def test_taking_raises_the_epoch_and_keeps_what_the_last_owner_left(bench: Bench) -> None:
    first = await take(bench, "ann", at_ms=1_000)
    await endings(bench, commit(first, "ann", put(b"1"), at_ms=5_000))

    second = await take(bench, "bob", at_ms=3_000)

    assert first == Taken(1, 0, 1_000, 0, went_back=False)
    assert second == Taken(2, 1, 5_000, 0, went_back=False)
    assert await bench.journal.claims([ALPHA]) == [Claim(2, "bob", 1, alive=False)]


async def test_taking_brings_the_latest_time_forward(bench: Bench) -> None:
    await take(bench, "ann", at_ms=1_000)

    second = await take(bench, "bob", at_ms=9_000)

    assert second.at_ms == 9_000


@pytest.mark.parametrize("seen", [(0, ""), (1, "eve"), (2, "ann")])
async def test_who_saw_another_claim_takes_nothing(bench: Bench, seen: tuple[int, str]) -> None:
    await take(bench, "ann")

    taken = await bench.journal.take("bob", [Bid(ALPHA, *seen, 0, 0)], 2_000)

    assert taken == [None]
    assert await bench.journal.claims([ALPHA]) == [Claim(1, "ann", 0, alive=False)]


async def test_of_many_who_take_at_once_exactly_one_wins(bench: Bench) -> None:
    bid = Bid(ALPHA, 0, "", 0, 0)

    tries = [bench.journal.take(f"host-{number}", [bid], 1_000) for number in range(20)]
    won = [taken for taken in await asyncio.gather(*tries) if taken[0] is not None]

    assert len(won) == 1


async def test_an_owner_that_has_to_wait_is_not_settled_before_its_first_commit(
    bench: Bench,
) -> None:
    await bench.journal.take("ann", [Bid(ALPHA, 0, "", 0, 0, waits=True)], 1_000)
    waiting = await bench.journal.claims([ALPHA])
    await endings(bench, Commit(ALPHA, 1, "ann", 1, 2_000, []))

    assert waiting == [Claim(1, "ann", 0, alive=False, settled=False)]
    assert await bench.journal.claims([ALPHA]) == [Claim(1, "ann", 1, alive=False, settled=True)]


async def test_giving_up_while_waiting_settles_nothing(bench: Bench) -> None:
    await bench.journal.take("ann", [Bid(ALPHA, 0, "", 0, 0, waits=True)], 1_000)

    await bench.journal.release("ann", [(ALPHA, 1)])

    assert await bench.journal.claims([ALPHA]) == [Claim(1, "", 0, alive=False, settled=False)]


async def test_several_partitions_are_taken_in_one_call(bench: Bench) -> None:
    bids = [Bid(ALPHA, 0, "", 0, 0), Bid(BRAVO, 7, "eve", 0, 0)]

    taken = await bench.journal.take("ann", bids, 1_000)

    assert taken == [Taken(1, 0, 1_000, 0, went_back=False), None]


async def test_a_commit_does_everything_it_says(bench: Bench) -> None:
    taken = await take(bench, "ann")
    other = f"{record_prefix('alpha')}email:2"
    await endings(bench, commit(taken, "ann", put(b"old"), put(b"old", other)))

    ended = await endings(
        bench,
        commit(
            taken,
            "ann",
            put(b"new"),
            drop(other),
            mail("2-1", b"mail"),
            mail("2-2", b"more"),
            enlist("alpha"),
            seq=2,
        ),
    )

    assert ended == [Ending.COMMITTED]
    assert await read(bench, KEY, other) == [b"new", None]
    assert await bench.journal.outbox(ALPHA, "", 10) == [("2-1", b"mail"), ("2-2", b"more")]
    assert await bench.journal.roster("", 10) == ["alpha"]


async def test_mails_are_struck_and_storefronts_unlisted(bench: Bench) -> None:
    taken = await take(bench, "ann")
    writes = [mail("1-1"), mail("1-2"), enlist("alpha")]
    await endings(bench, commit(taken, "ann", *writes))

    strikes = [strike("1-1"), strike("0-9"), delist("alpha")]
    await endings(bench, commit(taken, "ann", *strikes, seq=2))

    assert await bench.journal.outbox(ALPHA, "", 10) == [("1-2", b"mail")]
    assert await bench.journal.roster("", 10) == []


async def test_an_empty_commit_counts(bench: Bench) -> None:
    taken = await take(bench, "ann")

    ended = await endings(bench, commit(taken, "ann"))

    assert ended == [Ending.COMMITTED]
    assert (await bench.journal.claims([ALPHA]))[0].seq == 1


async def test_a_superseded_owner_writes_nothing(bench: Bench) -> None:
    old = await take(bench, "ann")
    await take(bench, "bob")

    ended = await endings(bench, commit(old, "ann", put(b"stale")))

    assert ended == [Ending.FENCED]
    assert await read(bench, KEY) == [None]
    assert await bench.journal.claims([ALPHA]) == [Claim(2, "bob", 0, alive=False)]


async def test_the_right_epoch_in_the_wrong_hands_writes_nothing(bench: Bench) -> None:
    taken = await take(bench, "ann")

    ended = await endings(bench, commit(taken, "eve", put(b"forged")))

    assert ended == [Ending.FENCED]
    assert await read(bench, KEY) == [None]


async def test_who_released_a_partition_writes_nothing_any_more(bench: Bench) -> None:
    taken = await take(bench, "ann")
    await bench.journal.release("ann", [(ALPHA, taken.epoch)])

    ended = await endings(bench, commit(taken, "ann", put(b"late")))

    assert ended == [Ending.FENCED]
    assert await read(bench, KEY) == [None]


async def test_a_repeated_commit_is_told_so_and_not_applied_twice(bench: Bench) -> None:
    taken = await take(bench, "ann")
    first = commit(taken, "ann", put(b"first"), mail("1-1"))
    await endings(bench, first)

    ended = await endings(bench, first._replace(operations=[put(b"second"), mail("1-1")]))

    assert ended == [Ending.COMMITTED]
    assert await read(bench, KEY) == [b"first"]
    assert len(await bench.journal.outbox(ALPHA, "", 10)) == 1


async def test_a_commit_behind_the_store_is_refused(bench: Bench) -> None:
    taken = await take(bench, "ann")
    await endings(bench, commit(taken, "ann", put(b"1"), seq=1))
    await endings(bench, commit(taken, "ann", put(b"2"), seq=2))

    ended = await endings(bench, commit(taken, "ann", put(b"again"), seq=1))

    assert ended == [Ending.FENCED]
    assert await read(bench, KEY) == [b"2"]


@pytest.mark.parametrize(("epoch", "seq"), [(1, 2), (3, 1), (3, 9)])
async def test_a_store_behind_the_commit_went_back_in_time(
    bench: Bench, epoch: int, seq: int
) -> None:
    await take(bench, "ann")
    ahead = Commit(ALPHA, epoch, "ann", seq, 2_000, [put(b"lost")])

    ended = await endings(bench, ahead)

    assert ended == [Ending.WENT_BACK]
    assert await read(bench, KEY) == [None]


async def test_each_partition_of_a_flush_ends_for_itself(bench: Bench) -> None:
    alpha, bravo = await take(bench, "ann"), await take(bench, "ann", BRAVO)
    await take(bench, "bob", BRAVO)
    other = f"{record_prefix('bravo')}email:1"
    fenced = Commit(BRAVO, bravo.epoch, "ann", 1, 2_000, [put(b"bravo", other)])

    ended = await endings(bench, fenced, commit(alpha, "ann", put(b"alpha")))

    assert ended == [Ending.FENCED, Ending.COMMITTED]
    assert await read(bench, other, KEY) == [None, b"alpha"]


async def test_a_flush_of_many_calls_keeps_its_order(bench: Bench) -> None:
    partitions = range(0, PARTITIONS, 64)
    commits = []
    for partition in partitions:
        taken = await take(bench, "ann", partition)
        writes = [put(b"%d" % n, f"dw:{{{partition}}}:x:email:{n}") for n in range(100)]
        commits.append(Commit(partition, taken.epoch, "ann", 1, 2_000, writes))
    await take(bench, "bob", 64)

    ended = await endings(bench, *commits)

    assert sum(len(part.operations) for part in commits) > WRITES_PER_CALL
    assert ended == [Ending.COMMITTED, Ending.FENCED, Ending.COMMITTED, Ending.COMMITTED]
    assert await read(bench, "dw:{192}:x:email:99", "dw:{64}:x:email:99") == [b"99", None]


async def test_a_commit_larger_than_a_call_stays_whole(bench: Bench) -> None:
    taken = await take(bench, "ann")
    keys = [f"{record_prefix('alpha')}email:{n}" for n in range(WRITES_PER_CALL + 50)]

    ended = await endings(bench, commit(taken, "ann", *(put(b"1", key) for key in keys)))

    assert ended == [Ending.COMMITTED]
    assert await read(bench, *keys) == [b"1"] * len(keys)


async def test_reads_of_a_flush_see_its_commits(bench: Bench) -> None:
    taken = await take(bench, "ann")
    absent = f"{record_prefix('alpha')}email:absent"

    ended, found = await bench.journal.flush([commit(taken, "ann", put(b"fresh"))], [absent, KEY])

    assert ended == [Ending.COMMITTED]
    assert found == [None, b"fresh"]


async def test_a_flush_of_nothing_answers_nothing(bench: Bench) -> None:
    assert await bench.journal.flush([], []) == ([], [])


async def test_values_are_kept_byte_for_byte(bench: Bench) -> None:
    taken = await take(bench, "ann")
    value = bytes(range(256)) * 40

    await endings(bench, commit(taken, "ann", put(value)))

    assert await read(bench, KEY) == [value]


async def test_a_record_is_collected_after_its_time_and_no_other_is(bench: Bench) -> None:
    taken = await take(bench, "ann")
    kept = f"{record_prefix('alpha')}customer:1"

    await endings(bench, commit(taken, "ann", put(b"1", ttl_ms=90_000), put(b"1", kept)))

    assert 30_000 < await bench.ttl_ms(KEY) <= 90_000
    assert await bench.ttl_ms(kept) == -1


async def test_writing_for_good_ends_an_earlier_time_to_live(bench: Bench) -> None:
    taken = await take(bench, "ann")
    await endings(bench, commit(taken, "ann", put(b"1", ttl_ms=90_000)))

    await endings(bench, commit(taken, "ann", put(b"2"), seq=2))

    assert await bench.ttl_ms(KEY) == -1


@pytest.mark.parametrize("floor", [(0, 9), (7, 0), (7, 9)])
async def test_a_store_below_the_floor_burns_what_it_issued(
    bench: Bench, floor: tuple[int, int]
) -> None:
    first = await take(bench, "ann")
    await endings(bench, commit(first, "ann", put(b"1"), at_ms=5_000))

    taken = await bench.journal.take("bob", [Bid(ALPHA, 1, "ann", *floor)], 6_000)

    epoch = max(1, floor[0]) + 1
    assert taken == [Taken(epoch, max(1, floor[1]), 6_000, 6_000, went_back=True)]
    assert (await bench.journal.claims([ALPHA]))[0].epoch == epoch


async def test_what_is_burned_is_older_even_if_the_clock_was_set_back(bench: Bench) -> None:
    first = await take(bench, "ann")
    await endings(bench, commit(first, "ann", put(b"1"), at_ms=5_000))

    taken = await bench.journal.take("bob", [Bid(ALPHA, 1, "ann", 7, 0)], 4_000)

    assert taken == [Taken(8, 1, 5_001, 5_001, went_back=True)]


async def test_what_was_burned_stays_burned_for_later_owners(bench: Bench) -> None:
    first = await take(bench, "ann")
    await bench.journal.take("bob", [Bid(ALPHA, first.epoch, "ann", 5, 5)], 6_000)

    later = await take(bench, "cid", at_ms=9_000)

    assert later == Taken(7, 5, 9_000, 6_000, went_back=False)


async def test_a_store_at_the_floor_burns_nothing(bench: Bench) -> None:
    first = await take(bench, "ann")
    await endings(bench, commit(first, "ann"))

    taken = await bench.journal.take("ann", [Bid(ALPHA, 1, "ann", 1, 1)], 6_000)

    assert taken == [Taken(2, 1, 6_000, 0, went_back=False)]


async def test_the_sequence_goes_on_above_the_floor(bench: Bench) -> None:
    first = await take(bench, "ann")
    await bench.journal.take("bob", [Bid(ALPHA, first.epoch, "ann", 3, 40)], 6_000)

    ended = await endings(bench, Commit(ALPHA, 4, "bob", 41, 7_000, [put(b"on")]))

    assert ended == [Ending.COMMITTED]


async def test_an_owner_is_told_what_it_still_holds(bench: Bench) -> None:
    alpha, bravo = await take(bench, "ann"), await take(bench, "ann", BRAVO)
    await take(bench, "bob", BRAVO)
    held = [(ALPHA, alpha.epoch), (BRAVO, bravo.epoch)]

    verdicts = await bench.journal.confirm("ann", held, LEASE_MS)

    assert verdicts == [Ending.COMMITTED, Ending.FENCED]


async def test_an_owner_of_nothing_is_alive_all_the_same(bench: Bench) -> None:
    taken = await take(bench, "ann")

    verdicts = await bench.journal.confirm("ann", [], LEASE_MS)

    assert verdicts == []
    assert await bench.journal.claims([ALPHA]) == [Claim(taken.epoch, "ann", 0, alive=True)]


async def test_a_silent_host_is_not_alive(bench: Bench) -> None:
    taken = await take(bench, "ann")
    await bench.journal.confirm("ann", [(ALPHA, taken.epoch)], LEASE_MS)

    await bench.silence("ann")

    assert (await bench.journal.claims([ALPHA]))[0].alive is False


@pytest.mark.parametrize("owner", ["ann", "eve"])
async def test_an_owner_is_told_when_the_store_went_back(bench: Bench, owner: str) -> None:
    await take(bench, "ann")
    taken = await take(bench, "ann")
    await bench.set_back(ALPHA, epoch=1, owner=owner, seq=0)

    verdicts = await bench.journal.confirm("ann", [(ALPHA, taken.epoch)], LEASE_MS)

    assert verdicts == [Ending.WENT_BACK]


async def test_a_store_that_forgot_everything_went_back(bench: Bench) -> None:
    assert await bench.journal.confirm("ann", [(ALPHA, 3)], LEASE_MS) == [Ending.WENT_BACK]
    assert await endings(bench, Commit(ALPHA, 3, "ann", 8, 1, [put(b"1")])) == [Ending.WENT_BACK]


async def test_the_same_epoch_of_another_owner_is_not_held(bench: Bench) -> None:
    await take(bench, "ann")

    assert await bench.journal.confirm("eve", [(ALPHA, 1)], LEASE_MS) == [Ending.FENCED]


async def test_only_what_is_held_is_released(bench: Bench) -> None:
    alpha, bravo = await take(bench, "ann"), await take(bench, "ann", BRAVO)
    await take(bench, "bob", BRAVO)
    await bench.journal.confirm("ann", [], LEASE_MS)

    await bench.journal.release("ann", [(ALPHA, alpha.epoch), (BRAVO, bravo.epoch)])

    assert await bench.journal.claims([ALPHA, BRAVO]) == [
        Claim(1, "", 0, alive=False),
        Claim(2, "bob", 0, alive=False),
    ]


async def test_the_outbox_is_read_in_pages(bench: Bench) -> None:
    taken = await take(bench, "ann")
    mails = [mail(f"1-{n}", b"%d" % n) for n in range(1, 13)]
    await endings(bench, commit(taken, "ann", *mails))

    first = await bench.journal.outbox(ALPHA, "", 10)
    rest = await bench.journal.outbox(ALPHA, first[-1][0], 10)

    assert [mail_id for mail_id, _ in first] == [f"1-{n}" for n in range(1, 11)]
    assert rest == [("1-11", b"11"), ("1-12", b"12")]
    assert await bench.journal.outbox(BRAVO, "", 10) == []


async def test_the_roster_is_in_order_over_all_partitions(bench: Bench) -> None:
    slugs = ["delta", "alpha", "charlie", "bravo"]
    for slug in slugs:
        index = partition_of(slug)
        taken = await take(bench, "ann", index)
        listed = Commit(index, taken.epoch, "ann", taken.seq + 1, 1, [enlist(slug)])
        await endings(bench, listed)

    assert await bench.journal.roster("", 3) == ["alpha", "bravo", "charlie"]
    assert await bench.journal.roster("charlie", 3) == ["delta"]
    assert await bench.journal.roster("b", 1) == ["bravo"]


async def test_only_a_storefronts_own_records_are_named(bench: Bench) -> None:
    taken = await take(bench, "ann")
    own = [f"{record_prefix('alpha')}{name}" for name in ("email:1", "session:2", "traffic:")]
    foreign = f"dw:{{{ALPHA}}}:alpha-2:email:1"
    shared = f"dw:{{{ALPHA}}}:~:key-owner:1"
    keys = [*own, foreign, shared]
    await endings(bench, commit(taken, "ann", *(put(b"1", key) for key in keys)))

    names, complete = await bench.journal.names("alpha", 100)

    assert sorted(names) == ["email:1", "session:2", "traffic:"]
    assert complete


async def test_many_records_are_named_piece_by_piece(bench: Bench) -> None:
    taken = await take(bench, "ann")
    keys = [f"{record_prefix('alpha')}email:{n}" for n in range(2_500)]
    await endings(bench, commit(taken, "ann", *(put(b"1", key) for key in keys)))
    seq, rounds, complete = 1, 0, False

    while not complete:
        names, complete = await bench.journal.names("alpha", 500)
        gone = [drop(f"{record_prefix('alpha')}{name}") for name in names]
        seq, rounds = seq + 1, rounds + 1
        await endings(bench, commit(taken, "ann", *gone, seq=seq))

    assert rounds > 1
    assert await bench.journal.names("alpha", 500) == ([], True)


class CutWire:
    async def carry(self, work: Work[object], *, lane: bool = False) -> object:
        raise StoreUnreachable("cut")


async def test_every_call_on_a_store_that_does_not_answer_says_so(tmp_path: Path) -> None:
    async with client_of(tmp_path / "nobody") as nobody:
        cut = ModelJournal(ModelStore(lambda: 0), CutWire())  # type: ignore[arg-type]
        for journal in (RedisJournal(nobody), cut):
            for call in (
                journal.claims([ALPHA]),
                journal.outbox(ALPHA, "", 1),
                journal.roster("", 1),
                journal.names("alpha", 1),
                journal.flush([], [KEY]),
                journal.open(),
            ):
                with pytest.raises(StoreUnreachable):
                    await call


async def test_a_store_of_another_shape_is_refused(real: RedisBench) -> None:
    shape = ("id", "x", "partitions", 64, "format", "1")
    await real.ask(STORE_KEY, "HSET", STORE_KEY, *shape)

    with pytest.raises(StoreRefused, match="64 partitions"):
        await real.journal.open()


async def test_a_store_that_was_restarted_is_used_on_without_being_opened(
    real: RedisBench,
) -> None:
    await real.journal.open()
    await real.journal.claims([ALPHA])
    for client in await real.everywhere():
        await client.script_flush()

    with pytest.raises(StoreUnreachable):
        await real.journal.flush([Commit(ALPHA, 1, "ann", 1, 1, [])], [])
    await real.journal.claims([ALPHA])
    taken = await real.journal.take("ann", [Bid(ALPHA, 0, "", 0, 0)], 1_000)
    ended, _ = await real.journal.flush([Commit(ALPHA, 1, "ann", 1, 1, [])], [])

    assert taken == [Taken(1, 0, 1_000, 0, went_back=False)]
    assert ended == [Ending.COMMITTED]


async def test_a_store_that_answers_too_late_is_unreachable(real: RedisBench) -> None:
    await real.journal.open()
    hasty = RedisJournal(real.store, timeout_seconds=0.05)
    await real.ask(KEY, "CLIENT", "PAUSE", 300, "ALL")

    with pytest.raises(StoreUnreachable, match="TimeoutError"):
        await hasty.flush([], [KEY])
