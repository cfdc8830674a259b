"""What storefront frontends ask on the store surface (contract §4): passwords, rotating tokens.

Every call comes with a publishable key. Passwords and tokens never cross: HTTP hashes and compares
passwords (``begin``, hash, ``finish``) and checks the signatures of tokens; what crosses are hashes
and claims.
"""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from doorward.actors.messages.envelope import Caller, Outcome, Request
from doorward.actors.messages.orders import After
from doorward.actors.records.orders import Order
from doorward.actors.windows import Standing

Verdict = Literal["right", "wrong", "unevaluated"]
Reason = Literal["invalid", "expired", "replayed", "revoked"]


class StoreCall(Request, frozen=True, kw_only=True):
    """A call with a publishable key; ``origin`` is of the page it comes from, if one says so."""

    key_digest: str
    caller: Caller
    origin: str | None = None


class AdmitCall(StoreCall, frozen=True, kw_only=True):
    """Count a call that holds nothing to decide, and tell whether it may be made at all."""


class Claims(msgspec.Struct, frozen=True, gc=False):
    """What a token with a good signature of ours says; times in whole seconds.

    ``life`` is the storefront's life that it was issued in (``shop`` and what its key is derived
    from); the storefront itself compares it with its own, and the times with its own clock.
    """

    typ: Literal["access", "refresh"]
    life: str
    subject: str
    family: str
    jti: str
    issued_at: int
    expires_at: int


class Person(msgspec.Struct, frozen=True, gc=False):
    """Who signs up, as they say; HTTP has checked no more than types."""

    name: str
    email: str
    phone: str | None = None


class BeginSignUp(StoreCall, frozen=True, kw_only=True):
    """Tell whether somebody may sign up, before a password is hashed; counts for the address."""

    person: Person
    password_length: int


class FinishSignUp(StoreCall, frozen=True, kw_only=True):
    """Make the customer and sign them in."""

    person: Person
    password_hash: str


class BeginLogin(StoreCall, frozen=True, kw_only=True):
    """Reserve a try at a password, and tell what to compare with.

    ``waiting``: it was counted for the address before, and found no room among the tries under way.
    """

    email: str
    device: str | None = None
    waiting: bool = False


class FinishLogin(StoreCall, frozen=True, kw_only=True):
    """Settle a try: right (signs in), wrong (counts) or never evaluated (given back).

    ``rehash`` takes the place of the stored hash where that was made with lesser parameters.
    """

    email: str
    reservation: str
    verdict: Verdict
    compared_with: str = ""
    rehash: str | None = None
    device: str | None = None


class ExchangeRefresh(StoreCall, frozen=True, kw_only=True):
    """Exchange a refresh token; ``claims`` is None when it is not one of ours."""

    claims: Claims | None


class EndFamily(StoreCall, frozen=True, kw_only=True):
    """Revoke a refresh token's chain; one that is dead or none of ours changes nothing."""

    claims: Claims | None


class ForgetPassword(StoreCall, frozen=True, kw_only=True):
    """Mail a link by which a password can be set; the answer says nothing about the email."""

    email: str


class BeginReset(StoreCall, frozen=True, kw_only=True):
    """Tell whether a mailed token may set a password, before one is hashed."""

    token_digest: str
    password_length: int


class FinishReset(StoreCall, frozen=True, kw_only=True):
    """Set a password by a mailed token, and end every session and family of its customer."""

    token_digest: str
    password_hash: str


class ShopperCall(StoreCall, frozen=True, kw_only=True):
    """A call with an access token; ``claims`` is None when it is not one of ours."""

    claims: Claims | None


class ReadShopper(ShopperCall, frozen=True, kw_only=True):
    """Read the customer."""


class ChangeShopper(ShopperCall, frozen=True, kw_only=True):
    """Change the customer; ``None`` clears, unset leaves."""

    name: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    image_url: str | UnsetType | None = UNSET


class ListShopperOrders(ShopperCall, frozen=True, kw_only=True):
    """List the customer's orders, newest first; ``status`` is in the store surface's words."""

    after: After | None = None
    limit: int = 20
    status: str | None = None


class GetShopperOrder(ShopperCall, frozen=True, kw_only=True):
    """Read one of the customer's orders by its id."""

    order_id: str


class FindOrigin(Request, frozen=True, kw_only=True):
    """Tell whether any storefront lists an origin; asked of a partition's shared records."""

    origin: str


