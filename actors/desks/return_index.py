"""Where returns are filed: all by creation, and by creation within a status."""

from functools import partial
from typing import Final

from doorward.actors.desks.gathering import together
from doorward.actors.desks.sorted_index import SortedIndex
from doorward.actors.ledger import Ledger
from doorward.actors.records.account import Return
from doorward.actors.records.index import IndexKey

ALL: Final = "returns"


def of_status(status: str) -> str:
    """Name the index of a status."""
    return f"returns-{status}"


def file(ledger: Ledger, before: Return | None, after: Return) -> None:
    """File a return where it belongs, and take it out where it no longer does.

    Raises:
        Miss: Naming at once what all of it misses, one level of the indexes at a time.
    """
    key: IndexKey = (after.created_at_ms, after.id)
    steps = []
    if before is None:
        steps.append(partial(_insert, ledger, ALL, key))
    elif before.status != after.status:
        steps.append(partial(_remove, ledger, of_status(before.status), key))
    if before is None or before.status != after.status:
        steps.append(partial(_insert, ledger, of_status(after.status), key))
    together(*steps)


def _insert(ledger: Ledger, name: str, key: IndexKey) -> None:
    SortedIndex(ledger, name).insert(key)


def _remove(ledger: Ledger, name: str, key: IndexKey) -> None:
    SortedIndex(ledger, name).remove(key)
