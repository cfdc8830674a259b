from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from typing import get_args

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from doorward.actors.locales import LANGUAGES, words
from doorward.actors.post.contents import ActionLink, Linked, ReturnNews, StatusLink
from doorward.actors.post.mail import Mail
from doorward.actors.post.message import message
from doorward.actors.post.names import LONGEST_TEXT, shown_lines, shown_name
from doorward.actors.post.rendering import render
from doorward.actors.records.account import Action
from tests.actors.post.elements import Elements

MakeMail = Callable[..., Mail]
SENDER = "door@mail.example"
ORIGIN = "https://alpha.example:8443"
LINK = f"{ORIGIN}/actions/a{'k3' * 12}z"
UNTIL_MS = 1_795_269_900_123
HOSTILE = st.text(st.characters(codec=None) | st.sampled_from("<>\"'&\r\n{}%\u202e\u2066"))


def returned(**changes: object) -> ReturnNews:
    values = {"news": "REJECTED", "number": "1042", "note": None, "asks": True, "link": LINK}
    return ReturnNews(**(values | changes))  # type: ignore[arg-type]


def status_link(**changes: object) -> StatusLink:
    values = {
        "number": "1042",
        "status": "confirmed",
        "total": 130_000,
        "currency": "IDR",
        "until_ms": UNTIL_MS,
        "link": LINK,
    }
    return StatusLink(**(values | changes))  # type: ignore[arg-type]


def action(**changes: object) -> ActionLink:
    values = {"action": "start_return", "number": "1042", "until_ms": UNTIL_MS, "link": LINK}
    return ActionLink(**(values | changes))  # type: ignore[arg-type]


EVERY: tuple[Linked, ...] = (
    *(returned(news=news, note="no") for news in ("APPROVED", "REJECTED", "COMPLETED")),
    status_link(),
    *(action(action=one) for one in get_args(Action)),
    action(action="confirm_email", number=None),
)


def test_a_rejected_return_is_said_in_plain_words_with_the_sellers_note(
    make_mail: MakeMail,
) -> None:
    rendered = render(make_mail(content=returned(note="Worn.\n\nSee  our\tterms.")))

    assert rendered.subject == "Return for order 1042: Rejected"
    assert rendered.text == (
        "Your return was rejected\n"
        "\n"
        "Order: 1042\n"
        "Return: Rejected\n"
        "\n"
        "The seller does not take the items back.\n"
        "\n"
        "The seller writes:\n"
        "\n"
        "> Worn.\n"
        "> See our terms.\n"
        "\n"
        "See the order:\n"
        "\n"
        f"{LINK}\n"
        "\n"
        "The page asks you to sign in with this email address.\n"
        "You get this email because a return was requested for an order that was placed at"
        " Alpha Shop with this address.\n"
        "\n"
        "Alpha Shop"
    )


def test_a_rejection_without_a_note_quotes_nobody(make_mail: MakeMail) -> None:
    rendered = render(make_mail(content=returned(note=" \u202e\n")))

    assert "writes" not in rendered.text + rendered.html
    assert "blockquote" not in rendered.html
    assert "\n\n\n" not in rendered.text


def test_an_action_that_is_about_no_order_has_no_empty_lines(make_mail: MakeMail) -> None:
    rendered = render(make_mail(content=action(action="confirm_email", number=None)))

    assert rendered.text.startswith(
        "Confirm your email address\n\nOpen the page to confirm that this email address is yours."
        " The link works once, until Nov 21, 2026, 14:05 UTC.\n\nOpen the page:\n\n"
    )


def test_a_status_link_says_what_the_order_is(make_mail: MakeMail) -> None:
    text = render(make_mail(locale="id", content=status_link())).text

    assert "Pesanan: 1042\nStatus: Dikonfirmasi\nTotal: Rp\u00a0130.000\n" in text
    assert "sampai 21 November 2026" in text


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("content", EVERY)
def test_every_mail_has_one_link_and_fetches_nothing(
    make_mail: MakeMail, content: Linked, locale: str
) -> None:
    rendered = render(make_mail(locale=locale, content=content))

    page = Elements(rendered.html)
    assert [attrs["href"] for tag, attrs in page.elements if tag == "a"] == [LINK]
    assert rendered.html.replace(LINK, "").count("://") == 0
    assert rendered.text.count("://") == 1
    assert LINK in rendered.text.split("\n")
    assert "url(" not in rendered.html
    assert f'<html lang="{locale}"' in rendered.html
    assert not {"img", "script", "link", "iframe", "form"} & {tag for tag, _ in page.elements}
    assert "{" not in rendered.text + rendered.subject


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("one", get_args(Action))
def test_every_action_has_words_in_every_language(
    make_mail: MakeMail, one: Action, locale: str
) -> None:
    rendered = render(make_mail(locale=locale, content=action(action=one)))

    said = words(locale)
    for text in (rendered.text, Elements(rendered.html).text):
        assert said[f"actions.title.{one}"] in text
        assert said[f"actions.text.{one}"] in text
        assert "1042" in text
    assert said[f"actions.title.{one}"] in rendered.subject


