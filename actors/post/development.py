"""Where mail goes when no SMTP server is configured: the newest few, in memory, to be looked at.

Mails are kept unmade: whoever looks derives their secrets and renders them, so no code waits in
memory for nobody, and a load test that requests a hundred thousand codes makes none of them.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Protocol, Self

from doorward.actors.post.mail import Mail


class Looking(Protocol):
    """A way to the newest mails, wherever they are kept."""

    async def look(self) -> "DevelopmentMailbox":
        """Gather what is kept now.

        Raises:
            Unavailable: When whoever keeps them cannot be asked.
        """


class DevelopmentMailbox:
    """A transport that keeps the newest mails of all storefronts and sends nothing."""

    __slots__ = ("_mails",)

    def __init__(self, capacity: int = 500) -> None:
        self._mails: deque[Mail | Callable[[], Mail | None]] = deque(maxlen=capacity)

    def keep(self, make: Callable[[], Mail | None]) -> None:
        """Keep what makes a mail; the oldest goes when the mailbox is full."""
        self._mails.append(make)

    async def look(self) -> Self:
        """See ``Looking.look``."""
        return self

    async def send(self, mail: Mail) -> None:
        """Keep a mail; the oldest goes when the mailbox is full."""
        self._mails.append(mail)

    async def close(self) -> None:
        """Keep everything: the mailbox may be looked at while the server drains."""

    def newest(
        self, *, to: str | None = None, storefront: str | None = None, limit: int = 100
    ) -> list[Mail]:
        """List mails, newest first.

        Args:
            to: Only mails to exactly this (canonical) address.
            storefront: Only mails of the storefront with this slug.
            limit: At most this many.
        """
        wanted = (
            mail
            for mail in self._made()
            if (to is None or mail.to == to) and (storefront is None or mail.slug == storefront)
        )
        return list(islice(wanted, limit))

    @classmethod
    def of(cls, mails: Iterable[Mail]) -> Self:
        """Keep mails of several mailboxes, in the order in which they were sent."""
        mailbox = cls()
        in_order: list[Mail] = sorted(mails, key=_sent_at_ms)
        mailbox._mails.extend(in_order)
        return mailbox

    def find(self, mail_id: str) -> Mail | None:
        """Return the newest mail with this id, or None when it is not (or no longer) kept."""
        return next((mail for mail in self._made() if mail.id == mail_id), None)

    def _made(self) -> Iterator[Mail]:
        for kept in reversed(self._mails):
            mail = kept if isinstance(kept, Mail) else kept()
            if mail is not None:
                yield mail


def _sent_at_ms(mail: Mail) -> int:
    return mail.sent_at_ms
