"""What a simulation showed, as Markdown (docs/scale.md)."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import Final

import msgspec

from bench.scale.protocol import Told
from bench.scale.steward import DRAIN, EVEN, LOAD, ORPHAN
from bench.scale.watch import KINDS
from bench.scale.world import HOT, Evenness, World
from bench.steady import percentile
from doorward.actors.cluster.tables import Table

_STORE_ID: Final = "0" * 32
_KB: Final = 1_000
_MB: Final = 1_000_000


def whole(world: World, title: str) -> Iterator[str]:
    """Write one run's report, line by line."""
    yield f"### {title}"
    yield ""
    yield from (f"- {line}" for line in _summary(world))
    yield ""
    yield from _table(_OUTAGE_HEAD, _outages(world))
    yield from _table(_MOVES_HEAD, _moves(world))
    yield from _table(_EVENNESS_HEAD, _evenness(world))


def parameters(figures: Iterable[Told]) -> Iterator[str]:
    """Write the table of what a run goes by."""
    rows = [[each.name, each.value, each.unit, each.source] for each in figures]
    yield from _table(["figure", "value", "unit", "source"], rows)


def _summary(world: World) -> Iterator[str]:
    scene, watch, steward = world.scene, world.watch, world.steward
    hosts, partitions = scene.hosts, world.protocol.partitions
    yield (
        f"{hosts:,} hosts, {partitions:,} partitions, {scene.storefronts:,} storefronts, "
        f"{scene.requests_per_second:,.0f} requests/s, {scene.seconds:,.0f} s simulated in "
        f"{world.took_seconds:.0f} s of processor time; {min(hosts, partitions):,} hosts can have "
        "work at a time"
    )
    yield ", ".join(f"{many} {what}" for what, many in sorted(world.happened.changes.items()))
    seconds = scene.seconds - scene.warm_up_seconds
    share = watch.unserved_seconds / seconds / partitions
    met, late = (sum(each.values()) / world.requests() for each in (watch.met, watch.late))
    yield (
        f"unserved: {watch.unserved_seconds:,.0f} partition-seconds ({share:.3%}); {met:.3%} of "
        f"requests met an unserved partition, {late:.3%} waited longer than "
        f"{world.protocol.stray_seconds:g} s and were refused"
    )
    table = len(msgspec.msgpack.encode(Table(_STORE_ID, steward.versions, tuple(steward.owners))))
    sent = table * steward.versions * hosts / seconds
    yield (
        f"steward: a round takes {world.protocol.round_seconds(hosts):.2f} s, deciding "
        f"{1000 * steward.deciding_seconds / steward.rounds:.1f} ms of it; {steward.versions:,} "
        f"tables of {table / _KB:.1f} kB, to all hosts {sent / _MB:.2f} MB/s"
    )
    yield f"{watch.checks:,} checks of one partition, nothing violated"


_OUTAGE_HEAD: Final = ["unserved", "times", "p50 s", "p90 s", "p99 s", "longest s", "requests"]


def _outages(world: World) -> Iterator[list[str]]:
    watch = world.watch
    for kind in KINDS:
        ordered = sorted(watch.outages[kind])
        if ordered:
            took = [f"{percentile(ordered, at):.2f}" for at in (50, 90, 99, 100)]
            yield [kind, f"{len(ordered):,}", *took, f"{watch.met[kind] / world.requests():.4%}"]


_MOVES_HEAD: Final = ["moves", "partitions", "changes", "per change", "a host's share"]


def _moves(world: World) -> Iterator[list[str]]:
    steward, changes = world.steward, world.happened.changes
    left = changes["hosts drained and replaced"] + changes["hosts left by scaling"]
    joined = changes["hosts drained and replaced"] + changes["hosts joined by scaling"]
    share = world.protocol.partitions / world.scene.hosts
    causes = {ORPHAN: steward.losses, DRAIN: left, EVEN: steward.losses + joined, LOAD: 0}
    for reason, many in causes.items():
        moved = steward.moves[reason]
        per_change = [f"{moved / many:.2f}", f"{share:.2f}"] if many else ["–", "–"]
        yield [reason, f"{moved:,}", f"{many:,}" if many else "–", *per_change]


_EVENNESS_HEAD: Final = [
    "highest host over the mean",
    "count",
    "worst",
    "by at most one",
    "load",
    "worst",
    "hottest partition alone",
]


def _evenness(world: World) -> Iterator[list[str]]:
    start, end = (world.scene.seconds * part for part in HOT)
    samples = world.happened.evenness
    yield _evenness_row("one partition hot", [s for s in samples if start < s.at < end])
    yield _evenness_row("before and after", [s for s in samples if not start <= s.at <= end])


def _evenness_row(name: str, samples: Sequence[Evenness]) -> list[str]:
    even = sum(sample.spread <= 1 for sample in samples) / len(samples)
    return [
        name,
        f"{median(sample.by_count for sample in samples):.2f}",
        f"{max(sample.by_count for sample in samples):.2f}",
        f"{even:.0%} of the time",
        f"{median(sample.by_load for sample in samples):.2f}",
        f"{max(sample.by_load for sample in samples):.2f}",
        f"{median(sample.hottest for sample in samples):.2f}",
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join(['---', *['---:'] * (len(head) - 1)])} |"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""
