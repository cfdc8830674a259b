import re
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from doorward.actors.post.mail import Mail, RenderedMail, SignIn
from doorward.actors.post.message import MessageRefused, canonical_parts, message
from doorward.actors.post.names import shown_name
from doorward.actors.post.rendering import render

MakeMail = Callable[..., Mail]
SENDER = "door@mail.example"
HEADERS = [
    "Subject",
    "From",
    "To",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
]
NOT_CANONICAL = [
    "",
    "buyer",
    "@example.org",
    "buyer@",
    "buyer@example.org\r\nBcc: thief@evil.test",
    "buyer@example.org\nRCPT TO:<thief@evil.test>",
    "buyer@example.org\r",
    "buyer@example.org\x00",
    "buyer@example.org,thief@evil.test",
    "buyer@example.org;thief@evil.test",
    "buyer@example.org thief@evil.test",
    " buyer@example.org",
    "buyer@example.org ",
    "<buyer@example.org>",
    "buyer@example.org>",
    "Buyer <buyer@example.org>",
    '"buyer"@example.org',
    '"a\n"@example.org',
    '"x@evil.test"@example.org',
    "(comment)buyer@example.org",
    "buyer@[127.0.0.1]",
    "buyer@@example.org",
    "buyer@thief@example.org",
    "Buyer@example.org",
    "buyer@Example.org",
    "büyer@example.org",
    "buyer@exämple.org",
    "buyer@example.org\u200b",
    "\u202ebuyer@example.org",
    "buyer@example..org",
    "buyer@.example.org",
    "buyer@-example.org",
    "buyer@example.org.",
    "buyer\\@example.org",
    "@relay.test:buyer@example.org",
    "a" * 65 + "@example.org",
    "a@" + "b" * 64 + ".org",
    "a@" + ".".join(["b" * 60] * 5),
]


def built(mail: Mail) -> bytes:
    return message(render(mail), mail, SENDER)


def received(mail: Mail) -> EmailMessage:
    return message_from_bytes(built(mail), policy=default)


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    content: str = cast("EmailMessage", body).get_content()
    return content.replace("\r\n", "\n")


