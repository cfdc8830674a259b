"""What a host is made of, by the settings: the same wherever it runs."""

from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from doorward.actors.blobs.store import BlobStore
from doorward.actors.journal import Journal
from doorward.actors.keyring import Keyring
from doorward.actors.logs import Troubles, log_event
from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.post.smtp import SmtpTransport
from doorward.actors.post.transport import Transport
from doorward.actors.systems.hosting import Wiring
from doorward.actors.turns import Place
from doorward.config.settings import Settings

_MB: Final = 1_000_000


def wiring_of(  # noqa: PLR0913 - the wiring of one object
    settings: Settings,
    *,
    journal: Journal,
    keyring: Keyring,
    folder: Path,
    mailbox: DevelopmentMailbox | None = None,
    blobs: BlobStore | None = None,
) -> Wiring:
    """Wire a host.

    Args:
        settings: Say everything else.
        journal: The store.
        keyring: The master keys.
        folder: Where its high-water file is.
        mailbox: Where mails go when no server is set.
        blobs: What is erased with a storefront.
    """
    return Wiring(
        journal=journal,
        place=Place(
            keyring,
            public_url=settings.server.public_url,
            hosted_domain=settings.server.hosted_domain,
            fallback_origin=_local_origin(settings.server.port),
        ),
        transport=_transport_of(settings, mailbox),
        folder=folder,
        memory_bytes=settings.hosting.memory_records_mb * _MB,
        mailbox_limit=settings.hosting.mailbox_limit,
        lease_seconds=settings.hosting.lease_seconds,
        on_event=log_event,
        on_trouble=Troubles(),
        # Nobody else can reach the embedded store: the folder's lock is ours.
        alone=settings.store.redis_url is None,
        blobs=blobs,
    )


def digest_of(settings: Settings, keyring: Keyring) -> str:
    """Digest what all hosts of a cluster must have in common, or they would decide differently."""
    smtp_url = settings.mail.smtp_url
    common = (
        keyring.key_ids,
        settings.server.public_url,
        settings.server.hosted_domain,
        settings.hosting.lease_seconds,
        settings.mail.mail_from,
        smtp_url is not None,
    )
    return blake2b(msgspec.msgpack.encode(common), digest_size=8).hexdigest()


def _transport_of(settings: Settings, mailbox: DevelopmentMailbox | None) -> Transport:
    smtp_url = settings.mail.smtp_url
    if smtp_url is None:
        return mailbox or DevelopmentMailbox()
    return SmtpTransport(smtp_url.reveal(), sender=settings.mail.mail_from)


def _local_origin(port: int) -> str:
    """Name this server where nothing is configured; a port that is not chosen yet is left out."""
    return f"http://localhost:{port}" if port else "http://localhost"
