import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.http.accounts import ORDERS, Account, SignedIn, open_account
from tests.http.doors import Door
from tests.http.knocking import Answer, bearer
from tests.http.placing import place
from tests.http.sales import key_with
from tests.http.shops import BUYER
from tests.http.test_account_orders import SOLD

pytestmark = pytest.mark.asyncio(loop_scope="session")

RETURNS = "/api/v1/merchant/returns"
ALL = ("returns:operate", "orders:read", "orders:write")


class Desk:
    """A merchant's returns desk, and a customer who sends things back."""

    def __init__(self, account: Account, customer: SignedIn, key: str) -> None:
        self.account = account
        self.customer = customer
        self.key = key

    async def __call__(self, method: str, path: str = "", body: object = None) -> Answer:
        client = self.account.shop.client
        return await client(method, f"{RETURNS}{path}", body, [bearer(self.key)])

    async def returned(self, number: str = "KS-1") -> dict[str, Any]:
        """Have the customer ask for one bag to come back."""
        await place(self.account.shop, number, **SOLD)
        body = {"items": [{"orderItemId": "1", "quantity": 1}], "reason": "Too dark."}
        path = f"{ORDERS}/{number}/return-actions"
        answer = await self.account("POST", path, body, self.customer.by_bearer)
        assert answer.status == 201, answer.body
        made: dict[str, Any] = answer.body
        return made

    async def move(self, return_id: str, *statuses: str) -> list[int]:
        answers = [await self("PATCH", f"/{return_id}", {"status": status}) for status in statuses]
        return [answer.status for answer in answers]


async def desk_of(door: Door) -> Desk:
    account = await open_account(door)
    customer = await account.sign_in()
    return Desk(account, customer, await key_with(account.shop, ALL))


async def test_a_merchant_sees_returns_with_their_orders(door: Door) -> None:
    desk = await desk_of(door)
    made = await desk.returned()

    one, listed = await desk("GET", f"/{made['id']}"), await desk("GET")

    assert one.status == 200
    assert one.body == {"orderNumber": "KS-1", "email": BUYER, **made}
    assert listed.body == {"items": [one.body], "nextCursor": None}
    assert "RateLimit" in one.headers


async def test_returns_are_listed_newest_first_by_status_and_page(door: Door) -> None:
    desk = await desk_of(door)
    ids = [(await desk.returned(f"KS-{number}"))["id"] for number in range(5)]
    await desk.move(ids[1], "APPROVED")
    await desk.move(ids[3], "APPROVED")

    first = (await desk("GET", "?limit=3")).body
    rest = (await desk("GET", f"?limit=3&cursor={first['nextCursor']}")).body
    approved = (await desk("GET", "?status=APPROVED")).body
    unknown = await desk("GET", "?status=LOST")

    assert [item["id"] for item in first["items"] + rest["items"]] == ids[::-1]
    assert rest["nextCursor"] is None
    assert [item["id"] for item in approved["items"]] == [ids[3], ids[1]]
    assert (unknown.status, unknown.body["code"]) == (400, "VALIDATION_ERROR")


async def test_a_return_goes_its_way_a_step_at_a_time_and_the_order_ends_refunded(
    door: Door,
) -> None:
    desk = await desk_of(door)
    made = await desk.returned()
    rest = await desk.account(
        "POST", f"{ORDERS}/KS-1/return-actions", None, desk.customer.by_bearer
    )
    way = ("APPROVED", "IN_TRANSIT", "RECEIVED", "COMPLETED")

    jumped = await desk.move(made["id"], "RECEIVED", "COMPLETED", "REQUESTED")
    walked = await desk.move(made["id"], *way)
    half = await desk.account.get(f"{ORDERS}/KS-1", desk.customer.by_bearer)
    await desk.move(rest.body["id"], *way)
    whole = await desk.account.get(f"{ORDERS}/KS-1", desk.customer.by_bearer)
    (listed,) = (await desk.account.get(ORDERS, desk.customer.by_bearer)).body["items"]

    assert jumped == [409, 409, 409]
    assert walked == [200, 200, 200, 200]
    assert (half.body["status"], whole.body["status"]) == ("CONFIRMED", "REFUNDED")
    assert listed["status"] == "REFUNDED"
    assert await desk.move(made["id"], "APPROVED", "CANCELLED") == [409, 409]


