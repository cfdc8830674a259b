"""Serving: everything a process needs, opened in order, and closed in the reverse one.

The store first (folder, Redis, checks), then the storefronts, then the door. On SIGTERM readiness
goes off, the door stops accepting, what is in flight is finished and committed, the partitions are
given up, and Redis is shut down cleanly.
"""

import asyncio
import gc
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from doorward.actors import high_water
from doorward.actors.blobs.opening import open_blobs
from doorward.actors.blobs.store import BlobStore
from doorward.actors.clocks import boot_seconds
from doorward.actors.data_folder import DataFolder
from doorward.actors.keyring import KEY_BYTES, Keyring
from doorward.actors.ledger import Event
from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.post.smtp import SmtpTransport
from doorward.actors.redis_journal import RedisJournal
from doorward.actors.store_connection import connect
from doorward.actors.systems.embedded import EmbeddedSystem
from doorward.actors.systems.hosting import Wiring
from doorward.actors.tokens import base64url
from doorward.actors.turns import Place
from doorward.config.settings import Settings
from doorward.http.app import HEALTH, make_app
from doorward.http.demo import seed_demo
from doorward.http.edge.client_address import ClientAddress
from doorward.http.edge.runner import EdgeRunner
from doorward.http.hashing import HashingGate
from doorward.http.metrics import make_metrics_app
from doorward.http.proofs import Proofs

SHUTDOWN_SECONDS: Final = 10.0
OPERATOR_KEY_FILE: Final = "operator.key"
MASTER_KEY_FILE: Final = "master.key"
INCOMING: Final = "incoming"
_log = structlog.get_logger("doorward")


@dataclass(frozen=True, slots=True)
class Opened:
    """A server that is ready, as told to whoever started it."""

    url: str
    metrics_url: str
    operator_key_path: Path | None
    mailbox_url: str | None
    demo_slug: str | None


