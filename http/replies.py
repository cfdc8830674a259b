"""What goes back: a status, a body that is already bytes, and the headers every answer carries."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson
from aiohttp import web
from multidict import CIMultiDict

from doorward.actors.windows import Standing
from doorward.http.edge.retry_after import whole_seconds

SERVER: Final = "doorward"
JSON_TYPE: Final = "application/json; charset=utf-8"
_NO_HEADERS: Final[Mapping[str, str]] = {}

_COMMON: Final = CIMultiDict(
    {
        "Content-Type": JSON_TYPE,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Sec-Fetch-Site, Origin",
        "Server": SERVER,
    }
)


class Reply(NamedTuple):
    """An answer before it is dressed for its surface."""

    status: int
    data: Any
    headers: Mapping[str, str] = _NO_HEADERS
    cookies: tuple[str, ...] = ()


class Failure(NamedTuple):
    """A refusal before it is dressed for its surface; ``code`` is the surface's own spelling.

    ``details`` are further members, for surfaces that have some.
    """

    status: int
    code: str
    message: str
    param: str | None = None
    headers: Mapping[str, str] = _NO_HEADERS
    cookies: tuple[str, ...] = ()
    details: Mapping[str, Any] = _NO_HEADERS


KEY_REQUIRED: Final = Failure(
    401, "KEY_REQUIRED", "This call needs a valid key.", headers={"WWW-Authenticate": "Bearer"}
)


def response(
    answer: Reply | Failure,
    body: Any,  # noqa: ANN401 - any JSON value
    request_id: str,
) -> web.Response:
    """Make the HTTP response: JSON, never cached, never sniffed, with its request id.

    Args:
        answer: Gives status, headers and cookies.
        body: The JSON value in the surface's own envelope; None sends no body (204).
        request_id: Goes back as ``X-Request-Id``.
    """
    headers = CIMultiDict(_COMMON)
    headers["X-Request-Id"] = request_id
    if answer.headers:
        headers.update(answer.headers)
    for cookie in answer.cookies:
        headers.add("Set-Cookie", cookie)
    if body is None:
        del headers["Content-Type"]
        return web.Response(status=answer.status, headers=headers)
    return web.Response(status=answer.status, body=orjson.dumps(body), headers=headers)


def limit_headers(standing: Standing) -> dict[str, str]:
    """Tell where the tightest volume limit stands (draft-ietf-httpapi-ratelimit-headers-10)."""
    rule = standing.rule
    return {
        "RateLimit-Policy": f'"{rule.name}";q={rule.limit};w={rule.window_ms // 1000}',
        "RateLimit": f'"{rule.name}";r={standing.remaining};t={-(-standing.reset_ms // 1000)}',
    }


def retry_headers(wait_ms: int) -> dict[str, str]:
    """Tell when to come back."""
    return {"Retry-After": whole_seconds(wait_ms)}
