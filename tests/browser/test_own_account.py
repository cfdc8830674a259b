"""The account on a storefront's own host, as a browser finds it."""

from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from doorward.actors.records.orders import PostalAddress
from tests.browser.conftest import DESKTOP, PHONE, Opens, own_origin
from tests.browser.test_accessibility import faults_of
from tests.http.pages.own_hosts import mint_action, mint_status
from tests.http.placing import place
from tests.http.shops import BUYER, Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVERY_WAY = pytest.mark.parametrize(
    "options",
    [
        {"viewport": PHONE, "color_scheme": "dark"},
        {"viewport": DESKTOP, "java_script_enabled": False},
    ],
    ids=["phone", "desktop without scripts"],
)


@pytest_asyncio.fixture(loop_scope="session")
async def orders(shop: Shop) -> None:
    home = PostalAddress("Sari", "Jl. Braga 1", "Bandung", "ID")
    await place(shop, "KS-1", fulfillment_status="DELIVERED", shipping_address=home)
    await place(shop, "KS-2", status="canceled")


async def sign_in(shop: Shop, page: Page, *, scripted: bool = True) -> None:
    await page.goto("/account")
    await page.locator("#email").fill(BUYER)
    await page.locator("button.main").click()
    await expect(page.locator("#code")).to_be_visible()
    await page.locator("#code").fill(await shop.code())
    if not scripted:  # else the sixth digit sends it
        await page.locator("button.main").click()
    await expect(page.locator(".tiles")).to_be_visible()


async def save_address(page: Page) -> None:
    await page.goto("/account/addresses/new")
    await page.locator("#name").fill("Dewi Lestari")
    await page.locator("#line1").fill("Jl. Braga No. 12")
    await page.locator("#city").fill("Bandung")
    await page.locator("#country").select_option("ID")
    await page.locator("button.main").click()
    await expect(page.locator(".notice.good")).to_be_visible()


@pytest.mark.usefixtures("orders")
@EVERY_WAY
async def test_a_customer_does_all_there_is_to_do(
    shop: Shop, window: Opens, options: dict[str, Any]
) -> None:
    async with window(base_url=own_origin(shop.door, shop.slug), **options) as page:
        await sign_in(shop, page, scripted=options.get("java_script_enabled", True))
        await save_address(page)
        await page.get_by_role("link", name="Orders", exact=True).click()
        await page.get_by_role("link", name="Order KS-1").click()
        await page.locator("summary").click()
        await page.get_by_label("Kopi Gayo 250 g").fill("1")
        await page.get_by_label("Reason").fill("Too dark")
        await page.get_by_role("button", name="Request the return").click()
        await expect(page.get_by_text("Your return is requested.")).to_be_visible()
        await page.get_by_role("button", name="Cancel this return").click()
        await expect(page.get_by_text("Your return is canceled.")).to_be_visible()
        await page.get_by_role("link", name="Devices").click()
        await expect(page.get_by_text("This device")).to_be_visible()
        await page.get_by_role("button", name="Sign out", exact=True).click()
        await expect(page.get_by_text("You are signed out.")).to_be_visible()


@pytest.mark.usefixtures("orders")
async def test_an_action_is_done_with_a_click(shop: Shop, window: Opens) -> None:
    path = await mint_action(shop, "start_return", b'{"orderNumber":"KS-1"}')

    async with window(base_url=own_origin(shop.door, shop.slug)) as page:
        await page.goto(path)
        await page.get_by_role("button", name="Request the return").click()

        await expect(page.get_by_role("heading", name="Your return is requested")).to_be_visible()


@pytest.mark.usefixtures("orders")
@pytest.mark.parametrize(
    "options",
    [
        {"viewport": PHONE, "color_scheme": "light"},
        {"viewport": DESKTOP, "color_scheme": "dark", "locale": "id-ID"},
    ],
    ids=["phone in light", "desktop in dark"],
)
async def test_nothing_serious_is_found_on_any_page_of_the_account(
    shop: Shop, window: Opens, options: dict[str, Any]
) -> None:
    status = await mint_status(shop, "KS-1")
    action = await mint_action(shop, "start_return", b'{"orderNumber":"KS-1"}')
    found: dict[str, list[str]] = {}

    async with window(base_url=own_origin(shop.door, shop.slug), **options) as page:
        await page.goto("/account/sign-in")
        found["sign in"] = await faults_of(page)
        await sign_in(shop, page)
        found["overview, empty"] = await faults_of(page)
        await save_address(page)
        found["addresses"] = await faults_of(page)
        for path in ("", "/orders", "/orders/KS-1", "/orders/KS-2", "/profile", "/sessions"):
            await page.goto(f"/account{path}")
            found[path] = await faults_of(page)
        await page.goto("/account/addresses/new")
        await page.locator("button.main").click()
        await page.locator("#name-problem").wait_for()
        found["wrong address"] = await faults_of(page)
        await page.goto("/account/orders/KS-1")
        await page.locator("summary").click()
        await page.locator("fieldset + .field + button").click()
        await page.locator("#quantities-problem").wait_for()
        found["wrong return"] = await faults_of(page)
        for path in (status, action, "/account/nowhere", "/actions/x"):
            await page.goto(path)
            found[path] = await faults_of(page)
        await page.goto(action)
        await page.locator("button.main").click()
        await page.locator(".empty").wait_for()
        found["done"] = await faults_of(page)
        await page.goto("/account/orders/KS-1")
        found["with a return"] = await faults_of(page)

    assert {name: faults for name, faults in found.items() if faults} == {}
