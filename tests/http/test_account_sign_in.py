import asyncio
import re
from collections import Counter
from itertools import islice

import pytest

from tests.http.accounts import AUTH, PROFILE, Account, open_account, open_buyers_account, signed_in
from tests.http.doors import Door
from tests.http.guessing import guess
from tests.http.knocking import client_from
from tests.http.placing import place
from tests.http.shops import BUYER, open_shop, wrong, wrong_codes

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAME_ID = ("X-Request-Id", "one-id-for-all")
STRANGER = "stranger@example.org"


async def test_one_mail_brings_a_link_and_a_code_and_either_signs_in(door: Door) -> None:
    account = await open_account(door)
    await account.request_link()
    (mail,) = await account.shop.mails()
    by_code = await account.verify_code(mail["code"])
    await account.shop.advance(60)
    await account.request_link()
    by_link = await account.verify({"token": await account.shop.link_token()})

    assert (by_code.status, by_link.status) == (200, 200)
    assert set(by_code.body) == {"token", "expiresAt", "customerId"}
    assert by_code.body["customerId"] == by_link.body["customerId"]
    assert re.fullmatch(
        rf"customer-{account.shop.slug}=[A-Za-z0-9_-]{{43}};"
        " Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax",
        by_code.cookies[0],
    )
    assert by_code.cookies[1].startswith(f"device-{account.shop.slug}=")


async def test_over_https_the_cookie_is_bound_to_its_host(door: Door) -> None:
    account = await open_account(door, origin="https://alpha.example")

    await account.request_otp()
    answer = await account.verify_code(await account.shop.code())

    assert re.fullmatch(
        rf"__Host-customer-{account.shop.slug}=[A-Za-z0-9_-]{{43}};"
        " Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax; Secure",
        answer.cookies[0],
    )
    assert await account.is_signed_in(signed_in(answer).by_cookie)


async def test_a_code_alone_comes_without_a_link(door: Door) -> None:
    account = await open_account(door)

    await account.request_otp()

    (mail,) = await account.shop.mails()
    assert re.fullmatch("[0-9]{6}", mail["code"])
    assert mail["links"] == []


async def test_link_and_code_kill_each_other(door: Door) -> None:
    account = await open_account(door)
    await account.request_link()
    code, token = await account.shop.code(), await account.shop.link_token()
    await account.request_link(STRANGER)
    other_code, other_token = (
        await account.shop.code(STRANGER),
        await account.shop.link_token(STRANGER),
    )

    tries = [
        await account.verify({"token": token}),
        await account.verify_code(code),
        await account.verify_code(other_code, email=STRANGER),
        await account.verify({"token": other_token}),
    ]

    assert [each.status for each in tries] == [200, 401, 200, 401]


async def test_a_mail_goes_only_to_an_email_that_is_known(door: Door) -> None:
    account = await open_buyers_account(door)

    answers = [await account.request_link(email) for email in (BUYER, STRANGER)]
    answers += [await account.request_otp(email) for email in (BUYER, STRANGER)]

    assert {answer.status for answer in answers} == {200}
    assert {mail["to"] for mail in await account.shop.mails()} == {BUYER}


async def test_a_customer_is_known_also_without_an_order(door: Door) -> None:
    account = Account(await open_shop(door))
    await account.shop.sign_in("portal@example.org")
    await account.shop.advance(60)

    await account.request_link("portal@example.org")

    assert (await account.shop.mails("portal@example.org"))[-1]["links"]


@pytest.mark.parametrize("call", ["request-link", "request-otp"])
async def test_known_unknown_over_budget_and_locked_emails_are_answered_alike(
    door: Door, call: str
) -> None:
    account = await open_buyers_account(door)
    shop = account.shop
    for email in ("spent@x.io", "locked@x.io"):
        await place(shop, email=email)
    for _ in range(3):
        await account.request_otp("spent@x.io")
    for _ in range(2):
        await account.request_otp("locked@x.io")
        for code in islice(wrong_codes(await shop.code("locked@x.io")), 5):
            await account.verify_code(code, email="locked@x.io")
    mailed = len(await shop.mails("spent@x.io"))

    asked = [BUYER, STRANGER, "spent@x.io", "locked@x.io", BUYER.upper()]
    answers = [
        await account("POST", f"{AUTH}/{call}", {"email": email}, SAME_ID) for email in asked
    ]

    assert [a.unmistakable() for a in answers] == [answers[0].unmistakable()] * len(answers)
    assert answers[0].status == 200
    assert set(answers[0].body) == {"message"}
    assert len(await shop.mails("spent@x.io")) == mailed


