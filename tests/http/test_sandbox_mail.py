import re

import pytest

from tests.http.doors import OPERATOR_KEY, STOREFRONTS, Door
from tests.http.guessing import spend_guesses
from tests.http.knocking import Answer, Headers, bearer
from tests.http.shops import AUTH, BUYER, ROOMY, SANDBOX, Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def read(shop: Shop, query: str = "", key: str | None = None) -> Answer:
    headers = [bearer(shop.key if key is None else key)]
    return await shop.door.client.get(f"{SANDBOX}/mail{query}", headers)


async def test_a_captured_mail_is_shown_exactly_as_documented(door: Door) -> None:
    shop = await open_shop(door, origin="https://kopi.example:8443")
    await shop.request_code()

    answer = await read(shop)

    (mail,) = answer.body["items"]
    assert answer.status == 200
    assert set(answer.body) == {"items"}
    assert set(mail) == {"id", "to", "subject", "text", "html", "code", "links", "sentAt"}
    assert mail["to"] == BUYER
    assert mail["links"] == []
    assert re.fullmatch(r"[0-9]{6}", mail["code"])
    assert TIME.fullmatch(mail["sentAt"])
    assert mail["subject"].startswith(mail["code"])
    assert "Toko Uji" in mail["subject"]
    assert mail["text"].splitlines()[-1] == f"@kopi.example #{mail['code']}"
    assert mail["code"] in mail["html"]
    assert (await shop.verify(mail["code"])).status == 200


async def test_a_mail_with_a_link_is_shown_with_it(shop: Shop) -> None:
    await spend_guesses(shop)
    await shop.advance(60)
    await shop.request_code()

    mail = (await read(shop)).body["items"][-1]

    assert mail["code"] is None
    assert len(mail["links"]) == 1
    assert mail["links"][0] in mail["text"]
    assert "#" not in mail["text"].splitlines()[-1]


async def test_mail_is_listed_oldest_first_and_read_on_from_an_id(door: Door) -> None:
    shop = await open_shop(door, policy=ROOMY)
    emails = [f"b{n:03d}@example.org" for n in range(130)]
    for email in emails:
        await shop.request_code(email)

    usual = (await read(shop)).body["items"]
    rest = (await read(shop, f"?after={usual[-1]['id']}")).body["items"]
    few = (await read(shop, f"?after={usual[9]['id']}&limit=7")).body["items"]
    all_of_them = (await read(shop, "?limit=500")).body["items"]
    after_last = (await read(shop, f"?after={rest[-1]['id']}")).body["items"]

    assert [mail["to"] for mail in usual] == emails[:100]
    assert [mail["to"] for mail in rest] == emails[100:]
    assert [mail["to"] for mail in few] == emails[10:17]
    assert [mail["to"] for mail in all_of_them] == emails
    assert after_last == []
    assert len({mail["id"] for mail in all_of_them}) == 130


async def test_mail_to_one_mailbox_is_found_in_whatever_spelling(shop: Shop) -> None:
    for email in ("a+1@x.io", "b@x.io", "A+1@X.io"):
        await shop.request_code(email)

    found = (await read(shop, "?to=A%2B1@x.IO")).body["items"]
    nobody = (await read(shop, "?to=c@x.io")).body["items"]

    assert [mail["to"] for mail in found] == ["a+1@x.io", "a+1@x.io"]
    assert nobody == []


async def test_cleared_mail_is_gone_and_ids_go_on(shop: Shop) -> None:
    await shop.request_code()
    (before,) = await shop.mails()

    cleared = await shop.door.client("DELETE", f"{SANDBOX}/mail", headers=[bearer(shop.key)])
    emptied = await shop.mails()
    await shop.request_code()
    (after,) = (await read(shop, f"?after={before['id']}")).body["items"]

    assert (cleared.status, cleared.raw) == (204, b"")
    assert emptied == []
    assert int(after["id"]) > int(before["id"])
    assert after["code"] == before["code"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        *((f"?limit={bad}", "limit") for bad in ("0", "501", "-1", "x", "", "1e2", "0001000000")),
        ("?limit=0001" + "0" * 5_000, "limit"),
        ("?limit=1&limit=2", "limit"),
        *((f"?after={bad}", "after") for bad in ("x", "-1", "1.5", "9" * 19, "%D9%A3")),
        *((f"?to={bad}", "to") for bad in ("x", "a@x", "a%0a@x.io", "")),
    ],
)
async def test_a_reading_that_cannot_be_is_refused(shop: Shop, query: str, names: str) -> None:
    answer = await read(shop, query)

    assert answer.status == 400
    assert answer.body["code"] == "VALIDATION_ERROR"
    assert answer.body["message"].startswith(names)


