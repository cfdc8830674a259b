import gzip
import json
from typing import Any

import pytest

from tests.http.doors import Door
from tests.http.knocking import JSON, Answer, cookie_header
from tests.http.shops import AUTH, BUYER, Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

UNSAFE = [
    ("POST", "request-otp"),
    ("POST", "verify-otp"),
    ("POST", "verify-link"),
    ("PATCH", "me"),
    ("POST", "signout"),
]
EACH_CALL = pytest.mark.parametrize(("method", "call"), UNSAFE)


async def send(
    door: Door, raw: bytes, *headers: tuple[str, str], method: str = "POST", call: str = "signout"
) -> Answer:
    return await door.client(method, f"{AUTH}/{call}", headers=headers, raw=raw)


def nested(depth: int) -> bytes:
    """Make an object of so many levels, itself included."""
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


BAD_JSON = {
    "array": b"[]",
    "text": b'"x"',
    "number": b"1",
    "null": b"null",
    "nothing but blanks": b"  ",
    "cut off": b'{"email": "a@x.io"',
    "rubbish after": b'{"email": "a@x.io"} {}',
    "byte order mark": b'\xef\xbb\xbf{"email": "a@x.io"}',
    "latin-1": b'{"email": "\xe9@x.io"}',
    "utf-16": '{"email": "a@x.io"}'.encode("utf-16"),
    "key twice": b'{"email": "a@x.io", "email": "b@x.io"}',
    "key twice by escape": b'{"email": "a@x.io", "\\u0065mail": "b@x.io"}',
    "key twice below": b'{"x": {"a": 1, "a": 2}}',
    "NaN": b'{"x": NaN}',
    "Infinity": b'{"x": -Infinity}',
    "beyond a double": b'{"x": 1e999}',
    "NUL escaped": b'{"email": "a\\u0000@x.io"}',
    "NUL in a key": b'{"a\\u0000": 1}',
    "NUL raw": b'{"email": "a\x00@x.io"}',
    "lone surrogate": b'{"email": "\\ud800@x.io"}',
    "lone surrogate in a key": b'{"\\udc00": 1}',
    "17 levels": nested(17),
    "single quotes": b"{'email': 'a@x.io'}",
    "comment": b'{"email": "a@x.io"} // x',
    "trailing comma": b'{"email": "a@x.io",}',
    "leading zero": b'{"x": 01}',
    "raw line break": b'{"email": "a\n@x.io"}',
}


@pytest.mark.parametrize("name", BAD_JSON)
async def test_what_is_not_strict_json_is_refused_everywhere(common_door: Door, name: str) -> None:
    for method, call in UNSAFE:
        answer = await send(common_door, BAD_JSON[name], JSON, method=method, call=call)

        assert answer.status == 400
        assert answer.error["code"] == "VALIDATION_ERROR"
        assert "x.io" not in answer.error["message"]


async def test_json_of_sixteen_levels_and_unknown_members_is_read(shop: Shop) -> None:
    deep = json.loads(nested(15))
    body = {"storefrontSlug": shop.slug, "email": BUYER, "unknown": deep, "code": 123456}

    answer = await shop.door.client.post(f"{AUTH}/request-otp", body)

    assert answer.status == 200


@EACH_CALL
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Content-Type", "text/plain")],
        [("Content-Type", "application/x-www-form-urlencoded")],
        [("Content-Type", "multipart/form-data; boundary=x")],
        [("Content-Type", "application/jsonp")],
        [("Content-Type", "application/json; charset=utf-16")],
        [("Content-Type", "application/json, text/plain")],
        [JSON, ("Content-Encoding", "gzip")],
        [JSON, ("Content-Encoding", "identity")],
    ],
)
async def test_a_body_that_is_not_plainly_json_is_refused(
    shop: Shop, method: str, call: str, headers: list[tuple[str, str]]
) -> None:
    raw = json.dumps({"storefrontSlug": shop.slug, "email": BUYER}).encode()
    if ("Content-Encoding", "gzip") in headers:
        raw = gzip.compress(raw)

    answer = await send(shop.door, raw, *headers, method=method, call=call)

    assert answer.status == 415
    assert answer.error["code"] == "UNSUPPORTED_MEDIA_TYPE"
    assert await shop.mails() == []


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
async def test_json_may_say_that_it_is_utf_8(shop: Shop, media_type: str) -> None:
    raw = json.dumps({"storefrontSlug": shop.slug, "email": BUYER}).encode()

    answer = await send(shop.door, raw, ("Content-Type", media_type), call="request-otp")

    assert answer.status == 200


