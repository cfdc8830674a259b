"""What answers behind the door: a host of this process, or a cluster; Ray is not needed here."""

import asyncio
import base64
import os
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from doorward.actors import cluster
from doorward.actors.cluster.courier import Call
from doorward.actors.cluster.joining import join
from doorward.actors.cluster.requirements import cluster_settings, shared_keyring
from doorward.actors.cluster.system import ClusterSystem
from doorward.actors.cluster.tables import Table
from doorward.actors.errors import ClusterRefused, DataFolderInUse, NoHosts
from doorward.actors.keyring import Keyring
from doorward.actors.partitions import PARTITIONS
from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.systems.embedded import EmbeddedSystem
from doorward.actors.systems.wiring import digest_of, wiring_of
from doorward.config.errors import ConfigurationError
from doorward.config.settings import Settings, load
from doorward.http.cluster_metrics import ClusterCollector
from doorward.http.metrics import EmbeddedCollector
from doorward.http.opening import HTTP_FOLDER, Behind, open_behind, operator_key_of_cluster
from tests.http.store_server import StoreServer

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")
OTHER_KEY = base64.urlsafe_b64encode(bytes(range(1, 33))).decode().rstrip("=")
OPERATOR = "operator-key-of-the-tests-0123456789abcdef"
SHARED = {
    "DOORWARD_CLUSTER": "127.0.0.1:6379",
    "DOORWARD_REDIS_URL": "redis://127.0.0.1:1",
    "DOORWARD_MASTER_KEY": KEY,
    "DOORWARD_OPERATOR_KEY": OPERATOR,
}
RAY_CLUSTER = "doorward.actors.cluster.ray_cluster"


class PretendedHosts:
    """A cluster of one host that does nothing."""

    version = 1

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring

    async def table(self, known: int) -> bytes:
        if self.version <= known:
            return b""
        return msgspec.msgpack.encode(Table("store", self.version, ("host-1",) * PARTITIONS))

    async def call(self, name: str) -> Call:
        async def call(batch: bytes) -> bytes:
            raise ConnectionError(name)

        return call


class PretendedRay(ModuleType):
    """What is imported where Ray is installed."""

    def __init__(self) -> None:
        super().__init__(RAY_CLUSTER)
        self.RayHosts = PretendedHosts
        self.joined: list[str] = []

    def connect(self, address: str) -> None:
        self.joined.append(address)


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> PretendedRay:
    pretended = PretendedRay()
    monkeypatch.setitem(sys.modules, RAY_CLUSTER, pretended)
    monkeypatch.setattr(cluster, "ray_cluster", pretended, raising=False)
    monkeypatch.setattr(PretendedHosts, "version", 1)
    return pretended


def settings_of(folder: Path, **environ: str | None) -> Settings:
    given = {"DOORWARD_DATA_DIR": str(folder / "data")} | environ
    return load({key: value for key, value in given.items() if value is not None}, folder=folder)


async def read(folder: Path, **environ: str | None) -> Settings:
    # In a thread: files are looked for.
    return await asyncio.to_thread(settings_of, folder, **environ)


async def opened(stack: AsyncExitStack, settings: Settings) -> Behind:
    return await open_behind(settings, stack)


# --- a cluster ------------------------------------------------------------------------------------


async def test_behind_the_door_may_be_a_cluster(ray: PretendedRay, tmp_path: Path) -> None:
    settings = await read(tmp_path, **SHARED)
    async with AsyncExitStack() as stack:
        behind = await opened(stack, settings)
        folder = behind.folder

        assert isinstance(behind.system, ClusterSystem)
        assert behind.system.is_ready()
        assert isinstance(behind.figures, ClusterCollector)
        assert behind.ask_hosts is not None
        assert behind.operator_key == OPERATOR
        assert behind.keyring.key_ids == Keyring((bytes(range(32)),)).key_ids
        assert (behind.keys_folder, behind.is_alone) == (None, False)
        # Where hosts send no mails, theirs are to be seen.
        assert behind.mailbox is behind.system
        assert folder == tmp_path / "data" / HTTP_FOLDER / str(os.getpid())
        assert folder.is_dir()

    assert not folder.exists()
    assert list((tmp_path / "data").glob("*.key")) == []


