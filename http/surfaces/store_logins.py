"""Signing in with a password on the store surface (contract §4).

A password never crosses to the storefront: it says whether one may be tried and against what, the
hashing gate compares, and it is told how that ended. A try that was begun is always ended, also
when the client has gone: one that is not would count as wrong when its time is over.
"""

import asyncio
from typing import Any, Final

import msgspec
import structlog

from doorward.actors import tokens
from doorward.actors.emails import NotAnEmail, canonical
from doorward.actors.errors import DoorwardError, Overloaded
from doorward.actors.finishing import finish
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.store import (
    BeginLogin,
    FinishLogin,
    LoginBegun,
    LoginWaits,
    StoreSignedIn,
    Verdict,
)
from doorward.http import passwords
from doorward.http.beats import on_the_beat
from doorward.http.calls import Call, Malformed
from doorward.http.edge import cookies
from doorward.http.hashing import HashingGate
from doorward.http.replies import Failure, Reply
from doorward.http.surfaces.portal import DEVICE
from doorward.http.surfaces.store import DEVICE_HEADER, Holder, refused
from doorward.http.surfaces.store_views import customer_view, tokens_view

_BEAT_SECONDS: Final = 0.2
"""A try may wait in line for a second; shorter beats of all who wait would keep the loop busy."""
LEAST_WAIT_SECONDS: Final = 0.010
MOST_WAIT_SECONDS: Final = 0.050
WAITS_SECONDS: Final = 20.0
"""How long a right password may wait for tries of others that are under way; then 503."""
_log: Final = structlog.get_logger("doorward.http")


class LoginBody(msgspec.Struct, rename="camel"):
    """Body of ``login``."""

    email: str
    password: str


@on_the_beat(401, seconds=_BEAT_SECONDS)
async def login(gate: HashingGate, call: Call, holder: Holder) -> Reply | Failure:
    """Sign in with a password."""
    try:
        gate.check(holder.slug)
    except Overloaded:
        # Not even begun: it would cost two commits to say the same. It counts for its key.
        refusal = await holder.admit()
        if refusal is None:
            raise
        return refusal
    body = await call.body(LoginBody)
    password = passwords.normalised(body.password)
    if len(password) > passwords.LENGTH_MAX:
        raise Malformed("password", passwords.TOO_LONG)
    tried = Try(gate, holder, canonical_email(body.email), _device_of(call, holder))
    return signed_in(holder, await tried.made(password))


class Try:
    """A try at a password, from its beginning to its end."""

    def __init__(self, gate: HashingGate, holder: Holder, email: str, device: str | None) -> None:
        self._gate = gate
        self._holder = holder
        self._email = email
        self._device = device

    async def made(self, password: str) -> Outcome:
        """Make it, and tell what the storefront says in the end.

        Raises:
            Overloaded: When the gate is full, or others' tries take too long; nothing is counted.
        """
        begun = await self._begun()
        if not isinstance(begun, LoginBegun):
            return begun
        stored = begun.password_hash
        try:
            right, rehash = await self._gate.verify(self._holder.slug, stored, password)
        except BaseException:  # whoever cancels, too: the try was not made, and must not count
            await self._released(begun)
            raise
        verdict: Verdict = "right" if right else "wrong"
        # Also when the client has gone meanwhile: a wrong password counts, read or not.
        return await finish(self._ended(begun, verdict, rehash))

    async def _begun(self) -> Outcome:
        """Begin; where as many tries are under way as may be wrong, wait for one of them."""
        loop = asyncio.get_running_loop()
        deadline, wait_seconds = loop.time() + WAITS_SECONDS, LEAST_WAIT_SECONDS
        begun = await self._begin(waiting=False)
        while isinstance(begun, LoginWaits):
            if loop.time() > deadline:
                raise Overloaded("too many tries at one password are under way", 1)
            await asyncio.sleep(wait_seconds)
            wait_seconds = min(wait_seconds * 1.5, MOST_WAIT_SECONDS)
            begun = await self._begin(waiting=True)
        return begun

    async def _begin(self, *, waiting: bool) -> Outcome:
        holder = self._holder
        return await holder.ask(
            BeginLogin(
                key_digest=holder.key_digest,
                caller=holder.caller,
                origin=holder.origin,
                email=self._email,
                device=self._device,
                waiting=waiting,
            )
        )

    async def _ended(self, begun: LoginBegun, verdict: Verdict, rehash: str | None) -> Outcome:
        holder = self._holder
        return await holder.ask(
            FinishLogin(
                key_digest=holder.key_digest,
                caller=holder.caller,
                origin=holder.origin,
                email=self._email,
                reservation=begun.reservation,
                verdict=verdict,
                compared_with=begun.password_hash or "",
                rehash=rehash,
                device=self._device,
            )
        )

    async def _released(self, begun: LoginBegun) -> None:
        try:
            await finish(self._ended(begun, "unevaluated", None))
        except DoorwardError as error:
            # It will count as wrong when its time is over; what went wrong first is told.
            _log.warning("try_not_released", error=type(error).__name__)


def signed_in(holder: Holder, outcome: Outcome) -> Reply | Failure:
    """Answer a sign-in: the customer, fresh tokens, and what their device is known by."""
    if not isinstance(outcome, StoreSignedIn):
        return refused(outcome)
    shown: dict[str, Any] = {
        "customer": customer_view(outcome.shopper),
        "tokens": tokens_view(outcome.tokens),
    }
    status = 201 if outcome.created else 200
    if outcome.device_secret is None:
        return Reply(status, shown)
    headers = {str(DEVICE_HEADER): outcome.device_secret}
    return Reply(status, shown, headers, _device_cookies(holder, outcome, outcome.device_secret))


def _device_cookies(holder: Holder, outcome: StoreSignedIn, secret: str) -> tuple[str, ...]:
    """Write the device's cookie, for a page of our own host; no other would send it back."""
    if not holder.same_origin:
        return ()
    name = DEVICE + holder.slug
    return (
        cookies.session_cookie(
            f"__Host-{name}" if outcome.secure else name,
            secret,
            max_age_seconds=outcome.device_ttl_seconds,
            secure=outcome.secure,
        ),
    )


def _device_of(call: Call, holder: Holder) -> str | None:
    """Digest what the device says it is known by: a header, or a page of our own host's cookie."""
    given = call.request.headers.getall(DEVICE_HEADER, ())
    if given:
        return tokens.digest(given[0]) if len(given) == 1 and given[0].isascii() else None
    if not holder.same_origin:
        return None
    presented = call.presented(DEVICE + holder.slug)
    return presented.secure or presented.plain


def canonical_email(email: str) -> str:
    """Read an email of a body.

    Raises:
        Malformed: When it is none.
    """
    try:
        return canonical(email)
    except NotAnEmail:
        raise Malformed("email", "must be an email address") from None
