"""Locks: how many wrong passwords an email survives, counted exactly while many are compared.

Comparing takes a hash of some 20 ms, elsewhere; so a try is *reserved* before and *settled* after.
Wrong tries and reserved ones together never exceed the limit, so at most that many wrong passwords
are ever evaluated between two locks, however many are tried at once; who finds no room waits and is
not refused, for one of those before them may be right. A reservation that nobody settles in time
was a wrong try at its deadline, or dropping connections would make guesses free.

A known device has a lane of its own, so that strangers cannot lock out its owner. What counts
towards turning a password off, wrong tries in a row, is of the email as a whole.

Everything here is a value: tries go in, tries come out, and time is an argument.

Sources: contract §4; NIST SP 800-63B §3.2.2 (at most 100 consecutive failures); OWASP ASVS 6.1.1.
"""

from functools import lru_cache
from typing import Final, NamedTuple

from msgspec.structs import replace

from doorward.actors import windows
from doorward.actors.records.store import Reservation, Tries
from doorward.actors.windows import EMPTY, Rule
from doorward.config.policy import effective_from_json

RESERVED_MS: Final = 30_000
"""How long a try may take to be compared, waiting for a place in the hashing gate included."""


class LockRules(NamedTuple):
    """A policy's rules about wrong passwords."""

    wrong: Rule
    lock_ms: int
    in_a_row: int


class Lanes(NamedTuple):
    """The tries that one try counts in: the email's, and the known device's that it comes from."""

    email: Tries
    device: Tries | None = None

    @property
    def own(self) -> Tries:
        """Tell where the try is reserved, and where its lock would be."""
        return self.email if self.device is None else self.device

    def with_own(self, own: Tries) -> "Lanes":
        """Replace that part."""
        return Lanes(own) if self.device is None else Lanes(self.email, own)


@lru_cache(maxsize=1024)
def rules_of(overrides: bytes) -> LockRules:
    """Tell the rules of a storefront's policy, by its overrides."""
    passwords = effective_from_json(overrides).passwords
    wrong = Rule("passwords.wrong", passwords.wrong_per_lock, passwords.window * 1000)
    return LockRules(wrong, passwords.lock * 1000, passwords.wrong_in_a_row)


def aged(lanes: Lanes, rules: LockRules, now_ms: int) -> Lanes:
    """Count every overdue reservation as a wrong try at its deadline; call this before all else."""
    own = lanes.own
    overdue = sorted(each.until_ms for each in own.reserved if each.until_ms <= now_ms)
    if overdue:
        left = tuple(each for each in own.reserved if each.until_ms > now_ms)
        lanes = lanes.with_own(replace(own, reserved=left))
    for at_ms in overdue:
        lanes = _wrong(lanes, rules, at_ms)
    return lanes.with_own(_tightened(lanes.own, rules, now_ms))


def wait_ms(lanes: Lanes, now_ms: int) -> int:
    """Tell how long the lock lasts; 0 when there is none."""
    return max(0, lanes.own.locked_until_ms - now_ms)


def has_room(lanes: Lanes, rules: LockRules, now_ms: int) -> bool:
    """Tell whether one more may be tried before those under way are settled."""
    wrong = windows.held(lanes.own.wrong, rules.wrong, now_ms)
    return wrong + len(lanes.own.reserved) < rules.wrong.limit


def reserved(lanes: Lanes, reservation: Reservation) -> Lanes:
    """Reserve a try; there must be room."""
    return lanes.with_own(replace(lanes.own, reserved=(*lanes.own.reserved, reservation)))


def reservation_of(lanes: Lanes, name: str) -> Reservation | None:
    """Find a reservation that is neither settled nor overdue."""
    return next((each for each in lanes.own.reserved if each.id == name), None)


def released(lanes: Lanes, reservation: Reservation) -> Lanes:
    """Give a reservation back: its password was never compared."""
    left = tuple(each for each in lanes.own.reserved if each != reservation)
    return lanes.with_own(replace(lanes.own, reserved=left))


def wrong(lanes: Lanes, rules: LockRules, reservation: Reservation, now_ms: int) -> Lanes:
    """Settle a try whose password was wrong; the last one that fits locks, from this moment."""
    return _wrong(released(lanes, reservation), rules, now_ms)


def right(lanes: Lanes, reservation: Reservation) -> Lanes:
    """Settle a try whose password was right: what failed before it no longer counts.

    Others' reservations stay: what they will turn out to be is not known. So does a lock of the
    email's that a known device was not stopped by.
    """
    left = released(lanes, reservation)
    left = left.with_own(replace(left.own, wrong=EMPTY))
    return left._replace(email=replace(left.email, wrong=EMPTY, in_a_row=0))


def unlocked(tries: Tries) -> Tries:
    """End a lock and forget what led to it. A password that was turned off stays so."""
    return replace(tries, wrong=EMPTY, locked_until_ms=0)


def renewed(tries: Tries) -> Tries:
    """Begin anew because a password was set: what was tried at another one says nothing of it.

    What is under way still counts when it is settled.
    """
    return Tries(reserved=tries.reserved)


def since(tries: Tries, rules: LockRules, password_ms: int) -> Tries:
    """Begin anew if a password was set, at ``password_ms``, after all that was counted here."""
    last_ms = max(tries.locked_until_ms - rules.lock_ms, *tries.wrong.times[-1:], 0)
    return tries if last_ms >= password_ms else renewed(tries)


def keep_ms(tries: Tries, rules: LockRules, now_ms: int, *, is_customers: bool) -> int | None:
    """Tell how long tries mean anything; for good while a customer's password may be turned off.

    Nobody has a password with an unknown email: how often it was tried in a row tells nothing.
    """
    if is_customers and (tries.in_a_row or tries.disabled or tries.reserved):
        return None
    window_ms = rules.wrong.window_ms
    ends = [tries.locked_until_ms, *(each.until_ms + window_ms for each in tries.reserved)]
    ends += [at_ms + window_ms for at_ms in tries.wrong.times[-1:]]
    # A reservation that turns out wrong may be the one that locks.
    return max(max(ends) + rules.lock_ms - now_ms, rules.lock_ms)


def _wrong(lanes: Lanes, rules: LockRules, at_ms: int) -> Lanes:
    in_a_row = lanes.email.in_a_row + 1
    disabled = lanes.email.disabled or in_a_row >= rules.in_a_row
    lanes = lanes._replace(email=replace(lanes.email, in_a_row=in_a_row, disabled=disabled))
    own = lanes.own
    if at_ms < own.locked_until_ms:
        # No try begins while locked. This one began before a policy was tightened.
        return lanes
    counted = windows.counted(own.wrong, rules.wrong, at_ms)
    return lanes.with_own(_locked(replace(own, wrong=counted), rules, at_ms, at_ms))


def _tightened(own: Tries, rules: LockRules, now_ms: int) -> Tries:
    """Lock where a policy that was tightened since finds as many wrong tries as lock."""
    if own.wrong.times:
        return _locked(own, rules, now_ms, own.wrong.times[-1])
    return own


def _locked(own: Tries, rules: LockRules, now_ms: int, last_ms: int) -> Tries:
    if windows.held(own.wrong, rules.wrong, now_ms) < rules.wrong.limit:
        return own
    # Once the lock is over, counting starts anew.
    return replace(own, wrong=EMPTY, locked_until_ms=last_ms + rules.lock_ms)
