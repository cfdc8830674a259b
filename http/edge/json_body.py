"""JSON bodies as the contract takes them: strict, small, one meaning only.

orjson refuses most of what must be refused (a byte order mark, invalid UTF-8, NaN and Infinity,
numbers beyond a double, lone surrogates, raw control characters). Left are duplicate keys, which
it would settle silently in favour of the last, escaped NULs, and depth. Byte counts prove their
absence for nearly every body; only where they prove nothing is it looked at more closely.
"""

import json
import re
from functools import lru_cache
from typing import Final

import orjson
from aiohttp import hdrs, web

from doorward.http.edge import bodies
from doorward.http.edge.refusals import BadBody, UnsupportedMediaType

BYTES_MAX: Final = 64 * 1024  # contract §1
DEPTH_MAX: Final = 16  # contract §1

_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_AS_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_UNSURE: Final = (b"\\", b"\t", b"\n", b"\r")
_PARAMETER: Final = re.compile(
    r";[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)"
    r'|"((?:[\t !#-\[\]-~]|\\[\t -~])*)"))?[ \t]*',
    re.ASCII,
)


async def read(request: web.BaseRequest) -> dict[str, object]:
    """Read the request's body as a JSON object.

    Returns:
        The object; an empty one when there is no body (a ``POST`` or ``DELETE`` without a body
        needs no ``Content-Type``, contract §7).

    Raises:
        UnsupportedMediaType: When a content coding is given, or the type is not
            ``application/json`` in UTF-8.
        PayloadTooLarge: When the body is larger than 64 KiB, announced or not.
        RequestTimeout: When it is not complete in time.
        BrokenBody: When its framing is wrong or it ends early.
        BadBody: When it is not a strict JSON object.
    """
    headers = request.headers
    if hdrs.CONTENT_ENCODING in headers:
        raise UnsupportedMediaType("The body must come without a Content-Encoding")
    media_type = headers.get(hdrs.CONTENT_TYPE)
    if media_type is None and not request.body_exists:
        return {}
    if media_type != "application/json" and not _is_json(media_type):
        raise UnsupportedMediaType("The body must be application/json in UTF-8")
    raw = await bodies.collect(request, bytes_max=BYTES_MAX)
    return decode(raw) if raw else {}


def decode(raw: bytes) -> dict[str, object]:
    """Decode strict JSON (RFC 8259, I-JSON's rules of RFC 7493 §2 on keys and strings).

    Returns:
        The object. Integers beyond 64 bits arrive as floats.

    Raises:
        BadBody: When ``raw`` is not one JSON object in UTF-8 without a byte order mark, has a key
            twice at any level, a number no double can hold, a NUL or a lone surrogate in any
            string, or is nested deeper than 16.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        # Its text quotes the body, so neither it nor a chain to it may get into a log.
        raise BadBody("The body must be valid JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise BadBody("The body must be a JSON object")
    if raw.count(b"[") + raw.count(b"{") > DEPTH_MAX:
        _refuse_depth(raw)
    # As many colons as members at the top: then no member is nested and none was lost to a key
    # given twice. A colon inside a string proves nothing either way, so then more is counted.
    if raw.count(b":") != len(value) and not _has_every_key(raw, value):
        _refuse_repeated_keys(raw)
    if b"\\u0000" in raw and _NUL.search(raw):
        raise BadBody("The body must not hold a NUL character")
    return value


def _refuse_depth(raw: bytes) -> None:
    # The syntax is known to be right, so without strings only brackets tell of depth. Each round
    # takes away what is innermost, all in C: a body of nothing but brackets costs no more.
    brackets = _STRING.sub(b"", raw).translate(_AS_SQUARE, delete=_NO_BRACKETS)
    for _ in range(DEPTH_MAX):
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise BadBody("The body must not be nested deeper than 16")


def _has_every_key(raw: bytes, value: dict[str, object]) -> bool:
    """Tell whether it is proven that no key was lost to another of its name; False proves nothing.

    Each key ends in ``":`` where no blank stands before its colon, and no string holds that where
    nothing is escaped. So written anew, what was decoded has as many of them if none was lost.
    """
    return (
        not any(sign in raw for sign in _UNSURE)
        and b" :" not in raw
        and raw.count(b'":') == orjson.dumps(value).count(b'":')
    )


def _refuse_repeated_keys(raw: bytes) -> None:
    try:
        json.loads(raw, object_pairs_hook=_unique)
    except ValueError:
        raise BadBody("The body must not give a key twice") from None


def _unique(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key is given twice")


@lru_cache(maxsize=64)
def _is_json(media_type: str | None) -> bool:
    """Tell whether a ``Content-Type`` is JSON in UTF-8 (RFC 9110 §8.3.1)."""
    if media_type is None:
        return False
    name, semicolon, rest = media_type.partition(";")
    if name.rstrip(" \t").lower() != "application/json":
        return False
    charsets = []
    parameters, at = semicolon + rest, 0
    while at < len(parameters):
        match = _PARAMETER.match(parameters, at)
        if match is None:
            return False
        if (match[1] or "").lower() == "charset":
            charsets.append((match[2] or match[3] or "").lower())
        at = match.end()
    return charsets in ([], ["utf-8"])
