"""A Redis of the test's own: started, frozen, killed and started again on the same files."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Final

from doorward.actors.redis_program import child_environment, find_program

_READY: Final = b"eady to accept connections"
_SOCKET: Final = "s"


class StoreServer:
    """One Redis that persists as an operator's would, on a unix socket in ``folder``."""

    def __init__(self, folder: Path) -> None:
        """Start it; ``folder`` must have a short path, for the socket's sake."""
        self.folder = folder
        self.socket = folder / _SOCKET
        self._program = find_program()
        self.start()

    def start(self) -> None:
        """Start it on whatever files there are, and return when it answers."""
        command = [
            *(str(self._program.path), "--port", "0", "--unixsocket", str(self.socket)),
            *("--dir", str(self.folder), "--save", "", "--appendonly", "yes"),
            *("--appendfsync", "always", "--daemonize", "no", "--logfile", ""),
        ]
        self._process = subprocess.Popen(
            command, env=child_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        output = self._process.stdout
        assert output is not None
        assert any(_READY in line for line in output), "the server ended before it answered"

    def freeze(self) -> None:
        """Stop it from answering anything while its connections stay open."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut would; safe to repeat."""
        self._process.kill()
        self._process.communicate(timeout=20)

    def append_only_bytes(self) -> bytes:
        """Return everything that lies on its disk."""
        files = (path for path in sorted(self.folder.rglob("*")) if path.is_file())
        return b"".join(path.read_bytes() for path in files)
