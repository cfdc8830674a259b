"""When mails leave: a moment after the answer, so that nobody times by them who is known."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from doorward.actors.keyring import Keyring
from doorward.actors.messages.account import Requested, RequestSignIn
from doorward.actors.messages.operator import PutStorefront, StorefrontDocument
from doorward.actors.messages.sign_in import CodeSent, RequestCode
from doorward.actors.post.mail import Mail
from doorward.actors.redis_journal import RedisJournal
from doorward.actors.systems.embedded import EmbeddedSystem
from doorward.actors.systems.hosting import Wiring
from doorward.actors.turns import Place
from tests.actors.harness import CALLER, EMAIL, MASTER_KEY
from tests.actors.store_client import client_of

LEAST_SECONDS = 0.05


class Carrier:
    """Takes mails, and notes when the first one came."""

    def __init__(self) -> None:
        self.first: asyncio.Future[tuple[float, Mail]] = asyncio.get_running_loop().create_future()
        self.carried: list[Mail] = []

    async def send(self, mail: Mail) -> None:
        self.carried.append(mail)
        if not self.first.done():
            self.first.set_result((asyncio.get_running_loop().time(), mail))

    async def close(self) -> None:
        """Nothing is held."""


@asynccontextmanager
async def opened(socket: Path, folder: Path, carrier: Carrier) -> AsyncIterator[EmbeddedSystem]:
    async with client_of(socket) as redis:
        system = await EmbeddedSystem.open(
            Wiring(
                journal=RedisJournal(redis),
                place=Place(Keyring((MASTER_KEY,))),
                transport=carrier,
                folder=folder,
                memory_bytes=64_000_000,
                mailbox_limit=1_000,
                lease_seconds=3.0,
                on_event=lambda _event: None,
                on_trouble=lambda _what, _error: None,
                alone=True,
            )
        )
        try:
            yield system
        finally:
            await system.close()


async def furnish(system: EmbeddedSystem, slug: str) -> None:
    document = StorefrontDocument(
        display_name=slug, published=True, origin=f"https://{slug}.example"
    )
    await system.ask(slug, PutStorefront(document=document))


async def test_a_mail_leaves_a_moment_after_the_answer(redis_socket: Path, tmp_path: Path) -> None:
    carrier = Carrier()
    async with opened(redis_socket, tmp_path, carrier) as system:
        await furnish(system, "mails-later")
        asked_at = asyncio.get_running_loop().time()

        sent = await system.ask("mails-later", RequestCode(email=EMAIL, caller=CALLER))

        assert isinstance(sent, CodeSent)
        assert carrier.carried == []
        came_at, mail = await asyncio.wait_for(carrier.first, 20)
        assert mail.to == EMAIL
        assert came_at - asked_at >= LEAST_SECONDS


async def test_a_mail_that_waits_when_the_system_closes_is_sent_by_the_next(
    redis_socket: Path, tmp_path: Path
) -> None:
    early = Carrier()
    async with opened(redis_socket, tmp_path, early) as system:
        await furnish(system, "mails-next")
        await system.ask("mails-next", RequestCode(email=EMAIL, caller=CALLER))

    late = Carrier()
    async with opened(redis_socket, tmp_path, late):
        _, mail = await asyncio.wait_for(late.first, 20)

    assert early.carried == []
    assert mail.to == EMAIL


async def test_nobody_who_is_not_known_is_mailed(redis_socket: Path, tmp_path: Path) -> None:
    carrier = Carrier()
    async with opened(redis_socket, tmp_path, carrier) as system:
        await furnish(system, "mails-none")
        unknown = RequestSignIn(email="stranger@example.org", caller=CALLER, with_link=True)

        assert isinstance(await system.ask("mails-none", unknown), Requested)
        await system.ask("mails-none", RequestCode(email=EMAIL, caller=CALLER))
        await asyncio.wait_for(carrier.first, 20)

    again = Carrier()
    async with opened(redis_socket, tmp_path, again) as system:
        await system.ask("mails-none", RequestCode(email="bea@example.org", caller=CALLER))
        await asyncio.wait_for(again.first, 20)

    assert {mail.to for mail in [*carrier.carried, *again.carried]} <= {EMAIL, "bea@example.org"}
