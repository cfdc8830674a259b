import asyncio
import re
import threading
from collections import Counter
from itertools import cycle
from pathlib import Path

import pytest

from doorward.actors.errors import StoreUnreachable
from doorward.actors.messages.envelope import Caller, Outcome, Request
from doorward.actors.messages.store import BeginLogin, FinishLogin, LoginBegun, LoginReleased
from doorward.http.argon2id import Argon2id
from doorward.http.hashing import HashingGate
from doorward.http.surfaces.store_logins import Try
from tests.http.doors import Door, Setup, opened
from tests.http.knocking import Answer
from tests.http.shops import BUYER, Shop
from tests.http.store_server import StoreServer
from tests.http.storefronts_headless import (
    AUTH,
    PASSWORD,
    Headless,
    code_of,
    error_of,
    fresh_email,
    open_headless,
    signed_in,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

WRONG = "not the right password"
BEHIND_PROXY = Setup(trusted_proxies=("127.0.0.0/8",))


def from_address(number: int) -> tuple[str, str]:
    return ("X-Forwarded-For", f"198.51.100.{number}")


async def fail(store: Headless, times: int, email: str = BUYER) -> list[Answer]:
    return [await store.login(email, WRONG) for _ in range(times)]


async def test_a_login_answers_as_a_sign_up_does(door: Door) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()

    answer = await store.login(f" {BUYER.upper()} ")

    assert answer.status == 200
    assert signed_in(answer).customer == shopper.customer
    assert signed_in(answer).refresh != shopper.refresh
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_fifth_wrong_password_locks_and_a_right_one_waits_too(door: Door) -> None:
    store = await open_headless(door)
    await store.signed_up()

    wrong = await fail(store, 5)
    locked = await store.login()

    assert {code_of(each) for each in wrong} == {(401, "invalid_credentials")}
    assert code_of(locked) == (423, "account_locked")
    assert 890 <= int(locked.headers["Retry-After"]) <= 900


async def test_a_lock_ends_15_minutes_after_the_fifth_and_is_not_drawn_out(door: Door) -> None:
    store = await open_headless(door)
    await store.signed_up()
    await fail(store, 5)

    during = []
    for _ in range(14):
        await store.shop.advance(60)
        during += [await store.login(), await store.login(password=WRONG)]
    await store.shop.advance(60)
    after = await store.login()

    assert {each.status for each in during} == {423}
    assert after.status == 200


async def test_wrong_passwords_count_for_15_minutes(door: Door) -> None:
    store = await open_headless(door)
    await store.signed_up()
    await fail(store, 4)
    await store.shop.advance(901)

    answers = await fail(store, 4)

    assert {each.status for each in answers} == {401}
    assert (await store.login()).status == 200


async def test_a_right_password_forgets_the_wrong_ones_before_it(door: Door) -> None:
    store = await open_headless(door)
    await store.signed_up()

    await fail(store, 4)
    await store.signed_in()
    wrong = await fail(store, 4)

    assert {each.status for each in wrong} == {401}
    assert (await store.login()).status == 200


async def test_an_unknown_email_locks_like_a_known_one(door: Door) -> None:
    store = await open_headless(door)
    stranger = fresh_email()

    answers = await fail(store, 6, stranger)

    assert [each.status for each in answers] == [401] * 5 + [423]


async def test_a_lock_is_of_one_email_in_one_storefront(door: Door) -> None:
    store, elsewhere = await open_headless(door), await open_headless(door)
    other = fresh_email()
    for each, email in ((store, BUYER), (store, other), (elsewhere, BUYER)):
        await each.signed_up(email)
    await fail(store, 5)

    assert (await store.login()).status == 423
    assert (await store.login(other)).status == 200
    assert (await elsewhere.login()).status == 200


async def test_a_lock_stops_no_code_no_session_and_no_refresh(door: Door) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()
    await fail(store, 5)

    assert (await store.login()).status == 423
    assert (await store.me(shopper.access)).status == 200
    assert (await store.refresh(shopper.refresh)).status == 200
    await store.shop.sign_in()


@pytest.mark.parametrize("door_setup", [BEHIND_PROXY])
async def test_of_100_parallel_wrong_logins_from_20_addresses_5_are_looked_at(door: Door) -> None:
    store = await open_headless(door, policy={"passwords": {"loginsPerAddressPerMinute": 10}})
    await store.signed_up()
    addresses = cycle(range(1, 21))

    answers = await asyncio.gather(
        *(store.login(password=WRONG, headers=[from_address(next(addresses))]) for _ in range(100))
    )

    assert Counter(each.status for each in answers) == {401: 5, 423: 95}


async def test_of_parallel_right_logins_none_is_refused(door: Door) -> None:
    store = await open_headless(door)
    await store.signed_up()

    answers = await asyncio.gather(*(store.login() for _ in range(20)))

    assert {each.status for each in answers} == {200}
    assert len({signed_in(each).refresh for each in answers}) == 20


async def test_right_logins_among_four_wrong_ones_are_not_refused(door: Door) -> None:
    store = await open_headless(door)
    await store.signed_up()
    passwords = [WRONG] * 4 + [PASSWORD] * 8

    answers = await asyncio.gather(*(store.login(password=each) for each in passwords))

    assert [each.status for each in answers] == [401] * 4 + [200] * 8


async def test_ten_logins_a_minute_of_one_address_are_looked_at(door: Door) -> None:
    store = await open_headless(door, policy={"passwords": {"loginsPerAddressPerMinute": 10}})

    answers = await asyncio.gather(*(store.login(fresh_email()) for _ in range(50)))

    assert Counter(each.status for each in answers) == {401: 10, 429: 40}
    refused = next(each for each in answers if each.status == 429)
    error = error_of(refused)
    assert (error["code"], error["limit"]) == ("rate_limited", 10)
    assert 1 <= error["retryAfter"] == int(refused.headers["Retry-After"]) <= 60


@pytest.mark.parametrize("door_setup", [BEHIND_PROXY])
async def test_an_address_that_is_made_up_left_of_our_proxy_does_not_count(door: Door) -> None:
    store = await open_headless(door, policy={"passwords": {"loginsPerAddressPerMinute": 3}})

    answers = [
        await store.login(
            fresh_email(),
            headers=[
                ("X-Forwarded-For", f"203.0.113.{n}, 198.51.100.7"),
                ("Forwarded", f"for=203.0.113.{n}"),
                ("X-Real-IP", f"203.0.113.{n}"),
            ],
        )
        for n in range(5)
    ]

    assert [each.status for each in answers] == [401, 401, 401, 429, 429]


async def test_a_spent_address_is_told_so_also_of_an_email_that_is_locked(door: Door) -> None:
    store = await open_headless(door, policy={"passwords": {"loginsPerAddressPerMinute": 5}})
    await fail(store, 5)

    assert (await store.login()).status == 429


async def test_no_answer_tells_how_many_tries_are_left(door: Door) -> None:
    store = await open_headless(door)

    (answer,) = await fail(store, 1)

    assert not [name for name in answer.headers if name.lower().startswith("ratelimit")]
    assert set(error_of(answer)) == {"code", "message"}


async def test_a_known_device_is_not_locked_out_with_the_others(door: Door) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()
    known = ("X-Doorward-Device", str(shopper.device))
    await fail(store, 5)

    unknown = await store.login(headers=[("X-Doorward-Device", "x" * 43)])
    answer = await store.login(headers=[known])

    assert shopper.device is not None
    assert unknown.status == 423
    assert answer.status == 200
    assert signed_in(answer).device is None


async def test_a_page_of_our_own_host_gets_the_device_as_a_cookie_too(door: Door) -> None:
    store = await open_headless(door, allowedOrigins=[])
    host = door.url.removeprefix("http://")
    own = [("Origin", f"http://{host}"), ("Sec-Fetch-Site", "same-origin")]
    await store.signed_up()

    answer = await store.login(headers=own)
    (cookie,) = answer.cookies
    pair = cookie.partition(";")[0]
    again = await store.login(headers=[*own, ("Cookie", pair)])
    foreign = await store.login(headers=[("Cookie", pair)])

    assert re.fullmatch(
        rf"device-{store.shop.slug}=[A-Za-z0-9_-]{{43}}; .*HttpOnly; SameSite=Lax", cookie
    )
    assert again.cookies == []
    assert "X-Doorward-Device" not in again.headers
    assert foreign.headers["X-Doorward-Device"] not in pair
    assert foreign.cookies == []


async def test_a_password_hashed_with_less_is_hashed_anew_by_its_next_login(
    store_of_one: StoreServer, tmp_path: Path
) -> None:
    lesser = HashingGate(hasher=Argon2id(memory_kib=64, passes=1))
    async with opened(store_of_one, tmp_path, Setup(gate=lesser)) as door:
        then = await open_headless(door)
        shopper = await then.signed_up()
        before = await kept_customer(then, shopper.id)
    async with opened(store_of_one, tmp_path, Setup()) as door:
        now = Headless(Shop(door, then.shop.slug, then.shop.key), then.key)
        await now.signed_in()
        after = await kept_customer(now, shopper.id)
        again = await now.login()

    assert b"m=64,t=1" in before
    assert b"m=19456,t=2" in after
    assert again.status == 200


async def kept_customer(store: Headless, customer_id: str) -> bytes:
    (key,) = [
        key
        for key in await store.shop.door.keys()
        if key.endswith(f":{store.shop.slug}:customer:{customer_id}".encode())
    ]
    kept = await store.shop.door.store.get(key)
    assert isinstance(kept, bytes)
    return kept


class Held(Argon2id):
    """Compares nothing until it is told to."""

    def __init__(self) -> None:
        super().__init__(memory_kib=8, passes=1)
        self.go = threading.Event()

    def matches(self, password_hash: str, password: str) -> bool:
        self.go.wait(10)
        return super().matches(password_hash, password)


async def test_what_the_gate_cannot_take_is_503_and_counts_as_nothing(
    store_of_one: StoreServer, tmp_path: Path
) -> None:
    held = Held()
    gate = HashingGate(threads=1, per_storefront=2, hasher=held)
    async with opened(store_of_one, tmp_path, Setup(gate=gate)) as door:
        store = await open_headless(door)
        taken = [asyncio.create_task(store.login(fresh_email(), WRONG)) for _ in range(3)]
        while gate.waiting < 2:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0)

        refused = [await store.login(password=WRONG) for _ in range(8)]
        held.go.set()
        evaluated = [await each for each in taken]
        after = await fail(store, 6)

    assert {code_of(each) for each in refused} == {(503, "overloaded")}
    assert all(int(each.headers["Retry-After"]) >= 1 for each in refused)
    assert {each.status for each in evaluated} == {401}
    assert [each.status for each in after] == [401] * 5 + [423]


