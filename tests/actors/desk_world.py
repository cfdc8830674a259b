"""Storefronts without a host: turns on a plain dictionary, clock and chance the test's own."""

import random
from collections.abc import Callable

from doorward.actors.keyring import Keyring
from doorward.actors.ledger import Ledger
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.operator import PutStorefront, StorefrontDocument
from doorward.actors.opening import opened
from doorward.actors.partitions import partition_of, record_prefix, shared_prefix
from doorward.actors.post.mail import Mail
from doorward.actors.records.record import Record
from doorward.actors.storefront import decide
from doorward.actors.turns import Place, Turn

START_MS = 1_800_000_000_000


class _Everything:
    """A memory that holds all there is: what it does not hold does not exist."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}

    def knows(self, _key: str) -> bool:
        return True

    def look(self, key: str) -> Record | None:
        return self.records.get(key)


class DeskWorld:
    """Runs messages against storefronts, one turn each."""

    def __init__(self, seed: int = 0) -> None:
        self._memory = _Everything()
        self._random = random.Random(seed)
        self.place = Place(Keyring([bytes(32)]), public_url="https://door.example")
        self.now_ms = START_MS
        self.mails: list[Mail] = []

    def open(self, slug: str, policy: bytes = b"{}") -> None:
        document = StorefrontDocument(display_name=slug.title(), published=True, policy=policy)
        self.ask(slug, PutStorefront(document=document))

    def ask(self, slug: str, message: Request) -> Outcome:
        """Run one turn and take over what it staged."""
        ledger = Ledger(
            self._memory,
            {},
            prefix=record_prefix(slug),
            shared=shared_prefix(partition_of(slug)),
        )
        turn = Turn(slug, ledger, store_ms=self.now_ms, random=self._bytes(), place=self.place)
        outcome = decide(turn, message)
        for key, write in ledger.writes.items():
            if write.record is None:
                self._memory.records.pop(key, None)
            else:
                self._memory.records[key] = write.record
        jobs = [job for job in ledger.mails if not job.is_blank]
        made = [opened(job, self.place.keyring, at_ms=self.now_ms) for job in jobs]
        self.mails += [mail for mail in made if mail is not None]
        return outcome

    def _bytes(self) -> Callable[[int], bytes]:
        return self._random.randbytes
