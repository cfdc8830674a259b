"""Proofs of transfer, read by the merchant whose order they belong to."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import structlog

from doorward.actors.blobs.store import BlobMissing, BlobName
from doorward.actors.messages.merchant import FindProof, ProofFound
from doorward.actors.messages.refusals import NotFound
from doorward.http.calls import Call, Malformed
from doorward.http.downloads import Download
from doorward.http.proofs import PROOFS
from doorward.http.replies import Failure
from doorward.http.surface import Handler
from doorward.http.surfaces.merchant import ONE, number_of
from doorward.http.surfaces.merchant_keys import Holder, keyed, refused

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
_ENDINGS: Final = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
}
_log: Final = structlog.get_logger("doorward.http")


async def read_proof(call: Call, holder: Holder) -> Failure | Download:
    """Send a proof's bytes to be saved: the newest, or the one whose number the query says."""
    message = FindProof(
        key_digest=holder.key_digest, order_number=number_of(call), number=_which(call)
    )
    found = await holder.ask(message)
    if not isinstance(found, ProofFound):
        return refused(found)
    proof = found.proof
    chunks = call.request.app[PROOFS].store.read(BlobName(found.slug, found.order_id, proof.blob))
    try:
        first = await anext(chunks, b"")
    except BlobMissing:
        _log.error("proof_lost", storefront=found.slug, order=found.order_id)
        return refused(NotFound())
    return Download(
        # Nothing that anybody typed: the name is ours, whatever the order is called.
        name=f"proof-{found.order_id}.{_ENDINGS[proof.media_type]}",
        media_type=proof.media_type,
        size_bytes=proof.size_bytes,
        chunks=_all(first, chunks),
    )


async def _all(first: bytes, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(chunks):
        yield first
        async for chunk in chunks:
            yield chunk


def _which(call: Call) -> int | None:
    number = call.query("number")
    if number is None:
        return None
    if _NUMBER.fullmatch(number) is None:
        raise Malformed("number", "must be the number of a proof")
    return int(number)


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (("GET", f"{ONE}/proof", keyed(read_proof)),)
