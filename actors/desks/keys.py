"""API keys of a storefront: made once shown once, kept as SHA-256, found through their partition.

``pk_live_<6 hex>_<43 base64url>``: the six digits lead to the partition (mod P), whose shared
records tell whose key it is; the storefront itself then says whether it still opens anything.
"""

from typing import Final

from doorward.actors import tokens
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.operator import (
    AddKey,
    FindKey,
    KeyFound,
    KeyList,
    KeyMade,
    KeyView,
    ListKeys,
    RevokeKey,
)
from doorward.actors.messages.refusals import Conflict, Deleted, Invalid, NotFound
from doorward.actors.partitions import PARTITIONS, partition_of
from doorward.actors.records.storefronts import Key, KeyOwner, Keys
from doorward.actors.turns import Turn

KEYS_PER_STOREFRONT: Final = 100
SCOPES: Final = frozenset(
    {
        "orders:read",
        "orders:write",
        "returns:operate",
        "customers:read",
        "customers:write",
        "policy:write",
        "actions:write",
    }
)
_PREFIX: Final = {"publishable": "pk", "secret": "sk"}


def add_key(turn: Turn, message: AddKey) -> Outcome:
    """Make an API key; the answer is the only time its secret is told."""
    if turn.storefront() is None:
        return NotFound()
    unknown = sorted(set(message.scopes) - SCOPES)
    if unknown:
        return Invalid(name="scopes", rule=f"must be of {', '.join(sorted(SCOPES))}")
    if not 1 <= len(message.name) <= 100 or not message.name.isprintable():  # noqa: PLR2004 - contract §1, names
        return Invalid(name="name", rule="must be 1 to 100 characters without control characters")
    held = turn.ledger.get(Keys) or Keys()
    if len(held.keys) >= KEYS_PER_STOREFRONT:
        return Conflict(reason=f"a storefront holds at most {KEYS_PER_STOREFRONT} keys")
    secret = _secret(turn, message.key_kind)
    key = Key(
        id=tokens.identifier(turn.random),
        key_kind=message.key_kind,
        name=message.name,
        digest=tokens.digest(secret),
        scopes=message.scopes,
        created_at_ms=turn.now_ms,
    )
    turn.ledger.put(Keys(keys=(*held.keys, key)))
    turn.ledger.put_shared(KeyOwner(slug=turn.slug), key.digest)
    turn.note("key_added", key=key.id, kind=key.key_kind)
    return KeyMade(key=_view(key), secret=secret)


def list_keys(turn: Turn, _message: ListKeys) -> Outcome:
    """Read the API keys, oldest first."""
    if turn.storefront() is None:
        return NotFound()
    held = turn.ledger.get(Keys) or Keys()
    return KeyList(keys=tuple(_view(key) for key in held.keys))


def revoke_key(turn: Turn, message: RevokeKey) -> Outcome:
    """End an API key at once."""
    if turn.storefront() is None:
        return NotFound()
    held = turn.ledger.get(Keys) or Keys()
    gone = [key for key in held.keys if key.id == message.key_id]
    if not gone:
        return NotFound()
    turn.ledger.put(Keys(keys=tuple(key for key in held.keys if key.id != message.key_id)))
    turn.ledger.delete_shared(KeyOwner, gone[0].digest)
    turn.note("key_revoked", key=message.key_id)
    return Deleted()


def find_key(turn: Turn, message: FindKey) -> Outcome:
    """Tell whose key it is, from the partition's shared records."""
    owner = turn.ledger.get_shared(KeyOwner, message.key_digest)
    return NotFound() if owner is None else KeyFound(slug=owner.slug)


def holds_secret_key(turn: Turn, key_digest: str) -> bool:
    """Tell whether this is a live secret key of the storefront."""
    held = turn.ledger.get(Keys) or Keys()
    return any(key.digest == key_digest and key.key_kind == "secret" for key in held.keys)


def forget_owners(turn: Turn) -> None:
    """Stage the end of every key's way to this storefront (it is being erased)."""
    for key in (turn.ledger.get(Keys) or Keys()).keys:
        turn.ledger.delete_shared(KeyOwner, key.digest)


def _secret(turn: Turn, key_kind: str) -> str:
    noise = int.from_bytes(turn.random(2), "big")
    shard = noise * PARTITIONS + partition_of(turn.slug)
    return f"{_PREFIX[key_kind]}_live_{shard:06x}_{tokens.secret(turn.random)}"


def _view(key: Key) -> KeyView:
    return KeyView(key.id, key.key_kind, key.name, key.scopes, key.created_at_ms)
