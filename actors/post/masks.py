"""What may be printed of a mail: not in logs, not in a traceback does it show a secret."""

from collections.abc import Sequence
from typing import Any, Protocol


class Told(Protocol):
    """Something that says what may be told of it."""

    def __rich_repr__(self) -> Sequence[tuple[str, Any]]:
        """List names and what may be shown under them."""


def masked_address(address: str) -> str:
    """Return what may be printed of an address: two letters and the top-level domain.

    Source: OWASP Logging Cheat Sheet, "Data to exclude".
    """
    local, _, domain = address.rpartition("@")
    top = domain.rpartition(".")[2] if "." in domain else ""
    shown = f"{local[:1]}***@{domain[:1]}***" + (f".{top}" if top else "")
    return "".join(c if "!" <= c <= "~" else "?" for c in shown)


def masked_secret(secret: str | None) -> str | None:
    """Return a fixed mask, or None where there is no secret: its length is not told either."""
    return None if secret is None else "***"


def malformed(field: str) -> ValueError:
    """Make the refusal of a mail: it names the field and never its value."""
    return ValueError(f"malformed mail: {field}")


def printed(value: Told) -> str:
    """Print a value as it tells of itself."""
    shown = ", ".join(f"{name}={part!r}" for name, part in value.__rich_repr__())
    return f"{type(value).__name__}({shown})"
