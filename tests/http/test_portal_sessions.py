import asyncio

import pytest

from tests.http.doors import Door
from tests.http.knocking import bearer, cookie_header
from tests.http.shops import AUTH, ROOMY, Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

DAY_SECONDS = 86_400
SIGNED_OUT = {"authenticated": False, "client": None}


async def test_every_sign_in_mints_a_session_and_ends_the_one_presented(shop: Shop) -> None:
    first = await shop.session()

    second = (await shop.sign_in(headers=[cookie_header(first)])).cookie("portal-")

    assert second != first
    assert not await shop.is_signed_in(first)
    assert await shop.is_signed_in(second)


async def test_a_failed_sign_in_leaves_the_presented_session_alone(shop: Shop) -> None:
    session = await shop.session()
    await shop.request_code()

    await shop.verify("000000", [cookie_header(session)], email="someone-else@x.io")

    assert await shop.is_signed_in(session)


async def test_an_id_that_was_never_issued_is_never_adopted(shop: Shop) -> None:
    planted = f"portal-{shop.slug}={'A' * 43}"

    given = (await shop.sign_in(headers=[cookie_header(planted)])).cookie("portal-")

    assert given != planted
    assert not await shop.is_signed_in(planted)


async def test_a_session_lives_thirty_days_and_use_does_not_extend_it(shop: Shop) -> None:
    session = await shop.session()
    for day in range(29):
        await shop.advance(DAY_SECONDS)
        assert await shop.is_signed_in(session), f"day {day + 1}"
        assert (await shop.change({"name": f"Day {day + 1}"}, session)).status == 200
    await shop.advance(DAY_SECONDS - 30)
    last_half_minute = await shop.is_signed_in(session)

    await shop.advance(30)

    assert last_half_minute
    assert not await shop.is_signed_in(session)
    assert (await shop.change({"name": "Day 31"}, session)).status == 401


async def test_fifty_sessions_of_a_customer_live_and_the_oldest_end(door: Door) -> None:
    shop = await open_shop(door, policy=ROOMY)
    sessions = [await shop.session() for _ in range(60)]
    neighbour = await shop.session("neighbour@example.org")

    live = [await shop.is_signed_in(session) for session in sessions]

    assert live == [False] * 10 + [True] * 50
    assert await shop.is_signed_in(neighbour)


async def test_a_session_that_ended_makes_room_without_ending_another(door: Door) -> None:
    shop = await open_shop(door, policy={**ROOMY, "sessions": {"perCustomer": 3}})
    first, second, third = [await shop.session() for _ in range(3)]
    await shop.sign_out(second)

    fourth = await shop.session()

    live = [await shop.is_signed_in(each) for each in (first, second, third, fourth)]
    assert live == [True, False, True, True]


async def test_sessions_of_one_storefront_are_none_at_another(door: Door, shop: Shop) -> None:
    other = await open_shop(door)
    name, _, secret = (await shop.session()).partition("=")

    crossed = f"{name.replace(shop.slug, other.slug)}={secret}"

    assert (await other.me(crossed)).data == SIGNED_OUT
    assert (await other.me(f"{name}={secret}")).data == SIGNED_OUT
    assert (await other.change({"name": "Mallory"}, crossed)).status == 401
    await other.sign_out(crossed)
    assert await shop.is_signed_in(f"{name}={secret}")


async def test_two_storefronts_in_one_browser_do_not_meet(door: Door, shop: Shop) -> None:
    other = await open_shop(door)
    both = [await shop.session("a@x.io"), await other.session("b@x.io")]

    here, there = await shop.me(*both), await other.me(*both)
    await shop.sign_out(*both)

    assert here.data["client"]["email"] == "a@x.io"
    assert there.data["client"]["email"] == "b@x.io"
    assert not await shop.is_signed_in(*both)
    assert await other.is_signed_in(*both)


async def test_a_secret_counts_in_its_cookie_and_nowhere_else(shop: Shop) -> None:
    name, _, secret = (await shop.session()).partition("=")
    client, path = shop.door.client, f"{AUTH}/me?storefrontSlug={shop.slug}"

    asked = [
        await client.get(f"{path}&token={secret}&session={secret}&{name}={secret}"),
        await client.get(path, [bearer(secret)]),
        await client.get(path, [cookie_header(f"device-{shop.slug}={secret}")]),
        await client.get(path, [cookie_header(f"{name.upper()}={secret}")]),
        await client.get(path, [("X-Session", secret), ("X-Auth-Token", secret)]),
    ]
    in_body = await shop.change({"session": secret, "token": secret, name: secret, "name": "M"})

    assert [answer.data for answer in asked] == [SIGNED_OUT] * 5
    assert in_body.status == 401


async def test_a_cookie_beside_a_look_alike_is_the_exact_one(shop: Shop) -> None:
    session = await shop.session()
    name = session.partition("=")[0]

    for planted in (
        f"{name}\u2003=planted",
        f"\u00a0{name}=planted",
        f"{name.capitalize()}=planted",
        f'x="; {name}x=planted; y="',
    ):
        assert await shop.is_signed_in(planted, session), planted
        assert await shop.is_signed_in(session, planted), planted
        assert not await shop.is_signed_in(planted), planted


async def test_quotes_in_one_cookie_do_not_swallow_another(shop: Shop) -> None:
    session = await shop.session()

    assert await shop.is_signed_in('x="a', session, 'y=b"')


async def test_a_cookie_given_twice_is_refused(shop: Shop) -> None:
    session = await shop.session()

    answers = [
        await shop.me(session, session),
        await shop.me(session, f"{session.partition('=')[0]}=planted"),
        await shop.me("other=1", "other=2"),
        await shop.door.client.get(
            f"{AUTH}/me?storefrontSlug={shop.slug}",
            [cookie_header(session), cookie_header("other=1")],
        ),
    ]

    assert [answer.status for answer in answers] == [400] * 4
    assert {answer.error["code"] for answer in answers} == {"VALIDATION_ERROR"}


async def test_a_sign_out_and_reads_at_once_end_signed_out(shop: Shop) -> None:
    session = await shop.session()

    reads = [shop.is_signed_in(session) for _ in range(20)]
    await asyncio.gather(*reads, shop.sign_out(session))

    assert not await shop.is_signed_in(session)


async def test_unpublishing_hides_sessions_and_publishing_brings_them_back(shop: Shop) -> None:
    session = await shop.session()
    hidden = {"displayName": "Toko Uji", "published": False}
    await shop.door.operate("PUT", f"/{shop.slug}", hidden)

    answer = await shop.me(session)
    await shop.door.operate("PUT", f"/{shop.slug}", {**hidden, "published": True})

    assert answer.status == 404
    assert await shop.is_signed_in(session)
