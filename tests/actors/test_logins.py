"""Signing in by password: locks exact in parallel, alike for every email, and in nobody's way."""

from collections.abc import Sequence

import msgspec
import pytest
from msgspec.structs import replace

from doorward.actors import jwts, tokens
from doorward.actors.desks.logins import lane_of
from doorward.actors.journal import Commit, Ending
from doorward.actors.messages.account import AccountSignedIn
from doorward.actors.messages.envelope import Caller
from doorward.actors.messages.merchant_settings import AuditFound, ReadAudit
from doorward.actors.messages.operator import KeyList, ListKeys, RevokeKey
from doorward.actors.messages.refusals import KeyRefused, OriginRefused, TooMany
from doorward.actors.messages.sandbox import AdvanceClock
from doorward.actors.messages.store import (
    BeginLogin,
    Exchanged,
    ExchangeRefresh,
    HeadlessOff,
    Locked,
    LoginBegun,
    LoginRefused,
    LoginReleased,
    LoginWaits,
    PasswordSet,
    StoreSignedIn,
)
from doorward.actors.records.codec import decode
from doorward.actors.records.sign_in import Customer
from doorward.actors.records.store import Tries
from tests.actors.harness import CALLER, EMAIL, World
from tests.actors.ordering import key_of, stored_under
from tests.actors.resets import NEW, reset, token_of, was_reset
from tests.actors.shopping import (
    PASSWORD,
    ROOMY,
    Shop,
    elsewhere,
    hashed,
    news,
    open_shop,
    publishable_key,
)
from tests.actors.simulation.model_journal import ModelJournal
from tests.actors.simulation.model_store import ModelStore
from tests.actors.visiting import enter

STRANGER = "stranger@example.org"
LOCK = 900
HOUR = 3_600


@pytest.fixture
async def shop() -> Shop:
    shop = await open_shop(await World().open())
    await shop.signed_up()
    return shop


def customer(shop: Shop, email: str = EMAIL) -> Customer:
    found = [decode("customer", raw) for raw in stored_under(shop.world, "customer:").values()]
    return next(each for each in found if isinstance(each, Customer) and each.email == email)


def tries(shop: Shop, name: str) -> Tries | None:
    stored = stored_under(shop.world, f"tries:{name}")
    record = decode("tries", next(iter(stored.values()))) if stored else None
    assert record is None or isinstance(record, Tries)
    return record


async def tighten(shop: Shop, **passwords: int) -> None:
    """Change what the policy says of passwords, by the names that it has there."""
    policy = msgspec.json.decode(ROOMY)
    policy["passwords"] |= passwords
    await shop.world.furnish("alpha", headless=True, policy=msgspec.json.encode(policy))


async def audited(shop: Shop) -> list[tuple[str, str, str]]:
    key = await key_of(shop.world, shop.slug)
    log = await shop.world.ask(shop.slug, ReadAudit(key_digest=key))
    assert isinstance(log, AuditFound)
    return [(entry.who, entry.what, entry.subject) for entry in log.items]


# --- right and wrong --------------------------------------------------------------------------


async def test_the_right_password_signs_in(shop: Shop) -> None:
    signed_in = await shop.log_in()

    assert isinstance(signed_in, StoreSignedIn)
    assert (signed_in.shopper.email, signed_in.created) == (EMAIL, False)


async def test_unknown_wrong_unset_and_turned_off_are_one_answer(shop: Shop) -> None:
    await shop.world.sign_in(email="coded@example.org")
    await turn_off(shop)

    outcomes = [
        await shop.log_in(STRANGER),
        await shop.log_in("coded@example.org"),
        await shop.log_in(),
        await shop.log_in(password="wrong"),
    ]

    assert outcomes == [LoginRefused()] * 4


async def test_a_hash_is_told_only_where_there_is_something_to_compare_with(shop: Shop) -> None:
    await shop.world.sign_in(email="coded@example.org")

    told = [(await shop.begun(email)).password_hash for email in (EMAIL, STRANGER)]
    coded = (await shop.begun("coded@example.org")).password_hash

    assert (*told, coded) == (hashed(PASSWORD), None, None)


async def test_a_right_verdict_about_nobody_signs_nobody_in(shop: Shop) -> None:
    begun = await shop.begun(STRANGER)

    assert await shop.finish(begun, "right", STRANGER) == LoginRefused()


