"""Many orders in one call, a line of JSON each: each is taken or refused on its own (ours).

``application/x-ndjson`` in, what became of it out. The lines of one call are decided in one turn;
whoever has more sends more calls.
"""

from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import hdrs

from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant import OrderDocument, OrdersPut, PutOrders
from doorward.http.calls import Call, Malformed, fault_of
from doorward.http.edge import bodies, json_body
from doorward.http.edge.refusals import BadBody, UnsupportedMediaType
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler
from doorward.http.surfaces.merchant import PREFIX
from doorward.http.surfaces.merchant_keys import Holder, keyed, refused, standing_of

LINES_MAX: Final = 64
BYTES_MAX: Final = 1 << 20
_TYPES: Final = frozenset({"application/x-ndjson", "application/jsonl"})
_THE_BODY: Final = "The body "


class Line(NamedTuple):
    """An order as it stands in the body; lines are numbered from 1, empty ones too."""

    number: int
    document: OrderDocument


class BadLine(NamedTuple):
    """A line that is not taken: where, which member (``line`` for the whole of it), and why."""

    number: int
    name: str
    rule: str


async def put_orders(call: Call, holder: Holder) -> Reply | Failure:
    """Create or replace many orders."""
    lines, bad = await lines_of(call)
    outcome = await holder.ask(message_of(call, lines, key_digest=holder.key_digest))
    return report(outcome, lines, bad)


async def lines_of(call: Call) -> tuple[list[Line], list[BadLine]]:
    """Read the body's lines, and tell those that are no order at all.

    Raises:
        EdgeError: The body as a whole cannot be taken: its type, its size, its framing.
        Malformed: It has more than 64 lines that are not empty.
    """
    headers = call.request.headers
    media_type = headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
    if hdrs.CONTENT_ENCODING in headers or media_type not in _TYPES:
        raise UnsupportedMediaType("The body must be application/x-ndjson")
    raw = await bodies.collect(call.request, bytes_max=BYTES_MAX)
    lines: list[Line] = []
    bad: list[BadLine] = []
    for number, text in enumerate(raw.split(b"\n"), 1):
        if not text or text.isspace():
            continue
        if len(lines) + len(bad) >= LINES_MAX:
            raise Malformed("", f"must have at most {LINES_MAX} lines")
        read = _read(number, text)
        if isinstance(read, Line):
            lines.append(read)
        else:
            bad.append(read)
    return lines, bad


def message_of(call: Call, lines: list[Line], *, key_digest: str | None) -> PutOrders:
    """Make the message; nobody is mailed unless the query says ``mail=true``.

    Raises:
        Malformed: ``mail`` is neither ``true`` nor ``false``.
    """
    mail = call.query("mail")
    if mail not in {None, "true", "false"}:
        raise Malformed("mail", "must be true or false")
    documents = tuple(line.document for line in lines)
    return PutOrders(key_digest=key_digest, documents=documents, quiet=mail != "true")


def report(outcome: Outcome, lines: list[Line], bad: list[BadLine]) -> Reply | Failure:
    """Say what became of the lines."""
    if not isinstance(outcome, OrdersPut):
        return refused(outcome)
    left = [
        BadLine(lines[refusal.place].number, refusal.name, refusal.rule)
        for refusal in outcome.refused
    ]
    counts = {
        "created": outcome.created,
        "changed": outcome.changed,
        "unchanged": outcome.unchanged,
    }
    told = counts | {"refused": [_view(line) for line in sorted(left + bad)]}
    return Reply(200, told, standing_of(outcome))


def _read(number: int, text: bytes) -> Line | BadLine:
    if len(text) > json_body.BYTES_MAX:
        return BadLine(number, "line", f"must be at most {json_body.BYTES_MAX} bytes")
    try:
        members = json_body.decode(text)
        return Line(number, msgspec.convert(members, OrderDocument, strict=True))
    except BadBody as error:
        return BadLine(number, "line", error.reason.removeprefix(_THE_BODY))
    except msgspec.ValidationError as error:
        return BadLine(number, *fault_of(error))


def _view(line: BadLine) -> dict[str, Any]:
    return {"line": line.number, "name": line.name, "rule": line.rule}


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (("POST", PREFIX, keyed(put_orders)),)
