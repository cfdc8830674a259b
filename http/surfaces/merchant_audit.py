"""The merchant surface's audit log: who changed what, and when (contract §5)."""

import re
from typing import Any, Final

from doorward.actors.messages.merchant_settings import AuditFound, ReadAudit
from doorward.actors.records.audit import AuditEntry
from doorward.http import timestamps
from doorward.http.calls import Call, Malformed
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler
from doorward.http.surfaces.merchant_keys import Holder, keyed, refused, standing_of
from doorward.http.surfaces.operator import limit_of

PREFIX: Final = "/api/v1/merchant/audit"
PAGE: Final = 20
PAGE_MAX: Final = 100
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)


async def read_audit(call: Call, holder: Holder) -> Reply | Failure:
    """Read the audit log, newest first."""
    message = ReadAudit(
        key_digest=holder.key_digest,
        before=_cursor(call),
        limit=limit_of(call, usual=PAGE, at_most=PAGE_MAX),
    )
    outcome = await holder.ask(message)
    if not isinstance(outcome, AuditFound):
        return refused(outcome)
    cursor = None if outcome.before is None else str(outcome.before)
    page = {"items": [_entry(entry) for entry in outcome.items], "nextCursor": cursor}
    return Reply(200, page, standing_of(outcome))


def _cursor(call: Call) -> int | None:
    cursor = call.query("cursor")
    if cursor is None:
        return None
    if _NUMBER.fullmatch(cursor) is None:
        raise Malformed("cursor", "must be the cursor of an earlier answer")
    return int(cursor)


def _entry(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": str(entry.number),
        "at": timestamps.iso(entry.at_ms),
        "who": entry.who,
        "what": entry.what,
        "subject": entry.subject,
    }


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (("GET", PREFIX, keyed(read_audit)),)