async def test_a_hash_made_anew_takes_the_place_of_the_old_one(shop: Shop) -> None:
    before = customer(shop).password
    begun = await shop.begun()

    await shop.finish(begun, "right", rehash="hash:better")

    assert before is not None
    assert customer(shop).password == replace(before, hash="hash:better")


async def test_of_two_right_logins_that_hash_anew_none_is_refused(shop: Shop) -> None:
    first, second = await shop.begun(), await shop.begun()

    outcomes = [
        await shop.finish(first, "right", rehash="hash:better"),
        await shop.finish(second, "right", rehash="hash:as good"),
    ]

    assert [type(outcome) for outcome in outcomes] == [StoreSignedIn, StoreSignedIn]
    password = customer(shop).password
    assert password is not None
    assert password.hash == "hash:better"


async def test_a_password_that_was_taken_away_meanwhile_signs_nobody_in(shop: Shop) -> None:
    begun = await shop.begun()
    # The first proof of the mailbox takes away what was there before it.
    await shop.world.sign_in()

    assert await shop.finish(begun, "right") == LoginRefused()


async def test_a_password_that_was_set_anew_meanwhile_is_the_only_right_one(shop: Shop) -> None:
    begun = await shop.begun()
    await shop.world.advance(1)
    await was_reset(shop, password="another one")

    assert await shop.finish(begun, "right") == LoginRefused()
    assert isinstance(await shop.log_in(password="another one"), StoreSignedIn)


# --- locks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("email", [EMAIL, STRANGER])
async def test_the_fifth_wrong_password_locks_known_and_unknown_alike(
    shop: Shop, email: str
) -> None:
    outcomes = await shop.fail(7, email)

    assert outcomes == [LoginRefused()] * 5 + [Locked(wait_ms=LOCK * 1000)] * 2


async def test_a_lock_ends_fifteen_minutes_after_the_fifth_and_nothing_extends_it(
    shop: Shop,
) -> None:
    await shop.fail()

    for minute in range(15):
        assert await shop.log_in() == Locked(wait_ms=(LOCK - 60 * minute) * 1000)
        await shop.world.advance(60)

    assert isinstance(await shop.log_in(), StoreSignedIn)


async def test_after_a_lock_five_more_may_be_tried(shop: Shop) -> None:
    await shop.fail()
    await shop.world.advance(LOCK)

    assert await shop.fail(6) == [LoginRefused()] * 5 + [Locked(wait_ms=LOCK * 1000)]


async def test_a_right_password_clears_the_window(shop: Shop) -> None:
    for _ in range(3):
        assert await shop.fail(4) == [LoginRefused()] * 4
        await shop.logged_in()

    assert await shop.fail(5) == [LoginRefused()] * 5


async def test_wrong_ones_that_left_the_window_do_not_lock(shop: Shop) -> None:
    await shop.fail(4)
    await shop.world.advance(LOCK)

    assert await shop.fail(4) == [LoginRefused()] * 4
    assert isinstance(await shop.log_in(), StoreSignedIn)


async def test_of_a_hundred_parallel_tries_five_begin_and_nobody_is_refused(shop: Shop) -> None:
    begun = await shop.world.ask_all("alpha", [shop.call(BeginLogin, email=EMAIL)] * 100)

    assert [type(each) for each in begun] == [LoginBegun] * 5 + [LoginWaits] * 95


async def test_a_place_that_becomes_free_goes_to_who_waits(shop: Shop) -> None:
    held = [await shop.begun() for _ in range(5)]
    assert await shop.begin() == LoginWaits()

    assert isinstance(await shop.finish(held[0], "right"), StoreSignedIn)

    assert isinstance(await shop.begin(waiting=True), LoginBegun)
    assert await shop.begin(waiting=True) == LoginWaits()


async def test_who_waits_finds_the_lock_that_those_before_them_made(shop: Shop) -> None:
    held = [await shop.begun() for _ in range(5)]

    for begun in held:
        assert await shop.finish(begun, "wrong") == LoginRefused()

    assert await shop.begin(waiting=True) == Locked(wait_ms=LOCK * 1000)


async def test_a_right_one_among_wrong_ones_is_let_in_whenever_it_ends(shop: Shop) -> None:
    for place in range(5):
        held = [await shop.begun() for _ in range(5)]
        right = held.pop(place)
        for begun in held[:4]:
            await shop.finish(begun, "wrong")

        assert isinstance(await shop.finish(right, "right"), StoreSignedIn)


