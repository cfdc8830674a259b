"""Become the Redis server, tied to the life of the process that asked for it.

Not imported: ``redis_child`` runs this file with a bare interpreter, and it replaces itself by the
server (same pid). It exists because the tie must be made *in* the new process, after the fork and
before the server runs, and doing that in a ``preexec_fn`` means running Python between fork and
exec of a process with threads, which may deadlock. Only the standard library's smallest parts are
used: this start is part of the two seconds a killed Redis may be away.

Arguments: pid of the parent, descriptor of the home's lock, then the server's own command line.
"""

import ctypes
import os
import resource
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
"""Ask for a signal when the parent ends: prctl(2), linux/prctl.h."""


def follow_to_the_end(parent_pid: int) -> None:
    """Have the kernel end this process when its parent does; exit when that has happened already.

    The kernel watches the parent's *thread* that made this process: here the event loop's, whose
    end is the supervisor's end too. Systems other than Linux have no such tie; there, and for a
    server that hangs, the next start ends what still holds the lock.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
            sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent_pid:
        # The parent died between the fork and prctl: no signal will come any more.
        sys.exit("the parent process is gone")


def main(parent_pid: str, lock_fd: str, *command: str) -> None:
    """Write our pid into the lock file this process keeps open, and turn into the server."""
    follow_to_the_end(int(parent_pid))
    os.pwrite(int(lock_fd), b"%d\n" % os.getpid(), 0)
    # A core dump would hold every record in clear, outside the folder's protection.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    os.execv(command[0], command)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main(*sys.argv[1:])
