"""Proofs of payment on their way in: admitted, streamed to a draft, looked at, kept, told.

The order of steps is the argument. The storefront admits the upload before a byte of it is read
(quota, existence). The bytes lie in a draft that nobody refers to; they are looked at; they are
moved into place, durably; and only then does a turn make them part of the order. Where that turn
refuses (the quota was spent meanwhile), the bytes are removed again. Where its outcome is unknown
they stay, as the order may refer to them.

Uploads are bounded in this process and for each order, and pictures are decoded one at a time:
that is all the memory and all the time of the processor that strangers can have of it.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import structlog
from aiohttp import web
from msgspec.structs import replace

from doorward.actors.blobs import pictures
from doorward.actors.blobs.drafts import Draft, Drafts
from doorward.actors.blobs.picture_forms import FORMS
from doorward.actors.blobs.store import NAME_BYTES, BlobName, BlobStore
from doorward.actors.errors import DoorwardError, Overloaded, TurnFailed
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.orders import AdmitProof, KeepProof, ProofAdmitted, ProofKept
from doorward.actors.partitions import shared_name
from doorward.actors.records.orders import Proof
from doorward.http.edge.refusals import PayloadTooLarge, UnsupportedMediaType
from doorward.http.edge.uploads import Allowance, arriving
from doorward.http.system import System

BYTES_MAX: Final = 5 * 1024 * 1024  # contract §2: "≤ 5 MB", as browsers and clients count them
UPLOADS_MAX: Final = 16
UPLOADS_PER_ORDER: Final = 2
SWEEP_SECONDS: Final = 3_600.0
MEDIA_TYPES: Final = tuple(FORMS)
_RETRY_SECONDS: Final = 5
_log: Final = structlog.get_logger("doorward.http")


class Upload(NamedTuple):
    """A proof that somebody wants to send, and by which order's access token."""

    request: web.BaseRequest
    partition: int
    token_digest: str
    caller: Caller
    media_type: str
    parts: AsyncIterator[bytes]


class Proofs:
    """Takes proofs in, and gives their bytes out (``store``)."""

    def __init__(
        self, store: BlobStore, incoming: Path, *, allowance: Allowance | None = None
    ) -> None:
        """Keep proofs in ``store``; what is arriving lies in the folder ``incoming`` meanwhile."""
        self.store = store
        self.drafts = Drafts(incoming)
        self._allowance = allowance or Allowance(bytes_max=BYTES_MAX)
        self._under_way: Counter[str] = Counter()
        # One thread: a picture takes up to 240 MB while it is decoded.
        self._looking = ThreadPoolExecutor(1, thread_name_prefix="pictures")

    async def take(self, system: System, upload: Upload) -> Outcome:
        """Take a proof in, whole and durably, or leave nothing of it behind.

        Returns:
            ``ProofKept``, or what the storefront refused it with.

        Raises:
            EdgeError: The body is too large, too slow, broken or no such picture.
            Unavailable: Too many at once, or the outcome is unknown.
        """
        shared = shared_name(upload.partition)
        admitted = await system.ask(
            shared, AdmitProof(token_digest=upload.token_digest, caller=upload.caller)
        )
        if not isinstance(admitted, ProofAdmitted):
            return admitted
        with self._place_for(admitted.order_id):
            async with self.drafts.open() as draft:
                await self._receive(upload, draft)
                blob = os.urandom(NAME_BYTES).hex()
                name = BlobName(admitted.slug, admitted.order_id, blob)
                await self.store.put(name, draft.path, upload.media_type)
                # The storefront's own clock says when it was sent.
                proof = Proof(blob, upload.media_type, draft.size_bytes, sent_at_ms=0)
                kept = await self._commit(system, upload, name, proof)
        return replace(kept, standing=admitted.standing) if isinstance(kept, ProofKept) else kept

    async def keep_sweeping(self) -> None:
        """Remove what no upload will ever finish: all there is now, later what is an hour old."""
        older_than_seconds = 0.0
        while True:
            try:
                await self.drafts.sweep(older_than_seconds=older_than_seconds)
            except DoorwardError as error:
                _log.warning("drafts_not_swept", cause=type(error.__cause__ or error).__name__)
            older_than_seconds = SWEEP_SECONDS
            await asyncio.sleep(SWEEP_SECONDS)

    def close(self) -> None:
        """End the thread that looks at pictures."""
        self._looking.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def _place_for(self, order_id: str) -> Iterator[None]:
        if self._under_way.total() >= UPLOADS_MAX or self._under_way[order_id] >= UPLOADS_PER_ORDER:
            raise Overloaded("too many uploads at once", _RETRY_SECONDS)
        self._under_way[order_id] += 1
        try:
            yield
        finally:
            self._under_way[order_id] -= 1
            if not self._under_way[order_id]:
                del self._under_way[order_id]

    async def _receive(self, upload: Upload, draft: Draft) -> None:
        async for part in arriving(upload.request, upload.parts, self._allowance):
            await draft.write(part)
        await draft.finish()
        looking = asyncio.get_running_loop().run_in_executor(
            self._looking, _look, draft.path, upload.media_type
        )
        try:
            picture = await looking
        except pictures.TooManyPixels:
            raise PayloadTooLarge("The picture has too many pixels") from None
        except pictures.NotAPicture:
            raise UnsupportedMediaType("The body is not a whole picture of its type") from None
        if picture.size_bytes != draft.size_bytes:
            await draft.finish(size_bytes=picture.size_bytes)

    async def _commit(
        self, system: System, upload: Upload, name: BlobName, proof: Proof
    ) -> Outcome:
        message = KeepProof(token_digest=upload.token_digest, caller=upload.caller, proof=proof)
        try:
            outcome = await system.ask(shared_name(upload.partition), message)
        except (Overloaded, TurnFailed):
            await self._forget(name)  # these say that nothing was kept
            raise
        if not isinstance(outcome, ProofKept):
            await self._forget(name)
        return outcome

    async def _forget(self, name: BlobName) -> None:
        try:
            await self.store.delete(name)
        except DoorwardError as error:
            # The refusal is what matters to whoever sent it; the bytes go with their storefront.
            _log.warning("blob_left", storefront=name.slug, cause=type(error).__name__)


def _look(path: Path, media_type: str) -> pictures.Picture:
    return pictures.inspect(path.read_bytes(), media_type)


PROOFS: Final = web.AppKey("proofs", Proofs)


def add_proofs(app: web.Application, proofs: Proofs) -> None:
    """Give the application its proofs, and sweep for as long as it runs."""

    async def sweeping(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(proofs.keep_sweeping())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        proofs.close()

    app[PROOFS] = proofs
    app.cleanup_ctx.append(sweeping)
