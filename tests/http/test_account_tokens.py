import asyncio
import re
from collections import Counter
from typing import Any

import pytest

from tests.http.accounts import CUSTOMER, STATUS, Account, open_account
from tests.http.doors import Door
from tests.http.knocking import Answer, bearer, client_from
from tests.http.placing import place
from tests.http.sales import key_with
from tests.http.shops import BUYER
from tests.http.test_account_orders import SOLD

pytestmark = pytest.mark.asyncio(loop_scope="session")

MERCHANT = "/api/v1/merchant"
SAME_ID = ("X-Request-Id", "one-id-for-all")
UNKNOWN = "0" * 25
RETURN = {"orderNumber": "KS-1", "items": [{"orderItemId": "1", "quantity": 1}]}


class Minter:
    """A merchant's backend that mints tokens."""

    def __init__(self, account: Account, key: str) -> None:
        self.account = account
        self.key = key

    async def __call__(self, path: str, body: object = None) -> Answer:
        return await self.account.shop.client("POST", f"{MERCHANT}{path}", body, [bearer(self.key)])

    async def action(
        self,
        action: str = "confirm_email",
        context: dict[str, Any] | None = None,
        **more: object,
    ) -> str:
        body = {"action": action, "email": BUYER, "context": context or {}, **more}
        answer = await self("/actions", body)
        assert answer.status == 201, answer.body
        return str(answer.body["token"])

    async def status_link(self, number: str = "KS-1") -> str:
        answer = await self(f"/orders/{number}/status-link")
        assert answer.status in {200, 201}, answer.body
        return str(answer.body["token"])

    def preview(self, token: str, *headers: tuple[str, str]) -> Any:  # noqa: ANN401 - an awaitable answer
        return self.account.get(f"/actions/{token}", *headers)

    def take(self, token: str, *headers: tuple[str, str]) -> Any:  # noqa: ANN401 - an awaitable answer
        return self.account("POST", f"/actions/{token}", None, *headers)

    def status(self, token: str, *headers: tuple[str, str]) -> Any:  # noqa: ANN401 - an awaitable answer
        return self.account.get(f"{STATUS}/{token}", *headers)


async def minter_of(door: Door) -> Minter:
    account = await open_account(door)
    await place(account.shop, "KS-1", **SOLD)
    scopes = ["actions:write", "orders:write", "orders:read", "customers:write"]
    return Minter(account, await key_with(account.shop, scopes))


async def test_an_action_is_previewed_freely_and_taken_once(door: Door) -> None:
    minter = await minter_of(door)
    token = await minter.action("start_return", RETURN)

    previews = [await minter.preview(token) for _ in range(20)]
    heads = [await minter.account("HEAD", f"/actions/{token}") for _ in range(5)]
    taken = await minter.take(token)
    after = [await minter.take(token), await minter.preview(token)]

    assert re.fullmatch("a[a-z0-9]{25}", token)
    assert {preview.status for preview in previews} == {200}
    assert {head.status for head in heads} == {200}
    assert set(previews[0].body) == {"action", "context", "expiresAt"}
    assert previews[0].body["action"] == "start_return"
    assert previews[0].body["context"]["orderNumber"] == "KS-1"
    assert taken.status == 200
    assert set(taken.body) == {"action", "result"}
    assert taken.body["action"] == "start_return"
    assert [answer.status for answer in after] == [404, 404]


@pytest.mark.parametrize(
    ("action", "context"),
    [("start_return", RETURN), ("confirm_email", {}), ("revoke_sessions", {})],
)
async def test_of_fifty_takers_at_once_exactly_one_acts(
    door: Door, action: str, context: dict[str, object]
) -> None:
    minter = await minter_of(door)
    token = await minter.action(action, context)

    answers = await asyncio.gather(*(minter.take(token) for _ in range(50)))

    assert Counter(answer.status for answer in answers) == {200: 1, 404: 49}


