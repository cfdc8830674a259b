"""Outcomes that more than one desk has: what was refused, what is not there, what is gone."""

from doorward.actors.messages.envelope import Outcome
from doorward.actors.windows import Standing


class TooMany(Outcome, frozen=True, kw_only=True):
    """A limit is spent; ``wait_ms`` until one more fits."""

    standing: Standing
    wait_ms: int


class SessionRequired(Outcome, frozen=True, kw_only=True):
    """Nobody is signed in here."""


class OriginRefused(Outcome, frozen=True, kw_only=True):
    """The request came from a page of another origin."""


class NotFound(Outcome, frozen=True, kw_only=True):
    """No such storefront, or no such thing in it."""


class Invalid(Outcome, frozen=True, kw_only=True):
    """A value breaks a rule; nothing was changed."""

    name: str
    rule: str


class Conflict(Outcome, frozen=True, kw_only=True):
    """What was asked does not fit the present state."""

    reason: str


class KeyRefused(Outcome, frozen=True, kw_only=True):
    """The API key is unknown, revoked or of the wrong kind."""


class Deleted(Outcome, frozen=True, kw_only=True):
    """It is gone."""


class InvalidTransition(Outcome, frozen=True, kw_only=True):
    """A state cannot be reached from where it is."""

    reason: str


class ScopeMissing(Outcome, frozen=True, kw_only=True):
    """The API key is good, but not for this."""

    scope: str
