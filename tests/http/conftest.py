import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

import pytest
import pytest_asyncio

from tests.actors.store_client import client_of
from tests.http.doors import Door, Setup, opened
from tests.http.shops import Shop, open_shop
from tests.http.store_server import StoreServer


@contextmanager
def running_store() -> Iterator[StoreServer]:
    # Not in pytest's own folder: a socket's path may have 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="dw-http-"))
    server = StoreServer(folder)
    yield server
    server.kill()
    rmtree(folder)


@pytest.fixture(scope="session")
def store_of_all() -> Iterator[StoreServer]:
    with running_store() as server:
        yield server


@pytest.fixture(scope="session")
def store_of_one() -> Iterator[StoreServer]:
    """A store for one door at a time, emptied before each."""
    with running_store() as server:
        yield server


@pytest.fixture
def fragile_store() -> Iterator[StoreServer]:
    """A store that this test may freeze and kill."""
    with running_store() as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def door_of_all(
    store_of_all: StoreServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Door]:
    folder = tmp_path_factory.mktemp("common-door")
    async with opened(store_of_all, folder, Setup()) as door:
        yield door


@pytest_asyncio.fixture(loop_scope="session")
async def common_door(door_of_all: Door) -> Door:
    # Its loop stands still between tests, so its lease may have run out; it notices and mends that.
    async with asyncio.timeout(10):
        while not door_of_all.system.is_ready():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
    return door_of_all


@pytest.fixture
def door_setup() -> Setup | None:
    """How the door is set up; None for the usual one, which many tests share."""
    return None


@pytest_asyncio.fixture(loop_scope="session")
async def door(
    common_door: Door, store_of_one: StoreServer, tmp_path: Path, door_setup: Setup | None
) -> AsyncIterator[Door]:
    if door_setup is None:
        yield common_door
        return
    async with client_of(store_of_one.socket) as client:
        await client.flushall()
    async with opened(store_of_one, tmp_path, door_setup) as own_door:
        yield own_door


@pytest_asyncio.fixture(loop_scope="session")
async def shop(door: Door) -> Shop:
    return await open_shop(door)
