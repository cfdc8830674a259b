"""The process' settings as commands read them: options over everything that ``config`` reads."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from doorward.config.declarations import PREFIX
from doorward.config.errors import ConfigurationError
from doorward.config.settings import Settings, load
from doorward.http.cli.failures import Failed, WrongSetting

URL_VARIABLE: Final = "DOORWARD_URL"
"""Where commands find a server. Not a setting of one, which would refuse it as a misspelling."""

_NO_OPTIONS: Final[Mapping[str, str | None]] = {}


def load_settings(options: Mapping[str, str | None] = _NO_OPTIONS) -> Settings:
    """Read the settings from options, environment and files, the nearer hiding the farther.

    Args:
        options: What was given on the command line, by the setting's key; None where nothing was.

    Raises:
        WrongSetting: A name is unknown or a value breaks its rule; says name, value and rule.
        Failed: The working folder is gone.
    """
    given = {PREFIX + key.upper(): text for key, text in options.items() if text is not None}
    environ = {name: text for name, text in os.environ.items() if name != URL_VARIABLE} | given
    try:
        return load(environ, folder=Path.cwd())
    except ConfigurationError as error:
        raise wrong_setting(error, options) from None
    except OSError as error:
        raise Failed(f"The working folder cannot be used: {error.strerror}.") from None


def wrong_setting(
    error: ConfigurationError, options: Mapping[str, str | None] = _NO_OPTIONS
) -> WrongSetting:
    """Say what is wrong, by the name it was given: that of the option where there was one."""
    key = error.name.removeprefix(PREFIX).lower()
    given = error.name.startswith(PREFIX) and options.get(key) is not None
    name = f"--{key.replace('_', '-')}" if given else error.name
    return WrongSetting(str(ConfigurationError(name, error.value, error.rule)))
