"""The order page's calls: whoever holds an order's access token may see it and act (contract §2).

No sign-in and no cookie: the token is the credential. Where a browser sends a cookie along all the
same, the CSRF rule of contract §1 applies as it does everywhere. A token that opens nothing is
answered with one and the same 404, whatever is wrong with it.
"""

import re
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import hdrs, web

from doorward.actors import tokens
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.orders import (
    AddBuyerRemark,
    ClaimPayment,
    OrderPage,
    PaymentClaimed,
    ProofKept,
    ReadOrderPage,
    RemarkAdded,
)
from doorward.actors.messages.refusals import NotFound
from doorward.actors.partitions import partition_of_access_token, shared_name
from doorward.actors.records.orders import Remark
from doorward.actors.records.storefronts import Payment
from doorward.actors.windows import Standing
from doorward.http import timestamps
from doorward.http.calls import Call
from doorward.http.edge.refusals import UnsupportedMediaType
from doorward.http.edge.uploads import refuse_announced
from doorward.http.proofs import BYTES_MAX, MEDIA_TYPES, PROOFS, Upload
from doorward.http.replies import Failure, Reply, limit_headers
from doorward.http.surface import Handler
from doorward.http.surfaces import portal
from doorward.http.surfaces.portal import Portal
from doorward.http.surfaces.portal_orders import service_view
from doorward.http.system import System

PREFIX: Final = "/api/v1/public/orders"
ONE: Final = f"{PREFIX}/{{accessToken}}"
NO_ORDER: Final = Failure(404, "NOT_FOUND", "There is no such order.")
_NO_DIGITS: Final = re.compile(r"[^0-9]+")


class OrderPages(Portal):
    """The portal's shape, on addresses that hold a secret: no answer lets one travel on."""

    def render(self, answer: Reply | Failure, request_id: str) -> web.Response:
        """Dress an answer."""
        response = super().render(answer, request_id)
        response.headers["Referrer-Policy"] = "no-referrer"
        return response


ORDER_PAGES: Final = OrderPages()


class RemarkBody(msgspec.Struct, rename="camel"):
    """Body of ``messages``."""

    body: str
    attachments: tuple[str, ...] = ()


class Nothing(msgspec.Struct):
    """Body of ``claim-payment``."""


class Holder(NamedTuple):
    """What an access token says by itself: which partition to ask, and by what digest."""

    partition: int
    token_digest: str

    @property
    def shared(self) -> str:
        """The actor that knows whose order it is."""
        return shared_name(self.partition)


async def read_order(call: Call, system: System) -> Reply | Failure:
    """Show the order."""
    holder = holder_of(call.request.match_info["accessToken"])
    if holder is None:
        return NO_ORDER
    outcome = await system.ask(
        holder.shared, ReadOrderPage(token_digest=holder.token_digest, caller=call.caller())
    )
    return Reply(200, _view(outcome)) if isinstance(outcome, OrderPage) else refused(outcome)


async def add_message(call: Call, system: System) -> Reply | Failure:
    """Write to the seller."""
    holder = holder_of(call.request.match_info["accessToken"])
    if holder is None:
        return NO_ORDER
    caller = _acting(call)
    body = await call.body(RemarkBody)
    outcome = await system.ask(
        holder.shared,
        AddBuyerRemark(
            token_digest=holder.token_digest,
            caller=caller,
            body=body.body,
            attachments=body.attachments,
        ),
    )
    if isinstance(outcome, RemarkAdded):
        return Reply(201, remark_view(outcome.remark), _told(outcome.standing))
    return refused(outcome)


async def claim_payment(call: Call, system: System) -> Reply | Failure:
    """Say that the money was transferred; again changes nothing."""
    holder = holder_of(call.request.match_info["accessToken"])
    if holder is None:
        return NO_ORDER
    caller = _acting(call)
    await call.body(Nothing)
    outcome = await system.ask(
        holder.shared, ClaimPayment(token_digest=holder.token_digest, caller=caller)
    )
    if isinstance(outcome, PaymentClaimed):
        return Reply(200, {"paymentStatus": outcome.payment_status}, _told(outcome.standing))
    return refused(outcome)