async def test_a_token_signs_nobody_in_and_sets_no_cookie(door: Door) -> None:
    minter = await minter_of(door)
    token, link = await minter.action(), await minter.status_link()

    answers = [
        await minter.preview(token),
        await minter.take(token),
        await minter.status(link),
        *[await minter.account.get("/account/profile", bearer(each)) for each in (token, link)],
    ]

    assert [answer.status for answer in answers] == [200, 200, 200, 401, 401]
    assert [answer.cookies for answer in answers] == [[]] * 5


async def test_revoking_sessions_by_a_token_ends_them_all(door: Door) -> None:
    minter = await minter_of(door)
    session = await minter.account.sign_in()

    await minter.take(await minter.action("revoke_sessions"))

    assert not await minter.account.is_signed_in(session.by_bearer)
    assert not await minter.account.is_signed_in(session.by_cookie)


async def test_whatever_is_wrong_with_a_token_the_answer_is_one_and_the_same(door: Door) -> None:
    minter, foreign = await minter_of(door), await minter_of(door)
    consumed, late = await minter.action(), await minter.action(expiresInSeconds=60)
    await minter.take(consumed)
    link, elsewhere = await minter.status_link(), await foreign.action()
    rotated = link
    link = await minter.status_link()
    await minter.account.shop.advance(61)
    dead = [
        *(consumed, late, elsewhere, link, f"a{link[1:]}", f"a{UNKNOWN}", "a", "x" * 2_000),
        *("%00", "%c3%a9", consumed.upper(), f"{late}a"),
    ]
    dead_links = [rotated, consumed, elsewhere, f"o{UNKNOWN}", f"o{consumed[1:]}", "o", "%ff"]

    answers = [await minter.preview(token, SAME_ID) for token in dead]
    answers += [await minter.take(token, SAME_ID) for token in dead]
    answers += [await minter.status(token, SAME_ID) for token in dead_links]

    assert (answers[0].status, answers[0].body["code"]) == (404, "TOKEN_NOT_FOUND")
    assert [a.unmistakable() for a in answers] == [answers[0].unmistakable()] * len(answers)
    assert (await foreign.preview(elsewhere)).status == 200
    assert (await minter.status(link)).status == 200


async def test_misses_are_limited_by_address_and_keep_no_right_token_out(door: Door) -> None:
    minter = await minter_of(door)
    token, link = await minter.action(), await minter.status_link()

    misses = [(await minter.preview(f"a{number:025d}")).status for number in range(61)]
    over = await minter.status(f"o{UNKNOWN}")
    async with client_from(door.url, "127.0.0.3") as elsewhere:
        path = f"{CUSTOMER}/actions/a{UNKNOWN}"
        other = await elsewhere.get(path, [minter.account.named])

    assert Counter(misses) == {404: 60, 429: 1}
    assert (over.status, over.body["code"]) == (429, "RATE_LIMITED")
    assert re.fullmatch("[1-9][0-9]*", over.headers["Retry-After"])
    assert other.status == 404
    assert (await minter.preview(token)).status == 200
    assert (await minter.status(link)).status == 200


async def test_a_status_link_shows_how_far_an_order_is_and_nothing_personal(door: Door) -> None:
    minter = await minter_of(door)
    url = "https://toko.example/orders"
    shop = minter.account.shop
    own = {"displayName": "Toko", "published": True, "returnToStoreUrl": url}
    link = await minter.status_link()

    bare = await minter.status(link)
    await door.operate("PUT", f"/{shop.slug}", own)
    answer = await minter.status(link)

    assert re.fullmatch("o[a-z0-9]{25}", link)
    assert answer.body == {**bare.body, "returnToStoreUrl": url}
    assert bare.body == {
        "orderNumber": "KS-1",
        "status": "CONFIRMED",
        "fulfillmentStatus": "DELIVERED",
        "subtotalInCents": 306_000,
        "discountInCents": 6_000,
        "taxInCents": 33_000,
        "shippingInCents": 18_000,
        "totalInCents": 351_000,
        "currency": "IDR",
        "items": [
            {
                "name": "Kopi Gayo",
                "quantity": 2,
                "unitPriceInCents": 98_000,
                "totalPriceInCents": 196_000,
            },
            {
                "name": "Kopi Toraja",
                "quantity": 1,
                "unitPriceInCents": 110_000,
                "totalPriceInCents": 110_000,
            },
        ],
        "createdAt": "2026-01-02T03:04:05.678Z",
        "updatedAt": bare.body["updatedAt"],
    }
    for header, value in (
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Robots-Tag", "noindex"),
    ):
        assert answer.headers[header] == value


