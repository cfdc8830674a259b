import pytest

from tests.http.accounts import CUSTOMER, PROFILE, SESSIONS, open_account
from tests.http.doors import Door
from tests.http.knocking import bearer, cookie_header
from tests.http.shops import BUYER

pytestmark = pytest.mark.asyncio(loop_scope="session")

DAY_SECONDS = 86_400
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def test_cookie_and_bearer_are_two_secrets_and_each_opens_only_its_own_way(
    door: Door,
) -> None:
    account = await open_account(door)
    session = await account.sign_in()
    name, _, secret = session.cookie.partition("=")

    crossed = [
        await account.is_signed_in(bearer(secret)),
        await account.is_signed_in(cookie_header(f"{name}={session.token}")),
        await account.is_signed_in(cookie_header(f"__Host-{name}={secret}")),
        await account.is_signed_in(cookie_header(f"portal-{account.shop.slug}={secret}")),
    ]

    assert secret != session.token
    assert crossed == [False] * 4
    assert await account.is_signed_in(session.by_cookie)
    assert await account.is_signed_in(session.by_bearer)
    assert await account.is_signed_in(session.by_cookie, session.by_bearer)


async def test_cookie_and_bearer_that_disagree_open_nothing_and_change_nothing(
    door: Door,
) -> None:
    account = await open_account(door)
    one, other = await account.sign_in("one@x.io"), await account.sign_in("other@x.io")
    twin = await account.sign_in("one@x.io")
    disagreeing = [
        (one.by_cookie, other.by_bearer),
        (other.by_cookie, one.by_bearer),
        (one.by_cookie, twin.by_bearer),
        (one.by_cookie, bearer("A" * 43)),
        (cookie_header(f"{one.cookie.partition('=')[0]}={'A' * 43}"), one.by_bearer),
        (one.by_cookie, bearer("")),
    ]

    for headers in disagreeing:
        read = await account.get(PROFILE, *headers)
        changed = await account("PATCH", PROFILE, {"name": "Mallory"}, *headers)
        assert (read.status, changed.status) == (401, 401), headers
        assert read.body["code"] == "SESSION_REQUIRED"

    assert (await account.profile(one.by_bearer))["name"] is None
    assert (await account.profile(other.by_bearer))["name"] is None


async def test_a_secret_counts_where_it_belongs_and_nowhere_else(door: Door) -> None:
    account = await open_account(door)
    session = await account.sign_in()
    secret = session.cookie.partition("=")[2]

    asked = [
        await account.get(f"{PROFILE}?token={session.token}&access_token={session.token}"),
        await account.get(f"{PROFILE}?{session.cookie}&session={secret}"),
        await account.get(PROFILE, ("X-Session", session.token)),
        await account.get(PROFILE, ("Authorization", session.token)),
        await account.get(PROFILE, ("Authorization", f"Basic {session.token}")),
        await account("PATCH", PROFILE, {"token": session.token, "session": secret, "name": "M"}),
    ]

    assert {answer.status for answer in asked} == {401}
    assert {answer.body["code"] for answer in asked} == {"SESSION_REQUIRED"}


async def test_two_authorizations_or_a_cookie_twice_are_refused(door: Door) -> None:
    account = await open_account(door)
    session = await account.sign_in()

    answers = [
        await account.get(PROFILE, session.by_bearer, session.by_bearer),
        await account.get(PROFILE, session.by_bearer, ("Authorization", "Basic eDp5")),
        await account.get(PROFILE, cookie_header(session.cookie, session.cookie)),
        await account.get(PROFILE, session.by_cookie, cookie_header("other=1")),
    ]

    assert [answer.status for answer in answers] == [400] * 4


async def test_a_session_of_one_storefront_is_none_at_another(door: Door) -> None:
    account, other = await open_account(door), await open_account(door)
    session, there = await account.sign_in(), await other.sign_in()
    secret = session.cookie.partition("=")[2]
    renamed = cookie_header(f"customer-{other.shop.slug}={secret}")
    none = await other.get(PROFILE, ("X-Request-Id", "one-id-for-all"))

    for headers in ((session.by_bearer,), (renamed,), (session.by_cookie,)):
        crossed = await other.get(PROFILE, *headers, ("X-Request-Id", "one-id-for-all"))
        await other.logout(*headers)

        assert crossed.unmistakable() == none.unmistakable()
    assert none.status == 401
    assert await account.is_signed_in(session.by_bearer)
    assert await other.is_signed_in(there.by_bearer)


async def test_portal_and_account_sessions_open_their_own_surface_only(door: Door) -> None:
    account = await open_account(door)
    portal = await account.shop.session()
    await account.shop.advance(60)
    session = await account.sign_in()
    slug = account.shop.slug

    as_customer = cookie_header(portal.replace(f"portal-{slug}", f"customer-{slug}"))
    as_client = session.cookie.replace(f"customer-{slug}", f"portal-{slug}")

    assert not await account.is_signed_in(as_customer)
    assert not await account.is_signed_in(bearer(portal.partition("=")[2]))
    assert not await account.shop.is_signed_in(as_client)
    assert await account.shop.is_signed_in(portal)


