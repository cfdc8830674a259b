"""What is counted of emails, addresses and a storefront; customers and their sessions."""

from typing import ClassVar

import msgspec

from doorward.actors.records.record import Record
from doorward.actors.windows import EMPTY, Window


class Challenge(msgspec.Struct, frozen=True, array_like=True, gc=False):
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


class SessionEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A customer's own note of a session, so that all of them can be ended."""

    digest: str
    expires_at_ms: int


class Device(msgspec.Struct, frozen=True, array_like=True, gc=False):
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
