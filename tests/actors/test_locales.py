import json
import subprocess
import sys
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.actors import locales
from doorward.actors.locales import LANGUAGES, accepted, chosen, minor_digits, words
from doorward.actors.locales.catalogue import messages_of

FOLDER = Path(locales.__file__).parent
NO_BREAK = "\u00a0"
OTHERS = [language for language in LANGUAGES if language != "en"]


def placeholders(text: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(text) if field is not None}


def test_every_language_has_a_folder_and_every_folder_a_language() -> None:
    folders = {path.parent.name for path in FOLDER.glob("*/*.json")}

    assert folders == set(LANGUAGES)


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_says_the_same_messages(language: str) -> None:
    assert messages_of(language).keys() == messages_of("en").keys()


@pytest.mark.parametrize("language", OTHERS)
def test_every_translation_has_the_placeholders_of_the_original(language: str) -> None:
    english, translated = messages_of("en"), messages_of(language)

    differing = {
        name
        for name in english.keys() & translated.keys()
        if placeholders(english[name]) != placeholders(translated[name])
    }

    assert differing == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_placeholder_is_a_name_and_no_expression(language: str) -> None:
    fields = {field for text in messages_of(language).values() for field in placeholders(text)}

    assert all(field.isidentifier() for field in fields)


@pytest.mark.parametrize(
    "path", sorted(FOLDER.glob("*/*.json")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_no_message_is_said_twice_or_empty_or_ragged(path: Path) -> None:
    pairs = json.loads(path.read_text(), object_pairs_hook=list)

    names = [name for name, _ in pairs]
    assert len(names) == len(set(names))
    assert all(text == text.strip() and text for _, text in pairs)
    assert all(text.isprintable() or NO_BREAK in text for _, text in pairs)


def test_what_a_language_does_not_say_is_said_in_english(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from doorward.actors.locales import catalogue  # noqa: PLC0415 - what is patched

    for language, said in (("en", {"a": "one {n}", "b": "two"}), ("id", {"a": "satu {n}"})):
        folder = tmp_path / language
        folder.mkdir()
        (folder / "part.json").write_text(json.dumps(said))
    monkeypatch.setattr(catalogue, "_HERE", tmp_path)

    read = catalogue.read()

    assert read["id"].say("part.a", n=1) == "satu 1"
    assert read["id"]["part.b"] == "two"


def test_a_language_nobody_speaks_here_is_english() -> None:
    assert words("tlh") is words("en")
    assert words("") is words("en")
    assert words("id").locale == "id"


def test_what_is_put_into_a_message_is_never_read_as_one() -> None:
    said = words("en").say("mails.sign_in.link_subject", name="{name} {0} {code.__class__}")

    assert said == "Sign in to {name} {0} {code.__class__}"


def test_a_message_that_does_not_exist_is_a_fault() -> None:
    with pytest.raises(KeyError):
        words("id")["mails.unheard_of"]
    with pytest.raises(KeyError):
        words("id").say("mails.sign_in.link_subject")


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("id", "id"),
        ("id-ID,id;q=0.9,en-US;q=0.8,en;q=0.7", "id"),
        ("en-GB,en;q=0.9,id;q=0.8", "en"),
        ("de-DE,de;q=0.9,id;q=0.2", "id"),
        ("en;q=0.3, ID;q=0.4", "id"),
        ("in-ID", "id"),
        ("id;q=0", ""),
        ("id;q=0, en;q=0.1", "en"),
        ("de, fr;q=0.5", ""),
        ("*", ""),
        ("", ""),
        (None, ""),
        ("id;q=2", ""),
        ("id;q=nan", ""),
        ("id;q=1.0000", ""),
        ("!!!, id", "id"),
        ("i\u0131d", ""),
        ("en,id", "en"),
        ("x," * 30 + "id", ""),
    ],
)
def test_the_reader_gets_the_language_they_like_best(accept: str | None, language: str) -> None:
    assert accepted(accept) == language


@given(st.text())
def test_no_header_is_too_odd_to_choose_a_language(accept: str) -> None:
    assert accepted(accept) in {"", *LANGUAGES}
    assert chosen("auto", accept) in LANGUAGES


@pytest.mark.parametrize(
    ("setting", "accept", "language"),
    [
        ("auto", "id", "id"),
        ("auto", "de", "en"),
        ("auto", None, "en"),
        ("id", "en", "id"),
        ("en", "id", "en"),
        ("tlh", "id", "id"),
    ],
)
def test_the_storefronts_language_comes_before_the_readers(
    setting: str, accept: str | None, language: str
) -> None:
    assert chosen(setting, accept) == language


@pytest.mark.parametrize(
    ("language", "amount", "currency", "written"),
    [
        ("id", 125_000, "IDR", "Rp 125.000"),
        ("en", 125_000, "IDR", "Rp 125,000"),
        ("id", 0, "IDR", "Rp 0"),
        ("id", -5_000, "IDR", "-Rp 5.000"),
        ("en", 1_250, "USD", "$12.50"),
        ("id", 1_250, "USD", "US$12,50"),
        ("en", 1_200, "JPY", "¥1,200"),
        ("en", 5, "EUR", "€0.05"),
        ("en", 2**53, "IDR", "Rp 9,007,199,254,740,992"),
    ],
)
def test_money_is_written_as_the_reader_writes_it(
    language: str, amount: int, currency: str, written: str
) -> None:
    assert words(language).money(amount, currency).replace(NO_BREAK, " ") == written


def test_money_is_never_broken_over_two_lines() -> None:
    assert " " not in words("id").money(125_000, "IDR")


@pytest.mark.parametrize(("currency", "digits"), [("IDR", 0), ("JPY", 0), ("USD", 2), ("KWD", 3)])
def test_minor_units_have_their_currencys_decimals(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits


def test_dates_are_written_in_words_and_say_their_zone() -> None:
    at_ms = 1_795_269_900_123

    assert words("en").day(at_ms) == "November 21, 2026"
    assert words("id").day(at_ms) == "21 November 2026"
    assert words("en").moment(at_ms) == "Nov 21, 2026, 14:05 UTC"
    assert words("id").moment(at_ms) == "21 Nov 2026, 14.05 UTC"


BUSY = """
import asyncio
from blockbuster import blockbuster_ctx
from doorward.actors.locales import LANGUAGES, words

async def first_page():
    for language in LANGUAGES:
        said = words(language)
        said.money(1, "IDR"), said.money(1, "USD"), said.day(0), said.moment(0)

with blockbuster_ctx():
    asyncio.run(first_page())
"""


def test_the_first_page_does_not_wait_for_the_disk() -> None:
    # In a process of its own: in this one Babel has read everything already.
    subprocess.run([sys.executable, "-c", BUSY], check=True, timeout=60)


def test_only_the_beginning_of_a_long_header_is_looked_at() -> None:
    assert accepted("id" + " " * 200 + ";q=0.9" + "," * 9_000) == "id"
    assert accepted("x," * 4_000 + "id") == ""
    assert accepted(" " * 300 + "id") == ""
