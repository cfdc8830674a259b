"""A storefront as it was set up, and its API keys."""

from typing import ClassVar

import msgspec

from doorward.actors.records.record import Record
from doorward.actors.windows import EMPTY, Window


class BankAccount(msgspec.Struct, frozen=True, array_like=True, rename="camel", gc=False):
    """Where a buyer transfers to."""

    bank_name: str
    account_number: str
    account_holder: str


class Payment(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a buyer pays a storefront by transfer."""

    bank_accounts: tuple[BankAccount, ...] = ()
    instructions: str | None = None
    whatsapp_number: str | None = None


class Branding(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a storefront's pages and mails look like."""

    accent: str | None = None
    logo_url: str | None = None


class Storefront(Record, frozen=True, array_like=True):
    """A storefront as its operator set it up.

    ``birth`` is random per creation and part of every derived key: a slug that is deleted and used
    again shares no secret with its former life. ``policy`` holds the overrides as canonical JSON.
    ``locale`` is the language of its pages and mails; ``auto`` is each reader's own.
    """

    kind: ClassVar[str] = "storefront"

    birth: str
    display_name: str
    published: bool
    created_at_ms: int
    updated_at_ms: int
    origin: str | None = None
    hosted_domain: str | None = None
    headless: bool = False
    allowed_origins: tuple[str, ...] = ()
    payment: Payment | None = None
    return_to_store_url: str | None = None
    branding: Branding = Branding()
    policy: bytes = b"{}"
    sandbox: bool = False
    clock_ahead_ms: int = 0
    erasing: bool = False
    locale: str = "auto"

    def life(self, slug: str) -> str:
        """Name this life of the slug, for key derivation."""
        return f"{slug}/{self.birth}"


class Key(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An API key of a storefront; only its SHA-256 is kept."""

    id: str
    key_kind: str
    name: str
    digest: str
    scopes: tuple[str, ...]
    created_at_ms: int


class Keys(Record, frozen=True, array_like=True):
    """All live API keys of a storefront; one record."""

    kind: ClassVar[str] = "keys"

    keys: tuple[Key, ...] = ()


class KeyOwner(Record, frozen=True, array_like=True):
    """Whose an API key is; lies in the partition's shared records, found by the key's SHA-256."""

    kind: ClassVar[str] = "key-owner"

    slug: str


class KeyTraffic(Record, frozen=True, array_like=True):
    """Calls made with one API key, refused ones too; its record is named by the key's id."""

    kind: ClassVar[str] = "key-traffic"

    calls: Window = EMPTY
