from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.config.env_file import parse
from doorward.config.errors import ConfigurationError

PATH = Path("/srv/door/.env")


def parsed(text: str) -> dict[str, str]:
    return parse(text, path=PATH, setting="DOORWARD_ENV_FILE")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=plain", "plain"),
        ("NAME=", ""),
        ("NAME=''", ""),
        ("  NAME=indented  ", "indented"),
        ("export NAME=exported", "exported"),
        ("NAME=with blanks inside", "with blanks inside"),
        ("NAME=value # comment", "value"),
        ("NAME=value\t#comment", "value"),
        ("NAME= # only a comment", ""),
        ("NAME=a#b", "a#b"),
        ("NAME='single # quoted'", "single # quoted"),
        ('NAME="double # quoted"', "double # quoted"),
        ("NAME=' kept '  # comment", " kept "),
        ("NAME='say \"hi\"'", 'say "hi"'),
        ("NAME=a=b", "a=b"),
        ("NAME=$HOME", "$HOME"),
        ('NAME="$HOME \\n ${X}"', "$HOME \\n ${X}"),
        ("NAME=it's", "it's"),
        ("NAME=value\r", "value"),
    ],
)
def test_a_line_sets_a_name_to_what_it_says(line: str, value: str) -> None:
    assert parsed(line) == {"NAME": value}


def test_blank_lines_and_comments_set_nothing() -> None:
    assert parsed("\n# NAME=1\n   \t\n\r\n  # more\nREAL=1\n") == {"REAL": "1"}


@pytest.mark.parametrize(
    "line",
    [
        "hunter2",
        "=hunter2",
        "NAME =hunter2",
        "1NAME=hunter2",
        "NA-ME=hunter2",
        "NAME='hunter2",
        'NAME="hunter2',
        "NAME='hunter2' more",
        "NAME='hunter2'#comment",
        "NAME=#hunter2",
        "NAME=hunter2\0",
        "NÄME=hunter2",
    ],
)
def test_a_line_that_is_not_an_assignment_is_refused_by_number_and_never_quoted(line: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parsed(f"FIRST=1\n{line}\n")

    assert raised.value.name == "DOORWARD_ENV_FILE"
    assert raised.value.value == "/srv/door/.env:2"
    assert "NAME=value" in raised.value.rule
    assert "hunter2" not in str(raised.value)


def test_a_name_that_is_set_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="each name once") as raised:
        parsed("NAME=secret-one\nNAME=secret-two\n")

    assert raised.value.value == "/srv/door/.env:2"
    assert "secret" not in str(raised.value)


@given(st.text(st.characters(exclude_characters="\n\r\0'", exclude_categories=["Cs"])))
def test_whatever_stands_in_single_quotes_is_taken_as_it_is(value: str) -> None:
    assert parsed(f"NAME='{value}'") == {"NAME": value}


@given(st.text())
def test_any_text_is_either_read_or_refused(text: str) -> None:
    assert all(name.isidentifier() or name == "/srv/door/.env" for name in names(text))


def names(text: str) -> list[str]:
    try:
        return list(parsed(text))
    except ConfigurationError as error:
        return [error.value.rpartition(":")[0]]
