"""Real Redis servers, one store of each kind for the whole run, for what must hold on real ones."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from doorward.actors.redis_program import child_environment, find_program
from tests.actors.redis_fleet import Cluster, Watched, cluster, watched

_READY = b"eady to accept connections"


@pytest.fixture(scope="session")
def redis_socket() -> Iterator[Path]:
    # Not in pytest's own folder: a socket's path may have 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="dw-redis-"))
    socket = folder / "s"
    command = [
        *(str(find_program().path), "--port", "0", "--unixsocket", str(socket)),
        *("--dir", str(folder), "--save", "", "--appendonly", "yes"),
        *("--appendfsync", "always", "--daemonize", "no", "--logfile", ""),
    ]
    with subprocess.Popen(
        command, env=child_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        assert any(_READY in line for line in server.stdout), "the server ended before it answered"
        yield socket
        server.terminate()
        server.communicate(timeout=20)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[Cluster]:
    with cluster() as made:
        yield made


@pytest.fixture(scope="session")
def redis_watched() -> Iterator[Watched]:
    with watched() as made:
        yield made
