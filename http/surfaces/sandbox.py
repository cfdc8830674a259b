"""The merchant surface's sandbox calls: captured mail, a clock of one's own (contract §6)."""

from typing import Any, Final

import msgspec

from doorward.actors.emails import NotAnEmail, canonical
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import Deleted, NotFound
from doorward.actors.messages.sandbox import AdvanceClock, ClearMail, ClockNow, MailList, ReadMail
from doorward.actors.post.mail import Mail
from doorward.actors.post.rendering import render
from doorward.http import timestamps
from doorward.http.calls import Call, Malformed
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler
from doorward.http.surfaces.merchant_keys import Holder, keyed, refused
from doorward.http.surfaces.operator import limit_of

PREFIX: Final = "/api/v1/merchant/sandbox"
MAIL_PAGE: Final = 100
MAIL_PAGE_MAX: Final = 500
_YEARS_SECONDS: Final = 10 * 366 * 86_400


class ClockBody(msgspec.Struct, rename="camel"):
    """How far to move the clock."""

    advance_seconds: int


async def read_mail(call: Call, holder: Holder) -> Reply | Failure:
    """Read captured mail, oldest first."""
    limit = limit_of(call, usual=MAIL_PAGE, at_most=MAIL_PAGE_MAX)
    message = ReadMail(key_digest=holder.key_digest, to=_to(call), after=_after(call), limit=limit)
    outcome = await holder.ask(message)
    if isinstance(outcome, MailList):
        return Reply(200, {"items": [_item(mail) for mail in outcome.items]})
    return _refused(outcome)


async def clear_mail(_call: Call, holder: Holder) -> Reply | Failure:
    """Forget captured mail."""
    outcome = await holder.ask(ClearMail(key_digest=holder.key_digest))
    return Reply(204, None) if isinstance(outcome, Deleted) else _refused(outcome)


async def advance_clock(call: Call, holder: Holder) -> Reply | Failure:
    """Move the storefront's clock forward."""
    body = await call.body(ClockBody)
    if not 0 <= body.advance_seconds <= _YEARS_SECONDS:
        raise Malformed("advanceSeconds", "must be 0 or more, ten years in all at most")
    message = AdvanceClock(key_digest=holder.key_digest, advance_ms=body.advance_seconds * 1000)
    outcome = await holder.ask(message)
    if isinstance(outcome, ClockNow):
        return Reply(200, {"now": timestamps.iso(outcome.now_ms)})
    return _refused(outcome)


def _refused(outcome: Outcome) -> Failure:
    if isinstance(outcome, NotFound):
        return Failure(404, "NOT_FOUND", "Only sandbox storefronts have this.")
    return refused(outcome)


def _to(call: Call) -> str | None:
    to = call.query("to")
    try:
        return canonical(to) if to is not None else None
    except NotAnEmail:
        raise Malformed("to", "must be an email address") from None


def _after(call: Call) -> str | None:
    after = call.query("after")
    if after is not None and not (after.isascii() and after.isdigit() and len(after) <= 18):  # noqa: PLR2004 - fits 64 bits
        raise Malformed("after", "must be the id of a captured mail")
    return after


def _item(mail: Mail) -> dict[str, Any]:
    rendered = render(mail)
    return {
        "id": mail.id,
        "to": mail.to,
        "subject": rendered.subject,
        "text": rendered.text,
        "html": rendered.html,
        "code": mail.code,
        "links": [mail.link] if mail.link else [],
        "sentAt": timestamps.iso(mail.sent_at_ms),
    }


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", f"{PREFIX}/mail", keyed(read_mail)),
    ("DELETE", f"{PREFIX}/mail", keyed(clear_mail)),
    ("POST", f"{PREFIX}/clock", keyed(advance_clock)),
)