async def test_a_try_is_settled_once(shop: Shop) -> None:
    begun = await shop.begun()
    await shop.finish(begun, "wrong")

    again = [await shop.finish(begun, verdict) for verdict in ("wrong", "right", "unevaluated")]

    assert again == [LoginRefused()] * 3
    assert await shop.fail(4) == [LoginRefused()] * 4
    assert isinstance(await shop.begin(), Locked)


async def test_a_try_given_back_does_not_count(shop: Shop) -> None:
    for _ in range(10):
        assert await shop.finish(await shop.begun(), "unevaluated") == LoginReleased()

    assert isinstance(await shop.log_in(), StoreSignedIn)


async def test_what_is_never_settled_was_wrong_at_its_deadline(shop: Shop) -> None:
    held = [await shop.begun() for _ in range(5)]

    await shop.world.advance(29)
    assert await shop.begin(waiting=True) == LoginWaits()
    await shop.world.advance(11)

    assert await shop.begin() == Locked(wait_ms=(LOCK - 10) * 1000)
    assert await shop.finish(held[0], "right") == LoginRefused()
    assert news(shop.world) == ["confirm_email", "locked"]


async def test_a_right_verdict_that_comes_too_late_is_refused(shop: Shop) -> None:
    begun = await shop.begun()
    await shop.world.advance(30)

    assert await shop.finish(begun, "right") == LoginRefused()
    assert await shop.fail(4) == [LoginRefused()] * 4
    assert isinstance(await shop.begin(), Locked)


async def test_a_lock_stops_no_code_and_no_session(shop: Shop) -> None:
    session = await shop.world.sign_in()
    await shop.fail()

    assert isinstance(await shop.begin(), Locked)
    me = await shop.world.me(session.secret)
    assert me != await shop.world.me(None)
    await shop.world.sign_in()
    assert isinstance(await enter(shop.world), AccountSignedIn)


async def test_a_lock_stops_no_family(shop: Shop) -> None:
    signed_in = await shop.logged_in()
    await shop.fail()

    claims = jwts.read(shop.world.site.keyring, signed_in.tokens.refresh, "refresh")

    assert isinstance(await shop.ask(ExchangeRefresh, claims=claims), Exchanged)


async def test_the_policy_says_how_many_lock_and_for_how_long(shop: Shop) -> None:
    await tighten(shop, wrongPerLock=2, lock=60, window=60)

    assert await shop.fail(3) == [LoginRefused()] * 2 + [Locked(wait_ms=60_000)]


async def test_a_lock_is_the_storefronts_own(shop: Shop) -> None:
    other = await open_shop(shop.world, "bravo")
    await other.signed_up()

    await shop.fail()

    assert isinstance(await shop.begin(), Locked)
    assert isinstance(await other.log_in(), StoreSignedIn)


async def test_locks_and_reservations_outlive_the_host(shop: Shop) -> None:
    held = [await shop.begun() for _ in range(2)]
    await shop.fail(3)

    heir = shop.at(await shop.world.successor())
    assert await heir.begin() == LoginWaits()
    assert await heir.finish(held[0], "wrong") == LoginRefused()
    await heir.finish(held[1], "wrong")
    locked = await heir.begin()

    assert isinstance(locked, Locked)
    assert 0 < locked.wait_ms <= LOCK * 1000
    later = heir.at(await heir.world.successor())
    assert isinstance(await later.begin(), Locked)


async def test_a_sandbox_clock_ends_a_lock() -> None:
    shop = await open_shop(await World().open(), sandbox=True)
    await shop.signed_up()
    key = await key_of(shop.world)
    await shop.fail()

    await shop.world.ask("alpha", AdvanceClock(key_digest=key, advance_ms=LOCK * 1000 - 1))
    locked = await shop.begin()
    await shop.world.ask("alpha", AdvanceClock(key_digest=key, advance_ms=1))

    assert locked == Locked(wait_ms=1)
    assert isinstance(await shop.log_in(), StoreSignedIn)


# --- a hundred in a row -----------------------------------------------------------------------


async def turn_off(shop: Shop, email: str = EMAIL) -> None:
    for _ in range(20):
        await shop.fail(5, email)
        await shop.world.advance(LOCK)


