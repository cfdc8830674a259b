import pytest
import pytest_asyncio

from tests.http.guessing import spend_guesses
from tests.http.knocking import Answer, Headers
from tests.http.pages.reading import URL_ENCODED, Reader
from tests.http.shops import Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORM = ("Content-Type", URL_ENCODED)


@pytest_asyncio.fixture(loop_scope="session")
async def token(shop: Shop) -> str:
    """The token of a link that was mailed to the shop's buyer."""
    await spend_guesses(shop)
    await shop.advance(60)
    await shop.request_code()
    return await shop.link_token()


async def look(shop: Shop, token: str, headers: Headers = ()) -> Answer:
    return await shop.door.client.get(f"/s/{shop.slug}/account/link?token={token}", headers)


async def click(shop: Shop, token: str, *headers: tuple[str, str]) -> Answer:
    path = f"/s/{shop.slug}/account/link"
    return await shop.door.client(
        "POST", path, None, [FORM, *headers], raw=b"token=" + token.encode()
    )


async def test_looking_at_a_link_spends_nothing_and_sets_nothing(shop: Shop, token: str) -> None:
    looks = [await look(shop, token, [("Sec-Purpose", "prefetch")]) for _ in range(20)]

    clicked = await click(shop, token)

    assert {answer.status for answer in looks} == {200}
    assert all(not answer.cookies for answer in looks)
    assert clicked.status == 303


async def test_the_click_signs_in_once(shop: Shop, token: str) -> None:
    first = await click(shop, token)
    second = await click(shop, token)

    assert await shop.is_signed_in(first.cookie("portal-"))
    assert first.headers["Location"] == f"/s/{shop.slug}/account"
    assert second.status == 401
    assert not second.cookies


async def test_a_link_leads_to_the_orders_with_forms_alone(
    shop: Shop, token: str, reader: Reader
) -> None:
    page = await reader.open(f"/s/{shop.slug}/account/link?token={token}")

    page = await reader.send(page.form("/link"))

    assert "Your orders" in page.title
    assert "buyer@example.org" in page.text


async def test_a_used_link_says_so_and_leads_to_where_there_is_another(
    shop: Shop, token: str, reader: Reader
) -> None:
    await click(shop, token)
    page = await reader.open(f"/s/{shop.slug}/account/link?token={token}")

    page = await reader.send(page.form("/link"))

    assert page.status == 401
    assert "no longer works" in page.title
    assert f"/s/{shop.slug}/account" in page.links.values()


async def test_the_page_of_a_link_tells_its_address_to_nobody(shop: Shop, token: str) -> None:
    page = await look(shop, token)

    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        [("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "same-site")],
        [("Origin", "https://evil.example")],
    ],
)
async def test_another_sites_form_signs_nobody_in(
    shop: Shop, token: str, headers: list[tuple[str, str]]
) -> None:
    answer = await click(shop, token, *headers)

    assert answer.status == 403
    assert not answer.cookies
    assert (await click(shop, token)).status == 303


async def test_a_token_from_the_address_is_shown_inert(shop: Shop) -> None:
    page = await look(shop, "%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E")

    assert page.status == 200
    assert b"<img" not in page.raw


async def test_a_link_without_its_token_says_that_it_does_not_work(shop: Shop) -> None:
    page = await shop.door.client.get(f"/s/{shop.slug}/account/link")

    assert page.status == 400
    assert b"no longer works" in page.raw


@pytest.mark.parametrize(
    ("kind", "raw", "status"),
    [
        ("application/json", b'{"token":"l"}', 415),
        (FORM[1], b"", 400),
        (FORM[1], b"token=a&token=b", 400),
        (FORM[1], b"token=\xff", 400),
        (FORM[1], b"token=%ff", 400),
        (FORM[1], b"&".join([b"a%d=1" % number for number in range(9)]), 400),
        (FORM[1], b"token=" + b"x" * 70_000, 413),
    ],
)
async def test_a_form_that_cannot_be_read_is_a_page_not_a_crash(
    shop: Shop, kind: str, raw: bytes, status: int
) -> None:
    path = f"/s/{shop.slug}/account/link"

    answer = await shop.door.client("POST", path, None, [("Content-Type", kind)], raw=raw)

    assert answer.status == status
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
