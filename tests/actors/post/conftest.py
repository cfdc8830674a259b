"""What the tests of the post share: a mail to start from, a post office, an SMTP server."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from doorward.actors.post.backoff import Backoff
from doorward.actors.post.delivery import Delivery, Ending
from doorward.actors.post.mail import Mail, SignIn
from doorward.actors.post.smtp import Patience, SmtpTransport
from doorward.actors.post.transport import Transport

START_MS = 1_700_000_000_000
WAIT_SECONDS = 10.0
SENDER = "door@mail.example"

MakeMail = Callable[..., Mail]
Authenticator = Callable[[SMTP, Session, Envelope, str, Any], AuthResult]
Certificate = tuple[ssl.SSLContext, ssl.SSLContext]
"""For the server, and for a client that trusts it."""


@pytest.fixture(scope="session")
def make_mail() -> MakeMail:
    return _mail_with


def _mail_with(**changes: object) -> Mail:
    values: dict[str, object] = {
        "id": "mail-1",
        "slug": "alpha",
        "to": "buyer@example.org",
        "display_name": "Alpha Shop",
        "accent": "#0a7c66",
        "origin": "https://alpha.example:8443",
        "locale": "en",
        "expires_at_ms": START_MS + 600_000,
        "sent_at_ms": START_MS,
    }
    sign_in: dict[str, object] = {"code": "482913", "link": None, "minutes_left": 10}
    sign_in |= {name: changes.pop(name) for name in sign_in if name in changes}
    content = changes.pop("content", None) or SignIn(**sign_in)  # type: ignore[arg-type]
    return Mail(**(values | changes), content=content)  # type: ignore[arg-type]


class Clock:
    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)


class Alarm:
    """One wait that ends when the test says so."""

    def __init__(self, seconds: float, then: Callable[[], None]) -> None:
        self.seconds = seconds
        self.ring = then
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Scripted:
    """A transport that fails as told, mail by mail, and may hold mails back."""

    def __init__(self) -> None:
        self.script: dict[str, deque[Exception]] = {}
        self.taken: list[Mail] = []
        self.tries = 0
        self.at_once = 0
        self.most_at_once = 0
        self.entered = asyncio.Semaphore(0)
        self.may_go = asyncio.Event()
        self.may_go.set()
        self.closed = False

    async def send(self, mail: Mail) -> None:
        self.tries += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.entered.release()
        try:
            await self.may_go.wait()
        finally:
            self.at_once -= 1
        if self.script.get(mail.id):
            raise self.script[mail.id].popleft()
        self.taken.append(mail)

    async def close(self) -> None:
        self.closed = True


class Post:
    """A delivery with everything around it in the test's hands."""

    def __init__(self, transport: Transport | None = None, **settings: int) -> None:
        self.clock = Clock()
        self.scripted = Scripted()
        self.settled: asyncio.Queue[tuple[str, Ending]] = asyncio.Queue()
        self.alarms: asyncio.Queue[Alarm] = asyncio.Queue()
        self.events: asyncio.Queue[Alarm | tuple[str, Ending]] = asyncio.Queue()
        self.delivery = Delivery(
            transport or self.scripted,
            clock_ms=self.clock,
            settle=self._settle,
            backoff=Backoff(chance=lambda: 1.0),
            timer=self._timer,
            **settings,
        )

    def fails(self, mail_id: str, *errors: Exception) -> None:
        self.scripted.script[mail_id] = deque(errors)

    async def next_settled(self) -> tuple[str, Ending]:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.settled.get()

    async def next_alarm(self) -> Alarm:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.alarms.get()

    async def next_event(self) -> Alarm | tuple[str, Ending]:
        """Return whichever comes next, in the order in which they happened."""
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.events.get()

    async def entered(self) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            await self.scripted.entered.acquire()

    def _timer(self, seconds: float, then: Callable[[], None]) -> Alarm:
        alarm = Alarm(seconds, then)
        self.alarms.put_nowait(alarm)
        self.events.put_nowait(alarm)
        return alarm

    def _settle(self, mail_id: str, ending: Ending) -> None:
        self.settled.put_nowait((mail_id, ending))
        self.events.put_nowait((mail_id, ending))


@asynccontextmanager
async def _posting(
    transport: Transport | None = None, *, started: bool = True, **settings: int
) -> AsyncIterator[Post]:
    post = Post(transport, **settings)
    if started:
        await post.delivery.start()
    try:
        yield post
    finally:
        await post.delivery.stop(grace_seconds=0)


Posting = Callable[..., AbstractAsyncContextManager[Post]]


# For the whole session, as the other two: they keep no state, and Hypothesis asks for it.
@pytest.fixture(scope="session")
def posting() -> Posting:
    return _posting


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
async def _receiving(
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
async def _sending(
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


Receiving = Callable[..., AbstractAsyncContextManager[Receiver]]
Sending = Callable[..., AbstractAsyncContextManager[SmtpTransport]]


@pytest.fixture(scope="session")
def receiving() -> Receiving:
    return _receiving


@pytest.fixture(scope="session")
def sending() -> Sending:
    return _sending


@pytest.fixture(scope="session")
def certificate(
    tmp_path_factory: pytest.TempPathFactory,
) -> Certificate:
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
