from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Page

from tests.browser.conftest import DESKTOP, PHONE, Opens
from tests.http.placing import place
from tests.http.shops import BUYER, Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERIOUS = {"serious", "critical"}
TARGET_PIXELS = 24  # WCAG 2.2, 2.5.8
_TOO_SMALL = """least => [
    ...document.querySelectorAll('button, input, textarea, summary, nav a, .button')
  ]
    .filter(one => one.type !== 'hidden' && one.checkVisibility())
    .map(one => [one.textContent, one.getBoundingClientRect()])
    .filter(([, box]) => box.width < least || box.height < least)
    .map(([text]) => text)"""


@pytest_asyncio.fixture(loop_scope="session")
async def paths(shop: Shop) -> AsyncIterator[dict[str, str]]:
    """Every page there is, in every state that looks different."""
    unpaid = await place(shop, "KS-1", buyer_name="Sari", notes="No sugar.", status="confirmed")
    await unpaid.note("Welcome!")
    await unpaid.write({"body": "Hello"})
    claimed = await place(shop, "KS-2")
    await claimed.claim()
    paid = await place(shop, "KS-3", status="completed", payment_status="payment_confirmed")
    declined = await place(shop, "KS-4", status="declined")
    home = f"/s/{shop.slug}/account"
    yield {
        "orders": home,
        "profile": f"{home}/profile?notice=saved",
        "sign in": f"{home}/sign-in?notice=ended",
        "link": f"{home}/link?token=l",
        "unpaid": f"/o/{unpaid.token}",
        "claimed": f"/o/{claimed.token}",
        "paid": f"/o/{paid.token}",
        "declined": f"/o/{declined.token}",
        "dead": "/o/" + "C" * 44,
    }


@pytest.mark.parametrize(
    "options",
    [
        {"viewport": PHONE, "color_scheme": "light"},
        {"viewport": DESKTOP, "color_scheme": "dark", "locale": "id-ID"},
    ],
    ids=["phone in light", "desktop in dark"],
)
async def test_nothing_serious_is_found_on_any_page(
    shop: Shop, window: Opens, paths: dict[str, str], options: dict[str, Any]
) -> None:
    found: dict[str, list[str]] = {}

    async with window(**options) as page:
        await page.goto(paths["sign in"])
        await page.locator("#email").fill("nobody")
        await page.locator("button.main").click()
        found["no email"] = await faults_of(page)
        await page.locator("#email").fill(BUYER)
        await page.locator("button.main").click()
        await page.locator("#code").wait_for()
        found["code"] = await faults_of(page)
        await page.locator("#code").press_sequentially("000000")
        await page.locator("#code-problem").wait_for()
        found["wrong code"] = await faults_of(page)
        await page.locator("#code").press_sequentially(await shop.code())
        await page.locator(".orders").wait_for()
        for name, path in paths.items():
            await page.goto(path)
            found[name] = await faults_of(page)
        await page.goto(paths["profile"])
        await page.locator("#phone").fill("0812")
        await page.locator("button.main").click()
        await page.locator("#phone-problem").wait_for()
        found["wrong profile"] = await faults_of(page)

    assert {name: faults for name, faults in found.items() if faults} == {}


async def faults_of(page: Page) -> list[str]:
    results = await Axe().run(page)
    assert results.response["passes"], "nothing was looked at"
    found = [
        f"{violation['id']}: {violation['nodes'][0]['html']}"
        for violation in results.response["violations"]
        if violation["impact"] in SERIOUS
    ]
    small = await page.evaluate(_TOO_SMALL, TARGET_PIXELS)
    wide = await page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    return [*found, *(f"too small: {text}" for text in small), *(["too wide"] if wide else [])]
