"""The frames of the four picture formats, walked without decoding a pixel.

Each walk takes the whole file and tells its ``Shape``; it raises ``Malformed`` (or ``IndexError``,
at an end that comes too early) where the file breaks the format.

Sources: PNG, W3C Recommendation 2025 §5; JPEG, ITU-T T.81 annex B; GIF, GIF89a specification;
WebP, RFC 9649.
"""

import re
import zlib
from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_END, _SCAN = 0xD9, 0xDA
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD8), _END})
_FRAME_HEADERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_END, _SCAN = 0xD9, 0xDA
_LENGTH_BYTES: Final = 2
_FILLED_MARKER: Final = re.compile(rb"\xff+([^\xff])", re.DOTALL)
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7]")
# Some ten are usual. A scan of few bytes makes a decoder go over all the pixels once more.
_SCANS_MAX: Final = 64
_CHUNKS_MAX: Final = 20_000
_GIF_EXTENSION, _GIF_FRAME, _GIF_TRAILER = b"!,;"
_KIND_BYTES: Final = 4
_LOSSLESS_MARK: Final = 0x2F
_Order = Literal["big", "little"]


class Malformed(Exception):
    """The bytes break the format."""


class Shape(NamedTuple):
    """What a walk finds: the canvas in pixels, its frames, and where the picture ends."""

    width: int
    height: int
    frames: int
    size_bytes: int


class Form(NamedTuple):
    """A format: how it is walked, and what Pillow calls it."""

    walk: Callable[[bytes], Shape]
    decoder: str


