"""A customer's own profile and sessions on the account surface (contract §3)."""

from functools import lru_cache
from typing import Any, Final

import orjson
from msgspec import UNSET, UnsetType

from doorward.actors.messages.account import (
    Account,
    AccountView,
    EndSessions,
    ListSessions,
    ReadAccount,
    SessionList,
    SessionView,
    UpdateAccount,
)
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import Deleted
from doorward.http import timestamps
from doorward.http.calls import Call
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler
from doorward.http.surfaces.account import (
    PREFIX,
    Addressed,
    Hinting,
    Nothing,
    acting,
    addressed,
    credentials,
    refused,
)

PROFILE: Final = f"{PREFIX}/account/profile"
SESSIONS: Final = f"{PREFIX}/account/sessions"


class ProfileChanges(Hinting):
    """Body of ``PATCH profile``: whatever else it has, an email above all, is not looked at."""

    name: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET


async def read_profile(call: Call, storefront: Addressed) -> Reply | Failure:
    """Show the customer's own profile."""
    presented = credentials(call, storefront.slug)
    return _profile(await storefront.ask(ReadAccount(caller=call.reader(), presented=presented)))


async def change_profile(call: Call, storefront: Addressed) -> Reply | Failure:
    """Change the customer's own name or phone."""
    body = await call.body(ProfileChanges)
    storefront.agree(body)
    message = UpdateAccount(
        caller=acting(call),
        presented=credentials(call, storefront.slug),
        name=body.name,
        phone=body.phone,
    )
    return _profile(await storefront.ask(message))


async def list_sessions(call: Call, storefront: Addressed) -> Reply | Failure:
    """Show the customer's own live sessions."""
    presented = credentials(call, storefront.slug)
    outcome = await storefront.ask(ListSessions(caller=call.reader(), presented=presented))
    if isinstance(outcome, SessionList):
        return Reply(200, {"items": [_session(each) for each in outcome.items], "nextCursor": None})
    return refused(outcome)


async def end_session(call: Call, storefront: Addressed) -> Reply | Failure:
    """End one of the customer's own sessions."""
    return await _end(call, storefront, call.request.match_info["id"])


async def end_others(call: Call, storefront: Addressed) -> Reply | Failure:
    """End all of the customer's own sessions but the one that asks."""
    return await _end(call, storefront, None)


async def _end(call: Call, storefront: Addressed, session_id: str | None) -> Reply | Failure:
    storefront.agree(await call.body(Nothing))
    outcome = await storefront.ask(
        EndSessions(
            caller=acting(call),
            presented=credentials(call, storefront.slug),
            session_id=session_id,
        )
    )
    if isinstance(outcome, Deleted):
        return Reply(204, None)
    return await storefront.refused(outcome)


def _profile(outcome: Outcome) -> Reply | Failure:
    if isinstance(outcome, Account):
        return Reply(200, _written(outcome.account))
    return refused(outcome)


@lru_cache(maxsize=8_192)
def _written(account: AccountView) -> orjson.Fragment:
    # A profile is read far more often than it changes, and one that changed is not equal.
    return orjson.Fragment(orjson.dumps(account_view(account)))


def account_view(account: AccountView) -> dict[str, Any]:
    """Show a profile as contract §3 has it."""
    return {
        "customerId": account.id,
        "name": account.name,
        "email": account.email,
        "phone": account.phone,
        "emailVerified": account.email_verified,
        "createdAt": timestamps.iso(account.created_at_ms),
    }


def _session(session: SessionView) -> dict[str, Any]:
    return {
        "id": session.id,
        "surface": session.surface,
        "device": session.device,
        "address": session.address,
        "current": session.current,
        "createdAt": timestamps.iso(session.created_at_ms),
        "lastSeenAt": timestamps.iso(session.seen_at_ms),
        "expiresAt": timestamps.iso(session.expires_at_ms),
    }


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", PROFILE, addressed(read_profile)),
    ("PATCH", PROFILE, addressed(change_profile)),
    ("GET", SESSIONS, addressed(list_sessions)),
    ("DELETE", SESSIONS, addressed(end_others)),
    ("DELETE", f"{SESSIONS}/{{id}}", addressed(end_session)),
)