async def test_a_hundred_wrong_ones_in_a_row_turn_the_password_off(shop: Shop) -> None:
    await turn_off(shop)

    assert await shop.log_in() == LoginRefused()
    await shop.world.advance(30 * 24 * HOUR)
    assert (await shop.begun()).password_hash is None


async def test_a_right_one_in_between_begins_the_row_anew(shop: Shop) -> None:
    for _ in range(19):
        await shop.fail()
        await shop.world.advance(LOCK)
    await shop.fail(4)
    await shop.logged_in()
    await shop.fail(4)

    assert isinstance(await shop.log_in(), StoreSignedIn)


async def test_one_under_way_when_the_password_is_turned_off_is_refused(shop: Shop) -> None:
    await tighten(shop, wrongPerLock=20, wrongInARow=10)
    right = await shop.begun()

    await shop.fail(10)

    assert await shop.finish(right, "right") == LoginRefused()


async def test_guesses_at_an_email_that_was_nobodys_do_not_count_for_who_signs_up(
    shop: Shop,
) -> None:
    await turn_off(shop, STRANGER)
    await shop.fail(5, STRANGER)

    await shop.signed_up(STRANGER)

    assert isinstance(await shop.log_in(STRANGER), StoreSignedIn)


# --- known devices ----------------------------------------------------------------------------


async def test_a_known_device_signs_in_while_strangers_lock_the_email(shop: Shop) -> None:
    signed_in = await shop.logged_in()
    device = signed_in.device_secret
    await shop.fail()

    again = await shop.log_in(device=device)

    assert isinstance(await shop.log_in(), Locked)
    assert isinstance(again, StoreSignedIn)
    assert again.device_secret is None
    assert isinstance(await shop.log_in(), Locked)


async def test_a_known_device_has_a_lock_of_its_own(shop: Shop) -> None:
    device = (await shop.logged_in()).device_secret

    assert await shop.fail(6, device=device) == [LoginRefused()] * 5 + [Locked(wait_ms=900_000)]
    assert isinstance(await shop.log_in(), StoreSignedIn)
    assert news(shop.world).count("locked") == 0


async def test_a_device_that_locked_itself_out_may_try_a_password_set_by_mail(shop: Shop) -> None:
    device = (await shop.logged_in()).device_secret
    await shop.fail(5, device=device)
    await shop.world.advance(1)

    await was_reset(shop, password="another one")

    assert isinstance(await shop.log_in(password="another one", device=device), StoreSignedIn)
    assert await shop.fail(5, device=device) == [LoginRefused()] * 5
    assert isinstance(await shop.begin(device=device), Locked)


async def test_wrong_ones_of_a_device_count_in_the_emails_row(shop: Shop) -> None:
    device = (await shop.logged_in()).device_secret
    await tighten(shop, wrongInARow=10)

    await shop.fail(5, device=device)
    await shop.fail(5)
    await shop.world.advance(LOCK)

    assert await shop.log_in() == LoginRefused()
    assert await shop.log_in(device=device) == LoginRefused()


async def test_a_device_is_known_by_its_own_customer_only(shop: Shop) -> None:
    other = await shop.signed_up("bob@example.org")
    await shop.fail()

    assert isinstance(await shop.begin(device=other.device_secret), Locked)
    assert isinstance(await shop.begin(device="made up"), Locked)


async def test_a_device_is_known_for_its_time_only(shop: Shop) -> None:
    policy = b'{"devices":{"ttl":3600}}'
    await shop.world.furnish("alpha", headless=True, policy=policy)
    device = (await shop.logged_in()).device_secret
    await shop.world.advance(HOUR)
    await shop.fail()

    assert isinstance(await shop.begin(device=device), Locked)


async def test_a_try_from_a_device_is_settled_though_the_device_was_forgotten_since(
    shop: Shop,
) -> None:
    signed_in = await shop.logged_in()
    device = signed_in.device_secret
    assert device is not None
    begun = await shop.begun(device=device)
    await shop.world.sign_in()

    assert customer(shop).devices
    assert await shop.finish(begun, "wrong", device=device) == LoginRefused()
    found = tries(shop, lane_of(EMAIL, tokens.digest(device)))
    assert found is not None
    assert (found.reserved, found.wrong.total) == ((), 1)


# --- limits of an address and of a key --------------------------------------------------------


