"""Display names made fit for a subject, a ``From`` header and a page.

Whoever configures a storefront chooses its name, so it is treated as hostile text: a line break
would start a header of its own, a bidirectional override would let a subject read as something
else, a lone surrogate would make the mail impossible to encode. So would an encoded word:
``=?utf-8?q?=0D=0ABcc=3A…?=`` is harmless to look at, but whoever parses the header next, Python's
own email package included, decodes it and finds the line break.

Source: CVE-2024-6923 and CVE-2026-1299 (line breaks in headers through Python's email package);
RFC 2047 §2 (encoded words); Unicode UAX #9 and UTR #36 §3.3 (bidirectional text spoofing).
"""

import unicodedata
from functools import lru_cache
from typing import Final

LONGEST: Final = 100
LONGEST_TEXT: Final = 4_000
_JOINERS: Final = "\u200c\u200d"
"""Format characters that are letters' business: Persian and Indic spelling, joined emoji."""


@lru_cache(maxsize=4096)
def shown_name(display_name: str, slug: str) -> str:
    """Return a name as one harmless line of at most 100 characters, never empty.

    Controls and line separators become blanks; other format characters (bidirectional marks,
    overrides and isolates, zero-width blanks, tags), surrogates and unassigned code points go; what
    would begin an encoded word is parted. Where nothing visible is left, the slug stands in.
    """
    kept = "".join(_neutral(character) for character in display_name)
    # Parted last: removing a character between "=" and "?" would otherwise bring them together.
    line = " ".join(kept.split()).replace("=?", "= ?")[:LONGEST].rstrip()
    return line if line.strip(_JOINERS + " ") else slug


def shown_lines(text: str) -> list[str]:
    """Return what somebody wrote as harmless lines; empty ones go.

    Neutralised as ``shown_name`` does it, but for their length. The bound is that of a message
    (``desks.text_rules``), so that nothing that was kept is cut.
    """
    lines = (
        " ".join("".join(map(_neutral, line)).split()) for line in text[:LONGEST_TEXT].split("\n")
    )
    return [line for line in lines if line.strip(_JOINERS)]


def _neutral(character: str) -> str:
    if " " <= character <= "~" or character in _JOINERS:
        return character
    match unicodedata.category(character):
        case "Cc" | "Zl" | "Zp" | "Zs":
            return " "
        case "Cf" | "Cs" | "Co" | "Cn":
            return ""
        case _:
            return character
