"""What a text may hold: a line of it, or several.

Whatever comes from outside is kept as it came or refused, never mended: a name that was silently
shortened is somebody else's name. Lone surrogates are no text at all and could not be stored.
"""

import re
from typing import Final
from urllib.parse import urlsplit

LINE_LENGTH: Final = 100
BLOCK_LENGTH: Final = 4_000
URL_LENGTH: Final = 2_000

_NOT_IN_A_LINE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_IN_A_BLOCK: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]"  # all control characters but tab and newline
)
_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
"""E.164: at most fifteen digits, no leading zero; shorter than seven is no subscriber number."""
_VISIBLE: Final = re.compile(r"[!-~]+")

LINE_RULE: Final = "must be 1 to {} characters without control characters"
BLOCK_RULE: Final = "must be 1 to {} characters, no control characters but tabs and line breaks"
PHONE_RULE: Final = "must be a number in E.164 form, like +628123456789"


def is_line(text: str, longest: int = LINE_LENGTH) -> bool:
    """Tell whether this is a line with something on it (contract §1, names)."""
    return 1 <= len(text) <= longest and _NOT_IN_A_LINE.search(text) is None and not text.isspace()


def is_block(text: str, longest: int = BLOCK_LENGTH) -> bool:
    """Tell whether these are lines with something on them (contract §2, messages)."""
    return 1 <= len(text) <= longest and _NOT_IN_A_BLOCK.search(text) is None and not text.isspace()


def is_phone(text: str) -> bool:
    """Tell whether this is a telephone number in E.164 form (contract §1)."""
    return _PHONE.fullmatch(text) is not None


def is_url(text: str, *schemes: str, longest: int = URL_LENGTH) -> bool:
    """Tell whether this is an address in the web, as it may stand in a link."""
    if len(text) > longest or _VISIBLE.fullmatch(text) is None:
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.hostname)
