from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from doorward.actors.messages.merchant import ServiceDocument
from tests.http.doors import Door, Setup
from tests.http.knocking import Answer, cookie_header
from tests.http.placing import TOTAL, document, place, place_many
from tests.http.shops import BUYER, Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

ORDERS = "/api/v1/client/orders"
PROFILE = "/api/v1/client/profile"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def read(
    shop: Shop,
    *cookies: str,
    path: str = ORDERS,
    **query: Any,  # noqa: ANN401 - whatever a query may be given
) -> Answer:
    asked = "".join(f"&{name}={quote(str(value))}" for name, value in query.items())
    headers = [cookie_header(*cookies)] if cookies else []
    return await shop.client.get(f"{path}?storefrontSlug={shop.slug}{asked}", headers)


async def every_page(shop: Shop, session: str, limit: int) -> list[list[dict[str, Any]]]:
    pages: list[list[dict[str, Any]]] = []
    asked: dict[str, Any] = {"limit": limit}
    while True:
        answer = await read(shop, session, **asked)
        assert answer.status == 200, answer.body
        pages.append(answer.data["orders"])
        assert answer.data["hasMore"] == (answer.data["cursor"] is not None)
        if not answer.data["hasMore"]:
            return pages
        asked["cursor"] = answer.data["cursor"]