async def test_where_mails_are_sent_none_are_to_be_seen(ray: PretendedRay, tmp_path: Path) -> None:
    settings = await read(tmp_path, **SHARED, DOORWARD_SMTP_URL="smtp://127.0.0.1:1")
    async with AsyncExitStack() as stack:
        assert (await opened(stack, settings)).mailbox is None


async def test_a_second_door_of_the_same_process_is_refused_its_folder(
    ray: PretendedRay, tmp_path: Path
) -> None:
    settings = await read(tmp_path, **SHARED)
    async with AsyncExitStack() as stack, AsyncExitStack() as other:
        await opened(stack, settings)
        with pytest.raises(DataFolderInUse):
            await opened(other, settings)


async def test_a_cluster_without_a_table_is_not_opened_and_leaves_nothing(
    ray: PretendedRay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PretendedHosts, "version", 0)
    async with AsyncExitStack() as stack:
        with pytest.raises(NoHosts):
            await opened(stack, await read(tmp_path, **SHARED))

    assert list((tmp_path / "data" / HTTP_FOLDER).iterdir()) == []


@pytest.mark.parametrize(
    "name", ["DOORWARD_REDIS_URL", "DOORWARD_MASTER_KEY", "DOORWARD_OPERATOR_KEY"]
)
async def test_what_all_processes_share_must_be_set(
    ray: PretendedRay, tmp_path: Path, name: str
) -> None:
    settings = await read(tmp_path, **(SHARED | {name: None}))
    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigurationError, match=f"{name}.*absent.*to the same everywhere"):
            await opened(stack, settings)
    with pytest.raises(ConfigurationError, match=name):
        operator_key_of_cluster(settings)

    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["DOORWARD_REDIS_URL", "DOORWARD_MASTER_KEY"])
