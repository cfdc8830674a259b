"""A whole server in this process: a real store, a real socket, and its insides to look at."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import redis.asyncio as aioredis
from aiohttp import web

from doorward.actors.blobs.folder import FolderBlobs
from doorward.actors.keyring import Keyring
from doorward.actors.ledger import Event
from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.redis_journal import RedisJournal
from doorward.actors.systems.embedded import EmbeddedSystem
from doorward.actors.systems.hosting import Wiring
from doorward.actors.turns import Place
from doorward.http.app import make_app
from doorward.http.edge.client_address import ClientAddress
from doorward.http.edge.runner import EdgeRunner
from doorward.http.edge.uploads import Allowance
from doorward.http.hashing import HashingGate
from doorward.http.proofs import Proofs
from tests.actors.store_client import client_of
from tests.http.knocking import Client, bearer, client_from
from tests.http.store_server import StoreServer

OPERATOR_KEY: Final = "operator-key-of-the-tests-0123456789abcdef"
MASTER_KEY: Final = bytes(range(32))
STOREFRONTS: Final = "/api/v1/operator/storefronts"


@dataclass(frozen=True)
class Setup:
    """What a test may want otherwise than it is on one's own machine."""

    public_url: str | None = None
    hosted_domain: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    memory_bytes: int = 24_000_000
    mailbox_limit: int = 1_024
    lease_seconds: float = 3.0
    upload: Allowance | None = None
    gate: HashingGate | None = None


@dataclass(frozen=True)
class Door:
    """A server that is open, and what can be seen of it from inside."""

    client: Client
    system: EmbeddedSystem
    app: web.Application
    store: "aioredis.Redis"
    mailbox: DevelopmentMailbox
    folder: Path
    events: list[Event] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.client.url

    async def keys(self) -> list[bytes]:
        """List every key in the store but the hosts' signs of life."""
        found = [bytes(key) for key in await self.store.keys() if isinstance(key, bytes)]
        return sorted(key for key in found if not key.startswith(b"dw:host:"))

    async def operate(
        self, method: str, path: str = "", body: object = None, *, status: int | None = None
    ) -> dict[str, object]:
        """Make an operator call that must succeed."""
        answer = await self.client(method, f"{STOREFRONTS}{path}", body, [bearer(OPERATOR_KEY)])
        assert answer.status == status if status else answer.status < 300, answer.body
        found: dict[str, object] = answer.body if answer.raw else {}
        return found


@asynccontextmanager
async def opened(store: StoreServer, folder: Path, setup: Setup) -> AsyncIterator[Door]:
    """Open a door on ``store``, as ``doorward.http.serving`` does."""
    events: list[Event] = []
    troubles: list[str] = []
    mailbox = DevelopmentMailbox()
    blobs = FolderBlobs(folder / "proofs")
    async with client_of(store.socket) as redis:
        system = await EmbeddedSystem.open(
            Wiring(
                journal=RedisJournal(redis),
                place=Place(
                    Keyring((MASTER_KEY,)),
                    public_url=setup.public_url,
                    hosted_domain=setup.hosted_domain,
                ),
                transport=mailbox,
                blobs=blobs,
                folder=folder,
                memory_bytes=setup.memory_bytes,
                mailbox_limit=setup.mailbox_limit,
                lease_seconds=setup.lease_seconds,
                on_event=events.append,
                on_trouble=lambda what, _error: troubles.append(what),
            )
        )
        addresses = ClientAddress(setup.trusted_proxies)
        gate = setup.gate or HashingGate()
        proofs = Proofs(blobs, folder / "incoming", allowance=setup.upload)
        app = make_app(
            system,
            operator_key=OPERATOR_KEY,
            keyring=Keyring((MASTER_KEY,)),
            addresses=addresses,
            proofs=proofs,
            gate=gate,
            mailbox=mailbox,
            hosted_domain=setup.hosted_domain,
        )
        runner = EdgeRunner(app, addresses=addresses, handle_signals=False, shutdown_timeout=5)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            async with client_from(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
                yield Door(client, system, app, redis, mailbox, folder, events, troubles)
        finally:
            await runner.cleanup()
            await gate.close()
            await system.close()
