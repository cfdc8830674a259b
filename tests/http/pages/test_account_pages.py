from urllib.parse import urlencode

import pytest

from tests.http.pages.reading import URL_ENCODED, Reader
from tests.http.placing import document, place, place_many
from tests.http.shops import BUYER, Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = '<img src=x onerror="alert(1)">'


def home(shop: Shop) -> str:
    return f"/s/{shop.slug}/account"


async def test_who_is_not_signed_in_is_led_to_where_that_is_done(
    shop: Shop, reader: Reader
) -> None:
    for path in (home(shop), f"{home(shop)}/profile"):
        page = await reader.open(path)

        assert page.status == 200
        assert page.form("/sign-in").fields["next"] == path


async def test_the_short_address_leads_to_the_account(shop: Shop, buyer: Reader) -> None:
    for path in (f"/s/{shop.slug}", f"/s/{shop.slug}/", f"{home(shop)}/"):
        page = await buyer.open(path)

        assert "Your orders" in page.title


async def test_a_session_that_ended_says_so(shop: Shop, buyer: Reader) -> None:
    await shop.advance(31 * 86_400)

    page = await buyer.open(home(shop))

    assert "Your session has ended" in page.text


async def test_a_buyer_without_orders_is_told_how_they_will_come(shop: Shop, buyer: Reader) -> None:
    page = await buyer.open(home(shop))

    assert "No orders yet" in page.text
    assert BUYER in page.text


async def test_every_order_of_the_email_is_listed_with_its_states_in_words(
    shop: Shop, buyer: Reader
) -> None:
    mine = await place(shop, "KS-77", package_name="Paket Senja")
    await place(shop, "KS-78", email="other@example.org")
    await mine.confirm()

    page = await buyer.open(home(shop))

    assert page.links == {
        **page.links,
        "Order KS-77": f"/o/{mine.token}",
    }
    assert "KS-78" not in page.html
    assert "Status: Requested" in page.text
    assert "Payment: Paid" in page.text
    assert "Paket Senja" in page.text
    assert "Rp\u00a0288,000".replace("\u00a0", " ") in page.text


async def test_many_orders_are_paged_through_without_loss_or_repetition(
    shop: Shop, buyer: Reader
) -> None:
    await place_many(shop, [document(f"N-{number:03}") for number in range(45)])
    seen: list[str] = []
    page = await buyer.open(home(shop))
    pages = 1

    while "Older orders" in page.links:
        seen += [text for text in page.links if text.startswith("Order N-")]
        page = await buyer.open(page.links["Older orders"])
        pages += 1
    seen += [text for text in page.links if text.startswith("Order N-")]

    assert pages == 3
    assert sorted(seen) == [f"Order N-{number:03}" for number in range(45)]
    assert page.links["Newest orders"] == home(shop)


@pytest.mark.parametrize("cursor", ["x", "../..", "MTAuYQ==", "%00", "A" * 500])
async def test_a_cursor_that_nobody_told_leads_to_the_beginning(
    shop: Shop, buyer: Reader, cursor: str
) -> None:
    page = await buyer.open(f"{home(shop)}?cursor={cursor}")

    assert page.status == 200
    assert buyer.path == home(shop)


async def test_what_others_wrote_into_an_order_is_inert(shop: Shop, buyer: Reader) -> None:
    placed = await place(shop, package_name=HOSTILE[:100], buyer_name=HOSTILE, notes=HOSTILE)

    listed, shown = await buyer.open(home(shop)), await buyer.open(f"/o/{placed.token}")

    for page in (listed, shown):
        assert "<img" not in page.html
        assert HOSTILE in page.text


async def test_the_profile_is_changed_and_says_so_once(shop: Shop, buyer: Reader) -> None:
    page = await buyer.open(f"{home(shop)}/profile")

    saved = await buyer.send(page.form("/profile"), name="Sari", phone="+62 (812) 3456-7890")
    later = await buyer.open(f"{home(shop)}/profile")

    assert "Your profile is saved." in saved.text
    assert "Your profile is saved." not in later.text
    assert later.form("/profile").fields == {"name": "Sari", "phone": "+6281234567890"}


async def test_empty_fields_clear_the_profile(shop: Shop, buyer: Reader) -> None:
    page = await buyer.open(f"{home(shop)}/profile")
    page = await buyer.send(page.form("/profile"), name="Sari", phone="+6281234567890")

    page = await buyer.send(page.form("/profile"), name=" ", phone="")

    assert page.form("/profile").fields == {"name": "", "phone": ""}


@pytest.mark.parametrize(
    ("field", "value"),
    [("phone", "0812"), ("phone", "call me"), ("name", "x" * 101), ("name", "a\x07b")],
)
async def test_a_refused_profile_keeps_what_was_typed_and_names_the_field(
    shop: Shop, buyer: Reader, field: str, value: str
) -> None:
    page = await buyer.open(f"{home(shop)}/profile")

    page = await buyer.send(page.form("/profile"), **{field: value})

    wrong = next(given for _, given in page.tags if given.get("id") == field)
    assert page.status == 400
    assert page.title.startswith("Error: ")
    assert wrong["aria-invalid"] == "true"
    assert f"#{field}" in page.links.values()
    assert page.form("/profile").fields[field] == value
    assert BUYER in page.text


async def test_a_profile_comes_back_inert(shop: Shop, buyer: Reader) -> None:
    page = await buyer.open(f"{home(shop)}/profile")

    page = await buyer.send(page.form("/profile"), name=HOSTILE)

    assert "<img" not in page.html
    assert page.form("/profile").fields["name"] == HOSTILE


async def test_a_profile_sent_without_a_session_changes_nothing(shop: Shop, reader: Reader) -> None:
    raw = urlencode({"name": "Eve"}).encode()

    answer = await reader.post(f"{home(shop)}/profile", raw, URL_ENCODED)

    assert answer.status == 303
    assert "/sign-in?next=" in answer.headers["Location"]


async def test_signing_out_ends_the_session_and_takes_the_cookie_away(
    shop: Shop, buyer: Reader
) -> None:
    session = next(f"{name}={value}" for name, value in buyer.jar.items() if "portal" in name)
    page = await buyer.open(home(shop))

    page = await buyer.send(page.form("/sign-out"))

    assert "You are signed out." in page.text
    assert not any("portal" in name for name in buyer.jar)
    assert not await shop.is_signed_in(session)


async def test_one_storefronts_session_opens_no_other(shop: Shop, buyer: Reader) -> None:
    await shop.door.operate(
        "PUT", f"/{shop.slug}-two", {"displayName": "Other", "published": True}, status=201
    )

    page = await buyer.open(f"/s/{shop.slug}-two/account")

    assert page.forms[0].action.endswith("/sign-in")
