import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from doorward.actors.post.names import shown_name

HOSTILE = st.text(
    st.characters(codec=None)
    | st.sampled_from(
        "\r\n\t\0\x7f\x85\u2028\u2029\u202e\u2066\u2069\u200b\u200d\ufeff\ud800<>\"',;:@=?"
    )
)


@given(HOSTILE)
@example("Alpha\r\nBcc: thief@evil.test")
@example("\u202e\u2066")
@example("\u200d\u200c")
@example("\ud800")
@example(" " * 300)
@example("x" * 300)
@example("x " * 60)
@example("=\u200b?utf-8?q?a?=")
def test_any_name_becomes_one_harmless_line(name: str) -> None:
    shown = shown_name(name, "alpha")

    assert shown
    assert len(shown) <= 100
    assert shown == shown.strip()
    assert shown.encode("utf-8").decode("utf-8").splitlines() == [shown]
    for character in shown.replace("\u200c", "").replace("\u200d", ""):
        assert character == " " or unicodedata.category(character)[0] not in "CZ"
    assert "=?" not in shown


@given(HOSTILE)
def test_neutralising_twice_changes_nothing_more(name: str) -> None:
    once = shown_name(name, "alpha")

    assert shown_name(once, "alpha") == once


@pytest.mark.parametrize(
    "name",
    [
        "Alpha Shop",
        "Café Zoë & Söhne",
        "متجر ألفا",
        "می‌خواهم",
        "北極商店",
        'O\'Neil "Best" <3',
        "👩‍🚀 Gear",
    ],
)
def test_an_ordinary_name_stays_as_it_is(name: str) -> None:
    assert shown_name(name, "alpha") == name


@pytest.mark.parametrize("name", ["", " \t\r\n", "\u202e\u200b", "\u200d", "\ud800"])
def test_a_name_without_anything_to_see_gives_way_to_the_slug(name: str) -> None:
    assert shown_name(name, "alpha") == "alpha"
