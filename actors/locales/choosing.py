"""Which language a reader gets: the storefront's, else the first of theirs that is spoken here."""

import re
from functools import lru_cache
from typing import Final

AUTO: Final = "auto"
ENGLISH: Final = "en"
LANGUAGES: Final = (ENGLISH, "id")
_SAID_OTHERWISE: Final = {"in": "id"}
"""Java and old Androids still send the code that Indonesian had until 1989."""

_RANGES: Final = 20
_LENGTH: Final = 256
"""What is looked at, and remembered: no browser sends more."""
_RANGE: Final = re.compile(
    r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9]{1,8})*\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?",
    re.ASCII,
)


def chosen(setting: str, accept: str | None) -> str:
    """Choose a language for a reader.

    Args:
        setting: The storefront's: a language, or ``auto``.
        accept: The reader's ``Accept-Language``, or a language that ``accepted`` once found.

    Returns:
        One of ``LANGUAGES``: the storefront's own, else the reader's, else English.
    """
    return setting if setting in LANGUAGES else accepted(accept) or ENGLISH


def accepted(accept: str | None) -> str:
    """Find the language spoken here that an ``Accept-Language`` likes best; empty when none is.

    Regions and scripts do not count (``id-ID`` is ``id``); what is malformed is passed over, and a
    header of many ranges is read as far as a browser would write one.

    Source: RFC 9110 §12.5.4, §12.4.2; RFC 4647 §3.4 (lookup).
    """
    return _accepted(accept[:_LENGTH]) if accept else ""


@lru_cache(maxsize=1024)
def _accepted(accept: str) -> str:
    best, liked = "", 0.0
    for asked in accept.split(",", _RANGES)[:_RANGES]:
        match = _RANGE.fullmatch(asked)
        if match is None:
            continue
        language = match[1].lower()
        language = _SAID_OTHERWISE.get(language, language)
        quality = float(match[2]) if match[2] else 1.0
        if language in LANGUAGES and liked < quality <= 1.0:
            best, liked = language, quality
    return best
