import asyncio
import re
from itertools import islice
from random import Random

import pytest

from tests.http.doors import Door
from tests.http.guessing import guess, spend_guesses
from tests.http.shops import BUYER, REFUSED, ROOMY, Shop, open_shop, wrong, wrong_codes

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_guess_budgets_are_never_told(shop: Shop) -> None:
    await shop.request_code()

    answers = [*await guess(shop, 5), await shop.verify(await shop.code())]

    for answer in answers:
        assert answer.status == 401
        assert answer.headers["RateLimit-Policy"] == '"verifications.address";q=120;w=60'
        assert not {name.lower() for name in answer.headers} & {"retry-after"}
        assert not re.search(rb"attempt|remain|left|tries", answer.raw)


async def test_a_resend_does_not_restart_the_attempts(shop: Shop) -> None:
    await shop.request_code()
    await guess(shop, 4)
    await shop.request_code()
    code = await shop.code()

    fifth = await shop.verify(wrong(code))
    right = await shop.verify(code)

    assert fifth.status == 401
    assert right.error == REFUSED


async def test_the_fourth_wrong_guess_leaves_the_code_alive(shop: Shop) -> None:
    await shop.request_code()
    await guess(shop, 4)

    assert (await shop.verify(await shop.code())).status == 200


async def test_the_fifth_wrong_guess_burns_the_code_and_the_sixth_is_not_evaluated(
    shop: Shop,
) -> None:
    await shop.request_code()
    await guess(shop, 5)

    sixth = await shop.verify(await shop.code())

    assert sixth.status == 401
    assert sixth.error == REFUSED


async def test_after_a_burned_code_a_request_mails_a_fresh_one_at_once(shop: Shop) -> None:
    await shop.request_code()
    burned = await shop.code()
    await guess(shop, 5)

    await shop.request_code()

    assert await shop.code() != burned
    assert (await shop.verify(burned)).status == 401
    assert (await shop.verify(await shop.code())).status == 200


async def test_wrong_guesses_at_once_are_counted_exactly(shop: Shop) -> None:
    await shop.request_code()
    code = await shop.code()
    guesses = islice(wrong_codes(code), 49)

    burst = await asyncio.gather(*(shop.verify(guess) for guess in guesses))
    burned = await shop.verify(code)
    await shop.request_code()
    fresh = await shop.code()
    four_more = await guess(shop, 4)

    assert {answer.status for answer in burst} == {401}
    assert burned.status == 401
    # Nine of the hour's ten are counted, no more: otherwise this would be a link, or burned.
    assert {answer.status for answer in four_more} == {401}
    assert (await shop.verify(fresh)).status == 200


async def test_a_right_answer_among_wrong_ones_wins_only_before_the_fifth(door: Door) -> None:
    shop = await open_shop(door, policy=ROOMY)
    random = Random(11)
    for n in range(10):
        email = f"b{n}@example.org"
        await shop.request_code(email)
        code = await shop.code(email)
        tries = [*islice(wrong_codes(code), 49), code]
        random.shuffle(tries)

        answers = await asyncio.gather(*(shop.verify(each, email=email) for each in tries))
        won = [answer.status for answer in answers].count(200)
        again = await shop.verify(code, email=email)

        assert won <= 1
        assert again.status == 401
        if tries.index(code) < 5:
            assert {answer.status for answer in answers} <= {200, 401}


async def test_a_right_answer_is_never_refused_for_four_wrong_ones_beside_it(door: Door) -> None:
    shop = await open_shop(door, policy=ROOMY)
    random = Random(12)
    for n in range(20):
        email = f"b{n}@example.org"
        await shop.request_code(email)
        code = await shop.code(email)
        tries = [*islice(wrong_codes(code), 4), code]
        random.shuffle(tries)

        answers = await asyncio.gather(*(shop.verify(each, email=email) for each in tries))

        assert [answer.status for answer in answers].count(200) == 1


async def test_every_kind_of_failure_is_one_and_the_same_answer(shop: Shop) -> None:
    same = [("X-Request-Id", "same-request")]
    for email in ("used@x.io", "burned@x.io", "expired@x.io"):
        await shop.request_code(email)
    used, burned, expired = [await shop.code(f"{k}@x.io") for k in ("used", "burned", "expired")]
    await shop.verify(used, email="used@x.io")
    await guess(shop, 5, email="burned@x.io")
    await shop.advance(600)
    await shop.request_code("wrong@x.io")
    code = await shop.code("wrong@x.io")

    answers = [
        await shop.verify(used, same, email="used@x.io"),
        await shop.verify(burned, same, email="burned@x.io"),
        await shop.verify(expired, same, email="expired@x.io"),
        await shop.verify(wrong(code), same, email="wrong@x.io"),
        await shop.verify("no code", same, email="wrong@x.io"),
        await shop.verify("", same, email="wrong@x.io"),
        await shop.verify("१२३४५६", same, email="wrong@x.io"),
        await shop.verify("0" * 5_000, same, email="wrong@x.io"),
        await shop.verify(code, same, email="never-asked@x.io"),
    ]

    assert len({str(answer.unmistakable()) for answer in answers}) == 1
    assert answers[0].status == 401


async def test_a_used_code_leaves_nothing_to_tell_it_from_one_never_asked_for(shop: Shop) -> None:
    await shop.sign_in()
    known = await shop.request_code(BUYER, [("X-Request-Id", "same-request")])
    unknown = await shop.request_code("new@example.org", [("X-Request-Id", "same-request")])
    await spend_guesses(shop, "blocked@example.org")
    blocked = await shop.request_code("blocked@example.org", [("X-Request-Id", "same-request")])

    assert known.unmistakable() == unknown.unmistakable() == blocked.unmistakable()


