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

from doorward.config.settings import Settings
from doorward.http.app import HEALTH, make_app
from doorward.http.demo import seed_demo
from doorward.http.edge.client_address import ClientAddress
from doorward.http.edge.runner import EdgeRunner
from doorward.http.hashing import HashingGate
from doorward.http.metrics import make_metrics_app
from doorward.http.opening import OPERATOR_KEY_FILE, Behind, open_behind
from doorward.http.proofs import Proofs

SHUTDOWN_SECONDS: Final = 10.0
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
    behind = await open_behind(settings, stack)
    gate = HashingGate()
    stack.push_async_callback(gate.close)
    addresses = ClientAddress(settings.server.trusted_proxies)
    mailbox = behind.mailbox if settings.server.listens_on_loopback else None
    app = make_app(
        behind.system,
        operator_key=behind.operator_key,
        keyring=behind.keyring,
        addresses=addresses,
        proofs=Proofs(behind.blobs, behind.folder / INCOMING),
        gate=gate,
        mailbox=mailbox,
        hosted_domain=settings.server.hosted_domain,
    )
    port = await _listen(app, settings, addresses, stack, shares_port=not behind.is_alone)
    metrics_port = await _listen_metrics(behind, settings, stack)
    url = f"http://{_in_url(settings.server.host)}:{port}"
    wants_demo = settings.server.demo and behind.is_alone
    keys = behind.keys_folder
    return Opened(
        url=url,
        metrics_url=f"http://127.0.0.1:{metrics_port}/metrics",
        operator_key_path=keys / OPERATOR_KEY_FILE if keys is not None else None,
        mailbox_url=f"{url}/dev/mailbox" if mailbox is not None else None,
        demo_slug=await seed_demo(behind.system, behind.folder) if wants_demo else None,
    )


async def _listen(
    app: web.Application,
    settings: Settings,
    addresses: ClientAddress,
    stack: AsyncExitStack,
    *,
    shares_port: bool,
) -> int:
    runner = EdgeRunner(
        app, addresses=addresses, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(
        runner,
        settings.server.host,
        settings.server.port,
        backlog=1024,
        # Several processes of a cluster may serve one port; the kernel spreads connections.
        reuse_port=shares_port,
    ).start()

    def drain() -> None:
        app[HEALTH].draining = True

    stack.callback(drain)
    return int(runner.addresses[0][1])


async def _listen_metrics(behind: Behind, settings: Settings, stack: AsyncExitStack) -> int:
    runner = EdgeRunner(
        make_metrics_app(behind.figures, behind.ask_hosts),
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


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
