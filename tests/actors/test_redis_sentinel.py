import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import cast

import pytest
import pytest_asyncio
import redis.asyncio as aioredis
from redis import exceptions

from doorward.actors.errors import StoreRefused, StoreUnreachable
from doorward.actors.journal import Ending
from doorward.actors.partitions import partition_key
from doorward.actors.redis_journal import RedisJournal
from doorward.actors.redis_sentinel import BehindSentinels, Master, Sentinels
from tests.actors import redis_fleet
from tests.actors.committing import Owner, record, unreachable
from tests.actors.redis_fleet import SERVICE, Watched
from tests.actors.redis_node import WAIT_SECONDS, until
from tests.actors.store_client import master_client

COMMITTED, WENT_BACK = Ending.COMMITTED, Ending.WENT_BACK
SOME = (1, 2, 3)


@pytest.fixture
def fleet() -> Iterator[Watched]:
    with redis_fleet.watched() as made:
        yield made


@pytest_asyncio.fixture
async def client(fleet: Watched) -> AsyncIterator[BehindSentinels]:
    async with master_client(fleet.url) as opened:
        yield opened


@pytest_asyncio.fixture
async def owner(client: BehindSentinels) -> Owner:
    journal = RedisJournal(client, timeout_seconds=WAIT_SECONDS)
    await journal.open()
    return await Owner(journal).take(*SOME)


async def confirmed_for_ever(owner: Owner) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            await owner.journal.confirm(owner.name, [], 60_000)


async def test_a_failover_is_followed_and_keeps_what_the_replica_had(
    owner: Owner, fleet: Watched
) -> None:
    await owner.put(b"kept", *SOME)
    until(lambda: fleet.replica("GET", record(3)) == b"kept", "the replica's copy")
    fleet.master.kill()

    await unreachable(owner.put(b"unknown", *SOME))
    fleet.fail_over()
    await owner.reached()
    taken = await owner.takes(*SOME)

    assert [found.went_back for found in taken] == [False] * 3
    assert await owner.read(*SOME) == [b"kept"] * 3
    await owner.take(*SOME)
    assert await owner.put(b"new", *SOME) == [COMMITTED] * 3
    assert fleet.master("GET", record(3)) == b"new"


async def test_an_answered_commit_that_the_new_master_lacks_is_noticed(
    owner: Owner, fleet: Watched
) -> None:
    await owner.put(b"kept", *SOME)
    until(lambda: fleet.replica("GET", record(3)) == b"kept", "the replica's copy")
    redis_fleet.cut_off(fleet.replica, fleet.master)
    await owner.put(b"lost", *SOME)
    fleet.master.kill()

    await unreachable(owner.put(b"unknown", *SOME))
    fleet.fail_over()
    await owner.reached()
    endings = await owner.put(b"later", *SOME)
    taken = await owner.takes(*SOME)

    assert endings == [WENT_BACK] * 3
    assert [found.went_back for found in taken] == [True] * 3
    assert await owner.read(*SOME) == [b"kept"] * 3


async def test_an_old_master_that_is_still_there_is_left_once_another_is_named(
    owner: Owner, fleet: Watched
) -> None:
    await owner.put(b"kept", *SOME)
    until(lambda: fleet.replica("GET", record(3)) == b"kept", "the replica's copy")
    fleet.fail_over()
    old_one_takes_on = await owner.put(b"lost", *SOME)

    with pytest.raises(StoreUnreachable):
        await confirmed_for_ever(owner)
    await owner.reached()
    taken = await owner.takes(*SOME)

    assert old_one_takes_on == [COMMITTED] * 3
    assert [found.went_back for found in taken] == [True] * 3
    assert await owner.read(*SOME) == [b"kept"] * 3
    assert fleet.master("HGET", partition_key(1), "epoch") == b"2"


async def test_a_master_that_is_changed_while_writes_are_paused_takes_nothing_along(
    owner: Owner, client: BehindSentinels, fleet: Watched
) -> None:
    await owner.put(b"kept", *SOME)
    until(lambda: fleet.replica("GET", record(3)) == b"kept", "the replica's copy")
    fleet.master("CLIENT", "PAUSE", 60_000, "WRITE")
    owner.journal = RedisJournal(client, timeout_seconds=0.2)

    await unreachable(owner.put(b"paused", *SOME))
    fleet.fail_over()
    owner.journal = RedisJournal(client, timeout_seconds=WAIT_SECONDS)
    await owner.reached()
    taken = await owner.takes(*SOME)

    assert [found.went_back for found in taken] == [False] * 3
    assert await owner.read(*SOME) == [b"kept"] * 3
    assert fleet.master("HGET", partition_key(1), "epoch") == b"2"


async def test_a_demoted_master_is_not_used_though_the_sentinel_still_names_it(
    owner: Owner, fleet: Watched
) -> None:
    old = fleet.master
    old("REPLICAOF", "127.0.0.1", fleet.replica.port)

    await unreachable(owner.put(b"refused", *SOME))
    await unreachable(owner.read(*SOME))
    await unreachable(owner.journal.claims(SOME))

    assert fleet.named() == old.port
    old("REPLICAOF", "NO", "ONE")
    await owner.take_again()
    assert await owner.put(b"new", *SOME) == [COMMITTED] * 3