async def test_every_failed_sign_in_is_one_and_the_same_answer(door: Door) -> None:
    account = await open_account(door)
    shop = account.shop
    await account.request_link()
    used, link = await shop.code(), await shop.link_token()
    await account.verify_code(used)
    await account.request_link("burned@x.io")
    for _ in range(5):
        await account.verify_code(wrong(await shop.code("burned@x.io")), email="burned@x.io")
    await account.request_link("late@x.io")
    late, late_link = await shop.code("late@x.io"), await shop.link_token("late@x.io")
    await shop.advance(600)
    await account.request_link("live@x.io")

    bodies: list[dict[str, str]] = [
        {"email": BUYER, "code": used},
        {"email": "burned@x.io", "code": await shop.code("burned@x.io")},
        {"email": "late@x.io", "code": late},
        {"email": "live@x.io", "code": wrong(await shop.code("live@x.io"))},
        {"email": "live@x.io", "code": "12345"},
        {"email": "live@x.io", "code": ""},
        {"email": "never@x.io", "code": "123456"},
        {"token": link},
        {"token": late_link},
        {"token": "l" + "A" * 43},
        {"token": ""},
        {"token": "x" * 5_000},
    ]
    answers = [await account.verify(body, SAME_ID) for body in bodies]

    assert [a.unmistakable() for a in answers] == [answers[0].unmistakable()] * len(answers)
    assert answers[0].status == 401
    assert answers[0].body["code"] == "SIGN_IN_FAILED"
    assert [answer.cookies for answer in answers] == [[]] * len(answers)


async def test_of_fifty_right_codes_at_once_exactly_one_signs_in(door: Door) -> None:
    account = await open_account(door)
    await account.request_otp()
    code = await account.shop.code()

    answers = await asyncio.gather(*(account.verify_code(code) for _ in range(50)))

    assert Counter(answer.status for answer in answers) == {200: 1, 401: 49}


async def test_of_fifty_uses_of_a_link_at_once_exactly_one_signs_in(door: Door) -> None:
    account = await open_account(door)
    await account.request_link()
    token = await account.shop.link_token()

    answers = await asyncio.gather(*(account.verify({"token": token}) for _ in range(50)))

    assert Counter(answer.status for answer in answers) == {200: 1, 401: 49}


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "body"),
        ({"token": "l", "email": "a@x.io", "code": "123456"}, "body"),
        ({"token": "l", "code": "123456"}, "body"),
        ({"email": "a@x.io"}, "code"),
        ({"code": "123456"}, "email"),
        ({"email": "no email", "code": "123456"}, "email"),
        ({"email": "a@x.io", "code": 123456}, "code"),
        ({"token": 5}, "token"),
        ({"token": ["l"]}, "token"),
    ],
)
async def test_a_proof_of_neither_form_is_refused(door: Door, body: object, name: str) -> None:
    account = await open_account(door)

    answer = await account.verify(body)

    assert answer.status == 400
    assert answer.body["code"] == "VALIDATION_ERROR"
    assert answer.body["message"].startswith(name)


