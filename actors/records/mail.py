"""Mails that wait to be sent, and those a sandbox storefront keeps."""

from typing import ClassVar

import msgspec

from doorward.actors.records.record import Record


class MailJob(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A mail to be sent, without its secrets: those are derived from the challenge when it goes."""

    id: str
    slug: str
    life: str
    to: str
    display_name: str
    accent: str | None
    origin: str
    landing: str
    challenge_id: bytes
    key_id: str
    has_code: bool
    has_link: bool
    sent_at_ms: int
    expires_at_ms: int


class MailPage(Record, frozen=True, array_like=True):
    """Captured mail of a sandbox storefront, a page of it."""

    kind: ClassVar[str] = "mail-page"

    jobs: tuple[MailJob, ...] = ()


class MailPages(Record, frozen=True, array_like=True):
    """Which pages of captured mail are kept: ``first`` ≤ page < ``end``; ``count`` ever written."""

    kind: ClassVar[str] = "mail-pages"

    first: int = 0
    end: int = 0
    count: int = 0
