"""Forms: what the text of a setting must look like, and the value it stands for.

Every form says its rule once; error messages and ``docs/configuration.md`` both quote it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_SWITCH: Final = {"0": False, "1": True, "false": False, "true": True}


class Unfit(ValueError):
    """A text that is not of the form, with a more exact rule than the form's own.

    Attributes:
        rule: Completes "must …"; holds nothing of the text, which may be a secret.
    """

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """A rule in words, completing "must be …", and the function that holds a text to it.

    ``parse`` raises ``ValueError`` where the rule says it all, ``Unfit`` where more can be said.
    ``listed`` forms are comma separated; in ``doorward.toml`` they may also be an array.
    """

    rule: str
    parse: Callable[[str], T]
    listed: bool = False

    def read(self, text: str) -> T:
        """Return the value a text stands for.

        Raises:
            Unfit: When the text is not of this form; its ``rule`` starts with "must".
        """
        try:
            return self.parse(text)
        except Unfit as unfit:
            raise Unfit(f"must {unfit.rule}") from None
        except ValueError:
            # The library's own message quotes the text, which may be a secret.
            raise Unfit(f"must be {self.rule}") from None


def whole(low: int, high: int) -> Form[int]:
    """Make the form of a whole number in decimal digits, bounds included."""

    def parse(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
            raise ValueError
        return int(text)

    return Form(f"a whole number from {low} to {high}", parse)


def one_of(*choices: str) -> Form[str]:
    """Make the form of a word from a closed list."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError
        return text

    return Form(f"{', '.join(choices[:-1])} or {choices[-1]}", parse)


def items(text: str) -> list[str]:
    """Part a comma separated list; blanks around an item do not count.

    Raises:
        Unfit: When an item is empty.
    """
    parts = [part.strip(" \t") for part in text.split(",")]
    if not all(parts):
        raise Unfit("have no empty item between its commas")
    return parts


def _switch(text: str) -> bool:
    if text not in _SWITCH:
        raise ValueError
    return _SWITCH[text]


def _path(text: str) -> Path:
    if not text.strip() or any(ord(character) < ord(" ") for character in text):
        raise ValueError
    return Path(text)


SWITCH: Final = Form("0, 1, false or true", _switch)
PATH: Final = Form("a path without control characters", _path)
