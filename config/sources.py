"""Where settings come from: the environment, over an environment file, over a TOML file.

The same name in a nearer source hides the farther one whole. Nothing here knows what a setting
means; unknown names are refused in all three, since a misspelt setting is one that silently is not
set, and what it was set to is masked, since it may be a misspelt secret.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from doorward.config import env_file
from doorward.config.declarations import PREFIX, Setting
from doorward.config.errors import ConfigurationError
from doorward.config.names import unknown
from doorward.config.secret import MASK

ENV_FILE: Final = "env_file"
CONFIG: Final = "config"


@dataclass(frozen=True, slots=True)
class Given:
    """A setting's text, its name as it was written, and the file it is from (None: environment)."""

    name: str
    text: str
    path: Path | None = None

    @property
    def where(self) -> str:
        """Say where it is from, to end a rule with."""
        return f" (from {self.path})" if self.path else ""


@dataclass(frozen=True, slots=True)
class Sources:
    """All that was given, by key, and the files it was read from."""

    given: Mapping[str, Given]
    env_file: Path | None
    config: Path | None


def gather(environ: Mapping[str, str], *, folder: Path, settings: Sequence[Setting]) -> Sources:
    """Read every source.

    Args:
        environ: The environment; only names that start with ``DOORWARD_`` are looked at.
        folder: Where ``.env`` and ``doorward.toml`` are looked for, and what relative paths of
            those that are named start from.
        settings: Everything that may be set.

    Raises:
        ConfigurationError: A name is unknown, a value empty, or a file cannot be read or parsed.
    """
    known = {setting.name: setting.key for setting in settings}
    near = _from_lines(environ, known, path=None)
    env_path = _path(near.get(ENV_FILE), folder=folder, usual=".env")
    middle: dict[str, Given] = {}
    if env_path is not None:
        text = _read(env_path, f"{PREFIX}ENV_FILE")
        lines = env_file.parse(text, path=env_path, setting=f"{PREFIX}ENV_FILE")
        middle = _from_lines(lines, known, path=env_path)
    _refuse(middle, ENV_FILE)
    toml_path = _path((middle | near).get(CONFIG), folder=folder, usual="doorward.toml")
    far: dict[str, Given] = {}
    if toml_path is not None:
        text = _read(toml_path, f"{PREFIX}CONFIG")
        far = _from_toml(text, {setting.key: setting for setting in settings}, toml_path)
    _refuse(far, ENV_FILE, CONFIG)
    return Sources(far | middle | near, env_path, toml_path)


def _from_lines(
    values: Mapping[str, str], known: Mapping[str, str], *, path: Path | None
) -> dict[str, Given]:
    found: dict[str, Given] = {}
    for name, text in values.items():
        if not name.upper().startswith(PREFIX):
            continue
        given = Given(name, text, path)
        if name not in known:
            raise unknown(name, MASK, known=known, noun="setting", where=given.where)
        found[known[name]] = _present(given)
    return found


def _from_toml(text: str, known: Mapping[str, Setting], path: Path) -> dict[str, Given]:
    try:
        document = tomllib.loads(text)
    except ValueError as error:
        rule = f"must be a TOML file: {error}"
        raise ConfigurationError(f"{PREFIX}CONFIG", str(path), rule) from None
    found: dict[str, Given] = {}
    for key, value in document.items():
        if key not in known:
            where = f" (from {path})"
            raise unknown(key, MASK, known=known, noun="setting", where=where)
        found[key] = _present(Given(key, _as_text(value, known[key], path), path))
    return found


def _as_text(value: object, setting: Setting, path: Path) -> str:
    """Write a TOML value the way it would stand in the environment."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    listed = setting.declaration.form.listed
    if listed and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    kinds = (
        "a string, or an array of strings" if listed else "a string, a whole number or a boolean"
    )
    raise ConfigurationError(setting.key, MASK, f"must be {kinds} (from {path})")


def _present(given: Given) -> Given:
    if not given.text:
        rule = f"must not be empty; leave it out for its default{given.where}"
        raise ConfigurationError(given.name, "", rule)
    return given


def _refuse(found: Mapping[str, Given], *keys: str) -> None:
    """Hold the settings that name files out of the files: each would be read too late."""
    for key in keys:
        if given := found.get(key):
            rule = f"must be set where it is read before this file{given.where}"
            raise ConfigurationError(given.name, given.text, rule)


def _path(chosen: Given | None, *, folder: Path, usual: str) -> Path | None:
    if chosen is not None:
        return folder / chosen.text
    # A folder called ".env" is somebody's virtual environment, not ours to complain about.
    path = folder / usual
    return path if path.is_file() else None


def _read(path: Path, setting: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        rule = f"must name a file that can be read ({error.strerror})"
        raise ConfigurationError(setting, str(path), rule) from None
    except ValueError:
        # Not UTF-8, or a NUL in the name.
        raise ConfigurationError(setting, str(path), "must name a file of UTF-8 text") from None
