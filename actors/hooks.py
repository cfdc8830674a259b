"""Who is told what happens in a host."""

from collections.abc import Callable
from dataclasses import dataclass

from doorward.actors.ledger import Event
from doorward.actors.ownership import Partition
from doorward.actors.records.mail import MailJob


def nothing_in_hand(_partition: int) -> bool:
    """Stand in where nobody sends mails."""
    return True


@dataclass(frozen=True, slots=True)
class Hooks:
    """Called from the host's loop; none of these may wait.

    ``on_leaving`` is asked until it says that nobody has a mail of the partition in hand.
    """

    on_event: Callable[[Event], None]
    on_mail: Callable[[int, str, MailJob], None]
    on_taken: Callable[[list[Partition]], None]
    on_trouble: Callable[[str, BaseException | None], None]
    on_leaving: Callable[[int], bool] = nothing_in_hand
