"""Owner ids that say which process they are of, so that another one can prove it dead.

The lease of a dead owner need not be waited for; but only if it is dead for certain. A name that
nobody answers to proves nothing: its bearer may be frozen, or cut off. On the same machine there is
proof: a process is told apart from all others for good by the machine's boot, the namespace of its
process number, that number, and when it was started. When no such process is left, its owner is
gone. On another machine nothing is concluded.

A process that was killed and not yet waited for (a zombie) runs no more and counts as gone.
"""

import os
import re
import secrets
from collections.abc import Collection
from hashlib import blake2b
from pathlib import Path
from typing import Final

_RANDOM_BYTES: Final = 8
_STARTED_AT: Final = 19
"""Where ``/proc/<pid>/stat`` says when, counted from after the name (proc(5), fields 3 and 22)."""
_ENDED: Final = frozenset({"Z", "X", "x"})
_OWNER: Final = re.compile(r"[0-9a-f]+\.([0-9a-f]+)\.([0-9]{1,7})\.([0-9]{1,20})")
_NAMESPACES: Final = ("pid", "time")
"""What process numbers, and the times of starts, are relative to (namespaces(7))."""


def new_owner() -> str:
    """Make an id for a host of this process, never used twice. Blocks on ``/proc``.

    Returns:
        ``<random>.<machine>.<pid>.<start>``; the random part alone where the system cannot tell
        the rest, and then nobody can prove the owner dead.
    """
    name, here = secrets.token_hex(_RANDOM_BYTES), _machine()
    return f"{name}.{here}.{os.getpid()}.{_started(os.getpid())}" if here else name


def gone(owners: Collection[str]) -> frozenset[str]:
    """Tell which owners are certainly dead. Blocks on ``/proc``."""
    here = _machine()
    return frozenset(owner for owner in owners if here and _is_gone(owner, here))


def _is_gone(owner: str, here: str) -> bool:
    parts = _OWNER.fullmatch(owner)
    if parts is None or parts[1] != here:
        return False
    try:
        return _started(int(parts[2])) != parts[3]
    except OSError:
        return False


def _machine() -> str:
    """Name the boot of this machine and our namespaces; empty when unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii")
        if int(Path("/proc/self").readlink().name) != os.getpid():
            return ""  # it tells of another namespace's processes
        links = [Path(f"/proc/self/ns/{kind}") for kind in _NAMESPACES]
        spaces = [str(link.readlink()) for link in links if link.is_symlink()]
    except OSError:
        return ""
    return blake2b("/".join([boot.strip(), *spaces]).encode(), digest_size=6).hexdigest()


def _started(pid: int) -> str | None:
    """Tell when a process was started, in ticks since the boot; None when it runs no more.

    Raises:
        OSError: When that cannot be told.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except ProcessLookupError:
        return None
    except FileNotFoundError:
        if _is_there(pid):
            raise  # and not shown to us (``hidepid``, proc(5))
        return None
    # The name, in parentheses, may hold anything; after the last of them come plain fields.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in _ENDED else fields[_STARTED_AT]


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True
