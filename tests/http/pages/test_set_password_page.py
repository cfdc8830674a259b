import pytest
import pytest_asyncio

from doorward.http import passwords
from doorward.http.hashing import HASHING
from tests.http.doors import Door, Setup
from tests.http.knocking import Answer
from tests.http.pages.own_hosts import at_own_host, mint_action
from tests.http.pages.reading import URL_ENCODED, Reader, Shown
from tests.http.shops import BUYER, Shop
from tests.http.storefronts_headless import AUTH, PASSWORD, Headless, code_of, open_headless

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEW = "a quite different password"
GONE = "This link does not work"
PUBLIC = "https://door.example"
ACTIONS = "/api/v1/customer/actions"


@pytest_asyncio.fixture(loop_scope="session")
async def headless(door: Door) -> Headless:
    headless = await open_headless(door)
    await headless.signed_up()
    return headless


@pytest_asyncio.fixture(loop_scope="session")
async def shop(headless: Headless) -> Shop:
    return headless.shop


async def link_about(shop: Shop, subject: str) -> str:
    """Read the path of the link in the newest mail with a word in its subject."""
    found = [mail for mail in await shop.mails(BUYER) if subject in mail["subject"]]
    (link,) = found[-1]["links"]
    return "/" + str(link).split("/", 3)[3]


async def reset_path(headless: Headless) -> str:
    """Ask for the mail by which a password is set; return the path in it."""
    answer = await headless("POST", f"{AUTH}/password/forgot", {"email": BUYER})
    assert answer.status == 200, answer.body
    return await link_about(headless.shop, "Set your password")


def field_of(page: Shown) -> dict[str, str | None]:
    (field,) = [given for tag, given in page.tags if tag == "input" and given.get("name")]
    return field


async def test_the_mailed_link_shows_a_form_and_sets_the_password(
    headless: Headless, shop: Shop
) -> None:
    path = await reset_path(headless)
    reader = at_own_host(shop)

    page = await reader.open(path)
    done = await reader.send(page.form(path), password=NEW)

    assert path.startswith("/actions/p")
    assert page.status == 200
    assert "At least 8 characters" in page.text
    assert done.status == 200
    assert "Your password is set" in done.text
    assert code_of(await headless.login(password=PASSWORD)) == (401, "invalid_credentials")
    assert (await headless.login(password=NEW)).status == 200


async def test_looking_spends_nothing_and_setting_spends_the_link(
    headless: Headless, shop: Shop
) -> None:
    path = await reset_path(headless)
    reader = at_own_host(shop)
    pages = [await reader.open(path) for _ in range(3)]

    await reader.send(pages[-1].form(path), password=NEW)
    again = await reader.post(path, b"password=another+long+one", URL_ENCODED)

    assert [page.status for page in pages] == [200] * 3
    assert again.status == 404
    assert GONE in Shown(again).text
    assert (await reader.open(path)).status == 404


async def test_the_field_is_one_that_password_managers_and_screen_readers_know(
    headless: Headless, shop: Shop
) -> None:
    page = await at_own_host(shop).open(await reset_path(headless))

    field = field_of(page)
    labels = [given["for"] for tag, given in page.tags if tag == "label"]
    assert (field["type"], field["autocomplete"]) == ("password", "new-password")
    assert field["id"] in labels
    assert field["aria-describedby"] == "password-hint"
    assert "maxlength" not in field