async def serve(settings: Settings, *, announce: Callable[[Opened], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: A setting cannot be worked with.
        DoorwardError: The folder is in use, or the store is missing, refused or unreachable.
        OSError: The port is taken, or the disk refused.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    async with AsyncExitStack() as stack:
        announce(await _open(settings, stack))
        _settle_garbage_collection()
        await stop.wait()
        _log.info("draining")


def _settle_garbage_collection() -> None:
    """Look for reference cycles less often, and never among what was there at the start.

    Requests leave next to no cycles behind, while every full pass walks all records in memory: at
    the default thresholds it took a seventh of the time of a server under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def _open(settings: Settings, stack: AsyncExitStack) -> Opened:
    folder = stack.enter_context(DataFolder.open(settings.store.data_dir))
    operator_key = _operator_key(settings, folder)
    mailbox = None if settings.mail.smtp_url else DevelopmentMailbox()
    blobs_url = settings.store.blobs_url
    blobs = await open_blobs(blobs_url.reveal() if blobs_url else None, folder.path, stack)
    keyring = _keyring(settings, folder)
    system = await _open_system(settings, folder, keyring, mailbox, blobs, stack)
    gate = HashingGate()
    stack.push_async_callback(gate.close)
    addresses = ClientAddress(settings.server.trusted_proxies)
    app = make_app(
        system,
        operator_key=operator_key,
        keyring=keyring,
        addresses=addresses,
        proofs=Proofs(blobs, folder.path / INCOMING),
        gate=gate,
        mailbox=mailbox if settings.server.listens_on_loopback else None,
        hosted_domain=settings.server.hosted_domain,
    )
    port = await _listen(app, settings, addresses, stack)
    metrics_port = await _listen_metrics(system, settings, stack)
    url = f"http://{_in_url(settings.server.host)}:{port}"
    demo = await seed_demo(system, folder.path) if settings.server.demo else None
    return Opened(
        url=url,
        metrics_url=f"http://127.0.0.1:{metrics_port}/metrics",
        operator_key_path=None if settings.keys.operator_key else folder.path / OPERATOR_KEY_FILE,
        mailbox_url=f"{url}/dev/mailbox"
        if mailbox and settings.server.listens_on_loopback
        else None,
        demo_slug=demo,
    )


async def _open_system(  # noqa: PLR0913, PLR0917 - the wiring of one object
    settings: Settings,
    folder: DataFolder,
    keyring: Keyring,
    mailbox: DevelopmentMailbox | None,
    blobs: BlobStore,
    stack: AsyncExitStack,
) -> EmbeddedSystem:
    client = await connect(settings.store, folder, stack)
    smtp_url = settings.mail.smtp_url
    transport = (
        SmtpTransport(smtp_url.reveal(), sender=settings.mail.mail_from)
        if smtp_url is not None
        else mailbox or DevelopmentMailbox()
    )
    system = await EmbeddedSystem.open(
        Wiring(
            journal=RedisJournal(client),
            place=Place(
                keyring,
                public_url=settings.server.public_url,
                hosted_domain=settings.server.hosted_domain,
                fallback_origin=_local_origin(settings.server.port),
            ),
            transport=transport,
            folder=folder.path,
            memory_bytes=settings.hosting.memory_records_mb * 1_000_000,
            mailbox_limit=settings.hosting.mailbox_limit,
            lease_seconds=settings.hosting.lease_seconds,
            on_event=log_event,
            on_trouble=Troubles(),
            # Nobody else can reach the embedded store: the folder's lock is ours.
            alone=settings.store.redis_url is None,
            blobs=blobs,
        )
    )
    stack.push_async_callback(system.close)
    return system


async def _listen(
    app: web.Application, settings: Settings, addresses: ClientAddress, stack: AsyncExitStack
) -> int:
    runner = EdgeRunner(
        app, addresses=addresses, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, settings.server.host, settings.server.port, backlog=1024).start()

    def drain() -> None:
        app[HEALTH].draining = True

    stack.callback(drain)
    return int(runner.addresses[0][1])


async def _listen_metrics(system: EmbeddedSystem, settings: Settings, stack: AsyncExitStack) -> int:
    runner = EdgeRunner(
        make_metrics_app(system),
        addresses=ClientAddress(),
        handle_signals=False,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, "127.0.0.1", settings.server.metrics_port).start()
    except OSError:
        # A second server on this machine must not fail over a port nobody's shoppers use.
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        _log.warning("metrics_port_taken", wanted=settings.server.metrics_port)
    return int(runner.addresses[0][1])


def _keyring(settings: Settings, folder: DataFolder) -> Keyring:
    given = settings.keys.master_keys
    if given:
        return Keyring(given.reveal())
    return Keyring((folder.lasting_secret(MASTER_KEY_FILE, KEY_BYTES, used_by=high_water.FILE),))


def _operator_key(settings: Settings, folder: DataFolder) -> str:
    given = settings.keys.operator_key
    return given.reveal() if given else base64url(folder.secret(OPERATOR_KEY_FILE, KEY_BYTES))


def _local_origin(port: int) -> str:
    """Name this server where nothing is configured; a port that is not chosen yet is left out."""
    return f"http://localhost:{port}" if port else "http://localhost"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def log_event(event: Event) -> None:
    """Write one event: its name, its storefront, its fields."""
    _log.info(event.name, storefront=event.slug, **event.fields)


class Troubles:
    """Logs what should not happen, the same thing at most once a second."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def __call__(self, what: str, error: BaseException | None) -> None:
        """Log a trouble and its cause; a cause's text may quote input, so its type is told."""
        now = boot_seconds()
        if now < self._told.get(what, 0.0) + 1.0:
            return
        self._told[what] = now
        cause = error.__cause__ if error is not None and error.__cause__ else error
        _log.error("trouble", what=what, cause=type(cause).__name__ if cause else None)
