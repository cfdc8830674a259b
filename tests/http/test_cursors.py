import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.http import cursors

IDS = st.text(alphabet="0123456789abcdef", min_size=32, max_size=32)


@given(st.integers(-(10**12), 10**14), IDS)
def test_a_cursor_is_read_back_as_it_was_written(at_ms: int, order_id: str) -> None:
    text = cursors.written((at_ms, order_id))

    assert text is not None
    assert cursors.read(text) == (at_ms, order_id)


def test_the_end_of_a_list_has_no_cursor() -> None:
    assert cursors.written(None) is None


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_whatever_else_is_no_cursor_or_the_very_one_that_is_written(text: str) -> None:
    after = cursors.read(text)

    assert after is None or cursors.written(after) == text


@pytest.mark.parametrize(
    "inside",
    [
        "",
        ".",
        "1",
        "1.",
        ".a",
        "01.a",
        "-0.a",
        "1.a.b",
        "1.a:b",
        "1.a\n",
        "1e3.a",
        "1.é",
        f"{10**16}.a",
        f"1.{'a' * 65}",
    ],
)
def test_a_text_of_another_form_is_no_cursor(inside: str) -> None:
    text = base64.urlsafe_b64encode(inside.encode()).decode().rstrip("=")

    assert cursors.read(text) is None


def test_bits_that_are_left_over_make_no_second_cursor_of_one() -> None:
    text = cursors.written((1, "a"))

    assert text is not None
    assert cursors.read(text) == (1, "a")
    assert [cursors.read(text + padding) for padding in ("=", "==", "A", "AA")] == [None] * 4
