"""What somebody uses, in a few words, so that they know their own sessions apart.

Only a hint for people: whoever asks can send any ``User-Agent``. Nothing of it is kept but words
of our own; browsers freeze most of what it once told (Chromium's User-Agent Reduction), so neither
versions nor models are looked for.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

CHARACTERS_MAX: Final = 512
"""Longer ones are no browser's, and not worth a place in the cache."""

_Signs = Iterable[tuple[re.Pattern[str], str]]


def _signs(*pairs: tuple[str, str]) -> _Signs:
    return tuple((re.compile(pattern, re.ASCII), words) for pattern, words in pairs)


# The first that is found counts: nearly all of them claim to be Chrome and Safari as well.
_PROGRAMS: Final = _signs(
    (r"\bEdg(?:e|A|iOS)?/", "Edge"),
    (r"\bOPR/|\bOpera\b", "Opera"),
    (r"\bSamsungBrowser/", "Samsung Internet"),
    (r"\b(?:Firefox|FxiOS)/", "Firefox"),
    (r"\b(?:Chrome|CriOS|Chromium)/", "Chrome"),
    (r"\bSafari/", "Safari"),
    (r"\bcurl/", "curl"),
    (r"\bDart/|\bokhttp/|\bCFNetwork/", "App"),
)
_SYSTEMS: Final = _signs(
    (r"\biPhone\b", "iPhone"),
    (r"\biPad\b", "iPad"),
    (r"\bAndroid\b", "Android"),
    (r"\bWindows\b", "Windows"),
    (r"\bMac(?:intosh| OS X)\b", "macOS"),
    (r"\bCrOS\b", "ChromeOS"),
    (r"\bLinux\b", "Linux"),
)


def label_of(user_agent: str) -> str:
    """Name a program and the system it runs on; empty when neither is known.

    Args:
        user_agent: The header as it came.
    """
    return _label(user_agent) if len(user_agent) <= CHARACTERS_MAX else ""


@lru_cache(maxsize=1024)
def _label(user_agent: str) -> str:
    program, system = _first(_PROGRAMS, user_agent), _first(_SYSTEMS, user_agent)
    return f"{program}, {system}" if program and system else program or system


def _first(signs: _Signs, user_agent: str) -> str:
    return next((words for pattern, words in signs if pattern.search(user_agent)), "")
