"""What buyers ask about their orders: the list of their own, and the page an access token opens.

Requests about one order by its access token are asked of the actor for the partition that the
token leads to (``partitions.shared_name``); its shared records say whose order it is.
"""

import msgspec

from doorward.actors.messages.envelope import NOTHING, Caller, Outcome, Presented, Request
from doorward.actors.messages.sign_in import CustomerView, Front
from doorward.actors.records.orders import Order, PaymentStatus, Proof, Remark
from doorward.actors.records.storefronts import Payment
from doorward.actors.windows import Standing

After = tuple[int, str]
"""Where a list goes on: the last entry's activity in ms of store time, and its order's id."""


class ReadOrders(Request, frozen=True, kw_only=True):
    """Read the signed-in buyer's orders, newest activity first."""

    caller: Caller
    session: Presented = NOTHING
    after: After | None = None
    limit: int = 20


class ReadProfile(Request, frozen=True, kw_only=True):
    """Read the signed-in buyer's own record and how many orders there are."""

    caller: Caller
    session: Presented = NOTHING


class ReadOrderPage(Request, frozen=True, kw_only=True):
    """Read the order that the access token with this SHA-256 opens."""

    token_digest: str
    caller: Caller


class AddBuyerRemark(Request, frozen=True, kw_only=True):
    """Write to the seller."""

    token_digest: str
    caller: Caller
    body: str
    attachments: tuple[str, ...] = ()


class ClaimPayment(Request, frozen=True, kw_only=True):
    """Say that the money was transferred; saying it again changes nothing."""

    token_digest: str
    caller: Caller


class AdmitProof(Request, frozen=True, kw_only=True):
    """Ask whether one more proof may be uploaded, before any of it is read."""

    token_digest: str
    caller: Caller


class KeepProof(Request, frozen=True, kw_only=True):
    """Keep a proof whose bytes are stored: from this turn on the order refers to them."""

    token_digest: str
    caller: Caller
    proof: Proof


class Listed(msgspec.Struct, frozen=True, gc=False):
    """An order in its buyer's list, with the token that opens its page."""

    order: Order
    access_token: str

    def __repr__(self) -> str:
        return f"Listed(order={self.order.id!r}, access_token=…)"


class OrderList(Outcome, frozen=True, kw_only=True):
    """A page of a buyer's orders; ``after`` is None at the end, ``count`` is of all."""

    front: Front
    customer: CustomerView
    items: tuple[Listed, ...]
    after: After | None
    count: int


class Profile(Outcome, frozen=True, kw_only=True):
    """A buyer's own record."""

    front: Front
    customer: CustomerView
    order_count: int


class OrderPage(Outcome, frozen=True, kw_only=True):
    """An order as whoever holds its access token sees it.

    ``order`` holds more than may be shown (the buyer's email, addresses): the surface leaves it
    out. ``remarks`` holds no internal message. ``payment`` is None once the payment is confirmed.
    """

    front: Front
    order: Order
    remarks: tuple[Remark, ...]
    payment: Payment | None


class RemarkAdded(Outcome, frozen=True, kw_only=True):
    """The message is part of the thread; ``standing`` as of the tightest limit, if there is one."""

    remark: Remark
    standing: Standing | None = None


class PaymentClaimed(Outcome, frozen=True, kw_only=True):
    """The claim stands; ``again`` when it stood before."""

    payment_status: PaymentStatus
    again: bool
    standing: Standing | None = None


class ProofAdmitted(Outcome, frozen=True, kw_only=True):
    """One more proof may be uploaded; its bytes belong to this storefront and order."""

    slug: str
    order_id: str
    standing: Standing | None = None


class ProofKept(Outcome, frozen=True, kw_only=True):
    """The order refers to the proof; ``standing`` as of when it was admitted."""

    standing: Standing | None = None
