import pytest
import pytest_asyncio

from tests.http.doors import Door, Setup
from tests.http.knocking import Answer
from tests.http.pages.own_hosts import at_own_host, host_of, sign_in
from tests.http.pages.reading import Reader, Shown
from tests.http.placing import place
from tests.http.shops import BUYER, Shop, open_shop, wrong

pytestmark = pytest.mark.asyncio(loop_scope="session")

STRANGER = "stranger@example.org"


@pytest_asyncio.fixture(loop_scope="session")
async def shop(door: Door) -> Shop:
    shop = await open_shop(door)
    await place(shop)
    return shop


async def get(shop: Shop, path: str, host: str) -> Answer:
    return await shop.client.get(path, [("Host", host)])


async def asked(shop: Shop, email: str) -> tuple[Reader, Shown]:
    reader = at_own_host(shop)
    page = await reader.open("/account/sign-in")
    return reader, await reader.send(page.form("/account/sign-in"), email=email)


async def test_two_forms_sign_in_on_the_storefronts_own_host(shop: Shop) -> None:
    reader = at_own_host(shop)

    page = await sign_in(shop, reader)

    assert reader.path == "/account"
    assert BUYER in page.text
    assert any(name.startswith("customer-") for name in reader.jar)


async def test_one_mail_has_the_link_and_the_code_and_the_link_leads_here(shop: Shop) -> None:
    await asked(shop, BUYER)

    mail = (await shop.mails(BUYER))[-1]

    assert mail["code"]
    (link,) = mail["links"]
    assert link.startswith(f"http://{host_of(shop)}/account/link?token=")


async def test_the_mailed_link_signs_in_on_a_click_and_not_before(shop: Shop) -> None:
    await asked(shop, BUYER)
    token = await shop.link_token()
    reader = at_own_host(shop)

    landing = await reader.open(f"/account/link?token={token}")
    looked = dict(reader.jar)
    page = await reader.send(landing.form("/account/link"))

    assert looked == {}
    assert landing.answer.headers["Referrer-Policy"] == "no-referrer"
    assert reader.path == "/account"
    assert BUYER in page.text


async def test_a_used_link_says_that_it_no_longer_works(shop: Shop) -> None:
    await asked(shop, BUYER)
    token = await shop.link_token()
    first, second = at_own_host(shop), at_own_host(shop)
    landing = await first.open(f"/account/link?token={token}")
    await first.send(landing.form("/account/link"))

    page = await second.send(landing.form("/account/link"))

    assert page.status == 401
    assert "no longer works" in page.text


async def test_known_and_unknown_emails_get_one_and_the_same_page(shop: Shop) -> None:
    _, known = await asked(shop, BUYER)
    _, unknown = await asked(shop, STRANGER)

    assert known.status == unknown.status == 200
    assert known.text.replace(BUYER, "") == unknown.text.replace(STRANGER, "")
    assert await shop.mails(STRANGER) == []


async def test_a_wrong_code_is_told_beside_its_field(shop: Shop) -> None:
    reader, page = await asked(shop, BUYER)

    page = await reader.send(page.form("/code"), code=wrong(await shop.code()))

    assert page.status == 401
    assert page.title.startswith("Error:")
    assert "wrong or no longer valid" in page.text


async def test_what_one_wanted_to_see_comes_after_signing_in(shop: Shop) -> None:
    reader = at_own_host(shop)
    page = await reader.open("/account/orders")
    page = await reader.send(page.form("/sign-in"), email=BUYER)

    await reader.send(page.form("/code"), code=await shop.code())

    assert reader.path == "/account/orders"


@pytest.mark.parametrize(
    "away", ["//evil.example", "https://evil.example/", "/account/../s/x", "/account/orders//x"]
)
async def test_no_address_leads_elsewhere_after_signing_in(shop: Shop, away: str) -> None:
    reader = at_own_host(shop)
    page = await reader.open(f"/account/sign-in?next={away}")
    page = await reader.send(page.form("/sign-in"), email=BUYER)

    await reader.send(page.form("/code"), code=await shop.code())

    assert reader.path == "/account"


async def test_signing_out_ends_the_session(shop: Shop) -> None:
    reader = at_own_host(shop)
    page = await sign_in(shop, reader)
    jar = dict(reader.jar)

    page = await reader.send(page.form("/sign-out"))
    reader.jar.update(jar)
    again = await reader.open("/account")

    assert "You are signed out." in page.text
    assert again.forms[0].action == "/account/sign-in"