async def test_a_session_lives_thirty_days_by_either_secret_and_use_does_not_extend_it(
    door: Door,
) -> None:
    account = await open_account(door)
    session = await account.sign_in()
    for _ in range(29):
        await account.shop.advance(DAY_SECONDS)
        assert await account.is_signed_in(session.by_bearer)
    await account.shop.advance(DAY_SECONDS - 30)
    last = [
        await account.is_signed_in(session.by_bearer),
        await account.is_signed_in(session.by_cookie),
    ]

    await account.shop.advance(30)

    assert last == [True, True]
    assert not await account.is_signed_in(session.by_bearer)
    assert not await account.is_signed_in(session.by_cookie)


async def test_a_customer_sees_own_sessions_and_ends_one(door: Door) -> None:
    account = await open_account(door)
    here = await account.sign_in(BUYER, ("User-Agent", FIREFOX))
    there = await account.sign_in()
    await account.sign_in("somebody@else.example")

    listed = await account.get(SESSIONS, here.by_bearer)
    items = listed.body["items"]
    mine = next(item for item in items if item["current"])
    other = next(item for item in items if not item["current"])
    ended = await account("DELETE", f"{SESSIONS}/{other['id']}", None, here.by_bearer)

    assert len(items) == 2
    assert set(mine) == {
        *("id", "surface", "device", "address", "current", "createdAt", "lastSeenAt", "expiresAt")
    }
    assert mine["device"] == "Firefox, Linux"
    assert "127.0.0.1" not in mine["address"]
    assert ended.status == 204
    assert not await account.is_signed_in(there.by_bearer)
    assert not await account.is_signed_in(there.by_cookie)
    assert await account.is_signed_in(here.by_cookie)


async def test_ending_all_others_leaves_the_one_that_asks(door: Door) -> None:
    account = await open_account(door)
    sessions = [await account.sign_in() for _ in range(3)]
    await account.shop.advance(60)
    portal = await account.shop.session()

    answer = await account("DELETE", SESSIONS, None, sessions[1].by_cookie)

    live = [await account.is_signed_in(each.by_bearer) for each in sessions]
    assert answer.status == 204
    assert live == [False, True, False]
    assert not await account.shop.is_signed_in(portal)


async def test_a_session_of_somebody_else_is_not_there(door: Door) -> None:
    account = await open_account(door)
    mine, other = await account.sign_in("a@x.io"), await account.sign_in("b@x.io")
    (theirs,) = (await account.get(SESSIONS, other.by_bearer)).body["items"]
    same = ("X-Request-Id", "one-id-for-all")

    answers = [
        await account("DELETE", f"{SESSIONS}/{name}", None, mine.by_bearer, same)
        for name in (theirs["id"], "00000000-0000-4000-8000-000000000000", "%00", "x" * 900)
    ]

    assert {answer.status for answer in answers} == {404}
    assert {answer.raw for answer in answers} == {answers[0].raw}
    assert await account.is_signed_in(other.by_bearer)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", PROFILE),
        ("PATCH", PROFILE),
        ("GET", "/account/addresses"),
        ("POST", "/account/addresses"),
        ("GET", "/account/addresses/1"),
        ("PATCH", "/account/addresses/1"),
        ("DELETE", "/account/addresses/1"),
        ("GET", "/account/orders"),
        ("GET", "/account/orders/KS-1"),
        ("GET", "/account/orders/KS-1/returns"),
        ("POST", "/account/orders/KS-1/return-actions"),
        ("GET", SESSIONS),
        ("DELETE", SESSIONS),
        ("DELETE", f"{SESSIONS}/1"),
    ],
)
async def test_nothing_of_an_account_is_there_without_a_session(
    door: Door, method: str, path: str
) -> None:
    account = await open_account(door)

    answer = await account(method, path)

    assert answer.status == 401
    assert answer.body["code"] == "SESSION_REQUIRED"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert set(answer.body) == {"statusCode", "code", "message", "requestId"}


async def test_no_secret_reaches_the_store(door: Door) -> None:
    account = await open_account(door)
    await account.request_link()
    code, link = await account.shop.code(), await account.shop.link_token()
    await account.verify_code(code)
    session = await account.sign_in("other@x.io")
    held = b"".join(
        [
            value if isinstance(value := await door.store.dump(key), bytes) else b""
            for key in await door.keys()
        ]
    )

    for secret in (link, session.token, session.cookie.partition("=")[2]):
        assert secret.encode() not in held
    assert CUSTOMER not in repr(door.events)
