import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from doorward.actors.post.delivery import Delivery, Ending
from doorward.actors.post.mail import SignInMail
from doorward.actors.post.message import message
from doorward.actors.post.rendering import render
from doorward.actors.post.smtp import MAILS_PER_SESSION, Patience, SmtpTransport
from doorward.actors.post.transport import Retryable, Undeliverable
from doorward.config.errors import ConfigurationError

MakeMail = Callable[..., SignInMail]
Authenticator = Callable[[SMTP, Session, Envelope, str, Any], AuthResult]
SENDER = "door@mail.example"
WAIT_SECONDS = 10.0
SECRETS = ("482913", "buyer", "example.org", "no such user")


class Receiver:
    """An SMTP server on this loop that keeps what it takes and refuses as it is told."""

    def __init__(
        self, tls: ssl.SSLContext | None = None, authenticator: Authenticator | None = None
    ) -> None:
        self.port = 0
        self.taken: list[Envelope] = []
        self.sessions = 0
        self.open = 0
        self.transports: list[asyncio.WriteTransport] = []
        self.greetings: deque[str] = deque()
        self.rcpt: deque[str] = deque()
        self.data: deque[str] = deque()
        self.at_data = asyncio.Semaphore(0)
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.ended = asyncio.Semaphore(0)
        self._tls = tls
        self._authenticator = authenticator
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def handle_EHLO(  # noqa: N802 -- aiosmtpd's name
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        return [self.greetings.popleft()] if self.greetings else responses

    async def handle_RCPT(  # noqa: N802
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if self.rcpt:
            return self.rcpt.popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
    ) -> str:
        self.at_data.release()
        await self.may_answer.wait()
        if self.data:
            return self.data.popleft()
        self.taken.append(envelope)
        return "250 OK"

    def _protocol(self) -> SMTP:
        receiver = self

        class Counted(SMTP):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                assert isinstance(transport, asyncio.WriteTransport)
                receiver.transports.append(transport)
                if self.transport is None:
                    receiver.sessions += 1
                    receiver.open += 1
                super().connection_made(transport)

            def connection_lost(self, error: Exception | None) -> None:
                receiver.open -= 1
                receiver.ended.release()
                super().connection_lost(error)

        return Counted(
            self,
            hostname="receiver.test",
            tls_context=self._tls,
            require_starttls=self._authenticator is not None,
            auth_required=self._authenticator is not None,
            authenticator=self._authenticator,
        )


@asynccontextmanager
async def receiving(
    tls: ssl.SSLContext | None = None, authenticator: Authenticator | None = None
) -> AsyncIterator[Receiver]:
    receiver = Receiver(tls, authenticator)
    await receiver.start()
    try:
        yield receiver
    finally:
        receiver.may_answer.set()
        await receiver.stop()


@asynccontextmanager
async def sending(
    receiver: Receiver, *, login: str = "", tls: ssl.SSLContext | None = None, **settings: float
) -> AsyncIterator[SmtpTransport]:
    host, starttls = ("localhost", "required") if tls else ("127.0.0.1", "never")
    patience = Patience(**settings)
    transport = SmtpTransport(
        f"smtp://{login}{host}:{receiver.port}?starttls={starttls}",
        sender=SENDER,
        patience=patience,
        tls=tls,
    )
    try:
        yield transport
    finally:
        await transport.close()


async def soon(what: asyncio.Semaphore) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        await what.acquire()


async def test_a_mail_arrives_byte_for_byte_at_one_recipient(make_mail: MakeMail) -> None:
    mail = make_mail(display_name="..Café Zoë", link="https://alpha.example:8443/link?token=l1")

    async with receiving() as receiver, sending(receiver) as transport:
        await transport.send(mail)

        (envelope,) = receiver.taken
    assert envelope.mail_from == SENDER
    assert envelope.rcpt_tos == ["buyer@example.org"]
    assert envelope.original_content == message(render(mail), mail, SENDER).as_bytes()


async def test_a_session_is_used_again(make_mail: MakeMail) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        for number in range(3):
            await transport.send(make_mail(id=f"mail-{number}"))

        assert len(receiver.taken) == 3
        assert receiver.sessions == 1


async def test_a_session_is_ended_after_its_share_of_mails(make_mail: MakeMail) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        for number in range(MAILS_PER_SESSION + 1):
            await transport.send(make_mail(id=f"mail-{number}"))

        assert len(receiver.taken) == MAILS_PER_SESSION + 1
        assert receiver.sessions == 2


@pytest.mark.parametrize("step", ["rcpt", "data"])
async def test_a_reply_451_is_retryable_and_the_next_try_succeeds(
    make_mail: MakeMail, step: str
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
    make_mail: MakeMail, step: str
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
    make_mail: MakeMail, reply: str
) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        receiver.rcpt.append(reply)

        with pytest.raises(Retryable):
            await transport.send(make_mail())
        await transport.send(make_mail())

        assert len(receiver.taken) == 1
        assert receiver.sessions == 2


async def test_a_server_that_refuses_the_session_is_asked_again_later(make_mail: MakeMail) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        receiver.greetings.append("554 5.7.1 not you")

        with pytest.raises(Retryable, match="no session"):
            await transport.send(make_mail())
        await transport.send(make_mail())

        assert len(receiver.taken) == 1


async def test_a_dead_server_is_retryable_and_works_when_it_is_back(make_mail: MakeMail) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        await receiver.stop()

        with pytest.raises(Retryable, match="no session") as failed:
            await transport.send(make_mail())
        await receiver.start()
        await transport.send(make_mail())

        assert len(receiver.taken) == 1
    assert failed.value.__suppress_context__


async def test_a_silent_server_is_given_up(make_mail: MakeMail) -> None:
    async with receiving() as receiver, sending(receiver, reply_seconds=0.05) as transport:
        receiver.may_answer.clear()

        with pytest.raises(Retryable, match="Timeout"):
            await transport.send(make_mail())

        await soon(receiver.ended)


async def test_a_server_that_never_greets_is_given_up(make_mail: MakeMail) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        transport = SmtpTransport(
            f"smtp://127.0.0.1:{mute.getsockname()[1]}",
            sender=SENDER,
            patience=Patience(connect_seconds=0.05),
        )

        with pytest.raises(Retryable, match="no session: SMTPConnectTimeoutError"):
            await transport.send(make_mail())


async def test_no_more_dialogues_run_at_once_than_allowed(make_mail: MakeMail) -> None:
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


async def test_an_unused_session_is_ended(make_mail: MakeMail) -> None:
    async with receiving() as receiver, sending(receiver, idle_seconds=0.0) as transport:
        await transport.send(make_mail())

        await soon(receiver.ended)

        assert receiver.open == 0


async def test_closing_says_goodbye(make_mail: MakeMail) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        await transport.send(make_mail())

        await transport.close()
        await soon(receiver.ended)

        assert receiver.open == 0


async def test_a_session_the_server_has_just_ended_is_replaced_at_once(make_mail: MakeMail) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        await transport.send(make_mail(id="mail-1"))

        receiver.transports[0].abort()
        await transport.send(make_mail(id="mail-2"))

        assert len(receiver.taken) == 2
        assert receiver.sessions == 2


async def test_a_session_known_to_have_ended_is_not_taken_up(make_mail: MakeMail) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        await transport.send(make_mail(id="mail-1"))

        receiver.transports[0].abort()
        # An answer to a later connection proves that the end of the first has arrived as well.
        await greeted(receiver)
        await transport.send(make_mail(id="mail-2"))

        assert len(receiver.taken) == 2
        assert receiver.sessions == 3


async def greeted(receiver: Receiver) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
        await reader.readline()
        writer.close()
        await writer.wait_closed()


async def test_a_session_cut_off_while_it_is_opened_is_closed(make_mail: MakeMail) -> None:
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


async def test_a_server_that_ends_a_new_session_is_not_asked_in_a_loop(make_mail: MakeMail) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        receiver.may_answer.clear()
        doomed = asyncio.create_task(transport.send(make_mail()))
        await soon(receiver.at_data)

        receiver.transports[0].abort()
        with pytest.raises(Retryable, match="SMTPServerDisconnected"):
            await doomed

        assert receiver.sessions == 1


async def test_a_cut_off_mail_does_not_leave_its_dialogue_to_the_next(make_mail: MakeMail) -> None:
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
    make_mail: MakeMail, to: str
) -> None:
    async with receiving() as receiver, sending(receiver) as transport:
        with pytest.raises(Undeliverable) as refused:
            await transport.send(make_mail(to=to))

        assert receiver.sessions == 0
    assert to not in str(refused.value)


