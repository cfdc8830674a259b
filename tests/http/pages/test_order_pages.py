from urllib.parse import urlencode

import pytest
import pytest_asyncio

from tests.http.knocking import Answer, client_from
from tests.http.pages.reading import URL_ENCODED, Reader
from tests.http.placing import Placed, place
from tests.http.shops import BUYER, Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAYMENT = {
    "bankAccounts": [
        {"bankName": "Bank Senja", "accountNumber": "7750123456", "accountHolder": "PT Senja"}
    ],
    "instructions": "Within two days.\nThank you.",
    "whatsappNumber": "+6281200005678",
}


@pytest_asyncio.fixture(loop_scope="session")
async def shop(shop: Shop) -> Shop:
    return await open_shop(shop.door, payment=PAYMENT)


@pytest_asyncio.fixture(loop_scope="session")
async def placed(shop: Shop) -> Placed:
    return await place(shop)


async def act(placed: Placed, path: str, *headers: tuple[str, str], **fields: str) -> Answer:
    raw = urlencode(fields).encode()
    sent = [("Content-Type", URL_ENCODED), *headers]
    return await placed.shop.client("POST", f"/o/{placed.token}/{path}", None, sent, raw=raw)


async def test_the_page_shows_how_to_pay_and_never_the_email(
    placed: Placed, reader: Reader
) -> None:
    page = await reader.open(f"/o/{placed.token}")

    assert page.status == 200
    assert "7750123456" in page.text
    assert "Within two days." in page.text
    assert page.links["Chat on WhatsApp"].startswith("https://wa.me/6281200005678?text=")
    assert BUYER not in page.html


async def test_the_page_needs_no_cookie_and_sets_none(placed: Placed) -> None:
    page = await placed.shop.client.get(f"/o/{placed.token}")

    assert page.status == 200
    assert not page.cookies
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"


async def test_saying_that_one_paid_is_seen_by_the_seller_and_may_be_repeated(
    placed: Placed, reader: Reader
) -> None:
    page = await reader.open(f"/o/{placed.token}")
    form = page.form("/paid")

    claimed = await reader.send(form)
    again = await reader.send(form)

    assert "Thank you." in claimed.text
    assert "Payment being checked" in claimed.text
    assert again.status == 200
    assert (await placed.view())["paymentStatus"] == "payment_claimed"


async def test_a_paid_order_asks_for_no_money(placed: Placed, reader: Reader) -> None:
    form = (await reader.open(f"/o/{placed.token}")).form("/paid")
    await placed.confirm()

    page = await reader.open(f"/o/{placed.token}")
    late = await reader.send(form)

    assert "7750123456" not in page.html
    assert "This payment is already confirmed." in late.text


async def test_an_order_that_will_not_be_carried_out_asks_for_no_money(
    shop: Shop, reader: Reader
) -> None:
    placed = await place(shop, status="canceled")

    page = await reader.open(f"/o/{placed.token}")

    assert "7750123456" not in page.html
    assert "It will not be carried out." in page.text


async def test_an_address_cannot_be_made_up_to_say_that_it_is_paid(
    placed: Placed, reader: Reader
) -> None:
    page = await reader.open(f"/o/{placed.token}?notice=paid")

    assert "Thank you." not in page.text.replace("Within two days. Thank you.", "")


async def test_a_message_reaches_the_thread_and_an_internal_one_never_the_page(
    placed: Placed, reader: Reader
) -> None:
    await placed.note("We begin tomorrow.")
    await placed.note("Difficult customer", internal=True)
    page = await reader.open(f"/o/{placed.token}")

    page = await reader.send(page.form("/messages"), body="Thank you!\nSari")

    assert "Your message is sent." in page.text
    assert "We begin tomorrow." in page.text
    assert "Difficult" not in page.html
    assert (await placed.view())["messages"][-1]["body"] == "Thank you!\nSari"


@pytest.mark.parametrize(
    "body",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</textarea><script>alert(1)</script>",
        "{{ 7 * 7 }} {% raw %}",
        "\u202egnp.exe \u2066 left open",
    ],
)
async def test_a_message_is_shown_as_it_was_written_and_does_nothing(
    placed: Placed, reader: Reader, body: str
) -> None:
    page = await reader.open(f"/o/{placed.token}")

    page = await reader.send(page.form("/messages"), body=body)

    scripts = [given for tag, given in page.tags if tag == "script"]
    assert page.status == 200
    assert "<img" not in page.html
    assert len(scripts) == 1
    assert " ".join(body.split()) in page.text


