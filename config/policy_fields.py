"""How a policy field declares itself, and the declared fields of a tree of sections.

A section is a frozen ``msgspec.Struct``; a field is an attribute whose type carries a ``Meta`` made
by ``number`` or ``choice``. That declaration is the only place where a field's default, bounds,
unit, meaning and source are written: validation, error messages and ``docs/configuration.md`` read
them from here, and so does the JSON Schema that ``msgspec.json.schema`` makes of a policy.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard, cast

import msgspec
from msgspec.inspect import BoolType, IntType, Metadata, StructType, type_info


def number(unit: str, *, low: int, high: int, meaning: str, source: str) -> msgspec.Meta:
    """Declare a whole number with its bounds, both included."""
    extra = {"unit": unit, "source": source}
    return msgspec.Meta(ge=low, le=high, description=meaning, extra=extra)


def choice(*, meaning: str, source: str) -> msgspec.Meta:
    """Declare a field that is either on or off."""
    return msgspec.Meta(description=meaning, extra={"unit": "true or false", "source": source})


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyField:
    """A declared field; ``bounds`` is None where it is on or off."""

    name: str
    default: int
    bounds: tuple[int, int] | None
    unit: str
    meaning: str
    source: str

    @property
    def rule(self) -> str:
        """Say what the field takes, completing "must be …"."""
        if self.bounds is None:
            return "true or false"
        return f"a whole number from {self.bounds[0]} to {self.bounds[1]} ({self.unit})"

    def accepts(self, value: object) -> TypeGuard[int]:
        """Tell whether a decoded JSON value fits: ``true`` is no number, nor is ``5.0``."""
        if self.bounds is None:
            return type(value) is bool
        return type(value) is int and self.bounds[0] <= value <= self.bounds[1]


@dataclass(frozen=True, slots=True)
class PolicyTree:
    """All fields by dotted name, in the order they are declared, and the names of all sections."""

    fields: Mapping[str, PolicyField]
    sections: frozenset[str]


def tree_of(root: type[msgspec.Struct]) -> PolicyTree:
    """Read the declarations of a tree of sections.

    Raises:
        TypeError: When a field is not declared by ``number`` or ``choice``; found at import.
    """
    found = list(_walk(cast("StructType", type_info(root)), ""))
    fields = {entry.name: entry for entry in found if isinstance(entry, PolicyField)}
    return PolicyTree(fields, frozenset(entry for entry in found if isinstance(entry, str)))


def _walk(section: StructType, prefix: str) -> Iterator[PolicyField | str]:
    for field in section.fields:
        name = prefix + field.encode_name
        if isinstance(field.type, StructType):
            yield name
            yield from _walk(field.type, f"{name}.")
        elif isinstance(field.type, Metadata):
            yield _declared(name, field.type, field.default)
        else:
            raise TypeError(f"{name} declares no meaning")


def _declared(name: str, metadata: Metadata, default: object) -> PolicyField:
    kind = metadata.type
    words = (metadata.extra_json_schema or {}) | (metadata.extra or {})
    if isinstance(kind, IntType) and kind.ge is not None and kind.le is not None:
        bounds: tuple[int, int] | None = (kind.ge, kind.le)
    elif isinstance(kind, BoolType):
        bounds = None
    else:
        raise TypeError(f"{name} is neither a bounded number nor a choice")
    if not isinstance(default, int):
        raise TypeError(f"{name} has no default")
    return PolicyField(
        name=name,
        default=default,
        bounds=bounds,
        unit=words["unit"],
        meaning=words["description"],
        source=words["source"],
    )
