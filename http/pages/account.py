"""A signed-in buyer's pages: the orders, the profile, the way out."""

from typing import Final
from urllib.parse import quote

from doorward.actors.messages.orders import OrderList, Profile, ReadOrders, ReadProfile
from doorward.actors.messages.refusals import Invalid, SessionRequired
from doorward.actors.messages.sign_in import Me, SignedOut, SignOut, UpdateMe
from doorward.http import cursors
from doorward.http.edge import cookies
from doorward.http.pages import forms, order_views
from doorward.http.pages.sign_in import sign_in_first
from doorward.http.pages.visits import Away, Page, Visit, unexpected
from doorward.http.surfaces.portal import PORTAL_COOKIE

ORDERS: Final = 20
_PHONE_FILLERS: Final = str.maketrans("", "", " ()-./\u00a0")


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
    }
    return Page("orders.html", values)


async def show_profile(visit: Visit) -> Page | Away:
    """Show the profile to be changed."""
    outcome = await _read_profile(visit)
    if isinstance(outcome, Away):
        return outcome
    saved = visit.call.query("notice") == "saved"
    customer = outcome.customer
    return _profile_page(
        visit,
        customer.email,
        {"name": customer.name or "", "phone": customer.phone or ""},
        notice=visit.words["pages.notice.saved"] if saved else None,
    )


async def change_profile(visit: Visit) -> Page | Away:
    """Change name and phone; blank clears."""
    form = await forms.read(visit.call.request)
    name, phone = form.get("name", "").strip(), form.get("phone", "").strip()
    outcome = await visit.ask(
        UpdateMe(
            caller=visit.call.guarded_caller(),
            session=visit.session,
            name=name or None,
            phone=phone.translate(_PHONE_FILLERS) or None,
        )
    )
    if isinstance(outcome, SessionRequired):
        return sign_in_first(visit, f"{visit.home}/profile")
    if isinstance(outcome, Me):
        return Away(f"{visit.home}/profile?notice=saved")
    if not isinstance(outcome, Invalid):
        raise unexpected(outcome)
    return await _refused_profile(visit, outcome, {"name": name, "phone": phone})


async def sign_out(visit: Visit) -> Away:
    """End the session."""
    await forms.read_nothing(visit.call.request)
    outcome = await visit.ask(SignOut(caller=visit.call.guarded_caller(), session=visit.session))
    if not isinstance(outcome, SignedOut):
        raise unexpected(outcome)
    name = f"{'__Host-' if outcome.secure else ''}{PORTAL_COOKIE}{visit.slug}"
    cookie = cookies.cleared(name, secure=outcome.secure)
    return Away(f"{visit.home}/sign-in?notice=signed-out", (cookie,))


async def _read_profile(visit: Visit) -> Profile | Away:
    outcome = await visit.ask(ReadProfile(caller=visit.call.caller(), session=visit.session))
    if isinstance(outcome, SessionRequired):
        return sign_in_first(visit, f"{visit.home}/profile")
    if not isinstance(outcome, Profile):
        raise unexpected(outcome)
    return outcome


async def _refused_profile(visit: Visit, refused: Invalid, given: dict[str, str]) -> Page | Away:
    """Show what was entered and what is wrong with it; nothing of it is lost."""
    profile = await _read_profile(visit)
    if isinstance(profile, Away):
        return profile
    field = "phone" if refused.name == "phone" else "name"
    problems = {field: visit.words[f"pages.profile.{field}_wrong"]}
    return _profile_page(visit, profile.customer.email, given, problems=problems)


def _profile_page(
    visit: Visit,
    email: str,
    fields: dict[str, str],
    *,
    notice: str | None = None,
    problems: dict[str, str] | None = None,
) -> Page:
    title = visit.words["pages.profile.heading"]
    values = {
        "title": visit.words.say("pages.error_title", title=title) if problems else title,
        "notice": notice,
        "notice_tone": "good",
        "email": email,
        "problems": problems or {},
        **fields,
    }
    return Page("profile.html", values, 400 if problems else 200)
