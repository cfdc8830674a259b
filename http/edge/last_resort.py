"""Answers where no surface can speak: framing errors, and what escapes a surface.

Generic JSON: no version, no cause, nothing of what was sent (OWASP ASVS 16.5.1, 13.4.6).
"""

from typing import Final

import orjson
from aiohttp import hdrs, web
from multidict import CIMultiDict, istr

from doorward.http.edge import request_ids

#: The name in ``Server``; aiohttp would give its version and Python's.
SERVER: Final = "doorward"
NO_SNIFF: Final = istr("X-Content-Type-Options")

_CODES: Final = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    417: "expectation_failed",
    503: "overloaded",
}


def answer(status: int, request_id: str) -> web.Response:
    """Make ``{"error": {"code": …}}``.

    Args:
        status: 400 or more. What has no code of its own here becomes a plain 400 or 500.
        request_id: Goes back as ``X-Request-Id``.
    """
    status = status if status in _CODES else 400 if status < 500 else 500  # noqa: PLR2004
    headers = CIMultiDict(
        {
            hdrs.CONTENT_TYPE: "application/json; charset=utf-8",
            hdrs.CACHE_CONTROL: "no-store",
            hdrs.SERVER: SERVER,
            NO_SNIFF: "nosniff",
            request_ids.HEADER: request_id,
        }
    )
    body = orjson.dumps({"error": {"code": _CODES.get(status, "internal")}})
    return web.Response(status=status, body=body, headers=headers)


def last_answer(status: int, request_id: str) -> web.Response:
    """Make ``answer``, after which the connection is closed: what follows cannot be believed."""
    response = answer(status, request_id)
    # aiohttp sets the header itself only where it knows the version, not after a parser's error.
    response.headers[hdrs.CONNECTION] = "close"
    response.force_close()
    return response


def instead_of(escaped: web.HTTPException, request_id: str) -> web.StreamResponse:
    """Answer in place of an aiohttp error, whose text may quote the request; let redirects be."""
    if escaped.status < 400:  # noqa: PLR2004
        escaped.headers[hdrs.SERVER] = SERVER
        raise escaped
    if escaped.status == web.HTTPExpectationFailed.status_code:
        # Whether the client sends the body after all is not known (RFC 9110 §10.1.1).
        return last_answer(escaped.status, request_id)
    response = answer(escaped.status, request_id)
    if hdrs.ALLOW in escaped.headers:
        response.headers[hdrs.ALLOW] = escaped.headers[hdrs.ALLOW]
    return response
