import asyncio
import socket
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING

import pytest

from doorward.actors.post.delivery import Delivery, Ending
from doorward.actors.post.mail import OrderNews
from doorward.actors.post.message import message
from doorward.actors.post.rendering import render
from doorward.actors.post.smtp import Patience, SmtpTransport
from doorward.actors.post.transport import Retryable, Undeliverable
from doorward.config.errors import ConfigurationError

if TYPE_CHECKING:
    from tests.actors.post.conftest import MakeMail, Receiving, Sending

SENDER = "door@mail.example"
WAIT_SECONDS = 10.0
SECRETS = ("482913", "buyer", "example.org", "no such user")


async def soon(what: asyncio.Semaphore) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        await what.acquire()


async def test_a_mail_arrives_byte_for_byte_at_one_recipient(
    make_mail: "MakeMail", receiving: "Receiving", sending: "Sending"
) -> None:
    mail = make_mail(display_name="..Café Zoë", link="https://alpha.example:8443/link?token=l1")

    async with receiving() as receiver, sending(receiver) as transport:
        await transport.send(mail)

        (envelope,) = receiver.taken
    assert envelope.mail_from == SENDER
    assert envelope.rcpt_tos == ["buyer@example.org"]
    assert envelope.original_content == message(render(mail), mail, SENDER)


@pytest.mark.parametrize(
    ("locale", "subject", "words"),
    [
        ("en", "Order 1042: Delivered", "Your order is delivered"),
        ("id", "Pesanan 1042: Diserahkan", "Pesanan Anda sudah diserahkan"),
    ],
)
async def test_news_of_an_order_arrive_as_text_and_html_in_either_language(
    make_mail: "MakeMail",
    receiving: "Receiving",
    sending: "Sending",
    locale: str,
    *,
    subject: str,
    words: str,
) -> None:
    link = f"https://alpha.example:8443/o/{'qT5_' * 11}"
    content = OrderNews(news="status", number="1042", status="delivered", link=link)

    async with receiving() as receiver, sending(receiver) as transport:
        await transport.send(make_mail(locale=locale, content=content))

        (envelope,) = receiver.taken
    assert isinstance(envelope.original_content, bytes)
    arrived = message_from_bytes(envelope.original_content, policy=default)
    text, html = arrived.iter_parts()
    assert arrived["Subject"] == subject
    assert arrived["From"] == f"Alpha Shop <{SENDER}>"
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    for part in (text, html):
        assert words in part.get_content()
        assert link in part.get_content()


@pytest.mark.parametrize("step", ["rcpt", "data"])
async def test_a_reply_451_is_retryable_and_the_next_try_succeeds(
    make_mail: "MakeMail", step: str, receiving: "Receiving", sending: "Sending"
) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        getattr(receiver, step).append("451 4.7.1 <buyer@example.org> no such user yet, 482913")

        with pytest.raises(Retryable) as failed:
            await transport.send(make_mail())
        await transport.send(make_mail())

        assert len(receiver.taken) == 1
        assert receiver.sessions == 1
    assert "451" in failed.value.reason
    assert not [secret for secret in SECRETS if secret in str(failed.value)]


@pytest.mark.parametrize("step", ["rcpt", "data"])
async def test_a_reply_550_is_undeliverable_and_harms_no_other_mail(
    make_mail: "MakeMail", step: str, receiving: "Receiving", sending: "Sending"
) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        getattr(receiver, step).append("550 5.1.1 <buyer@example.org> no such user, 482913")

        with pytest.raises(Undeliverable) as refused:
            await transport.send(make_mail())
        await transport.send(make_mail(to="other@example.org"))

        assert [envelope.rcpt_tos for envelope in receiver.taken] == [["other@example.org"]]
    assert "550" in refused.value.reason
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
    assert not [secret for secret in SECRETS if secret in str(refused.value)]


@pytest.mark.parametrize(
    "reply", ["421 4.3.2 closing", "503 5.5.1 bad sequence", "530 5.7.0 login"]
)
async def test_a_reply_about_the_session_says_nothing_of_the_mail(
    make_mail: "MakeMail", reply: str, receiving: "Receiving", sending: "Sending"
) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        receiver.rcpt.append(reply)

        with pytest.raises(Retryable):
            await transport.send(make_mail())
        await transport.send(make_mail())

        assert len(receiver.taken) == 1
        assert receiver.sessions == 2


