"""Before a Ray cluster is joined: where it is, and whether it would let us in.

Ray itself asks a head that refuses our token for twenty seconds, tells why on standard error only,
and ends the process when there is no head: so all that is tried first, in words.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ray._private.authentication.authentication_token_setup import ensure_token_if_auth_enabled
from ray._private.services import canonicalize_bootstrap_address
from ray._raylet import GcsClient  # type: ignore[attr-defined] # it has no types
from ray.exceptions import AuthenticationError, RayError

from doorward.actors.cluster.ray_token import TOKEN_VARIABLE, path_of_token
from doorward.actors.cluster.reaching import knock
from doorward.actors.errors import ClusterRefused

_STDERR: Final = 2
_LONGEST: Final = 300
_NO_NODE: Final = "trying to resolve node to connect to"


def address_of(address: str) -> str:
    """Find where the head is, and that somebody answers there. Blocks for seconds.

    Args:
        address: ``host:port``, or ``auto`` for the one that Ray finds on this machine.

    Raises:
        ClusterRefused: There is no head.
    """
    if address == "local":
        raise ClusterRefused("a cluster is joined at the address of its head, host:port")
    try:
        place = canonicalize_bootstrap_address(address)
    except (ConnectionError, ValueError) as error:
        raise ClusterRefused(f"no Ray is found at {address}: {why(error)}") from error
    if place is None:
        raise ClusterRefused("no Ray runs on this machine")
    knock(place)
    return str(place)


def check_token(address: str) -> None:
    """Find out whether the head at an address takes our token. Blocks for some milliseconds.

    Raises:
        ClusterRefused: It does not, or there is none to show.
    """
    try:
        # First: with no token to show, the client below would end the process.
        ensure_token_if_auth_enabled(create_token_if_missing=False)
        with _hushed():
            GcsClient(address=address)
    except AuthenticationError as error:
        raise ClusterRefused(_token_refused(address)) from error
    except (RayError, ConnectionError, RuntimeError) as error:
        raise ClusterRefused(f"Ray at {address} cannot be used: {why(error)}") from error


def why(error: BaseException) -> str:
    """Tell an error of Ray's in one line."""
    said = " ".join(str(error).split()) or type(error).__name__
    if _NO_NODE in said:
        return "none of its nodes runs on this machine, and it is reached through one"
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


def _token_refused(address: str) -> str:
    if os.environ.get(TOKEN_VARIABLE):
        return f"Ray at {address} refuses the token in {TOKEN_VARIABLE}"
    path = path_of_token()
    if path.is_file() and path.stat().st_size:
        return f"Ray at {address} refuses the token in {path}"
    return (
        f"Ray at {address} asks for a token, and there is none in {path}: put the cluster's there, "
        f"or set {TOKEN_VARIABLE}"
    )


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep away what Ray's own code writes on standard error, past Python, of what is told here."""
    with tempfile.TemporaryFile() as nowhere:
        kept = os.dup(_STDERR)
        os.dup2(nowhere.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
