import asyncio
from collections.abc import Awaitable
from itertools import count
from typing import Any

import pytest

from doorward.actors.errors import Overloaded
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.store import FindOrigin, OriginFound
from doorward.actors.partitions import PARTITIONS
from doorward.http.origins import OriginBook
from tests.http.doors import Door
from tests.http.knocking import Answer
from tests.http.shops import open_shop
from tests.http.storefronts_headless import (
    AUTH,
    ME,
    ORIGIN,
    code_of,
    open_headless,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALLOW = "Access-Control-Allow-Origin"
STRANGER = "https://stranger.example"


async def preflight(door: Door, origin: str, path: str = f"{AUTH}/login") -> Answer:
    return await door.client(
        "OPTIONS", path, None, [("Origin", origin), ("Access-Control-Request-Method", "POST")]
    )


def cors_headers(answer: Answer) -> set[str]:
    return {name for name in answer.headers if name.lower().startswith("access-control")}


async def listed_later(door: Door, slug: str, origins: list[str]) -> None:
    document = {"displayName": "Toko Uji", "published": True, "headless": True}
    await door.operate("PUT", f"/{slug}", {**document, "allowedOrigins": origins})


@pytest.mark.parametrize(
    "path", [f"{AUTH}/login", f"{AUTH}/signup", ME, f"{ME}/orders", f"{ME}/orders/1"]
)
async def test_a_preflight_from_a_listed_origin_is_let_through(door: Door, path: str) -> None:
    await open_headless(door)

    answer = await preflight(door, ORIGIN, path)

    assert (answer.status, answer.raw) == (204, b"")
    told = {name: answer.headers[name] for name in cors_headers(answer)}
    assert told == {
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Allow-Methods": "GET, POST, PATCH, PUT, DELETE, OPTIONS",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Publishable-Key, "
        "X-Sellvik-Key, X-Doorward-Device",
        "Access-Control-Max-Age": "600",
    }
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [
        STRANGER,
        "null",
        "*",
        f"{ORIGIN}/",
        f"{ORIGIN}:443",
        ORIGIN.upper(),
        "http://shop.example",
        "https://evil.shop.example",
        "https://shop.example.evil.example",
        "https://" + "x" * 400 + ".example",
    ],
)
async def test_a_preflight_from_any_other_origin_is_refused(door: Door, origin: str) -> None:
    await open_headless(door)

    answer = await preflight(door, origin)

    assert code_of(answer) == (403, "origin_not_allowed")
    assert cors_headers(answer) == set()
    assert answer.headers["Vary"] == "Origin"


