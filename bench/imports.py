"""How fast orders are brought in: ``doorward import orders``, as anybody runs it, end to end."""

import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import orjson
import uvloop

from bench import fleet, orders, processes
from bench.failures import BenchFailed
from bench.progress import tell
from bench.rounds import Plan
from bench.servers import ROOT, Door, bench_folder, doorward
from bench.wire import HOST

_BUYERS: Final = 1_000
_LONGEST_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One import into a fresh storefront; CPU in microseconds per order."""

    seconds: float
    client_cpu_us: float
    server_cpu_us: float
    redis_cpu_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What all rounds found.

    Attributes:
        orders: How many a round brought in.
        again_seconds: How long the same file took once more, with nothing new in it.
        faults: Why it does not count; empty when it does.
    """

    orders: int
    rounds: list[Round]
    again_seconds: float
    server_rss_bytes: int
    redis_rss_bytes: int
    faults: list[str] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Orders per second, from the start of the command to its end; the median round."""
        return self.orders / median(each.seconds for each in self.rounds)


def bring_in(plan: Plan) -> Imported:
    """Import a file into one fresh storefront after the other, and once more into the last.

    Raises:
        BenchFailed: An import fails.
    """
    with bench_folder() as folder, doorward(folder) as door:
        path = folder / "orders.jsonl"
        made = (
            orders.order(number, f"buyer-{number % _BUYERS:04d}@bench.example")
            for number in range(plan.imported)
        )
        path.write_bytes(b"".join(orders.lines(made)))
        key = folder / "operator.key"
        key.write_text(door.operator_key, encoding="ascii")
        slugs = uvloop.run(fleet.open_storefronts(door, plan.rounds + 1))
        faults: list[str] = []
        _import(door, path, slugs[-1], plan.imported, faults)
        rounds = []
        for number, slug in enumerate(slugs[:-1], 1):
            tell(f"round {number} of {plan.rounds}")
            rounds.append(_import(door, path, slug, plan.imported, faults))
        began = time.perf_counter()
        _run(door, path, slugs[-1])
        return Imported(
            orders=plan.imported,
            rounds=rounds,
            again_seconds=time.perf_counter() - began,
            server_rss_bytes=processes.memory(door.pid).now,
            redis_rss_bytes=processes.memory(door.redis_pid).now,
            faults=faults,
        )


def _import(door: Door, path: Path, slug: str, count: int, faults: list[str]) -> Round:
    processes.settle(door.pids)
    before = [processes.stat(pid).cpu_seconds for pid in door.pids]
    ours, began = processes.cpu_of_ended_children(), time.perf_counter()
    told = _run(door, path, slug)
    seconds = time.perf_counter() - began
    processes.settle(door.pids)
    after = [processes.stat(pid).cpu_seconds for pid in door.pids]
    if told["created"] != count:
        faults.append(f"{told['created']} of {count} orders were created in {slug}")
    spent = [(b - a) * 1e6 / count for a, b in zip(before, after, strict=True)]
    return Round(
        seconds=seconds,
        client_cpu_us=(processes.cpu_of_ended_children() - ours) * 1e6 / count,
        server_cpu_us=spent[0],
        redis_cpu_us=sum(spent[1:]),
    )


def _run(door: Door, path: Path, slug: str) -> dict[str, int]:
    command = [str(Path(sys.executable).with_name("doorward")), "import", "orders", str(path)]
    command += ["--storefront", slug, "--url", f"http://{HOST}:{door.port}", "--json"]
    ended = subprocess.run(  # noqa: S603 - our own arguments
        processes.tethered([*command, "--key-file", str(path.with_name("operator.key"))]),
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=_LONGEST_SECONDS,
    )
    if ended.returncode != 0:
        raise BenchFailed(f"an import failed: {ended.stderr.decode()[-500:]}")
    told: dict[str, int] = orjson.loads(ended.stdout)
    return told
