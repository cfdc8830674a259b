import asyncio
from typing import TYPE_CHECKING

import pytest

from doorward.actors.post.smtp import MAILS_PER_SESSION, SmtpTransport
from doorward.actors.post.transport import Retryable

if TYPE_CHECKING:
    from tests.actors.post.conftest import MakeMail, Receiver, Receiving, Sending

SENDER = "door@mail.example"
WAIT_SECONDS = 10.0


async def soon(what: asyncio.Semaphore) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        await what.acquire()


async def test_a_session_is_used_again(
    make_mail: "MakeMail", receiving: "Receiving", sending: "Sending"
) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        for number in range(3):
            await transport.send(make_mail(id=f"mail-{number}"))

        assert len(receiver.taken) == 3
        assert receiver.sessions == 1


async def test_a_session_is_ended_after_its_share_of_mails(
    make_mail: "MakeMail", receiving: "Receiving", sending: "Sending"
) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        for number in range(MAILS_PER_SESSION + 1):
            await transport.send(make_mail(id=f"mail-{number}"))

        assert len(receiver.taken) == MAILS_PER_SESSION + 1
        assert receiver.sessions == 2


async def test_no_more_dialogues_run_at_once_than_allowed(
    make_mail: "MakeMail", receiving: "Receiving"
) -> None:
    async with receiving() as receiver:
        transport = SmtpTransport(f"smtp://127.0.0.1:{receiver.port}", sender=SENDER, connections=3)
        receiver.may_answer.clear()
        sends = [
            asyncio.create_task(transport.send(make_mail(id=f"mail-{number}")))
            for number in range(12)
        ]
        for _ in range(3):
            await soon(receiver.at_data)
        at_once = receiver.open

        receiver.may_answer.set()
        await asyncio.gather(*sends)
        await transport.close()

        assert at_once == 3
        assert receiver.sessions == 3
        assert len(receiver.taken) == 12


async def test_an_unused_session_is_ended(
    make_mail: "MakeMail", receiving: "Receiving", sending: "Sending"
) -> None:
    async with receiving() as receiver, sending(receiver, idle_seconds=0.0) as transport:
        await transport.send(make_mail())

        await soon(receiver.ended)

        assert receiver.open == 0


async def test_closing_says_goodbye(
    make_mail: "MakeMail", receiving: "Receiving", sending: "Sending"
) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        await transport.send(make_mail())

        await transport.close()
        await soon(receiver.ended)

        assert receiver.open == 0


async def test_a_session_the_server_has_just_ended_is_replaced_at_once(
    make_mail: "MakeMail", receiving: "Receiving", sending: "Sending"
) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        await transport.send(make_mail(id="mail-1"))

        receiver.transports[0].abort()
        await transport.send(make_mail(id="mail-2"))

        assert len(receiver.taken) == 2
        assert receiver.sessions == 2


async def test_a_session_known_to_have_ended_is_not_taken_up(
    make_mail: "MakeMail", receiving: "Receiving", sending: "Sending"
) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        await transport.send(make_mail(id="mail-1"))

        receiver.transports[0].abort()
        # An answer to a later connection proves that the end of the first has arrived as well.
        await greeted(receiver)
        await transport.send(make_mail(id="mail-2"))

        assert len(receiver.taken) == 2
        assert receiver.sessions == 3


async def greeted(receiver: "Receiver") -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
        await reader.readline()
        writer.close()
        await writer.wait_closed()


async def test_a_session_cut_off_while_it_is_opened_is_closed(make_mail: "MakeMail") -> None:
    asked = asyncio.Event()
    ended = asyncio.Event()

    async def greet_and_wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 receiver.test\r\n")
        await reader.readline()
        asked.set()
        await reader.read()
        ended.set()
        writer.close()

    server = await asyncio.start_server(greet_and_wait, "127.0.0.1", 0)
    transport = SmtpTransport(
        f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", sender=SENDER
    )
    sent = asyncio.create_task(transport.send(make_mail()))
    async with asyncio.timeout(WAIT_SECONDS):
        await asked.wait()
        sent.cancel()
        await ended.wait()
    server.close()

    assert sent.cancelled()


async def test_a_server_that_ends_a_new_session_is_not_asked_in_a_loop(
    make_mail: "MakeMail", receiving: "Receiving", sending: "Sending"
) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        receiver.may_answer.clear()
        doomed = asyncio.create_task(transport.send(make_mail()))
        await soon(receiver.at_data)

        receiver.transports[0].abort()
        with pytest.raises(Retryable, match="SMTPServerDisconnected"):
            await doomed

        assert receiver.sessions == 1


async def test_a_cut_off_mail_does_not_leave_its_dialogue_to_the_next(
    make_mail: "MakeMail", receiving: "Receiving", sending: "Sending"
) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        receiver.may_answer.clear()
        cut_off = asyncio.create_task(transport.send(make_mail(to="first@example.org")))
        await soon(receiver.at_data)

        cut_off.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cut_off
        await soon(receiver.ended)
        receiver.may_answer.set()
        await transport.send(make_mail(to="second@example.org"))

        assert receiver.taken[-1].rcpt_tos == ["second@example.org"]
        assert receiver.sessions == 2
