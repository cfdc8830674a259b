import asyncio
from collections.abc import Awaitable
from pathlib import Path

from doorward.actors.partitions import PARTITIONS, partition_key
from tests.actors.store_client import client_of
from tests.http.knocking import Answer, cookie_header, sent
from tests.http.shops import AUTH, BUYER, Storefront, wrong
from tests.http.store_server import StoreServer
from tests.process.servers import serving

TAKEN_OVER_SECONDS_MAX = 5.0
"""Requirement R-96: the loss of an owner heals within five seconds."""
LOOKS = 40


async def everything_asked(front: Storefront, session: str) -> list[Answer]:
    return [
        await front.me(session),
        await front.request_code("new@x.io"),
        await front.verify("000000"),
        await front.verify_link("l"),
        await front.change({"name": "Mallory"}, session),
        await front.sign_out(session),
    ]


async def test_a_second_server_stands_by_and_takes_over_when_the_first_is_killed(
    tmp_path: Path, common_store: StoreServer
) -> None:
    url = f"unix://{common_store.socket}"
    async with (
        serving(tmp_path / "first", DOORWARD_REDIS_URL=url) as first,
        serving(tmp_path / "second", DOORWARD_REDIS_URL=url) as second,
    ):
        at_first = await first.open_sandbox()
        at_second = second.storefront(at_first)
        session, ended = await at_first.session(), await at_first.session()
        await at_first.sign_out(ended)
        standing_by = [
            answer for _ in range(5) for answer in await everything_asked(at_second, session)
        ]
        ready = await second.client.get("/readyz")
        undisturbed = await at_first.is_signed_in(session)

        first.kill()
        took_seconds = await second.until_ready()

        assert {answer.status for answer in standing_by} == {503}
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in standing_by)
        assert ready.status == 503
        assert undisturbed
        assert took_seconds < TAKEN_OVER_SECONDS_MAX
        assert await at_second.is_signed_in(session)
        assert not await at_second.is_signed_in(ended)
        assert (await at_second.me(session)).data["client"]["name"] is None
        assert (await at_second.request_code()).status == 200
        assert (await at_second.request_code()).status == 429


async def test_a_frozen_owner_that_wakes_up_answers_nothing_stale_and_writes_nothing(
    tmp_path: Path, common_store: StoreServer
) -> None:
    url = f"unix://{common_store.socket}"
    async with (
        serving(tmp_path / "first", DOORWARD_REDIS_URL=url) as first,
        serving(tmp_path / "second", DOORWARD_REDIS_URL=url) as second,
    ):
        at_first = await first.open_sandbox()
        at_second = second.storefront(at_first)
        stays, ends = await at_first.session(), await at_first.session()
        await at_first.request_code()
        code = await at_first.code()

        first.freeze()
        took_seconds = await second.until_ready()
        # What the sleeper knows is wrong from here on.
        signed_out = await at_second.sign_out(ends)
        spent = await at_second.verify(code)
        renamed = await at_second.change({"name": "Sari"}, stays)
        while_asleep = await sent_to_sleeper(at_first, stays=stays, ends=ends, code=code)
        first.thaw()
        at_waking = [await answer for answer in while_asleep]
        for _ in range(LOOKS):
            seen = await asyncio.gather(
                *(at_first.me(ends), at_first.me(stays), at_first.verify(code))
            )
            hold_to_what_is_true(*seen)
            assert not await at_second.is_signed_in(ends)
            assert (await at_second.me(stays)).data["client"]["name"] == "Sari"
        ready = sorted([(await server.client.get("/readyz")).status for server in (first, second)])

        assert took_seconds < TAKEN_OVER_SECONDS_MAX
        assert [answer.status for answer in (signed_out, spent, renamed)] == [200] * 3
        hold_to_what_is_true(*at_waking[:3])
        assert [answer.status for answer in at_waking[3:]] == [503] * 4
        assert ready == [200, 503]
        assert len(await at_second.mails()) == 3

        first.freeze()
        status = await second.end()
        owners = await owners_of(common_store)
        first.thaw()
        await first.until_ready()
        hold_to_what_is_true(*[await at_first.me(ends), await at_first.me(stays)])
        assert await at_first.is_signed_in(stays)
        assert (await at_first.verify(code)).status == 401
        # A server that ends in order leaves nobody a lease to wait for.
        assert status == 0
        assert owners == {b""}


async def sent_to_sleeper(
    front: Storefront, *, stays: str, ends: str, code: str
) -> list[Awaitable[Answer]]:
    """Send requests to a server that is frozen; they wait in its sockets until it wakes up."""
    named = {"storefrontSlug": front.slug}
    me, proof = f"{AUTH}/me?storefrontSlug={front.slug}", {**named, "email": BUYER}
    requests: list[tuple[str, str, object, str]] = [
        ("GET", me, None, ends),
        ("GET", me, None, stays),
        ("POST", f"{AUTH}/verify-otp", {**proof, "code": code}, "x=1"),
        ("POST", f"{AUTH}/verify-otp", {**proof, "code": wrong(code)}, "x=1"),
        ("POST", f"{AUTH}/request-otp", {**named, "email": "new@x.io"}, "x=1"),
        ("PATCH", f"{AUTH}/me", {**named, "name": "Mallory"}, stays),
        ("POST", f"{AUTH}/signout", named, stays),
    ]
    return [
        await sent(front.client.url, method, path, body, [cookie_header(cookie)])
        for method, path, body, cookie in requests
    ]


async def owners_of(store: StoreServer) -> set[object]:
    """Return who owns partitions, as the store says; nobody is an empty name."""
    async with client_of(store.socket) as client:
        return {await client.hget(partition_key(each), "owner") for each in range(PARTITIONS)}


def hold_to_what_is_true(me_ended: Answer, me_stays: Answer, *verified: Answer) -> None:
    """Let an answer be a 503, or what the last owner made true."""
    assert me_ended.status == 503 or not me_ended.data["authenticated"]
    assert me_stays.status == 503 or me_stays.data["client"]["name"] == "Sari"
    assert {answer.status for answer in verified} <= {401, 503}
