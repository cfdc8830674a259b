"""A signed-in buyer's pages: the orders, the profile, the way out."""

from typing import Final
from urllib.parse import quote

from doorward.actors.messages.orders import OrderList, Profile, ReadOrders, ReadProfile
from doorward.actors.messages.refusals import Invalid, SessionRequired
from doorward.actors.messages.sign_in import Me, UpdateMe
from doorward.http import cursors
from doorward.http.pages import forms, order_views, profile_forms, ways_in
from doorward.http.pages.sign_in import sign_in_first
from doorward.http.pages.visits import Away, Page, Visit, unexpected

ORDERS: Final = 20


async def front_door(visit: Visit) -> Away:
    """Lead from the storefront's short address to the account."""
    return Away(visit.home)


async def show_orders(visit: Visit) -> Page | Away:
    """List the orders, newest activity first."""
    given = visit.call.query("cursor")
    after = cursors.read(given) if given else None
    if given and after is None:
        return Away(visit.home)
    outcome = await visit.ask(
        ReadOrders(caller=visit.call.caller(), session=visit.session, after=after, limit=ORDERS)
    )
    if isinstance(outcome, SessionRequired):
        return sign_in_first(visit, visit.home)
    if not isinstance(outcome, OrderList):
        raise unexpected(outcome)
    older = cursors.written(outcome.after)
    values = {
        "title": visit.words["pages.orders.heading"],
        "notice": None,
        "email": outcome.customer.email,
        "orders": [order_views.row(listed, visit.words) for listed in outcome.items],
        "older": f"{visit.home}?cursor={quote(older, safe='')}" if older else None,
        "newest": visit.home if given else None,
        "when": "pages.orders.active",
        "second": "pages.order.payment",
    }
    return Page("orders.html", values)


async def show_profile(visit: Visit) -> Page | Away:
    """Show the profile to be changed."""
    outcome = await _read_profile(visit)
    if isinstance(outcome, Away):
        return outcome
    customer = outcome.customer
    fields = {"name": customer.name or "", "phone": customer.phone or ""}
    saved = visit.call.query("notice") == "saved"
    return profile_forms.page(visit, customer.email, fields, saved=saved)


async def change_profile(visit: Visit) -> Page | Away:
    """Change name and phone; blank clears."""
    given = await profile_forms.read(visit)
    outcome = await visit.ask(
        UpdateMe(
            caller=visit.call.guarded_caller(),
            session=visit.session,
            name=given.name or None,
            phone=given.bare_phone or None,
        )
    )
    if isinstance(outcome, SessionRequired):
        return sign_in_first(visit, f"{visit.home}/profile")
    if isinstance(outcome, Me):
        return Away(f"{visit.home}/profile?notice=saved")
    if not isinstance(outcome, Invalid):
        raise unexpected(outcome)
    profile = await _read_profile(visit)
    if isinstance(profile, Away):
        return profile
    return profile_forms.page(visit, profile.customer.email, given.fields, refused=outcome)


async def sign_out(visit: Visit) -> Away:
    """End the session."""
    await forms.read_nothing(visit.call.request)
    outcome = await ways_in.out(visit)
    if not isinstance(outcome, str):
        raise unexpected(outcome)
    return Away(f"{visit.home}/sign-in?notice=signed-out", (outcome,))


async def _read_profile(visit: Visit) -> Profile | Away:
    outcome = await visit.ask(ReadProfile(caller=visit.call.caller(), session=visit.session))
    if isinstance(outcome, SessionRequired):
        return sign_in_first(visit, f"{visit.home}/profile")
    if not isinstance(outcome, Profile):
        raise unexpected(outcome)
    return outcome
