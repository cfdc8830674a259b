"""The tables of ``docs/configuration.md``, written from the declarations.

A test holds the document to them. To bring it up to date, put what these return between the
markers ``<!-- settings -->``, ``<!-- policy -->`` and the next ``<!-- end -->``.
"""

import json
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Final, get_type_hints

from doorward.config.policy import TREE
from doorward.config.policy_fields import PolicyField
from doorward.config.settings import Settings, describe

_SETTINGS_HEAD: Final = ("Setting", "Default", "Takes", "Unit", "Meaning")
_POLICY_HEAD: Final = ("Field", "Default", "Bounds", "Unit", "Meaning", "Source")


def settings_tables() -> str:
    """Write a Markdown table for each concern, headed by what the concern is."""
    concerns = get_type_hints(Settings)
    return "\n\n".join(
        f"### {concern.capitalize()}\n\n{_first_line(concerns[concern])}\n\n"
        + _table(
            _SETTINGS_HEAD,
            [(f"`{row.name}`", row.default, row.accepts, row.unit, row.meaning) for row in rows],
        )
        for concern, rows in groupby(describe(), key=attrgetter("concern"))
    )


def policy_table() -> str:
    """Write one Markdown table of all policy fields."""
    return _table(_POLICY_HEAD, [_policy_row(field) for field in TREE.fields.values()])


def _policy_row(field: PolicyField) -> tuple[str, ...]:
    bounds = "true or false" if field.bounds is None else "–".join(map(str, field.bounds))
    default = json.dumps(field.default)
    return (f"`{field.name}`", default, bounds, field.unit, field.meaning, field.source)


def _first_line(struct: type[object]) -> str:
    return (struct.__doc__ or "").partition("\n")[0]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
