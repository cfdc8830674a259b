"""Logs: one line per event, JSON for machines and colour for people, and no secret in either.

Fields are values, never formatted into a sentence, so a line break in one cannot start a second
line (OWASP Logging Cheat Sheet, log injection). An exception is told by its types and places alone:
its text may quote a request, and the variables of its frames hold keys (ASVS 16.2.5).
"""

import logging
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from doorward.actors.clocks import boot_seconds
from doorward.actors.ledger import Event

_log: Final = structlog.get_logger("doorward")
_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}


def configure(*, level: str, style: str) -> None:
    """Set up logging for this process.

    Args:
        level: The least severe level that is written.
        style: ``json``, ``console``, or ``auto`` (console where standard error is a terminal).
    """
    if style == "auto":
        style = "console" if sys.stderr.isatty() else "json"
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        place_exceptions,
    ]
    if style == "json":
        structlog.configure(
            processors=[*shared, structlog.processors.JSONRenderer(serializer=_dumps)],
            wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
            logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
            cache_logger_on_first_use=True,
        )
    else:
        structlog.configure(
            processors=[*shared, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())],
            wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
            logger_factory=structlog.WriteLoggerFactory(sys.stderr),
            cache_logger_on_first_use=True,
        )
    logging.basicConfig(level=max(_LEVELS[level], logging.WARNING), stream=sys.stderr)


def place_exceptions(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put ``trace`` in place of an exception: its types and places, and nothing that they held."""
    error = event.pop("exc_info", None)
    if isinstance(error, tuple):
        error = error[1]
    elif error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["trace"] = list(_places(error))
    return event


def _places(error: BaseException) -> Iterator[str]:
    for link in _chain(error):
        yield type(link).__qualname__
        for frame, line in traceback.walk_tb(link.__traceback__):
            code = frame.f_code
            yield f"  {Path(code.co_filename).name}:{line} {code.co_qualname}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _dumps(event: dict[str, Any], **_options: Any) -> bytes:  # noqa: ANN401 - structlog's signature
    return orjson.dumps(event, default=str)


def log_event(event: Event) -> None:
    """Write one event: its name, its storefront, its fields."""
    _log.info(event.name, storefront=event.slug, **event.fields)


class Troubles:
    """Logs what should not happen, the same thing at most once a second."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def __call__(self, what: str, error: BaseException | None) -> None:
        """Log a trouble and its cause; a cause's text may quote input, so its type is told."""
        now = boot_seconds()
        if now < self._told.get(what, 0.0) + 1.0:
            return
        self._told[what] = now
        cause = error.__cause__ if error is not None and error.__cause__ else error
        _log.error("trouble", what=what, cause=type(cause).__name__ if cause else None)