class ReadSigning(Request, frozen=True, kw_only=True):
    """Tell what others need to check a storefront's access tokens."""


class Introspect(Request, frozen=True, kw_only=True):
    """Tell the holder of a secret key whether a token is good (RFC 7662)."""

    key_digest: str | None
    claims: Claims | None


class ShopperView(msgspec.Struct, frozen=True, gc=False):
    """A customer as the store surface shows them; times in ms of the storefront's clock."""

    id: str
    name: str | None
    email: str
    phone: str | None
    image_url: str | None
    created_at_ms: int


class TokenPair(msgspec.Struct, frozen=True, gc=False):
    """A fresh pair of tokens; times in ms of the storefront's clock, whole seconds."""

    access: str
    access_expires_at_ms: int
    refresh: str
    refresh_expires_at_ms: int

    def __repr__(self) -> str:
        return "TokenPair(…)"


class Admitted(Outcome, frozen=True, kw_only=True):
    """The call may be made, and was counted."""


class SignUpBegun(Outcome, frozen=True, kw_only=True):
    """Hash the password and finish."""


class LoginBegun(Outcome, frozen=True, kw_only=True):
    """Compare with ``password_hash`` (None: with a decoy, it matches nothing), then finish."""

    reservation: str
    password_hash: str | None

    def __repr__(self) -> str:
        return f"LoginBegun(reservation={self.reservation!r}, …)"


class LoginWaits(Outcome, frozen=True, kw_only=True):
    """As many tries are under way as may be wrong: begin again when one of them is settled."""


class Locked(Outcome, frozen=True, kw_only=True):
    """Too many wrong passwords; ``wait_ms`` until the lock is over."""

    wait_ms: int


class LoginRefused(Outcome, frozen=True, kw_only=True):
    """Wrong, unknown, no password, turned off: one answer for all of them."""


class LoginReleased(Outcome, frozen=True, kw_only=True):
    """The reservation is given back; nothing was counted."""


class StoreSignedIn(Outcome, frozen=True, kw_only=True):
    """A fresh family; ``device_secret`` is None when the device that came was good."""

    shopper: ShopperView
    tokens: TokenPair
    device_secret: str | None
    device_ttl_seconds: int
    secure: bool
    created: bool = False

    def __repr__(self) -> str:
        return f"StoreSignedIn(shopper={self.shopper.id!r}, …)"


class EmailTaken(Outcome, frozen=True, kw_only=True):
    """A customer with this email exists."""


class Issue(msgspec.Struct, frozen=True, gc=False):
    """What is wrong with one member of a body."""

    path: tuple[str, ...]
    message: str


class Issues(Outcome, frozen=True, kw_only=True):
    """Values break rules; nothing was changed."""

    issues: tuple[Issue, ...]


class Exchanged(Outcome, frozen=True, kw_only=True):
    """The child of the token that was exchanged."""

    tokens: TokenPair


class TokenRefused(Outcome, frozen=True, kw_only=True):
    """The token opens nothing."""

    reason: Reason


class TokenMissing(Outcome, frozen=True, kw_only=True):
    """The call needs an access token and has none."""


class HeadlessOff(Outcome, frozen=True, kw_only=True):
    """The storefront does not serve the store surface."""


class PasswordMailed(Outcome, frozen=True, kw_only=True):
    """The request was accepted; it says nothing about whose email it is."""

    standing: Standing


class ResetBegun(Outcome, frozen=True, kw_only=True):
    """Hash the password and finish."""


class PasswordSet(Outcome, frozen=True, kw_only=True):
    """The password is set, and everything that was signed in is signed out."""


class Shopper(Outcome, frozen=True, kw_only=True):
    """The customer."""

    shopper: ShopperView


class ShopperOrders(Outcome, frozen=True, kw_only=True):
    """A page of orders; ``after`` finds the next, None when there is none."""

    items: tuple[Order, ...]
    after: After | None


class ShopperOrder(Outcome, frozen=True, kw_only=True):
    """One order."""

    order: Order


class OriginFound(Outcome, frozen=True, kw_only=True):
    """Whether any storefront of the partition lists the origin."""

    listed: bool


class Signing(Outcome, frozen=True, kw_only=True):
    """What a storefront's access tokens are checked with; ``public`` where that may be shown."""

    life: str
    public: bool


class Introspected(Outcome, frozen=True, kw_only=True):
    """Whether a token is good, and what it says."""

    active: bool
    claims: Claims | None = None
