import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import pytest

from tests.http.store_server import StoreServer


@pytest.fixture
def common_store() -> Iterator[StoreServer]:
    """A Redis that several servers are told to use."""
    # Not in pytest's own folder: a socket's path may have 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="dw-process-"))
    server = StoreServer(folder)
    yield server
    server.kill()
    rmtree(folder)
