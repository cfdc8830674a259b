"""How far an import has come, kept beside its file, so that the same command goes on from there.

Written after what it tells is done, never before: after a crash some lines are sent once more,
which changes nothing. Rejected lines are written before it, and cut back to what it tells when an
import goes on, so that none is there twice.
"""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from doorward.http.cli.failures import Failed

_HEAD_BYTES: Final = 64 * 1024
_VERSION: Final = 1


class Counts(msgspec.Struct, frozen=True):
    """What became of the lines so far."""

    lines: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0


class ErrandMark(msgspec.Struct, frozen=True):
    """What is imported where: an import goes on only with the very same."""

    origin: str
    storefront: str
    mail: bool
    size_bytes: int = 0
    modified_ns: int = 0
    head: str = ""
    rejected: str = ""


class State(msgspec.Struct, frozen=True):
    """How far an import has come: the next line, and where it and the rejected ones go on."""

    errand: ErrandMark
    next_line: int = 1
    offset_bytes: int = 0
    rejected_bytes: int = 0
    reasons_bytes: int = 0
    counts: Counts = Counts()
    version: int = _VERSION


def mark_of(
    file: BinaryIO, *, origin: str, storefront: str, mail: bool, rejected: Path
) -> ErrandMark:
    """Tell what is imported where; the file is known by size, time and how it begins.

    Raises:
        OSError: It cannot be read.
    """
    status = os.fstat(file.fileno())
    head = hashlib.sha256(file.read(_HEAD_BYTES)).hexdigest()
    file.seek(0)
    return ErrandMark(
        origin,
        storefront,
        mail,
        size_bytes=status.st_size,
        modified_ns=status.st_mtime_ns,
        head=head,
        rejected=str(rejected.absolute()),
    )


class StateFile:
    """``FILE.progress``."""

    def __init__(self, path: Path) -> None:
        """Name the file; it need not exist."""
        self.path = path

    def read(self, errand: ErrandMark) -> State:
        """Read how far this errand has come; its beginning where nothing is known.

        Raises:
            Failed: What is kept is of another errand, or no state at all.
            OSError: It cannot be read.
        """
        try:
            kept = msgspec.json.decode(self.path.read_bytes(), type=State)
        except FileNotFoundError:
            return State(errand)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Failed(f"{self.path} is not what an import left: {ANEW}") from None
        if kept.errand != errand or kept.version != _VERSION:
            raise Failed(f"{self.path} is of {_other(kept.errand, errand)}: {ANEW}")
        return kept

    def write(self, state: State) -> None:
        """Replace what is kept, in one step.

        Raises:
            OSError: The disk refuses.
        """
        # A power cut may lose the last of it, and costs no more than sending lines once more.
        fresh = self.path.with_name(f"{self.path.name}.new")
        fresh.write_bytes(msgspec.json.encode(state))
        fresh.replace(self.path)

    def remove(self) -> None:
        """Forget it."""
        self.path.unlink(missing_ok=True)


ANEW: Final = "--restart begins anew, which leaves what was taken as it is."


def _other(kept: ErrandMark, errand: ErrandMark) -> str:
    if kept.storefront != errand.storefront:
        return f"an import into storefront {kept.storefront}"
    if kept.origin != errand.origin:
        return f"an import into {kept.origin}"
    if kept.mail != errand.mail:
        return f"an import with{'' if kept.mail else 'out'} --mail"
    if kept.rejected != errand.rejected:
        return f"an import with --rejected {kept.rejected}"
    return "the file as it was before somebody changed it"
