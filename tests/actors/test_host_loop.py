import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from doorward.actors.errors import StoreUnreachable, Unavailable
from doorward.actors.host import TURNS
from doorward.actors.messages.sign_in import CodeSent, Me, ReadMe, RequestCode
from doorward.actors.work_loop import TICK_SECONDS, WorkLoop
from tests.actors.harness import CALLER, LEASE_SECONDS, Site, World
from tests.actors.simulation.virtual_loop import VirtualLoop, run_virtually

ME = ReadMe(caller=CALLER)


class TickingSite(Site):
    """A site whose time is the loop's."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop
        self._start = loop.time()

    def ticks(self) -> float:
        return self._loop.time()

    def wall_ms(self) -> int:
        return 1_700_000_000_000 + round(self._loop.time() * 1000)


class Running:
    """A world that works by itself, on virtual time."""

    def __init__(
        self, loop: VirtualLoop, also: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self.world = World(TickingSite(loop))
        self.ticked = 0
        self.work = WorkLoop(
            self.world.host,
            on_trouble=lambda what, error: self.world.troubles.append((what, error)),
            also=also or self._also,
        )

    async def _also(self) -> None:
        self.ticked += 1

    async def furnish(self) -> None:
        put = asyncio.ensure_future(self.world.furnish())
        while not put.done():
            self.world.host.on_work()
            await asyncio.sleep(TICK_SECONDS)
        await put


def virtually(
    test: Callable[[Running], Coroutine[Any, Any, None]],
    also: Callable[[], Awaitable[None]] | None = None,
) -> None:
    async def main(loop: VirtualLoop) -> None:
        running = Running(loop, also)
        await running.work.start()
        await running.furnish()
        await test(running)

    run_virtually(main)


def test_what_is_asked_is_answered_without_anybody_driving() -> None:
    async def test(running: Running) -> None:
        outcomes = await asyncio.gather(
            running.work.ask("alpha", ME),
            running.work.ask("alpha", RequestCode(email="a@example.org", caller=CALLER)),
        )

        assert isinstance(outcomes[0], Me)
        assert isinstance(outcomes[1], CodeSent)

    virtually(test)


def test_an_idle_host_keeps_its_lease() -> None:
    async def test(running: Running) -> None:
        await asyncio.sleep(20 * LEASE_SECONDS)

        assert isinstance(await running.work.ask("alpha", ME), Me)

    virtually(test)


def test_a_busy_host_keeps_its_lease_too() -> None:
    async def test(running: Running) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + 3 * LEASE_SECONDS
        while loop.time() < until:
            await asyncio.gather(*(running.work.ask("alpha", ME) for _ in range(3 * TURNS)))
            await asyncio.sleep(0.01)

        assert running.ticked > 2 * LEASE_SECONDS / TICK_SECONDS

    virtually(test)


def test_what_is_to_be_done_beside_is_done_every_tick() -> None:
    async def test(running: Running) -> None:
        before = running.ticked
        await asyncio.sleep(10 * TICK_SECONDS + TICK_SECONDS / 2)

        assert running.ticked == before + 10

    virtually(test)


def test_trouble_in_tending_is_told_and_work_goes_on() -> None:
    async def fail() -> None:
        raise StoreUnreachable("the outbox")

    async def test(running: Running) -> None:
        assert isinstance(await running.work.ask("alpha", ME), Me)
        assert running.world.troubles[-1][0] == "tending"

    virtually(test, also=fail)


def test_a_fault_in_a_cycle_fails_everybody_and_the_host_begins_again() -> None:
    async def test(running: Running) -> None:
        def fault() -> None:
            raise RuntimeError("ours")

        host = running.world.host
        waiting = [running.work.ask("alpha", ME) for _ in range(TURNS + 1)]
        host.cycle = fault  # type: ignore[method-assign]
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        del host.cycle
        await asyncio.sleep(3 * TICK_SECONDS)

        assert all(isinstance(error, StoreUnreachable) for error in ended)
        assert "cycle" in [what for what, _ in running.world.troubles]
        assert isinstance(await running.work.ask("alpha", ME), Me)

    virtually(test)


def test_a_loop_that_stops_finishes_what_is_queued_and_refuses_the_rest() -> None:
    async def test(running: Running) -> None:
        message = RequestCode(email="a@example.org", caller=CALLER)
        queued = [running.work.ask("alpha", message) for _ in range(3)]
        stopping = asyncio.ensure_future(running.work.stop())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            running.work.ask("alpha", ME)
        await stopping

        assert all(isinstance(sent, CodeSent) for sent in await asyncio.gather(*queued))
        assert not running.world.host.is_busy()

    virtually(test)


def test_a_loop_that_stops_strikes_what_was_settled() -> None:
    async def test(running: Running) -> None:
        await running.work.ask("alpha", RequestCode(email="a@example.org", caller=CALLER))
        partition, mail_id, _ = running.world.jobs[-1]
        running.world.host.gate.strike(partition, mail_id)
        await running.work.stop()

        assert running.world.site.store.outbox(partition, "", 10) == []

    virtually(test)


def test_a_loop_that_never_started_can_be_stopped() -> None:
    async def main(loop: VirtualLoop) -> None:
        await Running(loop).work.stop()

    run_virtually(main)


def test_a_store_that_returns_is_used_again_without_a_restart() -> None:
    async def test(running: Running) -> None:
        world = running.world
        confirm, claims = world.journal.confirm, world.journal.claims

        async def away(*_: object, **__: object) -> Any:  # noqa: ANN401 - nobody answers
            raise StoreUnreachable("away")

        world.journal.confirm = world.journal.claims = away  # type: ignore[method-assign]
        await asyncio.sleep(LEASE_SECONDS)
        with pytest.raises(StoreUnreachable):
            running.work.ask("alpha", ME)
        world.journal.confirm = confirm  # type: ignore[method-assign]
        world.journal.claims = claims  # type: ignore[method-assign]
        await asyncio.sleep(2 * TICK_SECONDS)

        assert isinstance(await running.work.ask("alpha", ME), Me)

    virtually(test)
