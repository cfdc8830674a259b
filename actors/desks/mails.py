"""What is mailed: a job without secrets, into the outbox or a sandbox storefront's own capture."""

from typing import Final

import msgspec

from doorward.actors.desks.merchant_keys import keyed
from doorward.actors.desks.origins import configured_origin
from doorward.actors.ledger import Ledger
from doorward.actors.locales import chosen
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.refusals import Deleted, NotFound
from doorward.actors.messages.sandbox import ClearMail, MailList, ReadMail
from doorward.actors.opening import opened
from doorward.actors.post.mail import Mail
from doorward.actors.records.mail import Letter, MailJob, MailPage, MailPages, SignInLetter
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
    letter = SignInLetter(
        landing=f"/s/{turn.slug}/account/link",
        challenge_id=challenge.id,
        key_id=challenge.key_id,
        has_code=challenge.has_code,
        has_link=challenge.has_link,
    )
    expires_at_ms = challenge.expires_at_ms
    send(turn, storefront, letter, to=to, caller=caller, expires_at_ms=expires_at_ms)


def send(  # noqa: PLR0913 - a letter and what is written on its envelope
    turn: Turn,
    storefront: Storefront,
    letter: Letter,
    *,
    to: str,
    caller: Caller | None,
    expires_at_ms: int,
) -> None:
    """Stage a mail.

    Args:
        turn: The turn whose commit makes true what it says.
        storefront: Whom it is from.
        letter: What is particular to it.
        to: The canonical address.
        caller: Whom it answers, for the language; None when nobody at a browser asked for it.
        expires_at_ms: From when on sending it is pointless, in the turn's time.
    """
    job = MailJob(
        id=turn.random(_ID_BYTES).hex(),
        slug=turn.slug,
        life=storefront.life(turn.slug),
        to=to,
        display_name=storefront.display_name,
        accent=storefront.branding.accent,
        origin=configured_origin(turn, storefront, caller) or turn.place.fallback_origin,
        locale=chosen(storefront.locale, caller.locale if caller is not None else None),
        sent_at_ms=turn.now_ms,
        expires_at_ms=expires_at_ms,
        letter=letter,
    )
    if storefront.sandbox:
        _capture(turn.ledger, job)
    else:
        turn.ledger.mail(job)


@keyed(None)
def read_mail(turn: Turn, storefront: Storefront, message: ReadMail) -> Outcome:
    """Read a sandbox storefront's captured mail, oldest first."""
    if not storefront.sandbox:
        return NotFound()
    pages = turn.ledger.get(MailPages) or MailPages()
    start = _position_after(message.after)
    found: list[Mail] = []
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


@keyed(None)
def clear_mail(turn: Turn, storefront: Storefront, _message: ClearMail) -> Outcome:
    """Forget a sandbox storefront's captured mail; ids go on where they were."""
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