async def test_showing_the_password_is_offered_by_scripts_only(
    headless: Headless, shop: Shop
) -> None:
    page = await at_own_host(shop).open(await reset_path(headless))

    (button,) = [given for _, given in page.tags if "data-reveals" in given]
    assert "hidden" in button
    assert (button["type"], button["data-hide"]) == ("button", "Hide the password")
    assert button["data-reveals"] == field_of(page)["id"]


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "Enter a new password."),
        ("1234567", "Use at least 8 characters."),
        ("e\u0301" * 7, "Use at least 8 characters."),
        ("x" * 257, "Use at most 256 characters."),
        ("password1", "Many people use this password"),
        ("with a \x07 in it", "characters that cannot be used"),
    ],
)
async def test_what_is_wrong_with_a_password_is_said_and_it_is_not_shown_again(
    headless: Headless, shop: Shop, password: str, said: str
) -> None:
    path = await reset_path(headless)
    reader = at_own_host(shop)
    page = await reader.open(path)

    refused = await reader.send(page.form(path), password=password)

    assert refused.status == 400
    assert said in refused.text
    assert refused.title.startswith("Error")
    field = field_of(refused)
    assert field["value"] == ""
    assert field["aria-invalid"] == "true"
    assert field["aria-describedby"] == "password-problem password-hint"
    assert (await reader.send(refused.form(path), password=NEW)).status == 200


async def test_a_password_is_hashed_as_it_was_typed_in_one_spelling(
    headless: Headless, shop: Shop
) -> None:
    path = await reset_path(headless)
    reader = at_own_host(shop)
    typed = "  pass\u200b wo\u0308rd & 100% + =  "

    await reader.send((await reader.open(path)).form(path), password=typed)

    assert (await headless.login(password=passwords.normalised(typed))).status == 200
    assert code_of(await headless.login(password=typed.strip())) == (401, "invalid_credentials")


async def test_the_storefront_says_how_long_a_password_must_be(door: Door) -> None:
    headless = await open_headless(door, policy={"passwords": {"lengthMinimum": 15}})
    await headless.signed_up()
    path = await reset_path(headless)
    reader = at_own_host(headless.shop, headers=[("Accept-Language", "id")])

    page = await reader.open(path)
    refused = await reader.send(page.form(path), password="fourteen chars")

    assert "Paling sedikit 15 karakter" in page.text
    assert "Gunakan paling sedikit 15 karakter." in refused.text


async def test_no_page_lets_its_address_travel_or_be_framed(headless: Headless, shop: Shop) -> None:
    path = await reset_path(headless)
    reader = at_own_host(shop)

    page = await reader.open(path)
    done = await reader.send(page.form(path), password=NEW)

    for shown in (page, done):
        headers = shown.answer.headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert NEW not in shown.html


async def test_a_form_of_another_site_sets_nothing(headless: Headless, shop: Shop) -> None:
    path = await reset_path(headless)
    reader = at_own_host(shop)

    refused = await reader.post(
        path, b"password=a+long+enough+one", URL_ENCODED, [("Sec-Fetch-Site", "cross-site")]
    )

    assert refused.status == 403
    assert (await reader.open(path)).status == 200


async def test_a_form_of_another_kind_is_a_form_without_a_password(
    headless: Headless, shop: Shop
) -> None:
    path = await reset_path(headless)
    reader = at_own_host(shop)

    answer = await reader.post(path, b'{"password":"a long enough one"}', "text/plain")

    assert answer.status == 400
    assert "Enter a new password." in Shown(answer).text


@pytest.mark.parametrize("door_setup", [Setup()])
async def test_where_too_many_are_hashed_it_can_be_tried_again(door: Door) -> None:
    headless = await open_headless(door)
    await headless.signed_up()
    path = await reset_path(headless)
    reader = at_own_host(headless.shop)
    await door.app[HASHING].close()

    answer = await reader.post(path, b"password=a+quite+different+password", URL_ENCODED)

    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert (await reader.open(path)).status == 200


# --- the other links about passwords --------------------------------------------------------------


async def test_a_lock_is_ended_with_a_click_that_needs_no_password(
    headless: Headless, shop: Shop
) -> None:
    for _ in range(5):
        await headless.login(password="wrong password")
    assert (await headless.login()).status == 423
    path = await link_about(shop, "paused")
    reader = at_own_host(shop)

    page = await reader.open(path)
    done = await reader.send(page.form(path))

    assert [given for tag, given in page.tags if tag == "input"] == []
    assert "You can sign in by password again" in done.text
    assert (await headless.login()).status == 200


