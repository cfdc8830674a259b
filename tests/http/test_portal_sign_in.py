import re
from uuid import UUID

import pytest

from tests.http.doors import Door, Setup
from tests.http.knocking import cookie_header
from tests.http.shops import AUTH, BUYER, Shop, open_shop, wrong

pytestmark = pytest.mark.asyncio(loop_scope="session")

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SECRET = "[A-Za-z0-9_-]{43}"
SESSION_SECONDS = 2_592_000
DEVICE_SECONDS = 15_552_000


def cookie_form(name: str, seconds: int, rest: str = "") -> re.Pattern[str]:
    return re.compile(
        rf"{re.escape(name)}={SECRET}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax{rest}"
    )


async def test_asking_for_a_code_is_answered_exactly_as_documented(shop: Shop) -> None:
    answer = await shop.request_code()

    assert answer.status == 200
    assert answer.body == {
        "data": {"sent": True, "expiresInSeconds": 600},
        "error": None,
        "meta": {
            "requestId": answer.headers["X-Request-Id"],
            "timestamp": answer.body["meta"]["timestamp"],
        },
    }
    assert TIME.fullmatch(answer.body["meta"]["timestamp"])
    assert answer.cookies == []


async def test_the_first_success_makes_the_customer_and_the_next_finds_it(shop: Shop) -> None:
    first = (await shop.sign_in()).data
    second = (await shop.sign_in()).data

    client = first["client"]
    assert first == {"client": client}
    assert client == {
        "id": str(UUID(client["id"], version=4)),
        "email": BUYER,
        "name": None,
        "phone": None,
        "createdAt": client["createdAt"],
    }
    assert TIME.fullmatch(client["createdAt"])
    assert second == first


async def test_over_plain_http_the_cookies_are_plain_and_exact(shop: Shop) -> None:
    session, device = (await shop.sign_in()).cookies

    assert cookie_form(f"portal-{shop.slug}", SESSION_SECONDS).fullmatch(session)
    assert cookie_form(f"device-{shop.slug}", DEVICE_SECONDS).fullmatch(device)


async def test_where_the_origin_is_https_the_cookies_are_host_bound_and_exact(door: Door) -> None:
    shop = await open_shop(door, origin="https://alpha.example")

    session, device = (await shop.sign_in()).cookies

    portal = f"__Host-portal-{shop.slug}"
    assert cookie_form(portal, SESSION_SECONDS, "; Secure").fullmatch(session)
    known = f"__Host-device-{shop.slug}"
    assert cookie_form(known, DEVICE_SECONDS, "; Secure").fullmatch(device)


@pytest.mark.parametrize(
    ("door_setup", "document", "secure"),
    [
        (Setup(public_url="https://shops.example"), {}, True),
        (Setup(public_url="http://shops.example"), {}, False),
        (Setup(public_url="https://shops.example"), {"origin": "http://alpha.example"}, False),
        (Setup(public_url="http://shops.example"), {"origin": "https://alpha.example"}, True),
        (Setup(hosted_domain="shops.example"), {}, True),
        (Setup(), {"hostedDomain": "shops.example"}, True),
    ],
)
async def test_the_configured_origin_alone_decides_the_cookies_name(
    door: Door, document: dict[str, str], *, secure: bool
) -> None:
    shop = await open_shop(door, **document)
    forged = [("X-Forwarded-Proto", "http" if secure else "https")]

    session, device = (await shop.sign_in(headers=forged)).cookies

    assert session.startswith("__Host-portal-") is secure
    assert device.startswith("__Host-device-") is secure
    assert session.endswith("; Secure") is device.endswith("; Secure") is secure


@pytest.mark.parametrize(
    ("door_setup", "secure"),
    [(Setup(trusted_proxies=("127.0.0.1",)), True), (Setup(), False)],
)
async def test_where_no_origin_is_configured_a_trusted_proxys_scheme_counts(
    shop: Shop, *, secure: bool
) -> None:
    session, _ = (await shop.sign_in(headers=[("X-Forwarded-Proto", "https")])).cookies

    assert session.startswith("__Host-") is secure


@pytest.mark.parametrize("origin", ["https://alpha.example", "http://alpha.example"])
async def test_a_session_under_the_other_schemes_name_is_none(door: Door, origin: str) -> None:
    shop = await open_shop(door, origin=origin)
    name, _, secret = (await shop.session()).partition("=")
    other = f"portal-{shop.slug}" if name.startswith("__Host-") else f"__Host-{name}"

    assert not await shop.is_signed_in(f"{other}={secret}")
    assert await shop.is_signed_in(f"{name}={secret}")
    assert await shop.is_signed_in(f"{name}={secret}", f"{other}=planted")


async def test_me_tells_who_is_signed_in(shop: Shop) -> None:
    signed_in = await shop.sign_in()

    answer = await shop.me(signed_in.cookie("portal-"))

    assert answer.status == 200
    assert answer.data == {"authenticated": True, "client": signed_in.data["client"]}


@pytest.mark.parametrize("cookies", [[], ["never-issued"], [""], ["a b"], ["é"]])
async def test_me_says_signed_out_and_never_401_without_a_live_session(
    shop: Shop, cookies: list[str]
) -> None:
    answer = await shop.me(*(f"portal-{shop.slug}={value}" for value in cookies))

    assert answer.status == 200
    assert answer.data == {"authenticated": False, "client": None}


