"""Tries at a password as plain values."""

from hypothesis import given
from hypothesis import strategies as st

from doorward.actors.desks import lockouts
from doorward.actors.desks.lockouts import RESERVED_MS, Lanes
from doorward.actors.records.store import Reservation, Tries
from doorward.actors.windows import Window

RULES = lockouts.rules_of(b"{}")
TIGHT = lockouts.rules_of(b'{"passwords.wrongPerLock": 2}')
START_MS = 1_700_000_000_000
MINUTE_MS = 60_000
LOCK_MS = 15 * MINUTE_MS
NEW = Lanes(Tries())


def begun(lanes: Lanes, now_ms: int, name: str = "r") -> tuple[Lanes, Reservation]:
    reservation = Reservation(name, now_ms + RESERVED_MS)
    return lockouts.reserved(lanes, reservation), reservation


def failed(lanes: Lanes, now_ms: int, times: int = 1) -> Lanes:
    for _ in range(times):
        lanes, reservation = begun(lanes, now_ms)
        lanes = lockouts.wrong(lanes, RULES, reservation, now_ms)
    return lanes


def test_the_fifth_wrong_try_locks_for_fifteen_minutes_from_then() -> None:
    four = failed(NEW, START_MS, 4)

    five = failed(four, START_MS + 7)

    assert lockouts.wait_ms(four, START_MS) == 0
    assert lockouts.wait_ms(five, START_MS + 7) == LOCK_MS
    assert lockouts.wait_ms(five, START_MS + 7 + LOCK_MS - 1) == 1
    assert lockouts.wait_ms(five, START_MS + 7 + LOCK_MS) == 0


def test_a_wrong_try_counts_for_fifteen_minutes() -> None:
    four = failed(NEW, START_MS, 4)

    within = failed(four, START_MS + LOCK_MS - 1)
    after = failed(four, START_MS + LOCK_MS)

    assert lockouts.wait_ms(within, START_MS + LOCK_MS - 1) == LOCK_MS
    assert lockouts.wait_ms(after, START_MS + LOCK_MS) == 0


def test_after_a_lock_counting_starts_anew() -> None:
    over_ms = START_MS + LOCK_MS
    locked = failed(NEW, START_MS, 5)

    four = failed(lockouts.aged(locked, RULES, over_ms), over_ms, 4)

    assert lockouts.wait_ms(four, over_ms) == 0
    assert lockouts.wait_ms(failed(four, over_ms), over_ms) == LOCK_MS


def test_counting_starts_anew_after_a_lock_that_is_shorter_than_the_window() -> None:
    rules = lockouts.rules_of(b'{"passwords.lock": 60}')
    lanes = NEW
    for number in range(5):
        lanes, reservation = begun(lanes, START_MS, str(number))
        lanes = lockouts.wrong(lanes, rules, reservation, START_MS)
    assert lockouts.wait_ms(lanes, START_MS) == MINUTE_MS

    over = lockouts.aged(lanes, rules, START_MS + MINUTE_MS)

    assert lockouts.wait_ms(over, START_MS + MINUTE_MS) == 0
    assert over.own.wrong.total == 0


def test_wrong_and_reserved_tries_share_the_room() -> None:
    lanes = failed(NEW, START_MS, 3)
    lanes, _ = begun(lanes, START_MS, "a")
    assert lockouts.has_room(lanes, RULES, START_MS)

    lanes, _ = begun(lanes, START_MS, "b")

    assert not lockouts.has_room(lanes, RULES, START_MS)
    assert lockouts.wait_ms(lanes, START_MS) == 0


def test_a_reservation_nobody_settles_was_wrong_at_its_deadline() -> None:
    lanes, reservation = begun(failed(NEW, START_MS, 4), START_MS)
    deadline_ms = reservation.until_ms

    before = lockouts.aged(lanes, RULES, deadline_ms - 1)
    noticed = lockouts.aged(lanes, RULES, deadline_ms + 60 * MINUTE_MS)

    assert lockouts.reservation_of(before, "r") == reservation
    assert lockouts.reservation_of(noticed, "r") is None
    assert noticed.email.locked_until_ms == deadline_ms + LOCK_MS
    assert noticed.email.in_a_row == 5


def test_a_right_try_clears_what_failed_and_keeps_what_is_under_way() -> None:
    lanes, other = begun(failed(NEW, START_MS, 3), START_MS, "other")
    lanes, mine = begun(lanes, START_MS, "mine")

    lanes = lockouts.right(lanes, mine)

    assert lanes.email == Tries(reserved=(other,))


def test_a_try_given_back_never_was() -> None:
    before = failed(NEW, START_MS, 2)
    lanes, reservation = begun(before, START_MS)

    assert lockouts.released(lanes, reservation) == before


def test_the_hundredth_wrong_try_in_a_row_turns_the_password_off() -> None:
    lanes, now_ms = NEW, START_MS
    for _ in range(19):
        lanes = failed(lanes, now_ms, 5)
        now_ms += LOCK_MS
    lanes = failed(lanes, now_ms, 4)
    assert not lanes.email.disabled

    lanes = failed(lanes, now_ms)

    assert lanes.email.disabled


