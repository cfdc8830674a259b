import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from doorward.actors.post.colours import NEUTRAL, contrast, palette

COLOURS = st.integers(min_value=0, max_value=0xFFFFFF).map("#{:06x}".format)


@pytest.mark.parametrize(
    ("first", "second", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#767676", "#ffffff", 4.54),
        ("#ff0000", "#ffffff", 4.00),
        ("#0000ff", "#ffffff", 8.59),
    ],
)
def test_contrast_agrees_with_published_ratios(first: str, second: str, ratio: float) -> None:
    assert contrast(first, second) == pytest.approx(ratio, abs=0.005)
    assert contrast(second, first) == contrast(first, second)


@given(COLOURS)
@example("#757575")
@example("#767676")
@example("#777777")
def test_text_on_any_accent_is_readable(accent: str) -> None:
    colours = palette(accent)

    assert colours.accent == accent
    assert contrast(colours.on_accent, colours.accent) >= 4.5


@given(COLOURS)
def test_a_button_can_be_told_from_light_and_dark_cards(accent: str) -> None:
    colours = palette(accent)

    assert contrast(colours.edge, "#ffffff") >= 1.4
    assert contrast(colours.edge, "#1d2025") >= 1.4


@given(st.text())
@example("#fff")
@example("#0a7c66\n")
@example("#0a7c66;background:url(https://evil.test)")
@example("red")
@example("#\uff10a7c66")
def test_nothing_but_a_colour_gets_through(accent: str) -> None:
    colours = palette(accent)

    assert all(re.fullmatch(r"#[0-9a-f]{6}", colour) for colour in colours)
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", accent):
        assert colours == palette(NEUTRAL)
