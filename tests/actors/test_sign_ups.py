"""Signing up with a password, and what becomes of it when somebody else owns the mailbox."""

import pytest
from msgspec.structs import replace

from doorward.actors import jwts, tokens
from doorward.actors.messages.account import TakeAction
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.refusals import KeyRefused, OriginRefused, TooMany
from doorward.actors.messages.sign_in import SignedIn
from doorward.actors.messages.store import (
    BeginSignUp,
    EmailTaken,
    Exchanged,
    ExchangeRefresh,
    FinishSignUp,
    HeadlessOff,
    Issue,
    Issues,
    LoginRefused,
    Person,
    SignUpBegun,
    StoreSignedIn,
    TokenRefused,
)
from doorward.actors.records.codec import decode
from doorward.actors.records.sign_in import Customer, Password
from tests.actors.harness import CALLER, EMAIL, START_MS, World
from tests.actors.ordering import key_of, stored_under
from tests.actors.shopping import PASSWORD, Shop, elsewhere, hashed, news, open_shop

ANN = Person("Ann", EMAIL)


@pytest.fixture
async def shop() -> Shop:
    return await open_shop(await World().open())


async def begin(shop: Shop, person: Person = ANN, length: int = 8, **fields: object) -> Outcome:
    return await shop.ask(BeginSignUp, person=person, password_length=length, **fields)


def customers(shop: Shop) -> list[Customer]:
    found = [decode("customer", raw) for raw in stored_under(shop.world, "customer:").values()]
    return [each for each in found if isinstance(each, Customer)]


async def exchange(shop: Shop, signed_in: StoreSignedIn) -> Outcome:
    claims = jwts.read(shop.world.site.keyring, signed_in.tokens.refresh, "refresh")
    assert claims is not None
    return await shop.ask(ExchangeRefresh, claims=claims)


# --- signing up -------------------------------------------------------------------------------


async def test_who_signs_up_is_a_customer_and_signed_in(shop: Shop) -> None:
    caller = replace(CALLER, locale="id", device_label="Firefox on Linux")
    signed_in = await shop.sign_up(" Ann@Example.ORG ", phone="+8801711000000", caller=caller)

    assert isinstance(signed_in, StoreSignedIn)
    shopper = signed_in.shopper
    assert (shopper.name, shopper.email, shopper.phone) == ("Ann", EMAIL, "+8801711000000")
    assert (signed_in.created, signed_in.secure) == (True, True)
    assert isinstance(await exchange(shop, signed_in), Exchanged)
    (customer,) = customers(shop)
    assert customer.id == shopper.id
    assert not customer.email_verified
    assert customer.password == Password(hashed(PASSWORD), customer.created_at_ms)
    assert (customer.locale, customer.sessions[0].device) == ("id", "Firefox on Linux")


async def test_the_device_that_signed_up_is_known(shop: Shop) -> None:
    signed_in = await shop.signed_up()

    assert signed_in.device_ttl_seconds == 15_552_000
    assert (await shop.logged_in(device=signed_in.device_secret)).device_secret is None


async def test_a_sign_up_is_mailed_to_be_confirmed_and_logged(shop: Shop) -> None:
    await shop.signed_up()

    assert news(shop.world) == ["confirm_email"]
    assert [event.name for event in shop.world.events].count("customer_created") == 1


@pytest.mark.parametrize("email", [EMAIL, "ANN@example.org", f" {EMAIL}\t"])
async def test_an_email_signs_up_once_however_it_is_written(shop: Shop, email: str) -> None:
    await shop.signed_up()

    assert await shop.sign_up(email) == EmailTaken()


async def test_who_only_ever_used_codes_has_an_account_too(shop: Shop) -> None:
    await shop.world.sign_in()

    assert await shop.sign_up() == EmailTaken()


