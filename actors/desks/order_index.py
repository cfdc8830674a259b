"""Where orders are filed: what is listed comes from here, what is counted too.

Three indexes, because each list has its own order and filter and none may read what it does not
show: all by creation; by creation within a status; by activity within an email, which is the
buyer's own list and tells how many there are. An email is named by its digest.
"""

from functools import partial
from typing import Final

from doorward.actors import tokens
from doorward.actors.desks.gathering import together
from doorward.actors.desks.sorted_index import SortedIndex
from doorward.actors.ledger import Ledger
from doorward.actors.records.index import IndexKey
from doorward.actors.records.orders import Order

Filing = tuple[Order | None, Order]
"""An order as it was filed (None: it was not) and as it is to be filed."""

ALL: Final = "created"


def of_status(status: str) -> str:
    """Name the index of a status."""
    return f"status-{status}"


def of_email(email: str) -> str:
    """Name the index of a canonical email."""
    return f"email-{tokens.email_id(email)}"


def names_of(order: Order) -> tuple[str, str, str]:
    """Name the indexes that an order is filed in."""
    return ALL, of_status(order.status), of_email(order.email)


def file(ledger: Ledger, *filings: Filing) -> None:
    """File orders where they belong, and take them out where they no longer do.

    Raises:
        Miss: Naming at once what all of it misses, one level of the indexes at a time.
    """
    indexes: dict[str, SortedIndex] = {}
    together(*(partial(_file, ledger, indexes, filing) for filing in filings))


def _file(ledger: Ledger, indexes: dict[str, SortedIndex], filing: Filing) -> None:
    before, after = filing
    old = _places(before) if before is not None else ()
    new = _places(after)
    together(
        *(partial(_remove, ledger, indexes, place) for place in old if place not in new),
        *(partial(_insert, ledger, indexes, place) for place in new if place not in old),
    )


def _places(order: Order) -> tuple[tuple[str, IndexKey], ...]:
    by_creation = (order.created_at_ms, order.id)
    everything, status, email = names_of(order)
    return (
        (everything, by_creation),
        (status, by_creation),
        (email, (order.activity_at_ms, order.id)),
    )


def _insert(ledger: Ledger, indexes: dict[str, SortedIndex], place: tuple[str, IndexKey]) -> None:
    _index(ledger, indexes, place[0]).insert(place[1])


def _remove(ledger: Ledger, indexes: dict[str, SortedIndex], place: tuple[str, IndexKey]) -> None:
    _index(ledger, indexes, place[0]).remove(place[1])


def _index(ledger: Ledger, indexes: dict[str, SortedIndex], name: str) -> SortedIndex:
    index = indexes.get(name)
    if index is None:
        index = indexes[name] = SortedIndex(ledger, name)
    return index
