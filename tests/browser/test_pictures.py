"""The docs' pictures; made anew into docs/pictures with scripts/pictures, else thrown away."""

import json
import os
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from doorward.actors.messages.merchant_returns import (
    ActionMinted,
    MintAction,
    MintStatusLink,
    StatusLinkMinted,
)
from doorward.http.demo import SLUG, seed_demo
from doorward.http.demo_orders import EMAIL
from tests.browser.conftest import DESKTOP, PHONE, Opens, own_origin
from tests.http.doors import Door

pytestmark = pytest.mark.asyncio(loop_scope="session")

BYTES_MAX = 200_000
NAMES = ("sign-in", "code", "orders", "order", "orders-dark", "order-dark")
OWN_NAMES = (
    "account",
    "account-dark",
    "account-order",
    "account-return",
    "account-address",
    "account-sessions",
    "status",
    "action",
)
NUMBER = "KS-1006"
BRAGA = {"name": "Dewi Lestari", "line1": "Jl. Braga No. 12", "city": "Bandung"}


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
        # An email gets three codes a minute, and the account's pictures take one more.
        signed_in = await page.context.storage_state()
    async with window(
        viewport=PHONE, color_scheme="dark", locale="id-ID", storage_state=signed_in
    ) as page:
        await page.goto(f"/s/{SLUG}/account")
        await page.screenshot(path=folder / "orders-dark.png")
        await page.get_by_role("link", name="Pesanan KS-1012").click()
        await expect(page.get_by_role("heading", name="Bayar dengan transfer")).to_be_visible()
        await page.screenshot(path=folder / "order-dark.png")

    assert all((folder / f"{name}.png").stat().st_size < BYTES_MAX for name in NAMES)


async def sign_in_at_home(page: Page, door: Door) -> None:
    await page.goto("/account/sign-in")
    await page.locator("#email").fill(EMAIL)
    await page.locator("button.main").click()
    await expect(page.locator("#code")).to_be_visible()
    await page.locator("#code").fill(await newest_code(door))
    await expect(page.locator(".tiles")).to_be_visible()


async def save_address(page: Page) -> None:
    await page.goto("/account/addresses/new")
    for name, text in BRAGA.items():
        await page.locator(f"#{name}").fill(text)
    await page.locator("#country").select_option("ID")
    await page.locator("button.main").click()
    await expect(page.locator(".notice.good")).to_be_visible()


async def test_the_account_looks_as_the_docs_show_it(
    door: Door, window: Opens, folder: Path, tmp_path: Path
) -> None:
    await seed_demo(door.system, tmp_path)
    status = await door.system.ask(SLUG, MintStatusLink(key_digest=None, order_number=NUMBER))
    assert isinstance(status, StatusLinkMinted)
    action = await door.system.ask(
        SLUG,
        MintAction(
            key_digest=None,
            action="start_return",
            email=EMAIL,
            context=json.dumps({"orderNumber": NUMBER}).encode(),
        ),
    )
    assert isinstance(action, ActionMinted)

    async with window(base_url=own_origin(door, SLUG), viewport=DESKTOP) as page:
        await sign_in_at_home(page, door)
        await save_address(page)
        await page.goto("/account")
        await page.screenshot(path=folder / "account.png")
        await page.goto(f"/account/orders/{NUMBER}")
        await page.locator("summary").click()
        await page.screenshot(path=folder / "account-order.png")
        signed_in = await page.context.storage_state()
    async with window(
        base_url=own_origin(door, SLUG), viewport=PHONE, storage_state=signed_in
    ) as page:
        await page.goto(f"/actions/{action.token}")
        await page.screenshot(path=folder / "action.png")
        await page.goto(f"/order/{status.token}/status")
        await page.screenshot(path=folder / "status.png")
        await page.goto("/account/sessions")
        await page.screenshot(path=folder / "account-sessions.png")
    async with window(
        base_url=own_origin(door, SLUG),
        viewport=PHONE,
        color_scheme="dark",
        locale="id-ID",
        storage_state=signed_in,
    ) as page:
        await page.goto("/account")
        await page.screenshot(path=folder / "account-dark.png")
        await page.goto("/account/addresses/new")
        await page.screenshot(path=folder / "account-address.png")
        await page.goto(f"/account/orders/{NUMBER}")
        await page.locator("summary").click()
        await page.locator("input[type=number]").first.fill("1")
        await page.locator("fieldset + .field + button").click()
        await expect(page.locator(".returns")).to_be_visible()
        await page.locator(".returns").scroll_into_view_if_needed()
        await page.screenshot(path=folder / "account-return.png")

    assert all((folder / f"{name}.png").stat().st_size < BYTES_MAX for name in OWN_NAMES)