async def test_a_hostile_name_reaches_no_second_recipient(make_mail: MakeMail) -> None:
    name = 'x\r\nBcc: thief@evil.test\r\n.\r\nMAIL FROM:<a@b.c> "=?utf-8?q?=0D=0ABcc=3A_a=40b.c?='

    async with receiving() as receiver, sending(receiver) as transport:
        await transport.send(make_mail(display_name=name))

        (envelope,) = receiver.taken
    assert envelope.rcpt_tos == ["buyer@example.org"]
    assert isinstance(envelope.original_content, bytes)
    assert b"\nBcc:" not in envelope.original_content


async def test_login_happens_inside_starttls(
    make_mail: MakeMail, certificate: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    for_server, for_client = certificate
    logins: list[tuple[object, bool]] = []

    def authenticate(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: object
    ) -> AuthResult:
        del server, envelope, mechanism
        logins.append((login, session.ssl is not None))
        return AuthResult(success=True)

    async with (
        receiving(for_server, authenticate) as receiver,
        sending(receiver, login="user:s3cret@", tls=for_client) as transport,
    ):
        await transport.send(make_mail())

        assert len(receiver.taken) == 1
    ((login, protected),) = logins
    assert getattr(login, "password", None) == b"s3cret"
    assert protected


async def test_a_wrong_login_loses_no_mail(
    make_mail: MakeMail, certificate: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    for_server, for_client = certificate
    answers = deque([False, False, True])

    def authenticate(*_: object) -> AuthResult:
        return AuthResult(success=answers.popleft(), handled=False)

    async with (
        receiving(for_server, authenticate) as receiver,
        sending(receiver, login="user:s3cret@", tls=for_client) as transport,
    ):
        with pytest.raises(Retryable, match="535") as failed:
            await transport.send(make_mail())
        await transport.send(make_mail())

        assert len(receiver.taken) == 1
    assert "s3cret" not in str(failed.value)


async def test_without_starttls_on_offer_nothing_is_said_in_the_clear(
    make_mail: MakeMail, certificate: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    async with receiving() as receiver, sending(receiver, tls=certificate[1]) as transport:
        with pytest.raises(Retryable, match="no session"):
            await transport.send(make_mail())

        assert receiver.taken == []


async def test_a_server_with_a_foreign_certificate_is_not_trusted(
    make_mail: MakeMail, certificate: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    stranger = ssl.create_default_context()

    async with (
        receiving(certificate[0]) as receiver,
        sending(receiver, tls=stranger) as transport,
    ):
        with pytest.raises(Retryable, match="no session: SSLCertVerificationError"):
            await transport.send(make_mail())

        assert receiver.taken == []


@pytest.mark.parametrize("sender", ["", "door", "Door <door@mail.example>", "a@b.c\r\nX: y"])
def test_a_sender_that_is_no_address_is_refused_at_once(sender: str) -> None:
    with pytest.raises(ConfigurationError, match="DOORWARD_MAIL_FROM"):
        SmtpTransport("smtp://127.0.0.1", sender=sender)


async def test_delivery_sends_once_after_451_and_a_dead_server(make_mail: MakeMail) -> None:
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


@pytest.fixture(scope="module")
def certificate(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    folder: Path = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = signed.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "server.pem").write_bytes(pem + secret)
    for_server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    for_server.load_cert_chain(folder / "server.pem")
    return for_server, ssl.create_default_context(cadata=pem.decode())
