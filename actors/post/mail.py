"""What a mail is: one self-contained value, made at sending time and never stored.

A mail job in the outbox holds no secret. Whoever sends it derives code and link again and puts
them in here, so a ``Mail`` lives for milliseconds (or as long as the development mailbox shows it).
What it prints of itself holds no secret either: not in logs, not in a traceback.
"""

import re
from functools import lru_cache
from typing import Any, Final

import msgspec

from doorward.actors.post.contents import Content, OrderNews, SignIn
from doorward.actors.post.masks import malformed, masked_address, masked_secret, printed

__all__ = [
    "Content",
    "Mail",
    "OrderNews",
    "RenderedMail",
    "SignIn",
    "host_of",
    "masked_address",
    "masked_secret",
]

_ID: Final = re.compile(r"[A-Za-z0-9._:~-]{1,128}")
# Lower case and complete, so that "starts with the origin" below cannot be fooled by userinfo
# (``https://alpha.example@evil.test``) or by a longer host (``https://alpha.example.evil.test``).
_ORIGIN: Final = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
# Visible ASCII only: no blank, line break or non-ASCII look-alike can end or disguise the address.
_LINK_REST: Final = re.compile(r"/[!-~]*")


class Mail(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One mail to one mailbox.

    Attributes:
        id: Names the mail in the outbox; the same over all tries.
        slug: The storefront it is from.
        to: The canonical address; ``message`` refuses any other form.
        display_name: The storefront's name as it was configured; ``rendering`` neutralises it.
        accent: The storefront's colour, ``#rrggbb``; anything else falls back to a neutral one.
        origin: The storefront's configured origin, lower case, no path; may hold a port.
        locale: The language it is written in; English when it is not spoken here.
        expires_at_ms: From when on sending it is pointless (store time).
        sent_at_ms: The mail's date (store time).
        content: What it says.

    Raises:
        ValueError: The id or origin has not the form above, or the content's link leads elsewhere
            than ``origin``. The message names the field and never its value.

    Source: OWASP Forgot Password Cheat Sheet, "URL Tokens" (links from a configured origin only).
    """

    id: str
    slug: str
    to: str
    display_name: str
    accent: str
    origin: str
    locale: str
    expires_at_ms: int
    sent_at_ms: int
    content: Content

    def __post_init__(self) -> None:
        if _ID.fullmatch(self.id) is None:
            raise malformed("id")
        if _ORIGIN.fullmatch(self.origin) is None:
            raise malformed("origin")
        if self.link is not None and not _is_below(self.link, self.origin):
            raise malformed("link")

    @property
    def code(self) -> str | None:
        """The code in it, if there is one."""
        return self.content.code

    @property
    def link(self) -> str | None:
        """The one link in it, if there is one."""
        return self.content.link

    def __repr__(self) -> str:
        return printed(self)

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [
            ("id", self.id),
            ("slug", self.slug),
            ("to", masked_address(self.to)),
            ("content", self.content),
            ("expires_at_ms", self.expires_at_ms),
        ]


class RenderedMail(msgspec.Struct, frozen=True, gc=False):
    """A mail in words: all three fields hold the secret, so none of them is ever printed."""

    subject: str
    text: str
    html: str

    def __repr__(self) -> str:
        return f"RenderedMail(<{len(self.text)} characters>, <{len(self.html)} characters>)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("text", len(self.text)), ("html", len(self.html))]


@lru_cache(maxsize=4096)
def host_of(origin: str) -> str:
    """Return the host of a configured origin, without scheme and port.

    Raises:
        ValueError: ``origin`` is not an origin.
    """
    match = _ORIGIN.fullmatch(origin)
    if match is None:
        raise malformed("origin")
    return match[1]


def _is_below(link: str, origin: str) -> bool:
    return link.startswith(origin) and _LINK_REST.fullmatch(link, len(origin)) is not None
