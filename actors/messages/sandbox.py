"""What the owner of a sandbox storefront asks: captured mail, a clock (contract §6)."""

from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.post.mail import Mail


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


class MailList(Outcome, frozen=True, kw_only=True):
    """Captured mail, oldest first."""

    items: tuple[Mail, ...]


class ClockNow(Outcome, frozen=True, kw_only=True):
    """A sandbox storefront's own time after it was moved."""

    now_ms: int
