"""What was found: tables for people, Markdown for docs/benchmarks.md, JSON for programs."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.cluster_scenarios import Spread
from bench.imports import Imported, Round
from bench.logins import Logins, Storm
from bench.machine import Machine
from bench.memory import Growth
from bench.rounds import Plan, Result, per_second
from bench.steady import Steady
from bench.wrk import Load

MB: Final = 1_000_000
RATIO_AIMS: Final = {
    "request-otp-1": 0.40,
    "request-otp-1000": 0.35,
    "verify-otp": 0.35,
    "me": 0.65,
    "client-orders": 0.35,
    "verify-account": 0.35,
    "profile-bearer": 0.60,
    "order-detail": 0.50,
    "refresh": 0.30,
    "customers-me": 0.60,
}
"""Share of the bare server's requests per second that is asked for."""
STEADY_P99_AIM_MS: Final = 20.0
LOGIN_AIM: Final = 0.9
"""Logins as a share of what the cores can hash."""
STORM_P99_AIM_MS: Final = 50.0
CLUSTER_AIM: Final = 0.5
"""Share of the embedded server's requests per second that one HTTP process and one host reach."""
NAIVE_AIM: Final = 5.0
ADDED_P50_AIM_MS: Final = 3.0
IMPORT_AIM: Final = 5_000
"""Orders per second that are asked for."""
RSS_AIM_MB: Final = 150.0
RSS_AIM_SESSIONS: Final = 100_000

_LATENCIES: Final[tuple[Callable[[Load], float], ...]] = (
    lambda load: load.tally.p50_us / 1000,
    lambda load: load.tally.p90_us / 1000,
    lambda load: load.tally.p99_us / 1000,
)
_STEADY_LATENCIES: Final[tuple[Callable[[Steady], float], ...]] = (
    lambda held: held.p50_ms,
    lambda held: held.p90_ms,
    lambda held: held.p99_ms,
)
Rows = tuple[list[str], list[list[str]]]
"""A head and rows of as many cells; the first column names, the others count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything of one run."""

    machine: Machine
    plan: Plan
    warnings: list[str]
    results: list[Result] = field(default_factory=list)
    growth: Growth | None = None
    imported: Imported | None = None
    logins: Logins | None = None
    spreads: list[Spread] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Tell why something here is no measurement; empty when everything is."""
        told = [f"{result.name}: {fault}" for result in self.results for fault in result.faults]
        told += [
            f"{result.name}: {result.failures} requests failed"
            for result in self.results
            if result.failures
        ]
        told += [
            f"cluster-{spread.name}: {spread.failures} requests failed"
            for spread in self.spreads
            if spread.failures
        ]
        told += [f"memory: {fault}" for fault in (self.growth.faults if self.growth else [])]
        imported = self.imported.faults if self.imported else []
        told += [f"logins: {fault}" for fault in (self.logins.faults if self.logins else [])]
        return told + [f"import-orders: {fault}" for fault in imported]

    @property
    def remarks(self) -> list[str]:
        """Tell what makes figures less sure than they look."""
        told = [f"{result.name}: {mark}" for result in self.results for mark in result.remarks]
        grown = self.growth.troubles if self.growth else []
        return [*self.warnings, *told, *(f"memory: {trouble}" for trouble in grown)]


def as_json(report: Report) -> dict[str, Any]:
    """Turn a report into JSON values: every round, and the sums that are printed."""
    summaries = {
        result.name: {
            "ratio": result.ratio,
            "ratio_low_high": result.ratios,
            "aim": RATIO_AIMS.get(result.name),
            "failures": result.failures,
        }
        for result in report.results
    }
    return asdict(report) | {"valid": not report.faults, "summaries": summaries}


def tables(report: Report) -> Iterator[tuple[str, Rows]]:
    """Yield each table's title, head and rows."""
    if report.results:
        yield "Beside a bare aiohttp server", _ratios(report.results)
        yield "What a request costs", _costs(report.results)
    held = [result for result in report.results if result.steady]
    if held:
        yield "Latency at a steady rate, 70 % of the peak", _steady(held)
    if report.imported is not None:
        yield "Orders brought in", _imports(report.imported)
    if report.spreads:
        yield "One HTTP process and one host on Ray", _spreads(report.spreads)
    if report.logins is not None:
        yield "A storm of logins, and me of another storefront meanwhile", _logins(report.logins)
    if report.growth is not None:
        yield "Memory", _memory(report.growth)


