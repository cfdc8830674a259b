"""A steady rate, held whatever the answers do: an open loop, in a process of its own.

Requests are due at random moments (a Poisson process, as shoppers come) fixed in advance. Each is
timed from the moment it was due, so a stall of the server is felt by everyone who would have
come meanwhile; wrk, which waits for an answer before it asks again, would count it once. The loop's
timer ticks in milliseconds, so up to one of them is ours; how late we were is told beside.
"""

import asyncio
import gc
import random
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Final

import orjson
import uvloop

from bench.failures import BenchFailed
from bench.wire import LOST, Answer, Wire

TICK_SECONDS: Final = 0.001
_LAST_ANSWERS_SECONDS: Final = 5.0
_OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """How a steady rate was answered; times in milliseconds.

    Attributes:
        failures: Requests answered otherwise than 200, or not within five seconds of the last.
        lateness_p99_ms: How late the load itself noticed that a request was due.
    """

    per_second: float
    requests: int
    failures: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    lateness_p99_ms: float


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of the values do not exceed (nearest rank)."""
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


def arrivals(rate: float, seconds: float, *, seed: int) -> Iterator[float]:
    """Yield seconds from the start at which requests are due: Poisson, the same for a seed."""
    gaps = random.Random(seed)  # noqa: S311 - repeatable, not secret
    due = gaps.expovariate(rate)
    while due < seconds:
        yield due
        due += gaps.expovariate(rate)


class OpenLoop:
    """One steady load while it runs."""

    def __init__(
        self,
        wires: Sequence[Wire],
        requests: Sequence[bytes],
        due: Sequence[float],
        *,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """Prepare; the clock runs from now on.

        Args:
            wires: Open connections.
            requests: What is sent, in turn.
            due: When, in seconds from now, ascending.
            clock: Tells seconds.
        """
        self._idle = list(wires)
        self._clock = clock
        self._requests = cycle(requests)
        self._due = deque(due)
        self._waiting: deque[float] = deque()
        self._open = len(due)
        self._start = clock()
        self.latencies: list[float] = []
        self.lateness: list[float] = []
        self.bad_statuses = 0
        self.done = asyncio.Event()

    def tick(self) -> None:
        """Send what has become due since the last tick."""
        now = self._clock() - self._start
        while self._due and self._due[0] <= now:
            due = self._due.popleft()
            self.lateness.append(now - due)
            self._waiting.append(due)
        while self._waiting and self._idle:
            self._send(self._idle.pop())
        if self._due:
            asyncio.get_running_loop().call_later(TICK_SECONDS, self.tick)

    def _send(self, wire: Wire) -> None:
        due = self._waiting.popleft()
        wire.send(next(self._requests), lambda answer: self._answered(wire, due, answer))

    def _answered(self, wire: Wire, due: float, answer: Answer) -> None:
        if answer is LOST:
            return
        self.latencies.append(self._clock() - self._start - due)
        self.bad_statuses += answer.status != _OK
        self._open -= 1
        if self._open == 0:
            self.done.set()
        elif self._waiting:
            self._send(wire)
        else:
            self._idle.append(wire)

    def outcome(self, seconds: float) -> Steady:
        """Sum up; what was not answered, also for want of connections, is a failure.

        Raises:
            BenchFailed: Nothing was answered.
        """
        if not self.latencies:
            raise BenchFailed("nothing was answered at a steady rate")
        took = sorted(self.latencies)
        p50, p90, p99, longest = (percentile(took, at) * 1000 for at in (50, 90, 99, 100))
        return Steady(
            per_second=len(took) / seconds,
            requests=len(took),
            failures=self.bad_statuses + self._open,
            p50_ms=p50,
            p90_ms=p90,
            p99_ms=p99,
            max_ms=longest,
            lateness_p99_ms=percentile(sorted(self.lateness), 99) * 1000,
        )


async def hold(
    port: int, requests: Sequence[bytes], *, rate: float, seconds: float, connections: int
) -> Steady:
    """Hold a rate against a server on this machine, the requests in turn."""
    wires = [await Wire.open(port) for _ in range(connections)]
    due = list(arrivals(rate, seconds, seed=connections))
    loop = OpenLoop(wires, requests, due)
    loop.tick()
    # What does not come in time is no reason to stop: it is counted.
    with suppress(TimeoutError):
        await asyncio.wait_for(loop.done.wait(), seconds + _LAST_ANSWERS_SECONDS)
    for wire in wires:
        wire.close()
    return loop.outcome(seconds)


def main(port: str, path: str, rate: str, seconds: str, connections: str) -> None:
    """Hold a rate and print the outcome as JSON."""
    requests = Path(path).read_bytes().split(b"\0")[:-1]
    # A collection would be a pause of ours in the server's figures; the run is short.
    gc.disable()
    held = hold(
        int(port),
        requests,
        rate=float(rate),
        seconds=float(seconds),
        connections=int(connections),
    )
    sys.stdout.buffer.write(orjson.dumps(asdict(uvloop.run(held))))


if __name__ == "__main__":
    main(*sys.argv[1:])
