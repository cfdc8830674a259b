"""A headless storefront under test, as its own frontend calls it."""

from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from tests.http.doors import Door
from tests.http.knocking import Answer, Client, Headers, bearer
from tests.http.shops import BUYER, Shop, open_shop

STORE: Final = "/api/v1/store"
AUTH: Final = f"{STORE}/auth"
ME: Final = f"{STORE}/customers/me"
PASSWORD: Final = "correct horse battery staple"
ORIGIN: Final = "https://shop.example"
ROOMY: Final = {
    "passwords": {
        "loginsPerAddressPerMinute": 100_000,
        "signUpsPerAddressPerMinute": 100_000,
    },
    "keys": {"publishablePerMinute": 100_000},
}
"""A policy whose volume limits are out of the way; locks are as they are."""
_numbers: Final = count(1)


@dataclass(frozen=True)
class SignedIn:
    """A customer and their newest pair of tokens."""

    customer: dict[str, Any]
    access: str
    refresh: str
    device: str | None = None

    @property
    def by_access(self) -> tuple[str, str]:
        return bearer(self.access)

    @property
    def id(self) -> str:
        return str(self.customer["id"])


class Headless:
    """Calls at one storefront, which the publishable key names."""

    def __init__(self, shop: Shop, key: str) -> None:
        self.shop = shop
        self.key = key

    @property
    def keyed(self) -> tuple[str, str]:
        return ("X-Publishable-Key", self.key)

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *headers: tuple[str, str],
        by: Client | None = None,
    ) -> Answer:
        """Call a path below ``/api/v1/store``, or any that is whole."""
        whole = path if path.startswith("/api/") else f"{STORE}{path}"
        return await (by or self.shop.client)(method, whole, body, [self.keyed, *headers])

    async def sign_up(
        self, email: str = BUYER, password: str = PASSWORD, headers: Headers = (), **more: object
    ) -> Answer:
        body = {"name": "Sari Dewi", "email": email, "password": password, **more}
        return await self("POST", f"{AUTH}/signup", body, *headers)

    async def login(
        self,
        email: str = BUYER,
        password: str = PASSWORD,
        headers: Headers = (),
        *,
        by: Client | None = None,
    ) -> Answer:
        body = {"email": email, "password": password}
        return await self("POST", f"{AUTH}/login", body, *headers, by=by)

    async def refresh(self, token: str, headers: Headers = ()) -> Answer:
        return await self("POST", f"{AUTH}/refresh", {"refreshToken": token}, *headers)

    async def logout(self, token: str) -> Answer:
        return await self("POST", f"{AUTH}/logout", {"refreshToken": token})

    async def me(self, token: str, headers: Headers = ()) -> Answer:
        return await self("GET", ME, None, bearer(token), *headers)

    async def signed_up(self, email: str = BUYER, password: str = PASSWORD) -> SignedIn:
        """Sign up, which must work."""
        answer = await self.sign_up(email, password)
        assert answer.status == 201, answer.body
        return signed_in(answer)

    async def signed_in(self, email: str = BUYER, password: str = PASSWORD) -> SignedIn:
        """Sign in, which must work."""
        answer = await self.login(email, password)
        assert answer.status == 200, answer.body
        return signed_in(answer)


def signed_in(answer: Answer) -> SignedIn:
    """Read a sign-in's answer, which must hold what the contract says and nothing more."""
    assert set(answer.body) == {"customer", "tokens"}
    tokens = answer.body["tokens"]
    return SignedIn(
        answer.body["customer"],
        tokens["accessToken"],
        tokens["refreshToken"],
        answer.headers.get("X-Doorward-Device"),
    )


def error_of(answer: Answer) -> dict[str, Any]:
    """Read a failure of this surface, whose envelope must hold nothing else."""
    assert set(answer.body) == {"error"}, answer.body
    error: dict[str, Any] = answer.body["error"]
    assert {"code", "message"} <= set(error)
    return error


def code_of(answer: Answer) -> tuple[int, str]:
    return answer.status, error_of(answer)["code"]


async def open_headless(
    door: Door,
    *,
    policy: dict[str, Any] | None = None,
    **document: Any,  # noqa: ANN401 - any field
) -> Headless:
    """Make a headless storefront with one allowed origin, and a publishable key to it."""
    given = {"headless": True, "allowedOrigins": [ORIGIN], **document}
    merged = {name: {**section} for name, section in ROOMY.items()}
    for name, section in (policy or {}).items():
        merged[name] = {**merged.get(name, {}), **section}
    shop = await open_shop(door, policy=merged, **given)
    return Headless(shop, await publishable_key(shop))


async def publishable_key(shop: Shop) -> str:
    made = await shop.door.operate(
        "POST", f"/{shop.slug}/keys", {"kind": "publishable", "name": "Shop"}
    )
    return str(made["key"])


def fresh_email() -> str:
    return f"shopper-{next(_numbers)}@example.org"
