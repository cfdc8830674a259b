"""A customer's orders on the storefront's own host: the list, one order, its returns."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import quote

from doorward.actors.messages.account import (
    CancelReturn,
    GetOwnOrder,
    ListOwnOrders,
    NotReturnable,
    OwnOrder,
    OwnOrders,
    RequestReturn,
    ReturnFound,
)
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import Invalid, InvalidTransition, NotFound, SessionRequired
from doorward.actors.records.account import ReturnItem
from doorward.http import cursors
from doorward.http.pages import forms, order_views, own_views
from doorward.http.pages.sign_in import sign_in_first
from doorward.http.pages.visits import Away, Fault, Page, Visit, unexpected
from doorward.http.surfaces.merchant import number_of

ORDERS: Final = 20
_QUANTITY: Final = "quantity-"
_WHOLE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_FIELDS_MAX: Final = 1_000
"""One for each line of the longest order, and the reason."""
_NOTICES: Final = {
    "return_requested": "good",
    "return_canceled": "good",
    "return_late": "stop",
}


_NONE: Final[Mapping[str, str]] = {}


class Draft(NamedTuple):
    """A return that was not taken: what was entered, and why; ``problem`` names the words."""

    problem: str = ""
    status: int = 200
    quantities: Mapping[str, str] = _NONE
    reason: str = ""


async def show_all(visit: Visit) -> Page | Away:
    """List the orders, newest first."""
    given, path = visit.call.query("cursor"), f"{visit.home}/orders"
    after = cursors.read(given) if given else None
    if given and after is None:
        return Away(path)
    outcome = await visit.ask(
        ListOwnOrders(
            caller=visit.call.caller(), presented=visit.presented, after=after, limit=ORDERS
        )
    )
    if isinstance(outcome, SessionRequired):
        return sign_in_first(visit, path)
    if not isinstance(outcome, OwnOrders):
        raise unexpected(outcome)
    older = cursors.written(outcome.after)
    values = {
        "title": visit.words["pages.orders.heading"],
        "notice": None,
        "email": outcome.account.email,
        **own_views.rows(outcome.items, visit.words),
        "older": f"{path}?cursor={quote(older, safe='')}" if older else None,
        "newest": path if given else None,
    }
    return Page("orders.html", values)


async def show(visit: Visit) -> Page | Away:
    """Show one order."""
    return await _show(visit, Draft())


async def start_return(visit: Visit) -> Page | Away:
    """Ask to send items back."""
    form = await forms.read(visit.call.request, fields_max=_FIELDS_MAX)
    given = {
        name.removeprefix(_QUANTITY): text.strip()
        for name, text in form.items()
        if name.startswith(_QUANTITY)
    }
    draft = Draft("", 400, given, form.get("reason", "").strip())
    if not all(_WHOLE.fullmatch(text or "0") for text in given.values()):
        return await _show(visit, draft._replace(problem="quantity_wrong"))
    items = tuple(ReturnItem(name, int(text or 0)) for name, text in given.items())
    wanted = tuple(item for item in items if item.quantity)
    if not wanted:
        return await _show(visit, draft._replace(problem="nothing_chosen"))
    outcome = await visit.ask(
        RequestReturn(
            caller=visit.call.guarded_caller(),
            presented=visit.presented,
            order_number=number_of(visit.call),
            items=wanted,
            reason=draft.reason or None,
        )
    )
    match outcome:
        case ReturnFound():
            return _back(visit, "return_requested")
        case NotReturnable():
            return await _show(visit, draft._replace(problem="not_returnable", status=409))
        case Invalid():
            problem = "reason_wrong" if outcome.name == "reason" else "quantity_wrong"
            return await _show(visit, draft._replace(problem=problem))
        case SessionRequired():
            return sign_in_first(visit, _path(visit))
        case _:
            raise _no_page_for(outcome)


async def cancel_return(visit: Visit) -> Away:
    """Call a return off."""
    await forms.read_nothing(visit.call.request)
    outcome = await visit.ask(
        CancelReturn(
            caller=visit.call.guarded_caller(),
            presented=visit.presented,
            order_number=number_of(visit.call),
            return_id=visit.call.request.match_info["id"],
        )
    )
    match outcome:
        case ReturnFound():
            return _back(visit, "return_canceled")
        case InvalidTransition():
            return _back(visit, "return_late")
        case SessionRequired():
            return sign_in_first(visit, _path(visit))
        case _:
            raise _no_page_for(outcome)


async def back_to_order(visit: Visit) -> Away:
    """Lead who reloads a form's address back to its order."""
    return Away(_path(visit))


async def _show(visit: Visit, draft: Draft) -> Page | Away:
    outcome = await visit.ask(
        GetOwnOrder(
            caller=visit.call.caller(),
            presented=visit.presented,
            order_number=number_of(visit.call),
        )
    )
    if isinstance(outcome, SessionRequired):
        return sign_in_first(visit, _path(visit))
    if not isinstance(outcome, OwnOrder):
        raise _no_page_for(outcome)
    words, order = visit.words, outcome.order
    title = words.say("pages.order.title", number=order.number)
    notice = visit.call.query("notice") or ""
    places = (
        ("shipping_address", order.shipping_address),
        ("billing_address", order.billing_address),
    )
    values = {
        "title": words.say("pages.error_title", title=title) if draft.problem else title,
        "notice": words[f"account.notice.{notice}"] if notice in _NOTICES else None,
        "notice_tone": _NOTICES.get(notice, "good"),
        "path": own_views.order_path(order.order_number),
        "order": own_views.whole(order, words),
        "payment": order_views.payment_state(order, words),
        "facts": order_views.facts(order, words),
        "tracking_url": order_views.tracking_url(order),
        "places": [
            (words[f"account.order.{name}"], own_views.postal_lines(place, words))
            for name, place in places
            if place is not None
        ],
        "returns": [own_views.returned(outcome, each, words) for each in outcome.returns],
        "lines": own_views.lines(outcome, words),
        "problem": words[f"account.return.{draft.problem}"] if draft.problem else None,
        "draft": draft,
    }
    return Page("own_order.html", values, draft.status)


def _path(visit: Visit) -> str:
    number = number_of(visit.call)
    return own_views.order_path(number) if number else f"{visit.home}/orders"


def _back(visit: Visit, notice: str) -> Away:
    return Away(f"{_path(visit)}?notice={notice}")


def _no_page_for(outcome: Outcome) -> Exception:
    if isinstance(outcome, NotFound):
        return Fault(404, "own_order")
    return unexpected(outcome)
