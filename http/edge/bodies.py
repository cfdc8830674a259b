"""A request's body, collected under a cap and a deadline.

aiohttp waits for a half-sent body for ever, and hands it on however large it is; both are how a
server is held down cheaply (OWASP ASVS 15.2.2).
"""

import asyncio
from typing import Final

from aiohttp import StreamReader, web

from doorward.http.edge.refusals import BrokenBody, PayloadTooLarge, RequestTimeout

SECONDS_MAX: Final = 10.0  # contract §7: "header and body within 10 s each"


async def collect(
    request: web.BaseRequest, *, bytes_max: int, seconds_max: float = SECONDS_MAX
) -> bytes:
    """Take the whole body.

    No more than ``bytes_max`` and one read buffer are ever held. After any error the connection
    ends with the answer, so nothing that follows the body is taken for a request.

    Args:
        request: Whose body was not read before.
        bytes_max: The cap in bytes, held to what is announced and to what arrives.
        seconds_max: How long from now the body may take; no timer is set when it is already here.

    Raises:
        PayloadTooLarge: When the body is larger.
        RequestTimeout: When it is not complete in time.
        BrokenBody: When its framing is wrong, or the client left.
    """
    content = request.content
    complete = content.is_eof()
    announced = content.total_bytes if complete else request.content_length or 0
    if announced > bytes_max:
        raise PayloadTooLarge("The body is too large")
    try:
        if complete:
            return content.read_nowait()
        async with asyncio.timeout(seconds_max):
            return await _drain(content, bytes_max)
    except TimeoutError:
        give_up(request)
        raise RequestTimeout("The body did not arrive in time") from None
    except (web.RequestPayloadError, OSError):
        give_up(request)
        raise BrokenBody("The body is not framed correctly or not complete") from None


async def _drain(content: StreamReader, bytes_max: int) -> bytes:
    taken = bytearray()
    while part := await content.readany():
        taken += part
        if len(taken) > bytes_max:
            raise PayloadTooLarge("The body is too large")
    return bytes(taken)


def give_up(request: web.BaseRequest) -> None:
    """Let the answer be the last of its connection, without waiting for the rest of the body."""
    # Nothing of this connection is read any more, and aiohttp does not wait for the rest of the
    # body before it closes: the answer goes out and the connection with it.
    request.protocol.close()
    request.content.feed_eof()
