from urllib.parse import quote, urlencode

import pytest

from tests.http.guessing import spend_guesses
from tests.http.knocking import Answer
from tests.http.pages.reading import URL_ENCODED, Reader
from tests.http.shops import BUYER, Shop, wrong

pytestmark = pytest.mark.asyncio(loop_scope="session")


def sign_in_path(shop: Shop) -> str:
    return f"/s/{shop.slug}/account/sign-in"


async def post(shop: Shop, path: str, *headers: tuple[str, str], **fields: str) -> Answer:
    raw = urlencode(fields).encode()
    return await shop.client("POST", path, None, [("Content-Type", URL_ENCODED), *headers], raw=raw)


async def test_two_forms_sign_in_without_a_script(shop: Shop, reader: Reader) -> None:
    page = await reader.open(sign_in_path(shop))
    page = await reader.send(page.form("/sign-in"), email=f"  {BUYER.upper()} ")

    page = await reader.send(page.form("/code"), code=await shop.code())

    assert reader.path == f"/s/{shop.slug}/account"
    assert BUYER in page.text
    assert await shop.is_signed_in(*(f"{name}={value}" for name, value in reader.jar.items()))


async def test_no_address_ever_holds_the_email(shop: Shop) -> None:
    asked = await post(shop, sign_in_path(shop), email=BUYER)
    code = await shop.code()
    wrong_one = await post(shop, f"{sign_in_path(shop)}/code", email=BUYER, code=wrong(code))
    right = await post(shop, f"{sign_in_path(shop)}/code", email=BUYER, code=code)

    assert [asked.status, wrong_one.status, right.status] == [200, 401, 303]
    assert all("@" not in answer.headers.get("Location", "") for answer in (asked, right))


async def test_the_fields_say_what_a_phone_wants_to_know(shop: Shop, reader: Reader) -> None:
    page = await reader.open(sign_in_path(shop))
    code_page = await reader.send(page.form("/sign-in"), email=BUYER)

    email = next(given for tag, given in page.tags if given.get("id") == "email")
    code = next(given for tag, given in code_page.tags if given.get("id") == "code")

    assert (email["type"], email["autocomplete"]) == ("email", "email")
    assert (code["inputmode"], code["autocomplete"]) == ("numeric", "one-time-code")


@pytest.mark.parametrize("spaced", ["{0} {1}", "{0}-{1}", " {0}{1} ", "{0}\u00a0{1}"])
async def test_a_code_may_be_typed_as_people_type_numbers(
    shop: Shop, reader: Reader, spaced: str
) -> None:
    page = await reader.open(sign_in_path(shop))
    page = await reader.send(page.form("/sign-in"), email=BUYER)
    code = await shop.code()

    page = await reader.send(page.form("/code"), code=spaced.format(code[:3], code[3:]))

    assert page.status == 200
    assert reader.jar


async def test_a_wrong_code_keeps_the_step_and_says_so_beside_the_field(
    shop: Shop, reader: Reader
) -> None:
    page = await reader.open(sign_in_path(shop))
    page = await reader.send(page.form("/sign-in"), email=BUYER)

    page = await reader.send(page.form("/code"), code=wrong(await shop.code()))

    code = next(given for tag, given in page.tags if given.get("id") == "code")
    assert page.status == 401
    assert page.title.startswith("Error: ")
    assert code["aria-invalid"] == "true"
    assert "code-problem" in (code["aria-describedby"] or "").split()
    assert page.form("/code").fields["email"] == BUYER


@pytest.mark.parametrize("code", ["", "abc", "\uff11" * 6, "0" * 400, "<script>"])
async def test_what_is_no_code_is_refused_like_a_wrong_one(shop: Shop, code: str) -> None:
    await post(shop, sign_in_path(shop), email=BUYER)

    answer = await post(shop, f"{sign_in_path(shop)}/code", email=BUYER, code=code)

    assert answer.status == 401
    assert not answer.cookies


@pytest.mark.parametrize("email", ["", "   ", "nobody", "a@b@c", "a@b\u202e.example", "x" * 300])
async def test_what_is_no_email_is_asked_for_again_and_nothing_is_lost(
    shop: Shop, reader: Reader, email: str
) -> None:
    page = await reader.open(sign_in_path(shop))

    page = await reader.send(page.form("/sign-in"), email=email)

    assert page.status == 400
    assert page.form("/sign-in").fields["email"] == email
    assert await shop.mails() == []


