"""``doorward import``: bring in what other systems have, through a running server."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import FrameType
from typing import BinaryIO, Final, NamedTuple

import click
import msgspec

from doorward.http.cli.examples import examples
from doorward.http.cli.failures import Failed, NoStorefront
from doorward.http.cli.import_progress import shown_progress
from doorward.http.cli.import_run import ImportRun
from doorward.http.cli.import_state import Counts, ErrandMark, State, StateFile, mark_of
from doorward.http.cli.operator_api import OperatorApi, Refused
from doorward.http.cli.order_flights import Flights, Stopped
from doorward.http.cli.output import print_json
from doorward.http.cli.server_options import SLUG, talks_to_server

SOME_REJECTED: Final = 3
_INTERRUPTED: Final = 130
_NOT_FOUND: Final = 404
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@click.group(
    "import",
    epilog=examples(
        "doorward import orders orders.jsonl --storefront kopi-senja",
    ),
)
def import_() -> None:
    """Bring in what other systems have.

    These commands talk to a running server.
    """


@import_.command(
    epilog=examples(
        "doorward import orders orders.jsonl --storefront kopi-senja",
        "zcat orders.jsonl.gz | doorward import orders - --storefront kopi-senja",
    )
)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--storefront", "slug", type=SLUG, required=True, help="Whose orders they are.")
@click.option(
    "--mail", is_flag=True, help="Mail buyers about each change of status; else nobody is mailed."
)
@click.option("--restart", is_flag=True, help="Begin anew, whatever an earlier import left.")
@click.option(
    "--rejected",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Where lines go that are not taken. [default: FILE.rejected; of standard input "
    "stdin.rejected]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@talks_to_server
def orders(  # noqa: PLR0913 - one argument per option
    api: OperatorApi,
    file: Path,
    *,
    slug: str,
    mail: bool,
    restart: bool,
    rejected: Path | None,
    as_json: bool,
) -> None:
    """Bring in orders from FILE, a line of JSON each; - reads standard input.

    A line is an order as docs/orders.md has it. One that exists is replaced, so an import may be
    run again and again. Lines that are not taken are put aside in FILE.rejected as they are, with
    line number, member and rule in FILE.rejected.reasons; both are written anew by each import.

    How far it came is kept in FILE.progress: after an interruption the same command goes on from
    there. Standard input cannot be gone back to and begins anew.

    Status: 0 when every line was taken, 3 when some were rejected, 1 when it could not go on, 130
    after Ctrl-C.
    """
    began = time.monotonic()
    errand = _Errand(slug=slug, mail=mail, restart=restart, rejected=rejected or _beside(file))
    try:
        counts = _run(api, file, errand)
    except Refused as refused:
        raise NoStorefront(slug) if refused.status == _NOT_FOUND else refused from None
    except OSError as error:
        raise Failed(f"{error.filename or file}: {error.strerror}.") from None
    seconds = time.monotonic() - began
    if as_json:
        print_json(msgspec.to_builtins(counts) | {"seconds": round(seconds, 3)})
    else:
        click.echo(_summary(counts, seconds))
    if counts.rejected:
        _point_at(errand.rejected)
        sys.exit(SOME_REJECTED)


class _Errand(NamedTuple):
    slug: str
    mail: bool
    restart: bool
    rejected: Path


def _run(api: OperatorApi, file: Path, errand: _Errand) -> Counts:
    path = f"/storefronts/{errand.slug}/orders?mail={'true' if errand.mail else 'false'}"
    with _opened(file) as source, _stoppable() as stop:
        run = _begun(api, file, source, errand)
        size_bytes = os.fstat(source.fileno()).st_size if _is_file(file) else None
        try:
            with shown_progress(size_bytes, run.state) as progress:
                run.go(Flights(api, path, stop), progress)
        except Stopped:
            click.echo(f"Interrupted. {run.how_far}", err=True)
            sys.exit(_INTERRUPTED)
        except Failed:
            if run.state.counts.lines:
                click.echo(run.how_far, err=True)
            raise
    return run.state.counts


def _begun(api: OperatorApi, file: Path, source: BinaryIO, errand: _Errand) -> ImportRun:
    if not _is_file(file):
        nothing = ErrandMark(api.origin, errand.slug, errand.mail)
        return ImportRun(source, State(nothing), kept_in=None, rejected_path=errand.rejected)
    mark = mark_of(
        source,
        origin=api.origin,
        storefront=errand.slug,
        mail=errand.mail,
        rejected=errand.rejected,
    )
    kept_in = StateFile(file.with_name(f"{file.name}.progress"))
    if errand.restart:
        kept_in.remove()
    state = kept_in.read(mark)
    if state.offset_bytes:
        click.echo(f"Going on at line {state.next_line:,}.", err=True)
        source.seek(state.offset_bytes)
    return ImportRun(source, state, kept_in=kept_in, rejected_path=errand.rejected)


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if not _is_file(file):
        yield sys.stdin.buffer
        return
    with file.open("rb") as source:
        yield source


@contextmanager
def _stoppable() -> Iterator[Event]:
    """Turn the first signal into a request to stop; a second one ends us at once."""
    stop = Event()

    def on_signal(signum: int, _frame: FrameType | None) -> None:
        signal.signal(signum, signal.SIG_DFL)
        stop.set()

    former = {signum: signal.signal(signum, on_signal) for signum in _SIGNALS}
    try:
        yield stop
    finally:
        for signum, handler in former.items():
            signal.signal(signum, handler)


def _is_file(file: Path) -> bool:
    return str(file) != "-"


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.rejected") if _is_file(file) else Path("stdin.rejected")


def _point_at(rejected: Path) -> None:
    click.echo(f"Rejected lines are in {rejected}, the reasons in {rejected}.reasons.", err=True)


def _summary(counts: Counts, seconds: float) -> str:
    return (
        f"{counts.lines:,} orders: {counts.created:,} created, {counts.changed:,} changed, "
        f"{counts.unchanged:,} unchanged, {counts.rejected:,} rejected; {seconds:.1f} s."
    )
