"""The merchant surface's customers: found, read, erased, exported, signed out (contract §5)."""

import re
from typing import Final

from doorward.actors.emails import NotAnEmail, canonical
from doorward.actors.messages.merchant_customers import (
    CustomerErased,
    CustomerFound,
    CustomersFound,
    EraseCustomer,
    ExportCustomer,
    FindCustomer,
    GetCustomer,
    RevokeSessions,
    SessionsRevoked,
)
from doorward.http.calls import Call, Malformed
from doorward.http.downloads import Download
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler
from doorward.http.surfaces import merchant_exports
from doorward.http.surfaces.merchant_exports import customer_view
from doorward.http.surfaces.merchant_keys import Holder, keyed, refused, standing_of

PREFIX: Final = "/api/v1/merchant/customers"
ONE: Final = f"{PREFIX}/{{id}}"
_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)


async def find_customer(call: Call, holder: Holder) -> Reply | Failure:
    """Find the customer with an email: a list of one, or of none."""
    outcome = await holder.ask(FindCustomer(key_digest=holder.key_digest, email=_email(call)))
    if isinstance(outcome, CustomersFound):
        items = [customer_view(customer) for customer in outcome.items]
        return Reply(200, {"items": items, "nextCursor": None}, standing_of(outcome))
    return refused(outcome)


async def read_customer(call: Call, holder: Holder) -> Reply | Failure:
    """Read one customer."""
    outcome = await holder.ask(
        GetCustomer(key_digest=holder.key_digest, customer_id=customer_id_of(call))
    )
    if isinstance(outcome, CustomerFound):
        return Reply(200, customer_view(outcome.customer), standing_of(outcome))
    return refused(outcome)


async def erase_customer(call: Call, holder: Holder) -> Reply | Failure:
    """Erase a person; their orders stay, without what is personal in them.

    Asked again after it broke off, it goes on; once nothing is left it is 404.
    """
    message = EraseCustomer(key_digest=holder.key_digest, customer_id=customer_id_of(call))
    outcome = await holder.system.erase_customer(holder.slug, message)
    if isinstance(outcome, CustomerErased):
        return Reply(204, None, standing_of(outcome))
    return refused(outcome)


async def export_customer(call: Call, holder: Holder) -> Failure | Download:
    """Send everything held about a person as one JSON document, however many orders."""
    message = ExportCustomer(
        key_digest=holder.key_digest,
        customer_id=customer_id_of(call),
        limit=merchant_exports.PAGE,
    )
    return await merchant_exports.download(holder, message)


async def revoke_sessions(call: Call, holder: Holder) -> Reply | Failure:
    """End every session of a customer."""
    outcome = await holder.ask(
        RevokeSessions(key_digest=holder.key_digest, customer_id=customer_id_of(call))
    )
    if isinstance(outcome, SessionsRevoked):
        return Reply(200, {"revoked": outcome.count}, standing_of(outcome))
    return refused(outcome)


def customer_id_of(call: Call) -> str:
    """Read the id of the path; what none can look like becomes the one no customer has."""
    customer_id = call.request.match_info["id"]
    return customer_id if _ID.fullmatch(customer_id) else ""


def _email(call: Call) -> str:
    email = call.query("email")
    if email is None:
        raise Malformed("email", "is required")
    try:
        return canonical(email)
    except NotAnEmail:
        raise Malformed("email", "must be an email address") from None


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", PREFIX, keyed(find_customer)),
    ("GET", ONE, keyed(read_customer)),
    ("DELETE", ONE, keyed(erase_customer)),
    ("GET", f"{ONE}/export", keyed(export_customer)),
    ("POST", f"{ONE}/revoke-sessions", keyed(revoke_sessions)),
)
