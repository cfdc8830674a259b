"""Where orders are filed: what is listed comes from here, what is counted too.

Three indexes, because each list has its own order and filter and none may read what it does not
show: by creation within a status (all of them merged are all orders); within an email by activity,
which is the portal's own list and tells how many there are, and by creation, which is the
account's. An email is named by its digest.
"""

from collections import defaultdict
from functools import partial

from doorward.actors import tokens
from doorward.actors.desks.gathering import together
from doorward.actors.desks.sorted_index import SortedIndex
from doorward.actors.ledger import Ledger
from doorward.actors.records.index import IndexKey
from doorward.actors.records.orders import Order

Filing = tuple[Order | None, Order]
"""An order as it was filed (None: it was not) and as it is to be filed."""


def of_status(status: str) -> str:
    """Name the index of a status."""
    return f"status-{status}"


def of_email(email: str) -> str:
    """Name the index of a canonical email."""
    return f"email-{tokens.email_id(email)}"


def placed_by(email: str) -> str:
    """Name the index of a canonical email by creation."""
    return f"placed-{tokens.email_id(email)}"


def names_of(order: Order) -> tuple[str, str, str]:
    """Name the indexes that an order is filed in."""
    return of_status(order.status), of_email(order.email), placed_by(order.email)


def file(ledger: Ledger, *filings: Filing) -> None:
    """File orders where they belong, and take them out where they no longer do.

    Raises:
        Miss: Naming at once what all of it misses, one level of the indexes at a time.
    """
    moves: defaultdict[str, dict[IndexKey, bool]] = defaultdict(dict)
    for before, after in filings:
        old = _places(before) if before is not None else ()
        new = _places(after)
        # In their order: an order that comes twice lies where the later filing has it.
        for name, key in old:
            if (name, key) not in new:
                moves[name][key] = False
        for name, key in new:
            if (name, key) not in old:
                moves[name][key] = True
    together(*(partial(_move, ledger, name, keys) for name, keys in moves.items()))


def _move(ledger: Ledger, name: str, keys: dict[IndexKey, bool]) -> None:
    index = SortedIndex(ledger, name)
    together(
        *(partial(index.remove, key) for key, stays in keys.items() if not stays),
        partial(index.insert_all, [key for key, stays in keys.items() if stays]),
    )


def _places(order: Order) -> tuple[tuple[str, IndexKey], ...]:
    by_creation = (order.created_at_ms, order.id)
    status, email, placed = names_of(order)
    return (
        (status, by_creation),
        (email, (order.activity_at_ms, order.id)),
        (placed, by_creation),
    )
