"""Customers of the account surface to measure with, signed in as a merchant's backend would."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import orjson

from bench.fleet import Code
from bench.servers import Door
from bench.wire import ask_all, request

AUTH: Final = "/api/v1/public/customer/auth"
ACCOUNT: Final = "/api/v1/customer/account"


class Signed(NamedTuple):
    """A live session, as its bearer."""

    slug: str
    email: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """What a backend sends on every call for this customer."""
        return {"X-Organization-Slug": self.slug, "Authorization": f"Bearer {self.token}"}


async def sign_in(door: Door, codes: Sequence[Code]) -> list[Signed]:
    """Use codes, and return the sessions they open."""
    answers = await ask_all(door.port, [verify(code) for code in codes], expect={200})
    return [
        Signed(code.slug, code.email, orjson.loads(answer.body)["token"])
        for code, answer in zip(codes, answers, strict=True)
    ]


async def count_live(door: Door, sessions: Iterable[Signed]) -> int:
    """Count the sessions that open their own customer's profile."""
    asked = list(sessions)
    answers = await ask_all(door.port, [profile(each) for each in asked], expect={200, 401})
    return sum(
        answer.status == 200 and orjson.loads(answer.body)["email"] == session.email  # noqa: PLR2004
        for session, answer in zip(asked, answers, strict=True)
    )


def verify(code: Code) -> bytes:
    """Write a sign-in."""
    body = {"email": code.email, "code": code.code}
    return request("POST", f"{AUTH}/verify", body=body, headers={"X-Organization-Slug": code.slug})


def profile(session: Signed) -> bytes:
    """Write a question for one's own profile."""
    return request("GET", f"{ACCOUNT}/profile", headers=session.headers)


def order_detail(session: Signed, order_number: str) -> bytes:
    """Write a question for one of one's own orders."""
    return request("GET", f"{ACCOUNT}/orders/{order_number}", headers=session.headers)
