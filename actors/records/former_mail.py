"""Mail as it was stored while sign-in was all that was mailed (version 1), and its upgrade."""

import msgspec

from doorward.actors.records.mail import MailJob, MailPage, SignInLetter
from doorward.actors.records.record import Record


class FormerJob(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A sign-in mail to be sent."""

    id: str
    slug: str
    life: str
    to: str
    display_name: str
    accent: str | None
    origin: str
    landing: str
    challenge_id: bytes
    key_id: str
    has_code: bool
    has_link: bool
    sent_at_ms: int
    expires_at_ms: int

    def upgraded(self) -> MailJob:
        """Put it as it is stored today; every mail was in English then."""
        return MailJob(
            id=self.id,
            slug=self.slug,
            life=self.life,
            to=self.to,
            display_name=self.display_name,
            accent=self.accent,
            origin=self.origin,
            locale="en",
            sent_at_ms=self.sent_at_ms,
            expires_at_ms=self.expires_at_ms,
            letter=SignInLetter(
                landing=self.landing,
                challenge_id=self.challenge_id,
                key_id=self.key_id,
                has_code=self.has_code,
                has_link=self.has_link,
            ),
        )


class FormerPage(Record, frozen=True, array_like=True):
    """A page of captured mail."""

    jobs: tuple[FormerJob, ...] = ()

    def upgraded(self) -> MailPage:
        """Put it as it is stored today."""
        return MailPage(jobs=tuple(job.upgraded() for job in self.jobs))
