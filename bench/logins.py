"""Logins: as many as the cores can hash, and who signs in elsewhere does not feel it.

In turns: the bare hashing loops, then a storm of logins on one storefront while ``me`` is asked of
another at a steady, small rate.
"""

import asyncio
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Final

import orjson
import uvloop

from bench import fleet, processes, shoppers
from bench.failures import BenchFailed
from bench.progress import tell
from bench.rounds import Plan
from bench.scenarios import mark_of
from bench.servers import ROOT, Door, bench_folder, doorward
from bench.steady import Steady
from bench.wire import LOST, Wire
from bench.wrk import Feed

STORM: Final = 500
"""Connections that log in at the same time."""
ME_RATE: Final = 50
"""A second: enough for a percentile."""
_SHOPPERS: Final = 500
_SETTLING_SECONDS: Final = 2
_LAST_SECONDS: Final = 60.0
_OK: Final = 200
_OVERLOADED: Final = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """One round: logins a second, beside the bare loops, and ``me`` meanwhile."""

    argon2_cffi_per_second: float
    libsodium_per_second: float
    logins_per_second: float
    turned_away: int
    me: Steady
    server_rss_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """What all rounds found."""

    rounds: list[Storm]
    rss_before_bytes: int
    faults: list[str] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Logins as a share of what the cores can hash with argon2-cffi."""
        return self._share_of(lambda each: each.argon2_cffi_per_second)

    @property
    def libsodium_ratio(self) -> float:
        """The same with libsodium, which is what Doorward hashes with."""
        return self._share_of(lambda each: each.libsodium_per_second)

    def _share_of(self, ceiling: Callable[[Storm], float]) -> float:
        bare = median(map(ceiling, self.rounds))
        return median(each.logins_per_second for each in self.rounds) / bare


def storm(plan: Plan) -> Logins:
    """Measure.

    Raises:
        BenchFailed: Something does not answer.
    """
    with bench_folder() as folder, doorward(folder) as door:
        crowd, session = uvloop.run(_prepared(door))
        feed = Feed.write("again", [fleet.me(session)], folder / "feed")
        before = processes.memory(door.pid).now
        rounds, faults = [], list[str]()
        for number in range(1, plan.rounds + 1):
            tell(f"round {number} of {plan.rounds}")
            rounds.append(_round(plan, door, crowd, feed, faults))
        return Logins(rounds=rounds, rss_before_bytes=before, faults=faults)


async def _prepared(door: Door) -> tuple[list[shoppers.Shopper], fleet.Session]:
    storefronts = await shoppers.open_headless(door, ["stormy"])
    crowd = await shoppers.sign_up(door, storefronts, _SHOPPERS, mark=mark_of(0))
    calm = await fleet.open_sandboxes(door, 1)
    codes = await fleet.mail_codes(door, calm, 1, mark=mark_of(0))
    return crowd, (await fleet.sign_in(door, codes))[0]


def _round(
    plan: Plan, door: Door, crowd: list[shoppers.Shopper], feed: Feed, faults: list[str]
) -> Storm:
    bare = []
    for library in ("argon2-cffi", "libsodium"):
        processes.settle(door.pids)
        bare.append(float(_ran("bench.hashing", library, str(plan.seconds))))
    processes.settle(door.pids)
    seconds = plan.seconds + _SETTLING_SECONDS
    asked = (door.port, feed.path, ME_RATE, seconds, 8)
    command = [sys.executable, "-m", "bench.steady", *map(str, asked)]
    with subprocess.Popen(  # noqa: S603 - our own arguments
        processes.tethered(command), cwd=ROOT, stdout=subprocess.PIPE
    ) as beside:
        rate, answers = uvloop.run(_stormed(door, crowd, seconds, plan.seconds))
        told, _ = beside.communicate(timeout=_LAST_SECONDS)
    others = sum(count for status, count in answers.items() if status not in {_OK, _OVERLOADED})
    if others:
        faults.append(f"{others} logins were answered otherwise than 200 or 503")
    return Storm(
        argon2_cffi_per_second=bare[0],
        libsodium_per_second=bare[1],
        logins_per_second=rate,
        turned_away=answers[_OVERLOADED],
        me=Steady(**orjson.loads(told)),
        server_rss_bytes=processes.memory(door.pid).peak,
    )


def _ran(module: str, *arguments: str) -> bytes:
    ended = subprocess.run(  # noqa: S603 - our own arguments
        processes.tethered([sys.executable, "-m", module, *arguments]),
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=_LAST_SECONDS,
    )
    if ended.returncode != 0:
        raise BenchFailed(f"{module} failed: {ended.stderr.decode()[-500:]}")
    return ended.stdout


async def _stormed(
    door: Door, crowd: list[shoppers.Shopper], seconds: float, counted_seconds: float
) -> tuple[float, Counter[int]]:
    """Log in on many connections at once; tell logins a second, and every answer's status.

    Only the last ``counted_seconds`` make the rate: before, 500 connections are opened, and there
    is nobody yet who is through.
    """
    answers, spread = Counter[int](), random.Random(1)  # noqa: S311 - repeatable, not secret
    until = perf_counter() + seconds
    since = until - counted_seconds

    in_time = 0

    async def one(number: int) -> None:
        nonlocal in_time
        # No address may hold more than 256 connections.
        wire = await Wire.open(door.port, source=f"127.0.0.{2 + number % 4}")
        sent = shoppers.login(crowd[number % len(crowd)])
        while perf_counter() < until:
            answer = await wire.ask(sent)
            answers[answer.status] += 1
            # What is in line at the end is answered as well, but was not done in this time.
            in_time += answer.status == _OK and since <= perf_counter() < until
            if answer is LOST:
                return
            if answer.status == _OVERLOADED:
                # As clients do that are told when to come again.
                await asyncio.sleep(answer.retry_after_seconds + spread.random())
        wire.close()

    await asyncio.gather(*(one(number) for number in range(STORM)))
    return in_time / counted_seconds, answers
