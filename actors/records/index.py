"""Sorted indexes: the nodes of a B+ tree, each one record (``desks.sorted_index``)."""

from typing import ClassVar

from doorward.actors.records.record import Record

IndexKey = tuple[int, str]
"""What an index is sorted by (mostly a time in ms), and what it leads to."""


class IndexNode(Record, frozen=True, array_like=True):
    """A node, named ``<index>-<number>``: a leaf holds ``keys`` only.

    An inner node holds the numbers of its children, and with each a key that none below it is
    lower than (the first child's is no bound: whatever is lower than all goes there).
    """

    kind: ClassVar[str] = "index"

    keys: tuple[IndexKey, ...] = ()
    children: tuple[int, ...] = ()


class IndexRoot(Record, frozen=True, array_like=True):
    """The root node of an index, named after it; a small index is nothing but this record.

    ``names`` is how many numbers nodes were ever given, ``count`` how many keys there are.
    """

    kind: ClassVar[str] = "index-root"

    keys: tuple[IndexKey, ...] = ()
    children: tuple[int, ...] = ()
    names: int = 0
    count: int = 0
