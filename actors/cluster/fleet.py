"""How a steward reaches, starts and ends hosts: an interface, and what it may say."""

from typing import NamedTuple, Protocol


class Gone(Exception):
    """The fleet says that a host's process is not there now; it may be on its way back."""


class NotStarted(Exception):
    """There is no such host, and none is on its way."""


class Node(NamedTuple):
    """A machine that hosts may run on; ``room`` is how many of them fit."""

    id: str
    address: str
    room: int


class Fleet(Protocol):
    """How hosts are reached, started and ended."""

    async def beat(self, name: str, order: bytes) -> bytes:
        """Carry a beat to a host.

        Raises:
            Gone: When its process is known not to be there now.
            NotStarted: When there is no such host.
            Exception: When it cannot be reached, for any other reason.
        """

    async def nodes(self) -> list[Node]:
        """List the nodes that are alive."""

    async def start(self, name: str, node: str) -> None:
        """Start a host on a node; done when it is on its way."""

    async def end(self, name: str, *, at_once: bool) -> None:
        """End a host for good: in order, or at once where nobody can wait for it."""
