from hypothesis import given
from hypothesis import strategies as st

from doorward.actors.clocks import StoreClock, boot_seconds


class Ticks:
    def __init__(self, seconds: float = 50.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


def test_store_time_starts_where_the_store_says_and_goes_on_by_ticks() -> None:
    ticks = Ticks()
    clock = StoreClock(ticks)

    clock.start_at(1_700_000_000_000)
    ticks.seconds += 1.5

    assert clock.now_ms() == 1_700_000_001_500


def test_store_time_is_never_turned_back() -> None:
    clock = StoreClock(Ticks())
    clock.start_at(2_000_000)

    clock.start_at(1_000_000)

    assert clock.now_ms() == 2_000_000


def test_store_time_jumps_forward_to_what_was_committed() -> None:
    clock = StoreClock(Ticks())
    clock.start_at(1_000_000)

    clock.start_at(2_000_000)

    assert clock.now_ms() == 2_000_000


@given(st.lists(st.one_of(st.integers(0, 10**13), st.floats(0, 10**6)), max_size=30))
def test_store_time_only_grows(steps: list[int | float]) -> None:
    ticks = Ticks()
    clock = StoreClock(ticks)
    before = clock.now_ms()

    for step in steps:
        if isinstance(step, int):
            clock.start_at(step)
            assert clock.now_ms() >= step
        else:
            ticks.seconds += step
        assert clock.now_ms() >= before
        before = clock.now_ms()


def test_the_boot_clock_counts_seconds_and_never_steps() -> None:
    first, second = boot_seconds(), boot_seconds()

    assert 0 < first <= second < first + 60
