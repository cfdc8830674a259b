import re

import pytest

from doorward.http.pages import assets
from tests.http.doors import Door, Setup
from tests.http.knocking import Answer
from tests.http.pages.reading import Reader, Shown
from tests.http.placing import place
from tests.http.shops import Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIGN_IN_BYTES_MAX = 30_000


def policy_of(answer: Answer) -> dict[str, list[str]]:
    (written,) = answer.headers.getall("Content-Security-Policy")
    rules = [rule.split() for rule in written.split(";")]
    policy = {name: sources for name, *sources in rules}
    assert len(policy) == len(rules)
    return policy


async def pages_of(shop: Shop) -> dict[str, str]:
    placed = await place(shop)
    home = f"/s/{shop.slug}/account"
    return {
        "sign-in": f"{home}/sign-in",
        "link": f"{home}/link?token=l",
        "orders": home,
        "profile": f"{home}/profile",
        "order": f"/o/{placed.token}",
        "dead": "/o/" + "B" * 44,
        "nowhere": f"{home}/nothing",
        "unknown": "/s/no-such-shop/account",
    }


async def test_every_page_shuts_out_what_it_does_not_need(shop: Shop, buyer: Reader) -> None:
    for name, path in (await pages_of(shop)).items():
        page = await buyer.open(path)
        policy, headers = policy_of(page.answer), page.answer.headers

        (nonce,) = policy["script-src"]
        assert re.fullmatch(r"'nonce-[\w-]{22}'", nonce)
        assert policy == {
            "default-src": ["'none'"],
            "style-src": [nonce],
            "script-src": [nonce],
            "img-src": ["'self'"],
            "connect-src": ["'self'"] if name == "order" else ["'none'"],
            "form-action": ["'self'"],
            "base-uri": ["'none'"],
            "frame-ancestors": ["'none'"],
        }
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        holds_token = name in {"link", "order", "dead"}
        assert headers["Referrer-Policy"] == ("no-referrer" if holds_token else "same-origin")


async def test_no_page_has_anything_inline_or_from_elsewhere(shop: Shop, buyer: Reader) -> None:
    for path in (await pages_of(shop)).values():
        page = await buyer.open(path)

        for tag, given in page.tags:
            assert not any(name.startswith("on") or name == "style" for name in given), (tag, given)
            if tag in {"script", "style"} or given.get("rel") == "stylesheet":
                assert given["nonce"]
            for name in ("src", "href", "action"):
                if tag != "a" and name in given:
                    assert (given[name] or "").startswith(("/s/", "/o/", "/assets/")), (tag, given)


async def test_every_page_says_its_language_its_title_and_has_one_heading(
    shop: Shop, buyer: Reader
) -> None:
    for path in (await pages_of(shop)).values():
        page = await buyer.open(path)

        tags = [tag for tag, _ in page.tags]
        ids = [given["id"] for _, given in page.tags if "id" in given]
        assert page.tags[0] == ("html", {"lang": "en", "dir": "ltr"})
        assert page.title
        assert tags.count("h1") == tags.count("main") == 1
        assert len(ids) == len(set(ids))
        assert page.tags[[tag for tag, _ in page.tags].index("a")][1]["href"] == "#main"


async def test_every_field_has_a_label(shop: Shop, buyer: Reader) -> None:
    for path in (await pages_of(shop)).values():
        page = await buyer.open(path)

        labelled = {given["for"] for tag, given in page.tags if tag == "label"}
        fields = {
            given["id"]
            for tag, given in page.tags
            if tag in {"input", "textarea"} and given.get("type") != "hidden"
        }
        assert fields == labelled


async def test_a_nonce_is_never_used_twice(shop: Shop) -> None:
    answers = [await shop.client.get(f"/s/{shop.slug}/account/sign-in") for _ in range(5)]

    assert len({policy_of(answer)["script-src"][0] for answer in answers}) == 5


async def test_the_sign_in_page_is_small_with_all_that_belongs_to_it(
    shop: Shop, reader: Reader
) -> None:
    page = await reader.open(f"/s/{shop.slug}/account/sign-in")
    paths = [given.get("src") or given.get("href") or "" for tag, given in page.tags if tag != "a"]
    parts = [await shop.client.get(path) for path in paths if path.startswith("/assets/")]

    assert len(parts) == 3
    assert sum(len(answer.raw) for answer in (page.answer, *parts)) < SIGN_IN_BYTES_MAX
    blocking = [given for tag, given in page.tags if tag == "script" and "defer" not in given]
    assert blocking == []


async def test_what_belongs_to_pages_is_cached_for_good_and_inert(shop: Shop) -> None:
    for name, path in assets.PATHS.items():
        answer = await shop.client.get(path)

        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Type"].startswith(
            {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}[name.split(".")[1]]
        )


@pytest.mark.parametrize("name", ["portal.css", "portal.0000000000000000.css", "..", "%2e%2e%2fx"])
async def test_no_other_name_leads_to_a_file(shop: Shop, name: str) -> None:
    assert (await shop.client.get(f"/assets/{name}")).status == 404


async def test_a_logo_is_let_in_from_its_own_place_alone(door: Door, reader: Reader) -> None:
    branding = {"logoUrl": "https://cdn.example/logo.png"}
    shop = await open_shop(door, branding=branding)

    page = await reader.open(f"/s/{shop.slug}/account/sign-in")

    assert policy_of(page.answer)["img-src"] == ["'self'", "https://cdn.example"]
    assert [given["src"] for tag, given in page.tags if tag == "img"] == [branding["logoUrl"]]


async def test_an_accent_of_any_colour_stays_readable(door: Door, reader: Reader) -> None:
    for accent, on_accent in (("#ffff00", "#000000"), ("#000080", "#ffffff")):
        shop = await open_shop(door, branding={"accent": accent})

        page = await reader.open(f"/s/{shop.slug}/account/sign-in")

        assert f"--accent:{accent};--on-accent:{on_accent}" in page.html


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("Toko \u202eijneS\u202c", "Toko ijneS"),
        ("\u202e\u2066", None),
    ],
)
async def test_a_hostile_display_name_does_nothing(
    door: Door, reader: Reader, name: str, shown: str | None
) -> None:
    shop = await open_shop(door, displayName=name)

    page = await reader.open(f"/s/{shop.slug}/account/sign-in")

    assert (shown or shop.slug) in page.html
    assert "<img" not in page.html
    assert "\u202e" not in page.html


@pytest.mark.parametrize("door_setup", [Setup(public_url="https://shops.example")])
async def test_over_https_browsers_are_told_to_stay_there(door: Door) -> None:
    shop = await open_shop(door)

    page = await shop.client.get(f"/s/{shop.slug}/account/sign-in")

    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize("door_setup", [Setup(public_url="https://shops.example")])
async def test_over_https_the_cookie_is_bound_to_the_host(door: Door) -> None:
    shop = await open_shop(door)
    reader = Reader(shop.client)
    page = await reader.open(f"/s/{shop.slug}/account/sign-in")
    page = await reader.send(page.form("/sign-in"), email="buyer@example.org")

    page = await reader.send(page.form("/code"), code=await shop.code())
    out = await reader.send(page.form("/sign-out"))

    assert "Your orders" in page.title
    assert "You are signed out." in out.text
    assert all(name.startswith("__Host-device") for name in reader.jar)


async def test_over_plain_http_nothing_is_promised(shop: Shop, reader: Reader) -> None:
    page: Shown = await reader.open(f"/s/{shop.slug}/account/sign-in")

    assert "Strict-Transport-Security" not in page.answer.headers