def _ratios(results: list[Result]) -> Rows:
    head = ["scenario", "Doorward/s", "bare/s", "ratio", "pairs", "aim", "failed"]
    return head, [
        [
            result.name,
            f"{result.door(per_second):,.0f}",
            f"{result.bare(per_second):,.0f}",
            f"{result.ratio:.2f}",
            "–".join(f"{ratio:.2f}" for ratio in result.ratios),
            _at_least(RATIO_AIMS.get(result.name), result.ratio),
            str(result.failures),
        ]
        for result in results
    ]


def _spreads(spreads: list[Spread]) -> Rows:
    head = [
        "scenario",
        "cluster/s",
        "embedded/s",
        "ratio",
        "aim",
        "naive/s",
        "times",
        "aim",
        "p50 added ms",
        "aim",
        "RSS MB http / host",
        "failed",
    ]
    return head, [
        [
            spread.name,
            f"{spread.per_second(lambda turn: turn.cluster):,.0f}",
            f"{spread.per_second(lambda turn: turn.embedded):,.0f}",
            f"{spread.to_embedded:.2f}",
            _at_least(CLUSTER_AIM, spread.to_embedded),
            f"{spread.per_second(lambda turn: turn.naive):,.0f}",
            f"{spread.to_naive:.1f}",
            _at_least(NAIVE_AIM, spread.to_naive),
            f"{spread.added_p50_ms:.2f}",
            _below(ADDED_P50_AIM_MS, spread.added_p50_ms),
            f"{spread.http_rss_bytes / MB:.0f} / {spread.host_rss_bytes / MB:.0f}",
            str(spread.failures),
        ]
        for spread in spreads
    ]


def _costs(results: list[Result]) -> Rows:
    head = [
        "scenario",
        "p50 / p90 / p99 ms",
        "bare ms",
        "CPU µs: server",
        "Redis",
        "bare",
        "RSS MB",
    ]
    head.append("Redis MB")
    return head, [
        [
            result.name,
            " / ".join(f"{result.door(latency):.1f}" for latency in _LATENCIES),
            " / ".join(f"{result.bare(latency):.1f}" for latency in _LATENCIES),
            f"{result.door(lambda load: load.server_cpu_us):.0f}",
            f"{result.door(lambda load: load.redis_cpu_us):.0f}",
            f"{result.bare(lambda load: load.server_cpu_us):.0f}",
            f"{result.server_rss_bytes / MB:.0f}",
            f"{result.redis_rss_bytes / MB:.0f}",
        ]
        for result in results
    ]


def _steady(results: list[Result]) -> Rows:
    head = ["scenario", "rate/s", "p50 / p90 / p99 ms", "worst p99", "longest", "aim p99"]
    head += ["load late p99", "failed"]
    return head, [_steady_row(result) for result in results]


def _steady_row(result: Result) -> list[str]:
    def typical(figure: Callable[[Steady], float]) -> float:
        return median(figure(held) for held in result.steady)

    p50, p90, p99 = (typical(figure) for figure in _STEADY_LATENCIES)
    return [
        result.name,
        f"{result.steady_rate:,.0f}",
        f"{p50:.1f} / {p90:.1f} / {p99:.1f}",
        f"{max(held.p99_ms for held in result.steady):.1f}",
        f"{max(held.max_ms for held in result.steady):.1f}",
        _below(STEADY_P99_AIM_MS, p99),
        f"{typical(lambda held: held.lateness_p99_ms):.1f}",
        str(sum(held.failures for held in result.steady)),
    ]


def _memory(growth: Growth) -> Rows:
    aim = RSS_AIM_MB if growth.sessions >= RSS_AIM_SESSIONS else None
    head = ["moment", "RSS MB", "highest", "aim", "Redis MB", "records in memory", "waiting"]
    return head, [
        [
            footprint.moment,
            f"{footprint.server_rss_bytes / MB:.0f}",
            f"{footprint.server_peak_bytes / MB:.0f}",
            _below(aim, footprint.server_rss_bytes / MB),
            f"{footprint.redis_rss_bytes / MB:.0f}",
            f"{footprint.records_in_memory:,}",
            f"{footprint.messages_waiting:,}",
        ]
        for footprint in growth.footprints
    ]