async def test_captured_mail_is_not_sent(shop: Shop) -> None:
    await shop.request_code("captured@example.org")

    assert len(await shop.mails()) == 1
    assert shop.door.mailbox.newest(to="captured@example.org") == []


CALLS = [("GET", "mail", None), ("DELETE", "mail", None), ("POST", "clock", {"advanceSeconds": 60})]
EACH_CALL = pytest.mark.parametrize(("method", "call", "body"), CALLS)


@EACH_CALL
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [bearer("")],
        [bearer("x")],
        [bearer("sk_live_")],
        [bearer(f"sk_live_00000a_{'A' * 43}")],
        [bearer(f"sk_live_00000A_{'A' * 43}")],
        [bearer(OPERATOR_KEY)],
        [bearer("ключ")],
        [("X-Doorward-Key", f"sk_live_00000a_{'A' * 43}")],
    ],
)
async def test_without_a_live_secret_key_nothing_is_told_or_done(
    common_door: Door, method: str, call: str, body: object, headers: Headers
) -> None:
    answer = await common_door.client(method, f"{SANDBOX}/{call}", body, headers)

    assert answer.status == 401
    assert answer.body == {
        "statusCode": 401,
        "code": "KEY_REQUIRED",
        "message": "This call needs a valid key.",
        "requestId": answer.headers["X-Request-Id"],
    }


@EACH_CALL
async def test_keys_of_another_kind_or_no_longer_live_open_nothing(
    shop: Shop, method: str, call: str, body: object
) -> None:
    door = shop.door
    public = await door.operate("POST", f"/{shop.slug}/keys", {"kind": "publishable", "name": "p"})
    revoked = await door.operate("POST", f"/{shop.slug}/keys", {"kind": "secret", "name": "r"})
    await door.operate("DELETE", f"/{shop.slug}/keys/{revoked['id']}")
    await shop.request_code()
    clock = await shop.advance(0)

    answers = [
        await door.client(method, f"{SANDBOX}/{call}", body, [bearer(str(key["key"]))])
        for key in (public, revoked)
    ]

    assert [answer.status for answer in answers] == [401, 401]
    assert len(await shop.mails()) == 1
    assert (await shop.advance(0) - clock).total_seconds() < 30


@EACH_CALL
async def test_without_a_key_it_is_not_told_what_else_is_wrong(
    common_door: Door, method: str, call: str, body: object
) -> None:
    answers = [
        await common_door.client(method, f"{SANDBOX}/{call}?limit=x&after=x&to=x", body),
        await common_door.client(method, f"{SANDBOX}/{call}", raw=b"{nonsense"),
    ]

    assert [answer.status for answer in answers] == [401, 401]


@EACH_CALL
async def test_on_a_storefront_that_is_no_sandbox_there_is_no_such_thing(
    door: Door, method: str, call: str, body: object
) -> None:
    plain = f"plain-{method.lower()}-{call}"
    await door.operate("PUT", f"/{plain}", {"displayName": "Plain", "published": True})
    key = await door.operate("POST", f"/{plain}/keys", {"kind": "secret", "name": "k"})

    answer = await door.client(method, f"{SANDBOX}/{call}", body, [bearer(str(key["key"]))])

    assert answer.status == 404
    assert answer.body["code"] == "NOT_FOUND"


async def test_one_sandbox_never_sees_anothers_mail_or_clock(door: Door, shop: Shop) -> None:
    other = await open_shop(door)
    await shop.request_code()
    clock = await other.advance(0)
    await shop.advance(3_600)

    assert await other.mails() == []
    assert (await other.advance(0) - clock).total_seconds() < 30


async def test_an_unpublished_sandbox_can_still_be_read(door: Door, shop: Shop) -> None:
    await shop.request_code()
    await door.operate("PUT", f"/{shop.slug}", {"displayName": "Toko", "published": False})

    assert len(await shop.mails()) == 1


async def test_the_operators_doors_are_not_the_merchants(door: Door, shop: Shop) -> None:
    answers = [
        await door.client.get(STOREFRONTS, [bearer(shop.key)]),
        await door.client.get(f"{STOREFRONTS}/{shop.slug}", [bearer(shop.key)]),
        await door.client.get(f"{AUTH}/me?storefrontSlug={shop.slug}", [bearer(shop.key)]),
    ]

    assert [answer.status for answer in answers[:2]] == [401, 401]
    assert answers[2].data["authenticated"] is False
