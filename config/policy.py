"""What a storefront's operator may decide about its door, with what holds where nobody decides.

A storefront keeps only its *overrides*, sparsely, as nested JSON with names in camel case
(``{"codes": {"perEmailPerMinute": 5}}``); its *effective* policy is the defaults with the overrides
in their place. ``policy_sections`` declares the fields.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from doorward.config.errors import ConfigurationError
from doorward.config.overrides import merged
from doorward.config.policy_fields import tree_of
from doorward.config.policy_sections import (
    Codes,
    Devices,
    Guesses,
    Keys,
    Orders,
    Section,
    Sessions,
    SignIn,
    Tokens,
    Verifications,
)
from doorward.config.store_sections import Access, Passwords, Refresh

_OVERRIDES_KEPT: Final = 1_024


class Policy(Section, frozen=True, kw_only=True):
    """A storefront's whole policy."""

    codes: Codes = Codes()
    verifications: Verifications = Verifications()
    guesses: Guesses = Guesses()
    sessions: Sessions = Sessions()
    devices: Devices = Devices()
    sign_in: SignIn = SignIn()
    orders: Orders = Orders()
    tokens: Tokens = Tokens()
    keys: Keys = Keys()
    passwords: Passwords = Passwords()
    refresh: Refresh = Refresh()
    access: Access = Access()


TREE: Final = tree_of(Policy)

# Each may be no greater than the next: a window inside a longer one.
ASCENDING: Final = (
    ("codes.perEmailPerMinute", "codes.perEmailPerHour", "codes.perEmailPerDay"),
    ("guesses.perEmailPerHour", "guesses.perEmailPerDay"),
)


def apply(overrides: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    """Merge a patch into a storefront's overrides.

    Args:
        overrides: Decoded JSON, as this function returned it; ``{}`` for none.
        patch: Decoded JSON: sections nested or names dotted, or both. ``null`` gives a field, or
            a whole section, its default back.

    Returns:
        The new overrides: nested, in the order of declaration, without empty sections. Neither
        argument is changed.

    Raises:
        ConfigurationError: A name is unknown or set twice, a value is of the wrong type or out of
            bounds, or a count is greater than that of a longer window. Its ``name`` is dotted, its
            ``value`` JSON, its ``rule`` states the bounds.
    """
    return merged(TREE, ASCENDING, overrides, patch)


def effective(overrides: Mapping[str, object]) -> Policy:
    """Tell what holds in a storefront with these overrides.

    Raises:
        ConfigurationError: The overrides break a rule. Stored ones never do until a release
            tightens a bound; it is then refused here rather than silently widened or narrowed.
    """
    return msgspec.convert(apply({}, overrides), Policy)


@lru_cache(maxsize=_OVERRIDES_KEPT)
def effective_from_json(overrides: bytes) -> Policy:
    """Tell what holds in a storefront by its stored overrides; remembered, as every turn asks.

    Raises:
        ConfigurationError: The bytes are not a JSON object, or the overrides break a rule.
    """
    try:
        decoded = msgspec.json.decode(overrides, type=dict[str, object])
    except msgspec.MsgspecError:
        raise ConfigurationError("policy", "unreadable", "must be a JSON object") from None
    return effective(decoded)


def to_json(policy: Policy) -> dict[str, Any]:
    """Turn a policy into nested JSON that shows every field."""
    shown: dict[str, Any] = msgspec.to_builtins(policy)
    return shown