def test_a_message_says_who_when_and_that_a_machine_wrote_it(make_mail: MakeMail) -> None:
    mail = received(make_mail())

    assert mail.keys() == HEADERS
    assert mail["Subject"] == "482913 is your Alpha Shop code"
    assert mail["From"] == "Alpha Shop <door@mail.example>"
    assert mail["To"] == "buyer@example.org"
    assert mail["Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"


def test_text_and_html_are_alternatives_and_html_is_preferred(make_mail: MakeMail) -> None:
    rendered = render(make_mail())
    mail = received(make_mail())

    kinds = [inner.get_content_type() for inner in mail.iter_parts()]
    assert mail.get_content_type() == "multipart/alternative"
    assert kinds == ["text/plain", "text/html"]
    assert part(mail, "plain") == rendered.text + "\n"
    assert part(mail, "html") == rendered.html + "\n"
    assert part(mail, "plain").rstrip("\n").split("\n")[-1] == "@alpha.example #482913"


def test_a_retried_mail_is_byte_for_byte_the_same_message(make_mail: MakeMail) -> None:
    first = built(make_mail())

    assert built(make_mail()) == first


def test_the_message_id_belongs_to_the_mail_and_tells_nothing(make_mail: MakeMail) -> None:
    ids = {
        received(make_mail(**changes))["Message-ID"]
        for changes in ({}, {"minutes_left": 3}, {"id": "mail-2"}, {"slug": "beta"})
    }

    assert len(ids) == 3
    assert all(re.fullmatch(r"<[0-9a-f]{32}@mail\.example>", found) for found in ids)


@pytest.mark.parametrize("to", NOT_CANONICAL)
def test_an_address_that_is_not_canonical_is_refused_and_not_quoted(
    make_mail: MakeMail, to: str
) -> None:
    mail = make_mail(to=to)

    with pytest.raises(MessageRefused) as refused:
        built(mail)

    assert to == "" or to not in str(refused.value)


@pytest.mark.parametrize("sender", ["", "door", "door@x.io\r\nBcc: a@b.c", "Door <door@x.io>"])
def test_a_sender_that_is_not_clean_is_refused(make_mail: MakeMail, sender: str) -> None:
    with pytest.raises(MessageRefused):
        message(render(make_mail()), make_mail(), sender)


@pytest.mark.parametrize(
    "to",
    [
        "buyer@example.org",
        "buyer+alpha@example.org",
        "b.u.y.e.r@sub.example.org",
        "b..r.@docomo.example",
        "o'neil!#$%&*+/=?^_`{|}~-@example.org",
        "buyer@xn--exmple-cua.org",
        "buyer@localhost",
        "a" * 64 + "@" + "b" * 63 + ".org",
    ],
)
def test_a_canonical_address_is_the_only_recipient_unchanged(make_mail: MakeMail, to: str) -> None:
    content = built(make_mail(to=to))

    head = content.split(b"\r\n\r\n", 1)[0].decode("ascii")
    recipients = re.findall(r"(?im)^(?:to|cc|bcc|resent-\w+):[ \r\n]*(.*)$", head)
    assert [found.strip() for found in recipients] == [to]


@pytest.mark.parametrize("line_break", ["=0D=0A", "=0D", "=0A"])
def test_a_subject_that_decodes_to_a_line_break_is_refused(
    make_mail: MakeMail, line_break: str
) -> None:
    hostile = RenderedMail(f"=?utf-8?q?a{line_break}Bcc=3A_thief=40evil=2Etest?=", "text", "html")

    with pytest.raises(MessageRefused, match="line break"):
        message(hostile, make_mail(), SENDER)


@given(st.text(st.characters(codec=None) | st.sampled_from('@.<>,;:"\\ \r\n\tab')))
@example("a@b\n")
def test_whatever_is_accepted_is_one_plain_address(address: str) -> None:
    try:
        local, domain = canonical_parts(address)
    except MessageRefused:
        return

    assert address == f"{local}@{domain}"
    assert address.isascii()
    assert address == address.lower()
    assert not set(address) & set('\r\n\t\0 ,;:<>()[]\\"')
    assert address.count("@") == 1


@given(
    st.text(st.characters(codec=None) | st.sampled_from('\r\n\t\0",;:<>@()\\=? \u2028\u202e')),
)
@example("Alpha\r\nBcc: thief@evil.test")
@example("Alpha\nBcc: thief@evil.test")
@example("Alpha\rBcc: thief@evil.test")
@example("Alpha\u2028Bcc: thief@evil.test")
@example("Alpha\x85Bcc: thief@evil.test")
@example('"Alpha" <thief@evil.test>, x')
@example("=?utf-8?q?=0D=0ABcc=3A_thief=40evil=2Etest?=")
@example("=\u200b?utf-8?q?=0D=0ABcc=3A_thief=40evil=2Etest?=")
@example("=\r?utf-8?b?DQpCY2M6IHRoaWVmQGV2aWwudGVzdA==?=")
@example("北極商店" * 25)
@example("x" * 100)
def test_no_name_adds_a_header_or_a_recipient(name: str) -> None:
    mail = _mail(name)

    content = built(mail)
    head, _, _ = content.partition(b"\r\n\r\n")
    parsed = message_from_bytes(content, policy=default)

    assert parsed.keys() == HEADERS
    assert [address.addr_spec for address in parsed["To"].addresses] == ["buyer@example.org"]
    assert [address.addr_spec for address in parsed["From"].addresses] == [SENDER]
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert head.isascii()
    assert content.isascii()
    assert all(len(line) <= 76 for line in content.partition(b"\r\n\r\n")[2].split(b"\r\n"))
    assert content.count(b"--=_") == 3


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=100))
@example("Café Zoë & Söhne")
@example("北極商店" * 25)
def test_a_name_arrives_readable_in_subject_and_sender(name: str) -> None:
    shown = shown_name(name, "alpha")
    parsed = message_from_bytes(built(_mail(name)), policy=default)

    assert squeezed(parsed["Subject"]) == squeezed(f"482913 is your {shown} code")
    assert squeezed(parsed["From"].addresses[0].display_name) == squeezed(shown)


def squeezed(text: str) -> str:
    """Leave out blanks: where a long header is folded, the library may add or lose one."""
    return "".join(text.split())


def _mail(name: str) -> Mail:
    return Mail(
        id="mail-1",
        slug="alpha",
        to="buyer@example.org",
        display_name=name,
        accent="#0a7c66",
        origin="https://alpha.example",
        locale="en",
        expires_at_ms=1_700_000_600_000,
        sent_at_ms=1_700_000_000_000,
        content=SignIn(code="482913", link=None, minutes_left=10),
    )
