import json

import pytest
import pytest_asyncio

from doorward.http.cli import order_lines
from doorward.http.surfaces import merchant_bulk
from tests.http.doors import OPERATOR_KEY, STOREFRONTS
from tests.http.knocking import Answer, bearer
from tests.http.sales import NDJSON, Merchant, merchant_of, ndjson, order
from tests.http.shops import BUYER, Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def merchant(shop: Shop) -> Merchant:
    return await merchant_of(shop)


async def operated(shop: Shop, *documents: object, slug: str | None = None) -> Answer:
    path = f"{STOREFRONTS}/{slug or shop.slug}/orders"
    headers = [bearer(OPERATOR_KEY), NDJSON]
    return await shop.client("POST", path, None, headers, raw=ndjson(*documents))


async def test_many_orders_are_taken_in_one_call(merchant: Merchant) -> None:
    orders = [order(f"A-{number}") for number in range(64)]

    first = await merchant.lines(*orders)
    again = await merchant.lines(*orders[:-1], {**orders[-1], "notes": "Soon"})

    assert first.status == 200
    assert first.body == {"created": 64, "changed": 0, "unchanged": 0, "refused": []}
    assert again.body == {"created": 0, "changed": 1, "unchanged": 63, "refused": []}
    assert (await merchant.read("A-63"))["notes"] == "Soon"


async def test_the_operator_brings_in_orders_of_any_storefront(
    shop: Shop, merchant: Merchant
) -> None:
    answer = await operated(shop, order("A-1"), order("A-2"))

    assert answer.body == {"created": 2, "changed": 0, "unchanged": 0, "refused": []}
    assert (await merchant.read("A-2"))["email"] == BUYER


async def test_a_bad_line_is_refused_by_its_number_and_the_rest_is_taken(
    merchant: Merchant,
) -> None:
    answer = await merchant.lines(
        order("A-1"),
        b"",
        b"{not json",
        b"[]",
        b'{"orderNumber":"A-2","orderNumber":"A-3"}',
        b'\xff{"a":1}',
        {**order("A-4"), "total": "1"},
        {**order("A-5"), "total": 1},
        order("A 6"),
        {"orderNumber": "A-7"},
        b'{"a":"\\u0000"}',
        order("A-8", status="gone"),
        b" \r",
        order("A-9"),
    )

    assert answer.status == 200
    assert (answer.body["created"], answer.body["changed"], answer.body["unchanged"]) == (2, 0, 0)
    assert [(line["line"], line["name"]) for line in answer.body["refused"]] == [
        (3, "line"),
        (4, "line"),
        (5, "line"),
        (6, "line"),
        (7, "total"),
        (8, "total"),
        (9, "orderNumber"),
        (10, "email"),
        (11, "line"),
        (12, "status"),
    ]
    assert all(line["rule"] for line in answer.body["refused"])
    assert (await merchant.read("A-9"))["orderNumber"] == "A-9"


async def test_a_step_back_is_refused_by_its_line(merchant: Merchant) -> None:
    await merchant.order("A-1", status="delivered")

    answer = await merchant.lines(order("A-2"), order("A-1", status="confirmed"))

    (line,) = answer.body["refused"]
    assert (line["line"], answer.body["created"]) == (2, 1)
    assert "delivered" in line["rule"]


async def test_of_two_lines_about_one_order_the_later_has_the_last_word(
    merchant: Merchant,
) -> None:
    answer = await merchant.lines(order(notes="first"), order(notes="second"))

    assert (answer.status, answer.body["refused"]) == (200, [])
    assert (await merchant.read())["notes"] == "second"


async def test_a_line_that_is_too_long_is_refused_alone(merchant: Merchant) -> None:
    answer = await merchant.lines(order("A-1", padding="x" * 70_000), order("A-2"))

    (line,) = answer.body["refused"]
    assert (line["line"], line["name"], answer.body["created"]) == (1, "line", 1)


async def test_more_lines_than_one_turn_takes_are_refused_whole(merchant: Merchant) -> None:
    answer = await merchant.lines(*(order(f"A-{number}") for number in range(65)))

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR")
    assert (await merchant("GET")).body["items"] == []


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_body_over_a_mebibyte_is_refused_whole(merchant: Merchant) -> None:
    padding = "x" * 60_000

    answer = await merchant.lines(*(order(f"A-{n}", padding=padding) for n in range(18)))

    assert (answer.status, answer.body["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert (await merchant("GET")).body["items"] == []


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Content-Type", "application/json")],
        [("Content-Type", "text/plain")],
        [NDJSON, ("Content-Encoding", "gzip")],
    ],
)
async def test_lines_of_another_type_are_refused(
    merchant: Merchant, headers: list[tuple[str, str]]
) -> None:
    answer = await merchant.lines(order(), headers=headers)

    assert (answer.status, answer.body["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_no_lines_at_all_are_fine(merchant: Merchant) -> None:
    answer = await merchant.lines()

    assert answer.body == {"created": 0, "changed": 0, "unchanged": 0, "refused": []}


async def test_nobody_is_mailed_unless_it_is_asked_for(merchant: Merchant) -> None:
    await merchant.lines(order("A-1"), order("A-2"))
    await merchant.lines(order("A-1", status="confirmed"))
    quiet = await merchant.shop.mails(BUYER)

    await merchant.lines(order("A-2", status="confirmed"), query="?mail=true")

    assert quiet == []
    assert len(await merchant.shop.mails(BUYER)) == 1


async def test_whether_to_mail_is_said_plainly(merchant: Merchant) -> None:
    answer = await merchant.lines(order(), query="?mail=yes")

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("slug", ["nobody-here", "No-Slug", "~1"])
async def test_lines_for_a_storefront_that_is_not_there_are_refused(shop: Shop, slug: str) -> None:
    answer = await operated(shop, order(), slug=slug)

    assert (answer.status, answer.body["code"]) == (404, "NOT_FOUND")


async def test_lines_for_the_operator_need_the_operators_key(
    shop: Shop, merchant: Merchant
) -> None:
    path = f"{STOREFRONTS}/{shop.slug}/orders"
    tries = [[NDJSON], [NDJSON, bearer(merchant.key)]]

    answers = [
        await shop.client("POST", path, None, headers, raw=ndjson(order())) for headers in tries
    ]

    assert {(answer.status, answer.body["code"]) for answer in answers} == {(401, "KEY_REQUIRED")}


async def test_what_an_answer_says_of_a_line_never_quotes_it(merchant: Merchant) -> None:
    answer = await merchant.lines(b'{"secret-4711', {**order(), "email": "secret-4711"})

    assert len(answer.body["refused"]) == 2
    assert "secret-4711" not in json.dumps(answer.body)


async def test_the_command_sends_no_more_than_one_call_takes() -> None:
    assert order_lines.BATCH_LINES <= merchant_bulk.LINES_MAX
    assert order_lines.BATCH_BYTES + order_lines.LONGEST_BYTES <= 2 * merchant_bulk.BYTES_MAX
    assert max(order_lines.BATCH_BYTES, order_lines.LONGEST_BYTES) <= merchant_bulk.BYTES_MAX
