"""Opening a mail job: deriving the secrets it leaves out."""

from typing import Final

from doorward.actors.keyring import Keyring
from doorward.actors.partitions import partition_of
from doorward.actors.post.mail import Content, Mail, OrderNews, SignIn
from doorward.actors.records.mail import MailJob, OrderLetter, SignInLetter

_MINUTE_MS: Final = 60_000
_NEUTRAL_ACCENT: Final = "#1f2937"


def opened(job: MailJob, keyring: Keyring, *, at_ms: int) -> Mail | None:
    """Make the mail of a job, as it reads at ``at_ms``; None when its master key is gone."""
    content = _content(job, keyring, at_ms)
    if content is None:
        return None
    return Mail(
        id=job.id,
        slug=job.slug,
        to=job.to,
        display_name=job.display_name,
        accent=job.accent or _NEUTRAL_ACCENT,
        origin=job.origin,
        locale=job.locale,
        expires_at_ms=job.expires_at_ms,
        sent_at_ms=job.sent_at_ms,
        content=content,
    )


def _content(job: MailJob, keyring: Keyring, at_ms: int) -> Content | None:
    if isinstance(job.letter, OrderLetter):
        return _order_news(job, job.letter, keyring)
    return _sign_in(job, job.letter, keyring, at_ms)


def _sign_in(job: MailJob, letter: SignInLetter, keyring: Keyring, at_ms: int) -> SignIn | None:
    if not keyring.knows(letter.key_id):
        return None
    secret = letter.key_id, job.life, letter.challenge_id
    token = keyring.link_token(*secret) if letter.has_link else None
    return SignIn(
        code=keyring.code(*secret) if letter.has_code else None,
        link=f"{job.origin}{letter.landing}?token={token}" if token is not None else None,
        minutes_left=max(1, -(-(job.expires_at_ms - at_ms) // _MINUTE_MS)),
    )


def _order_news(job: MailJob, letter: OrderLetter, keyring: Keyring) -> OrderNews | None:
    if not keyring.knows(letter.access_key_id):
        return None
    token = keyring.access_token(
        letter.access_key_id,
        job.life,
        (letter.order_id, letter.access_version),
        partition=partition_of(job.slug),
    )
    return OrderNews(
        news=letter.news,
        number=letter.number,
        status=letter.status,
        link=f"{job.origin}/o/{token}",
    )
