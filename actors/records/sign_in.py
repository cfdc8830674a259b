"""What is counted of emails, addresses and a storefront; customers and their sessions."""

from typing import ClassVar

import msgspec

from doorward.actors.records.record import Record
from doorward.actors.windows import EMPTY, Window


class Challenge(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A proof asked of a mailbox: a code, a link, or both. Nothing here can answer it.

    The code is derived from ``id`` with the master key ``key_id`` names (``keyring``), the link
    token likewise; Redis sees neither. One that was never ``mailed`` (the account surface mails
    only to emails it knows) costs guesses like any other, and nothing answers it.
    """

    id: bytes
    key_id: str
    issued_at_ms: int
    expires_at_ms: int
    has_code: bool
    has_link: bool
    wrong: int = 0
    burned: bool = False
    mailed: bool = True


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
    """A customer's own note of a session, so that all can be shown and ended.

    ``digest`` finds the session; on the store surface it is the id of a family. ``address`` is a
    prefix of where it began, never whole; ``seen_at_ms`` moves once an hour at most.
    """

    digest: str
    expires_at_ms: int
    id: str = ""
    surface: str = "portal"
    device: str = ""
    address: str = ""
    created_at_ms: int = 0
    seen_at_ms: int = 0


class Device(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A browser that once proved a mailbox of this customer; the cookie's SHA-256."""

    digest: str
    expires_at_ms: int


class Password(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A password's hash; ``proven`` once who set it had proven the mailbox, then or since."""

    hash: str
    set_at_ms: int
    proven: bool = False


class Customer(Record, frozen=True, array_like=True):
    """One person at one storefront; ``locale`` is the language they last signed in with.

    ``reclaimed`` is how often whoever proved the mailbox took the customer from whoever had not.
    """

    kind: ClassVar[str] = "customer"

    id: str
    email: str
    email_verified: bool
    created_at_ms: int
    name: str | None = None
    phone: str | None = None
    sessions: tuple[SessionEntry, ...] = ()
    devices: tuple[Device, ...] = ()
    password: Password | None = None
    locale: str = ""
    image_url: str | None = None
    reclaimed: int = 0


class Session(Record, frozen=True, array_like=True):
    """Somebody signed in; found by the SHA-256 of the cookie's secret. Absent means not signed in.

    It opens its own ``surface`` only. ``bearer`` is the SHA-256 of its other secret, if it has one.
    """

    kind: ClassVar[str] = "session"

    customer_id: str
    created_at_ms: int
    expires_at_ms: int
    surface: str = "portal"
    bearer: str = ""
