"""What a secret key opens, and how often (contract §5 and §7).

Every call with a live key counts, refused ones too, in a sliding window of that key's own. A key
that does not exist has nothing to count in; nobody is told apart by it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import msgspec

from doorward.actors import windows
from doorward.actors.desks import audit, key_traffic
from doorward.actors.desks.gathering import together
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.refusals import KeyRefused, NotFound, ScopeMissing, TooMany
from doorward.actors.records.storefronts import Keys, Storefront
from doorward.actors.turns import MINUTE_MS, Turn, policy_of
from doorward.actors.windows import Rule, Standing

Q = TypeVar("Q", bound=Request)
_Desk = Callable[[Turn, Storefront, Q], Outcome]


class Opened(NamedTuple):
    """The storefront a key opens, and where the key's limit stands (None for the operator).

    ``who`` is what the audit log calls whoever calls.
    """

    storefront: Storefront
    standing: Standing | None
    who: str = audit.OPERATOR


def opened(turn: Turn, key_digest: str | None, scope: str | None) -> Opened | Outcome:
    """Admit a call with a secret key that has the scope; count it, whatever becomes of it.

    Args:
        turn: Of the storefront that the key is said to open.
        key_digest: The key's SHA-256; None is the operator, who may do everything.
        scope: What the call needs (``desks.keys.SCOPES``); None for what every secret key may.

    Returns:
        The storefront, or the refusal: ``NotFound`` (to the operator), ``KeyRefused``, ``TooMany``
        or ``ScopeMissing``.
    """
    together(lambda: turn.ledger.get(Storefront), lambda: turn.ledger.get(Keys))
    storefront = turn.storefront()
    if key_digest is None:
        return NotFound() if storefront is None else Opened(storefront, None)
    key = key_traffic.live_key(turn, key_digest, "secret") if storefront is not None else None
    if storefront is None or key is None:
        return KeyRefused()
    rule = Rule("keys.secret", policy_of(storefront).keys.secret_per_minute, MINUTE_MS)
    counted = key_traffic.counted(turn, key, rule)
    if isinstance(counted, TooMany):
        return counted
    if scope is not None and scope not in key.scopes:
        return ScopeMissing(scope=scope)
    standing = windows.standing(counted, rule, turn.now_ms)
    return Opened(storefront, standing, f"key:{key.id}")


def keyed(scope: str | None) -> Callable[[_Desk[Q]], Callable[[Turn, Q], Outcome]]:
    """Make a desk of one that decides once a key has opened its storefront.

    The message must have a ``key_digest``; an outcome that has a ``standing`` is told the key's.
    What changes anything is logged (``desks.audit``).
    """

    def wrapped(desk: _Desk[Q]) -> Callable[[Turn, Q], Outcome]:
        def decided(turn: Turn, message: Any) -> Outcome:  # noqa: ANN401 - a Q with a key_digest
            admitted = opened(turn, message.key_digest, scope)
            if not isinstance(admitted, Opened):
                return admitted
            before = len(turn.ledger.writes)
            outcome = desk(turn, admitted.storefront, message)
            if len(turn.ledger.writes) > before or audit.tells(message, outcome):
                audit.called(turn, admitted.who, message)
            return told(outcome, admitted.standing)

        decided.__doc__ = desk.__doc__
        return decided

    return wrapped


def told(outcome: Outcome, standing: Standing | None) -> Outcome:
    """Put a limit's standing into an outcome that has room for it and none yet."""
    if standing is None or getattr(outcome, "standing", standing) is not None:
        return outcome
    return msgspec.structs.replace(outcome, standing=standing)
