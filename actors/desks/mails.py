"""What is mailed: a job without secrets, into the outbox or a sandbox storefront's own capture."""

from typing import Final

import msgspec

from doorward.actors.desks.keys import holds_secret_key
from doorward.actors.desks.origins import configured_origin
from doorward.actors.ledger import Ledger
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.refusals import Deleted, KeyRefused, NotFound
from doorward.actors.messages.sandbox import ClearMail, MailList, ReadMail
from doorward.actors.opening import opened
from doorward.actors.post.mail import SignInMail
from doorward.actors.records.mail import MailJob, MailPage, MailPages
from doorward.actors.records.sign_in import Challenge
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import DAY_MS, Turn

PAGE_SIZE: Final = 50
KEPT_PAGES: Final = 100
"""5,000 captured mails, in pages small enough to be rewritten with every mail."""
PAGES_AT_ONCE: Final = 20
_ID_BYTES: Final = 8


def send_sign_in(
    turn: Turn, storefront: Storefront, challenge: Challenge, *, to: str, caller: Caller
) -> None:
    """Stage the mail that carries a challenge."""
    job = MailJob(
        id=turn.random(_ID_BYTES).hex(),
        slug=turn.slug,
        life=storefront.life(turn.slug),
        to=to,
        display_name=storefront.display_name,
        accent=storefront.branding.accent,
        origin=configured_origin(turn, storefront, caller) or turn.place.fallback_origin,
        landing=f"/s/{turn.slug}/account/link",
        challenge_id=challenge.id,
        key_id=challenge.key_id,
        has_code=challenge.has_code,
        has_link=challenge.has_link,
        sent_at_ms=turn.now_ms,
        expires_at_ms=challenge.expires_at_ms,
    )
    if storefront.sandbox:
        _capture(turn.ledger, job)
    else:
        turn.ledger.mail(job)


def read_mail(turn: Turn, message: ReadMail) -> Outcome:
    """Read a sandbox storefront's captured mail, oldest first."""
    storefront = turn.storefront()
    if storefront is None or not holds_secret_key(turn, message.key_digest):
        return KeyRefused()
    if not storefront.sandbox:
        return NotFound()
    pages = turn.ledger.get(MailPages) or MailPages()
    start = _position_after(message.after)
    found: list[SignInMail] = []
    begin = max(pages.first, start // PAGE_SIZE)
    for number in range(begin, pages.end):
        if (number - begin) % PAGES_AT_ONCE == 0:
            ahead = range(number, min(pages.end, number + PAGES_AT_ONCE))
            turn.ledger.need(*((MailPage, str(page)) for page in ahead))
        page = turn.ledger.get(MailPage, str(number)) or MailPage()
        for job in page.jobs:
            if int(job.id) >= start and message.to in {None, job.to}:
                mail = opened(job, turn.place.keyring, at_ms=job.sent_at_ms)
                found += [mail] if mail is not None else []
        if len(found) >= message.limit:
            break
    return MailList(items=tuple(found[: message.limit]))


def clear_mail(turn: Turn, message: ClearMail) -> Outcome:
    """Forget a sandbox storefront's captured mail; ids go on where they were."""
    storefront = turn.storefront()
    if storefront is None or not holds_secret_key(turn, message.key_digest):
        return KeyRefused()
    if not storefront.sandbox:
        return NotFound()
    pages = turn.ledger.get(MailPages) or MailPages()
    for number in range(pages.first, pages.end):
        turn.ledger.delete(MailPage, str(number))
    turn.ledger.put(MailPages(first=pages.end, end=pages.end, count=pages.end * PAGE_SIZE))
    return Deleted()


def _capture(ledger: Ledger, job: MailJob) -> None:
    pages = ledger.get(MailPages) or MailPages()
    number = pages.count // PAGE_SIZE
    page = (ledger.get(MailPage, str(number)) if number < pages.end else None) or MailPage()
    job = msgspec.structs.replace(job, id=f"{pages.count:010d}")
    ledger.put(MailPage(jobs=(*page.jobs, job)), str(number), keep_ms=DAY_MS)
    first = max(pages.first, number + 1 - KEPT_PAGES)
    for old in range(pages.first, first):
        ledger.delete(MailPage, str(old))
    ledger.put(MailPages(first=first, end=number + 1, count=pages.count + 1))


def _position_after(mail_id: str | None) -> int:
    return int(mail_id) + 1 if mail_id is not None else 0
