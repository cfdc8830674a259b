"""Turns a rendered mail into an RFC 5322 message for exactly one clean recipient."""

import re
from binascii import b2a_qp
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256
from typing import ClassVar, Final

from doorward.actors.errors import DoorwardError
from doorward.actors.post.mail import Mail, RenderedMail
from doorward.actors.post.names import shown_name

# RFC 5322 §3.2.3 "atext" and dots. Two dots in a row are not RFC 5321's Dot-string, but mailboxes
# with them exist and the contract forbids touching dots, so they are delivered as they are.
_LOCAL: Final = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS: Final = re.compile(rf"({_LOCAL})@({_LABEL}(?:\.{_LABEL})*)")
_LONGEST: Final = 254
"""RFC 5321 §4.5.3.1.3 (a path of 256 octets) less its angle brackets; see RFC 3696 erratum 1690."""


class MessageRefused(DoorwardError):
    """An address or header is not what it must be; who would get what is anybody's guess.

    What it says quotes nothing of the mail.
    """

    code: ClassVar[str] = "message_refused"


def message(rendered: RenderedMail, mail: Mail, sender: str) -> bytes:
    """Build the message's bytes: text and HTML as alternatives, both 7 bit clean.

    The ``Message-ID`` depends on storefront, mail id and the sender's domain alone: a try whose
    answer was lost and the next one are the same message to whoever receives both. Nothing here
    is random: the same mail gives the same bytes.

    Args:
        rendered: What ``render`` made of the mail.
        mail: The mail; its ``to`` becomes the one recipient.
        sender: A clean address; the storefront's name is shown with it.

    Raises:
        MessageRefused: ``mail.to`` is not canonical (anything but one plain ASCII address in lower
            case), ``sender`` is not clean, or a header came out with a line break in it.

    Source: RFC 5322 §3.6, RFC 3834 §5 (``Auto-Submitted``), RFC 2046 §5.1.4 (the preferred
    alternative comes last), CVE-2024-6923 (header injection).
    """
    sender_local, sender_domain = clean_parts(sender)
    to_local, to_domain = canonical_parts(mail.to)
    digest = sha256(f"{mail.slug}/{mail.id}".encode()).hexdigest()[:32]
    built = EmailMessage(policy=SMTP)
    built["Subject"] = rendered.subject
    built["From"] = Address(shown_name(mail.display_name, mail.slug), sender_local, sender_domain)
    built["To"] = Address("", to_local, to_domain)
    built["Date"] = datetime.fromtimestamp(mail.sent_at_ms // 1000, UTC)
    built["Message-ID"] = f"<{digest}@{sender_domain}>"
    built["Auto-Submitted"] = "auto-generated"
    # The library refuses line breaks in what it is given, not in what it decodes from that.
    if any("\r" in value or "\n" in value for value in built.values()):
        raise MessageRefused("a header holds a line break")
    return built.as_bytes().removesuffix(b"\r\n") + _body(rendered, f"=_{digest}")


def _body(rendered: RenderedMail, boundary: str) -> bytes:
    """Write the MIME headers and the two parts.

    By hand, because the library parses and folds headers that never change and encodes in Python:
    with it a mail costs the event loop three times as long. Quoted-printable whatever the name
    holds: no line over 76 octets, no reliance on 8BITMIME, and never "=_" (RFC 2045 §6.7), so that
    no part can hold the boundary.
    """
    text, html = (
        b2a_qp(f"{part}\n".replace("\n", "\r\n").encode(), istext=True).decode("ascii")
        for part in (rendered.text, rendered.html)
    )
    return (
        "MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n\r\n'
        f"--{boundary}\r\n{_PART.format(subtype='plain')}{text}\r\n"
        f"--{boundary}\r\n{_PART.format(subtype='html')}{html}\r\n"
        f"--{boundary}--\r\n"
    ).encode("ascii")


_PART: Final = (
    'Content-Type: text/{subtype}; charset="utf-8"\r\n'
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
)


def canonical_parts(address: str) -> tuple[str, str]:
    """Split a canonical address: clean, and in lower case.

    Raises:
        MessageRefused: It is not canonical. It is never mended here: the same form was looked up,
            and delivering to another one would hand a code to somebody else.
    """
    if address != address.lower():
        raise MessageRefused("the address is not in lower case")
    return clean_parts(address)


def clean_parts(address: str) -> tuple[str, str]:
    """Split an address into local part and domain.

    Raises:
        MessageRefused: It is not one plain ASCII address (no quotes, blanks, brackets, commas,
            controls), or longer than 254 octets.
    """
    match = _ADDRESS.fullmatch(address) if len(address) <= _LONGEST else None
    if match is None:
        raise MessageRefused("the address is not one plain ASCII address")
    return match[1], match[2]
