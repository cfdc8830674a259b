"""Customers of the store surface to measure with: headless storefronts, keys, sign-ups."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

from bench.servers import Door
from bench.wire import ask_all, request

STORE: Final = "/api/v1/store"
PASSWORD: Final = "a password that nobody guesses"  # noqa: S105 - opens nothing but a benchmark
_OPERATOR: Final = "/api/v1/operator/storefronts"
_ANY_VOLUME: Final = 10_000_000
_POLICY: Final = {
    "codes": {"perAddressPerMinute": _ANY_VOLUME, "perStorefrontPerMinute": _ANY_VOLUME},
    "keys": {"publishablePerMinute": _ANY_VOLUME},
    "passwords": {
        "loginsPerAddressPerMinute": _ANY_VOLUME,
        "signUpsPerAddressPerMinute": _ANY_VOLUME,
    },
}


class Headless(NamedTuple):
    """A storefront that serves the store surface, and the key that opens it."""

    slug: str
    key: str


class Shopper(NamedTuple):
    """A signed-up customer with the tokens of the sign-up."""

    storefront: Headless
    email: str
    access: str
    refresh: str


async def open_headless(door: Door, slugs: Sequence[str]) -> list[Headless]:
    """Publish headless storefronts, each with a publishable key."""
    document = {"displayName": "Bench", "published": True, "headless": True, "policy": _POLICY}
    put = [
        request("PUT", f"{_OPERATOR}/{slug}", body=document, headers=door.operator)
        for slug in slugs
    ]
    await ask_all(door.port, put, expect={200, 201})
    body = {"kind": "publishable", "name": "bench"}
    asked = [
        request("POST", f"{_OPERATOR}/{slug}/keys", body=body, headers=door.operator)
        for slug in slugs
    ]
    answers = await ask_all(door.port, asked, expect={201})
    keys = [orjson.loads(answer.body)["key"] for answer in answers]
    return [Headless(slug, key) for slug, key in zip(slugs, keys, strict=True)]


async def sign_up(
    door: Door, storefronts: Sequence[Headless], count: int, *, mark: str
) -> list[Shopper]:
    """Sign customers up, spread evenly; each takes the server a hash."""
    wanted = [
        (storefronts[number % len(storefronts)], f"{mark}{number:07d}@bench.example")
        for number in range(count)
    ]
    asked = [posted(at, "signup", _person(email)) for at, email in wanted]
    answers = await ask_all(door.port, asked, expect={201})
    shoppers = []
    for (storefront, email), answer in zip(wanted, answers, strict=True):
        tokens = orjson.loads(answer.body)["tokens"]
        shoppers.append(Shopper(storefront, email, tokens["accessToken"], tokens["refreshToken"]))
    return shoppers


def login(shopper: Shopper) -> bytes:
    """Write a sign-in."""
    return posted(shopper.storefront, "login", {"email": shopper.email, "password": PASSWORD})


def me(shopper: Shopper) -> bytes:
    """Write a question for the customer."""
    headers = _headers(shopper.storefront) | {"Authorization": f"Bearer {shopper.access}"}
    return request("GET", f"{STORE}/customers/me", headers=headers)


def exchange(shopper: Shopper) -> bytes:
    """Write an exchange of the refresh token."""
    return posted(shopper.storefront, "refresh", {"refreshToken": shopper.refresh})


def posted(
    storefront: Headless,
    what: str,
    body: dict[str, Any],
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """Write a request about signing in, with more ``headers`` than the key's."""
    given = {**_headers(storefront), **headers}
    return request("POST", f"{STORE}/auth/{what}", body=body, headers=given)


def _headers(storefront: Headless) -> dict[str, str]:
    return {"X-Publishable-Key": storefront.key}


def _person(email: str) -> dict[str, str]:
    return {"name": "Dewi Lestari", "email": email, "password": PASSWORD}