async def test_past_ten_wrong_guesses_an_hour_links_are_mailed_for_a_day(shop: Shop) -> None:
    await spend_guesses(shop)

    answer = await shop.request_code()
    (mail,) = (await shop.mails(BUYER))[2:]
    await shop.advance(86_395)
    await shop.request_code()
    still = (await shop.mails(BUYER))[-1]
    await shop.advance(10)
    await shop.request_code()

    assert answer.data == {"sent": True, "expiresInSeconds": 600}
    assert (mail["code"], len(mail["links"])) == (None, 1)
    assert (still["code"], len(still["links"])) == (None, 1)
    assert re.fullmatch("[0-9]{6}", await shop.code())


async def test_the_tenth_wrong_guess_burns_a_code_that_had_attempts_left(shop: Shop) -> None:
    for wrongs in (4, 4):
        await shop.request_code()
        await guess(shop, wrongs)
        await shop.verify(await shop.code())
    await shop.request_code()
    await guess(shop, 2)

    burned = await shop.verify(await shop.code())
    await shop.advance(60)
    await shop.request_code()

    assert burned.error == REFUSED
    assert (await shop.mails(BUYER))[-1]["code"] is None


async def test_a_right_code_does_not_refill_the_guesses(shop: Shop) -> None:
    for _ in range(2):
        await shop.request_code()
        await guess(shop, 4)
        assert (await shop.verify(await shop.code())).status == 200
    await shop.request_code()
    await guess(shop, 1)

    assert (await shop.verify(await shop.code())).status == 200
    await shop.advance(60)
    await shop.request_code()
    await guess(shop, 1)
    await shop.request_code()
    assert (await shop.mails(BUYER))[-1]["code"] is None


async def test_thirty_wrong_guesses_a_day_are_the_most(shop: Shop) -> None:
    evaluated = 0
    for _ in range(4):
        for wrongs in (5, 4):
            await shop.request_code()
            if (await shop.mails(BUYER))[-1]["code"] is None:
                break
            evaluated += len(await guess(shop, min(wrongs, 30 - evaluated)))
        await shop.advance(3_601)

    await shop.request_code()

    assert evaluated == 30
    assert (await shop.mails(BUYER))[-1]["code"] is None


async def test_tries_at_no_live_code_cost_no_guesses(shop: Shop) -> None:
    for _ in range(20):
        await shop.verify("000000")
    await shop.request_code()
    code = await shop.code()
    await guess(shop, 5)
    for _ in range(20):
        await shop.verify(code)
    await shop.request_code()

    assert {answer.status for answer in await guess(shop, 4)} == {401}
    assert (await shop.verify(await shop.code())).status == 200


async def test_past_the_storefronts_breaker_only_known_devices_get_codes(door: Door) -> None:
    shop = await open_shop(door, policy={"guesses": {"perStorefrontPerHour": 10}})
    device = (await shop.sign_in()).cookie("device-")
    for email in ("x1@x.io", "x2@x.io"):
        await shop.request_code(email)
        await guess(shop, 5, email=email)
    await shop.request_code("at-the-limit@x.io")
    at_the_limit = (await shop.mails())[-1]
    await guess(shop, 1, email="at-the-limit@x.io")

    await shop.request_code("stranger@x.io")
    await shop.request_code(BUYER)
    await shop.request_code(BUYER, [("Cookie", device)])
    await shop.request_code("stranger@x.io", [("Cookie", device)])
    stranger, unknown_device, known_device, borrowed = (await shop.mails())[-4:]
    await shop.advance(3_601)
    await shop.request_code("stranger@x.io")

    assert at_the_limit["code"] is not None
    assert stranger["code"] is None
    assert unknown_device["code"] is None
    assert known_device["code"] is not None
    assert borrowed["code"] is None
    assert (await shop.mails())[-1]["code"] is not None


async def test_the_breaker_stands_at_three_hundred_wrong_guesses(door: Door) -> None:
    shop = await open_shop(door, policy=ROOMY)

    async def exhaust(email: str) -> None:
        await shop.request_code(email)
        await guess(shop, 5, email=email)

    await asyncio.gather(*(exhaust(f"b{n}@example.org") for n in range(60)))
    await shop.request_code("at-the-limit@x.io")
    at_the_limit = (await shop.mails("at-the-limit@x.io"))[-1]
    await guess(shop, 1, email="at-the-limit@x.io")
    await shop.request_code("past-it@x.io")

    assert at_the_limit["code"] is not None
    assert (await shop.mails("past-it@x.io"))[-1]["code"] is None


async def test_another_storefronts_budgets_are_its_own(door: Door, shop: Shop) -> None:
    other = await open_shop(door)
    await spend_guesses(shop)
    for _ in range(4):
        await shop.request_code()

    asked = [(await other.request_code()).status for _ in range(4)]

    assert asked == [200, 200, 200, 429]
    assert (await other.verify(await other.code())).status == 200


async def test_a_guess_refused_by_volume_is_not_evaluated(door: Door) -> None:
    shop = await open_shop(door, policy={"verifications": {"perAddressPerMinute": 4}})
    await shop.request_code()
    await guess(shop, 4)

    refused = [answer.status for answer in await guess(shop, 5)]
    await shop.advance(60)

    assert refused == [429] * 5
    assert (await shop.verify(await shop.code())).status == 200
