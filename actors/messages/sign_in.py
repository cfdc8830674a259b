"""Signing in and out by code or link, and who is signed in (contract §2)."""

import msgspec
from msgspec import UNSET, UnsetType

from doorward.actors.messages.envelope import NOTHING, Caller, Outcome, Presented, Request
from doorward.actors.windows import Standing


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


class CodeSent(Outcome, frozen=True, kw_only=True):
    """The request was accepted; it says nothing about who the email belongs to."""

    ttl_seconds: int
    standing: Standing


class CustomerView(msgspec.Struct, frozen=True, gc=False):
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
    """A published storefront as its pages show it; ``secure`` when its origin is ``https``."""

    slug: str
    display_name: str
    accent: str | None = None
    logo_url: str | None = None
    return_to_store_url: str | None = None
    locale: str = "auto"
    secure: bool = False
    code_ttl_seconds: int = 600


class SignedOut(Outcome, frozen=True, kw_only=True):
    """The session is ended, or there was none."""

    secure: bool
