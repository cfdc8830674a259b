"""A whole system on each kind of store: people sign in, and a failover is survived."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from doorward.actors import tokens
from doorward.actors.errors import Unavailable
from doorward.actors.keyring import Keyring
from doorward.actors.messages.envelope import Outcome, Presented, Request
from doorward.actors.messages.operator import PutStorefront, StorefrontDocument
from doorward.actors.messages.sign_in import (
    CodeSent,
    Me,
    ReadMe,
    RequestCode,
    SignedIn,
    SignInRefused,
    VerifyCode,
)
from doorward.actors.partitions import partition_key, partition_of
from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.redis_journal import RedisJournal
from doorward.actors.redis_shards import Shards
from doorward.actors.systems.embedded import EmbeddedSystem
from doorward.actors.systems.hosting import Wiring
from doorward.actors.turns import Place
from tests.actors import redis_fleet
from tests.actors.harness import CALLER, EMAIL, MASTER_KEY
from tests.actors.redis_fleet import Cluster, Watched
from tests.actors.redis_node import WAIT_SECONDS, until
from tests.actors.store_client import cluster_client, master_client

SLUGS = ("alpha", "bravo", "charlie", "delta", "echo-shop", "foxtrot")


class Door:
    """A system, and the mail it sent."""

    def __init__(self, system: EmbeddedSystem, mailbox: DevelopmentMailbox) -> None:
        self.system = system
        self.mailbox = mailbox

    async def ask(self, slug: str, message: Request) -> Outcome:
        """Ask until there is an answer, as somebody does who is told to come again."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                try:
                    return await self.system.ask(slug, message)
                except Unavailable:
                    await asyncio.sleep(0)

    async def furnish(self, slug: str) -> None:
        document = StorefrontDocument(
            display_name=slug, published=True, origin=f"https://{slug}.example"
        )
        await self.ask(slug, PutStorefront(document=document))

    async def code(self, slug: str) -> str:
        sent = await self.ask(slug, RequestCode(email=EMAIL, caller=CALLER))
        assert isinstance(sent, CodeSent)
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                mails = self.mailbox.newest(to=EMAIL, storefront=slug)
                if mails and mails[0].code is not None:
                    return mails[0].code
                await asyncio.sleep(0)

    async def verify(self, slug: str, code: str) -> Outcome:
        return await self.ask(slug, VerifyCode(email=EMAIL, code=code, caller=CALLER))

    async def email_of(self, slug: str, session: str) -> str | None:
        presented = Presented(secure=tokens.digest(session))
        me = await self.ask(slug, ReadMe(caller=CALLER, session=presented))
        assert isinstance(me, Me)
        return me.customer.email if me.customer is not None else None


@asynccontextmanager
async def door(
    store: Shards, folder: Path, troubles: list[str] | None = None
) -> AsyncIterator[Door]:
    mailbox = DevelopmentMailbox()
    told: list[str] = [] if troubles is None else troubles
    system = await EmbeddedSystem.open(
        Wiring(
            journal=RedisJournal(store),
            place=Place(Keyring((MASTER_KEY,))),
            transport=mailbox,
            folder=folder,
            memory_bytes=64_000_000,
            mailbox_limit=1_000,
            lease_seconds=1.0,
            on_event=lambda _event: None,
            on_trouble=lambda what, _error: told.append(what),
        )
    )
    try:
        yield Door(system, mailbox)
    finally:
        await system.close()


@pytest.fixture
def fleet() -> Iterator[Watched]:
    with redis_fleet.watched() as made:
        yield made


async def test_people_sign_in_to_storefronts_on_every_node_of_a_cluster(
    redis_cluster: Cluster, tmp_path: Path
) -> None:
    for node in redis_cluster.masters:
        node("FLUSHALL")
    troubles: list[str] = []
    async with (
        cluster_client(redis_cluster.url) as store,
        door(store, tmp_path, troubles) as opened,
    ):
        for slug in SLUGS:
            await opened.furnish(slug)
            signed_in = await opened.verify(slug, await opened.code(slug))
            assert isinstance(signed_in, SignedIn)

            assert await opened.email_of(slug, signed_in.secret) == EMAIL
        listed = await opened.system.roster("", 100)
        await opened.system.erase("alpha")

        assert listed == sorted(SLUGS)
        assert await opened.system.roster("", 100) == sorted(SLUGS)[1:]
        assert await RedisJournal(store).names("alpha", 10) == ([], True)
        assert troubles == []
    keepers = {redis_cluster.keeper_of(partition_key(partition_of(slug))).name for slug in SLUGS}
    assert len(keepers) == len(redis_cluster.masters)


async def test_a_session_outlives_a_failover_by_sentinel(fleet: Watched, tmp_path: Path) -> None:
    async with master_client(fleet.url) as store, door(store, tmp_path) as opened:
        await opened.furnish("alpha")
        signed_in = await opened.verify("alpha", await opened.code("alpha"))
        assert isinstance(signed_in, SignedIn)
        written = fleet.master("INFO", "replication")["master_repl_offset"]
        until(lambda: replicated(fleet) >= written, "the replica's copy")
        fleet.master.kill()

        with pytest.raises(Unavailable):
            await opened.system.ask("alpha", RequestCode(email=EMAIL, caller=CALLER))
        fleet.fail_over()

        assert await opened.email_of("alpha", signed_in.secret) == EMAIL
        assert isinstance(
            await opened.ask("alpha", RequestCode(email=EMAIL, caller=CALLER)), CodeSent
        )
        assert opened.system.ownership.rollbacks == 0


async def test_a_code_that_was_used_is_not_good_again_when_a_failover_forgets_its_use(
    fleet: Watched, tmp_path: Path
) -> None:
    troubles: list[str] = []
    async with master_client(fleet.url) as store, door(store, tmp_path, troubles) as opened:
        await opened.furnish("alpha")
        code = await opened.code("alpha")
        written = fleet.master("INFO", "replication")["master_repl_offset"]
        until(lambda: replicated(fleet) >= written, "the replica's copy")
        redis_fleet.cut_off(fleet.replica, fleet.master)
        signed_in = await opened.verify("alpha", code)
        assert isinstance(signed_in, SignedIn)
        fleet.master.kill()
        fleet.fail_over()

        again = await opened.verify("alpha", code)

        assert isinstance(again, SignInRefused)
        assert opened.system.ownership.rollbacks > 0
        assert "the store went back in time: codes are burned" in troubles


def replicated(fleet: Watched) -> int:
    return int(fleet.replica("INFO", "replication")["slave_repl_offset"])