async def put_proof(call: Call, system: System) -> Reply | Failure:
    """Take in a picture that proves the transfer."""
    holder = holder_of(call.request.match_info["accessToken"])
    if holder is None:
        return NO_ORDER
    request = call.request
    caller = _acting(call)
    media_type = _media_type(request)
    refuse_announced(request, bytes_max=BYTES_MAX)
    upload = Upload(
        request,
        holder.partition,
        holder.token_digest,
        caller,
        media_type,
        request.content.iter_any(),
    )
    outcome = await request.app[PROOFS].take(system, upload)
    if isinstance(outcome, ProofKept):
        return Reply(200, {"hasProof": True}, _told(outcome.standing))
    return refused(outcome)


def holder_of(access_token: str) -> Holder | None:
    """Read an access token; None when nothing can be called so."""
    partition = partition_of_access_token(access_token)
    return None if partition is None else Holder(partition, tokens.digest(access_token))


def refused(outcome: Outcome) -> Failure:
    """Put an expected refusal into the order page's words."""
    return NO_ORDER if isinstance(outcome, NotFound) else portal.refused(outcome)


def remark_view(remark: Remark) -> dict[str, Any]:
    """Show a message; ``attachments`` only where there are some (the contract names none)."""
    shown = {
        "id": remark.id,
        "authorType": remark.author,
        "authorName": remark.author_name,
        "body": remark.body,
        "createdAt": timestamps.iso(remark.created_at_ms),
    }
    return shown | {"attachments": remark.attachments} if remark.attachments else shown


def whatsapp_link(number: str | None) -> str | None:
    """Derive the link that opens a chat: the number's digits behind ``wa.me``."""
    digits = _NO_DIGITS.sub("", number or "")
    return f"https://wa.me/{digits}" if digits else None


def _told(standing: Standing | None) -> dict[str, str]:
    return {} if standing is None else limit_headers(standing)


def _acting(call: Call) -> Caller:
    return call.guarded_caller() if call.cookies else call.caller()


def _media_type(request: web.Request) -> str:
    given = request.headers.getall(hdrs.CONTENT_TYPE, [])
    media_type = given[0].partition(";")[0].strip().lower() if len(given) == 1 else ""
    if media_type not in MEDIA_TYPES:
        raise UnsupportedMediaType(
            "The body must be image/png, image/jpeg, image/webp or image/gif"
        )
    return media_type


def _view(page: OrderPage) -> dict[str, Any]:
    order = page.order
    return {
        "number": order.number,
        "status": order.status,
        "paymentStatus": order.payment_status,
        "quotedPriceIdr": order.total,
        "currency": order.currency,
        "packageName": order.package_name,
        "buyerName": order.buyer_name,
        "preferredDate": order.preferred_date,
        "notes": order.notes,
        "createdAt": timestamps.iso(order.created_at_ms),
        "service": service_view(order.service),
        "storefront": {"slug": page.front.slug, "displayName": page.front.display_name},
        "payment": None if page.payment is None else _payment(page.payment),
        "hasProof": bool(order.proofs),
        "messages": [remark_view(remark) for remark in page.remarks],
    }


def _payment(payment: Payment) -> dict[str, Any]:
    return {
        "bankAccounts": [
            {
                "bankName": account.bank_name,
                "accountNumber": account.account_number,
                "accountHolder": account.account_holder,
            }
            for account in payment.bank_accounts
        ],
        "instructions": payment.instructions,
        "whatsappNumber": payment.whatsapp_number,
        "whatsappLink": whatsapp_link(payment.whatsapp_number),
    }


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", ONE, read_order),
    ("POST", f"{ONE}/messages", add_message),
    ("POST", f"{ONE}/claim-payment", claim_payment),
    ("PUT", f"{ONE}/proof", put_proof),
)
