"""Debian's Chromium, steered by Playwright, before a server in this process."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.browser.watching import Watched
from tests.http.conftest import running_store
from tests.http.doors import Door, Setup, opened
from tests.http.shops import Shop, open_shop
from tests.http.store_server import StoreServer

FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE: Final = {"width": 360, "height": 740}
DESKTOP: Final = {"width": 1280, "height": 800}
PAYMENT: Final = {
    "bankAccounts": [
        {
            "bankName": "Bank Central Asia",
            "accountNumber": "7750123456",
            "accountHolder": "PT Kopi Senja Abadi",
        },
        {
            "bankName": "Bank Mandiri",
            "accountNumber": "1310009876543",
            "accountHolder": "PT Kopi Senja Abadi",
        },
    ],
    "instructions": "Please transfer within two days.",
    "whatsappNumber": "+6281200005678",
}


class Opens(Protocol):
    """Opens a fresh browser window; what happens in it that must not fails the test at its end."""

    def __call__(self, **options: Any) -> AbstractAsyncContextManager[Page]: ...  # noqa: ANN401


@pytest.fixture(scope="session")
def store() -> Iterator[StoreServer]:
    with running_store() as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def door(store: StoreServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    async with opened(store, tmp_path_factory.mktemp("browser-door"), Setup()) as door:
        yield door


@pytest_asyncio.fixture(loop_scope="session")
async def shop(door: Door) -> Shop:
    return await open_shop(
        door,
        displayName="Kopi Senja",
        branding={"accent": "#8a4b2a"},
        payment=PAYMENT,
        returnToStoreUrl="https://kopi-senja.example/",
    )


def own_origin(door: Door, slug: str) -> str:
    """Tell where a storefront's own host is; Chromium finds ``localhost`` and all below itself."""
    return f"http://{slug}.localhost:{door.url.rpartition(':')[2]}"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
def window(chromium: Browser, door: Door) -> Opens:
    @asynccontextmanager
    async def open_window(**options: Any) -> AsyncIterator[Page]:  # noqa: ANN401
        given = {
            "base_url": door.url,
            "viewport": DESKTOP,
            "locale": "en-GB",
            "timezone_id": "Asia/Jakarta",
            **options,
        }
        context = await chromium.new_context(**given)
        context.set_default_timeout(10_000)
        watched = Watched(context, str(given["base_url"]))
        try:
            yield await context.new_page()
        finally:
            await closed(context)
        watched.demand_peace()

    return open_window


async def closed(context: BrowserContext) -> None:
    async with asyncio.timeout(10):
        await context.close()
