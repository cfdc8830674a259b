"""A name for each request, the caller's own where it is harmless."""

import itertools
import os
import re
import secrets
from typing import Final

from aiohttp import web
from multidict import istr

HEADER: Final = istr("X-Request-Id")

# Contract §1. ASCII only: the id goes into logs and headers, so nothing in it may need escaping.
_ACCEPTABLE: Final = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)


class _Mint:
    """Unique ids, cheaply: a random prefix of this process and a count.

    They name requests, they guard nothing: that one can be guessed from another costs nothing.
    """

    def __init__(self) -> None:
        self._count = itertools.count(1)
        self.renew()

    def renew(self) -> None:
        self._prefix = secrets.token_hex(6)

    def next(self) -> str:
        return f"{self._prefix}-{next(self._count):x}"


_mint: Final = _Mint()
# Children of a fork would otherwise hand out the same ids as their parent.
os.register_at_fork(after_in_child=_mint.renew)


def of(request: web.BaseRequest) -> str:
    """Tell a request's id.

    Returns:
        The caller's ``X-Request-Id`` if it is 8 to 64 of ``A-Z a-z 0-9 _ -``, else a new one
        (which has that form too).
    """
    given = request.headers.get(HEADER)
    if given is not None and _ACCEPTABLE.fullmatch(given):
        return given
    return _mint.next()