def test_a_right_try_begins_a_new_row() -> None:
    lanes, reservation = begun(failed(NEW, START_MS, 4), START_MS)
    lanes = lockouts.right(lanes, reservation)

    assert failed(lanes, START_MS).email.in_a_row == 1


def test_a_device_is_not_locked_with_the_email_and_counts_in_its_row() -> None:
    locked = failed(NEW, START_MS, 5)
    lanes = Lanes(locked.email, Tries())

    after = failed(lanes, START_MS, 5)

    assert lockouts.wait_ms(lanes, START_MS) == 0
    assert lockouts.wait_ms(after, START_MS) == LOCK_MS
    assert after.email.in_a_row == 10
    assert after.email.locked_until_ms == locked.email.locked_until_ms


def test_a_right_try_from_a_device_leaves_the_emails_lock() -> None:
    locked = failed(NEW, START_MS, 5)
    lanes, reservation = begun(Lanes(locked.email, Tries()), START_MS)

    after = lockouts.right(lanes, reservation)

    assert after.email.locked_until_ms == locked.email.locked_until_ms
    assert after.email.in_a_row == 0


def test_a_tightened_policy_locks_from_the_last_wrong_try() -> None:
    lanes = failed(failed(NEW, START_MS), START_MS + MINUTE_MS)

    tightened = lockouts.aged(lanes, TIGHT, START_MS + 2 * MINUTE_MS)

    assert lockouts.wait_ms(tightened, START_MS + 2 * MINUTE_MS) == LOCK_MS - MINUTE_MS


def test_a_try_that_ends_during_a_lock_does_not_extend_it() -> None:
    lanes, first = begun(NEW, START_MS, "a")
    lanes, second = begun(lanes, START_MS, "b")
    later = [Reservation(name, START_MS + RESERVED_MS) for name in ("c", "d")]
    for reservation in later:
        lanes = lockouts.reserved(lanes, reservation)
    for reservation in (first, second):
        lanes = lockouts.wrong(lanes, TIGHT, reservation, START_MS)

    after = lanes
    for reservation in later:
        after = lockouts.wrong(after, TIGHT, reservation, START_MS + 1_000)

    assert after.email.locked_until_ms == lanes.email.locked_until_ms == START_MS + LOCK_MS
    assert after.email.in_a_row == 4


def test_unlocking_leaves_a_password_off_that_was_turned_off() -> None:
    tries = Tries(Window((START_MS,), (4,), 4), (), START_MS, 100, disabled=True)

    assert lockouts.unlocked(tries) == Tries(in_a_row=100, disabled=True)


def test_a_set_password_begins_anew_but_for_what_is_under_way() -> None:
    lanes, reservation = begun(failed(NEW, START_MS, 4), START_MS)

    assert lockouts.renewed(lanes.email) == Tries(reserved=(reservation,))


def test_a_device_begins_anew_once_a_password_was_set_after_its_tries() -> None:
    wrong, locked = failed(NEW, START_MS, 2).email, failed(NEW, START_MS, 5).email

    for tries in (wrong, locked):
        assert lockouts.since(tries, RULES, START_MS + 1) == Tries()
        assert lockouts.since(tries, RULES, START_MS) == tries


def test_tries_are_kept_as_long_as_they_may_lock() -> None:
    lanes, _ = begun(NEW, START_MS)
    wrong, locked = failed(NEW, START_MS).email, failed(NEW, START_MS, 5).email

    def kept(tries: Tries, *, is_customers: bool = False) -> int | None:
        return lockouts.keep_ms(tries, RULES, START_MS, is_customers=is_customers)

    assert kept(lanes.email) == RESERVED_MS + 2 * LOCK_MS
    assert kept(wrong) == kept(locked) == 2 * LOCK_MS
    assert kept(lanes.email, is_customers=True) is None
    assert kept(wrong, is_customers=True) is None
    assert kept(Tries(), is_customers=True) == LOCK_MS


@given(steps=st.lists(st.tuples(st.integers(0, 5 * MINUTE_MS), st.booleans()), max_size=60))
def test_no_more_than_five_are_wrong_in_any_stretch_of_fifteen_minutes(
    steps: list[tuple[int, bool]],
) -> None:
    lanes, now_ms, wrong_at = NEW, START_MS, []
    for step_ms, settles in steps:
        now_ms += step_ms
        overdue = [each.until_ms for each in lanes.email.reserved if each.until_ms <= now_ms]
        wrong_at += sorted(overdue)
        lanes = lockouts.aged(lanes, RULES, now_ms)
        if lockouts.wait_ms(lanes, now_ms) or not lockouts.has_room(lanes, RULES, now_ms):
            continue
        lanes, reservation = begun(lanes, now_ms, str(now_ms + len(lanes.email.reserved)))
        if settles:
            lanes = lockouts.wrong(lanes, RULES, reservation, now_ms)
            wrong_at.append(now_ms)

    for at in wrong_at:
        assert sum(at <= other < at + LOCK_MS for other in wrong_at) <= 5
