import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.http import passwords

LIST = Path(passwords.__file__).with_name("common-passwords.txt")


def test_the_list_is_long_sorted_and_of_passwords_that_could_be_chosen() -> None:
    head, _, body = LIST.read_text(encoding="utf-8").partition("\n\n")
    entries = body.splitlines()

    assert all(line.startswith("#") for line in head.splitlines())
    assert "Source: " in head
    assert "Licence" in head
    assert len(entries) >= 3_000
    assert entries == sorted(set(entries))
    assert all(len(entry) >= 8 and entry == entry.lower() for entry in entries)
    assert len(passwords.COMMON) == len(entries)


@pytest.mark.parametrize("password", ["password1", "12345678", "qwertyuiop", "Password1"])
def test_a_common_password_is_found_in_any_case(password: str) -> None:
    assert passwords.faults(password) == ("is among the most common passwords",)


@pytest.mark.parametrize(
    "password", ["correct horse battery staple", "password1 ", " password1", "xpassword1"]
)
def test_only_the_whole_of_a_password_is_looked_up(password: str) -> None:
    assert passwords.faults(password) == ()


@pytest.mark.parametrize(("length", "faults"), [(256, 0), (257, 1), (60_000, 1)])
def test_a_password_has_a_longest_length(length: int, faults: int) -> None:
    assert len(passwords.faults("🔑" * length)) == faults


@pytest.mark.parametrize("sign", ["\n", "\r", "\t", "\x07", "\x7f", "\x85"])
def test_a_control_character_is_refused(sign: str) -> None:
    assert passwords.faults(f"good pass{sign}word") == ("must not hold control characters",)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_nothing_of_a_password_is_changed_but_the_spelling_of_its_characters(text: str) -> None:
    assert passwords.normalised(text) == unicodedata.normalize("NFC", text)
    assert passwords.normalised(passwords.normalised(text)) == passwords.normalised(text)