async def test_a_sign_up_is_confirmed_with_a_click(headless: Headless, shop: Shop) -> None:
    path = await link_about(shop, "Confirm")
    reader = at_own_host(shop)

    done = await reader.send((await reader.open(path)).form(path))

    assert "Your email address is confirmed" in done.text
    assert (await headless.login()).status == 200


# --- where no host is the storefront's own --------------------------------------------------------


@pytest.mark.parametrize("door_setup", [Setup(public_url=PUBLIC)])
async def test_under_the_one_public_address_the_portals_page_does_the_same(door: Door) -> None:
    headless = await open_headless(door)
    await headless.signed_up()
    path = await reset_path(headless)
    reader = Reader(headless.shop.client)

    page = await reader.open(path)
    done = await reader.send(page.form(path), password=NEW)

    slug = headless.shop.slug
    assert path.startswith(f"/s/{slug}/account/actions/p")
    assert page.answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Your password is set" in done.text
    assert done.links["Go to your account"] == f"/s/{slug}/account"
    assert (await headless.login(password=NEW)).status == 200
    assert (await reader.open(path)).status == 404


async def test_the_portals_page_takes_every_action(headless: Headless, shop: Shop) -> None:
    token = (await mint_action(shop, "confirm_email")).rpartition("/")[2]
    path = f"/s/{shop.slug}/account/actions/{token}"
    reader = Reader(shop.client)

    done = await reader.send((await reader.open(path)).form(path))

    assert "Your email address is confirmed" in done.text
    assert (await reader.open(f"/s/{shop.slug}/account/actions/x")).status == 404


# --- the same by API ------------------------------------------------------------------------------


async def by_api(headless: Headless, path: str, body: object = None) -> Answer:
    """Take an action on the account surface."""
    token = path.rpartition("/")[2]
    slug = ("x-organization-slug", headless.shop.slug)
    return await headless.shop.client("POST", f"{ACTIONS}/{token}", body, [slug])


async def test_without_a_password_the_call_says_that_one_is_needed(headless: Headless) -> None:
    path = await reset_path(headless)

    refused = [await by_api(headless, path), await by_api(headless, path, {"password": None})]

    for answer in refused:
        assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR")
        assert "password" in answer.body["message"]


async def test_with_a_password_the_call_sets_it_once(headless: Headless) -> None:
    path = await reset_path(headless)

    short = await by_api(headless, path, {"password": "short"})
    common = await by_api(headless, path, {"password": "password1"})
    odd = await by_api(headless, path, {"password": 12345678})
    done = await by_api(headless, path, {"password": NEW})
    again = await by_api(headless, path, {"password": NEW})

    assert [answer.status for answer in (short, common, odd)] == [400] * 3
    assert "at least 8" in short.body["message"]
    assert "common" in common.body["message"]
    assert (done.status, done.body["action"]) == (200, "set_password")
    assert done.body["result"]["passwordSet"] is True
    assert (again.status, again.body["code"]) == (404, "TOKEN_NOT_FOUND")
    assert (await headless.login(password=NEW)).status == 200


async def test_the_preview_of_a_reset_holds_nothing_personal(headless: Headless) -> None:
    token = (await reset_path(headless)).rpartition("/")[2]
    slug = ("x-organization-slug", headless.shop.slug)

    answer = await headless.shop.client.get(f"{ACTIONS}/{token}", [slug])

    assert answer.status == 200
    assert set(answer.body) == {"action", "context", "expiresAt"}
    assert (answer.body["action"], answer.body["context"]) == ("set_password", {})


async def test_the_mailed_token_resets_on_the_store_surface_too(headless: Headless) -> None:
    token = (await reset_path(headless)).rpartition("/")[2]

    done = await headless("POST", f"{AUTH}/password/reset", {"token": token, "password": NEW})

    assert done.status == 204
    assert (await headless.login(password=NEW)).status == 200
