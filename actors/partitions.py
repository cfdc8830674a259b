"""Which partition a storefront belongs to, and how keys in Redis are named.

``dw:{p}:<slug>:<kind>:<id>``: the braces make a partition one Redis Cluster slot, so that one
script can commit all of it. A storefront's partition is fixed by its slug; the number of partitions
is fixed when a store is first opened and checked ever after.
"""

import re
from base64 import urlsafe_b64decode
from functools import lru_cache
from hashlib import blake2b
from typing import Final

PARTITIONS: Final = 256
STORE_KEY: Final = "dw:store"
_SHARED: Final = "~"
"""No slug can hold it, so shared records never meet a storefront's."""

SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,38}[a-z0-9]")


def is_slug(text: str) -> bool:
    """Tell whether this may name a storefront (contract §1)."""
    return SLUG.fullmatch(text) is not None


@lru_cache(maxsize=8192)
def partition_of(slug: str) -> int:
    """Tell a storefront's partition; for a shared name, the partition it names."""
    if slug.startswith(_SHARED):
        return int(slug[1:])
    return int.from_bytes(blake2b(slug.encode(), digest_size=4).digest(), "big") % PARTITIONS


def shared_name(partition: int) -> str:
    """Name the actor that answers for a partition's shared records."""
    return f"{_SHARED}{partition}"


def shard_of_key(secret: str) -> int | None:
    """Tell which partition an API key leads to; None when it is not shaped like one."""
    shard = KEY.fullmatch(secret)
    return int(shard[1], 16) % PARTITIONS if shard else None


def partition_of_access_token(token: str) -> int | None:
    """Tell which partition an order's access token leads to; None when it is not shaped like one.

    Its first byte says so; the other 32 are the secret.
    """
    if ACCESS_TOKEN.fullmatch(token) is None:
        return None
    return urlsafe_b64decode(token)[0] % PARTITIONS


ACCESS_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{44}")
KEY: Final = re.compile(r"[ps]k_live_([0-9a-f]{6})_[A-Za-z0-9_-]{43}")


@lru_cache(maxsize=8192)
def record_prefix(slug: str) -> str:
    """Begin the name of a storefront's records."""
    return f"dw:{{{partition_of(slug)}}}:{slug}:"


@lru_cache(maxsize=PARTITIONS)
def shared_prefix(partition: int) -> str:
    """Begin the name of a partition's shared records."""
    return f"dw:{{{partition}}}:{_SHARED}:"


def partition_prefix(partition: int) -> str:
    """Begin the name of everything in a partition."""
    return f"dw:{{{partition}}}:"


def partition_key(partition: int) -> str:
    """Name the hash that says who owns the partition: epoch, owner, seq, at, burned."""
    return f"dw:{{{partition}}}:partition"


def outbox_key(partition: int) -> str:
    """Name the partition's stream of mail jobs."""
    return f"dw:{{{partition}}}:outbox"


def roster_key(partition: int) -> str:
    """Name the partition's sorted set of slugs."""
    return f"dw:{{{partition}}}:roster"


def kind_of(key: str) -> str:
    """Tell a record's kind from its full key."""
    return key.split(":", 4)[3]
