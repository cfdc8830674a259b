"""Real server processes: their settings, signals, logs and figures, and how they are asked."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from doorward.actors.tokens import base64url
from tests.http.cli.running_server import RunningServer, running_server
from tests.http.doors import MASTER_KEY, OPERATOR_KEY, STOREFRONTS
from tests.http.knocking import Client, bearer, client_from
from tests.http.shops import Storefront

DEADLINE_SECONDS: Final = 30.0
SETTINGS: Final = {
    "DOORWARD_OPERATOR_KEY": OPERATOR_KEY,
    "DOORWARD_MASTER_KEY": base64url(MASTER_KEY),
    "DOORWARD_DEMO": "0",
    "DOORWARD_LEASE_SECONDS": "1",
    "DOORWARD_LOG_FORMAT": "json",
}
UNHINDERED: Final = {
    "codes": {"perAddressPerMinute": 100_000, "perStorefrontPerMinute": 100_000},
    "verifications": {"perAddressPerMinute": 100_000, "perStorefrontPerMinute": 100_000},
    "guesses": {"perStorefrontPerHour": 100_000},
}
"""A policy that lets one address send any load, with every budget of an email as usual."""


class Server:
    """One ``doorward serve``, and a client of it."""

    def __init__(self, running: RunningServer, client: Client) -> None:
        self._running = running
        self.client = client

    @property
    def pid(self) -> int:
        return self._running.process.pid

    def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    async def end(self) -> int:
        """Ask it to end, and return its status when it has."""
        return await asyncio.to_thread(self._running.end)

    def output(self) -> str:
        """Return all it has said so far: greeting and log."""
        return self._running.output.read() + self._running.log.read()

    def log(self, event: str = "") -> list[dict[str, Any]]:
        """Return the lines of its log, of one event if it is named."""
        lines = [json.loads(line) for line in self._running.log.read().splitlines()]
        return [line for line in lines if event in {"", line["event"]}]

    def redis_pid(self) -> int:
        """Return the process of its embedded Redis."""
        (pid,) = [pid for pid, parent in parents().items() if parent == self.pid]
        return pid

    async def until_ready(self, *, ready: bool = True) -> float:
        """Ask until it is (or is no longer) ready; return how long that took in seconds."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(DEADLINE_SECONDS):
            while (await self.client.get("/readyz")).status != (200 if ready else 503):
                pass
        return loop.time() - began

    async def metric(self, name: str) -> float:
        """Read one figure of its metrics."""
        origin, _, path = self._running.told("Metrics").rpartition("/")
        async with client_from(origin) as client:
            answer = await client.get(f"/{path}")
        lines = dict(line.rsplit(" ", 1) for line in answer.raw.decode().splitlines())
        return float(lines[name])

    async def open_storefront(self, slug: str, **document: object) -> None:
        given = {"displayName": "Toko", "published": True, "policy": UNHINDERED, **document}
        headers = [bearer(OPERATOR_KEY)]
        put = await self.client("PUT", f"{STOREFRONTS}/{slug}", given, headers)
        assert put.status == 201, put.body

    async def open_sandbox(self, slug: str = "sandbox") -> Storefront:
        """Make a sandbox storefront and a secret key to it."""
        await self.open_storefront(slug, sandbox=True)
        body = {"kind": "secret", "name": "tests"}
        headers = [bearer(OPERATOR_KEY)]
        made = await self.client.post(f"{STOREFRONTS}/{slug}/keys", body, headers)
        return Storefront(self.client, slug, str(made.body["key"]))

    def storefront(self, known: Storefront) -> Storefront:
        """Return a storefront that another server was asked to make."""
        return Storefront(self.client, known.slug, known.key)


@asynccontextmanager
async def serving(folder: Path, **settings: str) -> AsyncIterator[Server]:
    """Serve from ``folder/data`` until the end of the block, then kill what still runs."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    running = running_server(folder, environ=SETTINGS | settings)
    started = await asyncio.to_thread(running.__enter__)
    try:
        async with client_from(started.origin) as client:
            yield Server(started, client)
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


def parents() -> dict[int, int]:
    """Tell every living process' parent."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may hold anything; state and parent follow the last one.
            state, parent = stat.read_text().rpartition(") ")[2].split()[:2]
        except OSError:
            continue  # it ended meanwhile
        if state != "Z":
            found[int(stat.parent.name)] = int(parent)
    return found
