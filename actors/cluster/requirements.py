"""What every process of a cluster must be told, since none can make it up for the others."""

import os
from pathlib import Path
from typing import Final

from doorward.actors.keyring import Keyring
from doorward.config.errors import ConfigurationError
from doorward.config.settings import Settings, load

SHARED_RULE: Final = "must be set, to the same everywhere, where several processes serve"


def cluster_settings(folder: Path) -> Settings:
    """Read the settings of this process, for a cluster. Blocks on the disk.

    Raises:
        ConfigurationError: Something is wrong or missing.
    """
    settings = load(os.environ, folder=folder)
    demand_shared(settings)
    return settings


def demand_shared(settings: Settings) -> None:
    """Demand what all processes of a cluster share.

    Raises:
        ConfigurationError: It is not set.
    """
    if settings.store.redis_url is None:
        raise ConfigurationError("DOORWARD_REDIS_URL", "absent", SHARED_RULE)
    if settings.keys.master_keys is None:
        raise ConfigurationError("DOORWARD_MASTER_KEY", "absent", SHARED_RULE)


def shared_keyring(settings: Settings) -> Keyring:
    """Make the keyring of a process in a cluster; its settings were checked.

    Raises:
        ConfigurationError: No master key is set.
    """
    demand_shared(settings)
    keys = settings.keys.master_keys
    return Keyring(keys.reveal() if keys is not None else ())
