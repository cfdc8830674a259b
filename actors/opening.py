"""Opening a mail job: deriving the secrets it leaves out."""

from typing import Final

from doorward.actors.keyring import Keyring
from doorward.actors.post.mail import SignInMail
from doorward.actors.records.mail import MailJob

_MINUTE_MS: Final = 60_000
_NEUTRAL_ACCENT: Final = "#1f2937"


def opened(job: MailJob, keyring: Keyring, *, at_ms: int) -> SignInMail | None:
    """Make the mail of a job, as it reads at ``at_ms``; None when its master key is gone."""
    if not keyring.knows(job.key_id):
        return None
    code = keyring.code(job.key_id, job.life, job.challenge_id) if job.has_code else None
    link = None
    if job.has_link:
        token = keyring.link_token(job.key_id, job.life, job.challenge_id)
        link = f"{job.origin}{job.landing}?token={token}"
    return SignInMail(
        id=job.id,
        slug=job.slug,
        to=job.to,
        display_name=job.display_name,
        accent=job.accent or _NEUTRAL_ACCENT,
        origin=job.origin,
        code=code,
        link=link,
        expires_at_ms=job.expires_at_ms,
        minutes_left=max(1, -(-(job.expires_at_ms - at_ms) // _MINUTE_MS)),
        sent_at_ms=job.sent_at_ms,
    )
