"""What a mailed token alone opens: an order's status, and an action that is done on a click.

The token in the address is the credential, as on an order's page (``order``): it goes to nobody,
looking spends nothing, and one that opens nothing is one and the same page whatever the reason.
"""

from typing import Final

import orjson

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
from doorward.actors.messages.refusals import InvalidTransition, NotFound
from doorward.http.pages import forms, order_views, own_views
from doorward.http.pages.order import caller_of
from doorward.http.pages.visits import Fault, Page, Visit, unexpected
from doorward.http.surfaces.account_tokens import ACTION_TOKEN, STATUS_TOKEN, token_digest

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
    await forms.read_nothing(visit.call.request)
    digest = token_digest(visit.call.request.match_info["token"], ACTION_TOKEN)
    outcome = await visit.ask(TakeAction(token_digest=digest, caller=caller_of(visit)))
    if isinstance(outcome, NotReturnable | InvalidTransition):
        return await _preview(visit, refused=True)
    if not isinstance(outcome, ActionTaken):
        raise _no_page_for(outcome)
    words, action = visit.words, outcome.action
    number = orjson.loads(outcome.result).get("orderNumber")
    is_order = action in _ABOUT_RETURNS and isinstance(number, str)
    values = {
        "title": words[f"account.action.done.{action}"],
        "text": words[f"account.action.done_text.{action}"],
        "way": own_views.order_path(number) if is_order else visit.home,
        "way_text": words["account.action.to_order" if is_order else "account.action.to_account"],
    }
    return Page("own_acted.html", values)


async def _preview(visit: Visit, *, refused: bool = False) -> Page:
    digest = token_digest(visit.call.request.match_info["token"], ACTION_TOKEN)
    outcome = await visit.ask(PreviewAction(token_digest=digest, caller=visit.call.caller()))
    if not isinstance(outcome, ActionPreview):
        raise _no_page_for(outcome)
    words = visit.words
    title = words[f"actions.title.{outcome.action}"]
    values = {
        "title": words.say("pages.error_title", title=title) if refused else title,
        "heading": title,
        "text": words[f"account.action.text.{outcome.action}"],
        "button": words[f"account.action.button.{outcome.action}"],
        "problem": words["account.action.not_now"] if refused else None,
        "facts": _facts(outcome, words),
        "until": order_views.moment(outcome.expires_at_ms, words),
        "path": f"/actions/{visit.call.request.match_info['token']}",
    }
    return Page("own_action.html", values, 409 if refused else 200)


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
