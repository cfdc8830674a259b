from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Opens
from tests.http.pages.test_proof_forms import png
from tests.http.placing import Placed, place
from tests.http.shops import BUYER, Shop, wrong

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVERY_WAY = pytest.mark.parametrize(
    "options",
    [
        {"viewport": PHONE, "color_scheme": "dark"},
        {"viewport": DESKTOP},
        {"viewport": PHONE, "java_script_enabled": False},
        {"viewport": DESKTOP, "java_script_enabled": False, "color_scheme": "dark"},
    ],
    ids=["phone", "desktop", "phone without scripts", "desktop without scripts"],
)


async def no_wider_than_the_window(page: Page) -> bool:
    # Measured from outside, so that it works without scripts too.
    box = await page.locator("body").bounding_box()
    viewport = page.viewport_size
    assert box is not None
    assert viewport is not None
    return box["width"] <= viewport["width"]


@EVERY_WAY
async def test_a_buyer_does_all_there_is_to_do(
    shop: Shop, window: Opens, tmp_path: Path, options: dict[str, object]
) -> None:
    placed = await place(shop, "KS-1", package_name="Paket Senja", buyer_name="Sari")
    await placed.note("We have put it aside.")
    receipt = tmp_path / "receipt.png"
    receipt.write_bytes(png(64, 64))
    scripted = options.get("java_script_enabled", True)

    async with window(**options) as page:
        await page.goto(f"/s/{shop.slug}/account")
        await page.get_by_label("Email address").fill(BUYER)
        await page.get_by_role("button", name="Email me a code").click()
        await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
        await page.get_by_label("6-digit code").fill(await shop.code())
        if not scripted:
            await page.get_by_role("button", name="Sign in").click()

        await expect(page.get_by_role("heading", name="Your orders")).to_be_visible()
        assert await no_wider_than_the_window(page)
        row = page.get_by_role("listitem").filter(has_text="Order KS-1")
        await expect(row).to_contain_text("Requested")
        await expect(row).to_contain_text("Not paid yet")
        await row.get_by_role("link").click()

        await expect(page.get_by_role("heading", name="Order KS-1", exact=True)).to_be_visible()
        assert await no_wider_than_the_window(page)
        await expect(page.get_by_role("log")).to_contain_text("We have put it aside.")
        await page.get_by_role("button", name="I have transferred the money").click()
        await expect(page.get_by_role("status").first).to_contain_text("Thank you.")
        await expect(page.get_by_text("Payment being checked")).to_be_visible()
        await page.get_by_label("Add a picture of the receipt").set_input_files(receipt)
        await page.get_by_role("button", name="Send the picture").click()
        await expect(page.get_by_text("1 picture received")).to_be_visible()
        await page.get_by_label("Write to Kopi Senja").fill("Thank you!\nSari")
        await page.get_by_role("button", name="Send message").click()
        await expect(page.get_by_role("log")).to_contain_text("Thank you!")

        await page.get_by_role("link", name="My orders").click()
        await page.get_by_role("link", name="Profile").click()
        await page.get_by_label("Name", exact=True).fill("Sari Dewi")
        await page.get_by_label("Phone number").fill("+62 812 3456 7890")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("status")).to_have_text("Your profile is saved.")
        await expect(page.get_by_label("Phone number")).to_have_value("+6281234567890")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_text("You are signed out.")).to_be_visible()

    view = await placed.view()
    assert (view["paymentStatus"], view["hasProof"]) == ("payment_claimed", True)
    assert view["messages"][-1]["body"] == "Thank you!\nSari"


async def test_a_keyboard_is_enough(shop: Shop, window: Opens) -> None:
    placed = await place(shop, "KS-1")

    async with window() as page:
        await page.goto(f"/s/{shop.slug}/account/sign-in")
        # The field gets the focus by itself, and Enter sends a form.
        await expect(page.get_by_label("Email address")).to_be_focused()
        await page.keyboard.type(BUYER)
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("6-digit code")).to_be_focused()
        await page.keyboard.type(await shop.code())
        await expect(page.get_by_role("heading", name="Your orders")).to_be_visible()

        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Order KS-1")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Pay by transfer")).to_be_visible()
        await page.get_by_role("button", name="I have transferred the money").focus()
        await page.keyboard.press("Space")
        await expect(page.get_by_text("Payment being checked")).to_be_visible()

    assert (await placed.view())["paymentStatus"] == "payment_claimed"


