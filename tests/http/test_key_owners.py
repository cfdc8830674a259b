"""Whose a key is: asked once, remembered within bounds, and never for keys that nobody has."""

import asyncio

from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.operator import FindKey, KeyFound
from doorward.actors.messages.refusals import NotFound
from doorward.actors.tokens import digest
from doorward.http.surfaces.key_owners import KeyOwners

KEYS = [f"pk_live_00000{number}_{'A' * 43}" for number in range(4)]


class Partitions:
    """Answers whose a key is, and notes how often it was asked."""

    def __init__(self, *known: str) -> None:
        self._owners = {digest(key): f"shop-{number}" for number, key in enumerate(known)}
        self.asked: list[str] = []

    def ask(self, slug: str, message: Request) -> "asyncio.Future[Outcome]":
        assert isinstance(message, FindKey)
        self.asked.append(slug)
        owner = self._owners.get(message.key_digest)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        future.set_result(NotFound() if owner is None else KeyFound(slug=owner))
        return future


async def test_a_key_is_asked_for_once() -> None:
    partitions = Partitions(KEYS[0])
    owners = KeyOwners(partitions)  # type: ignore[arg-type]

    found = [await owners.find(KEYS[0]) for _ in range(3)]

    assert found == [("shop-0", digest(KEYS[0]))] * 3
    assert len(partitions.asked) == 1


async def test_a_key_that_nobody_has_is_asked_for_every_time_for_it_may_be_made() -> None:
    partitions = Partitions()
    owners = KeyOwners(partitions)  # type: ignore[arg-type]

    assert [await owners.find(KEYS[0]) for _ in range(2)] == [None, None]
    assert len(partitions.asked) == 2


async def test_what_leads_to_no_partition_asks_nobody() -> None:
    partitions = Partitions()
    owners = KeyOwners(partitions)  # type: ignore[arg-type]

    assert await owners.find("pk_live_nothing") is None
    assert partitions.asked == []


async def test_so_many_keys_are_remembered_and_the_oldest_is_asked_for_again() -> None:
    partitions = Partitions(*KEYS)
    owners = KeyOwners(partitions, remembered=2)  # type: ignore[arg-type]

    for key in (*KEYS[:3], KEYS[2], KEYS[0]):
        assert await owners.find(key) is not None

    assert len(partitions.asked) == 4
