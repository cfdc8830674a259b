"""Names nobody declared, and what was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from doorward.config.errors import ConfigurationError

_SHOWN: Final = 80


def unknown(
    name: str, value: str, *, known: Iterable[str], noun: str, where: str = ""
) -> ConfigurationError:
    """Make the error for a name that is not declared, with the nearest one that is.

    Args:
        name: What was written.
        value: What it was set to, already masked or shortened.
        known: Every name that would have been right.
        noun: What such a name is called, e.g. ``setting``.
        where: Said at the end of the rule, e.g. `` (from doorward.toml)``.
    """
    # Case is where most misspelt names differ; and a file's names are those of the environment
    # without their prefix, which is easily left on.
    spelt = {declared.lower(): declared for declared in known}
    meant = name[:_SHOWN].lower()
    near = get_close_matches(meant, spelt, n=1) or [
        bare for bare in (meant.removeprefix("doorward_"),) if bare in spelt
    ]
    hint = f", did you mean {spelt[near[0]]}?" if near else ""
    return ConfigurationError(shortened(name), value, f"is not a {noun} of Doorward{hint}{where}")


def shortened(text: str) -> str:
    """Cut a text to what an error message can carry."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
