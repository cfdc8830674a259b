"""What a merchant's backend asks about the people who sign in at its storefront (contract §5).

As in ``messages.merchant``: ``key_digest`` is the SHA-256 of its secret key, None is the operator.
"""

import msgspec

from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.orders import After
from doorward.actors.records.account import BookAddress, Return
from doorward.actors.records.orders import Order, Remark
from doorward.actors.windows import Standing


class FindCustomer(Request, frozen=True, kw_only=True):
    """Find the customer with this email (canonical)."""

    key_digest: str | None
    email: str


class GetCustomer(Request, frozen=True, kw_only=True):
    """Read one customer."""

    key_digest: str | None
    customer_id: str


class EraseCustomer(Request, frozen=True, kw_only=True):
    """Begin to erase a person, or go on where it stopped; see ``systems.erasing``."""

    key_digest: str | None
    customer_id: str


class EraseMore(Request, frozen=True, kw_only=True):
    """Go on with an erasure that ``EraseCustomer`` began; no key, so nothing of it is counted.

    ``blobs`` are those of the step before, which are gone from the blob store by now.
    """

    customer_id: str
    blobs: tuple["Blob", ...] = ()


class ExportCustomer(Request, frozen=True, kw_only=True):
    """Read everything held about a person; their orders a page at a time."""

    key_digest: str | None
    customer_id: str
    after: After | None = None
    limit: int = 20


class RevokeSessions(Request, frozen=True, kw_only=True):
    """End every session of a customer, cookies and bearers of all surfaces."""

    key_digest: str | None
    customer_id: str


# --- outcomes -------------------------------------------------------------------------------------


class CustomerDetail(msgspec.Struct, frozen=True, gc=False):
    """A customer as the merchant sees it; times in ms of store time."""

    id: str
    email: str
    email_verified: bool
    created_at_ms: int
    name: str | None
    phone: str | None
    locale: str
    order_count: int
    session_count: int


class CustomerFound(Outcome, frozen=True, kw_only=True):
    """One customer."""

    customer: CustomerDetail
    standing: Standing | None = None


class CustomersFound(Outcome, frozen=True, kw_only=True):
    """The customers found: one, or none."""

    items: tuple[CustomerDetail, ...]
    standing: Standing | None = None


class Blob(msgspec.Struct, frozen=True, gc=False):
    """Bytes outside the store that belong to an order."""

    order_id: str
    name: str


class ErasureGoesOn(Outcome, frozen=True, kw_only=True):
    """Not finished: delete these ``blobs`` of the storefront, then ask ``EraseMore`` with them."""

    blobs: tuple[Blob, ...] = ()
    standing: Standing | None = None


class CustomerErased(Outcome, frozen=True, kw_only=True):
    """Nothing is held about the person any more; ``orders`` of theirs were stripped."""

    orders: int
    standing: Standing | None = None


class HeldSession(msgspec.Struct, frozen=True, gc=False):
    """A session as it is held; nothing that opens it."""

    surface: str
    device: str
    address: str
    created_at_ms: int
    seen_at_ms: int
    expires_at_ms: int


class HeldAction(msgspec.Struct, frozen=True, gc=False):
    """An action token that still acts; ``context`` is JSON."""

    action: str
    context: bytes
    expires_at_ms: int


class HeldOrder(msgspec.Struct, frozen=True, gc=False):
    """An order with its thread, internal messages too, and its returns."""

    order: Order
    remarks: tuple[Remark, ...]
    returns: tuple[Return, ...]


class Exported(Outcome, frozen=True, kw_only=True):
    """Everything held about a person; on later pages only ``orders`` go on.

    ``known_devices`` are the expiry times of the browsers that are known as theirs.
    """

    customer: CustomerDetail
    addresses: tuple[BookAddress, ...]
    sessions: tuple[HeldSession, ...]
    known_devices: tuple[int, ...]
    actions: tuple[HeldAction, ...]
    orders: tuple[HeldOrder, ...]
    after: After | None
    standing: Standing | None = None


class SessionsRevoked(Outcome, frozen=True, kw_only=True):
    """All sessions are ended."""

    count: int
    standing: Standing | None = None
