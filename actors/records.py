"""What is stored: every record type, typed and versioned.

A record is an immutable value with a ``kind`` (its name inside a storefront's keys). What is
decided together lies together: one ``Email`` record holds the challenge, the windows and the guess
ledger of an email, so that a request for a never-seen email costs one missed key and one write.

At rest a record is one version byte and a MessagePack array. Fields may be appended with a default
without a new version (a shorter array still decodes); any other change raises ``VERSION`` and adds
an upgrade. A record from a newer Doorward is refused, never guessed at.
"""

from typing import ClassVar, Final, TypeVar

import msgspec

from doorward.actors.errors import RecordUnreadable
from doorward.actors.windows import EMPTY, Window

VERSION: Final = 1


class Record(msgspec.Struct, frozen=True, array_like=True):
    """The common shape: a ``kind`` on the class, values in the fields."""

    kind: ClassVar[str] = ""


R = TypeVar("R", bound=Record)


class BankAccount(msgspec.Struct, frozen=True, array_like=True, rename="camel"):
    """Where a buyer transfers to."""

    bank_name: str
    account_number: str
    account_holder: str


class Payment(msgspec.Struct, frozen=True, array_like=True):
    """How a buyer pays a storefront by transfer."""

    bank_accounts: tuple[BankAccount, ...] = ()
    instructions: str | None = None
    whatsapp_number: str | None = None


class Branding(msgspec.Struct, frozen=True, array_like=True):
    """What a storefront's pages and mails look like."""

    accent: str | None = None
    logo_url: str | None = None


class Storefront(Record, frozen=True, array_like=True):
    """A storefront as its operator set it up.

    ``birth`` is random per creation and part of every derived key: a slug that is deleted and used
    again shares no secret with its former life. ``policy`` holds the overrides as canonical JSON.
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

    def life(self, slug: str) -> str:
        """Name this life of the slug, for key derivation."""
        return f"{slug}/{self.birth}"


class Challenge(msgspec.Struct, frozen=True, array_like=True):
    """A proof asked of a mailbox: a code, a link, or both. Nothing here can answer it.

    The code is derived from ``id`` with the master key ``key_id`` names (``keyring``), the link
    token likewise; Redis sees neither.
    """

    id: bytes
    key_id: str
    issued_at_ms: int
    expires_at_ms: int
    has_code: bool
    has_link: bool
    wrong: int = 0
    burned: bool = False


class Email(Record, frozen=True, array_like=True):
    """Everything counted by email, and whose email it is (``customer_id``) once verified."""

    kind: ClassVar[str] = "email"

    customer_id: str | None = None
    challenge: Challenge | None = None
    codes: Window = EMPTY
    guesses: Window = EMPTY
    links_until_ms: int = 0


class Address(Record, frozen=True, array_like=True):
    """Everything counted by client address."""

    kind: ClassVar[str] = "address"

    codes: Window = EMPTY
    verifications: Window = EMPTY


class Traffic(Record, frozen=True, array_like=True):
    """Everything counted for the storefront as a whole; one record."""

    kind: ClassVar[str] = "traffic"

    codes: Window = EMPTY
    verifications: Window = EMPTY
    guesses: Window = EMPTY


class Link(Record, frozen=True, array_like=True):
    """Which challenge a mailed link answers; found by the SHA-256 of its token."""

    kind: ClassVar[str] = "link"

    email: str
    challenge_id: bytes


class SessionEntry(msgspec.Struct, frozen=True, array_like=True):
    """A customer's own note of a session, so that all of them can be ended."""

    digest: str
    expires_at_ms: int


class Device(msgspec.Struct, frozen=True, array_like=True):
    """A browser that once proved a mailbox of this customer; the cookie's SHA-256."""

    digest: str
    expires_at_ms: int


class Customer(Record, frozen=True, array_like=True):
    """One person at one storefront."""

    kind: ClassVar[str] = "customer"

    id: str
    email: str
    email_verified: bool
    created_at_ms: int
    name: str | None = None
    phone: str | None = None
    sessions: tuple[SessionEntry, ...] = ()
    devices: tuple[Device, ...] = ()


class Session(Record, frozen=True, array_like=True):
    """A signed-in browser; found by the SHA-256 of its secret. Absent means not signed in."""

    kind: ClassVar[str] = "session"

    customer_id: str
    created_at_ms: int
    expires_at_ms: int


class Key(msgspec.Struct, frozen=True, array_like=True):
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


class MailJob(msgspec.Struct, frozen=True, array_like=True):
    """A mail to be sent, without its secrets: those are derived from the challenge when it goes."""

    id: str
    slug: str
    life: str
    to: str
    display_name: str
    accent: str | None
    origin: str
    landing: str
    challenge_id: bytes
    key_id: str
    has_code: bool
    has_link: bool
    sent_at_ms: int
    expires_at_ms: int


class MailPage(Record, frozen=True, array_like=True):
    """Captured mail of a sandbox storefront, a page of it."""

    kind: ClassVar[str] = "mail-page"

    jobs: tuple[MailJob, ...] = ()


class MailPages(Record, frozen=True, array_like=True):
    """Which pages of captured mail are kept: ``first`` ≤ page < ``end``; ``count`` ever written."""

    kind: ClassVar[str] = "mail-pages"

    first: int = 0
    end: int = 0
    count: int = 0


KINDS: Final[dict[str, type[Record]]] = {
    record.kind: record
    for record in (
        Storefront,
        Email,
        Address,
        Traffic,
        Link,
        Customer,
        Session,
        Keys,
        KeyOwner,
        MailPage,
        MailPages,
    )
}

_encoder: Final = msgspec.msgpack.Encoder()
_decoders: Final[dict[str, msgspec.msgpack.Decoder[Record]]] = {
    kind: msgspec.msgpack.Decoder(record) for kind, record in KINDS.items()
}
_PREFIX: Final = bytes([VERSION])


def encode(record: Record | MailJob) -> bytes:
    """Turn a record into its stored form."""
    return _PREFIX + _encoder.encode(record)


def decode(kind: str, stored: bytes) -> Record:
    """Turn a stored form back into its record.

    Raises:
        RecordUnreadable: When it is damaged or its version is not this one.
    """
    if stored[:1] != _PREFIX:
        raise RecordUnreadable(kind, f"version {stored[:1].hex()} is not known here")
    try:
        return _decoders[kind].decode(memoryview(stored)[1:])
    except (msgspec.MsgspecError, KeyError) as error:
        raise RecordUnreadable(kind, type(error).__name__) from error


_job_decoder: Final = msgspec.msgpack.Decoder(MailJob)


def decode_job(stored: bytes) -> MailJob:
    """Turn an outbox entry back into its mail job.

    Raises:
        RecordUnreadable: When it is damaged or its version is not this one.
    """
    if stored[:1] != _PREFIX:
        raise RecordUnreadable("mail", f"version {stored[:1].hex()} is not known here")
    try:
        return _job_decoder.decode(memoryview(stored)[1:])
    except msgspec.MsgspecError as error:
        raise RecordUnreadable("mail", type(error).__name__) from error
