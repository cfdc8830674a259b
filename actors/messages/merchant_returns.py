"""What a merchant's backend asks about returns, status links and actions (contract §5).

As in ``messages.merchant``: ``key_digest`` is the SHA-256 of its secret key, None is the operator.
"""

import msgspec
from msgspec import UNSET, UnsetType

from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.orders import After
from doorward.actors.records.account import Return
from doorward.actors.windows import Standing


class ListAllReturns(Request, frozen=True, kw_only=True):
    """Read the storefront's returns, newest first; those in a ``status`` (contract §3's words)."""

    key_digest: str | None
    status: str | None = None
    after: After | None = None
    limit: int = 20


class GetReturn(Request, frozen=True, kw_only=True):
    """Read one return."""

    key_digest: str | None
    return_id: str


class ChangeReturn(Request, frozen=True, kw_only=True):
    """Move a return on by one legal step, note something about it, or both; all or nothing.

    ``note`` is what the customer reads with it: None clears, unset leaves.
    """

    key_digest: str | None
    return_id: str
    status: str | UnsetType = UNSET
    note: str | UnsetType | None = UNSET


class MintStatusLink(Request, frozen=True, kw_only=True):
    """Give an order a status link; one it had opens nothing any more. ``mail``: to its buyer."""

    key_digest: str | None
    order_number: str
    mail: bool = False


class MintAction(Request, frozen=True, kw_only=True):
    """Make a token that does one thing, once, for whoever presents it.

    ``context`` is JSON as the merchant sent it, an object; its form depends on ``action``.
    ``expires_in_seconds`` None is seven days. ``mail``: send it to ``email`` (canonical).
    """

    key_digest: str | None
    action: str
    email: str
    context: bytes = b"{}"
    expires_in_seconds: int | None = None
    mail: bool = False


# --- outcomes -------------------------------------------------------------------------------------


class MerchantReturn(msgspec.Struct, frozen=True, gc=False):
    """A return as its merchant sees it, with the order it belongs to."""

    order_number: str
    email: str
    returned: Return


class ReturnRead(Outcome, frozen=True, kw_only=True):
    """A return, as it is now."""

    item: MerchantReturn
    standing: Standing | None = None


class ReturnsFound(Outcome, frozen=True, kw_only=True):
    """A page of returns; ``after`` is None at the end."""

    items: tuple[MerchantReturn, ...]
    after: After | None
    standing: Standing | None = None


class StatusLinkMinted(Outcome, frozen=True, kw_only=True):
    """A fresh status link; ``rotated`` when another one died by it. The token is told this once."""

    order_number: str
    token: str
    url: str
    expires_at_ms: int
    rotated: bool
    standing: Standing | None = None

    def __repr__(self) -> str:
        return f"StatusLinkMinted(order_number={self.order_number!r}, token=…)"


class ActionMinted(Outcome, frozen=True, kw_only=True):
    """A fresh action token, told this once; ``url`` is the hosted page that acts with it."""

    action: str
    token: str
    url: str
    expires_at_ms: int
    standing: Standing | None = None

    def __repr__(self) -> str:
        return f"ActionMinted(action={self.action!r}, token=…)"
