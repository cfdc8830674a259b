"""``scripts/timing``: can a stranger tell by the clock whose email is known, or what a token was?

Two kinds of requests that must be answered alike are sent in pairs, in random order, over one kept
connection, with a pause before each in which the server comes to rest. What is kept of each is how
long its answer took, from the first byte sent to the last received. Were one kind slower, the area
under the ROC curve would say how sure a single measurement makes an attacker (``bench.auc``).

The server runs on this machine and answers over loopback: no attacker ever hears it so clearly.
"""

import random
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from statistics import median
from typing import Final, NamedTuple

import click
from rich.console import Console
from rich.table import Table

from bench import kinds
from bench.auc import Area, area
from bench.failures import BenchFailed
from bench.kinds import Kinds
from bench.progress import tell
from bench.servers import bench_folder, doorward
from bench.wire import ANSWER_SECONDS, HOST, Answer, parse

AIM: Final = (0.45, 0.55)
_WARM_UP: Final = 20
_CHUNK: Final = 65_536
_COLUMNS: Final = 118


class Found(NamedTuple):
    """What pairs told: times in µs of the two kinds, and how their answers differed."""

    name: str
    these_us: list[float]
    those_us: list[float]
    differing: int

    @property
    def area(self) -> Area:
        """How well time tells the kinds apart."""
        return area(self.these_us, self.those_us)

    @property
    def reached(self) -> bool:
        """Tell whether it is as good as a coin, and the answers the same."""
        return AIM[0] <= self.area.auc <= AIM[1] and not self.differing


@click.command()
@click.option("--pairs", default=1_000, show_default=True, type=click.IntRange(10, 5_000))
@click.option(
    "--pause-ms",
    default=4.0,
    show_default=True,
    type=click.FloatRange(0, 1_000),
    help="Rest before every request; 0 sends them back to back.",
)
@click.option("names", "--only", multiple=True, type=click.Choice(list(kinds.ALL)))
@click.option("--seed", default=None, type=int, help="Of the order within pairs.")
def main(pairs: int, pause_ms: float, names: tuple[str, ...], seed: int | None) -> None:
    """Time answers that must not be told apart, and print how far they can be.

    Ends with status 1 when an area is outside 0.45 to 0.55 or an answer differs.
    """
    chance = random.Random(seed)  # noqa: S311 - only the order within a pair
    found = []
    try:
        for name in names or tuple(kinds.ALL):
            tell(name)
            found.append(_measured(name, pairs, pause_ms, chance))
    except BenchFailed as failed:
        raise click.ClickException(str(failed)) from failed
    _print(found)
    sys.exit(0 if all(each.reached for each in found) else 1)


def _measured(name: str, pairs: int, pause_ms: float, chance: random.Random) -> Found:
    """Measure one question against a fresh server."""
    with bench_folder() as folder, doorward(folder) as door:
        prepared = kinds.ALL[name](door, pairs + _WARM_UP)
        with closing(socket.create_connection((HOST, door.port), timeout=ANSWER_SECONDS)) as wire:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _paired(name, prepared, _asker(wire, pause_ms), chance)


_Ask = Callable[[bytes], tuple[float, Answer]]


def _paired(name: str, prepared: Kinds, ask: _Ask, chance: random.Random) -> Found:
    these_us: list[float] = []
    those_us: list[float] = []
    differing = 0
    for at, (this, that) in enumerate(zip(prepared.these, prepared.those, strict=True)):
        if chance.random() < 0.5:  # noqa: PLR2004 - a coin
            this_us, this_answer = ask(this)
            that_us, that_answer = ask(that)
        else:
            that_us, that_answer = ask(that)
            this_us, this_answer = ask(this)
        if this_answer.status != prepared.status:
            raise BenchFailed(f"{name} was answered {this_answer.status}")
        differing += _seen(this_answer) != _seen(that_answer)
        if at >= _WARM_UP:
            these_us.append(this_us)
            those_us.append(that_us)
    return Found(name, these_us, those_us, differing)


def _asker(wire: socket.socket, pause_ms: float) -> _Ask:
    def ask(request: bytes) -> tuple[float, Answer]:
        time.sleep(pause_ms / 1_000)
        received, answer = b"", None
        began = time.perf_counter_ns()
        wire.sendall(request)
        while answer is None:
            chunk = wire.recv(_CHUNK)
            if not chunk:
                raise BenchFailed("the server hung up")
            received += chunk
            answer = parse(received)
        return (time.perf_counter_ns() - began) / 1_000, answer

    return ask


def _seen(answer: Answer) -> tuple[int, list[bytes], bytes]:
    """Tell what must be equal: status, names of headers, body."""
    names = [line.partition(b":")[0].lower() for line in answer.head.split(b"\r\n")[1:]]
    return answer.status, sorted(names), answer.body


def _print(found: Sequence[Found]) -> None:
    table = Table(title="Told apart by the clock", title_justify="left")
    for head in ("question", "pairs", "AUC", "95 %", "median µs", "answers differ", "aim"):
        table.add_column(head, justify="left" if head == "question" else "right", no_wrap=True)
    for each in found:
        told = each.area
        table.add_row(
            kinds.TITLES[each.name],
            str(len(each.these_us)),
            f"{told.auc:.3f}",
            f"{told.low:.3f}–{told.high:.3f}",
            f"{median(each.these_us):.0f} / {median(each.those_us):.0f}",
            str(each.differing),
            "reached" if each.reached else "missed",
        )
    Console(width=_COLUMNS).print(table)


if __name__ == "__main__":
    main(prog_name="scripts/timing")
