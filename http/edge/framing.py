"""Where each message on a connection ends: aiohttp's parser, fed so that it cannot be misled.

Two faults of aiohttp's C parser (3.14.5) are mended here without touching it:

* A chunked message's last trailer becomes a header field of the next message (``chunks``).
* Its count of waiting messages drifts when a body completes after its handling began; it then stops
  one message early, the protocol does not notice, and a pipelining connection hangs.

So the parser gets no limit of its own: long input is fed in slices until enough messages wait. And
what follows a head that announces chunks goes through a ``ChunkSieve``.

How the end of such a head is found. ``chunked`` is looked for in what arrives, and input is cut at
the first empty line after that word. Heads end at their first empty line (the parser takes CRLF
only), so if the piece that ends there made the parser announce a chunked message, its head ended
just there and chunks begin. A chunked message announced anywhere else (``CHUNKED``, which nobody
writes) is refused like one that cannot be parsed.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from aiohttp import HttpVersion11, StreamReader, web
from aiohttp.http import HttpProcessingError, RawRequestMessage
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.web_protocol import MAX_MSG_QUEUE_SIZE

from doorward.http.edge.ambiguity import is_ambiguous
from doorward.http.edge.chunks import BadChunk, ChunkSieve

Message = tuple[RawRequestMessage, StreamReader]
Parsed = tuple[Sequence[Message], bool, bytes]

# The shortest request has 26 bytes and takes about 3 kB once parsed: one slice makes 1 MB at most.
_SLICE_BYTES: Final = 8192
# Where aiohttp's protocol stops reading, to ask again once it has worked half of them off. To stop
# earlier than it does would leave input lying here, and nobody would ask.
_WAITING_MAX: Final = MAX_MSG_QUEUE_SIZE
_WORD: Final = b"chunked"
_INSIDE_WORD: Final = frozenset(_WORD[1:])
_HEAD_END: Final = b"\r\n\r\n"
_NOTHING: Final[Parsed] = ((), False, b"")


class Parser(Protocol):
    """What is asked of aiohttp's parser."""

    def feed_data(self, incoming_data: bytes) -> Any:  # noqa: ANN401 - aiohttp does not type it
        """Parse the next bytes: messages whose heads are complete, whether upgraded, the rest."""

    def message_consumed(self) -> None:
        """Hear that a message is being handled."""

    def set_upgraded(self, val: bool) -> None:  # noqa: FBT001 - aiohttp's
        """Hear whether an upgrade was taken."""


class Owner(Protocol):
    """What is asked of the connection."""

    def waiting(self) -> int:
        """Count the messages that are parsed but not handled."""

    def newest_body(self) -> StreamReader | None:
        """Tell the body of the newest message, if there was one."""

    def note_upgrade(self) -> None:
        """Hear that a message asks for another protocol."""

    def note_break(self) -> None:
        """Hear that nothing more will be parsed: a body that is not complete never will be."""


def spoil(body: StreamReader) -> None:
    """Let whoever reads a body that broke off hear of it, now or later."""
    if not body.is_eof():
        body.set_exception(web.RequestPayloadError("the framing is wrong"))
        body.feed_eof()


