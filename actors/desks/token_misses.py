"""Tokens that open nothing, counted by client address within a storefront (contract §3 and §7).

Not to keep guesses from 129 random bits but to keep noise down; a right token opens what it opens
also for an address that has spent its misses. Every cause has the same answer and the same work.
"""

from doorward.actors import tokens, windows
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.refusals import NotFound, TooMany
from doorward.actors.records.orders import Misses
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import MINUTE_MS, Turn, policy_of
from doorward.actors.windows import Rule


def missed(turn: Turn, storefront: Storefront, caller: Caller) -> Outcome:
    """Count a token that opens nothing; past the limit say so instead of "not found"."""
    limit = policy_of(storefront).tokens.misses_per_address_per_minute
    rule = Rule("tokens.misses", limit, MINUTE_MS)
    name = tokens.address_id(caller.address)
    misses = (turn.ledger.get(Misses, name) or Misses()).tokens
    wait_ms = windows.wait_ms(misses, rule, turn.now_ms)
    if wait_ms:
        turn.note("token_misses_spent", request_id=caller.request_id)
        return TooMany(standing=windows.standing(misses, rule, turn.now_ms), wait_ms=wait_ms)
    counted = windows.counted(misses, rule, turn.now_ms)
    turn.ledger.put(Misses(counted), name, keep_ms=MINUTE_MS)
    return NotFound()
