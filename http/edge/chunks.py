"""The chunked coding (RFC 9112 §7.1), sifted: what the parser may see, and where a message ends.

aiohttp's parser (3.14.5) keeps a message's last trailer field and puts it before the header fields
of the *next* message on the connection. Behind a proxy that shares connections, one client could so
give another a ``Cookie``. Trailers are therefore checked and left out before the parser sees them;
RFC 9110 §6.5.1 lets a recipient discard them, and nothing here has a use for one.

Stricter than the parser in every point, so that the two can never disagree about where a chunk
begins: what passes here means the same to both.
"""

import re
from typing import Final

# RFC 9112 §7.1.1: chunk-ext = *( ";" token [ "=" ( token / quoted-string ) ] ). Sixteen digits
# hold any length there can be; blanks (BWS) are bad form since RFC 7230 and not taken.
_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = rb'"(?:[\t !#-\[\]-~]|\\[\t -~])*"'
_SIZE_LINE: Final = re.compile(
    rb"([0-9A-Fa-f]{1,16})(?:;" + _TOKEN + rb"(?:=(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*"
)
_TRAILER_LINE: Final = re.compile(_TOKEN + rb":[\t -~\x80-\xff]*")
# Never a trailer: they say where a message ends or whom it is for (RFC 9110 §6.5.1).
_NEVER_TRAILING: Final = frozenset({b"content-length", b"host", b"transfer-encoding"})
# As long as aiohttp takes a header line to be.
_LINE_BYTES_MAX: Final = 8190
_TRAILER_BYTES_MAX: Final = 16 * 1024


class BadChunk(ValueError):
    """The body breaks the chunked coding; nothing after this point can be believed."""


class ChunkSieve:
    """Sifts one chunked body, in pieces of any size."""

    __slots__ = ("_line", "_pass", "_trailer_bytes", "_trailing", "ended")

    def __init__(self) -> None:
        self._line = b""  # the beginning of a line whose end has not come
        self._pass = 0  # bytes of the current chunk still to come, its CRLF included
        self._trailing = False
        self._trailer_bytes = 0
        self.ended = False

    def sift(self, data: bytes) -> tuple[bytes, bytes]:
        """Take the next bytes of the connection.

        Returns:
            What the parser may see, and what follows the message (empty while it lasts).

        Raises:
            BadChunk: When a size line or a trailer is malformed or too long.
        """
        kept: list[bytes] = []
        data, self._line, at = self._line + data, b"", 0
        while at < len(data) and not self.ended:
            if self._pass:
                chunk = data[at : at + self._pass]
                kept.append(chunk)
                self._pass -= len(chunk)
                at += len(chunk)
                continue
            end = data.find(b"\r\n", at)
            if (end if end >= 0 else len(data)) - at > _LINE_BYTES_MAX:
                raise BadChunk("a line is too long")
            if end < 0:
                self._line, at = data[at:], len(data)
                break
            line, at = data[at:end], end + len(b"\r\n")
            kept.append(self._trailer(line) if self._trailing else self._size(line))
        return b"".join(kept), data[at:]

    def _size(self, line: bytes) -> bytes:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise BadChunk("a chunk's size is malformed")
        size = int(match[1], 16)
        self._trailing = size == 0
        self._pass = size + len(b"\r\n") if size else 0
        return line + b"\r\n"

    def _trailer(self, line: bytes) -> bytes:
        if not line:
            self.ended = True
            return b"\r\n"
        self._trailer_bytes += len(line)
        name = line.partition(b":")[0].lower()
        if (
            not _TRAILER_LINE.fullmatch(line)
            or name in _NEVER_TRAILING
            or self._trailer_bytes > _TRAILER_BYTES_MAX
        ):
            raise BadChunk("a trailer is malformed")
        return b""
