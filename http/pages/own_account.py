"""A customer's account on the storefront's own host: the overview, the profile, the sessions."""

from typing import Final

from doorward.actors.messages.account import (
    Account,
    AccountView,
    EndSessions,
    ListSessions,
    Overview,
    ReadAccount,
    ReadOverview,
    SessionList,
    UpdateAccount,
)
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import Deleted, Invalid, NotFound, SessionRequired
from doorward.http.pages import forms, own_views, profile_forms
from doorward.http.pages.sign_in import sign_in_first
from doorward.http.pages.visits import Away, Page, Visit, unexpected

_NOTICES: Final = {"ended_one": "good", "ended_others": "good"}


async def show_overview(visit: Visit) -> Page | Away:
    """Show a little of everything."""
    outcome = await visit.ask(ReadOverview(caller=visit.call.caller(), presented=visit.presented))
    if isinstance(outcome, SessionRequired):
        return sign_in_first(visit, visit.home)
    if not isinstance(outcome, Overview):
        raise unexpected(outcome)
    words, account = visit.words, outcome.account
    named = account.name
    shown = sorted(outcome.addresses, key=lambda entry: not entry.is_default_shipping)[:1]
    values = {
        "title": words["account.overview.heading"],
        "heading": words.say("account.overview.hello", name=named)
        if named
        else words["account.overview.heading"],
        "account": account,
        **own_views.rows(outcome.orders, words),
        "address": own_views.address(shown[0], words) if shown else None,
        "addresses": words.say("account.overview.addresses", count=len(outcome.addresses)),
        "sessions": words.say("account.overview.sessions", count=outcome.sessions),
    }
    return Page("own_overview.html", values)


async def show_profile(visit: Visit) -> Page | Away:
    """Show the profile to be changed."""
    account = await _read_account(visit)
    if isinstance(account, Away):
        return account
    fields = {"name": account.name or "", "phone": account.phone or ""}
    saved = visit.call.query("notice") == "saved"
    return profile_forms.page(visit, account.email, fields, saved=saved)


async def change_profile(visit: Visit) -> Page | Away:
    """Change name and phone; blank clears."""
    given = await profile_forms.read(visit)
    outcome = await visit.ask(
        UpdateAccount(
            caller=visit.call.guarded_caller(),
            presented=visit.presented,
            name=given.name or None,
            phone=given.bare_phone or None,
        )
    )
    if isinstance(outcome, SessionRequired):
        return sign_in_first(visit, f"{visit.home}/profile")
    if isinstance(outcome, Account):
        return Away(f"{visit.home}/profile?notice=saved")
    if not isinstance(outcome, Invalid):
        raise unexpected(outcome)
    account = await _read_account(visit)
    if isinstance(account, Away):
        return account
    return profile_forms.page(visit, account.email, given.fields, refused=outcome)


async def show_sessions(visit: Visit) -> Page | Away:
    """List where the customer is signed in."""
    outcome = await visit.ask(ListSessions(caller=visit.call.caller(), presented=visit.presented))
    if isinstance(outcome, SessionRequired):
        return sign_in_first(visit, f"{visit.home}/sessions")
    if not isinstance(outcome, SessionList):
        raise unexpected(outcome)
    words, notice = visit.words, visit.call.query("notice")
    values = {
        "title": words["account.sessions.heading"],
        "notice": words[f"account.notice.{notice}"] if notice in _NOTICES else None,
        "sessions": [own_views.session(each, words) for each in outcome.items],
        "others": len(outcome.items) > 1,
    }
    return Page("own_sessions.html", values)


async def end_session(visit: Visit) -> Away:
    """End one session."""
    return await _end(visit, visit.call.request.match_info["id"], "ended_one")


async def end_others(visit: Visit) -> Away:
    """End all sessions but this one."""
    return await _end(visit, None, "ended_others")


async def back_to_sessions(visit: Visit) -> Away:
    """Lead who reloads a form's address back to the list."""
    return Away(f"{visit.home}/sessions")


async def _end(visit: Visit, session_id: str | None, notice: str) -> Away:
    await forms.read_nothing(visit.call.request)
    outcome: Outcome = await visit.ask(
        EndSessions(
            caller=visit.call.guarded_caller(),
            presented=visit.presented,
            session_id=session_id,
        )
    )
    if isinstance(outcome, SessionRequired):
        return sign_in_first(visit, f"{visit.home}/sessions")
    # One that is not there any more has ended, which is what was wanted.
    if not isinstance(outcome, Deleted | NotFound):
        raise unexpected(outcome)
    return Away(f"{visit.home}/sessions?notice={notice}")


async def _read_account(visit: Visit) -> AccountView | Away:
    outcome = await visit.ask(ReadAccount(caller=visit.call.caller(), presented=visit.presented))
    if isinstance(outcome, SessionRequired):
        return sign_in_first(visit, f"{visit.home}/profile")
    if not isinstance(outcome, Account):
        raise unexpected(outcome)
    return outcome.account
