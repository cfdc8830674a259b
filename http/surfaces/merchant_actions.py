"""Tokens that a merchant mints: actions for customers, status links of orders (contract §5)."""

from typing import Any, Final

import msgspec
import orjson

from doorward.actors.emails import NotAnEmail, canonical
from doorward.actors.messages.merchant_returns import (
    ActionMinted,
    MintAction,
    MintStatusLink,
    StatusLinkMinted,
)
from doorward.http import timestamps
from doorward.http.calls import Call, Malformed
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler
from doorward.http.surfaces.merchant import ONE, number_of
from doorward.http.surfaces.merchant_keys import Holder, keyed, refused, standing_of

ACTIONS: Final = "/api/v1/merchant/actions"


class ActionBody(msgspec.Struct, rename="camel"):
    """Body of ``POST actions``."""

    action: str
    email: str
    context: dict[str, Any] = {}
    expires_in_seconds: int | None = None
    mail: bool = False


class LinkBody(msgspec.Struct, rename="camel"):
    """Body of ``status-link``."""

    mail: bool = False


async def mint_action(call: Call, holder: Holder) -> Reply | Failure:
    """Make a token that acts once; told in this answer, and mailed where that is asked for."""
    body = await call.body(ActionBody)
    message = MintAction(
        key_digest=holder.key_digest,
        action=body.action,
        email=_canonical(body.email),
        context=orjson.dumps(body.context),
        expires_in_seconds=body.expires_in_seconds,
        mail=body.mail,
    )
    outcome = await holder.ask(message)
    if isinstance(outcome, ActionMinted):
        shown = {
            "token": outcome.token,
            "action": outcome.action,
            "url": outcome.url,
            "expiresAt": timestamps.iso(outcome.expires_at_ms),
        }
        return Reply(201, shown, standing_of(outcome))
    return refused(outcome)


async def mint_status_link(call: Call, holder: Holder) -> Reply | Failure:
    """Give an order a status link; the one it had opens nothing any more."""
    body = await call.body(LinkBody)
    message = MintStatusLink(
        key_digest=holder.key_digest, order_number=number_of(call), mail=body.mail
    )
    outcome = await holder.ask(message)
    if isinstance(outcome, StatusLinkMinted):
        shown = {
            "orderNumber": outcome.order_number,
            "token": outcome.token,
            "url": outcome.url,
            "expiresAt": timestamps.iso(outcome.expires_at_ms),
        }
        return Reply(200 if outcome.rotated else 201, shown, standing_of(outcome))
    return refused(outcome)


def _canonical(email: str) -> str:
    try:
        return canonical(email)
    except NotAnEmail:
        raise Malformed("email", "must be an email address") from None


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("POST", ACTIONS, keyed(mint_action)),
    ("POST", f"{ONE}/status-link", keyed(mint_status_link)),
)
