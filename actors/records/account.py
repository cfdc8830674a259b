"""The account surface's own records: bearers, addresses, returns, tokens that act."""

from typing import ClassVar, Literal

import msgspec

from doorward.actors.records.orders import PostalAddress
from doorward.actors.records.record import Record

ReturnStatus = Literal[
    "REQUESTED", "APPROVED", "IN_TRANSIT", "RECEIVED", "COMPLETED", "REJECTED", "CANCELLED"
]
Action = Literal[
    "start_return",
    "cancel_return",
    "confirm_email",
    "restore_password",
    "revoke_sessions",
    "unlock_password",
    "set_password",
]


class BookAddress(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An entry of a customer's address book."""

    id: str
    address: PostalAddress
    label: str | None = None
    is_default_shipping: bool = False
    is_default_billing: bool = False


class AddressBook(Record, frozen=True, array_like=True):
    """A customer's addresses, oldest first, at most 50; one record, named by the customer's id."""

    kind: ClassVar[str] = "address-book"

    entries: tuple[BookAddress, ...] = ()


class ReturnItem(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How much of an order's line comes back."""

    order_item_id: str
    quantity: int


class Return(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A return. ``id`` is ``<order id>-<number>``, so that it leads to its order."""

    id: str
    status: ReturnStatus
    items: tuple[ReturnItem, ...]
    created_at_ms: int
    updated_at_ms: int
    reason: str | None = None
    note: str | None = None


class Returns(Record, frozen=True, array_like=True):
    """All returns of an order, oldest first; one record, named by the order's id."""

    kind: ClassVar[str] = "returns"

    returns: tuple[Return, ...] = ()


class StatusToken(Record, frozen=True, array_like=True):
    """Which order an order-status link shows; found by the token's SHA-256."""

    kind: ClassVar[str] = "status-token"

    order_id: str
    expires_at_ms: int


class ActionToken(Record, frozen=True, array_like=True):
    """What an action token does, once; found by its SHA-256 and gone when it has acted.

    ``context`` is canonical JSON, whose form depends on ``action``.
    """

    kind: ClassVar[str] = "action-token"

    action: Action
    email: str
    context: bytes
    expires_at_ms: int


class ActionEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An action token that may still act, by its SHA-256."""

    digest: str
    expires_at_ms: int


class ActionTokens(Record, frozen=True, array_like=True):
    """The action tokens of an email, oldest first, so that they end with it; by email id."""

    kind: ClassVar[str] = "action-tokens"

    entries: tuple[ActionEntry, ...] = ()


class Erasure(Record, frozen=True, array_like=True):
    """How far the erasure of a person is; by customer id, and gone when nothing is left to do.

    ``alias`` stands in for the email in orders that stay. ``verified``: the orders with that email
    were theirs; ``orders`` of them are done. ``mail_page`` is the next page of captured mail.
    """

    kind: ClassVar[str] = "erasure"

    email: str
    alias: str
    verified: bool
    orders: int = 0
    mail_page: int = 0
