"""What answers for storefronts behind the door: a host in this process, or a cluster of them."""

import os
import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client.registry import Collector

from doorward.actors import high_water
from doorward.actors.blobs.opening import open_blobs
from doorward.actors.blobs.store import BlobStore
from doorward.actors.cluster.joining import open_cluster
from doorward.actors.cluster.requirements import SHARED_RULE, demand_shared, shared_keyring
from doorward.actors.data_folder import DataFolder
from doorward.actors.keyring import KEY_BYTES, Keyring
from doorward.actors.post.development import DevelopmentMailbox, Looking
from doorward.actors.redis_journal import RedisJournal
from doorward.actors.store_connection import connect
from doorward.actors.systems.embedded import EmbeddedSystem
from doorward.actors.systems.wiring import wiring_of
from doorward.actors.tokens import base64url
from doorward.config.errors import ConfigurationError
from doorward.config.settings import Settings
from doorward.http.cluster_metrics import ClusterCollector, HostsCollector
from doorward.http.metrics import AskHosts, EmbeddedCollector
from doorward.http.system import System

OPERATOR_KEY_FILE: Final = "operator.key"
MASTER_KEY_FILE: Final = "master.key"
HTTP_FOLDER: Final = "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What a door opens to.

    Attributes:
        folder: This process's own folder.
        figures: What this process tells of itself.
        ask_hosts: Asks what hosts tell of themselves; None where the only one is here.
        keys_folder: Where keys are that were made here; None where all of them are set.
        mailbox: What is to be seen of mails; None where they are sent.
        is_alone: Whether this is the only HTTP process on its port.
    """

    system: System
    keyring: Keyring
    operator_key: str
    blobs: BlobStore
    figures: Collector
    ask_hosts: AskHosts | None
    folder: Path
    keys_folder: Path | None
    mailbox: Looking | None
    is_alone: bool


async def open_behind(settings: Settings, stack: AsyncExitStack) -> Behind:
    """Open what the settings ask for; ``stack`` closes it.

    Raises:
        ConfigurationError: A setting cannot be worked with.
        DoorwardError: The folder is in use, or store or cluster are missing, refused or away.
        OSError: The disk refused.
    """
    if settings.hosting.cluster is None:
        return await _embedded(settings, stack)
    return await _clustered(settings, stack)


async def _embedded(settings: Settings, stack: AsyncExitStack) -> Behind:
    folder = stack.enter_context(DataFolder.open(settings.store.data_dir))
    operator_key = _operator_key(settings, folder)
    mailbox = None if settings.mail.smtp_url else DevelopmentMailbox()
    blobs = await _blobs(settings, folder.path, stack)
    keyring = _keyring(settings, folder)
    client = await connect(settings.store, folder, stack)
    system = await EmbeddedSystem.open(
        wiring_of(
            settings,
            journal=RedisJournal(client),
            keyring=keyring,
            folder=folder.path,
            mailbox=mailbox,
            blobs=blobs,
        )
    )
    stack.push_async_callback(system.close)
    return Behind(
        system=system,
        keyring=keyring,
        operator_key=operator_key,
        blobs=blobs,
        figures=EmbeddedCollector(system),
        ask_hosts=None,
        folder=folder.path,
        keys_folder=None if settings.keys.operator_key else folder.path,
        mailbox=mailbox,
        is_alone=True,
    )


def operator_key_of_cluster(settings: Settings) -> str:
    """Tell the operator key of an HTTP process in a cluster; its settings are looked at first.

    Raises:
        ConfigurationError: What all processes of a cluster must share is not set.
    """
    demand_shared(settings)
    if settings.keys.operator_key is None:
        raise ConfigurationError("DOORWARD_OPERATOR_KEY", "absent", SHARED_RULE)
    return settings.keys.operator_key.reveal()


async def _clustered(settings: Settings, stack: AsyncExitStack) -> Behind:
    """Open the way to a cluster that this process has joined already (``cluster.joining``)."""
    operator_key = operator_key_of_cluster(settings)
    # A folder of its own, since there may be several on this machine; nothing in it lasts.
    path = settings.store.data_dir / HTTP_FOLDER / str(os.getpid())
    stack.callback(shutil.rmtree, path, ignore_errors=True)
    folder = stack.enter_context(DataFolder.open(path))
    blobs = await _blobs(settings, settings.store.data_dir, stack)
    keyring = shared_keyring(settings)
    system = await open_cluster(blobs, keyring)
    stack.push_async_callback(system.close)

    async def ask_hosts() -> HostsCollector:
        return HostsCollector(await system.figures())

    return Behind(
        system=system,
        keyring=keyring,
        operator_key=operator_key,
        blobs=blobs,
        figures=ClusterCollector(system),
        ask_hosts=ask_hosts,
        folder=folder.path,
        keys_folder=None,
        mailbox=None if settings.mail.smtp_url else system,
        is_alone=False,
    )


async def _blobs(settings: Settings, folder: Path, stack: AsyncExitStack) -> BlobStore:
    url = settings.store.blobs_url
    return await open_blobs(url.reveal() if url else None, folder, stack)


def _keyring(settings: Settings, folder: DataFolder) -> Keyring:
    given = settings.keys.master_keys
    if given:
        return Keyring(given.reveal())
    return Keyring((folder.lasting_secret(MASTER_KEY_FILE, KEY_BYTES, used_by=high_water.FILE),))


def _operator_key(settings: Settings, folder: DataFolder) -> str:
    given = settings.keys.operator_key
    return given.reveal() if given else base64url(folder.secret(OPERATOR_KEY_FILE, KEY_BYTES))