async def test_a_server_that_refuses_the_session_is_asked_again_later(
    make_mail: "MakeMail", receiving: "Receiving", sending: "Sending"
) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        receiver.greetings.append("554 5.7.1 not you")

        with pytest.raises(Retryable, match="no session"):
            await transport.send(make_mail())
        await transport.send(make_mail())

        assert len(receiver.taken) == 1


async def test_a_dead_server_is_retryable_and_works_when_it_is_back(
    make_mail: "MakeMail", receiving: "Receiving", sending: "Sending"
) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        await receiver.stop()

        with pytest.raises(Retryable, match="no session") as failed:
            await transport.send(make_mail())
        await receiver.start()
        await transport.send(make_mail())

        assert len(receiver.taken) == 1
    assert failed.value.__suppress_context__


async def test_a_silent_server_is_given_up(
    make_mail: "MakeMail", receiving: "Receiving", sending: "Sending"
) -> None:
    async with receiving() as receiver, sending(receiver, reply_seconds=0.05) as transport:
        receiver.may_answer.clear()

        with pytest.raises(Retryable, match="Timeout"):
            await transport.send(make_mail())

        await soon(receiver.ended)


async def test_a_server_that_never_greets_is_given_up(make_mail: "MakeMail") -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        transport = SmtpTransport(
            f"smtp://127.0.0.1:{mute.getsockname()[1]}",
            sender=SENDER,
            patience=Patience(connect_seconds=0.05),
        )

        with pytest.raises(Retryable, match="no session: SMTPConnectTimeoutError"):
            await transport.send(make_mail())


@pytest.mark.parametrize(
    "to",
    [
        "buyer@example.org\r\nRCPT TO:<thief@evil.test>",
        "buyer@example.org>\r\nDATA",
        "buyer@example.org,thief@evil.test",
        '"a\n"@example.org',
        "buyer@example.org> NOTIFY=SUCCESS",
        "Buyer@example.org",
    ],
)
async def test_an_address_with_more_in_it_never_reaches_the_server(
    make_mail: "MakeMail", to: str, receiving: "Receiving", sending: "Sending"
) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        with pytest.raises(Undeliverable) as refused:
            await transport.send(make_mail(to=to))

        assert receiver.sessions == 0
    assert to not in str(refused.value)


async def test_a_hostile_name_reaches_no_second_recipient(
    make_mail: "MakeMail", receiving: "Receiving", sending: "Sending"
) -> None:
    name = 'x\r\nBcc: thief@evil.test\r\n.\r\nMAIL FROM:<a@b.c> "=?utf-8?q?=0D=0ABcc=3A_a=40b.c?='

    async with receiving() as receiver, sending(receiver) as transport:
        await transport.send(make_mail(display_name=name))

        (envelope,) = receiver.taken
    assert envelope.rcpt_tos == ["buyer@example.org"]
    assert isinstance(envelope.original_content, bytes)
    assert b"\nBcc:" not in envelope.original_content


@pytest.mark.parametrize("sender", ["", "door", "Door <door@mail.example>", "a@b.c\r\nX: y"])
def test_a_sender_that_is_no_address_is_refused_at_once(sender: str) -> None:
    with pytest.raises(ConfigurationError, match="DOORWARD_MAIL_FROM"):
        SmtpTransport("smtp://127.0.0.1", sender=sender)


async def test_delivery_sends_once_after_451_and_a_dead_server(
    make_mail: "MakeMail", receiving: "Receiving", sending: "Sending"
) -> None:
    settled: asyncio.Queue[tuple[str, Ending]] = asyncio.Queue()
    timers: asyncio.Queue[Callable[[], None]] = asyncio.Queue()

    def timer(_: float, then: Callable[[], None]) -> asyncio.Handle:
        timers.put_nowait(then)
        return asyncio.get_running_loop().call_soon(lambda: None)

    async with receiving() as receiver, sending(receiver) as transport:
        receiver.rcpt.append("451 4.7.1 greylisted")
        delivery = Delivery(
            transport,
            clock_ms=lambda: make_mail().sent_at_ms,
            settle=lambda mail_id, ending: settled.put_nowait((mail_id, ending)),
            timer=timer,
        )
        await delivery.start()

        delivery.offer(make_mail())
        async with asyncio.timeout(WAIT_SECONDS):
            again = await timers.get()
            await receiver.stop()
            await transport.close()
            again()
            again = await timers.get()
            await receiver.start()
            again()
            ending = await settled.get()
        await delivery.stop()

        assert ending == ("mail-1", "sent")
        assert len(receiver.taken) == 1
        assert settled.empty()
    assert (delivery.sent, delivery.retried, delivery.failed, delivery.expired) == (1, 2, 0, 0)
