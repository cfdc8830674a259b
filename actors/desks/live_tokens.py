"""The action tokens that may still act: kept by their SHA-256, and listed by email.

The list is there so that they end with whatever ends them: an erasure, a password that was set.
"""

from collections.abc import Container
from typing import Final

from msgspec.structs import replace

from doorward.actors import tokens
from doorward.actors.records.account import Action, ActionEntry, ActionToken, ActionTokens
from doorward.actors.turns import Turn

PER_EMAIL: Final = 100
"""Live tokens of one email; one more ends the oldest."""


def found(turn: Turn, digest: str) -> ActionToken | None:
    """Return the token with this SHA-256, if it may still act.

    Raises:
        Miss: When its record is not in memory.
    """
    token = turn.ledger.get(ActionToken, digest)
    return token if token is not None and turn.now_ms < token.expires_at_ms else None


def kept(turn: Turn, digest: str, token: ActionToken) -> None:
    """Stage a token; past the bound the email's oldest end.

    Raises:
        Miss: When the email's list is not in memory.
    """
    name = tokens.email_id(token.email)
    live = _live(turn, name)
    surplus = max(0, len(live) + 1 - PER_EMAIL)
    for oldest in live[:surplus]:
        turn.ledger.delete(ActionToken, oldest.digest)
    turn.ledger.put(token, digest, keep_ms=token.expires_at_ms - turn.now_ms)
    _put(turn, name, (*live[surplus:], ActionEntry(digest, token.expires_at_ms)))


def as_if_kept(turn: Turn, digest: str, token: ActionToken) -> None:
    """Cost what ``kept`` does and leave the email's tokens as they are: this one opens nothing.

    Raises:
        Miss: When the email's list is not in memory.
    """
    name = tokens.email_id(token.email)
    live = _live(turn, name)
    turn.ledger.put(replace(token, email=""), digest, keep_ms=token.expires_at_ms - turn.now_ms)
    _put(turn, name, live)


def spent(turn: Turn, digest: str, token: ActionToken) -> None:
    """Stage the end of a token.

    Raises:
        Miss: When the email's list is not in memory.
    """
    name = tokens.email_id(token.email)
    turn.ledger.delete(ActionToken, digest)
    _put(turn, name, tuple(entry for entry in _entries(turn, name) if entry.digest != digest))


def live_of(turn: Turn, email: str) -> list[tuple[str, ActionToken]]:
    """Read an email's tokens that still act, oldest first, with their digests.

    Raises:
        Miss: Naming at once all that are not in memory.
    """
    entries = _entries(turn, tokens.email_id(email))
    turn.ledger.need(*((ActionToken, entry.digest) for entry in entries))
    known = ((entry.digest, found(turn, entry.digest)) for entry in entries)
    return [(digest, token) for digest, token in known if token is not None]


def forget(turn: Turn, email: str, actions: Container[Action]) -> None:
    """Stage the end of an email's tokens of some actions.

    Raises:
        Miss: Naming at once all that are not in memory.
    """
    gone = {digest for digest, token in live_of(turn, email) if token.action in actions}
    name = tokens.email_id(email)
    for digest in sorted(gone):
        turn.ledger.delete(ActionToken, digest)
    _put(turn, name, tuple(e for e in _entries(turn, name) if e.digest not in gone))


def forget_all(turn: Turn, email: str) -> None:
    """Stage the end of all of an email's tokens.

    Raises:
        Miss: When the email's list is not in memory.
    """
    name = tokens.email_id(email)
    for entry in _entries(turn, name):
        turn.ledger.delete(ActionToken, entry.digest)
    turn.ledger.delete(ActionTokens, name)


def _entries(turn: Turn, name: str) -> tuple[ActionEntry, ...]:
    return (turn.ledger.get(ActionTokens, name) or ActionTokens()).entries


def _live(turn: Turn, name: str) -> tuple[ActionEntry, ...]:
    return tuple(e for e in _entries(turn, name) if turn.now_ms < e.expires_at_ms)


def _put(turn: Turn, name: str, entries: tuple[ActionEntry, ...]) -> None:
    if not entries:
        turn.ledger.delete(ActionTokens, name)
        return
    keep_ms = max(entry.expires_at_ms for entry in entries) - turn.now_ms
    turn.ledger.put(ActionTokens(entries), name, keep_ms=max(1, keep_ms))
