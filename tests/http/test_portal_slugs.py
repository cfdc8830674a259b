import asyncio
from random import Random
from string import ascii_lowercase

import pytest

from doorward.actors.partitions import is_slug
from tests.http.doors import Door, Setup
from tests.http.knocking import JSON, Answer, Headers, cookie_header
from tests.http.shops import AUTH, BUYER, Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOT_SLUGS = [
    "",
    "a",
    "ab",
    "-ab",
    "ab-",
    "Alpha",
    "al pha",
    "alpha\n",
    "alpha\r\nx",
    "{x}",
    "al{1}pha",
    "*",
    "al*",
    "..",
    "../etc",
    "alpha:email:x",
    "alpha/beta",
    "Ａlpha",  # noqa: RUF001 - the full-width look-alike is the point
    "alphа",  # noqa: RUF001 - so is the Cyrillic one
    "~0",
    "~",
    "a" * 41,
    "a" * 10_000,
    "alpha\u200b",
]


async def everything_asked(door: Door, slug: str, headers: Headers = ()) -> list[Answer]:
    """Ask every portal call for one slug, with all else in order."""
    named = {"storefrontSlug": slug}
    client = door.client
    return [
        await client.post(f"{AUTH}/request-otp", {**named, "email": BUYER}, headers),
        await client.post(f"{AUTH}/verify-otp", {**named, "email": BUYER, "code": "0"}, headers),
        await client.post(f"{AUTH}/verify-link", {**named, "token": "l"}, headers),
        await client("PATCH", f"{AUTH}/me", {**named, "name": "M"}, headers),
        await client.post(f"{AUTH}/signout", named, headers),
    ]


@pytest.mark.parametrize("slug", NOT_SLUGS)
async def test_what_is_no_slug_is_an_unknown_storefront_and_leaves_no_trace(
    common_door: Door, slug: str
) -> None:
    before = await common_door.keys()

    answers = await everything_asked(common_door, slug)

    assert {answer.status for answer in answers} == {404}
    assert {answer.error["code"] for answer in answers} == {"NOT_FOUND"}
    assert await common_door.keys() == before


async def test_unknown_and_unpublished_storefronts_look_the_same(door: Door) -> None:
    hidden = await open_shop(door, published=False)
    same = [("X-Request-Id", "same-request"), cookie_header("x=1")]

    unknown = await everything_asked(door, "no-such-shop", same)
    unpublished = await everything_asked(door, hidden.slug, same)
    me = [
        await door.client.get(f"{AUTH}/me?storefrontSlug={slug}", same)
        for slug in ("no-such-shop", hidden.slug)
    ]

    looks = {str(answer.unmistakable()) for answer in (*unknown, *unpublished, *me)}
    assert len(looks) == 1
    assert me[0].status == 404
    assert await hidden.mails() == []


async def test_the_slug_may_come_in_the_query(shop: Shop) -> None:
    client = shop.door.client
    query = f"storefrontSlug={shop.slug}"

    asked = await client.post(f"{AUTH}/request-otp?{query}", {"email": BUYER})
    proof = {"email": BUYER, "code": await shop.code()}
    signed_in = await client.post(f"{AUTH}/verify-otp?{query}", proof)
    session = cookie_header(signed_in.cookie("portal-"))
    changed = await client("PATCH", f"{AUTH}/me?{query}", {"name": "Sari"}, [session])
    me = await client.get(f"{AUTH}/me?{query}", [session])
    signed_out = await client.post(f"{AUTH}/signout?{query}", None, [session])

    answers = [asked, signed_in, changed, me, signed_out]
    assert [answer.status for answer in answers] == [200] * 5
    assert me.data["client"]["name"] == "Sari"


async def test_body_and_query_may_agree_but_not_differ(door: Door, shop: Shop) -> None:
    other = await open_shop(door)
    path = f"{AUTH}/request-otp?storefrontSlug="

    agreed = await door.client.post(
        f"{path}{shop.slug}", {"storefrontSlug": shop.slug, "email": BUYER}
    )
    differing = [
        await door.client.post(f"{path}{in_query}", {"storefrontSlug": in_body, "email": "b@x.io"})
        for in_query, in_body in (
            (other.slug, shop.slug),
            (shop.slug, "no-such-shop"),
            (shop.slug, ""),
            ("", shop.slug),
        )
    ]
    twice = await door.client.post(
        f"{path}{shop.slug}&storefrontSlug={other.slug}", {"email": "b@x.io"}
    )

    assert agreed.status == 200
    assert [answer.status for answer in (*differing, twice)] == [400] * 5
    assert differing[0].error["param"] == "storefrontSlug"
    assert [len(await each.mails()) for each in (shop, other)] == [1, 0]


