"""Lines that were not taken: put aside as they were, with the reasons in a file beside them."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from doorward.http.cli.failures import Failed
from doorward.http.cli.import_state import ANEW


def _privately(path: str, flags: int) -> int:
    """Open a file that only its owner may read: it holds buyers' names and addresses."""
    return os.open(path, flags, 0o600)


class RejectedLines:
    """``FILE.rejected`` and ``FILE.rejected.reasons``; made when the first line comes."""

    def __init__(self, path: Path, *, lines_bytes: int, reasons_bytes: int) -> None:
        """Go on after so many bytes of each; without any begin anew.

        Raises:
            Failed: They do not hold as much any more.
            OSError: The disk refuses, or one is gone.
        """
        self.path = path
        self.reasons_path = path.with_name(f"{path.name}.reasons")
        self._files: tuple[BinaryIO, BinaryIO] | None = None
        self._stack = ExitStack()
        if lines_bytes:
            self._files = self._open("r+b")
            for file, size in zip(self._files, (lines_bytes, reasons_bytes), strict=True):
                if file.seek(0, os.SEEK_END) < size:
                    self._stack.close()
                    raise Failed(f"{file.name} was cut meanwhile: {ANEW}")
                file.truncate(size)
                file.seek(size)
        else:
            self.path.unlink(missing_ok=True)
            self.reasons_path.unlink(missing_ok=True)

    @property
    def sizes(self) -> tuple[int, int]:
        """How many bytes of lines and of reasons there are."""
        if self._files is None:
            return 0, 0
        return self._files[0].tell(), self._files[1].tell()

    def add(self, line: bytes, *, number: int, name: str, rule: str) -> None:
        """Put a line aside.

        Raises:
            OSError: The disk refuses.
        """
        if self._files is None:
            self._files = self._open("wb")
        lines, reasons = self._files
        lines.write(line if line.endswith(b"\n") else line + b"\n")
        reason = {"line": number, "name": name, "rule": rule}
        reasons.write(msgspec.json.encode(reason) + b"\n")

    def flush(self) -> None:
        """Hand everything to the system."""
        for file in self._files or ():
            file.flush()

    def _open(self, mode: str) -> tuple[BinaryIO, BinaryIO]:
        lines, reasons = (
            self._stack.enter_context(open(path, mode, opener=_privately))  # noqa: SIM115 - the stack does
            for path in (self.path, self.reasons_path)
        )
        return lines, reasons  # type: ignore[return-value] # binary modes only

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()
