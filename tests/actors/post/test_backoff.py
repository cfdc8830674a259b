from hypothesis import given
from hypothesis import strategies as st

from doorward.actors.post.backoff import Backoff


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_half_certain_half_chance_and_never_above_the_cap(
    tries: int, chance: float
) -> None:
    seconds = Backoff(first_seconds=1.0, most_seconds=30.0, chance=lambda: chance).seconds(tries)

    ceiling = min(30.0, 2.0 ** min(tries - 1, 16))
    assert ceiling / 2 <= seconds <= ceiling
    assert seconds == ceiling * (0.5 + chance / 2)


@given(st.integers(1, 10_000))
def test_news_wait_longer_than_codes_and_never_above_their_own_cap(tries: int) -> None:
    backoff = Backoff(most_seconds=30.0, most_news_seconds=600.0, chance=lambda: 1.0)

    assert backoff.seconds(tries) == min(30.0, 2.0 ** min(tries - 1, 16))
    assert backoff.seconds(tries, urgent=False) == min(600.0, 2.0 ** min(tries - 1, 16))


def test_mails_that_failed_together_part() -> None:
    backoff = Backoff()

    waits = {backoff.seconds(3) for _ in range(20)}

    assert len(waits) > 10
