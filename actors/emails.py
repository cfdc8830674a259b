"""The canonical form of an email address: looked up by it, and delivered to it.

One form, made once: a service that looks an account up by one spelling and mails to another hands
accounts to whoever owns the other mailbox (Unicode case-folding account take-over, 2019). So only
ASCII letters are lower-cased, nothing is stripped but ASCII blanks around, and what cannot be
mailed as written is refused.

Sources: contract §1; RFC 5321 §4.5.3.1 (64 octets local part, 254 in all); RFC 5890 (A-labels).
"""

import re
from functools import lru_cache
from typing import Final

import idna

MAX_BYTES: Final = 254
_BLANKS: Final = " \t"
_LOCAL: Final = r"(?=[^@]{1,64}@)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_TOP: Final = r"(?![0-9]+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])"
_EMAIL: Final = re.compile(rf"{_LOCAL}@(?:{_LABEL}\.)+{_TOP}", re.ASCII)


class NotAnEmail(ValueError):
    """This is no address that mail can be sent to as it is written."""


def canonical(text: str) -> str:
    """Bring an address into its one form.

    Args:
        text: As it was typed. Blanks and tabs around it are dropped; a line break is refused.

    Returns:
        Lower-case ASCII ``local@domain``, the domain as A-labels, at most 254 bytes.

    Raises:
        NotAnEmail: When it is not an address, or holds what no address may hold.
    """
    email = _ascii_lower(text.strip(_BLANKS))
    if not email.isascii():
        local, at, domain = email.rpartition("@")
        if not at or not local.isascii():
            raise NotAnEmail
        email = f"{local}@{_a_label(domain)}"
    if len(email) > MAX_BYTES or _EMAIL.fullmatch(email) is None:
        raise NotAnEmail
    return email


def _ascii_lower(text: str) -> str:
    # str.lower() would also turn, say, the Kelvin sign into a plain k: another person's address.
    return text.lower() if text.isascii() else text.translate(_LOWER)


_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


@lru_cache(maxsize=1024)
def _a_label(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True, transitional=False).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        raise NotAnEmail from None
