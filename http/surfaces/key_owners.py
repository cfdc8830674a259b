"""Whose an API key is, asked of its partition once and then remembered.

That never changes: a key is made for one storefront, and whether it still opens anything the
storefront itself decides on every call. So what is remembered is never wrong, and bounded only to
bound memory. Keys that nobody has are not remembered: there are too many of them.
"""

from collections import OrderedDict
from typing import Final

from doorward.actors import tokens
from doorward.actors.messages.operator import FindKey, KeyFound
from doorward.actors.partitions import shard_of_key, shared_name
from doorward.http.system import System

REMEMBERED: Final = 16_384
"""Keys, of some 250 bytes each."""


async def owner_of(system: System, key: str) -> tuple[str, str] | None:
    """Ask a key's partition whose it is.

    Returns:
        The storefront's slug and the key's SHA-256; None when nobody has the key.

    Raises:
        Unavailable: When the partition cannot be asked now.
    """
    partition = shard_of_key(key)
    if partition is None:
        return None
    digest = tokens.digest(key)
    owner = await system.ask(shared_name(partition), FindKey(key_digest=digest))
    return (owner.slug, digest) if isinstance(owner, KeyFound) else None


class KeyOwners:
    """Leads from a key to its storefront."""

    def __init__(self, system: System, *, remembered: int = REMEMBERED) -> None:
        """Remember nothing yet."""
        self._system = system
        self._remembered = remembered
        self._slugs: OrderedDict[str, str] = OrderedDict()

    async def find(self, key: str) -> tuple[str, str] | None:
        """Find the storefront of a key; all as ``owner_of``."""
        digest = tokens.digest(key)
        slug = self._slugs.get(digest)
        if slug is not None:
            return slug, digest
        found = await owner_of(self._system, key)
        if found is not None:
            self._slugs[digest] = found[0]
            if len(self._slugs) > self._remembered:
                self._slugs.popitem(last=False)
        return found