async def test_options_without_an_origin_is_no_preflight(door: Door) -> None:
    answer = await door.client("OPTIONS", f"{AUTH}/login")

    assert code_of(answer) == (405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


async def test_a_real_call_is_held_to_its_own_storefronts_list(door: Door) -> None:
    store = await open_headless(door, allowedOrigins=["https://one.example"])
    other = await open_headless(door, allowedOrigins=["https://two.example"])
    await store.signed_up()

    own = await store.login(headers=[("Origin", "https://one.example")])
    foreign = await store.login(headers=[("Origin", "https://two.example")])
    none = await store.login()

    assert own.status == 200
    assert own.headers[ALLOW] == "https://one.example"
    assert own.headers["Access-Control-Expose-Headers"] == "Retry-After, X-Doorward-Device"
    assert own.headers["Vary"] == "Origin"
    assert code_of(foreign) == (403, "origin_not_allowed")
    assert cors_headers(foreign) == set()
    assert none.status == 200
    assert cors_headers(none) == set()
    assert (await preflight(door, "https://two.example")).status == 204
    assert other.key != store.key


async def test_a_refused_origin_changes_nothing(door: Door) -> None:
    store = await open_headless(door)

    refused = await store.sign_up(headers=[("Origin", STRANGER)])
    twice = await store.sign_up(headers=[("Origin", ORIGIN), ("Origin", ORIGIN)])

    assert code_of(refused) == code_of(twice) == (403, "origin_not_allowed")
    assert (await store.login()).status == 401


async def test_a_page_can_read_why_it_was_refused(door: Door) -> None:
    page = ("Origin", ORIGIN)
    store = await open_headless(door)
    off = await open_headless(door, headless=False)
    spent = await open_headless(door, policy={"keys": {"publishablePerMinute": 1}})
    await spent.login()

    answers = {
        400: await store("POST", f"{AUTH}/login", {}, page),
        401: await store.login(headers=[page]),
        403: await off.login(headers=[page]),
        404: await store("GET", f"{ME}/orders/none", None, page, ("Authorization", "Bearer x")),
        415: await store("POST", f"{AUTH}/login", None, page, ("Content-Type", "text/plain")),
        429: await spent.login(headers=[page]),
    }
    keyless = await door.client.post(f"{AUTH}/login", {}, [page])
    badly_keyed = await door.client.post(f"{AUTH}/login", {}, [page, ("X-Sellvik-Key", "pk_x")])
    shopper = await store.signed_up()
    missing = await store("GET", f"{ME}/orders/none", None, page, shopper.by_access)

    assert missing.status == 404
    del answers[404]
    for status, answer in answers.items():
        assert answer.status == status
    for answer in [*answers.values(), keyless, badly_keyed, missing]:
        assert answer.headers[ALLOW] == ORIGIN
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_cors_is_of_this_surface_only(door: Door) -> None:
    await open_headless(door)
    page = ("Origin", ORIGIN)

    answers = [
        await door.client.get("/api/v1/client-auth/me?storefrontSlug=nothing", [page]),
        await door.client.get("/api/v1/merchant/orders", [page]),
        await door.client.get("/api/health", [page]),
        await preflight(door, ORIGIN, "/api/v1/client-auth/me"),
    ]

    assert {name for answer in answers for name in cors_headers(answer)} == set()


async def test_an_origin_is_found_as_long_as_any_storefront_lists_it(door: Door) -> None:
    one, two = await open_shop(door), await open_shop(door)
    origins = [f"https://{name}.example" for name in ("both", "first", "second", "later")]
    both, first, second, later = origins
    ticks = count(0, 100)
    book = OriginBook(door.system, clock=lambda: next(ticks))

    async def listed() -> list[bool]:
        return [await book.lists(origin, "198.51.100.1") for origin in origins]

    before = await listed()
    await listed_later(door, one.slug, [both, first])
    await listed_later(door, two.slug, [both, second])
    after = await listed()
    await listed_later(door, one.slug, [later])
    changed = await listed()
    await door.operate("DELETE", f"/{two.slug}", status=204)
    erased = await listed()

    assert before == [False, False, False, False]
    assert after == [True, True, True, False]
    assert changed == [True, False, True, True]
    assert erased == [False, False, False, True]


class Partitions:
    """Answers as 256 partitions, of which one may list an origin, and counts who asks."""

    def __init__(self, *listed: str) -> None:
        self.listed = set(listed)
        self.asked: list[str] = []
        self.fails = False
        self.gate = asyncio.Event()
        self.gate.set()

    def ask(self, slug: str, message: Request) -> Awaitable[Outcome]:
        assert isinstance(message, FindOrigin)
        return self._answer(slug, message.origin)

    async def _answer(self, slug: str, origin: str) -> Outcome:
        if slug == "~7":
            self.asked.append(origin)
        await self.gate.wait()
        if self.fails:
            raise Overloaded("a partition is busy")
        return OriginFound(listed=slug == f"~{PARTITIONS - 1}" and origin in self.listed)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def book_of(partitions: Any) -> tuple[OriginBook, Clock]:  # noqa: ANN401 - a fake system
    clock = Clock()
    return OriginBook(partitions, clock=clock), clock


async def test_an_answer_is_remembered_for_ten_seconds_either_way() -> None:
    partitions = Partitions(ORIGIN)
    book, clock = book_of(partitions)

    for at in (0.0, 9.9, 10.1):
        clock.now = at
        assert await book.lists(ORIGIN, "a")
        assert not await book.lists(STRANGER, "a")

    assert sorted(partitions.asked) == sorted([ORIGIN, STRANGER] * 2)


async def test_an_origin_is_looked_up_once_for_all_who_wait() -> None:
    partitions = Partitions(ORIGIN)
    partitions.gate.clear()
    book, _ = book_of(partitions)
    waiting = [asyncio.create_task(book.lists(ORIGIN, "a")) for _ in range(20)]
    while not partitions.asked:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0)

    waiting.pop().cancel()
    partitions.gate.set()

    assert await asyncio.gather(*waiting) == [True] * 19
    assert partitions.asked == [ORIGIN]


async def test_an_unknown_answer_is_no_answer_and_is_not_remembered() -> None:
    partitions = Partitions(ORIGIN)
    book, _ = book_of(partitions)
    partitions.fails = True
    with pytest.raises(Overloaded):
        await book.lists(ORIGIN, "a")

    partitions.fails = False

    assert await book.lists(ORIGIN, "a")


async def test_made_up_origins_of_one_address_are_soon_not_looked_up() -> None:
    partitions = Partitions(ORIGIN)
    book, clock = book_of(partitions)
    for number in range(30):
        assert not await book.lists(f"https://made-up-{number}.example", "flood")

    with pytest.raises(Overloaded):
        await book.lists("https://made-up-30.example", "flood")
    assert await book.lists(ORIGIN, "somebody else")
    clock.now = 1.0
    assert not await book.lists("https://made-up-30.example", "flood")

    assert len(partitions.asked) == 32


async def test_made_up_origins_of_many_addresses_do_not_stop_a_listed_one() -> None:
    partitions = Partitions(ORIGIN)
    book, clock = book_of(partitions)
    assert await book.lists(ORIGIN, "shopper")
    refused = 0
    for number in range(2_000):
        try:
            assert not await book.lists(f"https://made-up-{number}.example", f"address {number}")
        except Overloaded:
            refused += 1

    clock.now = 10.1

    assert refused == 2_000 - 99
    assert await book.lists(ORIGIN, "address 1")


@pytest.mark.parametrize("origin", ["null", "", "https://", "ftp://x.example", "https://x/y", "é"])
async def test_what_is_no_origin_is_not_looked_up(origin: str) -> None:
    partitions = Partitions(origin)
    book, _ = book_of(partitions)

    assert not await book.lists(origin, "a")
    assert partitions.asked == []