async def test_the_code_sends_itself_and_a_wrong_one_can_be_mended(
    shop: Shop, window: Opens
) -> None:
    async with window(viewport=PHONE) as page:
        await page.goto(f"/s/{shop.slug}/account/sign-in")
        await page.get_by_label("Email address").fill(BUYER)
        await page.get_by_role("button", name="Email me a code").click()
        again = page.get_by_role("button", name="Send it again")
        await expect(again).to_be_disabled()
        await expect(again).to_contain_text("Send it again in")
        code = await shop.code()
        await page.get_by_label("6-digit code").press_sequentially(wrong(code))

        await expect(page.get_by_text("This code is wrong or no longer valid.")).to_be_visible()
        await expect(page.get_by_label("6-digit code")).to_be_focused()
        await expect(again).to_be_enabled()
        await page.get_by_label("6-digit code").fill(f"{code[:3]} {code[3:]}")
        await expect(page.get_by_role("heading", name="Your orders")).to_be_visible()


async def test_what_the_seller_writes_appears_while_the_page_is_open(
    shop: Shop, window: Opens
) -> None:
    placed = await place(shop)

    async with window() as page:
        await page.clock.install()
        await page.goto(f"/o/{placed.token}")
        await page.get_by_label("Write to Kopi Senja").fill("Half a sen")
        await placed.note("<b>It is on its way.</b>")
        await placed.confirm()
        await page.clock.fast_forward(10_000)

        await expect(page.get_by_role("log")).to_contain_text("<b>It is on its way.</b>")
        await expect(page.get_by_text("Payment: Paid")).to_be_visible()
        await expect(page.get_by_text("7750123456")).to_have_count(0)
        await expect(page.get_by_label("Write to Kopi Senja")).to_have_value("Half a sen")


async def test_an_account_number_is_copied_by_a_button(shop: Shop, window: Opens) -> None:
    placed = await place(shop)

    async with window(permissions=["clipboard-read", "clipboard-write"]) as page:
        await page.goto(f"/o/{placed.token}")
        await page.get_by_role("button", name="Copy the account number at Bank Mandiri").click()

        await expect(page.get_by_text("Copied")).to_be_visible()
        assert await page.evaluate("navigator.clipboard.readText()") == "1310009876543"


async def test_too_large_a_picture_is_told_before_it_is_sent(
    shop: Shop, window: Opens, tmp_path: Path
) -> None:
    placed = await place(shop)
    photo = tmp_path / "photo.png"
    photo.write_bytes(png(padding=6 * 1024 * 1024))

    async with window(viewport=PHONE) as page:
        await page.goto(f"/o/{placed.token}")
        field = page.get_by_label("Add a picture of the receipt")
        await field.set_input_files(photo)
        told = await field.evaluate("field => field.validationMessage")
        await page.get_by_role("button", name="Send the picture").click()

        assert "too large" in told
        await expect(page).to_have_url(f"{shop.door.url}/o/{placed.token}")


async def test_without_scripts_too_large_a_picture_is_told_afterwards(
    shop: Shop, window: Opens, tmp_path: Path
) -> None:
    placed = await place(shop)
    photo = tmp_path / "photo.png"
    photo.write_bytes(png(padding=12 * 1024 * 1024))

    async with window(viewport=PHONE, java_script_enabled=False) as page:
        await page.goto(f"/o/{placed.token}")
        await page.get_by_label("Add a picture of the receipt").set_input_files(photo)
        await page.get_by_role("button", name="Send the picture").click()

        await expect(page.get_by_role("alert")).to_contain_text("too large")


async def test_a_script_in_a_name_or_note_never_runs(shop: Shop, window: Opens) -> None:
    hostile = "<img src=x onerror=\"document.title='hacked'\"><script>document.title=1</script>"
    placed: Placed = await place(shop, buyer_name=hostile[:100], notes=hostile)
    await placed.write({"body": hostile})

    async with window() as page:
        await page.clock.install()
        await page.goto(f"/o/{placed.token}")
        await placed.note(hostile)
        await page.clock.fast_forward(10_000)

        await expect(page.get_by_role("log").get_by_role("listitem")).to_have_count(2)
        assert "hacked" not in await page.title()
        assert await page.locator("main img, main script").count() == 0
