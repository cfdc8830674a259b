"""``scripts/bench``: measure Doorward beside a bare aiohttp server, in turns, on this machine."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final

import click
import orjson
from rich.console import Console

from bench import (
    account_scenarios,
    cluster_scenarios,
    imports,
    logins,
    machine,
    report,
    scenarios,
    store_scenarios,
)
from bench.cluster_scenarios import Spread
from bench.failures import BenchFailed
from bench.machine import STOLEN_SHARE, CpuTime
from bench.memory import grow
from bench.progress import tell
from bench.report import Report
from bench.rounds import QUICK, WHOLE, Plan, Result
from doorward.actors.errors import DoorwardError

LOADS: Final[dict[str, Callable[[Plan], Result]]] = {
    "request-otp-1": lambda plan: scenarios.request_otp(plan, 1),
    "request-otp-100": lambda plan: scenarios.request_otp(plan, 100),
    "request-otp-1000": lambda plan: scenarios.request_otp(plan, 1_000),
    "verify-otp": scenarios.verify_otp,
    "me": scenarios.me,
    "client-orders": scenarios.client_orders,
    "verify-account": account_scenarios.verify_account,
    "profile-bearer": account_scenarios.profile_bearer,
    "order-detail": account_scenarios.order_detail,
    "refresh": store_scenarios.refresh,
    "customers-me": store_scenarios.customers_me,
}
SPREADS: Final[dict[str, Callable[[Plan], Spread]]] = {
    "cluster-request-otp": cluster_scenarios.request_otp,
    "cluster-me": cluster_scenarios.me,
}
IMPORT: Final = "import-orders"
STORM: Final = "logins"
GROWING: Final = ("rss", "idle")
_COLUMNS: Final = 118
USUAL: Final = (*LOADS, *SPREADS, IMPORT, STORM, "rss")
"""``idle`` waits for minutes, so it is measured only where it is named."""


@click.command()
@click.option(
    "--quick", is_flag=True, help="2 rounds of 2 s and 5,000 sessions: no figure to quote."
)
@click.option(
    "names",
    "--scenario",
    multiple=True,
    type=click.Choice((*LOADS, *SPREADS, IMPORT, STORM, *GROWING)),
    help="Measure only this; may be given several times. Default: all but idle.",
)
@click.option(
    "json_file",
    "--json",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Also write every round to FILE as JSON.",
)
@click.option(
    "--markdown", "as_markdown", is_flag=True, help="Print what goes to docs/benchmarks.md."
)
def main(names: tuple[str, ...], json_file: Path | None, *, quick: bool, as_markdown: bool) -> None:
    """Load Doorward and a bare aiohttp server in turns, and print how they compare.

    Ends with status 1 when something made a figure invalid; an aim that is missed does not.
    """
    # What ends us ends what we started: the blocks that hold the servers are left in order. SIGINT
    # too, which a shell has its background jobs ignore.
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _leave)
    try:
        found = measure(QUICK if quick else WHOLE, names or USUAL)
    except (BenchFailed, DoorwardError) as failed:
        raise click.ClickException(str(failed)) from failed
    if json_file is not None:
        json_file.write_bytes(orjson.dumps(report.as_json(found), option=orjson.OPT_INDENT_2))
    if as_markdown:
        click.echo(report.markdown(found))
    else:
        # A pipe says 80 columns and would cut the tables.
        report.print_tables(found, Console(width=_COLUMNS))
    sys.exit(1 if found.faults else 0)


def measure(plan: Plan, names: tuple[str, ...]) -> Report:
    """Run scenarios one after the other.

    Raises:
        BenchFailed: One cannot be run.
        DoorwardError: There is no Redis to run.
    """
    looked, before = machine.look(), CpuTime.now()
    warnings = looked.warnings
    for warning in warnings:
        tell(f"warning: {warning}")
    results, growth = [], None
    for name in dict.fromkeys(names):
        if name in LOADS:
            tell(name)
            results.append(LOADS[name](plan))
    spreads = []
    for name in dict.fromkeys(names):
        if name in SPREADS:
            tell(name)
            spreads.append(SPREADS[name](plan))
    imported = None
    if IMPORT in names:
        tell(IMPORT)
        imported = imports.bring_in(plan)
    stormed = None
    if STORM in names:
        tell(STORM)
        stormed = logins.storm(plan)
    if set(GROWING) & set(names):
        tell("memory")
        growth = grow(plan, until_idle="idle" in names)
    stolen = CpuTime.now().stolen_share(before)
    if stolen > STOLEN_SHARE:
        warnings.append(f"other machines took {stolen:.1%} of the CPU time")
    return Report(
        machine=looked,
        plan=plan,
        warnings=warnings,
        results=results,
        growth=growth,
        imported=imported,
        logins=stormed,
        spreads=spreads,
    )


def _leave(signum: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signum)


if __name__ == "__main__":
    main(prog_name="scripts/bench")
