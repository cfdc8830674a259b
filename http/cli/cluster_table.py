"""What ``doorward cluster status`` shows."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, NoReturn

import click
import msgspec
from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from doorward.actors.cluster.fleet import Node
from doorward.actors.cluster.tables import HostStatus, Status
from doorward.http.cli.cluster_waiting import is_served, progress_of
from doorward.http.cli.failures import one_line
from doorward.http.cli.output import print_rows

HEADS: Final = (
    *("Host", "State", "Node", "Partitions", "Storefronts", "Queue", "Asks/s", "Flush ms"),
    *("Epoch", "Process", "MB", "Heard s"),
)
_WORDS: Final = 3
"""How many of them are words; the rest are figures."""
_FIRST: Final = 9
"""How many are shown where there is no room for all."""
_ROOM_COLUMNS: Final = 105
_COLOURS: Final = {"live": "green", "leaving": "yellow", "starting": "yellow"}
_BYTES_OF_MB: Final = 1_000_000


class Seen:
    """A cluster at a moment: what its steward says, and which nodes there are."""

    def __init__(self, address: str, status: Status, nodes: list[Node]) -> None:
        self.address = address
        self.status = status
        self._addresses = {node.id: node.address for node in nodes}

    def rows(self) -> list[tuple[str, ...]]:
        """Tell a row for each host, in the order of ``HEADS``."""
        return [self._row(host) for host in self.status.hosts]

    def notes(self) -> Iterator[tuple[str, str]]:
        """Tell all else that an operator should know, by its name."""
        status = self.status
        if status.pins:
            yield "Pinned", ", ".join(f"{slug} to {host}" for slug, host in status.pins.items())
        if status.drained_nodes:
            yield "Drained nodes", ", ".join(map(self._node, status.drained_nodes))
        if status.trouble:
            yield "Steward", status.trouble
        for host in status.hosts:
            if host.trouble:
                yield host.name, host.trouble

    def as_json(self) -> dict[str, Any]:
        """Tell everything, for programs."""
        found: dict[str, Any] = _camel(msgspec.to_builtins(self.status))
        found["nodes"] = self._addresses
        return {"address": self.address, **found}

    def print(self) -> None:
        """Print it: for people's eyes at a terminal, else a row for each host."""
        if sys.stdout.isatty():
            console = Console()
            console.print(self.shown(console.width))
            return
        print_rows(HEADS, self.rows())
        for name, text in self.notes():
            click.echo(f"{name}: {one_line(text)}", err=True)

    def shown(self, columns: int) -> RenderableType:
        """Make it fit for people's eyes, on so many columns."""
        heads = HEADS if columns >= _ROOM_COLUMNS else HEADS[:_FIRST]
        table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 0))
        for place, head in enumerate(heads):
            table.add_column(head, justify="left" if place < _WORDS else "right")
        for host, row in zip(self.status.hosts, self.rows(), strict=True):
            cells = [Text(cell) for cell in row[: len(heads)]]
            cells[1].stylize(_COLOURS.get(host.state, "red"))
            table.add_row(*cells)
        return Group(self._headline(), table, *map(_note, self.notes()))

    def _headline(self) -> Text:
        status = self.status
        colour = "green" if is_served(status) else "red"
        return Text.assemble(
            (f"Cluster at {self.address}", "bold"),
            f"  store {status.store_id}  plan {status.version}\n",
            (progress_of(status), colour),
        )

    def _row(self, host: HostStatus) -> tuple[str, ...]:
        held = f"{host.held}" if host.held == host.wanted else f"{host.held}/{host.wanted}"
        heard = "never" if host.heard_seconds_ago is None else f"{host.heard_seconds_ago:.1f}"
        return (
            host.name,
            host.state,
            self._node(host.node),
            held,
            f"{host.storefronts}",
            f"{host.depth}",
            f"{host.asks_per_second:.0f}",
            f"{host.flush_ms:.1f}",
            f"{host.epoch}",
            f"{host.pid or ''}",
            f"{host.rss_bytes / _BYTES_OF_MB:.0f}",
            heard,
        )

    def _node(self, node: str) -> str:
        return self._addresses.get(node, node[:12])


async def watch(
    look: Callable[[int], Awaitable[RenderableType]], *, pause_seconds: float
) -> NoReturn:
    """Show what ``look`` finds for so many columns, again and again, until Ctrl-C."""
    console = Console()
    with Live(await look(console.width), console=console, auto_refresh=False) as live:
        while True:
            await asyncio.sleep(pause_seconds)
            live.update(await look(console.width), refresh=True)


def _note(note: tuple[str, str]) -> Text:
    name, text = note
    return Text.assemble((f"{name}: ", "bold"), one_line(text))


def _camel(value: object) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        return {_camel_name(name): _camel(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_camel(item) for item in value]
    return value


def _camel_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