async def test_a_known_device_is_not_given_another_name(shop: Shop) -> None:
    device = (await shop.sign_in()).cookie("device-")

    again = await shop.sign_in(headers=[cookie_header(device)])
    forged = await shop.sign_in(headers=[cookie_header(f"device-{shop.slug}=forged")])

    assert [cookie.partition("=")[0] for cookie in again.cookies] == [f"portal-{shop.slug}"]
    assert forged.cookie("device-") not in {device, f"device-{shop.slug}=forged"}


async def test_a_wrong_code_is_refused_with_no_cookie(shop: Shop) -> None:
    await shop.request_code()

    answer = await shop.verify(wrong(await shop.code()))

    assert answer.status == 401
    assert answer.error == {
        "code": "INVALID_CODE",
        "message": "The code is wrong or no longer valid.",
    }
    assert answer.cookies == []


async def test_signing_out_ends_the_session_and_clears_the_cookie(shop: Shop) -> None:
    session = await shop.session()

    answer = await shop.sign_out(session)

    assert answer.status == 200
    assert answer.data == {"signedOut": True}
    assert answer.cookies == [f"portal-{shop.slug}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"]
    assert not await shop.is_signed_in(session)


async def test_over_https_signing_out_clears_the_host_bound_cookie(door: Door) -> None:
    shop = await open_shop(door, origin="https://alpha.example")
    session = await shop.session()

    answer = await shop.sign_out(session)

    assert answer.cookies == [
        f"__Host-portal-{shop.slug}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure"
    ]
    assert not await shop.is_signed_in(session)


async def test_signing_out_again_or_without_a_session_is_the_same_answer(shop: Shop) -> None:
    session = await shop.session()
    first = await shop.sign_out(session, headers=[("X-Request-Id", "same-request")])

    again = await shop.sign_out(session, headers=[("X-Request-Id", "same-request")])
    without = await shop.sign_out(headers=[("X-Request-Id", "same-request")])

    assert again.unmistakable() == without.unmistakable() == first.unmistakable()
    assert again.cookies == without.cookies == first.cookies


async def test_signing_out_ends_this_session_only(shop: Shop) -> None:
    here, elsewhere = await shop.session(), await shop.session()
    neighbour = await shop.session("neighbour@example.org")

    await shop.sign_out(here)

    assert not await shop.is_signed_in(here)
    assert await shop.is_signed_in(elsewhere)
    assert await shop.is_signed_in(neighbour)


async def test_a_profile_is_changed_member_by_member(shop: Shop) -> None:
    session = await shop.session()

    named = await shop.change({"name": "Sari Dewi"}, session)
    phoned = await shop.change({"phone": "+628123456789"}, session)
    cleared = await shop.change({"name": None}, session)

    assert (named.data["client"]["name"], named.data["client"]["phone"]) == ("Sari Dewi", None)
    assert phoned.data["client"]["name"] == "Sari Dewi"
    assert phoned.data["client"]["phone"] == "+628123456789"
    assert cleared.data["client"]["name"] is None
    assert cleared.data["client"]["phone"] == "+628123456789"
    assert (await shop.me(session)).data["client"] == cleared.data["client"]


async def test_a_change_of_nothing_is_answered_with_the_profile(shop: Shop) -> None:
    signed_in = await shop.sign_in()

    answer = await shop.change({}, signed_in.cookie("portal-"))

    assert answer.status == 200
    assert answer.data == signed_in.data


@pytest.mark.parametrize("cookies", [[], ["never-issued"]])
async def test_a_profile_is_changed_by_nobody_who_is_not_signed_in(
    shop: Shop, cookies: list[str]
) -> None:
    named = [f"portal-{shop.slug}={value}" for value in cookies]

    answer = await shop.change({"name": "Mallory"}, *named)

    assert answer.status == 401
    assert answer.error["code"] == "AUTH_REQUIRED"


async def test_members_that_are_not_the_customers_to_change_stay(shop: Shop) -> None:
    signed_in = await shop.sign_in()
    before = signed_in.data["client"]
    theirs = {
        "id": "11111111-1111-4111-8111-111111111111",
        "email": "mallory@example.org",
        "emailVerified": False,
        "email_verified": False,
        "createdAt": "2001-01-01T00:00:00.000Z",
        "created_at_ms": 1,
        "tenantId": "other",
        "slug": "other",
        "sessions": [],
    }

    answer = await shop.change({**theirs, "name": "Sari"}, signed_in.cookie("portal-"))

    assert answer.data["client"] == {**before, "name": "Sari"}
    assert (await shop.me(signed_in.cookie("portal-"))).data["client"] == {**before, "name": "Sari"}


async def test_the_same_mailbox_is_two_people_at_two_storefronts(door: Door, shop: Shop) -> None:
    other = await open_shop(door)

    here, there = await shop.sign_in(), await other.sign_in()
    await shop.change({"name": "Sari"}, here.cookie("portal-"))

    assert here.data["client"]["id"] != there.data["client"]["id"]
    assert (await other.me(there.cookie("portal-"))).data["client"]["name"] is None


async def test_head_is_get_without_a_body(shop: Shop) -> None:
    session = await shop.session()
    path = f"{AUTH}/me?storefrontSlug={shop.slug}"

    got = await shop.door.client.get(path, [cookie_header(session)])
    head = await shop.door.client("HEAD", path, headers=[cookie_header(session)])

    assert head.status == 200
    assert head.raw == b""
    assert set(head.headers) == set(got.headers)
    assert head.headers["Content-Length"] == got.headers["Content-Length"]
