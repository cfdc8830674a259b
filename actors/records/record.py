"""What is stored: every record type, typed and versioned.

A record is an immutable value with a ``kind`` (its name inside a storefront's keys). What is
decided together lies together: one ``Email`` record holds the challenge, the windows and the guess
ledger of an email, so that a request for a never-seen email costs one missed key and one write.

At rest a record is one version byte and a MessagePack array. Fields may be appended with a default
without a new version (a shorter array still decodes); any other change raises that record's
``version`` and adds an upgrade. A record from a newer Doorward is refused, never guessed at.
"""

from typing import ClassVar, TypeVar

import msgspec


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The common shape: ``kind`` and ``version`` on the class, values in the fields."""

    kind: ClassVar[str] = ""
    version: ClassVar[int] = 1


R = TypeVar("R", bound=Record)