async def test_a_spent_key_hears_so_also_where_the_gate_is_full(
    store_of_one: StoreServer, tmp_path: Path
) -> None:
    gate = HashingGate(threads=1, per_storefront=0)
    async with opened(store_of_one, tmp_path, Setup(gate=gate)) as door:
        store = await open_headless(door, policy={"keys": {"publishablePerMinute": 3}})

        told = [code_of(await store.login()) for _ in range(4)]

    assert told == [(503, "overloaded")] * 3 + [(429, "rate_limited")]


async def test_while_passwords_are_hashed_others_are_answered_at_once(door: Door) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()
    loop = asyncio.get_running_loop()
    logins = [asyncio.create_task(store.login(fresh_email())) for _ in range(20)]
    took = []
    while not all(each.done() for each in logins):
        began = loop.time()
        assert (await store.me(shopper.access)).status == 200
        took.append(loop.time() - began)

    assert len(took) > 5
    assert sorted(took)[len(took) // 2] < 0.05
    assert {(await each).status for each in logins} <= {401, 503}


class Began:
    """A storefront that lets every try begin, and notes what it is told of their ends."""

    slug = "alpha"
    key_digest = ""
    caller = Caller(address="198.51.100.1")
    origin = None

    def __init__(self) -> None:
        self.told: list[FinishLogin] = []
        self.lost = False

    async def ask(self, message: Request) -> Outcome:
        if isinstance(message, BeginLogin):
            return LoginBegun(reservation="r1", password_hash=None)
        assert isinstance(message, FinishLogin)
        await asyncio.sleep(0)
        self.told.append(message)
        if self.lost:
            raise StoreUnreachable("away")
        return LoginReleased()


@pytest.mark.parametrize("lost", [False, True])
async def test_a_try_whose_caller_leaves_is_given_back(*, lost: bool) -> None:
    held, began = Held(), Began()
    began.lost = lost
    gate = HashingGate(threads=1, hasher=held)
    tried = Try(gate, began, BUYER, None)  # type: ignore[arg-type] # what it asks of a holder
    leaving = asyncio.create_task(tried.made(PASSWORD))
    while not gate.running:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0)

    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving

    assert [(each.reservation, each.verdict) for each in began.told] == [("r1", "unevaluated")]
    held.go.set()
    await gate.close()


async def test_a_password_that_is_too_long_is_refused_before_it_is_hashed(door: Door) -> None:
    store = await open_headless(door)

    answer = await store.login(password="q" * 257)

    assert code_of(answer) == (400, "invalid_body")
    assert error_of(answer)["issues"][0]["path"] == ["password"]
    assert (
        await store("POST", f"{AUTH}/login", {"email": "nobody", "password": "x"})
    ).status == 400


async def test_a_server_that_renders_pages_counts_its_shoppers_apart(door: Door) -> None:
    store = await open_headless(door, policy={"passwords": {"loginsPerAddressPerMinute": 2}})
    key = ("X-Doorward-Key", store.shop.key)

    apart = [await store.login(fresh_email(), headers=[key, from_address(n)]) for n in range(5)]
    same = [await store.login(fresh_email(), headers=[key, from_address(9)]) for _ in range(3)]

    assert {each.status for each in apart} == {401}
    assert [each.status for each in same] == [401, 401, 429]