async def test_an_address_tries_ten_times_a_minute_and_refused_ones_do_not_count() -> None:
    shop = await open_shop(await World().open(), policy=b"{}")
    begun = [await shop.begin(f"a{number}@example.org") for number in range(30)]

    assert [type(each) for each in begun] == [LoginBegun] * 10 + [TooMany] * 20
    assert isinstance(begun[10], TooMany)
    assert begun[10].wait_ms == 60_000
    await shop.world.advance(60)
    again = [await shop.begin(f"b{number}@example.org") for number in range(11)]
    assert [type(each) for each in again] == [LoginBegun] * 10 + [TooMany]


async def test_ten_in_any_sixty_seconds_whatever_the_minute() -> None:
    shop = await open_shop(await World().open(), policy=b"{}")
    for number in range(10):
        await shop.begin(f"a{number}@example.org")
        await shop.world.advance(5)

    assert isinstance(await shop.begin("b@example.org"), TooMany)
    await shop.world.advance(10)
    assert isinstance(await shop.begin("b@example.org"), LoginBegun)
    assert isinstance(await shop.begin("c@example.org"), TooMany)


async def test_the_addresss_limit_comes_before_the_lock() -> None:
    shop = await open_shop(await World().open(), policy=b"{}")
    outcomes = await shop.fail(12, STRANGER)

    assert [type(each) for each in outcomes] == [LoginRefused] * 5 + [Locked] * 5 + [TooMany] * 2
    assert isinstance(await shop.begin(STRANGER, caller=elsewhere(1)), Locked)


async def test_who_waits_is_not_counted_again() -> None:
    shop = await open_shop(await World().open(), policy=b"{}")
    for _ in range(6):
        await shop.begin(STRANGER)

    waited = [await shop.begin(STRANGER, waiting=True) for _ in range(20)]

    assert waited == [LoginWaits()] * 20
    left = [await shop.begin(f"a{number}@example.org") for number in range(5)]
    assert [type(each) for each in left] == [LoginBegun] * 4 + [TooMany]


async def test_a_secret_key_says_whose_address_counts() -> None:
    shop = await open_shop(await World().open(), policy=b"{}")
    key = await key_of(shop.world)

    def shopper(number: int) -> Caller:
        return replace(CALLER, key_digest=key, asserted_address=f"203.0.113.{number}")

    for number in range(20):
        assert isinstance(await shop.begin(f"a{number}@x.org", caller=shopper(number)), LoginBegun)
    stolen = replace(shopper(1), key_digest="made up")

    assert await shop.begin(caller=stolen) == KeyRefused()
    begun = await shop.begun()
    assert await shop.finish(begun, "wrong", caller=stolen) == KeyRefused()


async def test_a_login_is_one_call_of_its_key() -> None:
    policy = b'{"keys.publishablePerMinute":3}'
    shop = await open_shop(await World().open(), policy=policy)
    await shop.signed_up()
    await shop.logged_in()

    begun = await shop.begun()
    over = await shop.begin()
    waited = await shop.begin(waiting=True)

    assert isinstance(over, TooMany)
    assert isinstance(waited, LoginBegun)
    assert isinstance(await shop.finish(begun, "right"), StoreSignedIn)


async def test_only_a_live_key_of_a_headless_storefront_opens_a_login(shop: Shop) -> None:
    begun = await shop.begun()

    assert await shop.begin(key_digest="made up") == KeyRefused()
    assert await shop.begin(origin="https://evil.example") == OriginRefused()
    assert await shop.finish(begun, "right", origin="https://evil.example") == OriginRefused()
    keys = await shop.world.ask("alpha", ListKeys())
    assert isinstance(keys, KeyList)
    await shop.world.ask("alpha", RevokeKey(key_id=keys.keys[0].id))
    assert await shop.finish(begun, "right") == KeyRefused()
    await shop.world.put("alpha", headless=False)
    other = await publishable_key(shop.world)
    assert await shop.begin(key_digest=other) == HeadlessOff()


# --- what is told -----------------------------------------------------------------------------


async def test_a_lock_is_mailed_and_logged_once(shop: Shop) -> None:
    await shop.fail(9)

    who = customer(shop).id
    assert news(shop.world) == ["confirm_email", "locked"]
    assert ("doorward", "password_locked", who) in await audited(shop)
    assert [event.name for event in shop.world.events].count("password_locked") == 1