async def test_a_sentinel_that_is_gone_or_frozen_is_passed_over(fleet: Watched) -> None:
    with redis_fleet.watched() as other:
        other.sentinel.freeze()
        url = f"redis+sentinel://127.0.0.1:1,{other.sentinel.name},{fleet.sentinel.name}/{SERVICE}"
        async with master_client(url) as client:
            journal = RedisJournal(client, timeout_seconds=WAIT_SECONDS)
            owner = await Owner(journal).take(*SOME)

            assert await owner.put(b"1", *SOME) == [COMMITTED] * 3
        other.sentinel.thaw()


async def test_without_a_sentinel_nobody_can_be_reached() -> None:
    async with master_client("redis+sentinel://127.0.0.1:1/doorward") as client:
        await unreachable(RedisJournal(client).open())


async def test_sentinels_that_are_gone_do_not_close_the_door(owner: Owner, fleet: Watched) -> None:
    held = [(1, owner.epochs[1])]
    await owner.put(b"0", *SOME)
    fleet.sentinel.kill()

    for _ in range(20):
        assert await owner.journal.confirm(owner.name, held, 60_000) == [COMMITTED]
        assert await owner.put(b"1", *SOME) == [COMMITTED] * 3


class Told:
    """A Sentinel that says what it is told to, or fails."""

    def __init__(
        self, *, port: int = 0, epoch: int = 0, chosen: int | None = None, **flags: bool
    ) -> None:
        self.state = {
            "ip": "192.0.2.1",
            "port": port,
            "config-epoch": epoch,
            "is_master": True,
            "is_sdown": False,
            "is_odown": False,
            **flags,
        }
        self.address = ("192.0.2.1", port if chosen is None else chosen)

    async def sentinel_master(self, service: str) -> dict[str, object]:
        assert service == SERVICE
        return self.state

    async def sentinel_get_master_addr_by_name(self, service: str) -> tuple[str, int]:
        assert service == SERVICE
        return self.address


class Slow(Told):
    async def sentinel_master(self, service: str) -> dict[str, object]:
        for _ in range(50):
            await asyncio.sleep(0)
        return await super().sentinel_master(service)


class Failing:
    def __init__(self, error: Exception | None) -> None:
        self.error = error

    async def sentinel_master(self, service: str) -> dict[str, object]:
        if self.error is None:
            await asyncio.Event().wait()
        raise self.error or AssertionError


def sentinels(*all_of_them: Told | Failing) -> Sentinels:
    return Sentinels(cast("list[aioredis.Redis]", list(all_of_them)), SERVICE)


async def test_the_answer_of_the_latest_failover_counts() -> None:
    asked = sentinels(Told(port=1, epoch=3), Told(port=2, epoch=4), Told(port=3, epoch=1))

    assert await asked.master() == Master("192.0.2.1", 2, 4)


async def test_one_sentinel_that_does_not_see_the_master_changes_nothing() -> None:
    asked = sentinels(Told(port=1, epoch=3, is_sdown=True), Told(port=1, epoch=3))

    assert await asked.master() == Master("192.0.2.1", 1, 3)


@pytest.mark.parametrize("flags", [{"is_sdown": True}, {"is_odown": True}, {"is_master": False}])
async def test_a_master_that_is_down_is_no_master_and_neither_is_the_one_before(
    flags: dict[str, bool],
) -> None:
    asked = sentinels(Told(port=1, epoch=3, **flags), Told(port=2, epoch=2))

    with pytest.raises(exceptions.ConnectionError, match="no other is chosen yet"):
        await asked.master()


async def test_a_replica_that_was_chosen_is_the_master_though_the_old_one_is_still_listed() -> None:
    asked = sentinels(Told(port=1, epoch=4, chosen=2, is_sdown=True, is_odown=True))

    assert await asked.master() == Master("192.0.2.1", 2, 4)


async def test_sentinels_that_do_not_answer_in_time_are_not_waited_for() -> None:
    asked = sentinels(Failing(None), Failing(exceptions.ConnectionError()), Told(port=7))

    assert await asked.master() == Master("192.0.2.1", 7, 0)


async def test_none_that_answers_is_no_refusal() -> None:
    with pytest.raises(exceptions.ConnectionError, match="no Sentinel answers"):
        await sentinels(Failing(exceptions.ConnectionError())).master()


async def test_the_first_that_answers_at_all_is_heard_when_none_does_in_good_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("doorward.actors.redis_asking.PATIENCE_SECONDS", 0.0)
    gone = Failing(exceptions.ConnectionError())

    assert await sentinels(Failing(None), gone, Slow(port=7)).master() == Master("192.0.2.1", 7, 0)


async def test_sentinels_that_know_no_such_service_are_refused() -> None:
    refusal = Failing(exceptions.ResponseError("No such master with that name"))

    with pytest.raises(StoreRefused, match=r"'doorward' \(No such master"):
        await sentinels(Failing(exceptions.ConnectionError()), refusal).master()


async def test_what_cannot_be_asked_is_no_news_of_another_master() -> None:
    for error in (exceptions.ConnectionError(), exceptions.ResponseError(), TimeoutError()):
        assert not await sentinels(Failing(error)).have_moved()
