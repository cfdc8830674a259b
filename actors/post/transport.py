"""What carries mails away, and the two ways in which it can fail."""

from typing import ClassVar, Protocol

from doorward.actors.errors import DoorwardError
from doorward.actors.post.mail import Mail


class Retryable(DoorwardError):
    """It did not work now; a later try may. Nothing is known about this mailbox.

    Attributes:
        reason: For the log; holds no address, code or link.
    """

    code: ClassVar[str] = "mail_retryable"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Undeliverable(DoorwardError):
    """This mail will never be taken; trying again is pointless.

    Attributes:
        reason: For the log; holds no address, code or link.
    """

    code: ClassVar[str] = "mail_undeliverable"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Transport(Protocol):
    """Carries one mail at a time; may be called concurrently."""

    async def send(self, mail: Mail) -> None:
        """Hand one mail on; returning means that somebody else is responsible for it now.

        Raises:
            Retryable: Not now.
            Undeliverable: Never.
        """

    async def close(self) -> None:
        """Release what is held; ``send`` is not called any more."""
