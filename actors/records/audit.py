"""The audit log of a storefront: who changed what, and when. Nothing personal is in it."""

from typing import ClassVar

import msgspec

from doorward.actors.records.record import Record


class AuditEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing that was done.

    ``number`` counts up from 0. ``who`` is ``operator``, ``key:<key id>`` or ``customer:<id>``.
    ``subject`` names what it was done to by an id or number that means nothing elsewhere.
    """

    number: int
    at_ms: int
    who: str
    what: str
    subject: str = ""


class AuditHead(Record, frozen=True, array_like=True):
    """The newest entries, oldest of them first; a full head becomes a page and begins anew.

    ``pages`` counts the pages ever made, ``first`` is the oldest that is kept.
    """

    kind: ClassVar[str] = "audit"

    entries: tuple[AuditEntry, ...] = ()
    pages: int = 0
    first: int = 0


class AuditPage(Record, frozen=True, array_like=True):
    """Earlier entries; named by the page's number."""

    kind: ClassVar[str] = "audit-page"

    entries: tuple[AuditEntry, ...] = ()
