from datetime import UTC, datetime, timedelta

import pytest

from tests.http.knocking import Answer, bearer
from tests.http.shops import SANDBOX, Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEN_YEARS_SECONDS = 10 * 366 * 86_400


async def move(shop: Shop, body: object) -> Answer:
    return await shop.door.client.post(f"{SANDBOX}/clock", body, [bearer(shop.key)])


async def test_an_unmoved_clock_tells_the_time(shop: Shop) -> None:
    answer = await move(shop, {"advanceSeconds": 0})

    assert answer.status == 200
    assert set(answer.body) == {"now"}
    now = datetime.fromisoformat(answer.body["now"])
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=20)


async def test_steps_add_up_to_the_second(shop: Shop) -> None:
    before = await shop.advance(0)
    await shop.advance(86_400)
    after = await shop.advance(1)

    assert timedelta(0) <= after - before - timedelta(days=1, seconds=1) < timedelta(seconds=20)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"advanceSeconds": -1},
        {"advanceSeconds": TEN_YEARS_SECONDS + 1},
        {"advanceSeconds": 10**30},
        {"advanceSeconds": 1.5},
        {"advanceSeconds": 60.0},
        {"advanceSeconds": "60"},
        {"advanceSeconds": True},
        {"advanceSeconds": None},
    ],
)
async def test_a_step_that_cannot_be_moves_nothing(shop: Shop, body: dict[str, object]) -> None:
    before = await shop.advance(0)

    answer = await move(shop, body)

    assert answer.status == 400
    assert answer.body["code"] == "VALIDATION_ERROR"
    assert answer.body["message"].startswith("advanceSeconds")
    assert await shop.advance(0) - before < timedelta(seconds=20)


async def test_ten_years_in_all_are_the_most(shop: Shop) -> None:
    first = await move(shop, {"advanceSeconds": TEN_YEARS_SECONDS - 10})

    beyond = await move(shop, {"advanceSeconds": 11})
    just = await move(shop, {"advanceSeconds": 10})

    assert [answer.status for answer in (first, beyond, just)] == [200, 400, 200]


async def test_answers_and_mail_carry_the_storefronts_own_time(shop: Shop) -> None:
    ahead = await shop.advance(40 * 86_400)

    signed_in = await shop.sign_in()

    (mail,) = await shop.mails()
    created = datetime.fromisoformat(signed_in.data["client"]["createdAt"])
    assert abs(created - ahead) < timedelta(seconds=20)
    assert abs(datetime.fromisoformat(mail["sentAt"]) - ahead) < timedelta(seconds=20)


async def test_captured_mail_is_read_after_the_clock_has_moved_on(shop: Shop) -> None:
    await shop.request_code()
    await shop.advance(40 * 86_400)

    assert len(await shop.mails()) == 1