async def test_an_email_comes_back_inert(shop: Shop, reader: Reader) -> None:
    page = await reader.open(sign_in_path(shop))

    page = await reader.send(page.form("/sign-in"), email='"><img src=x onerror=alert(1)>')

    assert "<img" not in page.html
    assert page.form("/sign-in").fields["email"] == '"><img src=x onerror=alert(1)>'


async def test_another_email_and_the_same_again_are_one_click_away(
    shop: Shop, reader: Reader
) -> None:
    page = await reader.open(sign_in_path(shop))
    page = await reader.send(page.form("/sign-in"), email=BUYER)

    again = await reader.send(page.form("/sign-in"))

    assert page.links["Use another email"] == sign_in_path(shop)
    assert again.form("/code").fields["email"] == BUYER
    assert "another email" in again.text
    assert len(await shop.mails()) == 2


async def test_too_many_codes_say_when_to_come_back(shop: Shop, reader: Reader) -> None:
    page = await reader.open(sign_in_path(shop))
    page = await reader.send(page.form("/sign-in"), email=BUYER)
    for _ in range(2):
        page = await reader.send(page.form("/sign-in"))

    refused = await reader.send(page.form("/sign-in"))
    anew = await post(shop, sign_in_path(shop), email=BUYER)

    assert refused.status == anew.status == 429
    assert 1 <= int(refused.answer.headers["Retry-After"]) <= 60
    assert "Try again in a minute." in refused.text
    # The codes that were mailed still work: nothing on the page was lost.
    assert (await reader.send(refused.form("/code"), code=await shop.code())).status == 200


async def test_past_the_guesses_the_page_is_the_same_and_the_mail_holds_a_link(
    shop: Shop, reader: Reader
) -> None:
    await spend_guesses(shop)
    await shop.advance(60)
    page = await reader.open(sign_in_path(shop))

    page = await reader.send(page.form("/sign-in"), email=BUYER)

    assert page.status == 200
    assert "sign-in button instead of a code" in page.text
    assert await shop.link_token()


@pytest.mark.parametrize(
    "header",
    [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "none"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
    ],
)
@pytest.mark.parametrize("step", ["sign-in", "sign-in/code", "sign-out", "profile", "link"])
async def test_a_form_of_another_site_does_nothing(
    shop: Shop, step: str, header: tuple[str, str]
) -> None:
    path = f"/s/{shop.slug}/account/{step}"

    answer = await post(shop, path, header, email=BUYER, code="123456", token="l", name="x")

    assert answer.status == 403
    assert not answer.cookies
    assert await shop.mails() == []


async def test_our_own_form_is_let_through(shop: Shop) -> None:
    own = ("Sec-Fetch-Site", "same-origin")

    assert (await post(shop, sign_in_path(shop), own, email=BUYER)).status == 200


@pytest.mark.parametrize(
    "next_path",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/s/other/account",
        "/s/{slug}/account/../../../dev/mailbox",
        "/s/{slug}/account?x=//evil.example",
        "/s/{slug}/account\r\nLocation: https://evil.example",
    ],
)
async def test_after_signing_in_nobody_is_led_elsewhere(shop: Shop, next_path: str) -> None:
    next_path = next_path.format(slug=shop.slug)
    shown = await shop.client.get(f"{sign_in_path(shop)}?next={quote(next_path, safe='')}")
    await post(shop, sign_in_path(shop), email=BUYER)

    answer = await post(
        shop, f"{sign_in_path(shop)}/code", email=BUYER, code=await shop.code(), next=next_path
    )

    assert b"evil" not in shown.raw
    assert answer.status == 303
    assert answer.headers["Location"] == f"/s/{shop.slug}/account"


async def test_who_wanted_the_profile_is_led_there(shop: Shop, reader: Reader) -> None:
    page = await reader.open(f"/s/{shop.slug}/account/profile")
    page = await reader.send(page.form("/sign-in"), email=BUYER)

    page = await reader.send(page.form("/code"), code=await shop.code())

    assert reader.path == f"/s/{shop.slug}/account/profile"
    assert "Your profile" in page.title


async def test_reloading_the_code_step_begins_anew(shop: Shop, reader: Reader) -> None:
    page = await reader.open(f"{sign_in_path(shop)}/code")

    assert reader.path == sign_in_path(shop)
    assert page.status == 200
