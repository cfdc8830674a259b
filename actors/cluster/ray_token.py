"""Ray's token: where it is, and how one comes to be. Whoever shows it may run anything there.

It is kept where Ray's own programs look for it, so that ``ray status`` and further nodes of the
same user need to be told nothing.
"""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from doorward.actors.errors import ClusterRefused

TOKEN_VARIABLE: Final = "RAY_AUTH_TOKEN"  # noqa: S105 - a name
PATH_VARIABLE: Final = "RAY_AUTH_TOKEN_PATH"
MODE_VARIABLE: Final = "RAY_AUTH_MODE"
_TOKEN_BYTES: Final = 32
"""256 random bits, above the 128 asked of what must not be guessed: OWASP ASVS 5.0, 11.5.1."""


def path_of_token() -> Path:
    """Tell where the token is looked for, when it is not in the environment itself."""
    given = os.environ.get(PATH_VARIABLE)
    return Path(given) if given else Path.home() / ".ray" / "auth_token"


def make_token() -> None:
    """Make a token where there is none, and keep the one that there is to its owner. Blocks.

    Raises:
        ClusterRefused: It cannot be kept, or tokens are switched off.
    """
    if os.environ.get(MODE_VARIABLE, "token").lower() != "token":
        raise ClusterRefused(
            f"{MODE_VARIABLE}={os.environ[MODE_VARIABLE]} would let anybody on this machine run "
            "programs as you: unset it, or start Ray yourself and name it with --address"
        )
    if os.environ.get(TOKEN_VARIABLE):
        return
    path = path_of_token()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            _write_new(path)
        # Ray's own programs write it for all to read.
        path.chmod(0o600)
    except OSError as error:
        raise ClusterRefused(f"Ray's token in {path} cannot be kept: {error.strerror}") from error


def _write_new(path: Path) -> None:
    token_fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(token_fd, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(_TOKEN_BYTES))