@EACH_CALL
async def test_a_body_over_64_kib_is_refused(common_door: Door, method: str, call: str) -> None:
    largest = b'{"x":"' + b"a" * (64 * 1024 - 8) + b'"}'

    fits = await send(common_door, largest, JSON, method=method, call=call)
    too_large = await send(common_door, largest + b" ", JSON, method=method, call=call)

    assert fits.status == 400
    assert fits.error["code"] == "VALIDATION_ERROR"
    assert too_large.status == 413
    assert too_large.error["code"] == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize(
    ("call", "body", "param"),
    [
        ("request-otp", {}, "email"),
        ("request-otp", {"email": None}, "email"),
        ("request-otp", {"email": ["a@x.io"]}, "email"),
        ("request-otp", {"email": {"$gt": ""}}, "email"),
        ("verify-otp", {"email": "a@x.io"}, "code"),
        ("verify-otp", {"code": "123456"}, "email"),
        ("verify-otp", {"email": "a@x.io", "code": 123456}, "code"),
        ("verify-otp", {"email": "a@x.io", "code": 123456.0}, "code"),
        ("verify-otp", {"email": "a@x.io", "code": True}, "code"),
        ("verify-otp", {"email": "a@x.io", "code": None}, "code"),
        ("verify-otp", {"email": "a@x.io", "code": ["123456"]}, "code"),
        ("verify-link", {}, "token"),
        ("verify-link", {"token": 1}, "token"),
        ("verify-link", {"token": None}, "token"),
    ],
)
async def test_a_member_that_is_missing_or_of_another_type_is_named(
    shop: Shop, call: str, body: dict[str, Any], param: str
) -> None:
    answer = await shop.door.client.post(f"{AUTH}/{call}", {"storefrontSlug": shop.slug, **body})

    assert answer.status == 400
    assert answer.error["code"] == "VALIDATION_ERROR"
    assert answer.error["param"] == param


@pytest.mark.parametrize(
    "email",
    [
        "",
        " ",
        "a",
        "a@",
        "@x.io",
        "a@x",
        "a@@x.io",
        "a b@x.io",
        "a@x.io\r\nBcc: e@x.io",
        "a@x.io\n",
        "\r\na@x.io",
        "a@x.io%0aBcc:e@x.io\x0b",
        '"a\n"@x.io',
        '"a b"@x.io',
        "a@x.io,b@x.io",
        "a@x.io;b@x.io",
        "a@x.io b@x.io",
        "<a@x.io>",
        "Sari <a@x.io>",
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        ".a@x.io",
        "a..b@x.io",
        "a@-x.io",
        "a@x..io",
        "a\u202e@x.io",
        "a\u200b@x.io",
        "\u00a0a@x.io",
        "ä@x.io",
        "\u212a@x.io",
        "a@x\u2024io",
        "a@x.io\u3002.",
        f"{'a' * 65}@x.io",
        f"{'a' * 60}@{'b' * 63}.{'c' * 63}.{'d' * 63}.io",
        "a\x7f@x.io",
        "a\t@x.io",
    ],
)
async def test_what_mail_cannot_be_sent_to_as_written_is_refused(shop: Shop, email: str) -> None:
    asked = await shop.request_code(email)
    answered = await shop.verify("000000", email=email)

    for answer in (asked, answered):
        assert answer.status == 400
        assert answer.error == {
            "code": "VALIDATION_ERROR",
            "message": "email must be an email address.",
            "param": "email",
        }
    assert await shop.mails() == []


NAME_RULE = "name must be 1 to 100 characters without control characters."
PHONE_RULE = "phone must be a number in E.164 form, like +628123456789."


@pytest.mark.parametrize(
    "name", ["S", "S" * 100, "😀" * 100, "Ibu Sari", "O'Brien & <b>Söhne</b>", "李小龍", "'; DROP"]
)
async def test_a_name_of_one_to_a_hundred_characters_is_kept_as_it_is(
    shop: Shop, name: str
) -> None:
    answer = await shop.change({"name": name}, await shop.session())

    assert answer.data["client"]["name"] == name


@pytest.mark.parametrize(
    "name", ["", " ", "S" * 101, "a\nb", "a\rb", "a\tb", "a\x1bb", "a\x7fb", "a\x85b", "a\u2028b"]
)
async def test_any_other_name_changes_nothing(shop: Shop, name: str) -> None:
    session = await shop.session()
    await shop.change({"name": "Sari", "phone": "+628123456789"}, session)

    answer = await shop.change({"name": name, "phone": "+6281111111"}, session)
    after = (await shop.me(session)).data["client"]

    assert answer.status == 400
    assert answer.error == {"code": "VALIDATION_ERROR", "message": NAME_RULE, "param": "name"}
    assert (after["name"], after["phone"]) == ("Sari", "+628123456789")


@pytest.mark.parametrize(
    "phone",
    [
        *("", "628123456789", "+0628123456789", "+62 812 345 6789", "+62-812", "+", "+1"),
        *("+1234567890123456", "tel:+628123456789", "+６２８１２３４５６７８９", "+628123456789\n"),  # noqa: RUF001
    ],
)
async def test_a_phone_number_that_is_not_e164_is_refused(shop: Shop, phone: str) -> None:
    answer = await shop.change({"phone": phone}, await shop.session())

    assert answer.status == 400
    assert answer.error == {"code": "VALIDATION_ERROR", "message": PHONE_RULE, "param": "phone"}


@pytest.mark.parametrize(
    ("member", "value"), [("name", 7), ("name", ["S"]), ("phone", 628), ("phone", True)]
)
async def test_profile_members_are_texts(shop: Shop, member: str, value: object) -> None:
    answer = await shop.change({member: value}, await shop.session())

    assert answer.status == 400
    assert answer.error["param"] == member


async def test_a_call_without_a_body_needs_no_content_type(shop: Shop) -> None:
    session = await shop.session()
    path = f"{AUTH}/signout?storefrontSlug={shop.slug}"

    answer = await shop.door.client("POST", path, headers=[cookie_header(session)])

    assert answer.status == 200
    assert not await shop.is_signed_in(session)
