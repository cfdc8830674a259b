from collections.abc import AsyncIterator
from random import Random

import pytest
import pytest_asyncio
import redis.asyncio as aioredis

from doorward.actors.journal import Bid, Commit, Journal, Operation
from doorward.actors.partitions import outbox_key, partition_key, roster_key
from doorward.actors.redis_cluster import RedisCluster
from doorward.actors.redis_journal import RedisJournal
from doorward.actors.redis_shards import OneServer
from tests.actors.simulation.model_journal import ModelJournal
from tests.actors.simulation.model_store import ModelStore, Row
from tests.actors.store_client import client_of, cluster_client

PARTITIONS = (3, 4)  # on two nodes of a cluster of three
OWNERS = ("ann", "bob")
KEYS = ("email:1", "email:2", "session:3")
STEPS = 150


@pytest_asyncio.fixture
async def store(
    request: pytest.FixtureRequest, kind: str
) -> AsyncIterator["aioredis.Redis | RedisCluster"]:
    if kind == "cluster":
        async with cluster_client(request.getfixturevalue("redis_cluster").url) as cluster:
            for client in (await cluster.masters())[1].values():
                await client.flushall()
            yield cluster
        return
    async with client_of(request.getfixturevalue("redis_socket")) as opened:
        await opened.flushall()
        yield opened


class Dice:
    """Makes calls that are mostly right, and wrong in every way there is."""

    def __init__(self, seed: int, store: ModelStore) -> None:
        self.random = Random(seed)
        self.store = store

    async def call(self, *journals: Journal) -> list[object]:
        """Make one call on every journal and return what each said."""
        kind = self.random.choice(("commit", "commit", "commit", "take", "confirm", "release"))
        made = getattr(self, f"{kind}_arguments")()
        return [
            await getattr(journal, "flush" if kind == "commit" else kind)(*made)
            for journal in journals
        ]

    def commit_arguments(self) -> tuple[list[Commit], list[str]]:
        chosen = self.random.sample(PARTITIONS, self.random.randint(1, len(PARTITIONS)))
        reads = [f"dw:{{{partition}}}:x:{key}" for partition in chosen for key in KEYS]
        return [self.commit(partition) for partition in chosen], reads

    def commit(self, partition: int) -> Commit:
        row = self.store.row(partition)
        epoch = max(0, row.epoch + self.random.choice((0, 0, 0, 0, -1, 1)))
        owner = self.random.choice((row.owner or "eve", row.owner or "eve", *OWNERS))
        seq = max(0, row.seq + self.random.choice((1, 1, 1, 1, 0, -1, 2)))
        operations = [self.operation(partition, seq, n) for n in range(self.random.randint(0, 4))]
        return Commit(partition, epoch, owner, seq, self.random.randint(1, 9_999), operations)

    def operation(self, partition: int, seq: int, number: int) -> Operation:
        key = f"dw:{{{partition}}}:x:{self.random.choice(KEYS)}"
        value = self.random.randbytes(4)
        mail_id = f"{self.random.randint(0, seq)}-{number + 1}"
        return self.random.choice(
            (
                ("s", key, value, 0),
                ("s", key, value, 3_600_000),
                ("d", key, b"", 0),
                ("m", outbox_key(partition), value, f"{seq}-{number + 1}"),
                ("x", outbox_key(partition), b"", mail_id),
                ("l", roster_key(partition), self.random.choice(OWNERS).encode(), 0),
                ("u", roster_key(partition), self.random.choice(OWNERS).encode(), 0),
            )
        )

    def take_arguments(self) -> tuple[str, list[Bid], int]:
        bids = []
        for partition in self.random.sample(PARTITIONS, self.random.randint(1, len(PARTITIONS))):
            row = self.store.row(partition)
            seen_epoch = row.epoch + self.random.choice((0, 0, 0, 1))
            floors = (self.random.randint(0, row.epoch + 1), self.random.randint(0, row.seq + 1))
            seen_owner = self.random.choice((row.owner, row.owner, row.owner, "eve"))
            waits = self.random.choice((False, True))
            bids.append(Bid(partition, seen_epoch, seen_owner, *floors, waits=waits))
        return self.random.choice(OWNERS), bids, self.random.randint(1, 9_999)

    def confirm_arguments(self) -> tuple[str, list[tuple[int, int]], int]:
        return (*self.release_arguments(), 3_600_000)

    def release_arguments(self) -> tuple[str, list[tuple[int, int]]]:
        epochs = [self.store.row(p).epoch + self.random.choice((0, 0, -1, 1)) for p in PARTITIONS]
        return self.random.choice(OWNERS), list(zip(PARTITIONS, epochs, strict=True))


async def real_row(store: "aioredis.Redis | RedisCluster", partition: int) -> Row:
    key = partition_key(partition)
    shards = OneServer(store) if isinstance(store, aioredis.Redis) else store
    (held,) = await shards.ask([(key, ("HGETALL", key))])
    return Row(
        int(held.get(b"epoch", 0)),
        held.get(b"owner", b"").decode(),
        int(held.get(b"seq", 0)),
        int(held.get(b"at", 0)),
        int(held.get(b"burned", 0)),
        held.get(b"settled") != b"0",
    )


@pytest.mark.parametrize(
    ("kind", "seed"),
    [("redis", seed) for seed in range(12)] + [("cluster", seed) for seed in range(4)],
)
async def test_the_model_answers_like_the_real_store_whatever_is_asked(
    store: "aioredis.Redis | RedisCluster", kind: str, seed: int
) -> None:
    real = RedisJournal(store, timeout_seconds=20)
    await real.open()
    await real.claims([])
    model_store = ModelStore(lambda: 1)
    model, dice = ModelJournal(model_store), Dice(seed, model_store)

    for step in range(STEPS):
        said = await dice.call(real, model)
        said += [await real.claims(PARTITIONS), await model.claims(PARTITIONS)]

        assert said[0::2] == said[1::2], f"{kind}, seed {seed}, step {step}"
    rows = [await real_row(store, partition) for partition in PARTITIONS]
    assert rows == [model_store.row(partition) for partition in PARTITIONS]
    assert await real.roster("", 10) == await model.roster("", 10)
    for partition in PARTITIONS:
        mails = await real.outbox(partition, "", 1_000)
        assert mails == await model.outbox(partition, "", 1_000)
