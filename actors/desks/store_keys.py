"""What a publishable key opens: the store surface of a storefront that serves it (contract §4)."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeVar

from doorward.actors.desks import key_traffic
from doorward.actors.ledger import Miss
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import KeyRefused, OriginRefused, TooMany
from doorward.actors.messages.store import (
    BeginLogin,
    FinishLogin,
    FinishReset,
    FinishSignUp,
    HeadlessOff,
    StoreCall,
)
from doorward.actors.records.storefronts import Keys, Storefront
from doorward.actors.turns import MINUTE_MS, Turn, policy_of
from doorward.actors.windows import Rule

Q = TypeVar("Q", bound=StoreCall)
_FINISHING: Final = (FinishSignUp, FinishLogin, FinishReset)
_Desk = Callable[[Turn, Storefront, Q], Outcome]


def opened(turn: Turn, call: StoreCall) -> Storefront | Outcome:
    """Admit a call with a publishable key; count it once, whatever becomes of it.

    Returns:
        The storefront, or the refusal: ``KeyRefused``, ``TooMany``, ``HeadlessOff`` or
        ``OriginRefused`` (of a page whose origin the storefront does not list).
    """
    try:
        storefront = turn.storefront()
        key = key_traffic.live_key(turn, call.key_digest, "publishable")
    except Miss:
        turn.ledger.need((Storefront, ""), (Keys, ""))
        raise
    if storefront is None or key is None:
        return KeyRefused()
    if not _is_counted(call):
        rule = _rule(policy_of(storefront).keys.publishable_per_minute)
        counted = key_traffic.counted(turn, key, rule)
        if isinstance(counted, TooMany):
            return counted
    if not (storefront.headless and storefront.published):
        return HeadlessOff()
    if call.origin is not None and call.origin not in storefront.allowed_origins:
        turn.note("origin_refused", request_id=call.caller.request_id)
        return OriginRefused()
    return storefront


def store_keyed(desk: _Desk[Q]) -> Callable[[Turn, Q], Outcome]:
    """Make a desk of one that decides once a publishable key has opened its storefront."""

    def decided(turn: Turn, message: Any) -> Outcome:  # noqa: ANN401 - a Q
        storefront = opened(turn, message)
        if not isinstance(storefront, Storefront):
            return storefront
        return desk(turn, storefront, message)

    decided.__doc__ = desk.__doc__
    return decided


@lru_cache(maxsize=256)
def _rule(limit: int) -> Rule:
    return Rule("keys.publishable", limit, MINUTE_MS)


def _is_counted(call: StoreCall) -> bool:
    """Tell whether a call goes on with one that was counted: whoever began is let finish."""
    if isinstance(call, BeginLogin):
        return call.waiting
    return isinstance(call, _FINISHING)
