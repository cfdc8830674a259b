import pytest

from tests.http.accounts import ADDRESSES, AUTH, HOME, PROFILE, SESSIONS, open_account
from tests.http.doors import Door
from tests.http.placing import place
from tests.http.shops import BUYER
from tests.http.test_portal_csrf import ALLOWED_HEADERS, ORIGIN, REFUSED_HEADERS

pytestmark = pytest.mark.asyncio(loop_scope="session")

Headers = list[tuple[str, str]]


@pytest.mark.parametrize("headers", REFUSED_HEADERS)
async def test_a_call_that_a_cookie_empowers_has_no_effect_from_another_site(
    door: Door, headers: Headers
) -> None:
    account = await open_account(door, origin=ORIGIN)
    await place(account.shop, "KS-CSRF", fulfillment_status="FULFILLED")
    session = await account.sign_in()
    made = await account("POST", ADDRESSES, HOME, session.by_bearer)
    one = f"{ADDRESSES}/{made.body['id']}"
    before = await account.profile(session.by_bearer)

    answers = [
        await account(method, path, body, session.by_cookie, *headers)
        for method, path, body in (
            ("PATCH", PROFILE, {"name": "Mallory"}),
            ("POST", ADDRESSES, HOME),
            ("PATCH", one, {"name": "Mallory"}),
            ("DELETE", one, None),
            ("DELETE", SESSIONS, None),
            ("POST", "/account/orders/KS-CSRF/return-actions", {}),
            ("POST", "/actions/a" + "0" * 25, None),
            ("POST", "/auth/logout", None),
            ("POST", f"{AUTH}/request-otp", {"email": BUYER}),
        )
    ]

    assert [answer.status for answer in answers] == [403] * len(answers)
    assert {answer.body["code"] for answer in answers} == {"FORBIDDEN"}
    assert await account.profile(session.by_bearer) == before
    (kept,) = (await account.get(ADDRESSES, session.by_bearer)).body["items"]
    assert kept["name"] == HOME["name"]


@pytest.mark.parametrize("headers", REFUSED_HEADERS)
async def test_a_bearer_alone_is_not_held_to_the_rule(door: Door, headers: Headers) -> None:
    account = await open_account(door, origin=ORIGIN)
    session = await account.sign_in()

    changed = await account("PATCH", PROFILE, {"name": "Dewi"}, session.by_bearer, *headers)
    ended = await account("POST", "/auth/logout", None, session.by_bearer)

    assert (changed.status, ended.status) == (200, 204)


@pytest.mark.parametrize("headers", REFUSED_HEADERS)
async def test_nobody_is_signed_in_from_another_site(door: Door, headers: Headers) -> None:
    account = await open_account(door, origin=ORIGIN)
    await account.request_link()
    code, token = await account.shop.code(), await account.shop.link_token()

    answers = [
        await account.verify_code(code, *headers),
        await account.verify({"token": token}, *headers),
    ]

    for answer in answers:
        assert (answer.status, answer.body["code"]) == (403, "FORBIDDEN")
        assert answer.cookies == []
    assert (await account.verify_code(code)).status == 200


@pytest.mark.parametrize("headers", ALLOWED_HEADERS)
async def test_the_storefronts_own_page_and_a_backend_may_do_everything(
    door: Door, headers: Headers
) -> None:
    account = await open_account(door, origin=ORIGIN)
    session = await account.sign_in(BUYER, *headers)

    changed = await account("PATCH", PROFILE, {"name": "Dewi"}, session.by_cookie, *headers)
    ended = await account("POST", "/auth/logout", None, session.by_cookie, *headers)

    assert (changed.status, ended.status) == (200, 204)


async def test_no_origin_is_ever_allowed_to_read_across(door: Door) -> None:
    account = await open_account(door, origin=ORIGIN, allowedOrigins=[ORIGIN])
    session = await account.sign_in()

    for origin in ("https://evil.example", "null", ORIGIN):
        answers = [
            await account.get(PROFILE, session.by_cookie, ("Origin", origin)),
            await account.get(PROFILE, session.by_bearer, ("Origin", origin)),
            await account("OPTIONS", PROFILE, None, ("Origin", origin)),
        ]
        for answer in answers:
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert answer.headers["Vary"] == "Sec-Fetch-Site, Origin"
