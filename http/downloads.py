"""An answer of many bytes: streamed, to be saved by browsers, never shown."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, NamedTuple

import structlog
from aiohttp import web
from multidict import CIMultiDict

from doorward.http.replies import SERVER

_COMMON: Final = CIMultiDict(
    {
        "Cache-Control": "no-store",
        # Whatever it turns out to hold, it runs nothing and names no place (OWASP ASVS 3.2.1).
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Server": SERVER,
    }
)
_log: Final = structlog.get_logger("doorward.http")


class Download(NamedTuple):
    """A file to be saved; ``name`` is of plain ASCII letters, digits, dots and dashes.

    ``size_bytes`` is None where nobody knows it before the end; the end is then told by framing.
    """

    name: str
    media_type: str
    size_bytes: int | None
    chunks: AsyncGenerator[bytes, None]


async def send(download: Download, request: web.Request, request_id: str) -> web.StreamResponse:
    """Stream a download.

    Raises:
        Exception: What reading the first chunk raises; nothing was sent then. What fails later
            ends the connection, so that nobody takes a part for the whole.
    """
    headers = CIMultiDict(_COMMON)
    headers["Content-Type"] = download.media_type
    headers["Content-Disposition"] = f'attachment; filename="{download.name}"'
    headers["X-Request-Id"] = request_id
    answer = web.StreamResponse(headers=headers)
    if download.size_bytes is not None:
        answer.content_length = download.size_bytes
    async with aclosing(download.chunks) as chunks:
        first = await anext(chunks, b"")
        await answer.prepare(request)
        if request.method == "HEAD":
            return answer
        try:
            await _write(answer, first, chunks, size=download.size_bytes)
        except Exception as error:  # noqa: BLE001 - the status is out: only the end can tell
            _log.warning("download_broken_off", cause=type(error).__name__, request_id=request_id)
            request.protocol.force_close()
            if request.transport is not None:
                request.transport.abort()
    return answer


async def _write(
    answer: web.StreamResponse,
    first: bytes,
    chunks: AsyncGenerator[bytes, None],
    *,
    size: int | None,
) -> None:
    await answer.write(first)
    written = len(first)
    async for chunk in chunks:
        await answer.write(chunk)
        written += len(chunk)
    if size not in {None, written}:
        raise EOFError("there was less or more than was said")
