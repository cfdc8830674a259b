import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.http.doors import Door, Setup, opened
from tests.http.pages.reading import URL_ENCODED, Reader
from tests.http.placing import place
from tests.http.shops import Shop, open_shop
from tests.http.store_server import StoreServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    "path",
    [
        "/s/nobody-here/account",
        "/s/nobody-here/account/sign-in",
        "/s/nobody-here/account/link?token=l",
        "/s/NOT-A-SLUG/account/sign-in",
        "/s/%7Bx%7D/account/profile",
        "/s/x/account/sign-in",
        "/s/nobody-here/account/unheard-of",
        "/o/",
        "/s/",
    ],
)
async def test_what_does_not_exist_is_a_page_that_says_so(door: Door, path: str) -> None:
    page = await Reader(door.client).open(path)

    assert page.status == 404
    assert "There is no such shop" in page.title or "does not exist" in page.title


async def test_a_closed_storefront_has_no_pages(door: Door) -> None:
    shop = await open_shop(door, published=False)
    placed = await place(shop)
    reader = Reader(door.client)

    for path in (f"/s/{shop.slug}/account/sign-in", f"/o/{placed.token}"):
        assert (await reader.open(path)).status == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/s/{slug}/account", "GET, HEAD"),
        ("PUT", "/s/{slug}/account/sign-in", "GET, HEAD, POST"),
        ("POST", "/o/AAAA", "GET, HEAD"),
        ("PATCH", "/o/AAAA/proof", "GET, HEAD, POST"),
    ],
)
async def test_another_method_is_a_page_that_names_the_right_ones(
    shop: Shop, method: str, path: str, allowed: str
) -> None:
    answer = await shop.client(method, path.format(slug=shop.slug))

    assert answer.status == 405
    assert answer.headers["Allow"] == allowed
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


async def test_only_the_head_of_a_page_is_told_where_only_that_is_asked(shop: Shop) -> None:
    path = f"/s/{shop.slug}/account/sign-in"

    head = await shop.client("HEAD", path)

    assert head.status == 200
    assert head.raw == b""
    assert "Content-Security-Policy" in head.headers


async def test_a_cookie_given_twice_is_a_page_too(shop: Shop) -> None:
    name = f"portal-{shop.slug}"
    headers = [("Cookie", f"{name}=a; {name}=b")]

    answer = await shop.client.get(f"/s/{shop.slug}/account", headers)

    assert answer.status == 400
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


async def test_a_key_given_twice_is_a_page_too(shop: Shop) -> None:
    headers = [("X-Doorward-Key", "a"), ("X-Doorward-Key", "b")]

    answer = await shop.client.get(f"/s/{shop.slug}/account", headers)

    assert answer.status == 400
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    "path",
    [
        "/s/%0d%0aSet-Cookie:%20a=b",
        "/s/%2f%2fevil.example",
        "/s/%5cevil.example/account/sign-in/code",
        "/s/x%0ay/account?cursor=x",
        "/s/evil.example/account/sign-out",
        "/o/%0d%0aSet-Cookie:%20a=b/paid",
        "/o/%2f%2fevil.example/messages",
    ],
)
async def test_an_address_that_names_nothing_leads_nowhere(shop: Shop, path: str) -> None:
    answer = await shop.client.get(path)

    assert answer.status == 404
    assert "Location" not in answer.headers
    assert not answer.cookies


@pytest.mark.parametrize("step", ["sign-in", "sign-in/code", "link", "profile", "sign-out"])
async def test_a_packed_form_is_not_unpacked(shop: Shop, step: str) -> None:
    headers = [("Content-Type", URL_ENCODED), ("Content-Encoding", "gzip")]
    raw = gzip.compress(b"email=" + b"a" * 1_000_000)

    answer = await shop.client("POST", f"/s/{shop.slug}/account/{step}", None, headers, raw=raw)

    assert answer.status == 415


@pytest_asyncio.fixture(loop_scope="session")
async def fragile(fragile_store: StoreServer, tmp_path: Path) -> AsyncIterator[Shop]:
    async with opened(fragile_store, tmp_path, Setup(lease_seconds=1.0)) as door:
        yield await open_shop(door)


async def test_while_the_store_is_away_pages_say_when_to_come_back_and_lose_nothing(
    fragile: Shop, fragile_store: StoreServer
) -> None:
    placed = await place(fragile)
    reader = Reader(fragile.client)
    page = await reader.open(f"/s/{fragile.slug}/account/sign-in")
    page = await reader.send(page.form("/sign-in"), email="buyer@example.org")
    page = await reader.send(page.form("/code"), code=await fragile.code())
    cookies = dict(reader.jar)
    fragile_store.kill()
    async with asyncio.timeout(20):
        while (await fragile.client.get("/readyz")).status == 200:
            pass

    home = f"/s/{fragile.slug}/account"
    pages = [await reader.open(path) for path in (home, f"{home}/sign-in", f"/o/{placed.token}")]
    fragile_store.start()
    async with asyncio.timeout(20):
        while (await fragile.client.get("/readyz")).status != 200:
            pass
    back = await reader.open(home)

    assert {page.status for page in pages} == {503}
    assert all(int(page.answer.headers["Retry-After"]) >= 1 for page in pages)
    assert all("Nothing is lost." in page.text for page in pages)
    assert reader.jar == cookies
    assert "Your orders" in back.title
