"""How a process setting declares itself, and the declared settings of a struct.

A concern is a frozen ``msgspec.Struct``; each attribute's type carries one ``Declaration``. That is
the only place where a setting's form, unit and meaning are written, and its default stands beside
it: reading, error messages, ``doorward settings`` and ``docs/configuration.md`` come from there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, get_type_hints

import msgspec

from doorward.config.forms import Form

PREFIX: Final = "DOORWARD_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a setting takes and means.

    ``absent`` says in words what happens without the setting, where the default value does not.
    ``key`` is its name in ``doorward.toml``, where that is not the attribute's.
    """

    form: Form[Any]
    unit: str
    meaning: str
    absent: str = ""
    key: str = ""
    is_secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One declared setting: ``key`` in a file, ``name`` in the environment."""

    concern: str
    attribute: str
    key: str
    declaration: Declaration
    default: object

    @property
    def name(self) -> str:
        """Tell its name in the environment."""
        return PREFIX + self.key.upper()


def settings_of(root: type[msgspec.Struct]) -> tuple[Setting, ...]:
    """Read the declarations of a struct of concerns, in their order.

    Raises:
        TypeError: When an attribute has no declaration, or no default; found at import.
    """
    concerns = get_type_hints(root)
    return tuple(
        setting
        for concern in root.__struct_fields__
        for setting in _declared(concern, concerns[concern])
    )


def _declared(concern: str, struct: type[msgspec.Struct]) -> Iterator[Setting]:
    hints = get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        marks = getattr(hints[field.name], "__metadata__", ())
        declaration = next((mark for mark in marks if isinstance(mark, Declaration)), None)
        if declaration is None or field.default is msgspec.NODEFAULT:
            raise TypeError(f"{struct.__name__}.{field.name} declares no meaning or no default")
        yield Setting(
            concern=concern,
            attribute=field.name,
            key=declaration.key or field.name,
            declaration=declaration,
            default=field.default,
        )
