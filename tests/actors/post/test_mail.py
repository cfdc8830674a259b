from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.actors.post.mail import Mail, host_of, masked_address
from doorward.actors.post.rendering import render

MakeMail = Callable[..., Mail]
ORIGIN = "https://alpha.example"
LINK = f"{ORIGIN}/s/alpha/account/link?token=lSecretSecret"


def test_a_mail_prints_neither_code_nor_link_nor_address(make_mail: MakeMail) -> None:
    mail = make_mail(origin=ORIGIN, link=LINK, to="buyer@example.org")

    printed = [repr(mail), str(mail), f"{mail!r}", repr([mail]), repr(mail.__rich_repr__())]

    for text in printed:
        assert "482913" not in text
        assert "lSecret" not in text
        assert "buyer" not in text
        assert "example.org" not in text
        assert "mail-1" in text


def test_a_rendered_mail_prints_nothing_of_what_it_says(make_mail: MakeMail) -> None:
    rendered = render(make_mail())

    printed = repr(rendered) + repr(rendered.__rich_repr__())

    assert "482913" not in printed
    assert "Alpha" not in printed


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", "a b"),
        ("id", "a\r\nBcc: e@x"),
        ("id", "a/../b"),
        ("code", "48291"),
        ("code", "4829131"),
        ("code", "48291\n"),
        ("code", "\uff14\uff18\uff12\uff19\uff11\uff13"),
        ("origin", "https://alpha.example/"),
        ("origin", "https://alpha.example@evil.test"),
        ("origin", "https://ALPHA.example"),
        ("origin", "javascript://alpha.example"),
        ("origin", "https://alpha.example\n"),
        ("link", "https://evil.test/s/alpha"),
        ("link", "https://evils.example/s/alpha"),
        ("link", "https://alpha.example.evil.test/s"),
        ("link", "https://alpha.example@evil.test/s"),
        ("link", "https://alpha.example:444/s"),
        ("link", "https://alpha.example"),
        ("link", "https://alpha.example/s\r\nBcc:"),
        ("link", "https://alpha.example/s t"),
        ("link", "https://alpha.example/\u202es"),
    ],
)
def test_a_malformed_mail_is_refused_without_quoting_it(
    make_mail: MakeMail, field: str, value: str
) -> None:
    values = {"origin": ORIGIN, "link": LINK} | {field: value}

    with pytest.raises(ValueError, match="malformed mail") as refused:
        make_mail(**values)

    assert value == "" or value not in str(refused.value)


def test_a_mail_without_code_and_link_is_refused(make_mail: MakeMail) -> None:
    with pytest.raises(ValueError, match="code and link"):
        make_mail(code=None, link=None)


def test_a_mail_read_from_bytes_is_checked_too(make_mail: MakeMail) -> None:
    stored = msgspec.json.encode(make_mail()).replace(b'"482913"', b'"48291x"')

    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(stored, type=Mail)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://alpha.example", "alpha.example"),
        ("https://alpha.example:8443", "alpha.example"),
        ("http://alpha.localhost:8080", "alpha.localhost"),
        ("http://127.0.0.1:8080", "127.0.0.1"),
        ("http://[::1]:8080", "[::1]"),
    ],
)
def test_the_host_of_an_origin_has_neither_scheme_nor_port(origin: str, host: str) -> None:
    assert host_of(origin) == host


def test_what_is_no_origin_has_no_host() -> None:
    with pytest.raises(ValueError, match="origin"):
        host_of("https://alpha.example/path")


@given(st.emails())
def test_a_masked_address_tells_two_letters_and_the_top_level_domain(address: str) -> None:
    masked = masked_address(address)

    local, _, domain = address.rpartition("@")
    assert masked == f"{local[0]}***@{domain[0]}***.{domain.rpartition('.')[2]}"


@given(st.text())
def test_masking_leaves_one_printable_line_of_anything(text: str) -> None:
    masked = masked_address(text)

    assert masked.isascii()
    assert masked.isprintable()
