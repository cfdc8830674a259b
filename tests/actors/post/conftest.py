"""A mail to start from; each test changes what it is about."""

from typing import Protocol

import pytest

from doorward.actors.post.mail import SignInMail

START_MS = 1_700_000_000_000
TTL_MS = 600_000
CODE = "482913"
ORIGIN = "https://alpha.example:8443"
LINK = f"{ORIGIN}/s/alpha/account/link?token=l" + "qT5_-" * 8 + "abc"


class MakeMail(Protocol):
    def __call__(self, **changes: object) -> SignInMail: ...


@pytest.fixture
def make_mail() -> MakeMail:
    return mail_with


def mail_with(**changes: object) -> SignInMail:
    values: dict[str, object] = {
        "id": "mail-1",
        "slug": "alpha",
        "to": "buyer@example.org",
        "display_name": "Alpha Shop",
        "accent": "#0a7c66",
        "origin": ORIGIN,
        "code": CODE,
        "link": None,
        "expires_at_ms": START_MS + TTL_MS,
        "minutes_left": 10,
        "sent_at_ms": START_MS,
    }
    return SignInMail(**(values | changes))  # type: ignore[arg-type]