async def test_of_parallel_sign_ups_with_one_email_one_wins(shop: Shop) -> None:
    calls = [shop.call(BeginSignUp, person=ANN, password_length=8)] * 10
    begun = await shop.world.ask_all("alpha", calls)
    calls = [shop.call(FinishSignUp, person=ANN, password_hash=f"hash:{n}") for n in range(10)]
    finished = await shop.world.ask_all("alpha", calls)

    assert begun == [SignUpBegun()] * 10
    assert [type(each) for each in finished] == [StoreSignedIn] + [EmailTaken] * 9
    (customer,) = customers(shop)
    assert customer.password is not None
    assert customer.password.hash == "hash:0"


async def test_the_same_email_is_two_people_at_two_storefronts(shop: Shop) -> None:
    other = await open_shop(shop.world, "bravo")
    await shop.signed_up(password="a secret of alpha")
    await other.signed_up(password="a secret of bravo")

    assert await shop.log_in(password="a secret of bravo") == LoginRefused()
    assert isinstance(await other.log_in(password="a secret of bravo"), StoreSignedIn)


async def test_a_sign_up_outlives_the_host(shop: Shop) -> None:
    signed_in = await shop.signed_up()

    heir = shop.at(await shop.world.successor())

    assert await heir.sign_up() == EmailTaken()
    assert isinstance(await heir.log_in(), StoreSignedIn)
    assert isinstance(await exchange(heir, signed_in), Exchanged)


async def test_time_is_the_storefronts(shop: Shop) -> None:
    await shop.world.advance(5)

    signed_in = await shop.signed_up()

    assert signed_in.shopper.created_at_ms == START_MS + 5_000


async def test_no_password_or_secret_is_at_rest_but_as_a_hash(shop: Shop) -> None:
    signed_in = await shop.signed_up()

    at_rest = b"".join(stored_under(shop.world, "").values())
    assert signed_in.device_secret is not None
    for secret in (signed_in.device_secret, signed_in.tokens.refresh, signed_in.tokens.access):
        assert secret.encode() not in at_rest


# --- what stands in the way -------------------------------------------------------------------


async def test_everything_that_is_wrong_is_told_at_once(shop: Shop) -> None:
    person = Person(name="", email="ann", phone="0171")

    issues = await begin(shop, person, length=7)

    assert issues == Issues(
        issues=(
            Issue(("name",), "must be 1 to 100 characters without control characters"),
            Issue(("email",), "must be an email address"),
            Issue(("phoneNumber",), "must be a number in E.164 form, like +628123456789"),
            Issue(("password",), "must have at least 8 characters"),
        )
    )


@pytest.mark.parametrize(
    ("person", "path"),
    [
        (replace(ANN, name="x" * 101), "name"),
        (replace(ANN, name="A\nB"), "name"),
        (replace(ANN, name="   "), "name"),
        (replace(ANN, email="ann@example"), "email"),
        (replace(ANN, email="änn@example.org"), "email"),
        (replace(ANN, email="ann@example.org\r\n"), "email"),
        (replace(ANN, phone=""), "phoneNumber"),
        (replace(ANN, phone="+0123456789"), "phoneNumber"),
    ],
)
async def test_a_bad_member_is_named(shop: Shop, person: Person, path: str) -> None:
    issues = await begin(shop, person)

    assert isinstance(issues, Issues)
    assert [issue.path for issue in issues.issues] == [(path,)]
    finished = await shop.ask(FinishSignUp, person=person, password_hash=hashed(PASSWORD))
    assert finished == issues
    assert customers(shop) == []


async def test_how_long_a_password_must_be_is_the_policys(shop: Shop) -> None:
    await shop.world.furnish("alpha", headless=True, policy=b'{"passwords":{"lengthMinimum":15}}')

    short, long = await begin(shop, length=14), await begin(shop, length=15)

    assert short == Issues(issues=(Issue(("password",), "must have at least 15 characters"),))
    assert long == SignUpBegun()


async def test_an_address_signs_up_five_times_a_minute_and_refused_ones_do_not_count() -> None:
    shop = await open_shop(await World().open(), policy=b"{}")
    outcomes = [
        await begin(shop, length=1),
        await begin(shop, replace(ANN, email="?")),
        await shop.signed_up(),
        await begin(shop),
        await begin(shop, replace(ANN, email="bob@example.org")),
        *[await begin(shop, replace(ANN, email="eve@example.org")) for _ in range(9)],
    ]

    expected = [Issues, Issues, StoreSignedIn, EmailTaken, SignUpBegun, *[TooMany] * 9]
    assert [type(each) for each in outcomes] == expected
    await shop.world.advance(60)
    again = [await begin(shop, replace(ANN, email="eve@example.org")) for _ in range(6)]
    assert [type(each) for each in again] == [SignUpBegun] * 5 + [TooMany]


