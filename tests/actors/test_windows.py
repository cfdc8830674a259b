from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from doorward.actors import windows
from doorward.actors.windows import EMPTY, EXACT_UP_TO, Rule, Window

MINUTE_MS = 60_000
THREE = Rule("three", 3, MINUTE_MS)
COARSE = Rule("coarse", EXACT_UP_TO + 1, MINUTE_MS)


class ExactWindow(RuleBasedStateMachine):
    """Against the whole history: what passed in the last minute, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.window = EMPTY
        self.now_ms = 1_000_000
        self.passed: list[int] = []

    @rule(step_ms=st.one_of(st.integers(0, 70_000), st.sampled_from([0, 1, 59_999, 60_000])))
    def wait(self, step_ms: int) -> None:
        self.now_ms += step_ms

    @rule()
    def knock(self) -> None:
        recent = [at for at in self.passed if at > self.now_ms - MINUTE_MS]
        fits = len(recent) < THREE.limit

        assert (windows.remaining(self.window, THREE, self.now_ms) > 0) is fits
        if fits:
            self.window = windows.counted(self.window, THREE, self.now_ms)
            self.passed.append(self.now_ms)
        else:
            assert windows.wait_ms(self.window, THREE, self.now_ms) == (
                recent[0] + MINUTE_MS - self.now_ms
            )

    @invariant()
    def it_holds_what_passed(self) -> None:
        recent = [at for at in self.passed if at > self.now_ms - MINUTE_MS]

        assert windows.held(self.window, THREE, self.now_ms) == len(recent)
        assert self.window.total == sum(self.window.counts)
        assert len(self.window.times) <= THREE.limit


TestExactWindow = ExactWindow.TestCase
TestExactWindow.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(st.lists(st.integers(0, 3_000), min_size=1, max_size=400))
@settings(max_examples=50, deadline=None)
def test_a_coarse_window_never_lets_more_through_and_stays_small(steps: list[int]) -> None:
    rule = Rule("small but coarse", EXACT_UP_TO + 1, MINUTE_MS)
    window, now_ms, passed = EMPTY, 0, []

    for step_ms in steps:
        now_ms += step_ms
        window = windows.counted(window, rule, now_ms)
        passed.append(now_ms)

    truly = sum(at > now_ms - MINUTE_MS for at in passed)
    at_most = sum(at > now_ms - MINUTE_MS - MINUTE_MS // 256 - 1 for at in passed)
    assert truly <= windows.held(window, rule, now_ms) <= at_most
    assert len(window.times) <= 258


def test_three_fit_in_any_minute_also_across_the_edge_of_a_clock_minute() -> None:
    window = EMPTY
    for at_ms in (59_000, 59_000, 59_000):
        window = windows.counted(window, THREE, at_ms)

    assert windows.remaining(window, THREE, 60_500) == 0
    assert windows.remaining(window, THREE, 118_999) == 0
    assert windows.remaining(window, THREE, 119_000) == 3


def test_one_log_serves_rules_that_look_back_differently() -> None:
    hour = Rule("hour", 10, 60 * MINUTE_MS)
    window = EMPTY
    for minute in range(5):
        window = windows.counted(window, hour, minute * MINUTE_MS)

    assert windows.held(window, THREE, 4 * MINUTE_MS) == 1
    assert windows.held(window, hour, 4 * MINUTE_MS) == 5
    assert windows.standing(window, hour, 4 * MINUTE_MS).remaining == 5


def test_a_limit_that_was_lowered_refuses_until_enough_has_left() -> None:
    window = EMPTY
    for at_ms in (0, 10_000, 20_000, 30_000):
        window = windows.counted(window, Rule("before", 10, MINUTE_MS), at_ms)
    lowered = Rule("now", 2, MINUTE_MS)

    assert windows.remaining(window, lowered, 30_000) == 0
    assert windows.wait_ms(window, lowered, 30_000) == 50_000


def test_an_empty_window_has_everything_left_and_nothing_to_wait_for() -> None:
    assert windows.standing(Window(), THREE, 5).remaining == 3
    assert windows.standing(Window(), THREE, 5).reset_ms == 0
    assert windows.wait_ms(Window(), THREE, 5) == 0
    assert windows.remaining(Window(), COARSE, 5) == COARSE.limit