async def test_a_status_link_is_a_pure_read(door: Door) -> None:
    minter = await minter_of(door)
    link = await minter.status_link()
    first = await minter.status(link)

    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        answer = await minter.account(method, f"{STATUS}/{link}")
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET, HEAD"
        assert answer.headers["Referrer-Policy"] == "no-referrer"

    assert (await minter.account("HEAD", f"{STATUS}/{link}")).status == 200
    assert (await minter.status(link)).body == first.body


async def test_a_status_link_lives_ninety_days_and_a_new_one_ends_it(door: Door) -> None:
    minter = await minter_of(door)
    first = await minter("/orders/KS-1/status-link")
    second = await minter("/orders/KS-1/status-link")
    await minter.account.shop.advance(90 * 86_400 - 60)
    alive = await minter.status(second.body["token"])
    await minter.account.shop.advance(61)

    assert (first.status, second.status) == (201, 200)
    assert set(first.body) == {"orderNumber", "token", "url", "expiresAt"}
    assert (await minter.status(first.body["token"])).status == 404
    assert alive.status == 200
    assert (await minter.status(second.body["token"])).status == 404


async def test_an_action_lives_seven_days_unless_it_was_said(door: Door) -> None:
    minter = await minter_of(door)
    usual, short = await minter.action(), await minter.action(expiresInSeconds=3_600)
    await minter.account.shop.advance(3_600)
    after_an_hour = [(await minter.preview(usual)).status, (await minter.preview(short)).status]
    await minter.account.shop.advance(7 * 86_400 - 3_600)

    assert after_an_hour == [200, 404]
    assert (await minter.preview(usual)).status == 404


@pytest.mark.parametrize(
    "body",
    [
        {"email": BUYER},
        {"action": "confirm_email"},
        {"action": "delete_everything", "email": BUYER},
        {"action": "confirm_email", "email": "no email"},
        {"action": "confirm_email", "email": BUYER, "expiresInSeconds": 0},
        {"action": "confirm_email", "email": BUYER, "expiresInSeconds": "60"},
        {"action": "confirm_email", "email": BUYER, "mail": "yes"},
        {"action": "confirm_email", "email": BUYER, "context": []},
        {"action": "start_return", "email": BUYER, "context": {}},
        {"action": "start_return", "email": BUYER, "context": {**RETURN, "items": "all"}},
        {"action": "cancel_return", "email": BUYER, "context": {"returnId": 5}},
    ],
)
async def test_an_action_that_breaks_a_rule_is_not_minted(door: Door, body: object) -> None:
    minter = await minter_of(door)

    answer = await minter("/actions", body)

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR"), answer.body


async def test_no_token_reaches_the_store(door: Door) -> None:
    minter = await minter_of(door)
    tokens = [await minter.action(), await minter.status_link()]

    held = [await door.store.dump(key) for key in await door.keys()]

    raw = b"".join(value for value in held if isinstance(value, bytes))
    assert [token for token in tokens if token.encode() in raw] == []


async def test_minting_needs_its_scope(door: Door) -> None:
    minter = await minter_of(door)
    weak = Minter(minter.account, await key_with(minter.account.shop, ["orders:read"]))

    answers = [
        await weak("/actions", {"action": "confirm_email", "email": BUYER}),
        await weak("/orders/KS-1/status-link"),
    ]

    assert [answer.status for answer in answers] == [403, 403]
    assert {answer.body["code"] for answer in answers} == {"INSUFFICIENT_SCOPE"}
