"""Logs: one line per event, JSON for machines and colour for people, and no secret in either.

Fields are values, never formatted into a sentence, so a line break in one cannot start a second
line (OWASP Logging Cheat Sheet, log injection).
"""

import logging
import sys
from typing import Any, Final

import orjson
import structlog

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
    ]
    if style == "json":
        structlog.configure(
            processors=[
                *shared,
                structlog.processors.dict_tracebacks,
                structlog.processors.JSONRenderer(serializer=_dumps),
            ],
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


def _dumps(event: dict[str, Any], **_options: Any) -> bytes:  # noqa: ANN401 - structlog's signature
    return orjson.dumps(event, default=str)