def _imports(found: Imported) -> Rows:
    def typical(figure: Callable[[Round], float]) -> str:
        return f"{median(figure(each) for each in found.rounds):.0f}"

    rates = sorted(found.orders / each.seconds for each in found.rounds)
    head = ["scenario", "orders", "orders/s", "rounds", "aim", "once more/s"]
    head += ["CPU µs: server", "Redis", "client", "RSS MB", "Redis MB"]
    row = [
        "import-orders",
        f"{found.orders:,}",
        f"{found.per_second:,.0f}",
        f"{rates[0]:,.0f}–{rates[-1]:,.0f}",
        f"≥ {IMPORT_AIM:,} {'reached' if found.per_second >= IMPORT_AIM else 'missed'}",
        f"{found.orders / found.again_seconds:,.0f}",
        typical(lambda each: each.server_cpu_us),
        typical(lambda each: each.redis_cpu_us),
        typical(lambda each: each.client_cpu_us),
        f"{found.server_rss_bytes / MB:.0f}",
        f"{found.redis_rss_bytes / MB:.0f}",
    ]
    return head, [row]


def _logins(found: Logins) -> Rows:
    def typical(figure: Callable[[Storm], float]) -> float:
        return median(figure(each) for each in found.rounds)

    p50, p99 = typical(lambda each: each.me.p50_ms), typical(lambda each: each.me.p99_ms)
    highest = max(each.server_rss_bytes for each in found.rounds)
    head = ["scenario", "logins/s", "argon2-cffi hashes/s", "ratio", "aim"]
    head += ["libsodium hashes/s", "ratio", "turned away"]
    head += ["me p50 / p99 ms", "worst p99", "aim p99", "RSS MB before", "highest"]
    row = [
        "logins",
        f"{typical(lambda each: each.logins_per_second):.1f}",
        f"{typical(lambda each: each.argon2_cffi_per_second):.1f}",
        f"{found.ratio:.2f}",
        _at_least(LOGIN_AIM, found.ratio),
        f"{typical(lambda each: each.libsodium_per_second):.1f}",
        f"{found.libsodium_ratio:.2f}",
        f"{typical(lambda each: each.turned_away):,.0f}",
        f"{p50:.1f} / {p99:.1f}",
        f"{max(each.me.p99_ms for each in found.rounds):.1f}",
        _below(STORM_P99_AIM_MS, p99),
        f"{found.rss_before_bytes / MB:.0f}",
        f"{highest / MB:.0f}",
    ]
    return head, [row]


def _at_least(aim: float | None, found: float) -> str:
    return "–" if aim is None else f"≥ {aim:.2f} {'reached' if found >= aim else 'missed'}"


def _below(aim: float | None, found: float) -> str:
    return "–" if aim is None else f"< {aim:.0f} {'reached' if found < aim else 'missed'}"


def print_tables(report: Report, console: Console) -> None:
    """Print the report for people."""
    console.print(report.machine.line, highlight=False)
    for title, (head, rows) in tables(report):
        table = Table(title=title, title_justify="left")
        for index, name in enumerate(head):
            table.add_column(name, justify="right" if index else "left", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for line in _closing(report):
        console.print(line, highlight=False)


def markdown(report: Report) -> str:
    """Write the report as it stands in docs/benchmarks.md."""
    lines = [f"Machine: {report.machine.line}.", ""]
    for title, (head, rows) in tables(report):
        lines += [f"### {title}", "", _row(head), _row(["---", *["---:"] * (len(head) - 1)])]
        lines += [_row(row) for row in rows] + [""]
    return "\n".join([*lines, *(f"- {line}" for line in _closing(report))])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _closing(report: Report) -> Iterator[str]:
    plan = report.plan
    yield f"{plan.rounds} rounds of {plan.seconds} s in turns, {plan.connections} connections"
    yield from (f"Warning: {remark}" for remark in report.remarks)
    yield from (f"INVALID: {fault}" for fault in report.faults)
