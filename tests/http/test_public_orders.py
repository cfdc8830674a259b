import asyncio
from urllib.parse import quote

import pytest

from doorward.actors.messages.merchant import ServiceDocument
from tests.http.doors import Door
from tests.http.knocking import client_from, cookie_header
from tests.http.placing import PUBLIC, TOTAL, place
from tests.http.shops import BUYER, Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAYMENT = {
    "bankAccounts": [
        {"bankName": "BCA", "accountNumber": "1234567890", "accountHolder": "Kopi Senja"}
    ],
    "instructions": "Cantumkan nomor pesanan.",
    "whatsappNumber": "+62 812-3456-7890",
}
UNKNOWN = "AAAA" + "x" * 40
NOT_THERE = {"code": "NOT_FOUND", "message": "There is no such order."}


async def test_the_order_view_has_exactly_the_fields_of_the_contract(door: Door) -> None:
    shop = await open_shop(door, payment=PAYMENT)
    placed = await place(
        shop,
        number="B-000007",
        buyer_name="Sari",
        buyer_phone="+6281234567890",
        package_name="Paket Senja",
        preferred_date="2026-04-01",
        notes="Tolong digiling kasar.",
        service=ServiceDocument(slug="katering", name="Katering", pricing_type="quoted"),
        created_at="2026-03-01T12:00:00Z",
    )

    assert await placed.view() == {
        "number": "B-000007",
        "status": "requested",
        "paymentStatus": "unpaid",
        "quotedPriceIdr": TOTAL,
        "currency": "IDR",
        "packageName": "Paket Senja",
        "buyerName": "Sari",
        "preferredDate": "2026-04-01",
        "notes": "Tolong digiling kasar.",
        "createdAt": "2026-03-01T12:00:00.000Z",
        "service": {"slug": "katering", "name": "Katering"},
        "storefront": {"slug": shop.slug, "displayName": "Toko Uji"},
        "payment": {**PAYMENT, "whatsappLink": "https://wa.me/6281234567890"},
        "hasProof": False,
        "messages": [],
    }


async def test_a_page_needs_no_session_and_works_for_everyone(shop: Shop) -> None:
    placed = await place(shop)
    session = await shop.session("stranger@example.org")

    assert (await placed.read()).status == 200
    assert (await placed.read([cookie_header(session)])).status == 200


async def test_a_page_tells_neither_the_buyers_email_nor_what_is_internal(shop: Shop) -> None:
    placed = await place(shop, buyer_phone="+6281234567890")
    await placed.note("Pelanggan ini sulit", internal=True)
    await placed.note("Pesanan sedang disiapkan")

    answer = await placed.read()

    for hidden in (BUYER, "+6281234567890", "sulit", placed.token, placed.id):
        assert hidden.encode() not in answer.raw
    assert [each["body"] for each in answer.data["messages"]] == ["Pesanan sedang disiapkan"]


async def test_payment_details_go_away_once_payment_is_confirmed(door: Door) -> None:
    shop = await open_shop(door, payment=PAYMENT)
    placed = await place(shop)
    unpaid = await placed.view()
    await placed.claim()
    claimed = await placed.view()

    await placed.confirm()

    confirmed = await placed.view()
    assert unpaid["payment"]
    assert claimed["payment"] == unpaid["payment"]
    assert (confirmed["paymentStatus"], confirmed["payment"]) == ("payment_confirmed", None)


@pytest.mark.parametrize(
    ("number", "link"), [(None, None), ("0812 3456", "https://wa.me/08123456")]
)
async def test_the_chat_link_is_made_of_the_numbers_digits(
    door: Door, number: str | None, link: str | None
) -> None:
    shop = await open_shop(door, payment={"whatsappNumber": number})

    payment = (await (await place(shop)).view())["payment"]

    assert payment == {
        "bankAccounts": [],
        "instructions": None,
        "whatsappNumber": number,
        "whatsappLink": link,
    }


async def test_every_answer_keeps_its_address_to_itself(shop: Shop) -> None:
    placed = await place(shop)

    answers = [
        await placed.read(),
        await placed.write({"body": ""}),
        await placed.claim(),
        await shop.client.get(f"{PUBLIC}/{UNKNOWN}"),
        await shop.client("DELETE", placed.path),
        await shop.client.get(f"{PUBLIC}/a/b/c"),
    ]

    assert [answer.status for answer in answers] == [200, 400, 200, 404, 405, 404]
    for answer in answers:
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"


