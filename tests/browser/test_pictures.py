"""The docs' pictures; made anew into docs/pictures with scripts/pictures, else thrown away."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from doorward.http.demo import SLUG, seed_demo
from doorward.http.demo_orders import EMAIL
from tests.browser.conftest import DESKTOP, PHONE, Opens
from tests.http.doors import Door

pytestmark = pytest.mark.asyncio(loop_scope="session")

BYTES_MAX = 200_000
NAMES = ("sign-in", "code", "orders", "order", "orders-dark", "order-dark")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(os.environ.get("DOORWARD_PICTURES", tmp_path))


async def newest_code(door: Door) -> str:
    (item,) = (await door.client.get(f"/dev/mailbox.json?limit=1&to={EMAIL}")).body["items"]
    return str(item["code"])


async def sign_in(page: Page, door: Door) -> None:
    await page.goto(f"/s/{SLUG}/account/sign-in")
    await page.locator("#email").fill(EMAIL)
    await page.locator("button.main").click()
    await page.locator("#code").fill(await newest_code(door))
    await expect(page.locator(".orders")).to_be_visible()


async def test_the_demo_looks_as_the_docs_show_it(
    door: Door, window: Opens, folder: Path, tmp_path: Path
) -> None:
    await seed_demo(door.system, tmp_path)

    async with window(viewport=PHONE) as page:
        await page.goto(f"/s/{SLUG}/account/sign-in")
        await page.screenshot(path=folder / "sign-in.png")
        await page.locator("#email").fill(EMAIL)
        await page.locator("button.main").click()
        await expect(page.locator("#code")).to_be_visible()
        await page.screenshot(path=folder / "code.png")
    async with window(viewport=DESKTOP) as page:
        await sign_in(page, door)
        await page.screenshot(path=folder / "orders.png")
        await page.get_by_role("link", name="Order KS-1012").click()
        await expect(page.get_by_role("heading", name="Pay by transfer")).to_be_visible()
        await page.screenshot(path=folder / "order.png")
    async with window(viewport=PHONE, color_scheme="dark", locale="id-ID") as page:
        await sign_in(page, door)
        await page.screenshot(path=folder / "orders-dark.png")
        await page.get_by_role("link", name="Pesanan KS-1012").click()
        await expect(page.get_by_role("heading", name="Bayar dengan transfer")).to_be_visible()
        await page.screenshot(path=folder / "order-dark.png")

    assert all((folder / f"{name}.png").stat().st_size < BYTES_MAX for name in NAMES)