@pytest.mark.parametrize("call", ["request-link", "request-otp"])
@pytest.mark.parametrize("email", ["", "no email", "a@x.io\r\nBcc: e@x.io", "a@x.io,b@x.io", None])
async def test_what_is_no_email_is_refused_and_mails_nobody(
    door: Door, call: str, email: str | None
) -> None:
    account = await open_account(door)

    answer = await account("POST", f"{AUTH}/{call}", {"email": email})

    assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR")
    assert await account.shop.mails() == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_looking_at_a_link_never_spends_it(door: Door, method: str) -> None:
    account = await open_account(door)
    await account.request_link()
    (mail,) = await account.shop.mails()
    (link,) = mail["links"]
    path = "/" + link.partition("://")[2].partition("/")[2]
    port = door.url.rpartition(":")[2]
    token = link.partition("?token=")[2]
    hosts = [(), (("Host", f"{account.shop.slug}.localhost:{port}"),)]

    for headers in [*hosts, (("Sec-Purpose", "prefetch"), ("Purpose", "prefetch"))]:
        for _ in range(7):
            looked = [
                await account.shop.client(method, path, headers=headers),
                await account(method, f"{AUTH}/verify?token={token}"),
            ]
            assert [each.cookies for each in looked] == [[], []]

    assert (await account.verify({"token": token})).status == 200


async def test_every_sign_in_mints_both_secrets_anew_and_ends_what_was_presented(
    door: Door,
) -> None:
    account = await open_account(door)
    first = await account.sign_in()
    second = await account.sign_in(BUYER, first.by_cookie)
    third = await account.sign_in(BUYER, second.by_bearer)

    secrets = {s for each in (first, second, third) for s in (each.token, each.cookie)}
    live = [
        [await account.is_signed_in(each.by_cookie), await account.is_signed_in(each.by_bearer)]
        for each in (first, second, third)
    ]

    assert len(secrets) == 6
    assert live == [[False, False], [False, False], [True, True]]


@pytest.mark.parametrize("by", ["by_cookie", "by_bearer"])
async def test_signing_out_by_either_secret_ends_both(door: Door, by: str) -> None:
    account = await open_account(door)
    session, other = await account.sign_in(), await account.sign_in()

    answer = await account.logout(getattr(session, by))

    assert answer.status == 204
    assert answer.raw == b""
    assert answer.cookies[0].startswith(f"customer-{account.shop.slug}=; Max-Age=0;")
    assert not await account.is_signed_in(session.by_cookie)
    assert not await account.is_signed_in(session.by_bearer)
    assert await account.is_signed_in(other.by_bearer)


async def test_signing_out_without_a_session_is_fine(door: Door) -> None:
    account = await open_account(door)

    answers = [await account.logout(), await account.logout(("Authorization", "Bearer none"))]

    assert [answer.status for answer in answers] == [204, 204]


async def test_limits_of_a_storefront_and_an_address_are_told_and_kept(door: Door) -> None:
    limits = {"perAddressPerMinute": 5, "perStorefrontPerMinute": 8}
    account = await open_account(door, policy={"codes": limits, "verifications": limits})
    async with client_from(door.url, "127.0.0.2") as elsewhere:
        for path, body in (
            ("request-otp", {"email": "a@x.io"}),
            ("verify", {"email": "a@x.io", "code": "000000"}),
        ):
            here = [await account("POST", f"{AUTH}/{path}", body) for _ in range(6)]
            there = [await account("POST", f"{AUTH}/{path}", body, by=elsewhere) for _ in range(4)]

            passed = 200 if path == "request-otp" else 401
            assert [each.status for each in here] == [passed] * 5 + [429]
            assert [each.status for each in there] == [passed] * 3 + [429]
            for refused in (here[-1], there[-1]):
                assert refused.body["code"] == "RATE_LIMITED"
                assert re.fullmatch("[1-9][0-9]*", refused.headers["Retry-After"])
                assert "RateLimit" in refused.headers


async def test_portal_and_account_share_the_guesses_at_an_email(door: Door) -> None:
    account = await open_account(door)
    await account.request_otp()
    code = await account.shop.code()

    tries = [await account.verify_code(wrong(code)) for _ in range(3)]
    tries += await guess(account.shop, 2)

    assert {each.status for each in tries} == {401}
    assert (await account.verify_code(code)).status == 401
    assert (await account.shop.verify(code)).status == 401


async def test_a_customer_is_one_on_portal_and_account(door: Door) -> None:
    account = await open_account(door)
    portal = (await account.shop.sign_in()).data["client"]["id"]
    await account.shop.advance(60)

    session = await account.sign_in()

    assert session.id == portal
    assert (await account.get(PROFILE, session.by_bearer)).body["customerId"] == portal
