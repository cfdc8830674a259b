import asyncio
import re
from collections import Counter
from datetime import timedelta
from random import Random

import pytest

from tests.http.doors import Door
from tests.http.knocking import client_from
from tests.http.shops import BUYER, Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_fourth_code_in_a_minute_is_refused_and_not_mailed(shop: Shop) -> None:
    asked = [await shop.request_code() for _ in range(4)]

    assert [answer.status for answer in asked] == [200, 200, 200, 429]
    assert asked[3].error["code"] == "RATE_LIMITED"
    assert 55 <= int(asked[3].headers["Retry-After"]) <= 60
    assert len(await shop.mails(BUYER)) == 3


async def test_volume_limits_are_told_and_count_down(shop: Shop) -> None:
    asked = [await shop.request_code() for _ in range(4)]

    assert {answer.headers["RateLimit-Policy"] for answer in asked} == {
        '"codes.email.minute";q=3;w=60'
    }
    told = [
        re.fullmatch(r'"codes\.email\.minute";r=(\d+);t=(\d+)', a.headers["RateLimit"])
        for a in asked
    ]
    assert [match[1] for match in told if match] == ["2", "1", "0", "0"]
    assert all(55 <= int(match[2]) <= 60 for match in told if match)


async def test_the_limit_holds_in_any_minute_and_not_by_the_clocks_own(shop: Shop) -> None:
    random = Random(5)
    asked = []
    for _ in range(40):
        before = await shop.advance(random.randrange(0, 25))
        answer = await shop.request_code()
        asked.append((answer.status, before, await shop.advance(0)))

    # Each request was counted somewhere between two readings of the storefront's clock.
    minute, passed = timedelta(minutes=1), 0
    for status, before, after in asked:
        earlier = [span for was, *span in asked if was == 200 and span[1] <= before]
        if status == 200:
            passed += 1
            assert sum(span[0] > after - minute for span in earlier) < 3
        elif passed < 10:
            assert sum(span[1] > before - minute for span in earlier) >= 3
    assert passed == 10


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [
        ({"perEmailPerMinute": 3, "perEmailPerHour": 3}, 3),
        ({"perEmailPerMinute": 4, "perEmailPerHour": 4, "perEmailPerDay": 4}, 4),
        ({"perEmailPerMinute": 2}, 2),
        ({"perEmailPerMinute": 5, "perEmailPerHour": 5, "perAddressPerMinute": 5}, 5),
    ],
)
async def test_who_obeys_retry_after_is_not_refused_for_coming_early(
    door: Door, limits: dict[str, int], allowed: int
) -> None:
    shop = await open_shop(door, policy={"codes": limits})
    asked = [await shop.request_code() for _ in range(allowed + 1)]

    await shop.advance(int(asked[-1].headers["Retry-After"]))

    assert [answer.status for answer in asked] == [200] * allowed + [429]
    assert (await shop.request_code()).status == 200


async def test_ten_codes_an_hour_and_twenty_a_day_are_the_most(shop: Shop) -> None:
    hour: Counter[int] = Counter()
    for _ in range(12):
        hour[(await shop.request_code()).status] += 1
        await shop.advance(31)
    await shop.advance(3_600)
    next_hour: Counter[int] = Counter()
    for _ in range(12):
        next_hour[(await shop.request_code()).status] += 1
        await shop.advance(31)
    await shop.advance(3_600)
    later = await shop.request_code()
    await shop.advance(86_400)

    assert hour == next_hour == {200: 10, 429: 2}
    assert later.status == 429
    assert int(later.headers["Retry-After"]) > 60_000
    assert (await shop.request_code()).status == 200


async def test_refused_requests_do_not_count(shop: Shop) -> None:
    for _ in range(3):
        await shop.request_code()
    refused = {(await shop.request_code()).status for _ in range(10)}

    await shop.advance(60)
    asked = [(await shop.request_code()).status for _ in range(4)]

    assert refused == {429}
    assert asked == [200, 200, 200, 429]


