"""Hands mails to an SMTP server over a few connections that are kept and used again.

At most ``connections`` mails are in a dialogue at once; further ones wait their turn. A session
is one mail's alone until its dialogue has ended; it goes back to the shelf only in a known state
(the mail was taken, or refused and the envelope reset), else it is closed.

What a server says is never repeated: refusals usually quote the address. Reasons hold a step or
the reply code alone, and causes are dropped from tracebacks (``from None``) for the same reason.

A connection that is lost after the mail's last byte and before the answer leaves the mail in
doubt; it is tried again, under the same ``Message-ID``.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Final

import aiosmtplib
import msgspec

from doorward.actors.post.mail import Mail
from doorward.actors.post.message import MessageRefused, clean_parts, message
from doorward.actors.post.rendering import render
from doorward.actors.post.smtp_server import SmtpServer, parse
from doorward.actors.post.transport import Retryable, Undeliverable
from doorward.config.errors import ConfigurationError

MAILS_PER_SESSION: Final = 100
"""Many servers end a session after a hundred mails; we end it first, at a moment of our choice."""
_GOODBYE_SECONDS: Final = 1.0
_PERMANENT: Final = range(500, 600)
# Replies about the session, whatever command they answer: going down, bad sequence of commands,
# authentication required or failed (RFC 5321 §4.2.3, RFC 4954 §6). They say nothing of the mail.
_SESSION_REPLIES: Final = frozenset({421, 503, 530, 534, 535, 538})


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait for a server.

    RFC 5321 §4.5.3.2 asks for minutes. A code lives for ten, so a silent server is given up
    early and asked again: what was in doubt stays one message by its ``Message-ID``.

    Attributes:
        connect_seconds: For the connection and the greeting.
        reply_seconds: For each reply.
        idle_seconds: How long an unused session is kept; some servers end them after 30 s.
    """

    connect_seconds: float = 10.0
    reply_seconds: float = 30.0
    idle_seconds: float = 20.0


