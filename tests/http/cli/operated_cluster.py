"""A cluster that an operator's commands start and end: a Ray head, hosts, all of its own."""

import asyncio
import json
import os
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from doorward.actors.cluster.ray_head import Head, RayHead
from doorward.actors.tokens import base64url
from tests.http.cli.running_server import DOORWARD, surroundings
from tests.http.doors import MASTER_KEY, OPERATOR_KEY
from tests.process.servers import parents

SECONDS_MAX: Final = 150.0
_LISTENS: Final = "0A"
# 127.0.0.1, ::ffff:127.0.0.1 and ::1, as the kernel writes them (proc(5), /proc/net/tcp).
_LOOPBACK: Final = {
    "0100007F",
    "0000000000000000FFFF00000100007F",
    "00000000000000000000000001000000",
}


@dataclass(frozen=True)
class Ended:
    """What came of a command."""

    status: int
    out: str
    err: str


@dataclass
class Operated:
    """A place where ``doorward cluster`` is used; a command's first words are left out.

    Attributes:
        folder: The working folder; the data folder is in it.
        environ: Settings, and where Ray's token is.
        head: What the commands know of their Ray head.
    """

    folder: Path
    redis_url: str
    environ: dict[str, str] = field(init=False)
    head: RayHead = field(init=False)

    def __post_init__(self) -> None:
        self.head = RayHead(self.folder / "data")
        self.environ = {
            "DOORWARD_REDIS_URL": self.redis_url,
            "DOORWARD_DATA_DIR": str(self.folder / "data"),
            "DOORWARD_MASTER_KEY": base64url(MASTER_KEY),
            "DOORWARD_OPERATOR_KEY": OPERATOR_KEY,
            "DOORWARD_LEASE_SECONDS": "1",
            "DOORWARD_DEMO": "0",
            "RAY_AUTH_TOKEN_PATH": str(self.token),
        }

    @property
    def token(self) -> Path:
        return self.folder / "ray" / "token"

    async def running(self) -> Head | None:
        """Tell the head that runs, if one does."""
        return await asyncio.to_thread(self.head.running)

    async def started(self) -> Head:
        """Tell the head that runs."""
        running = await self.running()
        assert running is not None
        return running

    async def tell(self, *words: str, **environ: str) -> Ended:
        """Run a command to its end."""
        process = await asyncio.create_subprocess_exec(
            *(DOORWARD, "cluster", *words),
            cwd=self.folder,
            env=surroundings(self.environ | environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(SECONDS_MAX):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    async def do(self, *words: str) -> str:
        """Run a command that must succeed and complain of nothing; return what it said."""
        ended = await self.tell(*words)
        assert (ended.status, ended.err) == (0, ""), ended
        return ended.out

    async def status(self) -> Any:  # noqa: ANN401 - any JSON value
        return json.loads(await self.do("status", "--json"))


def processes_of(leader: int) -> list[int]:
    """List the processes that run in a session: all that a head ever started, itself included."""
    return [pid for pid in parents() if _session(pid) == leader]


def listens_elsewhere(leader: int) -> list[str]:
    """List where the processes of a session listen, other than on loopback."""
    sockets = {link for pid in processes_of(leader) for link in _open_files(pid)}
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == _LISTENS and f"socket:[{rest[5]}]" in sockets:
                found.append(local.partition(":")[0])
    assert found, "nobody listens at all"
    return [address for address in found if address not in _LOOPBACK]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _open_files(pid: int) -> list[str]:
    try:
        return [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []  # it ended meanwhile


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0
