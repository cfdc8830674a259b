import re

import pytest

from tests.http.doors import Door
from tests.http.pages.reading import Reader
from tests.http.placing import place
from tests.http.shops import Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

INDONESIAN = ("Accept-Language", "id-ID,id;q=0.9,en;q=0.5")


async def test_the_reader_chooses_where_the_storefront_does_not(shop: Shop) -> None:
    page = await Reader(shop.client, [INDONESIAN]).open(f"/s/{shop.slug}/account/sign-in")

    assert page.tags[0] == ("html", {"lang": "id", "dir": "ltr"})
    assert "Kirim kode ke email saya" in page.text
    assert "Accept-Language" in page.answer.headers["Vary"]


async def test_the_storefronts_own_language_comes_first(door: Door) -> None:
    english = await open_shop(door, locale="en")
    indonesian = await open_shop(door, locale="id")

    one = await Reader(door.client, [INDONESIAN]).open(f"/s/{english.slug}/account/sign-in")
    other = await Reader(door.client).open(f"/s/{indonesian.slug}/account/sign-in")

    assert one.tags[0][1]["lang"] == "en"
    assert other.tags[0][1]["lang"] == "id"


@pytest.mark.parametrize("language", ["de", "*", "", ";;;", "id;q=0", "i" * 5_000])
async def test_any_other_language_gets_english(shop: Shop, language: str) -> None:
    reader = Reader(shop.client, [("Accept-Language", language)])

    page = await reader.open(f"/s/{shop.slug}/account/sign-in")

    assert page.tags[0][1]["lang"] == "en"


async def test_money_and_days_are_written_as_the_reader_does(shop: Shop) -> None:
    placed = await place(shop, preferred_date="2026-12-24")

    english = await Reader(shop.client).open(f"/o/{placed.token}")
    indonesian = await Reader(shop.client, [INDONESIAN]).open(f"/o/{placed.token}")

    assert "Rp 288,000" in english.text
    assert "Rp 288.000" in indonesian.text
    assert "24 Desember 2026" in indonesian.text


async def test_no_word_of_the_other_language_is_left_on_a_page(shop: Shop) -> None:
    placed = await place(shop)
    reader = Reader(shop.client, [INDONESIAN])
    page = await reader.open(f"/s/{shop.slug}/account/sign-in")
    code_page = await reader.send(page.form("/sign-in"), email="buyer@example.org")
    orders = await reader.send(code_page.form("/code"), code=await shop.code())
    profile = await reader.open(f"/s/{shop.slug}/account/profile")
    order = await reader.open(f"/o/{placed.token}")

    for shown in (page, code_page, orders, profile, order):
        english = re.findall(r"\b(the|your|you|with|order|sign|send)\b", shown.text, re.IGNORECASE)
        assert english == [], shown.text
