import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from doorward.actors.locales import LANGUAGES, Catalogue
from doorward.actors.locales.catalogue import messages_of
from doorward.actors.post.mail import Mail, OrderNews, SignIn
from doorward.actors.post.names import shown_name
from doorward.actors.post.rendering import render, subject

MakeMail = Callable[..., Mail]
ORIGIN = "https://alpha.example:8443"
LINK = f"{ORIGIN}/s/alpha/account/link?token=l" + "qT5_-" * 8 + "abc"


ORDER_LINK = f"{ORIGIN}/o/{'t' * 44}"
NEWS: list[dict[str, object]] = [
    {"content": OrderNews(news=news, number="1042", status=status, link=ORDER_LINK)}
    for news, status in (("status", "confirmed"), ("remark", "in_progress"))
]


class Page(HTMLParser):
    """What a mail client sees: the elements with their attributes, and the visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(html: str) -> Page:
    return Page(re.sub(r"<(style|title)>.*?</\1>", "", html, flags=re.DOTALL))


def preview_of(html: str) -> str:
    found = re.search(r"<div style=\"display:none[^>]*>([^<&]*)", html)
    assert found is not None
    return found[1]


def test_the_code_comes_first_in_subject_and_preview(make_mail: MakeMail) -> None:
    rendered = render(make_mail())

    assert rendered.subject == "482913 is your Alpha Shop code"
    assert preview_of(rendered.html).startswith("482913 ")
    assert rendered.text.startswith("482913 ")


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ("https://alpha.example", "@alpha.example #482913"),
        ("https://alpha.example:8443", "@alpha.example #482913"),
        ("http://alpha.localhost:8080", "@alpha.localhost #482913"),
    ],
)
@pytest.mark.parametrize("linked", [True, False])
def test_the_last_line_of_the_text_binds_the_code_to_the_host(
    make_mail: MakeMail, origin: str, line: str, *, linked: bool
) -> None:
    link = f"{origin}/link?token=l1" if linked else None

    text = render(make_mail(origin=origin, link=link)).text

    assert text.split("\n")[-1] == line


def test_a_leading_zero_of_the_code_is_kept(make_mail: MakeMail) -> None:
    rendered = render(make_mail(code="000042"))

    assert rendered.subject.startswith("000042 ")
    assert rendered.text.endswith("#000042")
    assert ">000042</td>" in rendered.html


def test_the_code_is_one_run_of_six_digits_to_copy(make_mail: MakeMail) -> None:
    html = render(make_mail()).html

    assert re.findall(r"<td class=\"code\"[^>]*>([^<]*)</td>", html) == ["482913"]


def test_a_link_mail_has_button_and_address_and_no_code(make_mail: MakeMail) -> None:
    rendered = render(make_mail(code=None, link=LINK))

    page = seen(rendered.html)
    assert rendered.subject == "Sign in to Alpha Shop"
    assert [attrs["href"] for tag, attrs in page.elements if tag == "a"] == [LINK]
    assert LINK in page.text
    assert LINK in rendered.text.split("\n")
    for words in (page.text, rendered.text):
        assert "works once" in words
        assert "10 minutes" in words
        assert "asks you to confirm" in words
        assert "If you did not ask for this, ignore this email" in words
    assert re.search(r"\b[0-9]{6}\b", page.text) is None
    assert "@alpha.example #" not in rendered.text


def test_a_code_mail_has_no_link_at_all(make_mail: MakeMail) -> None:
    rendered = render(make_mail())

    page = seen(rendered.html)
    assert not [tag for tag, _ in page.elements if tag == "a"]
    assert "://" not in rendered.html
    assert "://" not in rendered.text
    assert "If you did not ask for this, ignore this email" in page.text


def test_a_mail_with_both_shows_both(make_mail: MakeMail) -> None:
    rendered = render(make_mail(link=LINK))

    page = seen(rendered.html)
    for words in (page.text, rendered.text):
        assert "482913" in words
        assert LINK in words
        assert "the other stops working" in words


@pytest.mark.parametrize("changes", [{}, {"link": LINK}, {"code": None, "link": LINK}])
def test_opening_a_mail_fetches_nothing(make_mail: MakeMail, changes: dict[str, str]) -> None:
    html = render(make_mail(**changes)).html

    page = Page(html)
    fetching = {"src", "srcset", "background", "poster", "data", "action", "style-src"}
    assert not {"img", "script", "link", "iframe", "object", "video", "base", "form"} & {
        tag for tag, _ in page.elements
    }
    assert not fetching & {name for _, attrs in page.elements for name in attrs}
    assert "url(" not in html
    assert "@import" not in html
    assert html.replace(LINK, "").count("://") == 0


@pytest.mark.parametrize(
    ("minutes_left", "phrase"), [(0, "1 minute"), (1, "1 minute"), (2, "2 minutes")]
)
def test_minutes_are_said_in_proper_words(
    make_mail: MakeMail, minutes_left: int, phrase: str
) -> None:
    text = render(make_mail(minutes_left=minutes_left)).text

    assert f"expires in {phrase}." in text


def test_the_accent_colours_the_head_and_the_button(make_mail: MakeMail) -> None:
    html = render(make_mail(link=LINK, accent="#FFD400")).html

    assert html.count('bgcolor="#ffd400"') == 2
    assert "color:#000000" in html


@given(
    st.text(st.characters(codec=None) | st.sampled_from("<>\"'&\r\n{}%\u202e\u2066")),
    st.sampled_from([(None, LINK), ("482913", None), ("482913", LINK)]),
)
@example("<img src=x onerror=alert(1)>", ("482913", LINK))
@example('"><script>alert(1)</script>', ("482913", LINK))
@example("{{ 7 * 7 }}{% raw %}{code}{name}", ("482913", LINK))
@example("Alpha\r\nBcc: thief@evil.test", (None, LINK))
def test_no_name_changes_the_structure_of_a_mail(
    name: str, secrets: tuple[str | None, str | None]
) -> None:
    code, link = secrets

    plain = render(_mail("Alpha Shop", code=code, link=link, origin=ORIGIN))
    rendered = render(_mail(name, code=code, link=link, origin=ORIGIN))

    shown = shown_name(name, "alpha")
    page = seen(rendered.html)
    assert page.elements == seen(plain.html).elements
    assert shown in page.text
    assert rendered.subject == plain.subject.replace("Alpha Shop", shown)
    assert rendered.text == plain.text.replace("Alpha Shop", shown)
    rendered.html.encode()
    rendered.text.encode()


@pytest.mark.parametrize("changes", [{}, {"link": LINK}, {"code": None, "link": LINK}, *NEWS])
def test_every_word_comes_from_the_catalogue(
    make_mail: MakeMail, changes: dict[str, object]
) -> None:
    marked = {
        name: re.sub(r"[^{}]+(?![^{]*})", "§", text) for name, text in messages_of("en").items()
    }
    said = Catalogue("en", marked)
    mail = make_mail(display_name="NAME", origin=ORIGIN, **changes)

    rendered = render(mail, said)

    spoken = f"{subject(mail, said)} {rendered.text} {seen(rendered.html).text}"
    for placed in (LINK, ORDER_LINK, "NAME", "alpha.example"):
        spoken = spoken.replace(placed, "")
    assert re.findall(r"[A-Za-z]{2,}", spoken) == []


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("changes", [{}, {"link": LINK}, {"code": None, "link": LINK}, *NEWS])
def test_a_mail_is_written_in_its_language_to_the_end(
    make_mail: MakeMail, changes: dict[str, object], locale: str
) -> None:
    mail = make_mail(locale=locale, origin=ORIGIN, **changes)

    rendered = render(mail)

    assert f'<html lang="{locale}" dir="ltr">' in rendered.html
    assert "{" not in rendered.subject + rendered.text + seen(rendered.html).text
    assert (render(make_mail(origin=ORIGIN, **changes)) == rendered) == (locale == "en")


def test_a_mail_in_a_language_nobody_speaks_here_is_in_english(make_mail: MakeMail) -> None:
    assert render(make_mail(locale="tlh")) == render(make_mail(locale="en"))


def test_a_sign_in_mail_in_indonesian_reads_well(make_mail: MakeMail) -> None:
    rendered = render(make_mail(locale="id"))

    assert rendered.subject == "482913 adalah kode Alpha Shop Anda"
    assert rendered.text == (
        "482913 adalah kode Alpha Shop Anda\n"
        "\n"
        "Masukkan kode ini di alpha.example. Kode berlaku satu kali dan kedaluwarsa dalam"
        " 10 menit.\n"
        "Jangan beri tahu siapa pun: Alpha Shop tidak akan pernah memintanya dari Anda.\n"
        "\n"
        "Jika Anda tidak memintanya, abaikan email ini: tidak ada yang dapat masuk tanpanya.\n"
        "\n"
        "Alpha Shop\n"
        "\n"
        "@alpha.example #482913"
    )


def _mail(name: str, *, code: str | None, link: str | None, origin: str) -> Mail:
    return Mail(
        id="mail-1",
        slug="alpha",
        to="buyer@example.org",
        display_name=name,
        accent="#0a7c66",
        origin=origin,
        locale="en",
        expires_at_ms=1_700_000_600_000,
        sent_at_ms=1_700_000_000_000,
        content=SignIn(code=code, link=link, minutes_left=10),
    )
