"""Posted forms, read strictly: one value a field, valid UTF-8, under a cap."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from doorward.http.edge import bodies
from doorward.http.edge.refusals import BadRequest, UnsupportedMediaType

URL_ENCODED: Final = "application/x-www-form-urlencoded"
FORM_BYTES_MAX: Final = 64 * 1024
"""A message of 4,000 characters, each percent-encoded at its longest (12 bytes), and its frame."""
FIELDS_MAX: Final = 8
_BLANKS: Final = re.compile(r"\r\n?")


async def read(request: web.Request, *, fields_max: int = FIELDS_MAX) -> Mapping[str, str]:
    """Read a URL-encoded form; every line end becomes a single newline.

    Raises:
        UnsupportedMediaType: When it is another kind of form.
        BadRequest: When it cannot be read, or names a field twice.
        EdgeError: As ``bodies.collect``.
    """
    refuse_coding(request)
    if request.content_type != URL_ENCODED:
        raise UnsupportedMediaType("The form must be URL-encoded")
    raw = await bodies.collect(request, bytes_max=FORM_BYTES_MAX)
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=fields_max,
        )
    except ValueError:
        raise BadRequest("The form cannot be read") from None
    fields = {name: _BLANKS.sub("\n", value) for name, value in pairs}
    if len(fields) < len(pairs):
        raise BadRequest("The form names a field twice")
    return fields


async def read_nothing(request: web.Request) -> None:
    """Take a form that holds nothing but its button.

    Raises:
        EdgeError: As ``bodies.collect``.
    """
    refuse_coding(request)
    await bodies.collect(request, bytes_max=FORM_BYTES_MAX)


def refuse_coding(request: web.BaseRequest) -> None:
    """Refuse a form in a content coding: no browser sends one, and a small one inflates to a lot.

    Raises:
        UnsupportedMediaType: When it is.
    """
    if hdrs.CONTENT_ENCODING in request.headers:
        raise UnsupportedMediaType("The form must come without a Content-Encoding")
