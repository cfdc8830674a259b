"""Before Ray is asked: whether anybody answers at an address at all.

Ray waits a minute for a head that is not there, and then ends the whole process from its own code,
without an exception. So the address is tried by hand first, in seconds and in words: a head speaks
HTTP/2, and whoever does tells its settings at once, asked or not (RFC 9113 §3.4).
"""

import os
import socket
from typing import Final

from doorward.actors.errors import ClusterRefused

KNOCK_SECONDS: Final = 5.0
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_HEAD_BYTES: Final = 9
_SETTINGS: Final = 4
_TYPE_AT: Final = 3


def knock(address: str) -> None:
    """Find out whether a Ray head may be at an address. Blocks for up to some seconds.

    Args:
        address: ``host:port``.

    Raises:
        ClusterRefused: When nobody answers there, or somebody else.
    """
    host, _, port = address.rpartition(":")
    place = (host.removeprefix("[").removesuffix("]"), int(port))
    try:
        with socket.create_connection(place, timeout=KNOCK_SECONDS) as connection:
            # With Ray's own TLS nothing is said before the handshake, which is left to Ray.
            if os.environ.get("RAY_USE_TLS", "0") == "0" and not _speaks_http2(connection):
                raise ClusterRefused(f"what answers at {address} is not Ray")
    except TimeoutError:
        raise ClusterRefused(f"nobody answers at {address}") from None
    except socket.gaierror:
        raise ClusterRefused(f"there is no machine {place[0]}") from None
    except OSError as error:
        raise ClusterRefused(
            f"there is no Ray at {address} ({error.strerror or type(error).__name__})"
        ) from None


def _speaks_http2(connection: socket.socket) -> bool:
    connection.sendall(_PREFACE)
    head = b""
    while len(head) < _HEAD_BYTES:
        more = connection.recv(_HEAD_BYTES - len(head))
        if not more:
            return False
        head += more
    return head[_TYPE_AT] == _SETTINGS
