"""The whole vocabulary between ``http`` and a storefront. Nothing else crosses.

A *request* asks one storefront for one decision; an *outcome* is its answer. Both are frozen,
tagged values, so the same bytes travel inside a process and over a cluster. Expected refusals
(wrong code, too many, not found) are outcomes, never exceptions.

Secrets: requests carry digests of what a browser presented, never the secret itself, except the
six digits of a code, which mean nothing without their challenge. Outcomes carry a fresh secret
exactly once, on its way to the browser.
"""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from doorward.actors.post.mail import SignInMail
from doorward.actors.records import Payment
from doorward.actors.windows import Standing


class Request(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Something asked of a storefront."""


class Outcome(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """What a storefront decided."""


class Caller(msgspec.Struct, frozen=True):
    """Who asks, as far as the HTTP edge can tell.

    ``origin`` is set only when the CSRF rule leaves the decision to a comparison with the
    storefront's configured origin. ``own_origin`` is the origin the request itself was sent to,
    known only in development (loopback), where it stands in for a configured one. ``key_digest`` is
    the SHA-256 of a secret key sent along, by which ``asserted_address`` may count instead of
    ``address``.
    """

    address: str
    request_id: str = ""
    origin: str | None = None
    own_origin: str | None = None
    scheme: Literal["http", "https"] = "http"
    key_digest: str | None = None
    asserted_address: str | None = None


class Presented(msgspec.Struct, frozen=True):
    """SHA-256 digests (hex) of the cookies a browser presented, by the name each came under.

    ``secure`` came as ``__Host-…``, ``plain`` without; which one counts depends on the
    storefront's configured origin, so the storefront picks.
    """

    secure: str | None = None
    plain: str | None = None


NOTHING = Presented()


# --- requests: portal -----------------------------------------------------------------------------


class RequestCode(Request, frozen=True, kw_only=True):
    """Mail a code (or, past the guess budgets, a link) to ``email`` (canonical form)."""

    email: str
    caller: Caller
    device: Presented = NOTHING


class VerifyCode(Request, frozen=True, kw_only=True):
    """Sign in with the code that was mailed to ``email``."""

    email: str
    code: str
    caller: Caller
    session: Presented = NOTHING
    device: Presented = NOTHING


class VerifyLink(Request, frozen=True, kw_only=True):
    """Sign in with the link whose token has this SHA-256."""

    token_digest: str
    caller: Caller
    session: Presented = NOTHING
    device: Presented = NOTHING


class ReadMe(Request, frozen=True, kw_only=True):
    """Tell who is signed in."""

    caller: Caller
    session: Presented = NOTHING


class UpdateMe(Request, frozen=True, kw_only=True):
    """Change the signed-in customer's own name or phone; ``None`` clears, unset leaves."""

    caller: Caller
    session: Presented = NOTHING
    name: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET


class SignOut(Request, frozen=True, kw_only=True):
    """End the presented session."""

    caller: Caller
    session: Presented = NOTHING


class ReadFront(Request, frozen=True, kw_only=True):
    """Read what the public sees of a storefront."""


# --- requests: operator ---------------------------------------------------------------------------


class StorefrontDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A storefront as an operator writes it; validated by ``desks.storefronts``."""

    display_name: str
    published: bool = False
    origin: str | None = None
    hosted_domain: str | None = None
    headless: bool = False
    allowed_origins: tuple[str, ...] = ()
    payment: Payment | None = None
    return_to_store_url: str | None = None
    accent: str | None = None
    logo_url: str | None = None
    policy: bytes = b"{}"
    sandbox: bool | None = None


class PutStorefront(Request, frozen=True, kw_only=True):
    """Create the storefront, or replace what its operator may set."""

    document: StorefrontDocument


class GetStorefront(Request, frozen=True, kw_only=True):
    """Read the storefront as its operator set it up."""


class DeleteStorefront(Request, frozen=True, kw_only=True):
    """Close the storefront for good; its records are erased by ``EraseRecords`` afterwards."""


class EraseRecords(Request, frozen=True, kw_only=True):
    """Delete these records (``kind:id``) of a closed storefront; ``last`` frees the slug."""

    names: tuple[str, ...]
    last: bool


class AddKey(Request, frozen=True, kw_only=True):
    """Make an API key."""

    key_kind: Literal["publishable", "secret"]
    name: str
    scopes: tuple[str, ...] = ()


class ListKeys(Request, frozen=True, kw_only=True):
    """Read the API keys, without what they open."""


class RevokeKey(Request, frozen=True, kw_only=True):
    """End an API key."""

    key_id: str


class FindKey(Request, frozen=True, kw_only=True):
    """Tell whose API key has this SHA-256; asked of a partition's shared records."""

    key_digest: str


# --- requests: sandbox ----------------------------------------------------------------------------


class ReadMail(Request, frozen=True, kw_only=True):
    """Read captured mail, oldest first, after the mail ``after``; for a secret key."""

    key_digest: str
    to: str | None = None
    after: str | None = None
    limit: int = 100


class ClearMail(Request, frozen=True, kw_only=True):
    """Forget captured mail."""

    key_digest: str


class AdvanceClock(Request, frozen=True, kw_only=True):
    """Move a sandbox storefront's own clock forward."""

    key_digest: str
    advance_ms: int


# --- outcomes -------------------------------------------------------------------------------------


class CodeSent(Outcome, frozen=True, kw_only=True):
    """The request was accepted; it says nothing about who the email belongs to."""

    ttl_seconds: int
    standing: Standing


class CustomerView(msgspec.Struct, frozen=True):
    """A customer as the customer may see it; times in ms of store time."""

    id: str
    email: str
    name: str | None
    phone: str | None
    created_at_ms: int


class SignedIn(Outcome, frozen=True, kw_only=True):
    """A fresh session; ``secret`` and ``device_secret`` go to the browser and nowhere else.

    ``device_secret`` is None when the browser presented a device cookie that is still good.
    """

    customer: CustomerView
    secret: str
    device_secret: str | None
    device_ttl_seconds: int
    ttl_seconds: int
    expires_at_ms: int
    secure: bool
    standing: Standing

    def __repr__(self) -> str:
        return f"SignedIn(customer={self.customer.id!r}, secret=…)"


class SignInRefused(Outcome, frozen=True, kw_only=True):
    """Wrong, expired, burned, used, unknown, never asked for: one answer for all of them."""

    standing: Standing


class Me(Outcome, frozen=True, kw_only=True):
    """Who is signed in; ``customer`` is None when nobody is."""

    customer: CustomerView | None


class Front(Outcome, frozen=True, kw_only=True):
    """A published storefront as its pages show it."""

    display_name: str
    accent: str | None


class SignedOut(Outcome, frozen=True, kw_only=True):
    """The session is ended, or there was none."""

    secure: bool


class TooMany(Outcome, frozen=True, kw_only=True):
    """A limit is spent; ``wait_ms`` until one more fits."""

    standing: Standing
    wait_ms: int


class SessionRequired(Outcome, frozen=True, kw_only=True):
    """Nobody is signed in here."""


class OriginRefused(Outcome, frozen=True, kw_only=True):
    """The request came from a page of another origin."""


class NotFound(Outcome, frozen=True, kw_only=True):
    """No such storefront, or no such thing in it."""


class Invalid(Outcome, frozen=True, kw_only=True):
    """A value breaks a rule; nothing was changed."""

    name: str
    rule: str


class Conflict(Outcome, frozen=True, kw_only=True):
    """What was asked does not fit the present state."""

    reason: str


class KeyRefused(Outcome, frozen=True, kw_only=True):
    """The API key is unknown, revoked or of the wrong kind."""


class StorefrontView(Outcome, frozen=True, kw_only=True):
    """A storefront as its operator reads it."""

    slug: str
    document: StorefrontDocument
    created_at_ms: int
    updated_at_ms: int
    created: bool = False


class Deleted(Outcome, frozen=True, kw_only=True):
    """It is gone."""


class KeyView(msgspec.Struct, frozen=True):
    """An API key without what it opens."""

    id: str
    key_kind: str
    name: str
    scopes: tuple[str, ...]
    created_at_ms: int


class KeyMade(Outcome, frozen=True, kw_only=True):
    """A new API key; ``secret`` is shown this once."""

    key: KeyView
    secret: str

    def __repr__(self) -> str:
        return f"KeyMade(key={self.key.id!r}, secret=…)"


class KeyList(Outcome, frozen=True, kw_only=True):
    """All live API keys, oldest first."""

    keys: tuple[KeyView, ...]


class KeyFound(Outcome, frozen=True, kw_only=True):
    """The storefront that an API key belongs to."""

    slug: str


class MailList(Outcome, frozen=True, kw_only=True):
    """Captured mail, oldest first."""

    items: tuple[SignInMail, ...]


class ClockNow(Outcome, frozen=True, kw_only=True):
    """A sandbox storefront's own time after it was moved."""

    now_ms: int