@given(HOSTILE, HOSTILE, HOSTILE.filter(lambda note: bool(shown_lines(note))))
@example("<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "</td><script>x</script>")
@example("Alpha\r\nBcc: thief@evil.test", "1\r\nBcc: thief@evil.test", "a\r\nBcc: b")
@example("{{ 7 * 7 }}", "{% raw %}", "{name}</blockquote><a href='https://evil.test'>x</a>")
@example("=?utf-8?q?=0D=0ABcc=3Athief=40evil.test?=", "=?", "=?utf-8?q?=0D=0A?=")
def test_no_name_number_or_note_changes_the_structure_of_a_return_mail(
    make_mail: MakeMail, name: str, number: str, note: str
) -> None:
    count = len(shown_lines(note))
    plain = make_mail(content=returned(note="\n".join(["x"] * count)))
    hostile = make_mail(display_name=name, content=returned(number=number, note=note))

    rendered = render(hostile)
    sent = message(rendered, hostile, SENDER)

    page = Elements(rendered.html)
    assert page.elements == Elements(render(plain).html).elements
    for shown in (shown_name(name, "alpha"), shown_name(number, "alpha"), *shown_lines(note)):
        assert shown in page.text
    assert "\n" not in rendered.subject
    expected = message_from_bytes(message(render(plain), plain, SENDER), policy=default)
    assert message_from_bytes(sent, policy=default).keys() == expected.keys()
    assert sent.isascii()


@given(HOSTILE)
@example(f"fine\n@alpha.example #123456\n{LINK}")
def test_nothing_in_a_note_passes_for_ours(make_mail: MakeMail, note: str) -> None:
    lines = render(make_mail(content=returned(note=note))).text.split("\n")
    bare = render(make_mail(content=returned(note=None))).text.split("\n")

    quoted = [line for line in lines if line.startswith("> ")]
    assert quoted == [f"> {line}" for line in shown_lines(note)]
    assert lines[-1] == bare[-1] == "Alpha Shop"
    assert {*lines} - {*quoted} <= {*bare, "The seller writes:"}


@given(HOSTILE)
@example("a\u2028b\x85c\rd\ve")
def test_shown_lines_are_printable_and_a_long_text_ends(text: str) -> None:
    lines = shown_lines(text)

    assert all(line and line == line.strip() and "\n" not in line for line in lines)
    assert not any(character in "".join(lines) for character in "\u202e\u2066\u200b\r\x00")
    assert sum(map(len, shown_lines("x" * 9_000))) == LONGEST_TEXT


@pytest.mark.parametrize("content", EVERY)
def test_no_mail_prints_its_link_its_number_or_its_note(
    make_mail: MakeMail, content: Linked
) -> None:
    number = {"number": "SECRET-1042"}
    note = {"note": "SECRET note"} if isinstance(content, ReturnNews) else {}
    mail = make_mail(content=msgspec.structs.replace(content, **number, **note))

    for text in (repr(mail), str(mail.content), repr([mail]), repr(mail.__rich_repr__())):
        assert "/actions/" not in text
        assert "SECRET" not in text


@pytest.mark.parametrize("content", EVERY)
def test_a_mail_that_leads_elsewhere_is_refused(make_mail: MakeMail, content: Linked) -> None:
    elsewhere = msgspec.structs.replace(content, link="https://evil.test/actions/a1")

    with pytest.raises(ValueError, match="malformed mail: link"):
        make_mail(content=elsewhere)


@pytest.mark.parametrize("content", EVERY)
def test_a_mail_travels_as_bytes(make_mail: MakeMail, content: Linked) -> None:
    mail = make_mail(content=content)

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(mail), type=Mail) == mail
