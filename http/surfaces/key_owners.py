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
"""Keys, of some 350 bytes each."""


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
    """Leads from a publishable key to its storefront; such a key is no secret, and is kept."""

    def __init__(self, system: System, *, remembered: int = REMEMBERED) -> None:
        """Remember nothing yet."""
        self._system = system
        self._remembered = remembered
        self._owners: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def known(self, key: str) -> tuple[str, str] | None:
        """Tell what ``find`` found before; None when it has to be asked."""
        return self._owners.get(key)

    async def find(self, key: str) -> tuple[str, str] | None:
        """Find the storefront of a key; all as ``owner_of``."""
        found = self.known(key) or await owner_of(self._system, key)
        if found is not None and key not in self._owners:
            self._owners[key] = found
            if len(self._owners) > self._remembered:
                self._owners.popitem(last=False)
        return found