async def test_all_spellings_of_a_mailbox_share_one_budget(shop: Shop) -> None:
    spellings = ["a@x.io", "A@X.io", " a@x.io\t", "a@x.IO"]

    asked = [(await shop.request_code(spelling)).status for spelling in spellings]

    assert asked == [200, 200, 200, 429]
    assert {mail["to"] for mail in await shop.mails()} == {"a@x.io"}


async def test_parallel_requests_for_codes_are_counted_exactly(shop: Shop) -> None:
    asked = await asyncio.gather(*(shop.request_code() for _ in range(40)))

    assert Counter(answer.status for answer in asked) == {200: 3, 429: 37}
    assert len(await shop.mails(BUYER)) == 3


async def test_sixty_code_requests_a_minute_and_address_are_the_most(shop: Shop) -> None:
    emails = [f"b{n}@example.org" for n in range(70)]

    asked = await asyncio.gather(*(shop.request_code(email) for email in emails))
    refused = next(answer for answer in asked if answer.status == 429)
    async with client_from(shop.door.url, "127.0.0.2") as neighbour:
        elsewhere = await shop.request_code("c@example.org", by=neighbour)
    await shop.advance(60)

    assert Counter(answer.status for answer in asked) == {200: 60, 429: 10}
    assert refused.headers["RateLimit"].startswith('"codes.address";r=0;t=')
    assert elsewhere.status == 200
    assert (await shop.request_code("d@example.org")).status == 200


async def test_who_is_refused_by_address_spends_nobodys_budget(shop: Shop) -> None:
    await asyncio.gather(*(shop.request_code(f"b{n}@example.org") for n in range(60)))
    refused = [(await shop.request_code()).status for _ in range(5)]

    async with client_from(shop.door.url, "127.0.0.2") as victim:
        asked = [(await shop.request_code(by=victim)).status for _ in range(4)]

    assert refused == [429] * 5
    assert asked == [200, 200, 200, 429]


async def test_one_mailbox_from_many_addresses_has_one_budget(shop: Shop) -> None:
    asked = []
    for last in range(2, 8):
        async with client_from(shop.door.url, f"127.0.0.{last}") as client:
            asked.append((await shop.request_code(by=client)).status)

    assert asked == [200, 200, 200, 429, 429, 429]


async def test_a_hundred_and_twenty_verifications_a_minute_and_address_are_the_most(
    shop: Shop,
) -> None:
    tries = await asyncio.gather(
        *(shop.verify("000000", email=f"b{n}@example.org") for n in range(130))
    )
    await shop.request_code()
    refused = await shop.verify(await shop.code())
    async with client_from(shop.door.url, "127.0.0.2") as neighbour:
        elsewhere = await shop.verify(await shop.code(), by=neighbour)

    assert Counter(answer.status for answer in tries) == {401: 120, 429: 10}
    assert refused.status == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert elsewhere.status == 200


@pytest.mark.parametrize(
    ("policy", "rule"),
    [
        ({"codes": {"perStorefrontPerMinute": 5}}, "codes.storefront"),
        ({"codes": {"perAddressPerMinute": 5}}, "codes.address"),
    ],
)
async def test_a_policys_own_limit_is_exact(
    door: Door, policy: dict[str, dict[str, int]], rule: str
) -> None:
    shop = await open_shop(door, policy=policy)

    asked = [await shop.request_code(f"b{n}@example.org") for n in range(7)]

    assert [answer.status for answer in asked] == [200] * 5 + [429] * 2
    assert asked[-1].headers["RateLimit-Policy"] == f'"{rule}";q=5;w=60'


async def test_a_storefronts_limits_are_no_other_storefronts(door: Door) -> None:
    tight = await open_shop(door, policy={"codes": {"perAddressPerMinute": 1}})
    other = await open_shop(door, policy={"codes": {"perAddressPerMinute": 1}})

    asked = [(await shop.request_code()).status for shop in (tight, other, tight, other)]

    assert asked == [200, 200, 429, 429]