def test_a_host_is_told_the_same(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in SHARED.items():
        monkeypatch.setenv(key, value)
    settings = cluster_settings(tmp_path)
    monkeypatch.delenv(name)

    assert shared_keyring(settings).key_ids == Keyring((bytes(range(32)),)).key_ids
    with pytest.raises(ConfigurationError, match=name):
        cluster_settings(tmp_path)


# --- Ray, or none ---------------------------------------------------------------------------------


def test_a_cluster_is_joined_at_its_address(ray: PretendedRay) -> None:
    join("127.0.0.1:6379")

    assert ray.joined == ["127.0.0.1:6379"]


WITHOUT_RAY = """
import sys
sys.modules["ray"] = None
from doorward.actors.errors import ClusterRefused
from doorward.actors.cluster.joining import join
from doorward.http import opening, serving
print(sorted(name for name in sys.modules if name.startswith("ray.")))
try:
    join("127.0.0.1:6379")
except ClusterRefused as refused:
    print(refused)
"""


def test_without_ray_everything_works_but_joining_which_says_what_to_install() -> None:
    told = subprocess.run(
        [sys.executable, "-P", "-c", WITHOUT_RAY], capture_output=True, text=True, check=True
    )

    nothing, said = told.stdout.splitlines()
    assert nothing == "[]"
    assert said == (
        "Ray is not installed here: install Doorward with its extra, doorward[cluster]"
        " (ray is missing)"
    )


def test_what_ray_itself_lacks_is_named(ray: PretendedRay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, RAY_CLUSTER, None)

    with pytest.raises(ClusterRefused, match="ray_cluster is missing"):
        join("127.0.0.1:6379")


# --- a host of this process -----------------------------------------------------------------------


async def test_behind_the_door_is_a_host_of_its_own_otherwise(
    store_of_one: StoreServer, tmp_path: Path
) -> None:
    settings = await read(
        tmp_path,
        DOORWARD_REDIS_URL=f"unix://{store_of_one.socket}",
        DOORWARD_ALLOW_VOLATILE="1",
    )
    async with AsyncExitStack() as stack:
        behind = await opened(stack, settings)

        assert isinstance(behind.system, EmbeddedSystem)
        assert isinstance(behind.figures, EmbeddedCollector)
        assert behind.ask_hosts is None
        assert isinstance(behind.mailbox, DevelopmentMailbox)
        assert behind.is_alone
        assert behind.keys_folder == behind.folder == tmp_path / "data"
        assert {path.name for path in behind.folder.glob("*.key")} == {"operator.key", "master.key"}
        assert len(behind.operator_key) >= 40

    async with AsyncExitStack() as stack:
        again = await opened(stack, settings)
        assert again.operator_key == behind.operator_key
        assert again.keyring.key_ids == behind.keyring.key_ids


async def test_keys_that_are_given_are_not_made(store_of_one: StoreServer, tmp_path: Path) -> None:
    settings = await read(
        tmp_path,
        DOORWARD_REDIS_URL=f"unix://{store_of_one.socket}",
        DOORWARD_ALLOW_VOLATILE="1",
        DOORWARD_MASTER_KEY=KEY,
        DOORWARD_OPERATOR_KEY=OPERATOR,
        DOORWARD_SMTP_URL="smtp://127.0.0.1:1",
    )
    async with AsyncExitStack() as stack:
        behind = await opened(stack, settings)

        assert behind.operator_key == OPERATOR
        assert (behind.keys_folder, behind.mailbox) == (None, None)
        assert list(behind.folder.glob("*.key")) == []


# --- what hosts must agree about ------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"DOORWARD_MASTER_KEY": OTHER_KEY},
        {"DOORWARD_MASTER_KEY": f"{OTHER_KEY},{KEY}"},
        {"DOORWARD_PUBLIC_URL": "https://door.example"},
        {"DOORWARD_HOSTED_DOMAIN": "doors.example"},
        {"DOORWARD_LEASE_SECONDS": "5"},
        {"DOORWARD_MAIL_FROM": "door@mail.example"},
        {"DOORWARD_SMTP_URL": "smtp://127.0.0.1:1"},
    ],
    ids=str,
)
def test_hosts_that_would_decide_otherwise_are_told_apart(
    tmp_path: Path, change: dict[str, str]
) -> None:
    same, other = settings_of(tmp_path, **SHARED), settings_of(tmp_path, **(SHARED | change))

    digests = {digest_of(each, shared_keyring(each)) for each in (same, other)}

    assert len(digests) == 2
    assert not any(key in digest for key in (KEY, OTHER_KEY) for digest in digests)


@pytest.mark.parametrize(
    "change",
    [
        {"DOORWARD_PORT": "9999"},
        {"DOORWARD_REDIS_URL": "redis://127.0.0.2:1"},
        {"DOORWARD_MEMORY_RECORDS_MB": "7"},
        {"DOORWARD_LOG_LEVEL": "debug"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_hosts_may_differ_in_what_changes_no_decision(
    tmp_path: Path, change: dict[str, str]
) -> None:
    same, other = settings_of(tmp_path, **SHARED), settings_of(tmp_path, **(SHARED | change))

    assert digest_of(same, shared_keyring(same)) == digest_of(other, shared_keyring(other))


def test_two_hosts_of_a_cluster_never_think_that_they_are_alone(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, **SHARED)

    wiring = wiring_of(
        settings,
        journal=None,  # type: ignore[arg-type]
        keyring=shared_keyring(settings),
        folder=tmp_path,
    )

    assert not wiring.alone
    assert wiring.lease_seconds == settings.hosting.lease_seconds
    assert isinstance(wiring.transport, DevelopmentMailbox)
