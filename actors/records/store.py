"""The store surface's own records: tries at passwords, and families of refresh tokens."""

from typing import ClassVar

import msgspec

from doorward.actors.records.record import Record
from doorward.actors.windows import EMPTY, Window


class Reservation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A try that is being hashed; one that is not settled by ``until_ms`` was wrong.

    ``password_ms`` says which password it is a try at: the one that was set then; 0 at none.
    """

    id: str
    until_ms: int
    password_ms: int = 0


class Tries(Record, frozen=True, array_like=True):
    """Tries at the password of an email, known or not; named by the email's id.

    A known device has tries of its own, named by email and device, so that nobody else's lock it
    out. ``in_a_row`` and ``disabled`` are of the email as a whole and only kept there. A lock that
    is over leaves ``locked_until_ms`` in the past.
    """

    kind: ClassVar[str] = "tries"

    wrong: Window = EMPTY
    reserved: tuple[Reservation, ...] = ()
    locked_until_ms: int = 0
    in_a_row: int = 0
    disabled: bool = False


class Family(Record, frozen=True, array_like=True):
    """A chain of refresh tokens, each exchanged for the next; named by its random id.

    Only the newest token, ``jti``, can be exchanged; every other one that is genuine was.
    ``parent`` was exchanged last, at ``exchanged_at_ms``. ``issued_at_ms`` is when ``jti`` was
    issued, by the storefront's clock, ``stored_at_ms`` by the store's: one from before the store
    went back may have been exchanged since. ``expires_at_ms`` is the family's own end.
    """

    kind: ClassVar[str] = "family"

    customer_id: str
    jti: str
    issued_at_ms: int
    stored_at_ms: int
    created_at_ms: int
    expires_at_ms: int
    parent: str = ""
    exchanged_at_ms: int = 0
    revoked: bool = False


class PasswordAddress(Record, frozen=True, array_like=True):
    """Sign-ins and sign-ups tried by one client address; named by the address's id."""

    kind: ClassVar[str] = "password-address"

    logins: Window = EMPTY
    sign_ups: Window = EMPTY


class OriginUsers(Record, frozen=True, array_like=True):
    """Which storefronts of a partition list an origin; shared, named by the origin's SHA-256."""

    kind: ClassVar[str] = "origin"

    slugs: tuple[str, ...] = ()