async def test_whatever_is_wrong_with_a_token_the_answer_is_the_same(door: Door) -> None:
    shop, hidden = await open_shop(door), await open_shop(door)
    placed, unseen = await place(shop), await place(hidden)
    old = placed.token
    await placed.rotate()
    await door.operate("PUT", f"/{hidden.slug}", {"displayName": "Toko", "published": False})
    dead = [
        *(old, unseen.token, UNKNOWN, "token", "x", old[:-1], f"{old}A", old.swapcase()),
        *(quote("../../operator/storefronts", safe=""), "%00", "%2e%2e%2f", "é" * 44, "A" * 4000),
    ]

    same_id = [("X-Request-Id", "one-id-for-all")]
    answers = [await shop.client.get(f"{PUBLIC}/{token}", same_id) for token in dead]

    assert (answers[0].status, answers[0].error) == (404, NOT_THERE)
    seen = [answer.unmistakable() for answer in answers]
    assert [each for each in seen if each != seen[0]] == []


async def test_a_dead_token_does_nothing_on_any_call(shop: Shop) -> None:
    path = f"{PUBLIC}/{UNKNOWN}"
    image = [("Content-Type", "image/png")]

    answers = [
        await shop.client.post(f"{path}/messages", {"body": "Halo"}),
        await shop.client.post(f"{path}/claim-payment"),
        await shop.client("PUT", f"{path}/proof", None, image, raw=b"x"),
    ]

    assert [answer.status for answer in answers] == [404] * 3
    assert [answer.error for answer in answers] == [NOT_THERE] * 3


async def test_guesses_at_tokens_are_limited_by_address_and_right_ones_are_not(door: Door) -> None:
    shop = await open_shop(door)
    placed = await place(shop)
    async with client_from(door.url, "127.0.0.77") as guesser:
        answers = [await guesser.get(f"{PUBLIC}/{placed.token[:4]}{'x' * 40}") for _ in range(62)]

    assert [answer.status for answer in answers] == [404] * 60 + [429] * 2
    assert answers[-1].error["code"] == "RATE_LIMITED"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert (await placed.read()).status == 200


async def test_a_message_becomes_part_of_the_thread(shop: Shop) -> None:
    placed = await place(shop, buyer_name="Sari")

    answer = await placed.write({"body": "Apakah bisa dikirim Senin?\n\tTerima kasih."})

    assert answer.status == 201
    assert set(answer.data) == {"id", "authorType", "authorName", "body", "createdAt"}
    assert (answer.data["authorType"], answer.data["authorName"]) == ("buyer", "Sari")
    assert answer.data["body"] == "Apakah bisa dikirim Senin?\n\tTerima kasih."
    assert (await placed.view())["messages"] == [answer.data]


async def test_messages_come_oldest_first_from_both_sides(shop: Shop) -> None:
    placed = await place(shop)
    for number in range(1, 41):
        await placed.note(f"pesan {number}")
    await placed.write({"body": "pesan 41"})

    messages = (await placed.view())["messages"]

    assert [each["body"] for each in messages] == [f"pesan {number}" for number in range(1, 42)]
    assert [each["authorType"] for each in messages] == ["seller"] * 40 + ["buyer"]
    assert len({each["id"] for each in messages}) == 41


async def test_attachments_are_shown_where_there_are_some(shop: Shop) -> None:
    placed = await place(shop)

    answer = await placed.write({"body": "Lihat", "attachments": ["https://example.org/a.png"]})

    assert answer.data["attachments"] == ["https://example.org/a.png"]
    assert (await placed.view())["messages"] == [answer.data]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "body"),
        ({"body": ""}, "body"),
        ({"body": "x" * 4001}, "body"),
        ({"body": 5}, "body"),
        ({"body": None}, "body"),
        ({"body": "a\x1bb"}, "body"),
        ({"body": "x", "attachments": "https://example.org"}, "attachments"),
        ({"body": "x", "attachments": ["javascript:alert(1)"]}, None),
        ({"body": "x", "attachments": ["http://example.org/a"]}, None),
        ({"body": "x", "attachments": ["https://example.org/a"] * 11}, None),
    ],
)
async def test_a_message_that_breaks_a_rule_is_refused_and_nothing_is_kept(
    shop: Shop, body: object, param: str | None
) -> None:
    placed = await place(shop)

    answer = await placed.write(body)

    assert (answer.status, answer.error["code"]) == (400, "VALIDATION_ERROR")
    assert answer.error["param"].startswith(param or "attachments")
    assert (await placed.view())["messages"] == []


