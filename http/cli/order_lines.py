"""A file of orders, a line of JSON each, cut into batches that a server takes in one call."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

import msgspec

from doorward.http.cli.failures import Failed

BATCH_LINES: Final = 64
BATCH_BYTES: Final = 512 * 1024
"""The server takes 64 lines and 1 MiB in one call (``http.surfaces.merchant_bulk``)."""

LONGEST_BYTES: Final = 900 * 1024
"""A line that is longer is not even sent; an order may have 64 KiB."""

_HELD_BYTES: Final = 16 << 20
"""A line is held whole, so that it can be put aside; what is longer is no file of lines."""


class Batch(NamedTuple):
    """Some lines of the file, with where they begin and end.

    ``numbers`` are the order numbers in them, as far as they can be told.
    """

    first_line: int
    lines: tuple[bytes, ...]
    numbers: frozenset[str]
    end_bytes: int

    @property
    def is_too_long(self) -> bool:
        """Tell whether it is one line that no call can carry."""
        return len(self.lines[0]) > LONGEST_BYTES

    @property
    def filled(self) -> int:
        """Count the lines that hold anything."""
        return sum(not line.isspace() for line in self.lines)


class _Numbered(msgspec.Struct, rename="camel"):
    order_number: str = ""


_number_in: Final = msgspec.json.Decoder(_Numbered)


def batches(file: BinaryIO, *, from_bytes: int = 0, from_line: int = 1) -> Iterator[Batch]:
    """Cut a file into batches, as it is read.

    Args:
        file: Stands at ``from_bytes``.
        from_bytes: Where it stands, in bytes from the beginning.
        from_line: The number of the line there.

    Raises:
        Failed: A line is too long to be held.
        OSError: The file cannot be read.
    """
    lines: list[bytes] = []
    held = filled = 0
    for line in _lines(file, from_line, is_beginning=from_bytes == 0):
        # A line of its own size begins a batch of its own.
        if lines and (filled == BATCH_LINES or held + len(line) > BATCH_BYTES):
            from_bytes += held
            yield _batch(lines, from_line, from_bytes)
            from_line += len(lines)
            lines, held, filled = [], 0, 0
        lines.append(line)
        held += len(line)
        filled += not line.isspace()
    if lines:
        yield _batch(lines, from_line, from_bytes + held)


def _lines(file: BinaryIO, number: int, *, is_beginning: bool) -> Iterator[bytes]:
    while line := file.readline(_HELD_BYTES):
        if len(line) == _HELD_BYTES and not line.endswith(b"\n"):
            raise Failed(f"Line {number} is longer than 16 MiB: this is no file of lines.")
        if is_beginning and line.startswith(codecs.BOM_UTF8):
            # As some programs begin a text: blanks, so that the bytes still count.
            line = line.replace(codecs.BOM_UTF8, b"   ", 1)
        is_beginning = False
        yield line
        number += 1


def _batch(lines: list[bytes], first_line: int, end_bytes: int) -> Batch:
    numbers = frozenset(filter(None, map(_number, lines)))
    return Batch(first_line, tuple(lines), numbers, end_bytes)


def _number(line: bytes) -> str:
    try:
        return _number_in.decode(line).order_number
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # The server says what is wrong with it.
        return ""
