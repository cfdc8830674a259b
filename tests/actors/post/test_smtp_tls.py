import ssl
from collections import deque
from typing import TYPE_CHECKING

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from doorward.actors.post.transport import Retryable

if TYPE_CHECKING:
    from tests.actors.post.conftest import Certificate, MakeMail, Receiving, Sending


async def test_login_happens_inside_starttls(
    make_mail: "MakeMail", certificate: "Certificate", receiving: "Receiving", sending: "Sending"
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
    make_mail: "MakeMail", certificate: "Certificate", receiving: "Receiving", sending: "Sending"
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
    make_mail: "MakeMail", certificate: "Certificate", receiving: "Receiving", sending: "Sending"
) -> None:
    async with receiving() as receiver, sending(receiver, tls=certificate[1]) as transport:
        with pytest.raises(Retryable, match="no session"):
            await transport.send(make_mail())

        assert receiver.taken == []


async def test_a_server_with_a_foreign_certificate_is_not_trusted(
    make_mail: "MakeMail", certificate: "Certificate", receiving: "Receiving", sending: "Sending"
) -> None:
    stranger = ssl.create_default_context()

    async with (
        receiving(certificate[0]) as receiver,
        sending(receiver, tls=stranger) as transport,
    ):
        with pytest.raises(Retryable, match="no session: SSLCertVerificationError"):
            await transport.send(make_mail())

        assert receiver.taken == []
