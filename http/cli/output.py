"""What commands print: tables for people at a terminal, one record a line for programs.

Behind a pipe there is no heading, no colour and no width: cells are parted by tabs, in the order
the table has them, and a cell never holds a tab or a line break.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from doorward.http.cli.failures import one_line


def print_json(value: object) -> None:
    """Print a value as JSON, ASCII only: foreign text must not steer a terminal."""
    click.echo(json.dumps(value, indent=2))


def print_rows(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under their heads."""
    cells = [[_cell(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        click.echo("".join("\t".join(row) + "\n" for row in cells), nl=False)
        return
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for place, head in enumerate(heads):
        # The first names the row: it is what people copy.
        table.add_column(head, overflow="fold", no_wrap=place == 0)
    for row in cells:
        table.add_row(*map(Text, row))
    Console().print(table)


def print_fields(fields: Mapping[str, object]) -> None:
    """Print one thing's fields, a line each."""
    print_rows(("Field", "Value"), fields.items())


def flat(members: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Bring nested JSON to one level with dotted names; an empty object is no field."""
    fields: dict[str, object] = {}
    for name, value in members.items():
        if isinstance(value, Mapping):
            fields |= flat(value, f"{prefix}{name}.")
        else:
            fields[prefix + name] = value
    return fields


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_item(item) for item in value)
    return one_line(str(value))


def _item(value: object) -> str:
    return json.dumps(value) if isinstance(value, Mapping) else _cell(value)
