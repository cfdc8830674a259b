"""Cookies, read strictly and written in one way only.

Reading follows RFC 6265 §5.4 as browsers send it and nothing more: ``name=value`` pairs parted by
semicolons. Names are exact ASCII tokens, so a name padded with Unicode blanks (which lenient
parsers trim to a ``__Host-`` name) is simply another, ignored name; quotes have no meaning, so a
quoted value can neither swallow nor smuggle a neighbour.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from aiohttp import hdrs, web

from doorward.http.edge.refusals import BadRequest

# RFC 6265 §4.1.1: a name is a token (RFC 9110 §5.6.2), a value is cookie-octets.
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a grammar, not a secret
_OCTETS: Final = r"[!#-+\--:<-\[\]-~]*"
_NAME: Final = re.compile(_TOKEN)
_VALUE: Final = re.compile(_OCTETS)
_USUAL: Final = re.compile(rf"{_TOKEN}={_OCTETS}(?:; {_TOKEN}={_OCTETS})*")
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


def parse(request: web.BaseRequest) -> Mapping[str, str]:
    """Read the request's cookies, strictly.

    Pairs whose name is no token or whose value holds anything but cookie-octets (a blank, comma,
    quote, backslash, control or non-ASCII character) are ignored: no cookie of ours looks so.

    Returns:
        Values by exact, case-sensitive name.

    Raises:
        BadRequest: When there are two ``Cookie`` lines, or one name comes twice. Which of two
            would count is a choice an attacker must not make (contract §1).
    """
    lines = request.headers.getall(hdrs.COOKIE, None)
    if lines is None:
        return _NONE
    if len(lines) > 1:
        raise BadRequest("There is more than one Cookie header")
    return _pairs(lines[0])


def _pairs(line: str) -> dict[str, str]:
    if _USUAL.fullmatch(line):
        # As browsers write it: one match instead of two per cookie, on every request.
        parts = line.split("; ")
        usual = dict([part.split("=", 1) for part in parts])
        if len(usual) == len(parts):
            return usual
    # A dict, and None for a value that is ignored: its name still counts as given.
    found: dict[str, str | None] = {}
    for part in line.split(";"):
        name, separator, value = part.lstrip(" \t").partition("=")
        if not separator or not _NAME.fullmatch(name):
            continue
        if name in found:
            raise BadRequest("A cookie is given twice")
        found[name] = value if _VALUE.fullmatch(value) else None
    return {name: value for name, value in found.items() if value is not None}


def session_cookie(name: str, value: str, *, max_age_seconds: int, secure: bool) -> str:
    """Write a ``Set-Cookie`` value that only this host's pages send back.

    ``HttpOnly; SameSite=Lax; Path=/`` and no ``Domain`` (OWASP ASVS 3.3.1–4; RFC 6265bis
    §4.1.3.2 for ``__Host-``).

    Args:
        name: A token; with ``__Host-`` it must be secure.
        value: Cookie-octets.
        max_age_seconds: Lifetime in the browser.
        secure: Whether the browser may send it over https only.

    Raises:
        ValueError: When name or value has a form that another header could be written with, or a
            ``__Host-`` name is not secure (every browser would drop it silently).
    """
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise ValueError("a cookie's name must be a token, its value cookie-octets")
    if name.startswith("__Host-") and not secure:
        raise ValueError("a __Host- cookie must be secure")
    attributes = f"Max-Age={max_age_seconds}; Path=/; HttpOnly; SameSite=Lax"
    return f"{name}={value}; {attributes}{'; Secure' if secure else ''}"


def cleared(name: str, *, secure: bool) -> str:
    """Write the ``Set-Cookie`` value that removes a cookie of ``session_cookie``.

    Raises:
        ValueError: As ``session_cookie``.
    """
    return session_cookie(name, "", max_age_seconds=0, secure=secure)