async def test_what_may_be_right_to_left_is_kept_to_itself(placed: Placed, reader: Reader) -> None:
    await placed.write({"body": "\u202eabc"})

    page = await reader.open(f"/o/{placed.token}")

    said = next(given for tag, given in page.tags if given.get("class") == "said" and tag == "p")
    assert said["dir"] == "auto"


@pytest.mark.parametrize(
    ("body", "status"), [("", 400), (" \r\n ", 400), ("x" * 4_001, 400), ("a\x07b", 400)]
)
async def test_a_refused_message_is_not_lost(
    placed: Placed, reader: Reader, body: str, status: int
) -> None:
    page = await reader.open(f"/o/{placed.token}")

    page = await reader.send(page.form("/messages"), body=body)

    assert page.status == status
    assert page.form("/messages").fields["body"].strip() == body.strip()
    assert (await placed.view())["messages"] == []


async def test_the_longest_message_in_the_widest_letters_fits(
    placed: Placed, reader: Reader
) -> None:
    page = await reader.open(f"/o/{placed.token}")

    page = await reader.send(page.form("/messages"), body="\N{HOT BEVERAGE}\ufe0f" * 2_000)

    assert "Your message is sent." in page.text


async def test_attachments_that_are_no_web_addresses_are_no_links(
    placed: Placed, reader: Reader
) -> None:
    await placed.write({"body": "See", "attachments": ["https://files.example/a.pdf"]})

    page = await reader.open(f"/o/{placed.token}")

    assert page.links["files.example/a.pdf"] == "https://files.example/a.pdf"
    assert all(href.startswith(("/", "#", "https://")) for href in page.links.values())


@pytest.mark.parametrize("header", [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://e.ex")])
@pytest.mark.parametrize("path", ["messages", "paid"])
async def test_a_form_of_another_site_does_nothing(
    placed: Placed, path: str, header: tuple[str, str]
) -> None:
    answer = await act(placed, path, header, body="Hello")

    assert answer.status == 403
    view = await placed.view()
    assert (view["messages"], view["paymentStatus"]) == ([], "unpaid")


async def test_a_browser_that_blanks_the_origin_of_our_own_form_is_let_through(
    placed: Placed,
) -> None:
    # Plain http on a name that is not this machine's: no-referrer makes the Origin "null", and
    # Sec-Fetch-Site is not sent.
    answer = await act(placed, "messages", ("Origin", "null"), body="Hello")

    assert answer.status == 303


@pytest.mark.parametrize(
    "token", ["A" * 44, "A" * 43, "token", "x", "A" * 44 + "%2F..", "%00", "é" * 20]
)
async def test_what_opens_no_order_is_one_and_the_same_page(shop: Shop, token: str) -> None:
    page = await shop.client.get(f"/o/{token}")
    posts = [
        await shop.client(
            "POST", f"/o/{token}/{path}", None, [("Content-Type", URL_ENCODED)], raw=b"body=x"
        )
        for path in ("messages", "paid")
    ]

    assert {answer.status for answer in (page, *posts)} == {404}
    assert b"This order link does not work" in page.raw or b"does not exist" in page.raw


async def test_a_replaced_token_opens_nothing_any_more(placed: Placed, reader: Reader) -> None:
    fresh = await placed.rotate()

    assert (await reader.open(f"/o/{placed.token}")).status == 404
    assert (await reader.open(f"/o/{fresh}")).status == 200


async def test_too_many_dead_tokens_are_told_to_wait(shop: Shop) -> None:
    # From an address of its own, so that no other test is held back.
    async with client_from(shop.door.url, "127.0.0.77") as client:
        answers = [await client.get("/o/" + "A" * 44) for _ in range(61)]

    assert answers[0].status == 404
    assert answers[-1].status == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert b"too many tries" in answers[-1].raw


async def test_reloading_the_page_of_a_form_leads_back_to_the_order(
    placed: Placed, reader: Reader
) -> None:
    for path in ("messages", "paid", "proof"):
        page = await reader.open(f"/o/{placed.token}/{path}")

        assert reader.path == f"/o/{placed.token}"
        assert page.status == 200
