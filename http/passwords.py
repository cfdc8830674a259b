"""What a password must be, as far as only the password itself can tell (contract §4).

Whether it is long enough is the storefront's to say (``passwords.lengthMinimum``): it is told the
length, never the password. There are no rules of composition, and nothing is trimmed, folded or cut
off (OWASP ASVS 6.2.5, 6.2.8): what is hashed is what was typed, in one spelling of its characters.
"""

import unicodedata
from pathlib import Path
from typing import Final

LENGTH_MAX: Final = 256
"""Code points; ASVS 6.2.9 asks for at least 64."""
TOO_LONG: Final = f"must have at most {LENGTH_MAX} characters"
_CONTROL: Final = "must not hold control characters"
_COMMON_RULE: Final = "is among the most common passwords"
_LIST: Final = Path(__file__).with_name("common-passwords.txt")


def _listed() -> frozenset[str]:
    _, _, entries = _LIST.read_text(encoding="utf-8").partition("\n\n")
    return frozenset(entry.casefold() for entry in entries.splitlines())


COMMON: Final = _listed()
"""Common passwords, case-folded; the file says where they are from. A password is refused only when
the whole of it is here: a phrase of common words is a good one (NIST SP 800-63B §3.1.1.2, OWASP
ASVS 6.2.4). Read when this is imported, because the event loop must not wait for a disk."""


def normalised(password: str) -> str:
    """Spell a password in NFC, so that it is the same one from every keyboard.

    Source: NIST SP 800-63B §3.1.1.2. Its length in code points is counted after this.
    """
    return unicodedata.normalize("NFC", password)


def faults(password: str) -> tuple[str, ...]:
    """Tell what is wrong with a new password, as rules that follow its name; best is nothing.

    Args:
        password: In NFC.
    """
    found = []
    if len(password) > LENGTH_MAX:
        found.append(TOO_LONG)
    if any(unicodedata.category(sign) == "Cc" for sign in password[:LENGTH_MAX]):
        found.append(_CONTROL)
    if password.casefold() in COMMON:
        found.append(_COMMON_RULE)
    return tuple(found)
