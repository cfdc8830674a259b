"""Volume limits: which windows a request passes, and counting it in all of them or none.

A call that one window refuses counts in no other (contract §7: refused calls do not count), so the
first full window decides and the tightest of the rest is what a client is told.
"""

from typing import Final

from doorward.actors import windows
from doorward.actors.messages import TooMany
from doorward.actors.windows import Rule, Standing, Window
from doorward.config.policy import Policy

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000


def codes_per_storefront(policy: Policy) -> Rule:
    """Codes asked for in one storefront."""
    return Rule("codes.storefront", policy.codes.per_storefront_per_minute, MINUTE_MS)


def codes_per_address(policy: Policy) -> Rule:
    """Codes asked for from one client address."""
    return Rule("codes.address", policy.codes.per_address_per_minute, MINUTE_MS)


def codes_per_email(policy: Policy) -> tuple[Rule, Rule, Rule]:
    """Codes mailed to one email; one shared window, longest look-back last."""
    return (
        Rule("codes.email.minute", policy.codes.per_email_per_minute, MINUTE_MS),
        Rule("codes.email.hour", policy.codes.per_email_per_hour, HOUR_MS),
        Rule("codes.email.day", policy.codes.per_email_per_day, DAY_MS),
    )


def verifications_per_storefront(policy: Policy) -> Rule:
    """Verifications tried in one storefront."""
    return Rule(
        "verifications.storefront", policy.verifications.per_storefront_per_minute, MINUTE_MS
    )


def verifications_per_address(policy: Policy) -> Rule:
    """Verifications tried from one client address."""
    return Rule("verifications.address", policy.verifications.per_address_per_minute, MINUTE_MS)


def guesses_per_email(policy: Policy) -> tuple[Rule, Rule]:
    """Wrong guesses evaluated for one email; one shared window, longest look-back last."""
    return (
        Rule("guesses.email.hour", policy.guesses.per_email_per_hour, HOUR_MS),
        Rule("guesses.email.day", policy.guesses.per_email_per_day, DAY_MS),
    )


def guesses_per_storefront(policy: Policy) -> Rule:
    """Wrong guesses evaluated in one storefront: the breaker."""
    return Rule("guesses.storefront", policy.guesses.per_storefront_per_hour, HOUR_MS)


def passed(checks: tuple[tuple[Window, Rule], ...], now_ms: int) -> TooMany | Standing:
    """Hold a request to its limits without counting it.

    Returns:
        The refusal of the first full window, or how the tightest will stand once this request is
        counted.
    """
    tightest: Standing | None = None
    for window, rule in checks:
        stands = windows.standing(window, rule, now_ms)
        if stands.remaining == 0:
            return TooMany(standing=stands, wait_ms=windows.wait_ms(window, rule, now_ms))
        if tightest is None or stands.remaining < tightest.remaining:
            tightest = stands
    assert tightest is not None  # noqa: S101 - every call passes at least one window
    return Standing(
        tightest.rule, tightest.remaining - 1, tightest.reset_ms or tightest.rule.window_ms
    )
