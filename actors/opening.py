"""Opening a mail job: deriving the secrets it leaves out."""

from typing import Final

from doorward.actors.keyring import Keyring
from doorward.actors.partitions import partition_of
from doorward.actors.post.contents import (
    AccountNews,
    ActionLink,
    Content,
    OrderNews,
    ReturnNews,
    SignIn,
    StatusLink,
)
from doorward.actors.post.mail import Mail
from doorward.actors.records.mail import (
    SETS_PASSWORD,
    AccountLetter,
    ActionLetter,
    MailJob,
    OrderLetter,
    ReturnLetter,
    SignInLetter,
    StatusLetter,
)

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
        sent_at_ms=max(job.sent_at_ms, job.not_before_ms),
        content=content,
    )


def _content(job: MailJob, keyring: Keyring, at_ms: int) -> Content | None:
    letter = job.letter
    if isinstance(letter, SignInLetter):
        return _sign_in(job, letter, keyring, at_ms)
    if isinstance(letter, OrderLetter):
        return _order_news(job, letter, keyring)
    if isinstance(letter, ReturnLetter):
        return _return_news(job, letter, keyring)
    if isinstance(letter, StatusLetter):
        return _status_link(job, letter, keyring)
    if isinstance(letter, AccountLetter):
        return _account_news(job, letter, keyring)
    return _action_link(job, letter, keyring)


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
    link = _order_page(job, letter, keyring)
    if link is None:
        return None
    return OrderNews(
        news=letter.news,
        number=letter.number,
        # A mail that was held back says no status: it may be another one by now.
        status=letter.status if job.not_before_ms <= job.sent_at_ms else None,
        link=link,
    )


def _return_news(job: MailJob, letter: ReturnLetter, keyring: Keyring) -> ReturnNews | None:
    asks = bool(letter.page)
    link = f"{job.origin}{letter.page}" if asks else _order_page(job, letter, keyring)
    if link is None:
        return None
    return ReturnNews(
        news=letter.news, number=letter.number, note=letter.note, asks=asks, link=link
    )


def _order_page(job: MailJob, letter: OrderLetter | ReturnLetter, keyring: Keyring) -> str | None:
    if not keyring.knows(letter.access_key_id):
        return None
    token = keyring.access_token(
        letter.access_key_id,
        job.life,
        (letter.order_id, letter.access_version),
        partition=partition_of(job.slug),
    )
    return f"{job.origin}/o/{token}"


def _status_link(job: MailJob, letter: StatusLetter, keyring: Keyring) -> StatusLink | None:
    if not keyring.knows(letter.key_id):
        return None
    token = keyring.status_token(letter.key_id, job.life, letter.token_id)
    return StatusLink(
        number=letter.number,
        status=letter.status,
        total=letter.total,
        currency=letter.currency,
        until_ms=letter.until_ms,
        link=f"{job.origin}/order/{token}/status",
    )


def _action_link(job: MailJob, letter: ActionLetter, keyring: Keyring) -> ActionLink | None:
    if not keyring.knows(letter.key_id):
        return None
    token = keyring.action_token(letter.key_id, job.life, letter.token_id)
    return ActionLink(
        action=letter.action,
        number=letter.number,
        until_ms=job.expires_at_ms,
        link=f"{job.origin}/actions/{token}",
    )


def _account_news(job: MailJob, letter: AccountLetter, keyring: Keyring) -> AccountNews | None:
    if not keyring.knows(letter.key_id):
        return None
    return AccountNews(
        news=letter.news,
        until_ms=letter.until_ms,
        at_ms=letter.at_ms,
        device=letter.device,
        area=letter.area,
        link=f"{job.origin}{letter.page}{account_token(letter, keyring, job.life)}",
    )


def account_token(letter: AccountLetter, keyring: Keyring, life: str) -> str:
    """Derive the token in a letter's link; what sets a password is a family of its own.

    Args:
        letter: Whose master key must be known.
        keyring: Which holds it.
        life: The storefront's (``Storefront.life``).
    """
    is_of_password = letter.news in SETS_PASSWORD
    derive = keyring.password_token if is_of_password else keyring.action_token
    return derive(letter.key_id, life, letter.token_id)
