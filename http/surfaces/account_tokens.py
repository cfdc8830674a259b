"""What a mailed token alone opens: an action, once, and an order's status (contract §3).

No sign-in: the token is the credential. One that opens nothing is answered with one and the same
404, and asked for like any other, so that neither bytes nor time tell why.
"""

import re
from functools import partial
from typing import Final

import orjson

from doorward.actors import tokens
from doorward.actors.messages.account import (
    ActionPreview,
    ActionTaken,
    OrderStatus,
    PreviewAction,
    ReadOrderStatus,
    TakeAction,
)
from doorward.http import password_actions, timestamps
from doorward.http.beats import on_the_beat
from doorward.http.calls import Call
from doorward.http.hashing import HASHING
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler
from doorward.http.surfaces.account import (
    NO_TOKEN,
    PREFIX,
    Addressed,
    Hinting,
    acting,
    addressed,
)
from doorward.http.surfaces.account_views import public_order

STATUS: Final = "/api/v1/public/orders/token"
ACTIONS: Final = f"{PREFIX}/actions"
ACTION_TOKEN: Final = re.compile(r"[ap][a-z0-9]{25}", re.ASCII)
"""Contract §3; ``p`` sets a password (contract §7)."""
STATUS_TOKEN: Final = re.compile(r"o[a-z0-9]{25}", re.ASCII)


class Taking(Hinting):
    """Body of an action; what sets a password needs one."""

    password: str | None = None


@on_the_beat(404)
async def preview_action(call: Call, storefront: Addressed) -> Reply | Failure:
    """Tell what a token would do, as often as anybody asks."""
    digest = token_digest(call.request.match_info["token"], ACTION_TOKEN)
    outcome = await storefront.ask(PreviewAction(token_digest=digest, caller=call.reader()))
    if isinstance(outcome, ActionPreview):
        shown = {
            "action": outcome.action,
            "context": orjson.Fragment(outcome.context),
            "expiresAt": timestamps.iso(outcome.expires_at_ms),
        }
        return Reply(200, shown)
    return await storefront.refused(outcome, NO_TOKEN)


@on_the_beat(404)
async def take_action(call: Call, storefront: Addressed) -> Reply | Failure:
    """Do what a token does, once."""
    caller = acting(call)
    body = await call.body(Taking)
    storefront.agree(body)
    digest = token_digest(call.request.match_info["token"], ACTION_TOKEN)
    message = TakeAction(token_digest=digest, caller=caller)
    gate = call.request.app[HASHING].hash
    outcome = await password_actions.taken(
        storefront.ask, partial(gate, storefront.slug), message, body.password
    )
    if isinstance(outcome, ActionTaken):
        result = orjson.Fragment(outcome.result)
        return Reply(200, {"action": outcome.action, "result": result})
    return await storefront.refused(outcome, NO_TOKEN)


@on_the_beat(404)
async def read_status(call: Call, storefront: Addressed) -> Reply | Failure:
    """Show how far an order is, and nothing personal."""
    digest = token_digest(call.request.match_info["token"], STATUS_TOKEN)
    outcome = await storefront.ask(ReadOrderStatus(token_digest=digest, caller=call.reader()))
    if isinstance(outcome, OrderStatus):
        return Reply(200, public_order(outcome.order, outcome.front.return_to_store_url))
    return await storefront.refused(outcome, NO_TOKEN)


def token_digest(token: str, family: re.Pattern[str]) -> str:
    """Digest a token of the family; what cannot be one becomes what no token digests to."""
    return tokens.digest(token if family.fullmatch(token) else "")


STATUS_ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", f"{STATUS}/{{token}}", addressed(read_status)),
)
ACTION_ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", f"{ACTIONS}/{{token}}", addressed(preview_action)),
    ("POST", f"{ACTIONS}/{{token}}", addressed(take_action)),
)
