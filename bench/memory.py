"""What storefronts and live sessions cost in memory, and what is left of it when nobody comes."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import uvloop

from bench import fleet, processes
from bench.progress import tell
from bench.rounds import Plan
from bench.scenarios import troubles
from bench.servers import Door, bench_folder, doorward

_AT_ONCE: Final = 10_000
_SAMPLE: Final = 200
_LOOK_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """A server's memory at one moment; bytes."""

    moment: str
    server_rss_bytes: int
    server_peak_bytes: int
    redis_rss_bytes: int
    records_in_memory: int
    messages_waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Footprints from the empty server on; ``faults`` and ``troubles`` as in a ``Result``."""

    storefronts: int
    sessions: int
    footprints: list[Footprint]
    faults: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def grow(plan: Plan, *, until_idle: bool) -> Growth:
    """Publish the storefronts, open the sessions, and measure in between.

    Args:
        plan: How many.
        until_idle: Whether to wait for the server to forget what nobody asks for.
    """
    with bench_folder() as folder, doorward(folder) as door:
        footprints, faults = [_footprint(door, "empty")], []
        storefronts = uvloop.run(fleet.open_sandboxes(door, plan.storefronts))
        footprints.append(_footprint(door, f"{len(storefronts):,} storefronts"))
        opened: list[fleet.Session] = []
        for count in _batches(plan.live_sessions):
            opened += uvloop.run(_open_sessions(door, storefronts, count, start=len(opened)))
            tell(f"{len(opened):,} live sessions")
        footprints.append(_footprint(door, f"{len(opened):,} live sessions"))
        sample = opened[:: max(1, len(opened) // _SAMPLE)]
        if until_idle:
            footprints.append(_idle(door, plan.idle_seconds))
        dead = len(sample) - uvloop.run(fleet.count_live(door, sample))
        faults += [f"{dead} of {len(sample)} sessions were not live"] if dead else []
        return Growth(
            storefronts=len(storefronts),
            sessions=len(opened),
            footprints=footprints,
            faults=faults,
            troubles=troubles(door),
        )


def _batches(sessions: int) -> Iterator[int]:
    """Cut the work so that every code is used within its ten minutes."""
    for start in range(0, sessions, _AT_ONCE):
        yield min(_AT_ONCE, sessions - start)


async def _open_sessions(
    door: Door, storefronts: list[fleet.Storefront], count: int, *, start: int
) -> list[fleet.Session]:
    codes = await fleet.mail_codes(door, storefronts, count, mark=f"from{start}-")
    return await fleet.sign_in(door, codes)


def _idle(door: Door, limit_seconds: float) -> Footprint:
    """Leave the server alone until it remembers nothing any more, or for so long."""
    start = time.monotonic()
    while door.figures()["doorward_records_in_memory"] and time.monotonic() < start + limit_seconds:
        time.sleep(_LOOK_SECONDS)
    return _footprint(door, f"idle for {time.monotonic() - start:.0f} s")


def _footprint(door: Door, moment: str) -> Footprint:
    processes.settle(door.pids)
    figures, memory = door.figures(), processes.memory(door.pid)
    return Footprint(
        moment=moment,
        server_rss_bytes=memory.now,
        server_peak_bytes=memory.peak,
        redis_rss_bytes=processes.memory(door.redis_pid).now,
        records_in_memory=int(figures["doorward_records_in_memory"]),
        messages_waiting=int(figures["doorward_mailbox_depth"]),
    )
