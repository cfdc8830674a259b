"""Who is told what happens in a host."""

from collections.abc import Callable
from dataclasses import dataclass

from doorward.actors.ledger import Event
from doorward.actors.ownership import Partition
from doorward.actors.records.mail import MailJob


@dataclass(frozen=True, slots=True)
class Hooks:
    """Called from the host's loop; none of these may wait."""

    on_event: Callable[[Event], None]
    on_mail: Callable[[int, str, MailJob], None]
    on_taken: Callable[[list[Partition]], None]
    on_trouble: Callable[[str, BaseException | None], None]
