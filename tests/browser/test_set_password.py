"""The page behind a mailed link that sets a password, as a browser finds it."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import DESKTOP, PHONE, Opens, own_origin
from tests.browser.test_accessibility import faults_of
from tests.http.doors import Door
from tests.http.shops import BUYER
from tests.http.storefronts_headless import AUTH, Headless, open_headless

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEW = "a quite different password"


async def reset_path(headless: Headless) -> str:
    answer = await headless("POST", f"{AUTH}/password/forgot", {"email": BUYER})
    assert answer.status == 200, answer.body
    (link,) = (await headless.shop.mails(BUYER))[-1]["links"]
    return "/" + str(link).split("/", 3)[3]


@pytest.mark.parametrize(
    "options",
    [
        {"viewport": PHONE, "color_scheme": "dark"},
        {"viewport": DESKTOP, "java_script_enabled": False},
    ],
    ids=["phone", "desktop without scripts"],
)
async def test_a_password_is_set_with_and_without_scripts(
    door: Door, window: Opens, options: dict[str, Any]
) -> None:
    headless = await open_headless(door)
    await headless.signed_up()
    scripted = options.get("java_script_enabled", True)

    async with window(base_url=own_origin(door, headless.shop.slug), **options) as page:
        await page.goto(await reset_path(headless))
        await expect(page.locator("[data-reveals]")).to_be_visible(visible=scripted)
        await page.locator("#password").fill("password1")
        await page.locator("button.main").click()
        await expect(page.locator("#password-problem")).to_be_visible()
        await expect(page.locator("#password")).to_have_value("")
        await page.locator("#password").fill(NEW)
        await page.locator("button.main").click()
        await expect(page.get_by_role("heading", name="Your password is set")).to_be_visible()

    assert (await headless.login(password=NEW)).status == 200


async def test_a_password_can_be_looked_at_and_is_sent_as_a_password(
    door: Door, window: Opens
) -> None:
    headless = await open_headless(door)
    await headless.signed_up()

    async with window(base_url=own_origin(door, headless.shop.slug)) as page:
        await page.goto(await reset_path(headless))
        field = page.locator("#password")
        await field.fill(NEW)
        await page.get_by_role("button", name="Show the password").click()
        await expect(field).to_have_attribute("type", "text")
        await page.get_by_role("button", name="Hide the password").click()
        await expect(field).to_have_attribute("type", "password")


@pytest.mark.parametrize(
    "options",
    [
        {"viewport": PHONE, "color_scheme": "light"},
        {"viewport": DESKTOP, "color_scheme": "dark", "locale": "id-ID"},
    ],
    ids=["phone in light", "desktop in dark"],
)
async def test_nothing_serious_is_found_on_it(
    door: Door, window: Opens, options: dict[str, Any]
) -> None:
    headless = await open_headless(door)
    await headless.signed_up()
    found: dict[str, list[str]] = {}

    async with window(base_url=own_origin(door, headless.shop.slug), **options) as page:
        await page.goto(await reset_path(headless))
        found["asked"] = await faults_of(page)
        await page.locator("button.main").click()
        await page.locator("#password-problem").wait_for()
        found["refused"] = await faults_of(page)
        await page.locator("#password").fill(NEW)
        await page.locator("button.main").click()
        await page.locator(".empty").wait_for()
        found["set"] = await faults_of(page)

    assert found == {"asked": [], "refused": [], "set": []}