def at(minutes: int) -> str:
    return (NOON + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


async def test_a_listed_order_has_exactly_the_fields_of_the_contract(shop: Shop) -> None:
    placed = await place(
        shop,
        "KS-7",
        number="B-000007",
        package_name="Paket Senja",
        service=ServiceDocument(slug="katering", name="Katering", pricing_type="quoted"),
        created_at=at(0),
    )
    session = await shop.session()

    answer = await read(shop, session)

    (order,) = answer.data["orders"]
    active_at = order.pop("lastActivityAt")
    assert order == {
        "id": placed.id,
        "number": "B-000007",
        "status": "requested",
        "paymentStatus": "unpaid",
        "quotedPriceIdr": TOTAL,
        "currency": "IDR",
        "packageName": "Paket Senja",
        "accessToken": placed.token,
        "createdAt": "2026-03-01T12:00:00.000Z",
        "service": {"slug": "katering", "name": "Katering"},
    }
    assert active_at >= "2026-03-01T12:00:00.000Z"
    assert active_at.endswith("Z")
    assert (answer.data["cursor"], answer.data["hasMore"]) == (None, False)


async def test_what_an_order_does_not_have_is_null(shop: Shop) -> None:
    await place(shop)

    (order,) = (await read(shop, await shop.session())).data["orders"]

    assert (order["packageName"], order["service"]) == (None, None)


@pytest.mark.parametrize("path", [ORDERS, PROFILE])
async def test_without_a_session_there_is_nothing_to_read(shop: Shop, path: str) -> None:
    await place(shop)

    for cookies in ((), (f"portal-{shop.slug}={'A' * 43}",)):
        answer = await read(shop, *cookies, path=path)

        assert answer.status == 401
        assert answer.error == {"code": "AUTH_REQUIRED", "message": "Sign in first."}
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", [ORDERS, PROFILE])
async def test_answers_are_never_cached_and_in_the_envelope(shop: Shop, path: str) -> None:
    answer = await read(shop, await shop.session(), path=path)

    assert answer.status == 200
    assert set(answer.body) == {"data", "error", "meta"}
    assert answer.body["meta"]["requestId"] == answer.headers["X-Request-Id"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_another_storefronts_session_is_no_session(door: Door) -> None:
    mine, other = await open_shop(door), await open_shop(door)
    await place(other)
    session = (await mine.session()).partition("=")[2]

    answer = await read(other, f"portal-{other.slug}={session}")

    assert answer.status == 401


async def test_only_orders_with_the_buyers_own_address_are_listed(door: Door) -> None:
    shop, other = await open_shop(door), await open_shop(door)
    mine = await place(shop)
    await place(shop, email="neighbour@example.org")
    await place(other)
    session = await shop.session()
    later = await place(shop)

    listed = (await read(shop, session)).data["orders"]

    assert {order["id"] for order in listed} == {mine.id, later.id}


async def test_the_newest_activity_comes_first(shop: Shop) -> None:
    placed = [await place(shop) for _ in range(3)]
    await shop.advance(60)
    await placed[0].write({"body": "Halo"})
    await shop.advance(60)
    await placed[1].claim()

    listed = (await read(shop, await shop.session())).data["orders"]

    assert [order["id"] for order in listed] == [placed[1].id, placed[0].id, placed[2].id]
    assert listed[0]["paymentStatus"] == "payment_claimed"


async def test_a_list_tells_what_an_order_has_become_since_it_was_last_read(shop: Shop) -> None:
    placed = await place(shop)
    session = await shop.session()
    before = (await read(shop, session)).data["orders"][0]

    await placed.confirm()
    token = await placed.rotate()

    after = (await read(shop, session)).data["orders"][0]
    assert (before["paymentStatus"], before["accessToken"]) == ("unpaid", placed.token)
    assert (after["paymentStatus"], after["accessToken"]) == ("payment_confirmed", token)


async def test_twenty_orders_are_a_page_where_no_limit_is_given(shop: Shop) -> None:
    await place_many(shop, [document(created_at=at(number)) for number in range(25)])
    session = await shop.session()

    answer = await read(shop, session)

    assert len(answer.data["orders"]) == 20
    assert answer.data["hasMore"] is True
    second = await read(shop, session, cursor=answer.data["cursor"])
    assert len(second.data["orders"]) == 5
    assert (second.data["hasMore"], second.data["cursor"]) == (False, None)


async def test_a_thousand_orders_page_through_once_each_and_in_order(shop: Shop) -> None:
    # Three to a minute, so that many share their time with the last of a page.
    documents = [document(created_at=at(number // 3)) for number in range(1_050)]
    await place_many(shop, documents)
    session = await shop.session()

    pages = await every_page(shop, session, 100)

    listed = [order for page in pages for order in page]
    assert [len(page) for page in pages] == [100] * 10 + [50]
    assert len({order["id"] for order in listed}) == 1_050
    times = [order["lastActivityAt"] for order in listed]
    assert times == sorted(times, reverse=True)
    assert (await read(shop, session, path=PROFILE)).data["orderCount"] == 1_050


async def test_an_order_that_moves_up_meanwhile_disturbs_no_later_page(shop: Shop) -> None:
    placed = [await place(shop, created_at=at(number)) for number in range(9)]
    session = await shop.session()
    first = (await read(shop, session, limit=3)).data
    await shop.advance(60)
    await placed[0].write({"body": "Masih ada?"})

    rest = (await read(shop, session, limit=100, cursor=first["cursor"])).data["orders"]

    seen = [order["id"] for order in (*first["orders"], *rest)]
    assert len(set(seen)) == len(seen) == 8
    assert set(seen) == {each.id for each in placed[1:]}


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.0", "ten", "", "01", "9" * 5000, "١"])  # noqa: RUF001
async def test_a_limit_out_of_bounds_is_refused(shop: Shop, limit: str) -> None:
    answer = await read(shop, await shop.session(), limit=limit)

    assert answer.status == 400
    assert (answer.error["code"], answer.error["param"]) == ("VALIDATION_ERROR", "limit")


@pytest.mark.parametrize("cursor", ["x", "", "MTIzNDU", "!", "A" * 5000, "MTIzLmFi=", "..", "é"])
async def test_a_cursor_that_no_answer_told_is_refused(shop: Shop, cursor: str) -> None:
    answer = await read(shop, await shop.session(), cursor=cursor)

    assert answer.status == 400
    assert (answer.error["code"], answer.error["param"]) == ("VALIDATION_ERROR", "cursor")


@pytest.mark.parametrize("path", [ORDERS, PROFILE])
async def test_the_one_portal_cookie_names_the_storefront(shop: Shop, path: str) -> None:
    session = await shop.session()

    one = await shop.client.get(path, [cookie_header(session)])
    several = await shop.client.get(path, [cookie_header(session, f"portal-x-y={'A' * 43}")])
    none = await shop.client.get(path)

    assert one.status == 200
    assert (several.status, none.status) == (400, 400)
    assert several.error["param"] == "storefrontSlug"


@pytest.mark.parametrize("path", [ORDERS, PROFILE])
async def test_a_storefront_that_is_not_there_is_404(shop: Shop, path: str) -> None:
    for slug in ("nobody-here", "../x", "UPPER"):
        answer = await shop.client.get(f"{path}?storefrontSlug={quote(slug, safe='')}")

        assert answer.status == 404
        assert answer.error["code"] == "NOT_FOUND"


async def test_the_profile_tells_who_it_is_and_counts_the_orders(shop: Shop) -> None:
    await place(shop)
    await place(shop)
    await place(shop, email="neighbour@example.org")
    session = await shop.session()
    await shop.change({"name": "Sari"}, session)
    me = (await shop.me(session)).data["client"]

    answer = await read(shop, session, path=PROFILE)

    assert answer.data == {"client": me, "orderCount": 2}
    assert set(answer.data["client"]) == {"id", "email", "name", "phone", "createdAt"}
    assert answer.data["client"]["email"] == BUYER


async def test_script_in_an_order_comes_back_as_inert_json(shop: Shop) -> None:
    script = "</script><script>alert(1)</script>"
    await place(shop, package_name=script)

    answer = await read(shop, await shop.session())

    assert answer.data["orders"][0]["packageName"] == script
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("door_setup", [Setup(memory_bytes=1_000_000)])
async def test_a_list_is_whole_where_memory_holds_less_than_it(door: Door) -> None:
    shop = await open_shop(door)
    await place_many(shop, [document(created_at=at(number)) for number in range(500)])

    pages = await every_page(shop, await shop.session(), 100)

    assert len({order["id"] for page in pages for order in page}) == 500