async def test_a_rejected_return_is_mailed_with_its_note_and_holds_nothing(door: Door) -> None:
    desk = await desk_of(door)
    made = await desk.returned()
    note = "The bag is <b>open</b>."

    answer = await desk("PATCH", f"/{made['id']}", {"status": "REJECTED", "note": note})

    mail = (await desk.account.shop.mails(BUYER))[-1]
    order = await desk.account.get(f"{ORDERS}/KS-1", desk.customer.by_bearer)
    assert (answer.body["status"], answer.body["note"]) == ("REJECTED", note)
    assert note in mail["text"]
    assert "<b>open</b>" not in mail["html"]
    assert order.body["items"][0]["returnableQuantity"] == 2
    assert order.body["returns"][0]["note"] == note


async def test_a_note_is_written_and_cleared_without_a_step_or_a_mail(door: Door) -> None:
    desk = await desk_of(door)
    made = await desk.returned()
    mailed = len(await desk.account.shop.mails(BUYER))

    written = await desk("PATCH", f"/{made['id']}", {"note": "Wait."})
    left = await desk("PATCH", f"/{made['id']}", {})
    cleared = await desk("PATCH", f"/{made['id']}", {"note": None})

    assert [a.body["note"] for a in (written, left, cleared)] == ["Wait.", "Wait.", None]
    assert {a.body["status"] for a in (written, left, cleared)} == {"REQUESTED"}
    assert len(await desk.account.shop.mails(BUYER)) == mailed


async def test_of_many_decisions_at_once_one_counts(door: Door) -> None:
    desk = await desk_of(door)
    made = await desk.returned()

    answers = await asyncio.gather(
        *(
            desk("PATCH", f"/{made['id']}", {"status": status})
            for status in ("APPROVED", "REJECTED", "CANCELLED") * 7
        )
    )

    assert Counter(answer.status for answer in answers)[200] in {1, 2}
    assert (await desk("GET", f"/{made['id']}")).body["status"] in {
        *("APPROVED", "REJECTED", "CANCELLED")
    }


@pytest.mark.parametrize(
    "body",
    [
        {"status": "LOST"},
        {"status": "approved"},
        {"status": None},
        {"status": 1},
        {"note": 5},
        {"note": "x" * 5_000},
        {"note": "a\x00b"},
    ],
)
async def test_a_change_that_breaks_a_rule_changes_nothing(door: Door, body: object) -> None:
    desk = await desk_of(door)
    made = await desk.returned()

    answer = await desk("PATCH", f"/{made['id']}", body)

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR"), answer.body
    assert (await desk("GET", f"/{made['id']}")).body["status"] == "REQUESTED"


async def test_a_return_of_another_storefront_is_not_there(door: Door) -> None:
    desk, other = await desk_of(door), await desk_of(door)
    made = await other.returned()

    answers = [
        await desk("GET", f"/{made['id']}"),
        await desk("PATCH", f"/{made['id']}", {"status": "APPROVED"}),
        await desk("GET", "/nothing"),
        await desk("GET", "/%00"),
        await desk("GET", f"/{'f' * 32}-1"),
    ]

    assert {answer.status for answer in answers} == {404}
    assert (await desk("GET")).body["items"] == []


async def test_returns_need_their_scope(door: Door) -> None:
    desk = await desk_of(door)
    made = await desk.returned()
    desk.key = await key_with(desk.account.shop, ["orders:read", "orders:write"])

    answers = [
        await desk("GET"),
        await desk("GET", f"/{made['id']}"),
        await desk("PATCH", f"/{made['id']}", {"status": "APPROVED"}),
    ]

    assert [answer.status for answer in answers] == [403] * 3
    assert {answer.body["code"] for answer in answers} == {"INSUFFICIENT_SCOPE"}
