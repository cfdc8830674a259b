"""The demo storefront: something to sign in to on the first run."""

import asyncio
from pathlib import Path
from typing import Final

import structlog

from doorward.actors.data_folder import replace_file
from doorward.actors.errors import DoorwardError
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.operator import (
    GetStorefront,
    PutStorefront,
    StorefrontDocument,
    StorefrontView,
)
from doorward.actors.messages.refusals import NotFound
from doorward.http.system import System

SLUG: Final = "kopi-senja"
_MARK: Final = "demo-made"
_DOCUMENT: Final = StorefrontDocument(display_name="Kopi Senja", published=True, accent="#8a4b2a")
_log: Final = structlog.get_logger("doorward")


async def seed_demo(system: System, folder: Path) -> str | None:
    """Make the demo storefront, once per data folder.

    What an operator deleted stays deleted, and what is there already (the store is older than the
    folder) stays as it is. A failure is logged, and tried again at the next start: real storefronts
    do not stay closed for want of a demo.

    Returns:
        Its slug; None when nobody can sign in to it now.
    """
    try:
        found = await _seed(system, folder / _MARK)
    except (DoorwardError, OSError) as error:
        _log.warning("demo_not_made", cause=type(error).__name__)
        return None
    return SLUG if isinstance(found, StorefrontView) and found.document.published else None


async def _seed(system: System, mark: Path) -> Outcome:
    found = await system.ask(SLUG, GetStorefront())
    if await asyncio.to_thread(mark.exists):
        return found
    if isinstance(found, NotFound):
        found = await system.ask(SLUG, PutStorefront(document=_DOCUMENT))
    if isinstance(found, StorefrontView):
        # After it is made: a crash between the two is mended by finding it at the next start.
        await asyncio.to_thread(replace_file, mark, f"{SLUG}\n".encode())
    else:
        _log.warning("demo_not_made", cause=type(found).__name__)
    return found
