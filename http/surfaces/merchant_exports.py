"""Everything held about a person, as one JSON document (contract §5; GDPR articles 15 and 20).

Orders come a page at a time from as many turns, so a person with thousands of them costs no more
memory than one with a page of them. What breaks off ends the connection: nobody takes half of it
for the whole.
"""

from collections.abc import AsyncGenerator, Iterable
from typing import Any, Final

import msgspec
import orjson

from doorward.actors.messages.merchant import OrderFound
from doorward.actors.messages.merchant_customers import (
    CustomerDetail,
    ExportCustomer,
    Exported,
    HeldOrder,
    HeldSession,
)
from doorward.http import timestamps
from doorward.http.downloads import Download
from doorward.http.replies import JSON_TYPE, Failure
from doorward.http.surfaces.account_addresses import address_view
from doorward.http.surfaces.account_views import return_view
from doorward.http.surfaces.merchant_documents import whole_order
from doorward.http.surfaces.merchant_keys import Holder, refused

PAGE: Final = 20


async def download(holder: Holder, message: ExportCustomer) -> Failure | Download:
    """Begin an export: its first page decides whether there is one."""
    first = await holder.ask(message)
    if not isinstance(first, Exported):
        return refused(first)
    return Download(
        # Nothing that anybody typed: the id is ours.
        name=f"customer-{first.customer.id}.json",
        media_type=JSON_TYPE,
        size_bytes=None,
        chunks=_chunks(holder, message, first),
    )


async def _chunks(
    holder: Holder, message: ExportCustomer, first: Exported
) -> AsyncGenerator[bytes, None]:
    head = orjson.dumps(_person(first))
    yield head.removesuffix(b"}") + b',"orders":['
    page, begun = first, False
    while True:
        written = b",".join(orjson.dumps(_order(held)) for held in page.orders)
        if written:
            yield b"," + written if begun else written
            begun = True
        if page.after is None:
            break
        page = await _next_page(holder, msgspec.structs.replace(message, after=page.after))
    yield b"]}"


async def _next_page(holder: Holder, message: ExportCustomer) -> Exported:
    outcome = await holder.ask(message)
    if not isinstance(outcome, Exported):
        raise TypeError(type(outcome).__name__)  # erased meanwhile, or the key's limit is spent
    return outcome


def customer_view(customer: CustomerDetail) -> dict[str, Any]:
    """Show a customer as a merchant sees them."""
    return {
        "id": customer.id,
        "email": customer.email,
        "emailVerified": customer.email_verified,
        "name": customer.name,
        "phone": customer.phone,
        "locale": customer.locale or None,
        "orderCount": customer.order_count,
        "sessionCount": customer.session_count,
        "createdAt": timestamps.iso(customer.created_at_ms),
    }


def _person(found: Exported) -> dict[str, Any]:
    return {
        "customer": customer_view(found.customer),
        "addresses": [address_view(entry) for entry in found.addresses],
        "sessions": _sessions(found.sessions),
        "knownDevices": [{"expiresAt": timestamps.iso(at_ms)} for at_ms in found.known_devices],
        "actions": [
            {
                "action": action.action,
                "context": orjson.Fragment(action.context),
                "expiresAt": timestamps.iso(action.expires_at_ms),
            }
            for action in found.actions
        ],
    }


def _sessions(sessions: Iterable[HeldSession]) -> list[dict[str, Any]]:
    return [
        {
            "surface": session.surface,
            "device": session.device,
            "address": session.address,
            "createdAt": timestamps.iso(session.created_at_ms),
            "lastSeenAt": timestamps.iso(session.seen_at_ms),
            "expiresAt": timestamps.iso(session.expires_at_ms),
        }
        for session in sessions
    ]


def _order(held: HeldOrder) -> dict[str, Any]:
    shown = whole_order(OrderFound(order=held.order, access_token="", remarks=held.remarks))
    # An export is handed on; a token that opens the order's page must not travel with it.
    del shown["accessToken"]
    return {**shown, "returns": [return_view(each) for each in held.returns]}