async def test_logins_and_sign_ups_of_an_address_are_counted_apart() -> None:
    shop = await open_shop(await World().open(), policy=b"{}")
    for number in range(5):
        assert await begin(shop) == SignUpBegun()
        assert await shop.log_in(f"a{number}@example.org") == LoginRefused()
    assert isinstance(await begin(shop), TooMany)

    assert [await shop.log_in(f"b{n}@example.org") for n in range(5)] == [LoginRefused()] * 5
    assert isinstance(await shop.log_in(), TooMany)
    assert await begin(shop, caller=elsewhere(1)) == SignUpBegun()


async def test_a_secret_key_says_whose_address_signs_up() -> None:
    shop = await open_shop(await World().open(), policy=b"{}")
    key = await key_of(shop.world)

    def shopper(number: int) -> Caller:
        return replace(CALLER, key_digest=key, asserted_address=f"203.0.113.{number}")

    for number in range(20):
        assert await begin(shop, caller=shopper(number)) == SignUpBegun()
    stolen = replace(CALLER, key_digest="made up", asserted_address="203.0.113.9")

    assert await begin(shop, caller=stolen) == KeyRefused()
    finished = await shop.ask(FinishSignUp, person=ANN, password_hash="hash:x", caller=stolen)
    assert finished == KeyRefused()


async def test_a_sign_up_is_one_call_of_its_key() -> None:
    shop = await open_shop(await World().open(), policy=b'{"keys.publishablePerMinute":2}')

    await shop.signed_up()

    assert isinstance(await begin(shop), EmailTaken)
    assert isinstance(await begin(shop), TooMany)


async def test_a_sign_up_needs_a_good_key_and_a_listed_page(shop: Shop) -> None:
    assert await begin(shop, key_digest="made up") == KeyRefused()
    assert await begin(shop, key_digest=await key_of(shop.world)) == KeyRefused()
    assert await begin(shop, origin="https://evil.example") == OriginRefused()
    await shop.world.put("alpha", headless=False)
    assert await begin(shop) == HeadlessOff()


# --- somebody else's mailbox ------------------------------------------------------------------


async def test_the_owner_of_a_mailbox_takes_over_what_was_signed_up_with_it(shop: Shop) -> None:
    intruder = await shop.signed_up()
    more = await shop.logged_in()

    owner = await shop.world.sign_in()

    assert owner.customer.id == intruder.shopper.id
    assert await exchange(shop, intruder) == TokenRefused(reason="revoked")
    assert await exchange(shop, more) == TokenRefused(reason="revoked")
    assert await shop.log_in() == LoginRefused()
    (customer,) = customers(shop)
    assert (customer.email_verified, customer.password) == (True, None)
    assert [entry.surface for entry in customer.sessions] == ["portal"]
    known = {device.digest for device in customer.devices}
    for secret in (intruder.device_secret, more.device_secret):
        assert secret is not None
        assert tokens.digest(secret) not in known


async def test_a_code_that_was_mailed_before_a_sign_up_still_opens(shop: Shop) -> None:
    code = await shop.world.code()

    await shop.signed_up()

    assert isinstance(await shop.world.verify(code), SignedIn)


async def test_an_owner_who_confirms_the_sign_up_keeps_the_password(shop: Shop) -> None:
    signed_up = await shop.signed_up()
    token = shop.world.mail().link
    assert token is not None
    digest = tokens.digest(token.rpartition("/")[2].rpartition("=")[2])
    await shop.world.ask("alpha", TakeAction(caller=CALLER, token_digest=digest))

    await shop.world.sign_in()

    assert isinstance(await exchange(shop, signed_up), Exchanged)
    assert isinstance(await shop.log_in(), StoreSignedIn)
