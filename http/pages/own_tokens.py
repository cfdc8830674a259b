"""What a mailed token alone opens: an order's status, and an action that is done on a click.

The token in the address is the credential, as on an order's page (``order``): it goes to nobody,
looking spends nothing, and one that opens nothing is one and the same page whatever the reason.
"""

from functools import partial
from typing import Final

import orjson
from aiohttp import web

from doorward.actors.locales import Catalogue
from doorward.actors.messages.account import (
    ActionPreview,
    ActionTaken,
    NotReturnable,
    OrderStatus,
    PreviewAction,
    ReadOrderStatus,
    TakeAction,
)
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import Invalid, InvalidTransition, NotFound
from doorward.http import password_actions, passwords
from doorward.http.hashing import HASHING
from doorward.http.pages import forms, order_views, own_views
from doorward.http.pages.order import caller_of
from doorward.http.pages.visits import Fault, Page, Visit, unexpected
from doorward.http.surfaces.account_tokens import ACTION_TOKEN, STATUS_TOKEN, token_digest

_ACTIONS: Final = "/actions"
_ABOUT_RETURNS: Final = frozenset({"start_return", "cancel_return"})


async def show_status(visit: Visit) -> Page:
    """Show how far an order is, and nothing personal."""
    digest = token_digest(visit.call.request.match_info["token"], STATUS_TOKEN)
    outcome = await visit.ask(ReadOrderStatus(token_digest=digest, caller=visit.call.caller()))
    if not isinstance(outcome, OrderStatus):
        raise _no_page_for(outcome)
    words, order = visit.words, outcome.order
    values = {
        "title": words.say("pages.order.title", number=order.number),
        "order": own_views.whole(order, words),
    }
    return Page("own_status.html", values)


async def preview(visit: Visit) -> Page:
    """Show what a token would do, and ask for the click that does it."""
    return await _preview(visit)


async def act(visit: Visit) -> Page:
    """Do what a token does. The answer is a page: the address opens nothing any more."""
    request = visit.call.request
    password = await _password_in(request)
    digest = token_digest(request.match_info["token"], ACTION_TOKEN)
    message = TakeAction(token_digest=digest, caller=caller_of(visit))
    outcome = await password_actions.taken(
        visit.ask, partial(request.app[HASHING].hash, visit.slug), message, password
    )
    if isinstance(outcome, NotReturnable | InvalidTransition):
        return await _preview(visit, refused=True)
    if isinstance(outcome, Invalid):
        return await _preview(visit, password=password or "")
    if not isinstance(outcome, ActionTaken):
        raise _no_page_for(outcome)
    words, action = visit.words, outcome.action
    number = orjson.loads(outcome.result).get("orderNumber")
    # Only an account on a host of the storefront's own has pages about orders.
    is_order = action in _ABOUT_RETURNS and isinstance(number, str) and visit.host is not None
    values = {
        "title": words[f"account.action.done.{action}"],
        "text": words[f"account.action.done_text.{action}"],
        "way": own_views.order_path(number) if is_order else visit.home,
        "way_text": words["account.action.to_order" if is_order else "account.action.to_account"],
    }
    return Page("own_acted.html", values)


async def _preview(visit: Visit, *, refused: bool = False, password: str | None = None) -> Page:
    """Show the page; again, where something stands in the way or a ``password`` is no good."""
    token = visit.call.request.match_info["token"]
    digest = token_digest(token, ACTION_TOKEN)
    outcome = await visit.ask(PreviewAction(token_digest=digest, caller=visit.call.caller()))
    if not isinstance(outcome, ActionPreview):
        raise _no_page_for(outcome)
    words = visit.words
    title, problem = words[f"actions.title.{outcome.action}"], None
    least = outcome.password_minimum
    if password is not None and least is not None:
        problem = _problem(password, least, words)
    values = {
        "title": words.say("pages.error_title", title=title) if refused or problem else title,
        "heading": title,
        "text": words[f"account.action.text.{outcome.action}"],
        "button": words[f"account.action.button.{outcome.action}"],
        "notice": words["account.action.not_now"] if refused else None,
        "facts": _facts(outcome, words),
        "until": order_views.moment(outcome.expires_at_ms, words),
        "path": f"{_ACTIONS if visit.host else visit.home + _ACTIONS}/{token}",
        "hint": words.say("account.password.hint", count=least) if least else None,
        "problem": problem,
    }
    status = 409 if refused else 400 if problem else 200
    return Page("own_action.html", values, status)


async def _password_in(request: web.Request) -> str | None:
    """Read the password in a form; one that is nothing but its button has none."""
    if request.content_type != forms.URL_ENCODED:
        await forms.read_nothing(request)
        return None
    return (await forms.read(request)).get("password")


def _problem(password: str, least: int, words: Catalogue) -> str:
    """Say why a password was refused."""
    password = passwords.normalised(password)
    if not password:
        return words["account.password.needed"]
    if len(password) < least:
        return words.say("account.password.too_short", count=least)
    if len(password) > passwords.LENGTH_MAX:
        return words.say("account.password.too_long", count=passwords.LENGTH_MAX)
    common = password.casefold() in passwords.COMMON
    return words["account.password.common" if common else "account.password.unusable"]


def _facts(outcome: ActionPreview, words: Catalogue) -> list[tuple[str, str]]:
    """Tell what an action is about; one about the customer alone is about nothing else."""
    reason = orjson.loads(outcome.context).get("reason")
    items = "\n".join(f"{name} × {quantity}" for name, quantity in outcome.lines)
    found = (
        ("account.action.order", outcome.order_number),
        ("account.action.items", items),
        ("account.return.reason", reason),
    )
    return [(words[name], text) for name, text in found if text]


def _no_page_for(outcome: Outcome) -> Exception:
    return Fault(404, "token") if isinstance(outcome, NotFound) else unexpected(outcome)
