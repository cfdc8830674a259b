"""The pairs of kinds that ``scripts/timing`` holds beside each other, made over HTTP.

Every email and every token is used once, so no request profits from another; both kinds of emails
are equally long. Emails are known because orders were placed with them.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import orjson
import uvloop

from bench import orders, shoppers
from bench.accounts import AUTH
from bench.servers import Door
from bench.wire import ask_all, request

SLUG: Final = "timing"
_OPERATOR: Final = "/api/v1/operator/storefronts"
_ACTIONS: Final = "/api/v1/customer/actions"
_ANY: Final = 10_000_000
_POLICY: Final = {
    "codes": {"perAddressPerMinute": _ANY, "perStorefrontPerMinute": _ANY},
    "verifications": {"perAddressPerMinute": _ANY, "perStorefrontPerMinute": _ANY},
    "guesses": {"perStorefrontPerHour": _ANY},
    "tokens": {"missesPerAddressPerMinute": _ANY},
    "keys": {"secretPerMinute": _ANY},
}
_NAMED: Final = {"X-Organization-Slug": SLUG, "X-Request-Id": "one-id-for-all-of-them"}


class Kinds(NamedTuple):
    """Requests of two kinds, all to be answered with ``status``."""

    these: list[bytes]
    those: list[bytes]
    status: int


def request_link(door: Door, pairs: int) -> Kinds:
    """Ask for a link: emails that are known, and emails that nobody knows."""
    return _mails(door, pairs, "request-link")


def request_otp(door: Door, pairs: int) -> Kinds:
    """Ask for a code: emails that are known, and emails that nobody knows."""
    return _mails(door, pairs, "request-otp")


def verify(door: Door, pairs: int) -> Kinds:
    """Guess wrong: at live codes of known emails, and at emails that never asked for one."""
    known, unknown = _emails("known", pairs), _emails("other", pairs)
    uvloop.run(_ordered(door, known))
    uvloop.run(ask_all(door.port, _asked("request-otp", known), expect={200}))
    return Kinds(_guesses(known), _guesses(unknown), 401)


def verify_asked(door: Door, pairs: int) -> Kinds:
    """Guess wrong: at live codes, and at codes that were asked for and never mailed."""
    known, unknown = _emails("known", pairs), _emails("other", pairs)
    uvloop.run(_ordered(door, known))
    asked = _asked("request-otp", [*known, *unknown])
    uvloop.run(ask_all(door.port, asked, expect={200}))
    return Kinds(_guesses(known), _guesses(unknown), 401)


def action_token(door: Door, pairs: int) -> Kinds:
    """Present an action token: consumed ones, and ones that never were."""
    uvloop.run(_published(door))
    consumed = uvloop.run(_consumed(door, pairs))
    unknown = [f"a{number:025d}" for number in range(pairs)]
    return Kinds(_previews(consumed), _previews(unknown), 404)


def login(door: Door, pairs: int) -> Kinds:
    """Sign in with a wrong password: emails that signed up with one, and emails nobody knows."""
    storefront, known, unknown = uvloop.run(_signed_up(door, pairs))
    wrong = "a password that was guessed"

    def tried(email: str) -> bytes:
        body = {"email": email, "password": wrong}
        return shoppers.posted(storefront, "login", body, headers=_NAMED)

    return Kinds([*map(tried, known)], [*map(tried, unknown)], 401)


def forgot(door: Door, pairs: int) -> Kinds:
    """Forget a password: emails that signed up with one, and emails nobody knows."""
    storefront, known, unknown = uvloop.run(_signed_up(door, pairs))

    def asked(email: str) -> bytes:
        body = {"email": email}
        return shoppers.posted(storefront, "password/forgot", body, headers=_NAMED)

    return Kinds([*map(asked, known)], [*map(asked, unknown)], 200)


ALL: Final[dict[str, Callable[[Door, int], Kinds]]] = {
    "request-link": request_link,
    "request-otp": request_otp,
    "verify": verify,
    "verify-asked": verify_asked,
    "action-token": action_token,
    "login": login,
    "forgot": forgot,
}
TITLES: Final = {
    "request-link": "request-link: known / unknown email",
    "request-otp": "request-otp: known / unknown email",
    "verify": "verify, wrong: live code / never asked",
    "verify-asked": "verify, wrong: live code / not mailed",
    "action-token": "action token: consumed / unknown",
    "login": "login, wrong: known / unknown email",
    "forgot": "forgot: known / unknown email",
}


def _mails(door: Door, pairs: int, call: str) -> Kinds:
    known, unknown = _emails("known", pairs), _emails("other", pairs)
    uvloop.run(_ordered(door, known))
    return Kinds(_asked(call, known), _asked(call, unknown), 200)


def _emails(kind: str, count: int) -> list[str]:
    return [f"{kind}-{number:05d}@timing.example" for number in range(count)]


async def _ordered(door: Door, emails: Sequence[str]) -> None:
    await _published(door)
    bought = [orders.order(number, email) for number, email in enumerate(emails)]
    await orders.bring_in(door, SLUG, bought)


async def _published(door: Door) -> None:
    body = {"displayName": "Timing", "published": True, "sandbox": True, "policy": _POLICY}
    asked = request("PUT", f"{_OPERATOR}/{SLUG}", body=body, headers=door.operator)
    await ask_all(door.port, [asked], expect={200, 201})


async def _signed_up(door: Door, count: int) -> tuple[shoppers.Headless, list[str], list[str]]:
    """Sign up at a storefront; tell it, those emails, and as many that nobody knows."""
    (storefront,) = await shoppers.open_headless(door, [SLUG])
    crowd = await shoppers.sign_up(door, [storefront], count, mark="known")
    known = [shopper.email for shopper in crowd]
    return storefront, known, [email.replace("known", "other") for email in known]


async def _consumed(door: Door, count: int) -> list[str]:
    """Mint tokens, and use them up."""
    body: dict[str, Any] = {"kind": "secret", "name": "timing", "scopes": ["actions:write"]}
    asked = request("POST", f"{_OPERATOR}/{SLUG}/keys", body=body, headers=door.operator)
    (made,) = await ask_all(door.port, [asked], expect={201})
    key = {"Authorization": f"Bearer {orjson.loads(made.body)['key']}"}
    wanted = [{"action": "confirm_email", "email": email} for email in _emails("known", count)]
    path = "/api/v1/merchant/actions"
    minting = [request("POST", path, body=each, headers=key) for each in wanted]
    minted = await ask_all(door.port, minting, expect={201})
    tokens = [str(orjson.loads(answer.body)["token"]) for answer in minted]
    taking = [request("POST", f"{_ACTIONS}/{token}", headers=_NAMED) for token in tokens]
    await ask_all(door.port, taking, expect={200})
    return tokens


def _asked(call: str, emails: Iterable[str]) -> list[bytes]:
    return [_posted(call, {"email": email}) for email in emails]


def _guesses(emails: Iterable[str]) -> list[bytes]:
    return [_posted("verify", {"email": email, "code": "000000"}) for email in emails]


def _posted(call: str, body: dict[str, str]) -> bytes:
    return request("POST", f"{AUTH}/{call}", body=body, headers=_NAMED)


def _previews(tokens: Iterable[str]) -> list[bytes]:
    return [request("GET", f"{_ACTIONS}/{token}", headers=_NAMED) for token in tokens]
