"""The demo storefront: something to sign in to on the first run."""

from pathlib import Path
from typing import Final

from doorward.actors.messages import PutStorefront, StorefrontDocument
from doorward.http.system import System

SLUG: Final = "kopi-senja"
_MARK: Final = "demo-made"


async def seed_demo(system: System, folder: Path) -> str:
    """Make the demo storefront, once per data folder: what an operator deleted stays deleted.

    Returns:
        Its slug.
    """
    mark = folder / _MARK
    if not mark.exists():
        document = StorefrontDocument(display_name="Kopi Senja", published=True, accent="#8a4b2a")
        await system.ask(SLUG, PutStorefront(document=document))
        mark.touch()
    return SLUG
