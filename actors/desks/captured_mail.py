"""Captured mail of a sandbox storefront, rid of what went to one person."""

from typing import Final

from doorward.actors.records.mail import MailPage, MailPages
from doorward.actors.turns import DAY_MS, Turn

PAGES_AT_ONCE: Final = 20


def forgotten(turn: Turn, email: str, start: int) -> int | None:
    """Stage the next pages without mails to an email.

    Returns:
        The page to go on with; None when there is no more.

    Raises:
        Miss: Naming at once all pages that are not in memory.
    """
    pages = turn.ledger.get(MailPages) or MailPages()
    first = max(start, pages.first)
    if first >= pages.end:
        return None
    numbers = range(first, min(pages.end, first + PAGES_AT_ONCE))
    turn.ledger.need(*((MailPage, str(number)) for number in numbers))
    for number in numbers:
        jobs = (turn.ledger.get(MailPage, str(number)) or MailPage()).jobs
        left = tuple(job for job in jobs if job.to != email)
        if left != jobs:
            turn.ledger.put(MailPage(left), str(number), keep_ms=DAY_MS)
    return numbers.stop
