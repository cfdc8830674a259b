"""What customers ask on the account surface (contract §3): two credentials, addresses, orders."""

from typing import Self

import msgspec
from msgspec import UNSET, UnsetType

from doorward.actors import tokens
from doorward.actors.messages.envelope import NOTHING, Caller, Outcome, Presented, Request
from doorward.actors.messages.orders import After
from doorward.actors.messages.sign_in import Front
from doorward.actors.records.account import BookAddress, Return, ReturnItem
from doorward.actors.records.orders import Order
from doorward.actors.windows import Standing


class PresentedBearer(msgspec.Struct, frozen=True, gc=False):
    """A bearer: which session it says it is of (empty: none), and its SHA-256."""

    session: str
    digest: str

    @classmethod
    def of(cls, token: str) -> Self:
        """Take a bearer apart, whatever it is."""
        return cls(tokens.session_of(token), tokens.digest(token))


class Credentials(msgspec.Struct, frozen=True, gc=False):
    """What was presented: cookie digests, and a bearer; both must agree."""

    cookie: Presented = NOTHING
    bearer: PresentedBearer | None = None


class RequestSignIn(Request, frozen=True, kw_only=True):
    """Mail a code, and ``with_link`` a link; neutral but for storefront and address limits."""

    email: str
    caller: Caller
    with_link: bool
    device: Presented = NOTHING


class VerifySignIn(Request, frozen=True, kw_only=True):
    """Sign in with a link's token (its SHA-256) or with email and code: exactly one of them."""

    caller: Caller
    token_digest: str | None = None
    email: str | None = None
    code: str | None = None
    presented: Credentials = Credentials()
    device: Presented = NOTHING


class Logout(Request, frozen=True, kw_only=True):
    """End the presented session, cookie and bearer together; ending none is fine."""

    caller: Caller
    presented: Credentials = Credentials()


class SessionCall(Request, frozen=True, kw_only=True):
    """Something only a signed-in customer may ask."""

    caller: Caller
    presented: Credentials = Credentials()


class ReadAccount(SessionCall, frozen=True, kw_only=True):
    """Read the customer's own profile."""


class ReadOverview(SessionCall, frozen=True, kw_only=True):
    """Read a little of everything there is in the account."""


class UpdateAccount(SessionCall, frozen=True, kw_only=True):
    """Change the customer's own name or phone; None clears, unset leaves."""

    name: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET


class ListAddresses(SessionCall, frozen=True, kw_only=True):
    """Read the address book."""


class GetAddress(SessionCall, frozen=True, kw_only=True):
    """Read one address."""

    address_id: str


