"""A customer's own things as pages show them: orders, returns, addresses, sessions."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from doorward.actors.locales import Catalogue
from doorward.actors.locales.places import country_name
from doorward.actors.messages.account import OwnOrder, SessionView
from doorward.actors.records.account import BookAddress, Return
from doorward.actors.records.orders import Order, OrderItem, PostalAddress
from doorward.http.pages import order_views
from doorward.http.pages.order_views import Item, Moment, Row, State
from doorward.http.pages.visits import OWN_HOME
from doorward.http.surfaces.account_views import status_of

_LOOKS: Final = {
    "PENDING": ("wait", "clock"),
    "CONFIRMED": ("info", "check"),
    "CANCELLED": ("calm", "cross"),
    "REFUNDED": ("calm", "back"),
    "UNFULFILLED": ("wait", "open"),
    "PARTIALLY_FULFILLED": ("info", "work"),
    "FULFILLED": ("info", "parcel"),
    "DELIVERED": ("good", "done"),
    "REQUESTED": ("wait", "clock"),
    "APPROVED": ("info", "check"),
    "IN_TRANSIT": ("info", "parcel"),
    "RECEIVED": ("info", "work"),
    "COMPLETED": ("good", "done"),
    "REJECTED": ("stop", "cross"),
}
_CANCELABLE: Final = frozenset({"REQUESTED", "APPROVED"})


class Address(NamedTuple):
    """An entry of the address book; ``lines`` as they stand on an envelope."""

    path: str
    heading: str
    lines: tuple[str, ...]
    phone: str | None
    uses: tuple[str, ...]


class Line(NamedTuple):
    """A line of an order, and how much of it may still come back."""

    id: str
    item: Item
    returnable: int


class Returned(NamedTuple):
    """A return; ``cancel`` is where it is called off, while it can be."""

    id: str
    status: State
    comes_next: str
    items: tuple[tuple[str, int], ...]
    reason: str | None
    note: str | None
    requested: Moment
    cancel: str | None


class Whole(NamedTuple):
    """An order, as the account and its status link show it."""

    number: str
    what: str
    status: State
    delivery: State
    items: tuple[Item, ...]
    sums: tuple[tuple[str, str], ...]
    total: str
    placed: Moment
    changed: Moment


class OwnSession(NamedTuple):
    """A live session."""

    path: str
    device: str
    place: str
    kind: str
    seen: Moment
    since: Moment
    current: bool


def order_path(order_number: str) -> str:
    """Tell where an order of the account is."""
    return f"{OWN_HOME}/orders/{quote(order_number, safe='')}"


def rows(orders: Iterable[Order], words: Catalogue) -> dict[str, Any]:
    """Show orders in a list: what ``order_rows.html`` asks for."""
    return {
        "orders": [_row(order, words) for order in orders],
        "when": "account.orders.placed",
        "second": "account.order.delivery",
    }


def whole(order: Order, words: Catalogue) -> Whole:
    """Show an order without anything personal."""
    return Whole(
        number=order.number,
        what=order_views.what(order),
        status=_status(order, words),
        delivery=_delivery(order, words),
        items=order_views.items(order, words),
        sums=order_views.sums(order, words),
        total=words.money(order.total, order.currency),
        placed=order_views.moment(order.created_at_ms, words),
        changed=order_views.moment(order.updated_at_ms, words),
    )


def lines(found: OwnOrder, words: Catalogue) -> tuple[Line, ...]:
    """Show the lines of an order that may still come back."""
    order = found.order
    return tuple(
        Line(item.id, shown, found.returnable.get(item.id, 0))
        for item, shown in zip(order.items, order_views.items(order, words), strict=True)
        if found.returnable.get(item.id, 0)
    )


def returned(found: OwnOrder, each: Return, words: Catalogue) -> Returned:
    """Show a return of an order."""
    path = f"{order_path(found.order.order_number)}/returns/{quote(each.id, safe='')}/cancel"
    return Returned(
        id=each.id,
        status=_state("returns.status", each.status, words),
        comes_next=words[f"returns.next.{each.status}"],
        items=named(
            ((item.order_item_id, item.quantity) for item in each.items), found.order.items
        ),
        reason=each.reason,
        note=each.note,
        requested=order_views.moment(each.created_at_ms, words),
        cancel=path if each.status in _CANCELABLE else None,
    )


def named(
    wanted: Iterable[tuple[str, int]], items: Iterable[OrderItem]
) -> tuple[tuple[str, int], ...]:
    """Put the names of an order's lines for their ids; one that is gone keeps its id."""
    names = {item.id: item.name for item in items}
    return tuple((names.get(item_id, item_id), quantity) for item_id, quantity in wanted)


def address(entry: BookAddress, words: Catalogue) -> Address:
    """Show an entry of the address book."""
    defaults = (("shipping", entry.is_default_shipping), ("billing", entry.is_default_billing))
    return Address(
        path=f"{OWN_HOME}/addresses/{quote(entry.id, safe='')}",
        heading=entry.label or entry.address.name,
        lines=postal_lines(entry.address, words),
        phone=entry.address.phone,
        uses=tuple(words[f"account.address.default_{use}"] for use, is_so in defaults if is_so),
    )


def postal_lines(place: PostalAddress, words: Catalogue) -> tuple[str, ...]:
    """Show an address line by line."""
    town = " ".join(filter(None, (place.city, place.postal_code)))
    country = country_name(words.locale, place.country)
    found = (place.name, place.company, place.line1, place.line2, town, place.region, country)
    return tuple(line for line in found if line)


def session(view: SessionView, words: Catalogue) -> OwnSession:
    """Show a live session."""
    return OwnSession(
        path=f"{OWN_HOME}/sessions/{quote(view.id, safe='')}/end",
        device=view.device or words["account.sessions.unknown_device"],
        place=view.address or words["account.sessions.unknown_place"],
        kind=words["account.sessions.portal"] if view.surface == "portal" else "",
        seen=order_views.moment(view.seen_at_ms, words),
        since=order_views.moment(view.created_at_ms, words),
        current=view.current,
    )


def _row(order: Order, words: Catalogue) -> Row:
    return Row(
        path=order_path(order.order_number),
        number=order.number,
        what=order_views.what(order),
        status=_status(order, words),
        payment=_delivery(order, words),
        total=words.money(order.total, order.currency),
        active=order_views.moment(order.created_at_ms, words),
    )


def _status(order: Order, words: Catalogue) -> State:
    return _state("account.status", status_of(order), words)


def _delivery(order: Order, words: Catalogue) -> State:
    state = _state("account.delivery", order.fulfillment_status, words)
    # Nobody waits for what will not be sent.
    is_off = status_of(order) in {"CANCELLED", "REFUNDED"}
    return state._replace(tone="calm") if is_off else state


def _state(kind: str, name: str, words: Catalogue) -> State:
    return State(words[f"{kind}.{name}"], *_LOOKS[name])
