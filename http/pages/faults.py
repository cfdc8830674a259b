"""Pages for what went wrong: what it is, whether waiting helps, where to go from here."""

from typing import Final

from doorward.actors.locales import Catalogue
from doorward.http.edge.refusals import EdgeError
from doorward.http.pages.visits import Fault, Page, Visit

_MINUTE_SECONDS: Final = 60
_HOUR_SECONDS: Final = 3_600
_EDGE: Final = {
    403: "foreign",
    404: "page",
    405: "method",
    408: "slow",
    413: "too_large",
    415: "form",
}
_ICONS: Final = {404: "link", 429: "clock", 503: "clock"}


def of_edge(error: EdgeError) -> Fault:
    """Say what HTTP itself refused."""
    return Fault(error.status, _EDGE.get(error.status, "form"))


def page(visit: Visit, fault: Fault) -> Page:
    """Make the page of a fault; the storefront's ways on are offered where it is known."""
    words = visit.words
    ways = []
    if visit.front is not None:
        ways.append((words["pages.fault.to_account"], visit.home))
    values = {
        "title": words[f"pages.fault.{fault.name}"],
        "text": words[f"pages.fault.{fault.name}_text"],
        "sign": _ICONS.get(fault.status, "alert"),
        "wait": None if fault.wait_ms is None else wait(words, fault.wait_ms),
        "ways": ways,
        "request_id": visit.call.request_id if fault.status >= 500 else None,  # noqa: PLR2004
    }
    return Page("fault.html", values, fault.status, fault.headers)


def wait(words: Catalogue, wait_ms: int) -> str:
    """Say how long to wait as people do: never too short, never to the second."""
    seconds = max(1, -(-wait_ms // 1000))
    if seconds <= _MINUTE_SECONDS:
        return words["pages.wait.minute"]
    if seconds <= 1.5 * _HOUR_SECONDS:
        return words.say("pages.wait.minutes", count=-(-seconds // _MINUTE_SECONDS))
    return words.say("pages.wait.hours", count=-(-seconds // _HOUR_SECONDS))
