import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from shutil import rmtree

import pytest
import pytest_asyncio

from tests.http.doors import Door, Setup, opened
from tests.http.shops import Shop, open_shop
from tests.http.store_server import StoreServer


@pytest.fixture(scope="session")
def store_of_all() -> Iterator[StoreServer]:
    # Not in pytest's own folder: a socket's path may have 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="dw-http-"))
    server = StoreServer(folder)
    yield server
    server.kill()
    rmtree(folder)


@pytest.fixture
def fragile_store() -> Iterator[StoreServer]:
    """A store that this test may freeze and kill."""
    folder = Path(tempfile.mkdtemp(prefix="dw-http-"))
    server = StoreServer(folder)
    yield server
    server.kill()
    rmtree(folder)


@pytest.fixture
def setup() -> Setup:
    return Setup()


@pytest_asyncio.fixture
async def door(store_of_all: StoreServer, tmp_path: Path, setup: Setup) -> AsyncIterator[Door]:
    async with opened(store_of_all, tmp_path, setup) as opened_door:
        yield opened_door
        await opened_door.system.close()
        await opened_door.store.flushall()


@pytest_asyncio.fixture
async def shop(door: Door) -> Shop:
    return await open_shop(door)
