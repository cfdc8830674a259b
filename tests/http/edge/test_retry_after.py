import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.http.edge.retry_after import whole_seconds


@pytest.mark.parametrize(
    ("wait_ms", "said"),
    [(-5, "1"), (0, "1"), (1, "1"), (999, "1"), (1000, "1"), (1001, "2"), (60_000, "60")],
)
def test_waits_are_rounded_up_and_at_least_a_second(wait_ms: int, said: str) -> None:
    assert whole_seconds(wait_ms) == said


@given(st.integers(min_value=1, max_value=10**10))
def test_who_obeys_is_never_early_nor_a_whole_second_late(wait_ms: int) -> None:
    late_ms = int(whole_seconds(wait_ms)) * 1000 - wait_ms

    assert 0 <= late_ms < 1000
