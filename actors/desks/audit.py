"""The audit log: who changed what, and when; it only ever grows at its end (contract §5).

The newest entries lie in the head, so that what is logged with nearly every change costs one small
record; a full head becomes a page. No entry names a person but by an id of ours: the log outlives
what it tells of, erasures above all.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec import UNSET

from doorward.actors.messages import merchant, merchant_customers, merchant_settings
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.merchant_settings import AuditFound, ReadAudit
from doorward.actors.records.audit import AuditEntry, AuditHead, AuditPage
from doorward.actors.turns import Turn

PAGE_SIZE: Final = 16
KEPT_PAGES: Final = 625
"""At least 10,000 entries."""
PAGE_MAX: Final = 100
OPERATOR: Final = "operator"
_SUBJECT_LENGTH: Final = 200
_READS: Final = ("Read", "Get", "List", "Find")


def kept(turn: Turn, who: str, what: str, subject: str = "") -> None:
    """Stage an entry.

    Args:
        turn: The turn that does it.
        who: ``operator``, ``key:<id>``, ``customer:<id>``, or ``token`` for whoever presented one.
        what: What was done, in snake case.
        subject: What it was done to, by an id or number; never an email or a name.

    Raises:
        Miss: When the log's head is not in memory.
    """
    head = turn.ledger.get(AuditHead) or AuditHead()
    pages, first, entries = head.pages, head.first, head.entries
    if len(entries) >= PAGE_SIZE:
        turn.ledger.put(AuditPage(entries), str(pages))
        pages, entries = pages + 1, ()
        while pages - first > KEPT_PAGES:
            turn.ledger.delete(AuditPage, str(first))
            first += 1
    number = pages * PAGE_SIZE + len(entries)
    entry = AuditEntry(number, turn.now_ms, who, what, subject[:_SUBJECT_LENGTH])
    turn.ledger.put(AuditHead((*entries, entry), pages, first))


def called(turn: Turn, who: str, message: Request) -> None:
    """Stage the entry of a call that changed something; what only reads has none."""
    what = _snake(type(message).__name__)
    if not type(message).__name__.startswith(_READS):
        kept(turn, who, what, _subject_of(message))


def tells(message: Request, outcome: Outcome) -> bool:
    """Tell whether a call is worth an entry though it changed nothing: all of a person left."""
    return (
        isinstance(message, merchant_customers.ExportCustomer)
        and isinstance(outcome, merchant_customers.Exported)
        and message.after is None
    )


def operators(desk: Callable[[Turn, Any], Outcome]) -> Callable[[Turn, Any], Outcome]:
    """Make a desk for an operator's call of one; what it changes is logged."""

    def decided(turn: Turn, message: Any) -> Outcome:  # noqa: ANN401 - a request of the desk's
        outcome = desk(turn, message)
        if turn.ledger.writes:
            called(turn, OPERATOR, message)
        return outcome

    decided.__doc__ = desk.__doc__
    return decided


def page(turn: Turn, message: ReadAudit) -> AuditFound:
    """Read entries, newest first.

    Raises:
        Miss: Naming at once all pages that are not in memory.
    """
    head = turn.ledger.get(AuditHead) or AuditHead()
    end = head.pages * PAGE_SIZE + len(head.entries)
    start = head.first * PAGE_SIZE
    before = end if message.before is None else min(message.before, end)
    limit = max(1, min(message.limit, PAGE_MAX))
    numbers = range(before - 1, max(start, before - limit) - 1, -1)
    wanted = sorted({number // PAGE_SIZE for number in numbers} - {head.pages})
    turn.ledger.need(*((AuditPage, str(name)) for name in wanted))
    pages = {name: turn.ledger.get(AuditPage, str(name)) or AuditPage() for name in wanted}
    entries = {name: found.entries for name, found in pages.items()} | {head.pages: head.entries}
    items = tuple(entries[number // PAGE_SIZE][number % PAGE_SIZE] for number in numbers)
    more = items and items[-1].number > start
    return AuditFound(items=items, before=items[-1].number if more else None)


def _subject_of(message: Request) -> str:
    named = _SUBJECTS.get(type(message))
    if named is not None:
        return named(message)
    for name in ("order_number", "return_id", "customer_id", "key_id", "action", "name"):
        subject = getattr(message, name, None)
        if isinstance(subject, str):
            return subject
    return ""


def _changed_names(message: merchant_settings.ChangeOwnStorefront) -> str:
    changes = message.changes
    return ", ".join(n for n in changes.__struct_fields__ if getattr(changes, n) is not UNSET)


_SUBJECTS: Final[dict[type[Request], Callable[[Any], str]]] = {
    merchant.PutOrder: lambda message: message.document.order_number,
    merchant.PutOrders: lambda message: f"{len(message.documents)} orders",
    merchant_settings.ChangeOwnStorefront: _changed_names,
}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]
