"""What mails say, sort by sort; secrets included, so none of them prints its own."""

import re
from typing import Any, Final, Literal

import msgspec

from doorward.actors.post.masks import malformed, masked_secret, printed
from doorward.actors.records.account import Action
from doorward.actors.records.mail import AccountNews as News
from doorward.actors.records.orders import Status

_CODE: Final = re.compile(r"[0-9]{6}")


class SignIn(msgspec.Struct, frozen=True, kw_only=True, tag="sign-in", gc=False):
    """A code, a link, or both.

    Attributes:
        code: Six ASCII digits, or None.
        link: The landing page's whole address below the mail's ``origin``, or None.
        minutes_left: What the mail says about how long they live.

    Raises:
        ValueError: The code has not the form above, or there is neither code nor link.
    """

    code: str | None
    link: str | None
    minutes_left: int

    def __post_init__(self) -> None:
        if self.code is not None and _CODE.fullmatch(self.code) is None:
            raise malformed("code")
        if self.code is None and self.link is None:
            raise malformed("code and link")

    # msgspec offers its own __rich_repr__, which would put every field into rich's tracebacks.
    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("code", masked_secret(self.code)), ("link", masked_secret(self.link))]

    def __repr__(self) -> str:
        return printed(self)


class Linked(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What has a link and no code.

    Attributes:
        link: The page's whole address below the mail's ``origin``; mostly a credential.
    """

    link: str

    @property
    def code(self) -> None:
        """There is no code in it."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("link", masked_secret(self.link))]

    def __repr__(self) -> str:
        return printed(self)


class OrderNews(Linked, frozen=True, kw_only=True, tag="order", gc=False):
    """News of an order, for its buyer.

    Attributes:
        news: Its status changed, or the seller wrote (``remark``).
        number: What the order is called; ``rendering`` neutralises it, as in the others.
        status: Where it stands; None when that may have changed since.
    """

    news: Literal["status", "remark"]
    number: str
    status: Status | None

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("news", self.news), ("status", self.status), *super().__rich_repr__()]


class ReturnNews(Linked, frozen=True, kw_only=True, tag="return", gc=False):
    """News of a return, for its customer.

    Attributes:
        news: Its new status.
        number: What its order is called.
        note: What the merchant says about it, in lines; ``rendering`` neutralises it.
        asks: Whether the page behind the link asks for a sign-in.
    """

    news: Literal["APPROVED", "REJECTED", "COMPLETED"]
    number: str
    note: str | None
    asks: bool

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("news", self.news), *super().__rich_repr__()]


class StatusLink(Linked, frozen=True, kw_only=True, tag="order-status", gc=False):
    """The link to an order's status page.

    Attributes:
        number: What the order is called.
        status: Where it stands.
        total: Its sum in minor units of ``currency``.
        currency: ISO 4217.
        until_ms: Until when the link works (store time).
    """

    number: str
    status: Status
    total: int
    currency: str
    until_ms: int


class ActionLink(Linked, frozen=True, kw_only=True, tag="action", gc=False):
    """A link that does something once.

    Attributes:
        action: What it does.
        number: What the order is called that it is about, if it is about one.
        until_ms: Until when the link works (store time).
    """

    action: Action
    number: str | None
    until_ms: int

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("action", self.action), *super().__rich_repr__()]


class AccountNews(Linked, frozen=True, kw_only=True, tag="account", gc=False):
    """What happened to somebody's account, or is asked of them.

    Attributes:
        news: What it is (``AccountLetter``).
        until_ms: Until when the link works (store time).
        at_ms: When it happened (store time).
        device: What signed in, in a few words of its browser's; ``rendering`` neutralises it.
        area: The prefix of the address it signed in from; empty when unknown.
    """

    news: News
    until_ms: int
    at_ms: int
    device: str = ""
    area: str = ""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("news", self.news), *super().__rich_repr__()]


Content = SignIn | OrderNews | ReturnNews | StatusLink | ActionLink | AccountNews
