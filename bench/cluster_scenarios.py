"""One HTTP process and one host, beside the embedded server and beside the naive design.

All three are loaded in turns, so that they share the weather; each has its own Redis, synced with
every commit, and gets requests of the same kind that nobody has seen before. A code that is asked
for is the same work at all three; ``me`` is answered from memory by the naive design, which knows
nobody.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import uvloop

from bench import clusters, fleet, processes
from bench.progress import tell
from bench.rounds import Plan
from bench.scenarios import fresh_parts, mark_of, sessions_of
from bench.servers import Door, Server, bench_folder, doorward
from bench.wrk import Feed, Load, load

STOREFRONTS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One round of each."""

    embedded: Load
    cluster: Load
    naive: Load


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What a scenario found.

    Attributes:
        embedded_alone: A single connection's round: latency without a queue.
        host_rss_bytes: Resident memory of the host's process; ``http_rss_bytes`` of the other.
    """

    name: str
    turns: list[Turn]
    embedded_alone: Load
    cluster_alone: Load
    http_rss_bytes: int
    host_rss_bytes: int
    faults: list[str] = field(default_factory=list)

    def per_second(self, of: Callable[[Turn], Load]) -> float:
        """Return the median rate of one of them."""
        return median(of(turn).tally.per_second for turn in self.turns)

    @property
    def to_embedded(self) -> float:
        """The cluster's rate as a share of the embedded server's."""
        return self.per_second(_cluster) / self.per_second(_embedded)

    @property
    def to_naive(self) -> float:
        """The cluster's rate as a multiple of the naive design's."""
        return self.per_second(_cluster) / self.per_second(_naive)

    @property
    def added_p50_ms(self) -> float:
        """What the way over Ray adds to the median latency of a single connection."""
        return (self.cluster_alone.tally.p50_us - self.embedded_alone.tally.p50_us) / 1000

    @property
    def failures(self) -> int:
        """Requests that failed, at any of them."""
        loads = [each for turn in self.turns for each in (turn.embedded, turn.cluster, turn.naive)]
        return sum(
            each.tally.failures for each in (*loads, self.embedded_alone, self.cluster_alone)
        )


def request_otp(plan: Plan) -> Spread:
    """Ask for codes, each for an email never seen before."""
    with _all() as (door, spread, plain, folder):
        slugs = uvloop.run(fleet.open_storefronts(door, STOREFRONTS))
        uvloop.run(fleet.open_storefronts(spread, STOREFRONTS))

        def feed(_server: Server, number: int) -> Feed:
            return Feed.write("fresh", fresh_parts(slugs, mark_of(number)), folder / "feed")

        return _spread("request-otp", plan, (door, spread, plain), feed)


def me(plan: Plan) -> Spread:
    """Ask who is signed in, with many live sessions in turn."""
    with _all() as (door, spread, plain, folder):
        parts = {
            at.port: [fleet.me(session) for session in uvloop.run(sessions_of(at, plan))]
            for at in (door, spread)
        }
        # Nobody signs in there: it answers from memory, whatever the cookie.
        parts[plain.port] = parts[door.port]

        def feed(server: Server, _number: int) -> Feed:
            return Feed.write("again", parts[server.port], folder / "feed")

        return _spread("me", plan, (door, spread, plain), feed)


def _spread(
    name: str,
    plan: Plan,
    servers: tuple[Door, clusters.ClusterDoor, Server],
    feed: Callable[[Server, int], Feed],
) -> Spread:
    def loaded(server: Server, number: int, *, seconds: int, connections: int) -> Load:
        return load(server, feed(server, number), seconds=seconds, connections=connections)

    door, spread, _ = servers
    for server in servers:
        loaded(server, 0, seconds=1, connections=plan.connections)
    turns = []
    for number in range(1, plan.rounds + 1):
        tell(f"round {number} of {plan.rounds}")
        turns.append(
            Turn(
                **{
                    kind: loaded(server, number, seconds=plan.seconds, connections=plan.connections)
                    for kind, server in zip(("embedded", "cluster", "naive"), servers, strict=True)
                }
            )
        )
    alone = [
        loaded(server, plan.rounds + 1, seconds=plan.seconds, connections=1)
        for server in (door, spread)
    ]
    return Spread(
        name=name,
        turns=turns,
        embedded_alone=alone[0],
        cluster_alone=alone[1],
        http_rss_bytes=processes.memory(spread.pid).now,
        host_rss_bytes=processes.memory(spread.host_pids[0]).now,
    )


@contextmanager
def _all() -> Iterator[tuple[Door, clusters.ClusterDoor, Server, Path]]:
    with (
        bench_folder() as folder,
        doorward(folder) as door,
        clusters.cluster(folder / "cluster") as spread,
        clusters.naive(folder / "naive") as plain,
    ):
        yield door, spread, plain, folder


def _embedded(turn: Turn) -> Load:
    return turn.embedded


def _cluster(turn: Turn) -> Load:
    return turn.cluster


def _naive(turn: Turn) -> Load:
    return turn.naive
