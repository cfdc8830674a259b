"""Volume limits: which windows a request passes, and counting it in all of them or none.

A call that one window refuses counts in no other (contract §7: refused calls do not count). A
client is told of the tightest window, or of the one that refuses it the longest.
"""

import sys
from functools import lru_cache
from typing import Final

import msgspec

from doorward.actors import windows
from doorward.actors.messages.refusals import TooMany
from doorward.actors.windows import Rule, Standing, Window
from doorward.config.policy import effective_from_json

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
NO_LIMIT: Final = sys.maxsize


class Rules(msgspec.Struct, frozen=True, gc=False):
    """A policy's limits as rules; where several share a window, the longest look-back is last."""

    codes_per_storefront: Rule
    codes_per_address: Rule
    codes_per_email: tuple[Rule, Rule, Rule]
    verifications_per_storefront: Rule
    verifications_per_address: Rule
    guesses_per_email: tuple[Rule, Rule]
    guesses_per_storefront: Rule


@lru_cache(maxsize=1024)
def rules_of(overrides: bytes) -> Rules:
    """Tell the rules of a storefront's policy, by its overrides."""
    policy = effective_from_json(overrides)
    codes, verifications, guesses = policy.codes, policy.verifications, policy.guesses
    return Rules(
        codes_per_storefront=Rule("codes.storefront", codes.per_storefront_per_minute, MINUTE_MS),
        codes_per_address=Rule("codes.address", codes.per_address_per_minute, MINUTE_MS),
        codes_per_email=(
            Rule("codes.email.minute", codes.per_email_per_minute, MINUTE_MS),
            Rule("codes.email.hour", codes.per_email_per_hour, HOUR_MS),
            Rule("codes.email.day", codes.per_email_per_day, DAY_MS),
        ),
        verifications_per_storefront=Rule(
            "verifications.storefront", verifications.per_storefront_per_minute, MINUTE_MS
        ),
        verifications_per_address=Rule(
            "verifications.address", verifications.per_address_per_minute, MINUTE_MS
        ),
        guesses_per_email=(
            Rule("guesses.email.hour", guesses.per_email_per_hour, HOUR_MS),
            Rule("guesses.email.day", guesses.per_email_per_day, DAY_MS),
        ),
        guesses_per_storefront=Rule("guesses.storefront", guesses.per_storefront_per_hour, HOUR_MS),
    )


def passed(checks: tuple[tuple[Window, Rule], ...], now_ms: int) -> TooMany | Standing:
    """Hold a request to its limits without counting it.

    Returns:
        The refusal of the full window that stays full the longest (who waits for a nearer one
        would be refused again), or how the tightest will stand once this request is counted.
    """
    tightest, fewest = checks[0], NO_LIMIT
    for window, rule in checks:
        left = windows.remaining(window, rule, now_ms)
        if left == 0:
            return _refusal(checks, now_ms)
        if left < fewest:
            tightest, fewest = (window, rule), left
    window, rule = tightest
    reset_ms = windows.standing(window, rule, now_ms).reset_ms or rule.window_ms
    return Standing(rule, fewest - 1, reset_ms)


def _refusal(checks: tuple[tuple[Window, Rule], ...], now_ms: int) -> TooMany:
    wait_ms, (window, rule) = max(
        ((windows.wait_ms(window, rule, now_ms), (window, rule)) for window, rule in checks),
        key=lambda each: each[0],
    )
    return TooMany(standing=windows.standing(window, rule, now_ms), wait_ms=wait_ms)
