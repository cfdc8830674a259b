import json
import re
import unicodedata

import msgspec
import pytest

from doorward.actors.records.sign_in import Customer
from tests.http.doors import Door
from tests.http.shops import BUYER
from tests.http.storefronts_headless import (
    AUTH,
    PASSWORD,
    code_of,
    error_of,
    fresh_email,
    open_headless,
    signed_in,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


def issues_of(error: dict[str, object]) -> dict[str, str]:
    listed = msgspec.convert(error["issues"], list[dict[str, object]])
    return {".".join(map(str, each["path"])): str(each["message"]) for each in listed}  # type: ignore[call-overload]


async def test_a_sign_up_answers_as_the_documentation_says(door: Door) -> None:
    store = await open_headless(door)

    answer = await store.sign_up(" Rafiul@Example.COM ", phoneNumber="+8801711000000")

    assert answer.status == 201
    customer, tokens = answer.body["customer"], answer.body["tokens"]
    assert set(answer.body) == {"customer", "tokens"}
    assert set(customer) == {"id", "name", "email", "phoneNumber", "imageUrl", "createdAt"}
    assert customer["email"] == "rafiul@example.com"
    assert (customer["name"], customer["phoneNumber"]) == ("Sari Dewi", "+8801711000000")
    assert customer["imageUrl"] is None
    assert set(tokens) == {
        "accessToken",
        "accessTokenExpiresAt",
        "refreshToken",
        "refreshTokenExpiresAt",
    }
    for moment in (customer["createdAt"], tokens["accessTokenExpiresAt"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment)
    assert answer.headers["Cache-Control"] == "no-store"
    me = await store.me(tokens["accessToken"])
    assert (me.status, me.body) == (200, customer)


@pytest.mark.parametrize(
    ("password", "status"),
    [
        ("kd8#hqz", 400),
        ("kd8#hqzq", 201),
        ("q" * 63 + "z", 201),
        ("q" * 255 + "z", 201),
        ("q" * 256 + "z", 400),
        ("🔑🚪🌙🪴🧵🫖🛶", 400),
        ("🔑🚪🌙🪴🧵🫖🛶🧭", 201),
    ],
)
async def test_a_password_has_8_to_256_code_points(door: Door, password: str, status: int) -> None:
    store = await open_headless(door)

    answer = await store.sign_up(password=password)

    assert answer.status == status
    if status == 400:
        assert "password" in issues_of(error_of(answer))


async def test_a_storefront_may_ask_for_more_characters(door: Door) -> None:
    store = await open_headless(door, policy={"passwords": {"lengthMinimum": 15}})

    short, long = await store.sign_up(password="q" * 13 + "z"), await store.sign_up()

    assert (short.status, long.status) == (400, 201)


async def test_nothing_of_a_long_password_is_cut_off(door: Door) -> None:
    store = await open_headless(door)
    same = "s" * 72
    await store.signed_up(password=f"{same}-one")

    other = await store.login(password=f"{same}-two")
    right = await store.login(password=f"{same}-one")

    assert (other.status, right.status) == (401, 200)


@pytest.mark.parametrize(
    "password", ["  leading and trailing  ", "MiXeD case stays", "12 345 6789!"]
)
async def test_a_password_is_neither_trimmed_nor_folded(door: Door, password: str) -> None:
    store = await open_headless(door)
    await store.signed_up(password=password)

    tries = [await store.login(password=each) for each in (password.strip(), password.lower())]
    exact = await store.login(password=password)

    expected = [200 if each == password else 401 for each in (password.strip(), password.lower())]
    assert [each.status for each in tries] == expected
    assert exact.status == 200


async def test_two_spellings_of_the_same_characters_are_one_password(door: Door) -> None:
    store = await open_headless(door)
    composed = unicodedata.normalize("NFC", "café crème brûlée")
    await store.signed_up(password=composed)

    answer = await store.login(password=unicodedata.normalize("NFD", composed))

    assert answer.status == 200


@pytest.mark.parametrize("password", ["password1", "12345678", "PASSWORD1", "iloveyou1"])
async def test_a_common_password_is_refused_with_its_reason(door: Door, password: str) -> None:
    store = await open_headless(door)

    answer = await store.sign_up(password=password)

    assert code_of(answer) == (400, "invalid_body")
    assert "common" in issues_of(error_of(answer))["password"]


@pytest.mark.parametrize("password", [PASSWORD, "password1 and then some"])
async def test_a_phrase_is_not_refused_for_a_common_word_in_it(door: Door, password: str) -> None:
    store = await open_headless(door)

    assert (await store.sign_up(password=password)).status == 201


async def test_all_that_is_wrong_is_said_at_once(door: Door) -> None:
    store = await open_headless(door)

    answer = await store.sign_up("no email", "password1", name="", phoneNumber="0811")

    assert set(issues_of(error_of(answer))) == {"name", "email", "password", "phoneNumber"}


async def test_an_email_is_taken_once_in_a_storefront_and_free_in_another(door: Door) -> None:
    store, other = await open_headless(door), await open_headless(door)
    await store.signed_up()

    again = await store.sign_up(BUYER.upper(), "another good password")
    elsewhere = await other.sign_up(password="another good password")

    assert code_of(again) == (409, "email_exists")
    assert elsewhere.status == 201
    assert (await store.login(password="another good password")).status == 401


async def test_five_sign_ups_a_minute_of_one_address_are_looked_at(door: Door) -> None:
    store = await open_headless(door, policy={"passwords": {"signUpsPerAddressPerMinute": 5}})

    answers = [await store.sign_up(fresh_email(), "password1") for _ in range(3)]
    answers += [await store.sign_up(fresh_email()) for _ in range(4)]

    assert [each.status for each in answers] == [400, 400, 400, 201, 201, 429, 429]
    error = error_of(answers[-1])
    assert (error["code"], error["limit"]) == ("rate_limited", 5)
    assert int(answers[-1].headers["Retry-After"]) == error["retryAfter"]
    assert 1 <= error["retryAfter"] <= 60


async def test_what_is_kept_is_an_argon2id_hash_with_the_contracts_parameters(door: Door) -> None:
    store = await open_headless(door)
    shopper = await store.signed_up()

    (key,) = [
        key
        for key in await door.keys()
        if key.endswith(f":{store.shop.slug}:{Customer.kind}:{shopper.id}".encode())
    ]
    kept = await door.store.get(key)

    assert isinstance(kept, bytes)
    assert b"$argon2id$v=19$m=19456,t=2,p=1$" in kept
    assert PASSWORD.encode() not in kept


async def test_of_parallel_sign_ups_with_one_email_one_wins(door: Door) -> None:
    import asyncio  # noqa: PLC0415

    store = await open_headless(door)

    answers = await asyncio.gather(*(store.sign_up() for _ in range(6)))

    assert sorted(each.status for each in answers) == [201] + [409] * 5


async def test_members_nobody_knows_change_nothing(door: Door) -> None:
    store = await open_headless(door)

    answer = await store.sign_up(
        id="mine", emailVerified=True, createdAt="2020-01-01", role="admin"
    )

    shopper = signed_in(answer)
    assert shopper.id != "mine"
    assert not shopper.customer["createdAt"].startswith("2020")
    assert json.loads(answer.raw)["customer"].keys() == shopper.customer.keys()
    assert (await store("POST", f"{AUTH}/signup", {"name": "x"})).status == 400