class FramedParser:
    """Stands between aiohttp's protocol and its parser; one per connection."""

    __slots__ = (
        "_announced",
        "_at",
        "_broken",
        "_calm",
        "_halted",
        "_head_ends",
        "_owner",
        "_parser",
        "_rest",
        "_seeking",
        "_sieve",
        "_sifted",
        "message_consumed",
        "set_upgraded",
    )

    def __init__(self, parser: Parser, owner: Owner) -> None:
        """Wrap ``parser``, which must have no limit on waiting messages."""
        self._parser = parser
        self._owner = owner
        self._calm = True  # nothing below is under way
        self._broken = False
        self._rest, self._at = b"", 0  # what is not fed yet, and from where on
        self._halted = False  # the reader of the newest body is behind
        # The last bytes fed since the word, while its head lasts.
        self._seeking: bytes | None = None
        self._head_ends = False  # the last piece ended with the empty line after the word
        self._announced: Message | None = None  # the newest message of the last piece
        self._sieve: ChunkSieve | None = None
        self._sifted: StreamReader | None = None  # the body that goes through the sieve
        self.message_consumed: Callable[[], None] = parser.message_consumed
        self.set_upgraded: Callable[[bool], None] = parser.set_upgraded

    def pause_reading(self) -> None:
        """Feed no more: the reader of a body is behind.

        The parser itself is not told. It would keep what it was given at a place that cannot be
        seen from here; so it always takes a whole piece, and the buffer overflows by one at most.
        """
        self._halted = True

    def feed_data(self, data: bytes) -> Parsed:
        """Parse the next bytes of the connection; none asks to go on where it stopped.

        Returns:
            The messages whose heads are complete, whether the last of them asks for another
            protocol, and in that case what follows it.

        Raises:
            HttpProcessingError: When the framing is wrong. Nothing is parsed any more after it,
                and whoever reads the body that broke off hears of it.
        """
        try:
            if not self._calm:
                return self._feed_carefully(data)
            if not data:
                return _NOTHING
            if len(data) > _SLICE_BYTES or _WORD in data or data[0] in _INSIDE_WORD:
                return self._feed_carefully(data)
            parsed: Parsed = self._parser.feed_data(data)
            for message, _ in parsed[0]:
                target = message.path
                if (
                    message.version is not HttpVersion11
                    or message.chunked
                    or message.upgrade
                    or target[:1] != "/"
                    or "#" in target
                ):
                    self._judge(message)
        except HttpProcessingError:
            self._break_off()
            raise
        return parsed

    def _feed_carefully(self, data: bytes) -> Parsed:
        if self._broken:
            return _NOTHING
        self._take(data)
        messages: list[Message] = []
        while self._may_go_on(messages):
            parsed, upgraded, tail = self._parser.feed_data(self._next_piece())
            for message, _ in parsed:
                self._judge(message)
            if parsed:
                messages += parsed
                self._announced = parsed[-1]
            if upgraded:
                return messages, True, tail + self._forget()
            self._end_piece()
        self._calm = not self._rest and self._sieve is None and self._seeking is None
        return messages, False, b""

    def _judge(self, message: RawRequestMessage) -> None:
        # Chunks whose head was not found beforehand: where they end would not be known.
        if is_ambiguous(message) or (message.chunked and not self._head_ends):
            raise BadHttpMessage("this request could be understood in two ways")
        if message.upgrade:
            self._owner.note_upgrade()

    def _take(self, data: bytes) -> None:
        # The word may have begun in what was fed before.
        calm = not self._rest and self._sieve is None and self._seeking is None
        if calm and data and data[0] in _INSIDE_WORD:
            self._seeking = b""
        self._rest, self._at = self._rest[self._at :] + data, 0
        self._halted = False

    def _may_go_on(self, found: list[Message]) -> bool:
        if not self._rest or self._owner.waiting() + len(found) >= _WAITING_MAX:
            return False
        if not self._halted:
            return True
        # Once a body is complete its reader asks no more: nobody would, if this stopped here.
        body = found[-1][1] if found else self._owner.newest_body()
        return body is None or body.is_eof()

    def _next_piece(self) -> bytes:
        self._announced = None
        data, start = self._rest, self._at
        if self._sieve is not None:
            given = data[start : start + _SLICE_BYTES]
            piece, follows = self._sift(self._sieve, given)
            end = start + len(given) - len(follows)
        else:
            end = self._cut(data, start)
            piece = data[start:end]
        self._rest, self._at = (data, end) if end < len(data) else (b"", 0)
        return piece

    def _sift(self, sieve: ChunkSieve, data: bytes) -> tuple[bytes, bytes]:
        try:
            return sieve.sift(data)
        except BadChunk as error:
            raise BadHttpMessage(str(error)) from None

    def _cut(self, data: bytes, start: int) -> int:
        """Tell where the next piece ends: after a slice, after the word, or with its head."""
        if self._seeking is None:
            found = data.find(_WORD, start, start + _SLICE_BYTES + len(_WORD))
            if found < 0:
                return min(start + _SLICE_BYTES, len(data))
            self._seeking = b""
            return found + len(_WORD)
        fed = self._seeking
        end = min(start + _SLICE_BYTES, len(data))
        found = (fed + data[start:end]).find(_HEAD_END)
        if found < 0:
            self._seeking = (fed + data[start:end])[1 - len(_HEAD_END) :]
            return end
        self._seeking = None
        self._head_ends = True
        return start + found + len(_HEAD_END) - len(fed)

    def _end_piece(self) -> None:
        if self._sieve is not None:
            if self._sieve.ended:
                self._leave_chunks()
        elif self._head_ends:
            self._head_ends = False
            if self._announced is not None and self._announced[0].chunked:
                self._sieve, self._sifted = ChunkSieve(), self._announced[1]

    def _leave_chunks(self) -> None:
        if self._sifted is None or not self._sifted.is_eof():
            raise BadHttpMessage("sieve and parser disagree about where a body ends")
        self._sieve = self._sifted = None

    def _forget(self) -> bytes:
        """Hand back what is not fed: another protocol may follow, or this one begin anew."""
        rest = self._rest[self._at :]
        self._rest, self._at = b"", 0
        self._seeking, self._sieve, self._sifted = None, None, None
        self._head_ends, self._calm = False, True
        return rest

    def _break_off(self) -> None:
        self._broken, self._calm = True, False
        self._rest, self._at = b"", 0
        body = self._owner.newest_body()
        if body is not None:
            spoil(body)
        self._owner.note_break()
