"""An erasure on the real store and disk, and tokens taken on it by many at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest_asyncio
from redis import asyncio as aioredis

from doorward.actors.blobs.folder import FolderBlobs
from doorward.actors.blobs.store import BlobName
from doorward.actors.keyring import Keyring
from doorward.actors.messages.account import ActionTaken
from doorward.actors.messages.merchant import AddressDocument
from doorward.actors.messages.merchant_customers import (
    CustomerErased,
    CustomersFound,
    EraseCustomer,
    FindCustomer,
)
from doorward.actors.messages.operator import PutStorefront, StorefrontDocument
from doorward.actors.messages.orders import KeepProof, ProofKept
from doorward.actors.messages.refusals import NotFound
from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.records.orders import Proof
from doorward.actors.redis_journal import RedisJournal
from doorward.actors.systems.embedded import EmbeddedSystem
from doorward.actors.systems.hosting import Wiring
from doorward.actors.turns import Place
from tests.actors.aftermath import delivered, minted, taken, taking
from tests.actors.harness import EMAIL, MASTER_KEY, World
from tests.actors.ordering import by_token, get, write
from tests.actors.store_client import client_of

NAME, STREET, WORDS = "Ann Unmistakable", "Jalan Rahasia 17", "My cat is called Mochi"
HOME = AddressDocument(name=NAME, line1=STREET, city="Bandung", country="ID")
BLOB = "b" * 32


@pytest_asyncio.fixture
async def store(redis_socket: Path) -> AsyncIterator["aioredis.Redis"]:
    async with client_of(redis_socket) as redis:
        await redis.flushall()
        yield redis


@pytest_asyncio.fixture
async def system(store: "aioredis.Redis", tmp_path: Path) -> AsyncIterator[EmbeddedSystem]:
    wiring = Wiring(
        journal=RedisJournal(store),
        place=Place(Keyring((MASTER_KEY,))),
        transport=DevelopmentMailbox(),
        folder=tmp_path,
        memory_bytes=64_000_000,
        mailbox_limit=1_000,
        lease_seconds=3.0,
        on_event=lambda _event: None,
        on_trouble=lambda _what, _error: None,
        alone=True,
        blobs=FolderBlobs(tmp_path / "proofs"),
    )
    opened = await EmbeddedSystem.open(wiring)
    document = StorefrontDocument(
        display_name="Alpha", published=True, origin="https://alpha.example"
    )
    await opened.ask("alpha", PutStorefront(document=document))
    yield opened
    await opened.close()


async def everything(store: "aioredis.Redis") -> bytes:
    """Read all that the store holds, whatever its type."""
    found: list[object] = []
    for key in await store.keys():
        kind = await store.type(key)
        if kind == b"string":
            found += [key, await store.get(key)]
        elif kind == b"stream":
            found += [key, await store.xrange(key)]
        else:
            found.append(key)
    return repr(found).encode()


def lies_below(folder: Path) -> bool:
    return any(folder.rglob(BLOB))


async def test_an_erased_person_is_on_no_disk(
    system: EmbeddedSystem, store: "aioredis.Redis", tmp_path: Path
) -> None:
    world = cast("World", system)  # it is asked in the same words
    await taken(world, await minted(world, "confirm_email"))
    for number in range(20):
        await delivered(world, f"A-{number}", buyer_name=NAME, notes=WORDS, shipping_address=HOME)
        found = await get(world, f"A-{number}")
        await write(world, found.access_token, WORDS)
    draft = tmp_path / "draft"
    draft.write_bytes(b"picture")
    name = BlobName("alpha", found.order.id, BLOB)
    await FolderBlobs(tmp_path / "proofs").put(name, draft, "image/png")
    proof = Proof(BLOB, "image/png", 7, 0)
    kept = await by_token(world, found.access_token, KeepProof, proof=proof)
    assert isinstance(kept, ProofKept)
    known = await system.ask("alpha", FindCustomer(key_digest=None, email=EMAIL))
    assert isinstance(known, CustomersFound)
    (customer,) = known.items
    before = await everything(store)
    assert all(text.encode() in before for text in (EMAIL, NAME, STREET, WORDS))
    assert lies_below(tmp_path)

    message = EraseCustomer(key_digest=None, customer_id=customer.id)
    outcome = await system.erase_customer("alpha", message)

    assert outcome == CustomerErased(orders=20)
    after = await everything(store)
    assert [text for text in (EMAIL, NAME, STREET, WORDS) if text.encode() in after] == []
    assert not lies_below(tmp_path)
    assert await system.erase_customer("alpha", message) == NotFound()


async def test_of_fifty_takers_of_a_token_one_acts(system: EmbeddedSystem) -> None:
    world = cast("World", system)
    await delivered(world)
    token = await minted(world, "start_return", {"orderNumber": "A-1"})

    outcomes = await asyncio.gather(*(system.ask("alpha", taking(token)) for _ in range(50)))

    assert sum(isinstance(outcome, ActionTaken) for outcome in outcomes) == 1
    assert outcomes.count(NotFound()) == 49
