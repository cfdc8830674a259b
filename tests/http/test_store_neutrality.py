import pytest

from tests.http.doors import Door
from tests.http.knocking import Answer
from tests.http.shops import BUYER
from tests.http.storefronts_headless import Headless, open_headless

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAME_ID = ("X-Request-Id", "one-id-for-all")
WRONG = "not the right password"
STRANGER = "stranger@example.org"


async def tried(store: Headless, email: str) -> Answer:
    return await store.login(email, WRONG, [SAME_ID])


async def test_unknown_wrong_and_passwordless_are_one_answer(door: Door) -> None:
    store = await open_headless(door)
    await store.signed_up()
    await store.shop.sign_in("passwordless@example.org")

    answers = [await tried(store, email) for email in (BUYER, STRANGER, "passwordless@example.org")]

    assert answers[0].status == 401
    assert [each.unmistakable() for each in answers] == [answers[0].unmistakable()] * 3


async def test_a_password_that_was_turned_off_is_the_same_answer_too(door: Door) -> None:
    policy = {"passwords": {"wrongInARow": 10, "wrongPerLock": 100}}
    store = await open_headless(door, policy=policy)
    await store.signed_up()
    wrong = [await tried(store, BUYER) for _ in range(10)]

    off = await store.login(headers=[SAME_ID])

    stranger = await tried(store, STRANGER)
    assert off.unmistakable() == wrong[0].unmistakable() == stranger.unmistakable()


async def test_a_locked_email_is_answered_alike_known_or_not(door: Door) -> None:
    store = await open_headless(door)
    await store.signed_up()
    for email in (BUYER, STRANGER):
        for _ in range(5):
            await tried(store, email)

    known, unknown = [await tried(store, email) for email in (BUYER, STRANGER)]

    assert known.status == 423
    assert known.unmistakable() == unknown.unmistakable()


async def test_a_forgotten_password_is_answered_alike_whoever_asks(door: Door) -> None:
    store = await open_headless(door)
    await store.signed_up()
    for email in (BUYER, "other@example.org"):
        for _ in range(4):
            await store("POST", "/auth/password/forgot", {"email": email})

    answers = [
        await store("POST", "/auth/password/forgot", {"email": email}, SAME_ID)
        for email in (BUYER, STRANGER, BUYER.upper(), "other@example.org")
    ]

    assert answers[0].status == 200
    assert [each.unmistakable() for each in answers] == [answers[0].unmistakable()] * 4