class SmtpTransport:
    """A transport over one SMTP server."""

    def __init__(
        self,
        url: str,
        *,
        sender: str,
        connections: int = 4,
        patience: Patience | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Read the settings; nothing is connected before the first mail.

        Args:
            url: See ``smtp_server``.
            sender: The address mails come from, also the envelope's (``DOORWARD_MAIL_FROM``).
            connections: How many dialogues may run at once.
            patience: How long to wait.
            tls: Whom to trust; the system's authorities when absent.

        Raises:
            ConfigurationError: URL or sender cannot be used.
        """
        self._server = parse(url)
        self._sender = sender
        self._helo = self._server.helo or _own_name(_sender_domain(sender))
        self._patience = patience or Patience()
        self._tls = tls or ssl.create_default_context()
        self._turns = asyncio.Semaphore(connections)
        self._shelf: list[_Session] = []

    async def send(self, mail: Mail) -> None:
        """Render a mail and hand it to the server.

        Raises:
            Retryable: No session, no or an odd answer, or a reply 4xx. Also whatever goes wrong
                before the mail itself is spoken of (greeting, TLS, login): that says nothing
                about this mail.
            Undeliverable: A reply 5xx to the mail, or an address that is not canonical.
        """
        try:
            content = message(render(mail), mail, self._sender)
        except MessageRefused as refused:
            raise Undeliverable(str(refused)) from None
        async with self._turns:
            await self._hand_over(mail.to, content)

    async def close(self) -> None:
        """Say goodbye on every kept session, waiting a second at most."""
        shelf, self._shelf = self._shelf, []
        await asyncio.gather(*(session.goodbye() for session in shelf))

    async def _hand_over(self, to: str, content: bytes) -> None:
        while True:
            session = self._kept() or await self._opened()
            was_kept = session.mails > 0
            try:
                await self._dialogue(session, to, content)
            except (aiosmtplib.SMTPException, OSError) as error:
                if was_kept and isinstance(error, aiosmtplib.SMTPServerDisconnected):
                    # The server ended the session while it lay there: ordinary, and no reason to
                    # make the customer wait for a retry. At the latest a new session ends this.
                    continue
                raise _failure(error) from None
            return

    async def _dialogue(self, session: "_Session", to: str, content: bytes) -> None:
        try:
            await session.client.sendmail(self._sender, [to], content)
        except (aiosmtplib.SMTPException, OSError) as error:
            reply = _reply(error)
            self._put_back(session, known=reply is not None and reply not in _SESSION_REPLIES)
            raise
        except BaseException:
            # Cancelled in the middle: the next mail must not continue this one's dialogue.
            session.client.close()
            raise
        self._put_back(session, known=True)

    def _kept(self) -> "_Session | None":
        if not self._shelf:
            return None
        session = self._shelf.pop()
        session.stop_idling()
        return session

    async def _opened(self) -> "_Session":
        client = _client(self._server, self._helo, self._tls, self._patience.reply_seconds)
        try:
            await client.connect(timeout=self._patience.connect_seconds)
            if client.is_ehlo_or_helo_needed:
                # Now, not within the first mail: a refused EHLO says nothing about that mail.
                await client.ehlo()
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            raise Retryable(f"no session: {_said(error)}") from None
        except BaseException:
            client.close()
            raise
        return _Session(client)

    def _put_back(self, session: "_Session", *, known: bool) -> None:
        session.mails += 1
        if not known or not session.client.is_connected or session.mails >= MAILS_PER_SESSION:
            session.client.close()
            return
        session.idle_for(self._patience.idle_seconds, lambda: self._let_go(session))
        self._shelf.append(session)

    def _let_go(self, session: "_Session") -> None:
        self._shelf.remove(session)
        session.client.close()


class _Session:
    """One connection and what is known of it; idle exactly while it lies on the shelf."""

    __slots__ = ("_idle", "client", "mails")
    _idle: asyncio.TimerHandle

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self.client = client
        self.mails = 0

    def idle_for(self, seconds: float, then: Callable[[], None]) -> None:
        self._idle = asyncio.get_running_loop().call_later(seconds, then)

    def stop_idling(self) -> None:
        self._idle.cancel()

    async def goodbye(self) -> None:
        self.stop_idling()
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            await self.client.quit(timeout=_GOODBYE_SECONDS)
        self.client.close()


def _client(
    server: SmtpServer, helo: str, tls: ssl.SSLContext, reply_seconds: float
) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.username,
        password=server.password if server.username is not None else None,
        local_hostname=helo,
        timeout=reply_seconds,
        use_tls=server.security == "tls",
        # Never None: that would upgrade only where a reply, which anyone in between can cut,
        # offers it.
        start_tls=server.security == "starttls",
        tls_context=tls,
    )


def _failure(error: Exception) -> Retryable | Undeliverable:
    reply = _reply(error)
    if reply in _PERMANENT and reply not in _SESSION_REPLIES:
        return Undeliverable(_said(error))
    return Retryable(_said(error))


def _reply(error: Exception) -> int | None:
    """Return the server's reply code (400 to 599), or None when there was no such answer."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        code: int = error.recipients[0].code
    elif isinstance(error, aiosmtplib.SMTPResponseException):
        code = error.code
    else:
        return None
    return code if code in range(400, 600) else None


def _said(error: Exception) -> str:
    reply = _reply(error)
    return type(error).__name__ if reply is None else f"{type(error).__name__} {reply}"


def _sender_domain(sender: str) -> str:
    try:
        return clean_parts(sender)[1]
    except MessageRefused as refused:
        raise ConfigurationError(
            "DOORWARD_MAIL_FROM", sender, "must be one plain address such as door@shop.example"
        ) from refused


def _own_name(sender_domain: str) -> str:
    """Return what to call ourselves: a full host name, since relays refuse a bare one.

    Source: RFC 5321 §4.1.4.
    """
    name = socket.gethostname()
    return name if "." in name and name.isascii() and name.isprintable() else sender_domain
