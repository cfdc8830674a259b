"""A large body, handed on as it arrives: counted, and ended when it makes no headway.

``bodies`` collects what is small; here nothing is held but one read buffer.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from aiohttp import hdrs, web

from doorward.http.edge import bodies
from doorward.http.edge.refusals import (
    BrokenBody,
    PayloadTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)

_TOO_LARGE: Final = "The body is too large"


class Allowance(NamedTuple):
    """What an upload may take.

    ``idle_seconds`` pass at most between one part and the next, ``seconds_max`` in all: whoever
    sends a byte now and then does not hold a place for ever.
    """

    bytes_max: int
    idle_seconds: float = bodies.SECONDS_MAX
    seconds_max: float = 180.0


def refuse_announced(request: web.BaseRequest, *, bytes_max: int) -> None:
    """Refuse a body whose length is announced and too large, before anything of it is read.

    Raises:
        PayloadTooLarge: When it is.
        UnsupportedMediaType: When it comes in a content coding: what arrives would have to be
            inflated to be looked at.
    """
    if hdrs.CONTENT_ENCODING in request.headers:
        raise UnsupportedMediaType("The body must come without a Content-Encoding")
    if (request.content_length or 0) > bytes_max:
        raise PayloadTooLarge(_TOO_LARGE)


async def arriving(
    request: web.BaseRequest, parts: AsyncIterator[bytes], allowance: Allowance
) -> AsyncIterator[bytes]:
    """Yield the parts of a body as they arrive.

    After any error the connection ends with the answer, so nothing that follows the body is taken
    for a request.

    Args:
        request: Whose body it is.
        parts: The body itself (``request.content.iter_any()``), or one field of it.
        allowance: What it may take.

    Raises:
        PayloadTooLarge: When more arrives.
        RequestTimeout: When nothing arrives for too long, or it takes too long in all.
        BrokenBody: When its framing is wrong, or the client left.
    """
    taken, deadline = 0, time.monotonic() + allowance.seconds_max
    while True:
        patience = min(allowance.idle_seconds, deadline - time.monotonic())
        try:
            async with asyncio.timeout(patience):
                part = await anext(parts, None)
        except TimeoutError:
            bodies.give_up(request)
            raise RequestTimeout("The body did not arrive in time") from None
        except (web.RequestPayloadError, OSError):
            bodies.give_up(request)
            raise BrokenBody("The body is not framed correctly or not complete") from None
        if part is None:
            return
        taken += len(part)
        if taken > allowance.bytes_max:
            raise PayloadTooLarge(_TOO_LARGE)
        yield part
