"""A program that keeps Ray nodes on this machine, each with an environment of its own.

It is told what to do in lines of JSON (see ``programs``) and leaves no process behind: whatever its
nodes started is ended with it, frozen or not, also when whoever told it is gone.
"""

import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, Final

from ray.cluster_utils import Cluster

from tests.cluster.programs import answer_lines
from tests.process.servers import parents

_PR_SET_CHILD_SUBREAPER: Final = 36
_STORE_BYTES: Final = 80_000_000
_LOOK_SECONDS: Final = 0.01


class Nodes:
    """Ray nodes, by numbers."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._cluster: Any = Cluster(shutdown_at_exit=False)
        self._nodes: dict[int, Any] = {}
        self._port = _free_port()

    def add(self, cpus: int, environ: dict[str, str]) -> dict[str, Any]:
        """Start a node; the first one is the head, and the next after the head was killed."""
        words: dict[str, Any] = {
            "num_cpus": cpus,
            "object_store_memory": _STORE_BYTES,
            "include_dashboard": False,
            "include_log_monitor": False,
            "no_monitor": True,
            "node_ip_address": "127.0.0.1",
            "env_vars": environ,
        }
        if self._cluster.head_node is None:
            # Where the last one was, as when an operator starts it again.
            words |= {"temp_dir": self._folder, "gcs_server_port": self._port}
        number = len(self._nodes) + 1
        self._nodes[number] = self._cluster.add_node(**words)
        return {
            "number": number,
            "id": self._nodes[number].node_id,
            "address": self._cluster.address,
        }

    def kill(self, number: int) -> None:
        """End a node and all that runs there, as a power cut would."""
        node = self._nodes[number]
        (raylet,) = node.all_processes["raylet"]
        for pid in [raylet.process.pid, *descendants(raylet.process.pid)]:
            kill(pid)
        self._cluster.remove_node(node, allow_graceful=False)

    def named(self, title: str) -> list[int]:
        """List the processes whose title begins so."""
        return [pid for pid in descendants(os.getpid()) if title_of(pid).startswith(title)]


def descendants(ancestor: int) -> list[int]:
    """List every process that was started below one."""
    found = [ancestor]
    known = parents()
    for pid in found:
        found += [child for child, parent in known.items() if parent == pid]
    return found[1:]


def title_of(pid: int) -> str:
    """Tell what a process calls itself; nothing once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def kill(pid: int) -> None:
    """End a process, if there is one."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def end_all() -> None:
    """End everything that was started here, whatever it starts meanwhile."""
    while left := descendants(os.getpid()):
        for pid in left:
            kill(pid)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(_LOOK_SECONDS)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def main() -> None:
    # Whoever loses its parent becomes a child of this process, and is found at the end.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    nodes = Nodes(sys.argv[1])
    try:
        answer_lines({"add": nodes.add, "kill": nodes.kill, "named": nodes.named})
    finally:
        end_all()


if __name__ == "__main__":
    main()
