"""The page of one order: whoever holds its access token sees it, pays, proves it and writes.

The token in the address is the credential; no cookie adds to it. So the address goes to nobody
(``no-referrer``), and a form that another site sends here could do only what that site, knowing the
token, could do itself.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from aiohttp import hdrs

from doorward.actors import tokens
from doorward.actors.locales import Catalogue
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.orders import (
    AddBuyerRemark,
    ClaimPayment,
    OrderPage,
    PaymentClaimed,
    ReadOrderPage,
    RemarkAdded,
)
from doorward.actors.messages.refusals import (
    Conflict,
    Invalid,
    InvalidTransition,
    NotFound,
    TooMany,
)
from doorward.actors.partitions import partition_of_access_token, shared_name
from doorward.http.edge.fetch_metadata import SEC_FETCH_SITE
from doorward.http.pages import faults, forms, order_views
from doorward.http.pages.visits import Away, Fault, Page, Visit, unexpected
from doorward.http.proofs import BYTES_MAX
from doorward.http.replies import retry_headers

_NOTICES: Final = {"sent": "good", "paid": "good", "proof": "good", "paid_already": "stop"}


class Problem(NamedTuple):
    """Why something that was sent was not taken: beside which field, and what was written."""

    field: str = ""
    status: int = 400
    name: str = ""
    wait_ms: int | None = None
    draft: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        """Tell when to come back, if that is known."""
        return {} if self.wait_ms is None else retry_headers(self.wait_ms)

    def said(self, words: Catalogue) -> str | None:
        """Put it into words; None when there is no problem."""
        if self.wait_ms is not None and not self.name:
            return words.say("pages.notice.too_many", wait=faults.wait(words, self.wait_ms))
        return words[f"pages.{self.name}"] if self.name else None


NO_PROBLEM: Final = Problem()


async def show(visit: Visit) -> Page:
    """Show the order."""
    page = await read(visit)
    notice = visit.call.query("notice") or ""
    # An address can be made up: it must not say what is not so.
    if notice == "paid" and page.order.payment_status == "unpaid":
        notice = ""
    return _page(visit, page, notice=notice)


async def show_again(visit: Visit) -> Away:
    """Lead who reloads the page of a form back to the order."""
    if partition_of_access_token(token_of(visit)) is None:
        raise Fault(404, "order")
    return Away(order_views.order_path(token_of(visit)))


async def write(visit: Visit) -> Page | Away:
    """Write to the seller."""
    form = await forms.read(visit.call.request)
    body = form.get("body", "").strip()
    if not body:
        return await refused(visit, Problem("body", 400, "thread.missing"))
    outcome = await _ask(
        visit,
        AddBuyerRemark(token_digest=digest_of(visit), caller=caller_of(visit), body=body),
    )
    match outcome:
        case RemarkAdded():
            return back(visit, "sent")
        case Invalid():
            return await refused(visit, Problem("body", 400, "thread.wrong", draft=body))
        case Conflict():
            return await refused(visit, Problem("body", 409, "thread.full", draft=body))
        case TooMany():
            wait_ms = outcome.wait_ms
            return await refused(visit, Problem("body", 429, wait_ms=wait_ms, draft=body))
        case _:
            raise no_page_for(outcome)


async def claim(visit: Visit) -> Page | Away:
    """Say that the money was transferred."""
    await forms.read_nothing(visit.call.request)
    outcome = await _ask(
        visit, ClaimPayment(token_digest=digest_of(visit), caller=caller_of(visit))
    )
    match outcome:
        case PaymentClaimed():
            return back(visit, "paid")
        case InvalidTransition():
            return back(visit, "paid_already")
        case _:
            raise no_page_for(outcome)


async def read(visit: Visit) -> OrderPage:
    """Read the order that the address opens.

    Raises:
        Fault: 404 when it opens none, 429 when too many were tried.
    """
    outcome = await _ask(
        visit, ReadOrderPage(token_digest=digest_of(visit), caller=visit.call.caller())
    )
    if not isinstance(outcome, OrderPage):
        raise no_page_for(outcome)
    visit.front = outcome.front
    return outcome


async def _ask(visit: Visit, request: ReadOrderPage | AddBuyerRemark | ClaimPayment) -> Outcome:
    partition = partition_of_access_token(token_of(visit))
    if partition is None:
        raise Fault(404, "order")
    return await visit.system.ask(shared_name(partition), request)


async def refused(visit: Visit, problem: Problem) -> Page:
    """Show the order again with what was written, and why it was not taken.

    Raises:
        Fault: When the order cannot be shown any more.
    """
    page = await read(visit)
    return _page(visit, page, problem=problem)._replace(
        status=problem.status, headers=problem.headers
    )


def _page(
    visit: Visit, page: OrderPage, *, notice: str = "", problem: Problem = NO_PROBLEM
) -> Page:
    words, order = visit.words, page.order
    title = words.say("pages.order.title", number=order.number)
    said = problem.said(words)
    values = {
        "title": words.say("pages.error_title", title=title) if said else title,
        "notice": words[f"pages.notice.{notice}"] if notice in _NOTICES else None,
        "notice_tone": _NOTICES.get(notice, "good"),
        "order": order_views.detail(order, token_of(visit), words),
        "pay": order_views.pay(page, words),
        "remarks": [order_views.said(remark, words) for remark in page.remarks],
        "whatsapp": order_views.whatsapp(page.payment, order, words),
        "body_problem": said if problem.field == "body" else None,
        "proof_problem": said if problem.field == "proof" else None,
        "draft": problem.draft,
        "proof_bytes_max": BYTES_MAX,
        "mark": order_views.mark(page),
    }
    return Page("order.html", values, polls=f"/api/v1/public/orders/{token_of(visit)}")


def caller_of(visit: Visit) -> Caller:
    """Hold a form to the CSRF rule, as far as a page without referrer can be held to it.

    Browsers blank the ``Origin`` of its forms (Fetch §3.2, "null"). Over https and on loopback
    ``Sec-Fetch-Site`` decides and nothing changes; elsewhere the token alone must do, and does.
    """
    headers = visit.call.request.headers
    if SEC_FETCH_SITE not in headers and headers.getall(hdrs.ORIGIN, []) == ["null"]:
        return visit.call.caller()
    return visit.call.guarded_caller()


def no_page_for(outcome: Outcome) -> Exception:
    """Turn an outcome that has no page of its own into a fault of an order's page."""
    return Fault(404, "order") if isinstance(outcome, NotFound) else unexpected(outcome)


def back(visit: Visit, notice: str) -> Away:
    """Lead back to the order, with a word about what was done."""
    return Away(f"{order_views.order_path(token_of(visit))}?notice={notice}")


def token_of(visit: Visit) -> str:
    """Tell the access token in the address."""
    return visit.call.request.match_info["token"]


def digest_of(visit: Visit) -> str:
    """Tell the SHA-256 of the access token in the address."""
    return tokens.digest(token_of(visit))
