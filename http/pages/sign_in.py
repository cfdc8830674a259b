"""Signing in: the email, then the code, each a plain form; the email is never in an address."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from doorward.actors.emails import NotAnEmail, canonical
from doorward.actors.messages.refusals import TooMany
from doorward.actors.messages.sign_in import SignInRefused
from doorward.http.edge.refusals import BadRequest
from doorward.http.edge.retry_after import whole_seconds
from doorward.http.pages import faults, forms, ways_in
from doorward.http.pages.visits import Away, Fault, Page, Visit, unexpected
from doorward.http.replies import retry_headers

RESEND_SECONDS: Final = 30
"""How long the button for another code counts down; a courtesy to mailboxes, not a limit."""
_BETWEEN_DIGITS: Final = re.compile(r"[\s\u200b\u2060.-]+")
_NOTICES: Final = {"signed-out": "good", "ended": "stop", "sign-in": "good"}


async def show(visit: Visit) -> Page:
    """Ask for the email."""
    await visit.ask_front()
    notice = visit.call.query("notice")
    next_path = ways_in.next_of(visit, visit.call.query("next"))
    return _email_page(
        visit,
        next_path=next_path,
        notice=notice if notice in _NOTICES else None,
    )


async def send_code(visit: Visit) -> Page:
    """Mail a code and ask for it. The answer is a page, not a redirect: an address would tell."""
    form = await forms.read(visit.call.request)
    next_path, given = ways_in.next_of(visit, form.get("next")), form.get("email", "")
    try:
        email = canonical(given)
    except NotAnEmail:
        await visit.ask_front()
        name = "email_wrong" if given.strip() else "email_missing"
        return _email_page(visit, email=given, problem=name, status=400, next_path=next_path)
    outcome = await ways_in.request(visit, email)
    if outcome is None:
        notice = "again" if form.get("again") else None
        return _code_page(visit, email, next_path=next_path, notice=notice)
    if isinstance(outcome, TooMany):
        if form.get("again"):
            return _code_page(visit, email, next_path=next_path, too_many=outcome)
        return _email_page(visit, email=email, next_path=next_path, too_many=outcome)
    raise unexpected(outcome)


async def enter_code(visit: Visit) -> Page | Away:
    """Sign in with the code."""
    form = await forms.read(visit.call.request)
    next_path = ways_in.next_of(visit, form.get("next"))
    try:
        email = canonical(form.get("email", ""))
    except NotAnEmail:
        return Away(f"{visit.home}/sign-in")
    code = _BETWEEN_DIGITS.sub("", form.get("code", ""))
    outcome = await ways_in.by_code(visit, email, code)
    if isinstance(outcome, tuple):
        return Away(next_path or visit.home, outcome)
    if isinstance(outcome, SignInRefused):
        return _code_page(visit, email, next_path=next_path, problem="wrong", status=401)
    if isinstance(outcome, TooMany):
        return _code_page(visit, email, next_path=next_path, too_many=outcome)
    raise unexpected(outcome)


async def start_over(visit: Visit) -> Away:
    """Lead who reloads the code's page back to its beginning."""
    return Away(f"{visit.home}/sign-in")


async def show_link(visit: Visit) -> Page:
    """Ask for the click that spends a mailed link: looking must not (contract §1)."""
    await visit.ask_front()
    token = visit.call.query("token")
    if not token:
        raise Fault(400, "link")
    title = visit.words["pages.sign_in.title"]
    return Page("link.html", {"title": title, "token": token})


async def use_link(visit: Visit) -> Away:
    """Sign in with a mailed link."""
    form = await forms.read(visit.call.request)
    if not form.get("token"):
        raise BadRequest("The form must hold one token")
    outcome = await ways_in.by_link(visit, form["token"])
    if isinstance(outcome, tuple):
        return Away(visit.home, outcome)
    if isinstance(outcome, SignInRefused):
        raise Fault(401, "link")
    raise unexpected(outcome)


def sign_in_first(visit: Visit, next_path: str) -> Away:
    """Lead who is not signed in to where that is done, and back afterwards."""
    notice = "&notice=ended" if visit.is_known else ""
    return Away(f"{visit.home}/sign-in?next={quote(next_path, safe='')}{notice}")


def _email_page(  # noqa: PLR0913 - one page, all that varies in it
    visit: Visit,
    *,
    email: str = "",
    problem: str | None = None,
    notice: str | None = None,
    too_many: TooMany | None = None,
    next_path: str | None = None,
    status: int = 200,
) -> Page:
    words = visit.words
    title = words["pages.sign_in.title"]
    values = {
        "title": words.say("pages.error_title", title=title) if problem or too_many else title,
        "own": "own_" if visit.host else "",
        "email": email,
        "problem": words[f"pages.sign_in.{problem}"] if problem else None,
        "next": next_path,
        "notice": words[f"pages.notice.{notice}"] if notice else None,
        "notice_tone": _NOTICES.get(notice or "", "good"),
    }
    return _limited(visit, Page("sign_in.html", values, status), too_many)


def _code_page(  # noqa: PLR0913 - one page, all that varies in it
    visit: Visit,
    email: str,
    *,
    problem: str | None = None,
    notice: str | None = None,
    too_many: TooMany | None = None,
    next_path: str | None = None,
    status: int = 200,
) -> Page:
    words = visit.words
    title = words["pages.code.title"]
    values = {
        "title": words.say("pages.error_title", title=title) if problem or too_many else title,
        "own": "own_" if visit.host else "",
        "email": email,
        "minutes": words.minutes(_minutes(visit)),
        "problem": words[f"pages.code.{problem}"] if problem else None,
        "wait_seconds": _pause(problem, too_many),
        "next": next_path,
        "notice": words[f"pages.notice.{notice}"] if notice else None,
        "notice_tone": "good",
    }
    return _limited(visit, Page("code.html", values, status), too_many)


def _minutes(visit: Visit) -> int:
    """Tell how long a fresh code can be used, in whole minutes; at least one is worth naming."""
    seconds = visit.front.code_ttl_seconds if visit.front is not None else 0
    return max(1, seconds // 60)


def _pause(problem: str | None, too_many: TooMany | None) -> int:
    if too_many is not None:
        return int(whole_seconds(too_many.wait_ms))
    return 0 if problem else RESEND_SECONDS


def _limited(visit: Visit, page: Page, too_many: TooMany | None) -> Page:
    """Say on the same page that a limit is spent, and until when."""
    if too_many is None:
        return page
    text = visit.words.say("pages.notice.too_many", wait=faults.wait(visit.words, too_many.wait_ms))
    values: Mapping[str, object] = {**page.values, "notice": text, "notice_tone": "stop"}
    return page._replace(values=values, status=429, headers=retry_headers(too_many.wait_ms))