async def test_the_portals_session_is_none_here(shop: Shop) -> None:
    reader = at_own_host(shop)
    name, _, value = (await shop.session()).partition("=")
    reader.jar = {name: value, name.replace("portal-", "customer-"): value}

    page = await reader.open("/account")

    assert page.forms[0].action == "/account/sign-in"


async def test_the_root_leads_to_the_account(shop: Shop) -> None:
    answer = await get(shop, "/", host_of(shop))

    assert (answer.status, answer.headers["Location"]) == (303, "/account")


@pytest.mark.parametrize("path", ["/account", "/account/sign-in", "/order/x/status", "/actions/x"])
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "nobody.localhost", "{slug}.evil.example", "{slug}", "x."]
)
async def test_on_any_other_host_there_is_nothing(shop: Shop, path: str, host: str) -> None:
    answer = await get(shop, path, host.format(slug=shop.slug))

    assert answer.status == 404
    assert answer.body["code"] == "NOT_FOUND"


async def test_an_unpublished_storefront_has_no_host(shop: Shop) -> None:
    await shop.door.operate("PUT", f"/{shop.slug}", {"displayName": "Closed", "published": False})

    assert (await get(shop, "/account", host_of(shop))).status == 404


async def test_the_name_of_a_host_is_read_without_regard_to_case(shop: Shop) -> None:
    answer = await get(shop, "/account/sign-in", host_of(shop).upper())

    assert answer.status == 200


async def test_no_other_header_names_a_storefront(shop: Shop) -> None:
    named = [("X-Forwarded-Host", host_of(shop)), ("X-Organization-Slug", shop.slug)]
    answer = await shop.client.get("/account/sign-in", [("Host", "127.0.0.1"), *named])

    assert answer.status == 404


async def test_a_storefronts_own_hosted_domain_is_its_host_and_localhost_no_longer(
    door: Door,
) -> None:
    shop = await open_shop(door, hostedDomain="own.example")

    own = await get(shop, "/account/sign-in", f"{shop.slug}.own.example")
    other = await get(shop, "/account/sign-in", host_of(shop))

    assert (own.status, other.status) == (200, 404)


async def test_the_portal_and_the_api_answer_on_that_host_too(shop: Shop) -> None:
    reader = at_own_host(shop)
    page = await reader.open(f"/s/{shop.slug}/account/sign-in")
    api = await shop.client.get(
        "/api/v1/customer/account/profile",
        [("Host", host_of(shop)), ("x-organization-slug", shop.slug)],
    )

    assert page.form("/sign-in").action == f"/s/{shop.slug}/account/sign-in"
    assert (api.status, api.body["code"]) == (401, "SESSION_REQUIRED")


async def test_what_lies_nowhere_below_the_account_is_a_page(shop: Shop) -> None:
    page = await at_own_host(shop).open("/account/nowhere")

    assert page.status == 404
    assert "This page does not exist" in page.text


async def test_another_method_is_told_which_there_are(shop: Shop) -> None:
    answer = await shop.client("DELETE", "/account", None, [("Host", host_of(shop))])

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


async def test_a_form_from_another_site_does_nothing(shop: Shop) -> None:
    reader = at_own_host(shop, headers=[("Sec-Fetch-Site", "cross-site")])
    page = await reader.open("/account/sign-in")

    page = await reader.send(page.form("/sign-in"), email=BUYER)

    assert page.status == 403
    assert await shop.mails(BUYER) == []


@pytest.mark.parametrize("door_setup", [Setup(hosted_domain="shops.example")])
async def test_under_the_hosted_domain_cookies_are_bound_to_the_host(shop: Shop) -> None:
    reader = at_own_host(shop, "shops.example")

    await sign_in(shop, reader)

    assert f"__Host-customer-{shop.slug}" in reader.jar
    assert (await get(shop, "/account/sign-in", host_of(shop))).status == 404


async def test_the_page_to_sign_in_is_light(shop: Shop) -> None:
    page = await at_own_host(shop).open("/account/sign-in")
    paths = [given.get("href") or given.get("src") or "" for _, given in page.tags]
    parts = [await shop.client.get(path) for path in paths if path.startswith("/assets/")]

    assert len(page.answer.raw) + sum(len(part.raw) for part in parts) < 30_000