async def test_a_conflicting_slug_changes_nobodys_session(door: Door, shop: Shop) -> None:
    other = await open_shop(door)
    both = [await shop.session(), await other.session()]
    path = f"?storefrontSlug={other.slug}"

    answers = [
        await door.client.post(
            f"{AUTH}/signout{path}", {"storefrontSlug": shop.slug}, [cookie_header(*both)]
        ),
        await door.client(
            "PATCH",
            f"{AUTH}/me{path}",
            {"storefrontSlug": shop.slug, "name": "M"},
            [cookie_header(*both)],
        ),
    ]

    assert [answer.status for answer in answers] == [400, 400]
    assert not any(answer.cookies for answer in answers)
    assert (await shop.me(*both)).data["client"]["name"] is None
    assert (await other.me(*both)).data["client"]["name"] is None


async def test_without_a_slug_the_one_portal_cookie_tells_it(shop: Shop) -> None:
    client = shop.door.client
    session = cookie_header(await shop.session(), "theme=dark", f"device-{shop.slug}x=1")

    me = await client.get(f"{AUTH}/me", [session])
    changed = await client("PATCH", f"{AUTH}/me", {"name": "Sari"}, [session])
    signed_out = await client.post(f"{AUTH}/signout", None, [session])

    assert me.data["client"]["email"] == BUYER
    assert changed.data["client"]["name"] == "Sari"
    assert signed_out.data == {"signedOut": True}
    assert signed_out.cookies[0].startswith(f"portal-{shop.slug}=;")


async def test_a_plain_and_a_host_bound_cookie_of_one_storefront_are_one(shop: Shop) -> None:
    session = await shop.session()

    me = await shop.door.client.get(f"{AUTH}/me", [cookie_header(session, f"__Host-{session}")])

    assert me.data["authenticated"]


async def test_a_named_slug_wins_over_another_storefronts_cookie(door: Door, shop: Shop) -> None:
    other = await open_shop(door)
    session = await shop.session()

    me = await door.client.get(f"{AUTH}/me?storefrontSlug={other.slug}", [cookie_header(session)])

    assert me.data == {"authenticated": False, "client": None}


async def test_without_a_slug_none_or_several_portal_cookies_tell_nothing(
    door: Door, shop: Shop
) -> None:
    other = await open_shop(door)
    both = cookie_header(await shop.session(), await other.session())

    answers = [
        await door.client.get(f"{AUTH}/me"),
        await door.client.get(f"{AUTH}/me", [cookie_header("theme=dark")]),
        await door.client.get(f"{AUTH}/me", [both]),
        await door.client.post(f"{AUTH}/signout", None, [both]),
        await door.client.post(f"{AUTH}/request-otp", {"email": BUYER}),
    ]

    assert [answer.status for answer in answers] == [400] * 5
    assert {answer.error["param"] for answer in answers} == {"storefrontSlug"}
    assert await shop.is_signed_in(both[1])


async def test_no_header_names_a_storefront_here(door: Door, shop: Shop) -> None:
    other = await open_shop(door)
    hints = [
        ("X-Organization-Slug", other.slug),
        ("X-Publishable-Key", other.key),
        ("Authorization", f"Bearer {other.key}"),
        ("Host", f"{other.slug}.localhost"),
    ]

    await shop.request_code(BUYER, hints)
    nowhere = await door.client.get(f"{AUTH}/me", hints)

    assert [len(await each.mails()) for each in (shop, other)] == [1, 0]
    assert nowhere.status == 400


@pytest.mark.parametrize("door_setup", [Setup(memory_bytes=500_000)])
async def test_thousands_of_unknown_slugs_leave_nothing_behind(door: Door) -> None:
    random = Random(72)
    before = await door.keys()
    slugs = ["".join(random.choices(ascii_lowercase, k=12)) for _ in range(2_000)]

    async def ask(slug: str) -> int:
        answer = await door.client.post(
            f"{AUTH}/request-otp", {"storefrontSlug": slug, "email": BUYER}
        )
        return answer.status

    statuses = set()
    for start in range(0, len(slugs), 200):
        statuses |= set(await asyncio.gather(*map(ask, slugs[start : start + 200])))

    assert all(map(is_slug, slugs))
    assert statuses == {404}
    assert await door.keys() == before
    assert door.system.host.depth == 0
    # What is remembered of them (that there is no such record) is bounded by the setting.
    assert door.system.host.remembered < 500_000 / 300
    assert door.mailbox.newest() == []


async def test_a_slug_that_is_no_text_is_refused(shop: Shop) -> None:
    for slug in (7, True, ["x"], {"$ne": ""}):
        answer = await shop.door.client.post(
            f"{AUTH}/request-otp", {"storefrontSlug": slug, "email": BUYER}
        )

        assert answer.status == 400
        assert answer.error["param"] == "storefrontSlug"


async def test_a_slug_of_odd_bytes_in_the_query_is_an_unknown_storefront(door: Door) -> None:
    for odd in ("%ff%fe", "%00", "alpha%0d%0aX-Evil:1", "%7b0%7d", "a%20b", "%C3%A4bc"):
        answer = await door.client("GET", f"{AUTH}/me?storefrontSlug={odd}", None, [JSON])

        assert answer.status == 404, odd
        assert "X-Evil" not in answer.headers
