"""Storefronts, codes and sessions to measure with, all made over HTTP as anybody would make them.

Where codes have to be read the storefronts are sandbox ones: their mail is captured, so that a
right code can be had without a mail server. Limits stay on, raised to where nobody meets them.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import orjson

from bench.failures import BenchFailed
from bench.servers import Door
from bench.wire import Answer, ask_all, request

PORTAL: Final = "/api/v1/client-auth"
_OPERATOR: Final = "/api/v1/operator/storefronts"
_MAIL: Final = "/api/v1/merchant/sandbox/mail"
_ANY_VOLUME: Final = 10_000_000
_PAGE: Final = 500
_KEPT_MAILS: Final = 5_000
POLICY: Final = {
    "codes": {"perAddressPerMinute": _ANY_VOLUME, "perStorefrontPerMinute": _ANY_VOLUME},
    "verifications": {"perAddressPerMinute": _ANY_VOLUME, "perStorefrontPerMinute": _ANY_VOLUME},
    "signIn": {"open": True},
}
_COOKIE: Final = re.compile(rb"\r\nSet-Cookie: (portal-([a-z0-9-]+)=[^;]+)", re.IGNORECASE)


class Storefront(NamedTuple):
    """A storefront, and the secret key that opens its captured mail."""

    slug: str
    key: str


class Code(NamedTuple):
    """A code that was mailed and not used yet."""

    slug: str
    email: str
    code: str


class Session(NamedTuple):
    """A live session, as its cookie."""

    slug: str
    cookie: str


async def open_storefronts(door: Door, count: int) -> list[str]:
    """Publish storefronts and return their slugs, all of one length."""
    return await _published(door, [f"bench-{number:04d}" for number in range(count)], sandbox=False)


async def open_sandboxes(door: Door, count: int) -> list[Storefront]:
    """Publish sandbox storefronts, each with a secret key."""
    slugs = [f"sandbox-{number:04d}" for number in range(count)]
    await _published(door, slugs, sandbox=True)
    body = {"kind": "secret", "name": "bench"}
    asked = [
        request("POST", f"{_OPERATOR}/{slug}/keys", body=body, headers=door.operator)
        for slug in slugs
    ]
    answers = await ask_all(door.port, asked, expect={201})
    keys = [orjson.loads(answer.body)["key"] for answer in answers]
    return [Storefront(slug, key) for slug, key in zip(slugs, keys, strict=True)]


async def _published(door: Door, slugs: list[str], *, sandbox: bool) -> list[str]:
    body = {"displayName": "Bench", "published": True, "sandbox": sandbox, "policy": POLICY}
    asked = [
        request("PUT", f"{_OPERATOR}/{slug}", body=body, headers=door.operator) for slug in slugs
    ]
    # 200 when a first try, answered 503, had made it after all.
    await ask_all(door.port, asked, expect={200, 201})
    return slugs


async def mail_codes(
    door: Door, storefronts: Sequence[Storefront], count: int, *, mark: str
) -> list[Code]:
    """Have codes mailed to so many fresh emails, spread evenly, and read them.

    Args:
        door: The server.
        storefronts: Sandbox storefronts; a capture keeps 5,000 mails, so enough of them.
        count: How many codes.
        mark: Begins the emails; the same mark twice would make them fresh no more.

    Raises:
        BenchFailed: The storefronts are too few, or a mail is missing.
    """
    if count > len(storefronts) * _KEPT_MAILS:
        raise BenchFailed(f"{len(storefronts)} storefronts cannot keep {count} mails")
    asked = [
        request_otp(
            storefronts[number % len(storefronts)].slug, f"{mark}{number:07d}@bench.example"
        )
        for number in range(count)
    ]
    await ask_all(door.port, asked, expect={200})
    read = await asyncio.gather(*(_read_mail(door, group) for group in _dealt(storefronts, 4)))
    # By email: one that was asked for twice, after a 503, was mailed the same code twice.
    codes = list({code.email: code for group in read for code in group}.values())
    if len(codes) != count:
        raise BenchFailed(f"{count} codes were asked for and {len(codes)} mailed")
    return codes


async def _read_mail(door: Door, storefronts: Sequence[Storefront]) -> list[Code]:
    """Read and then clear the captured mail of some storefronts, one after the other."""
    codes = []
    for storefront in storefronts:
        bearer = {"Authorization": f"Bearer {storefront.key}"}
        after, full = "", True
        while full:
            asked = request("GET", f"{_MAIL}?limit={_PAGE}{after}", headers=bearer)
            (answer,) = await ask_all(door.port, [asked], expect={200})
            mails = orjson.loads(answer.body)["items"]
            codes += [Code(storefront.slug, mail["to"], mail["code"]) for mail in mails]
            full = len(mails) == _PAGE
            after = f"&after={mails[-1]['id']}" if mails else ""
        await ask_all(door.port, [request("DELETE", _MAIL, headers=bearer)], expect={204})
    return codes


async def sign_in(door: Door, codes: Iterable[Code]) -> list[Session]:
    """Use codes, and return the sessions they open."""
    answers = await ask_all(door.port, [verify_otp(code) for code in codes], expect={200})
    return [_session(answer) for answer in answers]


async def count_live(door: Door, sessions: Iterable[Session]) -> int:
    """Count the sessions that ``me`` calls signed in."""
    answers = await ask_all(door.port, [me(session) for session in sessions], expect={200})
    return sum(orjson.loads(answer.body)["data"]["authenticated"] for answer in answers)


def request_otp(slug: str, email: str) -> bytes:
    """Write a request for a code."""
    return request("POST", f"{PORTAL}/request-otp", body={"storefrontSlug": slug, "email": email})


def verify_otp(code: Code) -> bytes:
    """Write a sign-in."""
    body = {"storefrontSlug": code.slug, "email": code.email, "code": code.code}
    return request("POST", f"{PORTAL}/verify-otp", body=body)


def me(session: Session) -> bytes:
    """Write a question who is signed in."""
    path = f"{PORTAL}/me?storefrontSlug={session.slug}"
    return request("GET", path, headers={"Cookie": session.cookie})


def _session(answer: Answer) -> Session:
    found = _COOKIE.search(answer.head)
    if found is None:
        raise BenchFailed("a sign-in set no cookie")
    return Session(found[2].decode(), found[1].decode())


def _dealt(storefronts: Sequence[Storefront], hands: int) -> list[Sequence[Storefront]]:
    return [storefronts[hand::hands] for hand in range(hands)]
