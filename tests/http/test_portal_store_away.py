import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import islice
from pathlib import Path

import pytest
import pytest_asyncio

from tests.http.doors import OPERATOR_KEY, STOREFRONTS, Door, Setup, opened
from tests.http.guessing import guess
from tests.http.knocking import Answer, bearer
from tests.http.shops import AUTH, BUYER, Shop, open_shop, wrong_codes
from tests.http.store_server import StoreServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANSWER_SECONDS_MAX = 1.0
RETURN_SECONDS_MAX = 2.0
SIGNED_OUT = {"authenticated": False, "client": None}


@pytest_asyncio.fixture(loop_scope="session")
async def fragile(fragile_store: StoreServer, tmp_path: Path) -> AsyncIterator[Shop]:
    async with opened(fragile_store, tmp_path, Setup(lease_seconds=1.0)) as door:
        yield await open_shop(door)


async def timed(answer: Awaitable[Answer]) -> tuple[Answer, float]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    return await answer, loop.time() - began


async def until_ready(door: Door, *, ready: bool) -> None:
    """Ask until the server is (or is no longer) ready; a request's way is pause enough."""
    async with asyncio.timeout(20):
        while (await door.client.get("/readyz")).status != (200 if ready else 503):
            pass


def fail(shop: Shop, session: str, code: str) -> list[Awaitable[Answer]]:
    """Start one of every call that must not work while the store is away."""
    return [
        shop.request_code("new@example.org"),
        shop.verify(code),
        shop.verify("000000", email="new@example.org"),
        shop.verify_link("l" + "A" * 43),
        shop.change({"name": "Sari"}, session),
        shop.sign_out(session),
    ]


Away = Callable[[StoreServer], None]
Back = Callable[[StoreServer], None]
TWO_WAYS = pytest.mark.parametrize(
    ("leave", "come_back"),
    [(StoreServer.freeze, StoreServer.thaw), (StoreServer.kill, StoreServer.start)],
    ids=["frozen", "killed"],
)


@TWO_WAYS
async def test_while_the_store_is_away_everything_is_503_within_a_second(
    fragile: Shop, fragile_store: StoreServer, leave: Away, come_back: Back
) -> None:
    session = await fragile.session()
    await fragile.request_code()
    code = await fragile.code()

    leave(fragile_store)
    # At first nobody knows; then it is known, and answered at once.
    first = await asyncio.gather(*map(timed, fail(fragile, session, code)))
    await until_ready(fragile.door, ready=False)
    then = await asyncio.gather(*map(timed, fail(fragile, session, code)))
    come_back(fragile_store)

    for answer, seconds in (*first, *then):
        assert answer.status == 503
        assert answer.error == {
            "code": "UNAVAILABLE",
            "message": "Not available now; try again.",
        }
        assert answer.headers["Retry-After"].isdecimal()
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.cookies == []
        assert seconds < ANSWER_SECONDS_MAX


@TWO_WAYS
async def test_me_never_says_signed_out_when_it_cannot_know(
    fragile: Shop, fragile_store: StoreServer, leave: Away, come_back: Back
) -> None:
    session = await fragile.session()
    stranger = f"portal-{fragile.slug}={'A' * 43}"

    leave(fragile_store)
    # For as long as the lease lasts the server still knows this session, and may say so.
    during = [await timed(fragile.me(session)) for _ in range(5)]
    unknown = await timed(fragile.me(stranger))
    await until_ready(fragile.door, ready=False)
    after = [await timed(fragile.me(session)), await timed(fragile.me(stranger))]
    come_back(fragile_store)
    await until_ready(fragile.door, ready=True)

    for answer, seconds in during:
        assert answer.status == 503 or answer.data["authenticated"]
        assert seconds < ANSWER_SECONDS_MAX
    assert unknown[0].status == 503
    assert [answer.status for answer, _ in after] == [503, 503]
    assert max(seconds for _, seconds in (unknown, *after)) < ANSWER_SECONDS_MAX
    assert await fragile.is_signed_in(session)
    assert (await fragile.me(stranger)).data == SIGNED_OUT


@TWO_WAYS
async def test_when_the_store_returns_all_is_as_before_within_two_seconds(
    fragile: Shop, fragile_store: StoreServer, leave: Away, come_back: Back
) -> None:
    session = await fragile.session()
    await fragile.request_code()
    await guess(fragile, 4)
    code = await fragile.code()

    leave(fragile_store)
    await until_ready(fragile.door, ready=False)
    come_back(fragile_store)
    loop = asyncio.get_running_loop()
    returned_at = loop.time()
    await until_ready(fragile.door, ready=True)
    took_seconds = loop.time() - returned_at

    assert took_seconds < RETURN_SECONDS_MAX
    assert await fragile.is_signed_in(session)
    assert [answer.status for answer in await guess(fragile, 1)] == [401]
    assert (await fragile.verify(code)).status == 401
    assert (await fragile.request_code()).status == 200


