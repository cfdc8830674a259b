"""Whose secret key a merchant call came with, and how the merchant surface refuses (contract §5).

A key leads to its storefront through its partition; whether it still opens anything, for what and
how often, the storefront itself decides in the turn of the call.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.refusals import (
    Conflict,
    Invalid,
    InvalidTransition,
    KeyRefused,
    NotFound,
    ScopeMissing,
    TooMany,
)
from doorward.actors.windows import Standing
from doorward.http.calls import Call
from doorward.http.downloads import Download
from doorward.http.replies import KEY_REQUIRED, Failure, Reply, limit_headers, retry_headers
from doorward.http.surface import Handler, Surface
from doorward.http.surfaces.key_owners import owner_of
from doorward.http.surfaces.operator import bearer
from doorward.http.system import System

MERCHANT: Final = Surface()


class Holder(NamedTuple):
    """Whose secret key was sent, and its digest: the storefront itself says whether it is live."""

    slug: str
    key_digest: str
    system: System

    async def ask(self, message: Request) -> Outcome:
        """Ask the key's own storefront."""
        return await self.system.ask(self.slug, message)


def keyed(
    handler: Callable[[Call, Holder], Awaitable[Reply | Failure | Download]],
) -> Handler:
    """Let only holders of a secret key through, before anything else of the request is looked at.

    A key that nobody has (any more) is refused like one that is missing.
    """

    async def checked(call: Call, system: System) -> Reply | Failure | Download:
        key = bearer(call)
        owner = await owner_of(system, key) if key.startswith("sk_") else None
        if owner is None:
            return KEY_REQUIRED
        slug, digest = owner
        return await handler(call, Holder(slug, digest, system))

    return checked


def standing_of(outcome: Outcome) -> Mapping[str, str]:
    """Tell where the key's limit stands, in an answer that is no refusal."""
    standing: Standing | None = getattr(outcome, "standing", None)
    return {} if standing is None else limit_headers(standing)


def refused(outcome: Outcome) -> Failure:
    """Put an expected refusal into this surface's words."""
    said = _SAID.get(type(outcome))
    return said if said is not None else _refused(outcome)


_SAID: Final[dict[type[Outcome], Failure]] = {
    KeyRefused: KEY_REQUIRED,
    NotFound: Failure(404, "NOT_FOUND", "There is no such thing here."),
}


def _refused(outcome: Outcome) -> Failure:
    match outcome:
        case ScopeMissing(scope=scope):
            challenge = f'Bearer error="insufficient_scope", scope="{scope}"'  # RFC 6750 §3.1
            headers = {"WWW-Authenticate": challenge}
            message = f"This key lacks the scope {scope}."
            return Failure(403, "INSUFFICIENT_SCOPE", message, headers=headers)
        case TooMany(standing=standing, wait_ms=wait_ms):
            headers = limit_headers(standing) | retry_headers(wait_ms)
            message = "Too many requests; try again later."
            return Failure(429, "RATE_LIMITED", message, headers=headers)
        case Invalid(name=name, rule=rule):
            return Failure(400, "VALIDATION_ERROR", f"{name} {rule}.", name)
        case InvalidTransition(reason=reason):
            return Failure(409, "INVALID_TRANSITION", f"{reason}.")
        case Conflict(reason=reason):
            return Failure(409, "CONFLICT", f"{reason}.")
    raise TypeError(type(outcome).__name__)
