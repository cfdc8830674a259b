"""The commands on a real Ray head and a real Redis: one cluster for the whole file."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree

import pytest

from tests.http.cli.conftest import Run
from tests.http.cli.operated_cluster import (
    Operated,
    free_port,
    listens_elsewhere,
    processes_of,
)
from tests.http.cli.running_server import surroundings
from tests.http.store_server import StoreServer
from tests.process.servers import Server, serving

WITHOUT_RAY = (
    "import sys; sys.modules['ray'] = None; from doorward.http.cli.main import main; main()"
)


@pytest.fixture(scope="module")
def operated() -> Iterator[Operated]:
    """A place with a Redis; what is started there is ended, whatever comes of the tests."""
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    # Not in pytest's own folder: a socket's path may have 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="dw-cli-"))
    store = StoreServer(folder)
    place = Operated(folder, f"unix://{store.socket}")
    yield place
    place.head.end()
    store.kill()
    rmtree(folder)


@pytest.fixture
async def up(operated: Operated) -> Operated:
    """A cluster that is up; of one host, unless a test before left more."""
    if await operated.running() is None:
        await operated.do("up", "--hosts", "1", "--port", str(free_port()))
    return operated


@asynccontextmanager
async def two_servers(place: Operated) -> AsyncIterator[tuple[Server, Server]]:
    """Serve HTTP from two processes on one port."""
    settings = place.environ | {"DOORWARD_CLUSTER": "auto", "DOORWARD_PORT": str(free_port())}
    one, two = serving(place.folder / "1", **settings), serving(place.folder / "2", **settings)
    first, second = await asyncio.gather(one.__aenter__(), two.__aenter__())
    try:
        yield first, second
    finally:
        await asyncio.gather(one.__aexit__(None, None, None), two.__aexit__(None, None, None))


async def test_up_starts_what_only_its_token_opens_and_is_harmless_again(
    operated: Operated,
) -> None:
    port = free_port()

    said = await operated.do("up", "--hosts", "1", "--port", str(port))
    head = await operated.started()
    status, again = await asyncio.gather(operated.status(), operated.do("up"))

    assert f"  doorward serve --cluster 127.0.0.1:{port}" in said.splitlines()
    assert (status["served"], status["partitions"]) == (256, 256)
    assert [(host["name"], host["state"]) for host in status["hosts"]] == [("host-1", "live")]
    assert again == said
    assert await operated.started() == head
    assert listens_elsewhere(head.pid) == []
    niceness = {os.getpriority(os.PRIO_PROCESS, host["pid"]) for host in status["hosts"]}
    assert niceness == {os.getpriority(os.PRIO_PROCESS, 0)}
    assert operated.token.stat().st_mode & 0o777 == 0o600
    assert operated.token.read_text() not in said


async def test_buyers_stay_signed_in_while_storefronts_move_and_a_server_ends(
    up: Operated,
) -> None:
    async with two_servers(up) as (first, second):
        front = await first.open_sandbox("toko-satu")
        session = await front.session()

        scaled = await up.do("scale", "2")
        pinned = await up.do("pin", front.slug, "host-2")
        signed_in = [await front.is_signed_in(session)]
        drained = await up.do("drain", "host-2")
        signed_in.append(await front.is_signed_in(session))
        status, ended = await asyncio.gather(up.status(), first.end())
        again = await second.storefront(front).session("else@x.io")

    assert scaled == "2 hosts serve all 256 partitions.\n"
    assert pinned == "toko-satu is served by host-2.\n"
    assert drained == "host-2 is empty.\n"
    assert signed_in == [True, True]
    assert [host["name"] for host in status["hosts"]] == ["host-1", "host-3"]
    assert [host["held"] for host in status["hosts"]] == [128, 128]
    assert status["pins"] == {}
    assert ended == 0
    assert again


REFUSED = [
    (("scale", "99"), {}, "There is no room for 99 hosts, at a CPU of Ray's each: 1 node "),
    (("drain", "host-99"), {}, "There is no host and no node host-99."),
    (("status",), {"RAY_AUTH_TOKEN": "not-this-one"}, "refuses the token in RAY_AUTH_TOKEN."),
    (("status",), {"RAY_AUTH_TOKEN_PATH": "/none"}, "asks for a token, and there is none in /none"),
    (("status", "--address", "127.0.0.1:1"), {}, "There is no Ray at 127.0.0.1:1 (Connection refu"),
]


async def test_what_cannot_be_done_is_refused_in_one_sentence(up: Operated) -> None:
    refused = await asyncio.gather(*(up.tell(*words, **environ) for words, environ, _ in REFUSED))

    for ended, (_, environ, said) in zip(refused, REFUSED, strict=True):
        assert (ended.status, ended.out) == (1, ""), ended
        assert ended.err.startswith("Error: ")
        assert said in ended.err
        assert ended.err.count("\n") == 1
        assert environ.get("RAY_AUTH_TOKEN", "secret") not in ended.err


async def test_down_ends_all_that_up_started_in_order_and_is_harmless_again(up: Operated) -> None:
    head = await up.started()
    ran = processes_of(head.pid)

    unmeant = await up.tell("down")
    said = await up.do("down", "--yes")
    again = await up.do("down", "--yes")
    status = await up.tell("status")
    left = await asyncio.to_thread(os.listdir, up.folder / "data" / "cluster")

    assert len(ran) > 1
    assert unmeant.status == 1
    assert unmeant.err.endswith("Nothing was ended: answer y, or give --yes.\n")
    assert said == f"The cluster at {head.address} is down.\n"
    assert processes_of(head.pid) == []
    assert "ray" not in left
    assert again == "Nothing runs here.\n"
    assert status.status == 1
    assert status.err.startswith(f"Error: The cluster at {head.address} is down: `doorward cluster")


def test_an_address_that_is_none_is_refused(run: Run) -> None:
    refused = run("cluster", "status", "--address", "somewhere")

    assert refused.exit_code == 2
    assert refused.stderr == "Error: --address='somewhere': must be auto, local or host:port\n"


@pytest.mark.parametrize("words", [("status",), ("scale", "2"), ("drain", "host-1")])
def test_where_no_cluster_is_known_it_is_said_how_to_have_one(
    run: Run, words: tuple[str, ...]
) -> None:
    refused = run("cluster", *words)

    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: No cluster is known here: `doorward cluster up` start")


def test_up_names_the_settings_that_it_misses_and_tells_how_to_make_a_key(
    run: Run, clean_place: Path
) -> None:
    no_store = run("cluster", "up")
    no_key = run("cluster", "up", DOORWARD_REDIS_URL="redis://127.0.0.1:1")
    (clean_place / "data").mkdir()
    (clean_place / "data" / "master.key").touch()
    no_key_any_more = run("cluster", "up", DOORWARD_REDIS_URL="redis://127.0.0.1:1")

    assert [no_store.exit_code, no_key.exit_code] == [2, 2]
    assert no_store.stderr.startswith("Error: DOORWARD_REDIS_URL is not set: ")
    assert no_key.stderr.startswith("Error: DOORWARD_MASTER_KEY is not set: ")
    assert "openssl rand -base64 32" in no_key.stderr
    assert str(clean_place / "data" / "master.key") in no_key_any_more.stderr


@pytest.mark.parametrize("words", [("up",), ("status", "--address", "127.0.0.1:1")])
def test_where_ray_is_not_installed_it_is_said_what_to_install(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    settings = {"DOORWARD_REDIS_URL": "redis://127.0.0.1:1", "DOORWARD_MASTER_KEY": "A" * 43}

    refused = subprocess.run(
        [sys.executable, "-c", WITHOUT_RAY, "cluster", *words],
        cwd=tmp_path,
        env=surroundings(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "Error: Ray is not installed here: install Doorward with its extra, doorward[cluster] (ray "
        "is missing).\n"
    )
    assert not (tmp_path / "data").exists()


def test_a_port_is_chosen_only_for_a_head_that_is_started_here(run: Run) -> None:
    settings = {"DOORWARD_REDIS_URL": "redis://127.0.0.1:1", "DOORWARD_MASTER_KEY": "A" * 43}

    refused = run("cluster", "up", "--port", "6399", "--address", "10.0.0.5:6379", **settings)

    assert refused.exit_code == 2
    assert "--port is for a Ray head that is started here; 10.0.0.5:6379 is" in refused.stderr