@TWO_WAYS
async def test_while_the_store_is_away_no_mail_leaves(
    fragile: Shop, fragile_store: StoreServer, leave: Away, come_back: Back
) -> None:
    door = fragile.door
    await door.operate("PUT", "/plain", {"displayName": "Plain", "published": True})

    async def ask(email: str) -> int:
        body = {"storefrontSlug": "plain", "email": email}
        return (await door.client.post(f"{AUTH}/request-otp", body)).status

    leave(fragile_store)
    await until_ready(door, ready=False)
    statuses = [await ask(f"b{n}@example.org") for n in range(5)]
    sent_while_away = door.mailbox.newest()
    come_back(fragile_store)
    await until_ready(door, ready=True)
    statuses.append(await ask("witness@example.org"))
    async with asyncio.timeout(10):
        while not door.mailbox.newest(to="witness@example.org"):
            await door.client.get("/healthz")

    assert statuses == [503] * 5 + [200]
    assert sent_while_away == []
    assert [mail.to for mail in door.mailbox.newest()] == ["witness@example.org"]


@TWO_WAYS
async def test_an_outage_gives_no_free_guess(
    fragile: Shop, fragile_store: StoreServer, leave: Away, come_back: Back
) -> None:
    await fragile.request_code()
    code = await fragile.code()
    guesses = wrong_codes(code)
    told = [await fragile.verify(each) for each in islice(guesses, 3)]

    leave(fragile_store)
    told += await asyncio.gather(*(fragile.verify(each) for each in islice(guesses, 20)))
    await until_ready(fragile.door, ready=False)
    told += [await fragile.verify(each) for each in islice(guesses, 5)]
    come_back(fragile_store)
    await until_ready(fragile.door, ready=True)
    # An unknown ending may have counted its guess; it has told nobody anything.
    told += [await fragile.verify(each) for each in islice(guesses, 2)]

    assert [answer.status for answer in told] == [401] * 3 + [503] * 25 + [401] * 2
    assert (await fragile.verify(code)).status == 401


async def test_liveness_does_not_depend_on_the_store(
    fragile: Shop, fragile_store: StoreServer
) -> None:
    fragile_store.kill()
    await until_ready(fragile.door, ready=False)

    alive = await fragile.door.client.get("/healthz")
    ready = await fragile.door.client.get("/readyz")
    health = await fragile.door.client.get("/api/health")

    assert (alive.status, alive.body) == (200, {"status": "ok"})
    assert ready.status == 503
    assert ready.headers["Retry-After"] == "1"
    assert health.status == 200


async def test_operators_and_sandboxes_are_told_the_same(
    fragile: Shop, fragile_store: StoreServer
) -> None:
    fragile_store.kill()
    await until_ready(fragile.door, ready=False)

    operator, merchant = [bearer(OPERATOR_KEY)], [bearer(fragile.key)]
    client = fragile.door.client
    answers = [
        await client.get(STOREFRONTS, operator),
        await client.get(f"{STOREFRONTS}/{fragile.slug}", operator),
        await client("PUT", f"{STOREFRONTS}/other", {"displayName": "Other"}, operator),
        await client("DELETE", f"{STOREFRONTS}/{fragile.slug}", headers=operator),
        await client.get("/api/v1/merchant/sandbox/mail", merchant),
        await client.post("/api/v1/merchant/sandbox/clock", {"advanceSeconds": 1}, merchant),
    ]

    assert [answer.status for answer in answers] == [503] * 6
    assert {answer.body["code"] for answer in answers} == {"UNAVAILABLE"}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)


async def test_a_restarted_server_knows_everything_again(
    fragile_store: StoreServer, tmp_path: Path
) -> None:
    async with opened(fragile_store, tmp_path, Setup()) as door:
        shop = await open_shop(door)
        session, ended = await shop.session(), await shop.session()
        await shop.sign_out(ended)
        await shop.request_code()
        await guess(shop, 4)
        await shop.advance(30)
        clock = await shop.advance(0)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    async with opened(fragile_store, elsewhere, Setup()) as door:
        shop = Shop(door, shop.slug, shop.key)

        assert await shop.is_signed_in(session)
        assert not await shop.is_signed_in(ended)
        assert len(await shop.mails(BUYER)) == 3
        assert (await shop.request_code()).status == 429
        assert [answer.status for answer in await guess(shop, 1)] == [401]
        assert (await shop.verify(await shop.code())).status == 401
        assert 0 <= (await shop.advance(0) - clock).total_seconds() < 20
