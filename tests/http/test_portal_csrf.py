from collections.abc import Awaitable, Callable

import pytest

from tests.http.doors import Door, Setup
from tests.http.guessing import spend_guesses
from tests.http.knocking import Answer, Headers, cookie_header
from tests.http.shops import AUTH, BUYER, Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

ORIGIN = "https://alpha.example"
Try = Callable[[Headers], Awaitable[Answer]]

REFUSED_HEADERS: list[Headers] = [
    [("Sec-Fetch-Site", "cross-site")],
    [("Sec-Fetch-Site", "same-site")],
    [("Sec-Fetch-Site", "none")],
    [("Sec-Fetch-Site", "")],
    [("Sec-Fetch-Site", "Same-Origin")],
    [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
    [("Sec-Fetch-Site", "cross-site"), ("Origin", ORIGIN)],
    [("Origin", "https://evil.example")],
    [("Origin", "null")],
    [("Origin", "")],
    [("Origin", "http://alpha.example")],
    [("Origin", f"{ORIGIN}:8443")],
    [("Origin", f"{ORIGIN}.evil.example")],
    [("Origin", f"{ORIGIN}/")],
    [("Origin", ORIGIN), ("Origin", "https://evil.example")],
]
ALLOWED_HEADERS: list[Headers] = [
    [],
    [("Sec-Fetch-Site", "same-origin")],
    [("Sec-Fetch-Site", "same-origin"), ("Origin", ORIGIN)],
    [("Origin", ORIGIN)],
]


@pytest.mark.parametrize("headers", REFUSED_HEADERS)
async def test_an_unsafe_call_from_another_site_has_no_effect(door: Door, headers: Headers) -> None:
    shop = await open_shop(door, origin=ORIGIN)
    session = await shop.session()
    before = (await shop.me(session)).data

    answers = [
        await shop.change({"name": "Mallory"}, session, headers=headers),
        await shop.sign_out(session, headers=headers),
    ]

    for answer in answers:
        assert answer.status == 403
        assert answer.error["code"] == "FORBIDDEN"
        assert answer.cookies == []
    assert (await shop.me(session)).data == before


@pytest.mark.parametrize("headers", REFUSED_HEADERS)
async def test_nobody_is_signed_in_from_another_site(door: Door, headers: Headers) -> None:
    shop = await open_shop(door, origin=ORIGIN)
    await shop.request_code("linked@x.io")
    await spend_guesses(shop, "linked@x.io")
    await shop.request_code("linked@x.io")
    await shop.advance(60)
    await shop.request_code("linked@x.io")
    await shop.request_code()
    code, token = await shop.code(), await shop.link_token("linked@x.io")

    answers = [await shop.verify(code, headers), await shop.verify_link(token, headers)]

    for answer in answers:
        assert answer.status == 403
        assert answer.cookies == []
    assert (await shop.verify(code)).status == 200
    assert (await shop.verify_link(token)).status == 200


async def test_guesses_from_another_site_are_not_evaluated(door: Door) -> None:
    shop = await open_shop(door, origin=ORIGIN)
    await shop.request_code()

    refused = [
        (await shop.verify("000000", [("Sec-Fetch-Site", "cross-site")])).status,
        *[(await shop.verify(f"{n:06d}", [("Origin", "null")])).status for n in range(6)],
    ]

    assert refused == [403] * 7
    assert (await shop.verify(await shop.code())).status == 200


@pytest.mark.parametrize("headers", REFUSED_HEADERS)
async def test_a_code_is_asked_for_from_another_site_only_without_a_cookie(
    door: Door, headers: Headers
) -> None:
    shop = await open_shop(door, origin=ORIGIN)

    with_any_cookie = await shop.request_code(BUYER, [*headers, ("Cookie", "theme=dark")])
    without = await shop.request_code(BUYER, headers)

    assert with_any_cookie.status == 403
    assert without.status == 200
    assert len(await shop.mails()) == 1


@pytest.mark.parametrize("headers", ALLOWED_HEADERS)
async def test_an_unsafe_call_of_the_storefronts_own_page_or_of_no_browser_works(
    door: Door, headers: Headers
) -> None:
    shop = await open_shop(door, origin=ORIGIN)
    asked = await shop.request_code(BUYER, headers)
    signed_in = await shop.verify(await shop.code(), headers)
    session = signed_in.cookie("__Host-portal-")
    changed = await shop.change({"name": "Sari"}, session, headers=headers)
    signed_out = await shop.sign_out(session, headers=headers)

    assert [each.status for each in (asked, signed_in, changed, signed_out)] == [200] * 4


@pytest.mark.parametrize(
    ("door_setup", "document", "own"),
    [
        (Setup(public_url="https://door.example"), {}, "https://door.example"),
        (Setup(public_url="https://door.example"), {"origin": ORIGIN}, ORIGIN),
        (Setup(hosted_domain="shops.example"), {}, "https://SLUG.shops.example"),
    ],
)
async def test_the_origin_compared_with_is_the_configured_one(
    door: Door, document: dict[str, str], own: str
) -> None:
    shop = await open_shop(door, **document)
    own = own.replace("SLUG", shop.slug)

    configured = await shop.sign_out(headers=[("Origin", own)])
    requested = await shop.sign_out(headers=[("Origin", door.url)])

    assert configured.status == 200
    assert requested.status == 403


async def test_where_nothing_is_configured_the_requests_own_loopback_origin_is_compared(
    shop: Shop,
) -> None:
    port = shop.door.url.rpartition(":")[2]

    local = ("Host", f"localhost:{port}")
    foreign = ("Host", "evil.example")

    own = await shop.sign_out(headers=[("Origin", shop.door.url)])
    by_name = await shop.sign_out(headers=[local, ("Origin", f"http://localhost:{port}")])
    other_name = await shop.sign_out(headers=[("Origin", f"http://localhost:{port}")])
    foreign_host = await shop.sign_out(headers=[foreign, ("Origin", "http://evil.example")])

    assert (own.status, by_name.status) == (200, 200)
    assert (other_name.status, foreign_host.status) == (403, 403)


async def test_reading_is_not_held_to_the_rule(shop: Shop) -> None:
    session = await shop.session()

    answer = await shop.door.client.get(
        f"{AUTH}/me?storefrontSlug={shop.slug}",
        [cookie_header(session), ("Sec-Fetch-Site", "cross-site"), ("Origin", "https://e.example")],
    )

    assert answer.status == 200
    assert answer.data["authenticated"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ORIGIN])
async def test_no_origin_is_ever_allowed_to_read_across(door: Door, origin: str) -> None:
    shop = await open_shop(door, origin=ORIGIN, allowedOrigins=[ORIGIN])
    session = await shop.session()
    asks = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    headers = [("Origin", origin), cookie_header(session)]

    answers = [
        await shop.request_code(BUYER, headers),
        await shop.sign_out(session, headers=headers),
        await door.client.get(f"{AUTH}/me?storefrontSlug={shop.slug}", headers),
        await door.client("OPTIONS", f"{AUTH}/signout", headers=[*headers, *asks.items()]),
        await door.client("OPTIONS", f"{AUTH}/me", headers=[*headers, *asks.items()]),
        await door.client.get("/api/v1/nothing", headers),
    ]

    for answer in answers:
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        assert answer.headers["Vary"] == "Sec-Fetch-Site, Origin"
    assert [answer.status for answer in answers[3:5]] == [405, 405]
