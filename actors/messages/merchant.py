"""What a merchant's own backend asks, each call with the SHA-256 of its secret key (contract §5).

``key_digest`` None is the operator, who needs no key and has every scope. ``standing`` in outcomes
is where the key's limit stands; None for the operator.
"""

import msgspec
from msgspec import UNSET, UnsetType

from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.orders import After
from doorward.actors.records.orders import Order, Proof, Remark
from doorward.actors.windows import Standing


class ItemDocument(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """A line of an order as a merchant sends it."""

    id: str
    name: str
    quantity: int
    unit_price: int
    product_id: str | None = None
    variant_id: str | None = None


class ServiceDocument(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """What was ordered, as a merchant sends it."""

    slug: str
    name: str
    pricing_type: str | None = None


class AddressDocument(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """A postal address as a merchant sends it."""

    name: str
    line1: str
    city: str
    country: str
    company: str | None = None
    line2: str | None = None
    region: str | None = None
    postal_code: str | None = None
    phone: str | None = None


class TrackingDocument(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """Where a parcel is, as a merchant sends it."""

    carrier: str | None = None
    number: str | None = None
    url: str | None = None


class OrderDocument(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """An order as a merchant sends it (contract §5): whole; money in minor units.

    Held to its rules by ``desks.order_documents``. States may be in any surface's own words; a
    state that is None stays as it is, which for a new order is the first there is.
    """

    order_number: str
    email: str
    currency: str
    items: tuple[ItemDocument, ...]
    subtotal: int
    total: int
    discount: int = 0
    tax: int = 0
    shipping: int = 0
    status: str | None = None
    payment_status: str | None = None
    fulfillment_status: str | None = None
    number: str | None = None
    customer_id: str | None = None
    buyer_name: str | None = None
    buyer_phone: str | None = None
    payment_method: str | None = None
    service: ServiceDocument | None = None
    package_name: str | None = None
    notes: str | None = None
    preferred_date: str | None = None
    shipping_address: AddressDocument | None = None
    billing_address: AddressDocument | None = None
    tracking: TrackingDocument | None = None
    hold: str | None = None
    created_at: str | None = None


class PutOrder(Request, frozen=True, kw_only=True):
    """Create or replace an order."""

    key_digest: str | None
    document: OrderDocument


class PutOrders(Request, frozen=True, kw_only=True):
    """Create or replace many orders in one turn; each is taken or refused on its own.

    ``quiet``: nobody is mailed about a change of status (an import of what is long past).
    """

    key_digest: str | None
    documents: tuple[OrderDocument, ...]
    quiet: bool = True


class GetOrder(Request, frozen=True, kw_only=True):
    """Read an order whole, internal messages included."""

    key_digest: str | None
    order_number: str


class ListOrders(Request, frozen=True, kw_only=True):
    """Read orders, newest created first; those of an ``email`` (canonical), newest activity first.

    ``after`` is of the same kind. A page may hold fewer than ``limit`` though there are more:
    both filters at once look through so many orders at a time and no further.
    """

    key_digest: str | None
    status: str | None = None
    email: str | None = None
    after: After | None = None
    limit: int = 20


class OrderChanges(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """What ``PATCH`` may change; unset leaves, None clears where there is something to clear."""

    status: str | UnsetType = UNSET
    payment_status: str | UnsetType = UNSET
    fulfillment_status: str | UnsetType = UNSET
    tracking: TrackingDocument | UnsetType | None = UNSET
    quoted_price: int | UnsetType = UNSET
    hold: str | UnsetType | None = UNSET


class ChangeOrder(Request, frozen=True, kw_only=True):
    """Move an order on, each state by one legal step; all changes or none."""

    key_digest: str | None
    order_number: str
    changes: OrderChanges


class AddSellerRemark(Request, frozen=True, kw_only=True):
    """Write to the buyer, or (``internal``) beneath the order for the merchant's own eyes.

    ``quiet``: the buyer is not mailed about it (the demo's own).
    """

    key_digest: str | None
    order_number: str
    body: str
    author_name: str | None = None
    internal: bool = False
    attachments: tuple[str, ...] = ()
    quiet: bool = False


class ConfirmPayment(Request, frozen=True, kw_only=True):
    """Say that the money arrived; once."""

    key_digest: str | None
    order_number: str


class RotateAccess(Request, frozen=True, kw_only=True):
    """Give an order a new access token; the old one opens nothing any more."""

    key_digest: str | None
    order_number: str


class FindProof(Request, frozen=True, kw_only=True):
    """Find an order's newest proof, or the one with this number (1 is the oldest)."""

    key_digest: str | None
    order_number: str
    number: int | None = None


class OrderFound(Outcome, frozen=True, kw_only=True):
    """An order whole, with its access token and its thread (empty in lists)."""

    order: Order
    access_token: str
    remarks: tuple[Remark, ...] = ()
    created: bool = False
    standing: Standing | None = None

    def __repr__(self) -> str:
        return f"OrderFound(order={self.order.id!r}, access_token=…)"


class OrdersFound(Outcome, frozen=True, kw_only=True):
    """A page of orders; ``after`` is None at the end."""

    items: tuple[OrderFound, ...]
    after: After | None
    standing: Standing | None = None


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why one of many documents was refused: by its place, ``name`` and rule."""

    place: int
    name: str
    rule: str


class OrdersPut(Outcome, frozen=True, kw_only=True):
    """What became of many documents."""

    created: int
    changed: int
    unchanged: int
    refused: tuple[Refusal, ...]
    standing: Standing | None = None


class ProofFound(Outcome, frozen=True, kw_only=True):
    """Where a proof's bytes lie."""

    slug: str
    order_id: str
    proof: Proof
    standing: Standing | None = None