class AddressFields(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """An address as a customer sends it; for a change, unset leaves and None clears."""

    name: str | UnsetType = UNSET
    line1: str | UnsetType = UNSET
    city: str | UnsetType = UNSET
    country: str | UnsetType = UNSET
    label: str | UnsetType | None = UNSET
    company: str | UnsetType | None = UNSET
    line2: str | UnsetType | None = UNSET
    region: str | UnsetType | None = UNSET
    postal_code: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    is_default_shipping: bool | UnsetType = UNSET
    is_default_billing: bool | UnsetType = UNSET


class AddAddress(SessionCall, frozen=True, kw_only=True):
    """Add an address; past 50 a ``LimitReached``."""

    fields: AddressFields


class ChangeAddress(SessionCall, frozen=True, kw_only=True):
    """Change an address."""

    address_id: str
    fields: AddressFields


class RemoveAddress(SessionCall, frozen=True, kw_only=True):
    """Remove an address."""

    address_id: str


class ListOwnOrders(SessionCall, frozen=True, kw_only=True):
    """Read the customer's orders, newest created first."""

    after: After | None = None
    limit: int = 20


class GetOwnOrder(SessionCall, frozen=True, kw_only=True):
    """Read one of the customer's orders, with its returns."""

    order_number: str


class ListReturns(SessionCall, frozen=True, kw_only=True):
    """Read an order's returns."""

    order_number: str


class RequestReturn(SessionCall, frozen=True, kw_only=True):
    """Ask to send items back."""

    order_number: str
    items: tuple[ReturnItem, ...]
    reason: str | None = None


class CancelReturn(SessionCall, frozen=True, kw_only=True):
    """Call a return off, while it is requested or approved."""

    order_number: str
    return_id: str


class ListSessions(SessionCall, frozen=True, kw_only=True):
    """Read the customer's own live sessions."""


class EndSessions(SessionCall, frozen=True, kw_only=True):
    """End one of one's own sessions by its id, or (None) all but the one that asks."""

    session_id: str | None = None


class PreviewAction(Request, frozen=True, kw_only=True):
    """Tell what an action token would do."""

    token_digest: str
    caller: Caller


class NewPassword(msgspec.Struct, frozen=True, gc=False):
    """A password to be set: its length in code points and, once that is long enough, its hash."""

    length: int
    hash: str | None = None

    def __repr__(self) -> str:
        return f"NewPassword(length={self.length}, …)"


class TakeAction(Request, frozen=True, kw_only=True):
    """Do what an action token does, once.

    A token that sets a password is asked twice: with the ``password``'s length it answers
    ``ResetBegun``, then with the hash it is done. All others take no notice of a password.
    """

    token_digest: str
    caller: Caller
    password: NewPassword | None = None


class ReadOrderStatus(Request, frozen=True, kw_only=True):
    """Read the order that an order-status link shows."""

    token_digest: str
    caller: Caller


# --- outcomes -------------------------------------------------------------------------------------


class Requested(Outcome, frozen=True, kw_only=True):
    """The request was taken, whoever's email it is."""

    standing: Standing


class AccountView(msgspec.Struct, frozen=True, gc=False):
    """A customer's own profile."""

    id: str
    email: str
    email_verified: bool
    created_at_ms: int
    name: str | None = None
    phone: str | None = None


class AccountSignedIn(Outcome, frozen=True, kw_only=True):
    """A fresh session with its two secrets, which go to the caller and nowhere else."""

    account: AccountView
    cookie_secret: str
    bearer_secret: str
    device_secret: str | None
    device_ttl_seconds: int
    ttl_seconds: int
    expires_at_ms: int
    secure: bool
    standing: Standing

    def __repr__(self) -> str:
        return f"AccountSignedIn(account={self.account.id!r}, secrets=…)"


class Account(Outcome, frozen=True, kw_only=True):
    """The customer's own profile."""

    front: Front
    account: AccountView


class AddressList(Outcome, frozen=True, kw_only=True):
    """The address book, oldest first."""

    front: Front
    entries: tuple[BookAddress, ...]


class AddressFound(Outcome, frozen=True, kw_only=True):
    """One address."""

    entry: BookAddress
    created: bool = False


class OwnOrders(Outcome, frozen=True, kw_only=True):
    """A page of the customer's orders."""

    front: Front
    account: AccountView
    items: tuple[Order, ...]
    after: After | None


class OwnOrder(Outcome, frozen=True, kw_only=True):
    """One order, with its returns and what of each line could still be returned (by item id)."""

    front: Front
    account: AccountView
    order: Order
    returns: tuple[Return, ...]
    returnable: dict[str, int]


class Overview(Outcome, frozen=True, kw_only=True):
    """The newest orders, the address book, the profile, and how many sessions are live."""

    front: Front
    account: AccountView
    orders: tuple[Order, ...]
    addresses: tuple[BookAddress, ...]
    sessions: int


class ReturnFound(Outcome, frozen=True, kw_only=True):
    """A return, as it is now."""

    order_number: str
    returned: Return
    created: bool = False


class SessionView(msgspec.Struct, frozen=True, gc=False):
    """A live session as its customer sees it; ``address`` is a prefix, never whole."""

    id: str
    device: str
    address: str
    created_at_ms: int
    seen_at_ms: int
    expires_at_ms: int
    current: bool
    surface: str = "account"


class SessionList(Outcome, frozen=True, kw_only=True):
    """The customer's own live sessions, newest first."""

    front: Front
    items: tuple[SessionView, ...]


class ActionPreview(Outcome, frozen=True, kw_only=True):
    """What a token would do; ``context`` is JSON.

    For people: ``order_number`` is of the order it is about, if it is about one, and ``lines`` are
    what of it would come back or stay, by name and quantity; ``password_minimum`` is how many code
    points a password needs, where one is asked for.
    """

    front: Front
    action: str
    context: bytes
    expires_at_ms: int
    order_number: str | None = None
    lines: tuple[tuple[str, int], ...] = ()
    password_minimum: int | None = None


class ActionTaken(Outcome, frozen=True, kw_only=True):
    """What a token did; ``result`` is JSON."""

    front: Front
    action: str
    result: bytes


class OrderStatus(Outcome, frozen=True, kw_only=True):
    """An order as its status link shows it; the surface leaves everything personal out."""

    front: Front
    order: Order
    fully_returned: bool


class LimitReached(Outcome, frozen=True, kw_only=True):
    """There are as many as there may be."""

    reason: str


class NotReturnable(Outcome, frozen=True, kw_only=True):
    """The order is not fulfilled, or more would come back than was bought."""

    reason: str
