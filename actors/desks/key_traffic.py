"""Calls with an API key, counted whatever becomes of them, in a sliding window of the key's own.

A count of calls protects a machine, not an account: so no answer waits until it is durable
(``Ledger.count``), and a crash forgets a tenth of a second of it.
"""

from typing import Literal

from doorward.actors import windows
from doorward.actors.messages.refusals import TooMany
from doorward.actors.records.storefronts import Key, Keys, KeyTraffic
from doorward.actors.turns import MINUTE_MS, Turn
from doorward.actors.windows import Rule, Window


def live_key(turn: Turn, digest: str, kind: Literal["publishable", "secret"]) -> Key | None:
    """Find a live key of the storefront by its SHA-256.

    Raises:
        Miss: When the keys are not in memory.
    """
    for key in (turn.ledger.get(Keys) or Keys()).keys:
        if key.digest == digest and key.key_kind == kind:
            return key
    return None


def counted(turn: Turn, key: Key, rule: Rule) -> Window | TooMany:
    """Count a call and tell its key's calls of the last minute; or that its limit is spent."""
    now_ms = turn.now_ms
    calls = (turn.ledger.get(KeyTraffic, key.id) or KeyTraffic()).calls
    after = windows.counted(calls, rule, now_ms)
    fits = after.total <= rule.limit
    if not fits:
        after = _newest(after, rule.limit)
    turn.ledger.count(KeyTraffic(after), key.id, keep_ms=MINUTE_MS)
    if fits:
        return after
    # This very call counts, so whoever goes on trying waits for the newest of them to leave.
    return TooMany(
        standing=windows.standing(after, rule, now_ms),
        wait_ms=windows.wait_ms(after, rule, now_ms),
    )


def _newest(window: Window, limit: int) -> Window:
    """Forget what no decision depends on: whether a call fits, the newest ``limit`` tell.

    Without this whoever hammers with a spent key makes the record grow by every call.
    """
    times, counts, total = window.times, window.counts, window.total
    surplus, gone = total - limit, 0
    while surplus > 0:
        if counts[gone] > surplus:
            counts = (*counts[:gone], counts[gone] - surplus, *counts[gone + 1 :])
            break
        surplus -= counts[gone]
        gone += 1
    return Window(times[gone:], counts[gone:], min(total, limit))
