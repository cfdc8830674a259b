"""What an operator asks of a storefront: its set-up, its API keys, its end (contract §6)."""

from typing import Literal

import msgspec

from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.records.storefronts import Payment


class StorefrontDocument(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A storefront as an operator writes it; validated by ``desks.storefronts``."""

    display_name: str
    published: bool = False
    origin: str | None = None
    hosted_domain: str | None = None
    headless: bool = False
    allowed_origins: tuple[str, ...] = ()
    payment: Payment | None = None
    return_to_store_url: str | None = None
    accent: str | None = None
    logo_url: str | None = None
    policy: bytes = b"{}"
    sandbox: bool | None = None
    locale: str = "auto"


class PutStorefront(Request, frozen=True, kw_only=True):
    """Create the storefront, or replace what its operator may set."""

    document: StorefrontDocument


class GetStorefront(Request, frozen=True, kw_only=True):
    """Read the storefront as its operator set it up."""


class DeleteStorefront(Request, frozen=True, kw_only=True):
    """Close the storefront for good; its records are erased by ``EraseRecords`` afterwards."""


class EraseRecords(Request, frozen=True, kw_only=True):
    """Delete these records (``kind:id``) of a closed storefront; ``last`` frees the slug."""

    names: tuple[str, ...]
    last: bool


class AddKey(Request, frozen=True, kw_only=True):
    """Make an API key."""

    key_kind: Literal["publishable", "secret"]
    name: str
    scopes: tuple[str, ...] = ()


class ListKeys(Request, frozen=True, kw_only=True):
    """Read the API keys, without what they open."""


class RevokeKey(Request, frozen=True, kw_only=True):
    """End an API key."""

    key_id: str


class FindKey(Request, frozen=True, kw_only=True):
    """Tell whose API key has this SHA-256; asked of a partition's shared records."""

    key_digest: str


class StorefrontView(Outcome, frozen=True, kw_only=True):
    """A storefront as its operator reads it."""

    slug: str
    document: StorefrontDocument
    created_at_ms: int
    updated_at_ms: int
    created: bool = False


class KeyView(msgspec.Struct, frozen=True, gc=False):
    """An API key without what it opens."""

    id: str
    key_kind: str
    name: str
    scopes: tuple[str, ...]
    created_at_ms: int


class KeyMade(Outcome, frozen=True, kw_only=True):
    """A new API key; ``secret`` is shown this once."""

    key: KeyView
    secret: str

    def __repr__(self) -> str:
        return f"KeyMade(key={self.key.id!r}, secret=…)"


class KeyList(Outcome, frozen=True, kw_only=True):
    """All live API keys, oldest first."""

    keys: tuple[KeyView, ...]


class KeyFound(Outcome, frozen=True, kw_only=True):
    """The storefront that an API key belongs to."""

    slug: str
