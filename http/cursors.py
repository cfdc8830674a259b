"""List cursors: opaque to whoever pages, and read back strictly.

A cursor is the base64url form of ``<ms>.<order id>`` of the last entry that was told. It is no
secret and no credential: with it one sees only what the same call would show anyhow.
"""

import re
from base64 import urlsafe_b64decode
from typing import Final

from doorward.actors.messages.orders import After
from doorward.actors.tokens import base64url
from doorward.http.calls import Call, Malformed

_TEXT: Final = re.compile(r"[A-Za-z0-9_-]{2,128}", re.ASCII)
_INSIDE: Final = re.compile(rb"(0|-?[1-9][0-9]{0,14})\.([0-9A-Za-z-]{1,64})")


def written(after: After | None) -> str | None:
    """Write where a list goes on; None at its end."""
    return None if after is None else base64url(f"{after[0]}.{after[1]}".encode())


def read(text: str) -> After | None:
    """Read a cursor back; None when it is not one that ``written`` wrote."""
    if _TEXT.fullmatch(text) is None or len(text) % 4 == 1:
        return None
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    inside = _INSIDE.fullmatch(raw)
    # Bits that base64 leaves over would let many texts mean one place.
    if inside is None or base64url(raw) != text:
        return None
    return int(inside[1]), inside[2].decode()


def of(call: Call) -> After | None:
    """Read the query parameter ``cursor``; None when there is none.

    Raises:
        Malformed: When it is not one that an answer told.
        BadRequest: When it comes twice.
    """
    text = call.query("cursor")
    if text is None:
        return None
    after = read(text)
    if after is None:
        raise Malformed("cursor", "must be the cursor of an earlier answer")
    return after