async def test_a_message_of_four_thousand_characters_is_taken(shop: Shop) -> None:
    placed = await place(shop)

    assert (await placed.write({"body": "ü" * 4000})).status == 201


async def test_messages_must_be_json(shop: Shop) -> None:
    placed = await place(shop)
    form = [("Content-Type", "application/x-www-form-urlencoded")]

    answers = [
        await shop.client("POST", f"{placed.path}/{call}", None, form, raw=b"body=x")
        for call in ("messages", "claim-payment")
    ]

    assert [answer.status for answer in answers] == [415, 415]
    assert (await placed.view())["paymentStatus"] == "unpaid"


async def test_script_in_names_notes_and_messages_comes_back_as_inert_json(shop: Shop) -> None:
    script = "</script><img src=x onerror=alert(1)>"
    placed = await place(shop, buyer_name=script, notes=script, package_name=script)
    await placed.write({"body": script})

    answer = await placed.read()

    told = answer.data
    assert [told["buyerName"], told["notes"], told["messages"][0]["body"]] == [script] * 3
    assert told["messages"][0]["authorName"] == script
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_claiming_payment_twice_is_one_claim(shop: Shop) -> None:
    placed = await place(shop)

    answers = [await placed.claim(), await placed.claim()]

    assert [answer.status for answer in answers] == [200, 200]
    assert [answer.data for answer in answers] == [{"paymentStatus": "payment_claimed"}] * 2


async def test_of_many_claims_at_once_all_say_the_same(shop: Shop) -> None:
    placed = await place(shop)

    answers = await asyncio.gather(*(placed.claim() for _ in range(10)))

    assert {answer.status for answer in answers} == {200}
    assert (await placed.view())["paymentStatus"] == "payment_claimed"


async def test_a_confirmed_payment_cannot_be_claimed(shop: Shop) -> None:
    placed = await place(shop)
    await placed.confirm()

    answer = await placed.claim()

    assert (answer.status, answer.error["code"]) == (409, "INVALID_TRANSITION")
    assert answer.error["message"].endswith(".")


async def test_volume_limits_of_an_order_are_told_and_kept(shop: Shop) -> None:
    placed = await place(shop)

    answers = [await placed.write({"body": f"pesan {number}"}) for number in range(31)]

    assert [answer.status for answer in answers] == [201] * 30 + [429]
    assert answers[0].headers["RateLimit-Policy"] == '"orders.messages";q=30;w=3600'
    assert int(answers[-1].headers["Retry-After"]) > 0


@pytest.mark.parametrize("call", ["messages", "claim-payment", "proof"])
@pytest.mark.parametrize(
    "headers",
    [
        [("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "same-site")],
        [("Origin", "https://evil.example")],
    ],
)
async def test_a_page_of_another_site_can_do_nothing_where_a_cookie_is_sent(
    shop: Shop, call: str, headers: list[tuple[str, str]]
) -> None:
    placed = await place(shop)
    method = "PUT" if call == "proof" else "POST"
    typed = [("Content-Type", "image/png" if call == "proof" else "application/json")]
    sent = [cookie_header(f"portal-{shop.slug}={'A' * 43}"), *headers, *typed]

    answer = await shop.client(method, f"{placed.path}/{call}", None, sent, raw=b'{"body":"x"}')

    assert (answer.status, answer.error["code"]) == (403, "FORBIDDEN")
    view = await placed.view()
    assert (view["messages"], view["paymentStatus"], view["hasProof"]) == ([], "unpaid", False)


async def test_a_page_of_the_storefronts_own_may_act(shop: Shop) -> None:
    placed = await place(shop)
    sent = [cookie_header(f"portal-{shop.slug}={'A' * 43}"), ("Sec-Fetch-Site", "same-origin")]

    assert (await placed.write({"body": "Halo"}, sent)).status == 201


async def test_an_order_that_was_erased_with_its_storefront_opens_no_more(door: Door) -> None:
    shop = await open_shop(door)
    placed = await place(shop)

    await door.operate("DELETE", f"/{shop.slug}")

    assert (await placed.read()).error == NOT_THERE
