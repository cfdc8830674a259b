import re
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from typing import get_args

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from doorward.actors.locales import LANGUAGES, words
from doorward.actors.post.mail import Mail, OrderNews
from doorward.actors.post.message import message
from doorward.actors.post.names import shown_name
from doorward.actors.post.rendering import render
from doorward.actors.records.orders import Status
from tests.actors.post.elements import Elements

MakeMail = Callable[..., Mail]
SENDER = "door@mail.example"
ORIGIN = "https://alpha.example:8443"
LINK = f"{ORIGIN}/o/{'qT5_-' * 8}abcd"
STATUSES = get_args(Status)


def news(**changes: object) -> OrderNews:
    values = {"news": "status", "number": "1042", "status": "confirmed", "link": LINK}
    return OrderNews(**(values | changes))  # type: ignore[arg-type]


def test_a_change_of_status_is_said_in_plain_words(make_mail: MakeMail) -> None:
    rendered = render(make_mail(content=news()))

    assert rendered.subject == "Order 1042: Confirmed"
    assert rendered.text == (
        "Your order is confirmed\n"
        "\n"
        "Order: 1042\n"
        "Status: Confirmed\n"
        "\n"
        "The seller has accepted it and will begin with it.\n"
        "\n"
        "See the order:\n"
        "\n"
        f"{LINK}\n"
        "\n"
        "Whoever has this link can see the order and write to the seller, so pass it on only to"
        " people you trust.\n"
        "You get this email because an order was placed at Alpha Shop with this address.\n"
        "\n"
        "Alpha Shop"
    )


def test_a_change_of_status_is_said_in_indonesian(make_mail: MakeMail) -> None:
    rendered = render(make_mail(locale="id", content=news(status="in_progress")))

    assert rendered.subject == "Pesanan 1042: Sedang dikerjakan"
    assert rendered.text.startswith(
        "Pesanan Anda sedang dikerjakan\n"
        "\n"
        "Pesanan: 1042\n"
        "Status: Sedang dikerjakan\n"
        "\n"
        "Penjual sedang mengerjakannya.\n"
    )


def test_a_sellers_message_is_announced_and_not_quoted(make_mail: MakeMail) -> None:
    rendered = render(make_mail(content=news(news="remark", status="in_progress")))

    assert rendered.subject == "Order 1042: a message from Alpha Shop"
    assert "Alpha Shop wrote to you about this order." in rendered.text
    assert "Status: In progress" in rendered.text
    assert LINK in rendered.text.split("\n")


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_words_in_every_language(
    make_mail: MakeMail, status: str, locale: str
) -> None:
    rendered = render(make_mail(locale=locale, content=news(status=status)))

    said = words(locale)
    page = Elements(rendered.html)
    for text in (rendered.text, page.text):
        assert said[f"orders.status.{status}"] in text
        assert said[f"orders.next.{status}"] in text
        assert said[f"mails.order.status_heading.{status}"] in text
        assert "1042" in text
        assert f": {status}" not in text


def test_the_preview_says_what_happened_and_what_comes_next(make_mail: MakeMail) -> None:
    html = render(make_mail(content=news(status="declined"))).html

    preview = re.search(r"<div style=\"display:none[^>]*>([^&]*)", html)
    assert preview is not None
    assert preview[1].startswith("Your order was declined. The seller cannot take it on.")


def test_an_order_mail_has_one_link_as_button_and_as_address(make_mail: MakeMail) -> None:
    rendered = render(make_mail(content=news()))

    page = Elements(rendered.html)
    assert [attrs["href"] for tag, attrs in page.elements if tag == "a"] == [LINK]
    assert LINK in page.text
    assert rendered.html.replace(LINK, "").count("://") == 0
    assert rendered.text.count("://") == 1


def test_an_order_mail_wears_the_storefronts_name_and_colour(make_mail: MakeMail) -> None:
    html = render(make_mail(accent="#FFD400", content=news())).html

    assert html.count('bgcolor="#ffd400"') == 2
    assert "color:#000000" in html
    assert "Alpha Shop" in html
    assert "prefers-color-scheme: dark" in html


def test_opening_an_order_mail_fetches_nothing(make_mail: MakeMail) -> None:
    html = render(make_mail(content=news())).html

    page = Elements(html)
    fetching = {"src", "srcset", "background", "poster", "data", "action"}
    assert not {"img", "script", "link", "iframe", "object", "base", "form"} & {
        tag for tag, _ in page.elements
    }
    assert not fetching & {name for _, attrs in page.elements for name in attrs}
    assert "url(" not in html
    assert "@import" not in html


HOSTILE = st.text(st.characters(codec=None) | st.sampled_from("<>\"'&\r\n{}%\u202e\u2066"))


@given(HOSTILE, HOSTILE, st.sampled_from(["status", "remark"]))
@example("<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "remark")
@example('"><script>alert(1)</script>', "{{ 7 * 7 }}{% raw %}{name}", "status")
@example("Alpha\r\nBcc: thief@evil.test", "1\r\nBcc: thief@evil.test", "remark")
@example("=?utf-8?q?=0D=0ABcc=3Athief=40evil.test?=", "=?utf-8?q?=0D=0A?=", "status")
def test_no_name_and_no_number_changes_the_structure_of_an_order_mail(
    make_mail: MakeMail, name: str, number: str, sort: str
) -> None:
    plain = make_mail(content=news(news=sort))
    hostile = make_mail(display_name=name, content=news(news=sort, number=number))

    rendered = render(hostile)
    sent = message(rendered, hostile, SENDER)

    page = Elements(rendered.html)
    assert page.elements == Elements(render(plain).html).elements
    assert shown_name(name, "alpha") in page.text
    assert shown_name(number, "alpha") in page.text
    assert "\n" not in rendered.subject
    expected = message_from_bytes(message(render(plain), plain, SENDER), policy=default)
    assert message_from_bytes(sent, policy=default).keys() == expected.keys()
    assert sent.isascii()


def test_an_order_mail_prints_no_link_and_no_number(make_mail: MakeMail) -> None:
    mail = make_mail(content=news(number="SECRET-1042"))

    for text in (repr(mail), str(mail.content), repr([mail]), repr(mail.__rich_repr__())):
        assert "/o/" not in text
        assert "1042" not in text


@pytest.mark.parametrize(
    "link", ["https://evil.test/o/1", "https://alpha.example/o/1", f"{ORIGIN}/o/1 2", ORIGIN]
)
def test_an_order_mail_that_leads_elsewhere_is_refused(make_mail: MakeMail, link: str) -> None:
    with pytest.raises(ValueError, match="malformed mail: link"):
        make_mail(content=news(link=link))


def test_an_order_mail_travels_as_bytes(make_mail: MakeMail) -> None:
    mail = make_mail(content=news())

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(mail), type=Mail) == mail
