"""Orders: what was bought, how far it is, and the thread beneath it.

Money is in integer minor units of the order's currency. States are the portal's words (contract
§7); a state that was sent in another surface's own words is kept beside them in ``said`` and shown
there as it was sent.
"""

from typing import ClassVar, Literal

import msgspec

from doorward.actors.records.record import Record
from doorward.actors.windows import EMPTY, Window

Status = Literal[
    "requested", "confirmed", "in_progress", "delivered", "completed", "declined", "canceled"
]
PaymentStatus = Literal["unpaid", "payment_claimed", "payment_confirmed"]
FulfillmentStatus = Literal["UNFULFILLED", "PARTIALLY_FULFILLED", "FULFILLED", "DELIVERED"]
Hold = Literal["ON_HOLD", "DISPUTED"]
Author = Literal["buyer", "seller"]


class OrderItem(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A line of an order; ``unit_price`` in minor units."""

    id: str
    name: str
    quantity: int
    unit_price: int
    product_id: str | None = None
    variant_id: str | None = None


class Service(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was ordered, where a storefront sells services."""

    slug: str
    name: str
    pricing_type: str | None = None


class PostalAddress(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where something goes; ``country`` is an ISO 3166-1 alpha-2 code."""

    name: str
    line1: str
    city: str
    country: str
    company: str | None = None
    line2: str | None = None
    region: str | None = None
    postal_code: str | None = None
    phone: str | None = None


class Tracking(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a parcel is."""

    carrier: str | None = None
    number: str | None = None
    url: str | None = None


class Proof(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A picture that proves a transfer; ``blob`` names its bytes, which lie outside the store."""

    blob: str
    media_type: str
    size_bytes: int
    sent_at_ms: int


class Order(Record, frozen=True, array_like=True):
    """An order as its merchant keeps it.

    Its record is named ``id``, which follows from ``order_number`` (``desks.orders``). The access
    token is derived from ``id`` and ``access_version`` with the master key that ``access_key_id``
    names; the store holds its SHA-256 only (``access_digest`` in hex, and ``AccessToken``).
    ``activity_at_ms`` orders the buyer's list: it moves with every change a buyer can see.
    ``remarks`` counts the messages of its thread, internal ones too. ``status_digest`` is the
    SHA-256 of its status link's token, if it has one. ``fully_returned``: all of it came back.
    """

    kind: ClassVar[str] = "order"

    id: str
    order_number: str
    number: str
    email: str
    currency: str
    status: Status
    payment_status: PaymentStatus
    fulfillment_status: FulfillmentStatus
    items: tuple[OrderItem, ...]
    subtotal: int
    discount: int
    tax: int
    shipping: int
    total: int
    created_at_ms: int
    updated_at_ms: int
    activity_at_ms: int
    access_key_id: str
    access_version: int = 0
    customer_id: str | None = None
    buyer_name: str | None = None
    buyer_phone: str | None = None
    payment_method: str | None = None
    service: Service | None = None
    package_name: str | None = None
    notes: str | None = None
    preferred_date: str | None = None
    shipping_address: PostalAddress | None = None
    billing_address: PostalAddress | None = None
    tracking: Tracking | None = None
    hold: Hold | None = None
    said: str | None = None
    proofs: tuple[Proof, ...] = ()
    remarks: int = 0
    access_digest: str = ""
    status_digest: str = ""
    fully_returned: bool = False


class AccessToken(Record, frozen=True, array_like=True):
    """Which order an access token opens; in the partition's shared records, by its SHA-256."""

    kind: ClassVar[str] = "access-token"

    slug: str
    order_id: str


class Remark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A message of an order's thread; an internal one is never shown to the buyer."""

    id: str
    author: Author
    author_name: str
    body: str
    created_at_ms: int
    internal: bool = False
    attachments: tuple[str, ...] = ()


class Thread(Record, frozen=True, array_like=True):
    """A page of an order's messages, oldest first; its record is named ``<order id>-<page>``."""

    kind: ClassVar[str] = "thread"

    remarks: tuple[Remark, ...] = ()


class Knocks(Record, frozen=True, array_like=True):
    """What one client address did with one order's page; named ``<order id>-<address id>``."""

    kind: ClassVar[str] = "knocks"

    remarks: Window = EMPTY
    claims: Window = EMPTY
    proofs: Window = EMPTY


class Misses(Record, frozen=True, array_like=True):
    """Access tokens of one client address that open nothing; in the partition's shared records."""

    kind: ClassVar[str] = "misses"

    tokens: Window = EMPTY
