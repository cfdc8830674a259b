import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.http.accounts import ADDRESSES, HOME, PROFILE, Account, SignedIn, open_account
from tests.http.doors import Door
from tests.http.shops import BUYER

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOBODYS = "00000000-0000-4000-8000-000000000000"


async def opened(door: Door) -> tuple[Account, SignedIn]:
    account = await open_account(door)
    return account, await account.sign_in()


async def test_a_profile_is_what_the_contract_says(door: Door) -> None:
    account, session = await opened(door)

    profile = await account.profile(session.by_bearer)

    created = profile.pop("createdAt")
    assert created.endswith("Z")
    assert profile == {
        "customerId": session.id,
        "name": None,
        "email": BUYER,
        "phone": None,
        "emailVerified": True,
    }


async def test_name_and_phone_are_changed_cleared_and_left(door: Door) -> None:
    account, session = await opened(door)

    def change(body: dict[str, Any]) -> Any:  # noqa: ANN401 - an awaitable answer
        return account("PATCH", PROFILE, body, session.by_bearer)

    both = await change({"name": "Dewi", "phone": "+6281234567890"})
    left = await change({"name": "Dewi L."})
    cleared = await change({"phone": None})

    assert (both.body["name"], both.body["phone"]) == ("Dewi", "+6281234567890")
    assert (left.body["name"], left.body["phone"]) == ("Dewi L.", "+6281234567890")
    assert (cleared.body["name"], cleared.body["phone"]) == ("Dewi L.", None)
    assert await account.profile(session.by_cookie) == cleared.body


@pytest.mark.parametrize(
    "body",
    [
        *({"name": ""}, {"name": "x" * 101}, {"name": "a\x00b"}, {"name": "a\nb"}, {"name": 5}),
        *({"phone": "0812"}, {"phone": "+"}, {"phone": 62}, {"phone": "+62 812"}),
    ],
)
async def test_a_profile_that_breaks_a_rule_is_refused_whole(
    door: Door, body: dict[str, object]
) -> None:
    account, session = await opened(door)
    before = await account.profile(session.by_bearer)

    answer = await account("PATCH", PROFILE, {"name": "New", **body}, session.by_bearer)

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR")
    assert await account.profile(session.by_bearer) == before


async def test_what_is_not_ones_own_to_change_is_not_changed(door: Door) -> None:
    account, session = await opened(door)
    before = await account.profile(session.by_bearer)
    greedy = {
        "id": NOBODYS,
        "customerId": NOBODYS,
        "email": "mallory@x.io",
        "emailVerified": False,
        "tenantId": "other",
        "createdAt": "2001-01-01T00:00:00.000Z",
        "sessions": [],
        "password": "x",
    }

    answer = await account("PATCH", PROFILE, greedy, session.by_bearer)

    assert answer.status == 200
    assert await account.profile(session.by_bearer) == before


async def test_an_address_is_added_read_changed_and_removed(door: Door) -> None:
    account, session = await opened(door)
    key = session.by_bearer

    added = await account("POST", ADDRESSES, {**HOME, "label": "Home", "postalCode": "40111"}, key)
    one = f"{ADDRESSES}/{added.body['id']}"
    read = await account.get(one, key)
    changed = await account("PATCH", one, {"label": None, "city": "Jakarta"}, key)
    listed = await account.get(ADDRESSES, key)
    removed = await account("DELETE", one, None, key)

    assert added.status == 201
    assert added.body == {
        "id": added.body["id"],
        "label": "Home",
        **HOME,
        "company": None,
        "line2": None,
        "region": None,
        "postalCode": "40111",
        "phone": None,
        "isDefaultShipping": False,
        "isDefaultBilling": False,
    }
    assert read.body == added.body
    assert changed.body == {**added.body, "label": None, "city": "Jakarta"}
    assert listed.body == {"items": [changed.body], "nextCursor": None}
    assert removed.status == 204
    assert (await account.get(one, key)).status == 404
    assert (await account.get(ADDRESSES, key)).body["items"] == []


