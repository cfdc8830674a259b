"""A storefront under test, with calls as a shopper makes them and its captured mail at hand."""

from collections.abc import Iterator
from datetime import datetime
from itertools import count
from typing import Any, Final
from urllib.parse import quote

from tests.http.doors import Door
from tests.http.knocking import Answer, Client, Headers, bearer, cookie_header

AUTH: Final = "/api/v1/client-auth"
SANDBOX: Final = "/api/v1/merchant/sandbox"
BUYER: Final = "buyer@example.org"
ROOMY: Final = {
    "codes": {
        "perEmailPerMinute": 100,
        "perEmailPerHour": 1000,
        "perEmailPerDay": 1000,
        "perAddressPerMinute": 100_000,
        "perStorefrontPerMinute": 100_000,
    },
    "verifications": {"perAddressPerMinute": 100_000, "perStorefrontPerMinute": 100_000},
}
"""A policy whose volume limits are out of the way."""
REFUSED: Final = {
    "code": "INVALID_CODE",
    "message": "The code is wrong or no longer valid.",
}
"""The one answer to a code or link that does not open."""

_numbers: Final = count(1)


class Storefront:
    """What a shopper can ask of a sandbox storefront, and what its secret key opens.

    Mail is captured, and the storefront's clock can be moved.
    """

    def __init__(self, client: Client, slug: str, key: str) -> None:
        self.client = client
        self.slug = slug
        self.key = key

    async def request_code(
        self, email: str = BUYER, headers: Headers = (), *, by: Client | None = None
    ) -> Answer:
        body = {"storefrontSlug": self.slug, "email": email}
        return await (by or self.client).post(f"{AUTH}/request-otp", body, headers)

    async def verify(
        self, code: str, headers: Headers = (), *, email: str = BUYER, by: Client | None = None
    ) -> Answer:
        body = {"storefrontSlug": self.slug, "email": email, "code": code}
        return await (by or self.client).post(f"{AUTH}/verify-otp", body, headers)

    async def verify_link(self, token: str, headers: Headers = ()) -> Answer:
        body = {"storefrontSlug": self.slug, "token": token}
        return await self.client.post(f"{AUTH}/verify-link", body, headers)

    async def me(self, *cookies: str, by: Client | None = None) -> Answer:
        headers = [cookie_header(*cookies)] if cookies else []
        path = f"{AUTH}/me?storefrontSlug={self.slug}"
        return await (by or self.client).get(path, headers)

    async def is_signed_in(self, *cookies: str) -> bool:
        answer = await self.me(*cookies)
        assert answer.status == 200, answer.body
        return bool(answer.data["authenticated"])

    async def sign_out(self, *cookies: str, headers: Headers = ()) -> Answer:
        sent = [cookie_header(*cookies), *headers] if cookies else [*headers]
        return await self.client.post(f"{AUTH}/signout", {"storefrontSlug": self.slug}, sent)

    async def change(self, changes: dict[str, Any], *cookies: str, headers: Headers = ()) -> Answer:
        body = {"storefrontSlug": self.slug, **changes}
        sent = [cookie_header(*cookies), *headers] if cookies else [*headers]
        return await self.client("PATCH", f"{AUTH}/me", body, sent)

    async def sign_in(self, email: str = BUYER, headers: Headers = ()) -> Answer:
        """Ask for a code and answer with it; both must work."""
        asked = await self.request_code(email)
        assert asked.status == 200, asked.body
        answer = await self.verify(await self.code(email), headers, email=email)
        assert answer.status == 200, answer.body
        return answer

    async def session(self, email: str = BUYER) -> str:
        """Sign in and tell the session cookie, as ``name=value``."""
        answer = await self.sign_in(email)
        return next(
            cookie.partition(";")[0]
            for cookie in answer.cookies
            if cookie.removeprefix("__Host-").startswith("portal-")
        )

    async def read_mail(self, to: str | None = None) -> Answer:
        wanted = f"&to={quote(to)}" if to else ""
        return await self.client.get(f"{SANDBOX}/mail?limit=500{wanted}", [bearer(self.key)])

    async def mails(self, to: str | None = None) -> list[dict[str, Any]]:
        """Read captured mail, oldest first."""
        answer = await self.read_mail(to)
        assert answer.status == 200, answer.body
        items: list[dict[str, Any]] = answer.body["items"]
        return items

    async def code(self, email: str = BUYER) -> str:
        """Tell the code in the newest mail, which must hold one."""
        code = (await self.mails(email))[-1]["code"]
        assert code is not None
        return str(code)

    async def link_token(self, email: str = BUYER) -> str:
        """Tell the token of the link in the newest mail, which must hold one."""
        (link,) = (await self.mails(email))[-1]["links"]
        return str(link).partition("?token=")[2]

    async def advance(self, seconds: int) -> datetime:
        """Move the storefront's clock; zero only reads it."""
        answer = await self.client.post(
            f"{SANDBOX}/clock", {"advanceSeconds": seconds}, [bearer(self.key)]
        )
        assert answer.status == 200, answer.body
        return datetime.fromisoformat(answer.body["now"])


class Shop(Storefront):
    """A storefront behind a door in this process."""

    def __init__(self, door: Door, slug: str, key: str) -> None:
        super().__init__(door.client, slug, key)
        self.door = door


async def open_shop(door: Door, slug: str | None = None, **document: object) -> Shop:
    """Make a published sandbox storefront and a secret key to it."""
    slug = slug or f"shop-{next(_numbers)}"
    given = {"displayName": "Toko Uji", "published": True, "sandbox": True, **document}
    await door.operate("PUT", f"/{slug}", given, status=201)
    key = await door.operate("POST", f"/{slug}/keys", {"kind": "secret", "name": "tests"})
    return Shop(door, slug, str(key["key"]))


def wrong_codes(code: str) -> Iterator[str]:
    """Yield codes that are not this one, for ever, all different at first."""
    return (f"{(int(code) + step) % 1_000_000:06d}" for step in count(1))


def wrong(code: str) -> str:
    """Make a code that is not this one."""
    return next(wrong_codes(code))
