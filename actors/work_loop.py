"""The working loop of a host: cycles while there is work, tending in between.

The lease is renewed here and nowhere else, so a host that does not work does not stay the owner.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from doorward.actors.errors import StoreUnreachable
from doorward.actors.host import Host
from doorward.actors.messages.envelope import Outcome, Request

TICK_SECONDS: Final = 0.1
"""How often a quiet host looks at the time; also how soon it tries again to reach its store."""

Trouble = Callable[[str, BaseException | None], None]


class WorkLoop:
    """Runs one host until it is stopped."""

    def __init__(
        self, host: Host, *, on_trouble: Trouble, also: Callable[[], Awaitable[None]]
    ) -> None:
        """Run ``host``; ``also`` is awaited after every tick's tending."""
        self._host = host
        self._on_trouble = on_trouble
        self._also = also
        self._wake = asyncio.Event()
        self._due = True
        self._stopping = False
        self._timer: asyncio.TimerHandle | None = None
        host.on_work = self._wake.set
        self._task: asyncio.Task[None] | None = None

    def ask(self, slug: str, message: Request) -> "asyncio.Future[Outcome]":
        """Ask a storefront (see ``Host.ask``) and see to it that the host notices."""
        future = self._host.ask(slug, message)
        if not self._wake.is_set():
            self._wake.set()
        return future

    def wake(self) -> None:
        """Let the host be tended now, and not only when the time comes."""
        self._due = True
        self._wake.set()

    async def start(self) -> None:
        """Take what can be taken, then begin working."""
        await self._tend()
        self._tick()
        self._task = asyncio.create_task(self._run(), name="doorward-host")

    async def stop(self) -> None:
        """Refuse new work, finish what is queued, and end."""
        self._host.stop_intake()
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
        if self._timer is not None:
            self._timer.cancel()

    async def _run(self) -> None:
        while not self._stopping or self._host.is_busy():
            if not self._host.has_work():
                self._wake.clear()
                await self._wake.wait()
            if self._due:
                self._due = False
                await self._tend()
            self._cycle()
            # Whoever was answered, and whatever arrived meanwhile, comes first.
            await asyncio.sleep(0)
        self._host.gate.stage_rest()
        self._cycle()
        await self._host.gate.landed()

    def _cycle(self) -> None:
        try:
            self._host.cycle()
        except Exception as error:  # noqa: BLE001 - a fault of ours: fail closed, keep working
            self._on_trouble("cycle", error)
            self._host.lose_everything(StoreUnreachable(type(error).__name__))

    async def _tend(self) -> None:
        try:
            await self._host.tend()
            await self._also()
        except Exception as error:  # noqa: BLE001 - as above
            self._on_trouble("tending", error)

    def _tick(self) -> None:
        self._due = True
        self._wake.set()
        self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)
