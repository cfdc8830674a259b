"""Mails that wait to be sent, and those a sandbox storefront keeps.

A job is an envelope, the same for every mail, around a *letter*: what is particular to it. A new
sort of mail is a new letter, and everything between the desk and the mailbox stays as it is.
"""

from typing import ClassVar, Final, Literal

import msgspec

from doorward.actors.records.account import Action
from doorward.actors.records.orders import Status
from doorward.actors.records.record import Record


class SignInLetter(msgspec.Struct, frozen=True, array_like=True, tag="sign-in", gc=False):
    """A code, a link, or both; derived from the challenge when the mail goes.

    ``landing`` is the path of the page that a link leads to.
    """

    urgent: ClassVar[bool] = True

    landing: str
    challenge_id: bytes
    key_id: str
    has_code: bool
    has_link: bool


class OrderLetter(msgspec.Struct, frozen=True, array_like=True, tag="order", gc=False):
    """News of an order: its ``status`` changed, or the seller wrote (``remark``).

    The link to its page is derived from the order's id and ``access_version`` when the mail goes.
    """

    urgent: ClassVar[bool] = False

    news: Literal["status", "remark"]
    order_id: str
    number: str
    status: Status
    access_key_id: str
    access_version: int


class ReturnLetter(msgspec.Struct, frozen=True, array_like=True, tag="return", gc=False):
    """News of a return: the merchant took it, refused it (``note`` says why), or is done with it.

    ``page`` is the path of the account's page about the order; empty where no page of the account
    can be reached: the link is then the order's own, as in ``OrderLetter``.
    """

    urgent: ClassVar[bool] = False

    news: Literal["APPROVED", "REJECTED", "COMPLETED"]
    number: str
    note: str | None
    page: str
    order_id: str
    access_key_id: str
    access_version: int


class StatusLetter(msgspec.Struct, frozen=True, array_like=True, tag="order-status", gc=False):
    """The order-status link of an order, with what the order is; ``total`` in minor units.

    The link is derived from ``token_id`` when the mail goes; it works until ``until_ms``.
    """

    urgent: ClassVar[bool] = False

    number: str
    status: Status
    total: int
    currency: str
    token_id: bytes
    key_id: str
    until_ms: int


class ActionLetter(msgspec.Struct, frozen=True, array_like=True, tag="action", gc=False):
    """A link that does something once; derived from ``token_id`` when the mail goes.

    ``number`` is what the order is called that it is about, if it is about one.
    """

    urgent: ClassVar[bool] = False

    action: Action
    number: str | None
    token_id: bytes
    key_id: str


AccountNews = Literal[
    "confirm_email",
    "new_device",
    "password_changed",
    "locked",
    "password_disabled",
    "set_password",
]
SETS_PASSWORD: Final[frozenset[AccountNews]] = frozenset({"password_disabled", "set_password"})
"""Mails whose link leads to setting a password."""
_NO_HURRY: Final[frozenset[AccountNews]] = frozenset({"new_device", "password_changed"})


class AccountLetter(msgspec.Struct, frozen=True, array_like=True, tag="account", gc=False):
    """What happened to somebody's account, or is asked of them, with a link that acts on it.

    The link is ``page`` (a path, up to the token) and a token derived from ``token_id`` when the
    mail goes; it works until ``until_ms``. ``device`` and ``area`` (an address's prefix) tell who
    signed in at ``at_ms``, where that is the news.
    """

    news: AccountNews
    page: str
    token_id: bytes
    key_id: str
    until_ms: int
    at_ms: int
    device: str = ""
    area: str = ""

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for it, or nobody may tell by its sending whether it is blank."""
        return self.news not in _NO_HURRY


Letter = SignInLetter | OrderLetter | ReturnLetter | StatusLetter | ActionLetter | AccountLetter


class MailJob(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A mail to be sent, without its secrets: those are derived when it goes.

    ``life`` names the storefront's life, for key derivation. ``locale`` is the language it is
    written in, ``origin`` where its links lead. After ``expires_at_ms`` (store time) it is
    pointless to send, before ``not_before_ms`` too early.
    """

    version: ClassVar[int] = 2

    id: str
    slug: str
    life: str
    to: str
    display_name: str
    accent: str | None
    origin: str
    locale: str
    sent_at_ms: int
    expires_at_ms: int
    letter: Letter
    not_before_ms: int = 0

    @property
    def is_blank(self) -> bool:
        """Whether it is nobody's: kept and struck like a mail, so that both cost the same."""
        return self.expires_at_ms <= 0


class MailPage(Record, frozen=True, array_like=True):
    """Captured mail of a sandbox storefront, a page of it."""

    kind: ClassVar[str] = "mail-page"
    version: ClassVar[int] = 2

    jobs: tuple[MailJob, ...] = ()


class MailPages(Record, frozen=True, array_like=True):
    """Which pages of captured mail are kept: ``first`` ≤ page < ``end``; ``count`` ever written."""

    kind: ClassVar[str] = "mail-pages"

    first: int = 0
    end: int = 0
    count: int = 0


class SellerMail(Record, frozen=True, array_like=True):
    """Until when mails about the seller's messages are held back; by order id.

    ``held_until_ms``: a mail is under way that goes then, and leads to what was written meanwhile.
    """

    kind: ClassVar[str] = "seller-mail"

    until_ms: int
    held_until_ms: int = 0
