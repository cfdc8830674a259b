"""The form that sends a proof of payment: one file of a multipart form, taken as the API takes it.

The file is never held: its bytes go on as they arrive (``http.proofs``). What browsers without
JavaScript send in vain, a photo that is too large above all, is read to its end and thrown away as
far as that is bearable; a browser that is still sending would not look at any answer.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import BodyPartReader, hdrs, web
from aiohttp.http import HttpProcessingError

from doorward.actors.errors import Unavailable
from doorward.actors.messages.orders import ProofKept
from doorward.actors.messages.refusals import Conflict, TooMany
from doorward.actors.partitions import partition_of_access_token
from doorward.http.edge import bodies
from doorward.http.edge.refusals import (
    BadRequest,
    EdgeError,
    PayloadTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)
from doorward.http.edge.uploads import Allowance, arriving
from doorward.http.pages import forms
from doorward.http.pages.order import (
    Problem,
    back,
    caller_of,
    digest_of,
    no_page_for,
    refused,
    token_of,
)
from doorward.http.pages.visits import Away, Fault, Page, Visit
from doorward.http.proofs import MEDIA_TYPES, PROOFS, Upload

FIELD: Final = "proof"
_MULTIPART: Final = "multipart/form-data"
_UNREADABLE: Final = (ValueError, AssertionError, HttpProcessingError)
"""What aiohttp raises where a form is not framed as one; the assertion is that it ends too soon."""
_IN_VAIN: Final = Allowance(bytes_max=40 * 1024 * 1024, seconds_max=60.0)
"""What is read and thrown away: larger than phones' photos are."""


class _NotTaken(Exception):
    """The proof was not taken; ``problem`` says why."""

    def __init__(self, status: int, name: str, wait_ms: int | None = None) -> None:
        super().__init__(status, name, wait_ms)
        self.problem = Problem(FIELD, status, name, wait_ms)


async def send(visit: Visit) -> Page | Away:
    """Take a proof in."""
    try:
        await _take(visit)
    except _NotTaken as error:
        return await _refused(visit, error.problem)
    except PayloadTooLarge:
        return await _refused(visit, Problem(FIELD, 413, "proof.too_large"))
    except UnsupportedMediaType:
        return await _refused(visit, Problem(FIELD, 415, "proof.wrong"))
    except Unavailable as error:
        wait_ms = error.retry_after_seconds * 1000
        return await _refused(visit, Problem(FIELD, 503, "proof.unavailable", wait_ms))
    return back(visit, "proof")


async def _take(visit: Visit) -> None:
    partition = partition_of_access_token(token_of(visit))
    if partition is None:
        raise Fault(404, "order")
    request, caller = visit.call.request, caller_of(visit)
    part = await _file(request)
    if part is None:
        raise _NotTaken(400, "proof.missing")
    media_type = part.headers.get(hdrs.CONTENT_TYPE, "").strip().lower()
    if media_type not in MEDIA_TYPES:
        raise _NotTaken(415, "proof.wrong")
    upload = Upload(request, partition, digest_of(visit), caller, media_type, _bytes_of(part))
    outcome = await request.app[PROOFS].take(visit.system, upload)
    match outcome:
        case ProofKept():
            return
        case Conflict():
            raise _NotTaken(409, "proof.enough")
        case TooMany():
            raise _NotTaken(429, "", outcome.wait_ms)
        case _:
            raise no_page_for(outcome)


async def _file(request: web.Request) -> BodyPartReader | None:
    """Find the form's file; None when none was chosen.

    Raises:
        EdgeError: When it is no such form, or does not arrive.
    """
    forms.refuse_coding(request)
    if request.content_type != _MULTIPART:
        raise UnsupportedMediaType("The form must be multipart/form-data")
    try:
        async with asyncio.timeout(bodies.SECONDS_MAX):
            part = await (await request.multipart()).next()
    except TimeoutError:
        bodies.give_up(request)
        raise RequestTimeout("The form did not arrive in time") from None
    except (*_UNREADABLE, web.RequestPayloadError, OSError):
        raise BadRequest("The form cannot be read") from None
    is_file = isinstance(part, BodyPartReader) and part.name == FIELD and part.filename
    return part if is_file and isinstance(part, BodyPartReader) else None


async def _bytes_of(part: BodyPartReader) -> AsyncIterator[bytes]:
    try:
        while chunk := await part.read_chunk():
            yield chunk
    except _UNREADABLE:
        raise BadRequest("The form ends within its file") from None


async def _refused(visit: Visit, problem: Problem) -> Page:
    """Read what is still coming, so that the browser hears the answer, and show the order."""
    request, headers = visit.call.request, {}
    try:
        async for _ in arriving(request, request.content.iter_any(), _IN_VAIN):
            pass
    except EdgeError as error:
        headers = dict(error.headers)
    page = await refused(visit, problem)
    return page._replace(headers={**page.headers, **headers})