async def test_a_lock_that_was_over_before_anybody_noticed_is_logged_and_not_mailed(
    shop: Shop,
) -> None:
    for _ in range(5):
        await shop.begun()
    await shop.world.advance(30 + LOCK)

    assert isinstance(await shop.log_in(), StoreSignedIn)

    assert "locked" not in news(shop.world)
    assert "password_locked" in [what for _, what, _ in await audited(shop)]


async def test_the_end_of_a_password_is_logged_and_mailed_once(shop: Shop) -> None:
    await turn_off(shop)
    await shop.fail(5)

    entries = [what for _, what, _ in await audited(shop)]
    assert entries.count("password_disabled") == 1
    assert news(shop.world).count("password_disabled") == 1
    # It locked as well; that a lock can be ended is of no use any more.
    assert news(shop.world)[-1] == "password_disabled"


async def test_the_end_of_no_password_is_mailed_to_nobody(shop: Shop) -> None:
    for _ in range(20):
        await shop.fail(5, STRANGER)
        await shop.world.advance(LOCK)

    assert shop.world.mails("alpha", STRANGER) == []


async def test_the_mail_about_the_end_of_a_password_leads_to_another(shop: Shop) -> None:
    await turn_off(shop)

    done = await reset(shop, token_of(shop.world, "password_disabled"))

    assert isinstance(done, PasswordSet)
    assert isinstance(await shop.log_in(password=NEW), StoreSignedIn)


async def test_made_up_emails_do_not_fill_the_audit_log(shop: Shop) -> None:
    await shop.fail(5, STRANGER)

    assert "password_locked" not in [what for _, what, _ in await audited(shop)]


async def test_a_sign_in_from_a_new_device_is_mailed(shop: Shop) -> None:
    first = await shop.logged_in()
    assert news(shop.world) == ["confirm_email", "new_device"]

    await shop.logged_in(device=first.device_secret)

    assert news(shop.world) == ["confirm_email", "new_device"]


async def test_many_new_devices_are_not_mailed_one_by_one(shop: Shop) -> None:
    for _ in range(20):
        await shop.logged_in()
    assert news(shop.world) == ["confirm_email", "new_device", "new_device"]

    await shop.world.advance(HOUR)
    await shop.logged_in()

    assert news(shop.world).count("new_device") == 3


async def test_every_refusal_is_noted_with_its_request(shop: Shop) -> None:
    caller = replace(CALLER, request_id="r-12345678")

    begun = await shop.begun()
    await shop.finish(begun, "wrong", caller=caller)
    begun = await shop.begun()
    await shop.finish(begun, "right", caller=caller)

    noted = [each.name for each in shop.world.events if each.fields.get("request_id")]
    assert noted == ["sign_in_refused", "signed_in"]


async def test_no_hash_is_told_in_a_representation(shop: Shop) -> None:
    assert PASSWORD not in repr(await shop.begun())


# --- the same for every email -----------------------------------------------------------------


class Noted(ModelJournal):
    """Notes which records are read and written, by kind."""

    def __init__(self, store: ModelStore) -> None:
        super().__init__(store)
        self.kinds: list[str] = []

    async def flush(
        self, commits: Sequence[Commit], reads: Sequence[str]
    ) -> tuple[list[Ending], list[bytes | None]]:
        self.kinds += [f"read {key.split(':')[3]}" for key in reads]
        for commit in commits:
            self.kinds += [f"{op[0]} {op[1].split(':')[-2]}" for op in commit.operations]
        return await super().flush(commits, reads)


async def touched(shop: Shop, email: str, wrong: int, device: str | None = None) -> list[str]:
    """Fail on a host that remembers nothing; tell what it read and wrote, in order."""
    journal = Noted(shop.world.site.store)
    heir = World(shop.world.site, owner="host-9", dead=("host-1", "host-9"), journal=journal)
    await shop.at(await heir.open()).fail(wrong, email, device=device)
    return journal.kinds


@pytest.mark.parametrize("wrong", [1, 5, 6])
@pytest.mark.parametrize("device", [None, "made up"])
async def test_known_and_unknown_emails_cost_the_same_records(
    wrong: int, device: str | None
) -> None:
    seen = []
    for email in (EMAIL, STRANGER):
        shop = await open_shop(await World().open())
        await shop.signed_up()
        seen.append(await touched(shop, email, wrong, device))

    assert seen[0] == seen[1]
    assert "read tries" in seen[0]
    assert ("s audit" in seen[0]) == (wrong >= 5)
