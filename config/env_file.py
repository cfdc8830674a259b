r"""A file of ``NAME=value`` lines, the way ``.env`` files are commonly written.

    # a comment
    DOORWARD_PORT=8080            # a comment after a blank
    export DOORWARD_HOST="::1"
    DOORWARD_OPERATOR_KEY='taken # as it is'

Nothing is expanded, continued or unescaped: ``$`` and ``\`` stand for themselves, also in quotes.
Errors name file and line and never quote it, because such files hold secrets.
"""

import re
from pathlib import Path
from typing import Final

from doorward.config.errors import ConfigurationError

_NAME: Final = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)")
_COMMENT: Final = re.compile(r"[ \t]+#.*")
_BLANKS: Final = " \t"


def parse(text: str, *, path: Path, setting: str) -> dict[str, str]:
    """Read the lines of an environment file.

    Args:
        text: The whole file.
        path: Named in errors.
        setting: The setting that chose the file; named in errors.

    Returns:
        Every name with its value, foreign ones included.

    Raises:
        ConfigurationError: A line is not ``NAME=value``, or a name is there twice.
    """
    values: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.removesuffix("\r").strip(_BLANKS)
        if not stripped or stripped.startswith("#"):
            continue
        try:
            name, value = _parted(stripped)
        except ValueError:
            rule = "must hold lines of NAME=value, the value quoted if it has blanks around it"
            raise ConfigurationError(setting, f"{path}:{number}", rule) from None
        if name in values:
            raise ConfigurationError(setting, f"{path}:{number}", "must set each name once")
        values[name] = value
    return values


def _parted(line: str) -> tuple[str, str]:
    left, equals, right = line.partition("=")
    match = _NAME.fullmatch(left)
    if match is None or not equals or "\0" in line:
        raise ValueError
    return match[1], _unquoted(right)


def _unquoted(text: str) -> str:
    if not text.startswith(("'", '"')):
        # A "#" right behind "=" is a comment to some readers and a value to others.
        if text.startswith("#"):
            raise ValueError
        return _COMMENT.sub("", text, count=1).strip(_BLANKS)
    value, closed, behind = text[1:].partition(text[0])
    if not closed or (behind.strip(_BLANKS) and not _COMMENT.fullmatch(behind)):
        raise ValueError
    return value
