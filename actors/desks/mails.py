"""What is mailed: a job without secrets, into the outbox or a sandbox storefront's own capture.

A mail that answers a request is written in the requester's language, one that nobody asked for in
the language its receiver last signed in with; a storefront that has one of its own writes in that.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from doorward.actors import tokens
from doorward.actors.desks import landings
from doorward.actors.desks.merchant_keys import keyed
from doorward.actors.desks.origins import configured_origin
from doorward.actors.ledger import Ledger
from doorward.actors.locales import AUTO, chosen
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.refusals import Deleted, NotFound
from doorward.actors.messages.sandbox import ClearMail, MailList, ReadMail
from doorward.actors.opening import opened
from doorward.actors.post.mail import Mail
from doorward.actors.records.mail import Letter, MailJob, MailPage, MailPages, SignInLetter
from doorward.actors.records.sign_in import Challenge, Customer, Email
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import DAY_MS, Turn

PAGE_SIZE: Final = 50
KEPT_PAGES: Final = 100
"""5,000 captured mails, in pages small enough to be rewritten with every mail."""
PAGES_AT_ONCE: Final = 20
_ID_BYTES: Final = 8
NOWHERE: Final = "erased.invalid"
"""The domain of what stands in for the email of an erased person (RFC 2606: never a mailbox)."""


class Envelope(NamedTuple):
    """What is written on a letter's envelope.

    Attributes:
        to: The canonical address.
        expires_at_ms: From when on sending it is pointless, in the turn's time.
        origin: Where its link leads, if not below the storefront's configured origin.
        language: What its reader would like best (``locales``); the storefront's own goes first.
        not_before_ms: Until when it is held back, in the turn's time.
    """

    to: str
    expires_at_ms: int
    origin: str | None = None
    language: str = ""
    not_before_ms: int = 0


def send_sign_in(
    turn: Turn, storefront: Storefront, challenge: Challenge, *, to: str, caller: Caller
) -> None:
    """Stage the mail that carries a challenge; its link leads to the portal's landing page."""
    origin = _origin(turn, storefront, caller)
    envelope = Envelope(to, challenge.expires_at_ms, origin, caller.locale)
    send(turn, storefront, _sign_in(challenge, landings.portal_link(turn.slug)), envelope)


def send_account_sign_in(
    turn: Turn, storefront: Storefront, challenge: Challenge, *, to: str, caller: Caller
) -> None:
    """Stage the mail that carries a challenge; its link leads to the account's landing page.

    Where no host is the storefront's own, the portal's page stands in: it takes the same links.
    """
    origin, landing = landings.account_origin(turn, storefront, caller), landings.SIGN_IN
    if origin is None:
        origin, landing = _origin(turn, storefront, caller), landings.portal_link(turn.slug)
    envelope = Envelope(to, challenge.expires_at_ms, origin, caller.locale)
    send(turn, storefront, _sign_in(challenge, landing), envelope)


def send(turn: Turn, storefront: Storefront, letter: Letter, envelope: Envelope) -> None:
    """Stage a mail; the turn's commit makes true what it says. An erased person gets none."""
    if envelope.to.endswith(f"@{NOWHERE}"):
        return
    job = MailJob(
        id=turn.random(_ID_BYTES).hex(),
        slug=turn.slug,
        life=storefront.life(turn.slug),
        to=envelope.to,
        display_name=storefront.display_name,
        accent=storefront.branding.accent,
        origin=envelope.origin or _origin(turn, storefront),
        locale=chosen(storefront.locale, envelope.language),
        sent_at_ms=turn.now_ms,
        expires_at_ms=envelope.expires_at_ms,
        letter=letter,
        not_before_ms=envelope.not_before_ms,
    )
    if storefront.sandbox:
        _capture(turn.ledger, job)
    else:
        turn.ledger.mail(job)


def language_of(turn: Turn, storefront: Storefront, email: str) -> str:
    """Tell the language that a customer last signed in with; empty when it would not matter.

    Raises:
        Miss: When records are not in memory; for many emails use ``bring_languages`` first.
    """
    if storefront.locale != AUTO:
        return ""
    owner = turn.ledger.get(Email, tokens.email_id(email))
    if owner is None or owner.customer_id is None:
        return ""
    customer = turn.ledger.get(Customer, owner.customer_id)
    return customer.locale if customer is not None else ""


def bring_languages(turn: Turn, storefront: Storefront, emails: Iterable[str]) -> None:
    """Bring what ``language_of`` reads for many emails, in two round trips.

    Raises:
        Miss: Naming all that is not in memory.
    """
    if storefront.locale != AUTO:
        return
    names = [tokens.email_id(email) for email in emails]
    turn.ledger.need(*((Email, name) for name in names))
    owners = [turn.ledger.get(Email, name) for name in names]
    known = [owner.customer_id for owner in owners if owner is not None and owner.customer_id]
    turn.ledger.need(*((Customer, customer_id) for customer_id in known))


def _sign_in(challenge: Challenge, landing: str) -> SignInLetter:
    return SignInLetter(
        landing=landing,
        challenge_id=challenge.id,
        key_id=challenge.key_id,
        has_code=challenge.has_code,
        has_link=challenge.has_link,
    )


def _origin(turn: Turn, storefront: Storefront, caller: Caller | None = None) -> str:
    return configured_origin(turn, storefront, caller) or turn.place.fallback_origin


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
