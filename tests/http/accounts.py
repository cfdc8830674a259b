"""The account surface of a storefront under test, as its hosted pages or a backend call it."""

from dataclasses import dataclass
from typing import Any, Final

from tests.http.doors import Door
from tests.http.knocking import Answer, Client, Headers, bearer, cookie_header
from tests.http.placing import place
from tests.http.shops import BUYER, Shop, open_shop

AUTH: Final = "/api/v1/public/customer/auth"
CUSTOMER: Final = "/api/v1/customer"
PROFILE: Final = "/account/profile"
ADDRESSES: Final = "/account/addresses"
ORDERS: Final = "/account/orders"
SESSIONS: Final = "/account/sessions"
STATUS: Final = "/api/v1/public/orders/token"
OPEN: Final = {"signIn": {"open": True}}
"""A policy under which every email is mailed to."""
HOME: Final = {
    "name": "Dewi Lestari",
    "line1": "Jl. Braga No. 12",
    "city": "Bandung",
    "country": "ID",
}


@dataclass(frozen=True)
class SignedIn:
    """One session by both of its secrets."""

    id: str
    cookie: str
    token: str

    @property
    def by_cookie(self) -> tuple[str, str]:
        return cookie_header(self.cookie)

    @property
    def by_bearer(self) -> tuple[str, str]:
        return bearer(self.token)


class Account:
    """Calls at one storefront, which the header names."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    @property
    def named(self) -> tuple[str, str]:
        return ("x-organization-slug", self.shop.slug)

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *headers: tuple[str, str],
        by: Client | None = None,
    ) -> Answer:
        """Call a path below ``/api/v1/customer``, or any that is whole."""
        whole = path if path.startswith("/api/") else f"{CUSTOMER}{path}"
        return await (by or self.shop.client)(method, whole, body, [self.named, *headers])

    async def get(self, path: str, *headers: tuple[str, str]) -> Answer:
        return await self("GET", path, None, *headers)

    async def request_link(self, email: str = BUYER, headers: Headers = ()) -> Answer:
        return await self("POST", f"{AUTH}/request-link", {"email": email}, *headers)

    async def request_otp(self, email: str = BUYER, headers: Headers = ()) -> Answer:
        return await self("POST", f"{AUTH}/request-otp", {"email": email}, *headers)

    async def verify(self, body: object, *headers: tuple[str, str]) -> Answer:
        return await self("POST", f"{AUTH}/verify", body, *headers)

    async def verify_code(self, code: str, *headers: tuple[str, str], email: str = BUYER) -> Answer:
        return await self.verify({"email": email, "code": code}, *headers)

    async def logout(self, *headers: tuple[str, str]) -> Answer:
        return await self("POST", "/auth/logout", None, *headers)

    async def sign_in(self, email: str = BUYER, *headers: tuple[str, str]) -> SignedIn:
        """Ask for a code and answer with it; both must work."""
        asked = await self.request_otp(email)
        assert asked.status == 200, asked.body
        answer = await self.verify_code(await self.shop.code(email), *headers, email=email)
        assert answer.status == 200, answer.body
        return signed_in(answer)

    async def is_signed_in(self, *headers: tuple[str, str]) -> bool:
        answer = await self.get(PROFILE, *headers)
        assert answer.status in {200, 401}, answer.body
        return answer.status == 200

    async def profile(self, *headers: tuple[str, str]) -> dict[str, Any]:
        answer = await self.get(PROFILE, *headers)
        assert answer.status == 200, answer.body
        body: dict[str, Any] = answer.body
        return body


def signed_in(answer: Answer) -> SignedIn:
    """Read both secrets out of a sign-in's answer."""
    names = ("__Host-customer-", "customer-")
    (cookie,) = [
        pair
        for pair in (cookie.partition(";")[0] for cookie in answer.cookies)
        if pair.startswith(names)
    ]
    return SignedIn(answer.body["customerId"], cookie, answer.body["token"])


async def open_account(
    door: Door,
    *,
    policy: dict[str, Any] | None = None,
    **document: Any,  # noqa: ANN401 - any field
) -> Account:
    """Make a storefront that mails to everybody, and its account surface."""
    return Account(await open_shop(door, policy={**OPEN, **(policy or {})}, **document))


async def open_buyers_account(door: Door) -> Account:
    """Make a storefront that mails only to emails it knows: those of customers and orders."""
    account = Account(await open_shop(door))
    await place(account.shop)
    return account