def walk_png(raw: bytes) -> Shape:
    """Walk the chunks of a PNG; each must have its checksum, and ``IEND`` must end the file."""
    if not raw.startswith(_PNG):
        raise Malformed
    at, width, height, frames, has_pixels = len(_PNG), 0, 0, 1, False
    for _ in range(_CHUNKS_MAX):
        length, kind = int.from_bytes(raw[at : at + 4]), raw[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(raw) or zlib.crc32(raw[at + 4 : end - 4]) != int.from_bytes(
            raw[end - 4 : end]
        ):
            raise Malformed
        if (at == len(_PNG)) != (kind == b"IHDR"):
            raise Malformed
        if kind == b"IHDR":
            width, height = _pair(raw, at + 8, 4, "big")
        elif kind == b"acTL":
            frames = int.from_bytes(raw[at + 8 : at + 12])
        has_pixels = has_pixels or kind == b"IDAT"
        at = end
        if kind == b"IEND" and has_pixels:
            return _sound(width, height, max(frames, 1), _end(raw, at))
    raise Malformed


def walk_jpeg(raw: bytes) -> Shape:
    """Walk the segments of a JPEG up to its end marker."""
    if not raw.startswith(b"\xff\xd8\xff"):
        raise Malformed
    width, height, scans, end = 0, 0, 0, 0
    for marker, start, end in _jpeg_segments(raw):  # noqa: B007 - the last one's end is asked for
        scans += marker == _SCAN
        if marker in _FRAME_HEADERS:
            if width:
                raise Malformed
            height, width = _pair(raw, start + 3, 2, "big")
    if not 1 <= scans <= _SCANS_MAX:
        raise Malformed
    return _sound(width, height, 1, _jpeg_end(raw, end))


def _jpeg_segments(raw: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield each marker with where its segment starts and ends; the end marker is the last."""
    at = 2
    while True:
        found = _FILLED_MARKER.match(raw, at)
        if found is None:
            raise Malformed
        marker, start = found[1][0], found.end()
        at = start
        if marker not in _STANDALONE:
            at += _length(raw, start)
            at = _after_scan(raw, at) if marker == _SCAN else at
        yield marker, start, at
        if marker == _END:
            return


def _length(raw: bytes, at: int) -> int:
    length = int.from_bytes(raw[at : at + 2])
    if length < _LENGTH_BYTES or at + length > len(raw):
        raise Malformed
    return length


def walk_gif(raw: bytes) -> Shape:
    """Walk the blocks of a GIF up to its trailer."""
    if raw[:6] not in {b"GIF87a", b"GIF89a"}:
        raise Malformed
    width, height = _pair(raw, 6, 2, "little")
    at, frames = 13 + _colour_table(raw[10]), 0
    while raw[at] != _GIF_TRAILER:
        if raw[at] == _GIF_EXTENSION:
            at = _after_blocks(raw, at + 2)
        elif raw[at] == _GIF_FRAME:
            frames += 1
            left, top = _pair(raw, at + 1, 2, "little")
            across, down = _pair(raw, at + 5, 2, "little")
            # A decoder grows its canvas to a frame that reaches beyond it.
            if left + across > width or top + down > height:
                raise Malformed
            at = _after_blocks(raw, at + 10 + _colour_table(raw[at + 9]) + 1)
        else:
            raise Malformed
    return _sound(width, height, frames, _end(raw, at + 1))


def walk_webp(raw: bytes) -> Shape:
    """Walk the chunks of a WebP; its header must count them to the byte."""
    if raw[:4] != b"RIFF" or raw[8:12] != b"WEBP":
        raise Malformed
    end = int.from_bytes(raw[4:8], "little") + 8
    if end > len(raw):
        raise Malformed
    at, size, frames = 12, (0, 0), 0
    while at < end:
        kind, length = raw[at : at + 4], int.from_bytes(raw[at + 4 : at + 8], "little")
        after = at + 8 + length + length % 2
        if len(kind) < _KIND_BYTES or after > end:
            raise Malformed
        if kind in _WEBP_SIZES:
            # The first chunk speaks for the whole; what comes inside a canvas may not be larger.
            size = size if size[0] else _WEBP_SIZES[kind](raw, at + 8)
        frames += kind in {b"VP8 ", b"VP8L", b"ANMF"}
        at = after
    return _sound(*size, frames, _end(raw, end))


def _vp8(raw: bytes, at: int) -> tuple[int, int]:
    if raw[at + 3 : at + 6] != b"\x9d\x01\x2a":
        raise Malformed
    width, height = _pair(raw, at + 6, 2, "little")
    return width & 0x3FFF, height & 0x3FFF


def _vp8l(raw: bytes, at: int) -> tuple[int, int]:
    if raw[at] != _LOSSLESS_MARK:
        raise Malformed
    bits = int.from_bytes(raw[at + 1 : at + 5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _vp8x(raw: bytes, at: int) -> tuple[int, int]:
    width, height = _pair(raw, at + 4, 3, "little")
    return width + 1, height + 1


_WEBP_SIZES: Final = {b"VP8 ": _vp8, b"VP8L": _vp8l, b"VP8X": _vp8x}


def _pair(raw: bytes, at: int, each: int, order: _Order) -> tuple[int, int]:
    if at + 2 * each > len(raw):
        raise Malformed
    first, second = raw[at : at + each], raw[at + each : at + 2 * each]
    return int.from_bytes(first, order), int.from_bytes(second, order)


def _after_scan(raw: bytes, at: int) -> int:
    """Find the next marker behind entropy-coded data; stuffed and restart bytes are part of it."""
    found = _MARKER.search(raw, at)
    if found is None:
        raise Malformed
    return found.start()


def _colour_table(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(raw: bytes, at: int) -> int:
    while raw[at]:
        at += raw[at] + 1
    return at + 1


def _sound(width: int, height: int, frames: int, size_bytes: int) -> Shape:
    if not (width and height and frames):
        raise Malformed
    return Shape(width, height, frames, size_bytes)


def _end(raw: bytes, at: int) -> int:
    """Tell where the picture ends; only zeros may follow, and they are no part of it."""
    if raw[at:].strip(b"\0"):
        raise Malformed
    return at


def _jpeg_end(raw: bytes, at: int) -> int:
    """Tell where the picture ends; cameras put films and further pictures behind it.

    Those are known by how they begin or end (CIPA DC-007 multi-picture, ISO 14496-12 motion photos,
    Samsung's trailer); they are cut off, and anything else is refused.
    """
    behind = raw[at:]
    if behind.startswith(b"\xff\xd8\xff") or behind[4:8] == b"ftyp" or behind.endswith(b"SEFT"):
        return at
    return _end(raw, at)


FORMS: Final = {
    "image/png": Form(walk_png, "PNG"),
    "image/jpeg": Form(walk_jpeg, "JPEG"),
    "image/gif": Form(walk_gif, "GIF"),
    "image/webp": Form(walk_webp, "WEBP"),
}