async def test_setting_a_default_clears_the_old_one(door: Door) -> None:
    account, session = await opened(door)
    first, second = [
        (
            await account("POST", ADDRESSES, {**HOME, "isDefaultShipping": True}, session.by_bearer)
        ).body["id"]
        for _ in range(2)
    ]

    async def defaults() -> dict[str, bool]:
        items = (await account.get(ADDRESSES, session.by_bearer)).body["items"]
        return {item["id"]: item["isDefaultShipping"] for item in items}

    after_second = await defaults()
    await account("PATCH", f"{ADDRESSES}/{first}", {"isDefaultShipping": True}, session.by_bearer)
    after_first = await defaults()
    await account("DELETE", f"{ADDRESSES}/{first}", None, session.by_bearer)

    assert after_second == {first: False, second: True}
    assert after_first == {first: True, second: False}
    assert await defaults() == {second: False}


@pytest.mark.parametrize(
    "differing",
    [
        *({"name": ""}, {"name": None}, {"name": 5}, {"line1": ""}, {"city": None}),
        *({"country": "Indonesia"}, {"country": "XX"}, {"country": "id"}, {"country": ""}),
        *({"phone": "0812"}, {"line1": "a\nb"}, {"label": "a\x00b"}, {"company": "x" * 5_000}),
        *({"isDefaultShipping": "yes"}, {"isDefaultBilling": None}, {"postalCode": 40111}),
    ],
)
async def test_an_address_that_breaks_a_rule_is_refused(
    door: Door, differing: dict[str, object]
) -> None:
    account, session = await opened(door)
    kept = await account("POST", ADDRESSES, HOME, session.by_bearer)
    one = f"{ADDRESSES}/{kept.body['id']}"

    answers = [
        await account("POST", ADDRESSES, {**HOME, **differing}, session.by_bearer),
        await account("PATCH", one, differing, session.by_bearer),
    ]

    for answer in answers:
        assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR"), answer.body
    assert (await account.get(one, session.by_bearer)).body == kept.body


@pytest.mark.parametrize("missing", ["name", "line1", "city", "country"])
async def test_an_address_lacks_nothing_that_it_must_have(door: Door, missing: str) -> None:
    account, session = await opened(door)
    body = {name: value for name, value in HOME.items() if name != missing}

    answer = await account("POST", ADDRESSES, body, session.by_bearer)

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR")
    assert answer.body["message"].startswith(missing)


async def test_the_fifty_first_address_is_refused_also_in_a_crowd(door: Door) -> None:
    account, session = await opened(door)

    answers = await asyncio.gather(
        *(account("POST", ADDRESSES, HOME, session.by_bearer) for _ in range(55))
    )

    assert Counter(answer.status for answer in answers) == {201: 50, 409: 5}
    assert {a.body["code"] for a in answers if a.status == 409} == {"LIMIT_REACHED"}
    assert len((await account.get(ADDRESSES, session.by_bearer)).body["items"]) == 50


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_address_of_somebody_else_is_not_there(door: Door, method: str) -> None:
    account, session = await opened(door)
    foreign = await open_account(door)
    others = [(account, await account.sign_in("other@x.io")), (foreign, await foreign.sign_in())]
    ids = [
        (await where("POST", ADDRESSES, HOME, who.by_bearer)).body["id"] for where, who in others
    ]

    answers = [
        await account(
            method,
            f"{ADDRESSES}/{name}",
            {"name": "Mallory"} if method == "PATCH" else None,
            session.by_bearer,
            ("X-Request-Id", "one-id-for-all"),
        )
        for name in (*ids, NOBODYS, "%00", "..%2f", "x" * 2_000)
    ]

    assert [answer.unmistakable() for answer in answers] == [answers[0].unmistakable()] * 6
    assert (answers[0].status, answers[0].body["code"]) == (404, "NOT_FOUND")
    for (where, who), name in zip(others, ids, strict=True):
        assert (await where.get(f"{ADDRESSES}/{name}", who.by_bearer)).body["name"] == HOME["name"]
