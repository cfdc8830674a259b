import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree

import pytest

from tests.cluster.clusters import Cluster
from tests.cluster.crowds import STOREFRONTS, Crowd
from tests.http.shops import Storefront
from tests.http.store_server import StoreServer
from tests.process.servers import Server


@pytest.fixture(scope="package")
def cluster() -> Iterator[Cluster]:
    """A cluster with two hosts and two HTTP processes."""
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    # Not in pytest's own folder: a socket's path may have 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="dw-cluster-"))
    with ExitStack() as stack:
        stack.callback(rmtree, folder, ignore_errors=True)
        started = Cluster(folder, stack)
        asyncio.run(started.start())
        yield started


@pytest.fixture(scope="package")
def known_fronts(cluster: Cluster) -> list[Storefront]:
    async def opened() -> list[Storefront]:
        async with cluster.door() as server:
            return [await server.open_sandbox(f"shop-{each}") for each in range(STOREFRONTS)]

    return asyncio.run(opened())


@pytest.fixture
async def server(cluster: Cluster) -> AsyncIterator[Server]:
    """A client of the cluster's common port."""
    async with cluster.door() as opened:
        yield opened


@pytest.fixture
async def crowd(cluster: Cluster, server: Server, known_fronts: list[Storefront]) -> Crowd:
    """Shoppers at all storefronts, while two hosts have everything."""
    await cluster.restore()
    return await Crowd.at(server, known_fronts)


@pytest.fixture
async def crowd_anyhow(server: Server, known_fronts: list[Storefront]) -> Crowd:
    """Shoppers at all storefronts, whatever the last test left to be mended."""
    return await Crowd.at(server, known_fronts)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print what was measured, whatever becomes of the test's other output."""

    def said(words: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {words} ")

    return said


@pytest.fixture
def other_store() -> Iterator[StoreServer]:
    """A Redis that is not the cluster's."""
    folder = Path(tempfile.mkdtemp(prefix="dw-other-"))
    store = StoreServer(folder)
    yield store
    store.kill()
    rmtree(folder)
