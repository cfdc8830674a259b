"""Chains of refresh tokens: what is exchanged, what is refused and why, and what ends with them."""

import jwt
import pytest
from msgspec.structs import replace

from doorward.actors import jwts, storefront
from doorward.actors.keyring import Keyring
from doorward.actors.messages.account import EndSessions
from doorward.actors.messages.envelope import Caller, Outcome, Request
from doorward.actors.messages.merchant_customers import (
    EraseCustomer,
    ErasureGoesOn,
    RevokeSessions,
    SessionsRevoked,
)
from doorward.actors.messages.merchant_settings import AuditFound, ReadAudit
from doorward.actors.messages.refusals import Deleted, KeyRefused
from doorward.actors.messages.sandbox import AdvanceClock
from doorward.actors.messages.store import (
    EndFamily,
    Exchanged,
    HeadlessOff,
    ReadShopper,
    Shopper,
    TokenRefused,
)
from doorward.actors.records.codec import decode
from doorward.actors.records.sign_in import Customer
from doorward.actors.records.store import Family
from doorward.actors.turns import Turn
from tests.actors.harness import CALLER, MASTER_KEY, World
from tests.actors.ordering import key_of, stored_under
from tests.actors.refreshing import Begin, Begun, Shop, open_shop, stored_families
from tests.actors.visiting import ROOMY, enter, listed_sessions, visit

HOUR, DAY = 3_600, 86_400
GRACE = b'{"refresh":{"graceSeconds":10}}'
OTHER = "bea@example.org"


@pytest.fixture
async def shop() -> Shop:
    return await open_shop()


async def graceful() -> Shop:
    return await open_shop(policy=GRACE)


async def audited(shop: Shop) -> list[tuple[str, str, str]]:
    found = await shop.world.ask(shop.slug, ReadAudit(key_digest=None))
    assert isinstance(found, AuditFound)
    return [(each.who, each.what, each.subject) for each in found.items]


async def rolled_back(shop: Shop, image: object) -> Shop:
    """Put the store back to what it was, and go on with a host that knows how far it had been."""
    before = shop.world
    before.site.store.image = image
    after = World(before.site, owner="host-2", dead=("host-1",), seed=2)
    after.ownership.expect(before.ownership.high_water())
    await after.open()
    for _ in range(5):
        await after.advance(1)
    return shop.at(after)


# --- times and shapes -----------------------------------------------------------------------------


async def test_a_pair_says_what_it_is_and_reported_times_are_its_own(shop: Shop) -> None:
    await shop.world.advance(0.777)
    begun = await shop.sign_in()
    pair = begun.tokens
    access, refresh = shop.claims(pair.access, "access"), shop.claims(pair.refresh)

    assert access is not None
    assert refresh is not None
    seconds = shop.world.now_ms // 1000
    assert (access.issued_at, refresh.issued_at) == (seconds, seconds)
    assert pair.access_expires_at_ms == access.expires_at * 1000 == (seconds + 3_600) * 1000
    assert pair.refresh_expires_at_ms == refresh.expires_at * 1000 == (seconds + 2_592_000) * 1000
    assert access.family == refresh.family
    assert access.subject == refresh.subject == begun.customer.id
    assert access.jti != refresh.jti
    assert (access.typ, refresh.typ) == ("access", "refresh")


async def test_an_exchange_gives_fresh_tokens_of_the_same_family(shop: Shop) -> None:
    first = (await shop.sign_in()).tokens
    await shop.world.advance(HOUR)

    second = await shop.rotated(first.refresh)

    old, new = shop.claims(first.refresh), shop.claims(second.refresh)
    assert old is not None
    assert new is not None
    assert new.family == old.family
    assert new.jti != old.jti
    assert new.expires_at - old.expires_at == HOUR
    assert second.access != first.access
    assert isinstance(await shop.call(ReadShopper, second.access), Shopper)


async def test_where_the_policy_says_so_others_can_check_access_tokens() -> None:
    shop = await open_shop(policy=b'{"access":{"publicKeys":true,"ttl":60}}')

    pair = (await shop.sign_in()).tokens

    assert jwt.get_unverified_header(pair.access)["alg"] == "EdDSA"
    assert jwt.get_unverified_header(pair.refresh)["alg"] == "HS256"
    assert pair.access_expires_at_ms == shop.world.now_ms + 60_000
    assert isinstance(await shop.call(ReadShopper, pair.access), Shopper)
    await shop.rotated(pair.refresh)


async def test_no_token_is_at_rest(shop: Shop) -> None:
    first = (await shop.sign_in()).tokens
    second = await shop.rotated(first.refresh)

    everything = b"".join(stored_under(shop.world, "").values())

    for token in (first.access, first.refresh, second.access, second.refresh):
        assert token.rpartition(".")[2].encode() not in everything
    assert "…" in repr(second)


# --- reasons --------------------------------------------------------------------------------------


async def test_a_token_can_be_exchanged_once(shop: Shop) -> None:
    first = (await shop.sign_in()).tokens

    await shop.rotated(first.refresh)

    assert await shop.refresh(first.refresh) == "replayed"


async def test_a_replay_ends_the_whole_family_and_only_that(shop: Shop) -> None:
    first, elsewhere = (await shop.sign_in()).tokens, (await shop.sign_in()).tokens
    stranger = (await shop.sign_in(OTHER)).tokens
    second = await shop.rotated(first.refresh)
    third = await shop.rotated(second.refresh)

    assert await shop.refresh(first.refresh) == "replayed"

    assert await shop.refresh(third.refresh) == "revoked"
    assert await shop.refresh(second.refresh) == "replayed"
    assert await shop.refresh(first.refresh) == "replayed"
    await shop.rotated(elsewhere.refresh)
    await shop.rotated(stranger.refresh)


async def test_a_replay_is_in_the_audit_log_once(shop: Shop) -> None:
    begun = await shop.sign_in()
    await shop.rotated(begun.tokens.refresh)

    for _ in range(3):
        assert await shop.refresh(begun.tokens.refresh) == "replayed"

    entries = [entry for entry in await audited(shop) if entry[1] == "refresh_replayed"]
    assert entries == [("token", "refresh_replayed", begun.customer.id)]
    noted = [event for event in shop.world.events if event.name == "refresh_replayed"]
    assert [event.fields["customer"] for event in noted] == [begun.customer.id]


async def test_what_is_none_of_ours_is_invalid(shop: Shop) -> None:
    pair = (await shop.sign_in()).tokens
    before = stored_under(shop.world, "")

    for token in (None, "", "made up", pair.access, pair.refresh + "x"):
        assert await shop.refresh(token) == "invalid"
    claims = shop.claims(pair.access, "access")
    swapped = replace(shop.exchange(None), claims=claims)
    assert await shop.world.ask("alpha", swapped) == TokenRefused(reason="invalid")

    assert stored_families(shop.world) == {
        key: value for key, value in before.items() if ":family:" in key
    }
    await shop.rotated(pair.refresh)


async def test_expiry_is_said_before_an_exchange_and_before_a_revocation(shop: Shop) -> None:
    exchanged, ended = (await shop.sign_in()).tokens, (await shop.sign_in()).tokens
    newest = await shop.rotated(exchanged.refresh)
    await shop.log_out(ended.refresh)
    await shop.world.advance(30 * DAY - 1)

    assert await shop.refresh(ended.refresh) == "revoked"
    await shop.world.advance(1)

    assert await shop.refresh(ended.refresh) == "expired"
    assert await shop.refresh(exchanged.refresh) == "expired"
    assert await shop.refresh(newest.refresh) == "expired"
    assert not [entry for entry in await audited(shop) if entry[1] == "refresh_replayed"]


async def test_a_token_is_good_until_its_very_expiry(shop: Shop) -> None:
    early, late = (await shop.sign_in()).tokens, (await shop.sign_in(OTHER)).tokens
    await shop.world.advance(30 * DAY - 0.001)

    await shop.rotated(early.refresh)
    await shop.world.advance(0.001)

    assert await shop.refresh(late.refresh) == "expired"


async def test_a_family_ends_at_last_however_often_it_is_exchanged(shop: Shop) -> None:
    pair = (await shop.sign_in()).tokens
    start_ms = shop.world.now_ms
    for _ in range(179):
        await shop.world.advance(DAY)
        pair = await shop.rotated(pair.refresh)
    await shop.world.advance(DAY - 1)
    pair = await shop.rotated(pair.refresh)

    assert pair.refresh_expires_at_ms == start_ms + 180 * DAY * 1000
    await shop.world.advance(1)
    assert await shop.refresh(pair.refresh) == "expired"


async def test_a_customer_who_is_erased_takes_their_families_along(shop: Shop) -> None:
    begun = await shop.sign_in()
    old = begun.tokens
    pair = await shop.rotated(old.refresh)
    erase = EraseCustomer(key_digest=None, customer_id=begun.customer.id)

    assert isinstance(await shop.world.ask("alpha", erase), ErasureGoesOn)

    assert stored_families(shop.world) == {}
    assert await shop.refresh(pair.refresh) == "revoked"
    assert await shop.refresh(old.refresh) == "revoked"
    assert await shop.log_out(pair.refresh) == Deleted()


async def test_a_family_that_was_forgotten_is_revoked(shop: Shop) -> None:
    pair = (await shop.sign_in()).tokens
    for key in stored_families(shop.world):
        del shop.world.site.store.image.records[key]

    heir = shop.at(await shop.world.successor())

    assert await heir.refresh(pair.refresh) == "revoked"
    assert stored_families(heir.world) == {}


async def test_a_key_of_the_storefront_is_needed_and_the_surface_must_be_open(shop: Shop) -> None:
    pair = (await shop.sign_in()).tokens
    stranger = Shop(shop.world, "0" * 64)

    assert await stranger.refresh(pair.refresh) == KeyRefused()
    assert await stranger.log_out(pair.refresh) == KeyRefused()
    await shop.world.put("alpha", headless=False)
    assert await shop.refresh(pair.refresh) == HeadlessOff()
    await shop.world.put("alpha", headless=True)
    await shop.rotated(pair.refresh)


# --- storefronts and lives ------------------------------------------------------------------------


async def test_another_storefronts_token_changes_nothing(shop: Shop) -> None:
    pair = (await shop.sign_in()).tokens
    spent = pair
    pair = await shop.rotated(pair.refresh)
    other = await open_shop("bravo", shop.world)
    before = stored_under(shop.world, ""), stored_under(shop.world, "", "bravo")

    for token in (pair.refresh, spent.refresh):
        assert await other.refresh(token) == "invalid"
        assert await other.log_out(token) == Deleted()
        assert await other.call(ReadShopper, pair.access) == TokenRefused(reason="invalid")

    def promised(found: dict[str, bytes]) -> dict[str, bytes]:
        return {key: value for key, value in found.items() if ":key-traffic:" not in key}

    after = stored_under(shop.world, ""), stored_under(shop.world, "", "bravo")
    assert [promised(each) for each in after] == [promised(each) for each in before]
    await shop.rotated(pair.refresh)


async def test_a_token_of_the_slugs_former_life_is_invalid(shop: Shop) -> None:
    pair = (await shop.sign_in()).tokens
    claims = shop.claims(pair.refresh)
    assert claims is not None
    elsewhere = jwts.mint(shop.world.site.keyring, replace(claims, life="alpha/00aa11bb22cc33dd"))

    assert await shop.refresh(elsewhere) == "invalid"
    assert await shop.log_out(elsewhere) == Deleted()

    await shop.rotated(pair.refresh)


async def test_rotating_the_master_key_logs_nobody_out_and_removing_it_does(shop: Shop) -> None:
    pair = (await shop.sign_in()).tokens
    ring = Keyring([bytes(32), MASTER_KEY])
    shop.world.site.keyring = ring
    heir = shop.at(await shop.world.successor())

    newer = await heir.rotated(pair.refresh)

    assert jwt.get_unverified_header(newer.refresh)["kid"] == f"h-{ring.newest}"
    heir.world.site.keyring = Keyring([bytes(32)])
    assert await heir.refresh(pair.refresh) == "invalid"
    await heir.rotated(newer.refresh)


# --- in parallel, and over hosts ------------------------------------------------------------------


async def test_of_fifty_parallel_exchanges_exactly_one_wins(shop: Shop) -> None:
    token = (await shop.sign_in()).tokens.refresh
    cold = shop.at(await shop.world.successor())

    done = await cold.world.ask_all("alpha", [cold.exchange(token)] * 50)

    won = [each for each in done if isinstance(each, Exchanged)]
    assert len(won) == 1
    assert done.count(TokenRefused(reason="replayed")) == 49
    assert await cold.refresh(won[0].tokens.refresh) == "revoked"


async def test_within_the_grace_all_parallel_exchanges_get_the_same_pair() -> None:
    shop = await graceful()
    token = (await shop.sign_in()).tokens.refresh

    done = await shop.world.ask_all("alpha", [shop.exchange(token)] * 50)

    assert all(isinstance(each, Exchanged) for each in done)
    assert len({(each.tokens.access, each.tokens.refresh) for each in done}) == 1


async def test_a_chain_goes_on_over_hosts(shop: Shop) -> None:
    pairs = [(await shop.sign_in()).tokens]
    for _ in range(3):
        shop = shop.at(await shop.world.successor())
        pairs.append(await shop.rotated(pairs[-1].refresh))
    shop = shop.at(await shop.world.successor())

    assert await shop.refresh(pairs[1].refresh) == "replayed"
    shop = shop.at(await shop.world.successor())
    assert await shop.refresh(pairs[-1].refresh) == "revoked"


async def test_chains_live_by_the_clock_of_a_sandbox() -> None:
    shop = await open_shop(sandbox=True)
    key = await key_of(shop.world)
    pair = (await shop.sign_in()).tokens
    await shop.world.ask("alpha", AdvanceClock(key_digest=key, advance_ms=29 * DAY * 1000))

    second = await shop.rotated(pair.refresh)

    assert second.refresh_expires_at_ms == pair.refresh_expires_at_ms + 29 * DAY * 1000
    await shop.world.ask("alpha", AdvanceClock(key_digest=key, advance_ms=30 * DAY * 1000))
    assert await shop.refresh(second.refresh) == "expired"


# --- grace ----------------------------------------------------------------------------------------


async def test_within_the_grace_the_parent_gets_the_same_child_again() -> None:
    shop = await graceful()
    first = (await shop.sign_in()).tokens
    second = await shop.rotated(first.refresh)
    before = stored_families(shop.world)
    await shop.world.advance(9.999)

    again = await shop.at(await shop.world.successor()).rotated(first.refresh)

    assert again == second
    assert stored_families(shop.world) == before


async def test_after_the_grace_the_parent_is_replayed() -> None:
    shop = await graceful()
    first = (await shop.sign_in()).tokens
    second = await shop.rotated(first.refresh)
    await shop.world.advance(10)

    assert await shop.refresh(first.refresh) == "replayed"
    assert await shop.refresh(second.refresh) == "revoked"


async def test_once_the_child_was_used_the_grace_is_over() -> None:
    shop = await graceful()
    first = (await shop.sign_in()).tokens
    second = await shop.rotated(first.refresh)
    third = await shop.rotated(second.refresh)

    assert await shop.rotated(second.refresh) == third
    assert await shop.refresh(first.refresh) == "replayed"
    assert await shop.refresh(third.refresh) == "revoked"
    assert await shop.refresh(second.refresh) == "replayed"


async def test_no_grace_revives_a_chain_that_ended() -> None:
    shop = await graceful()
    first = (await shop.sign_in()).tokens
    second = await shop.rotated(first.refresh)
    await shop.log_out(second.refresh)

    assert await shop.refresh(first.refresh) == "replayed"
    assert await shop.refresh(second.refresh) == "revoked"


# --- logging out ----------------------------------------------------------------------------------


async def test_logging_out_revokes_the_chain_and_leaves_the_access_token(shop: Shop) -> None:
    pair, other = (await shop.sign_in()).tokens, (await shop.sign_in()).tokens

    assert await shop.log_out(pair.refresh) == Deleted()
    assert await shop.log_out(pair.refresh) == Deleted()

    assert await shop.refresh(pair.refresh) == "revoked"
    assert isinstance(await shop.call(ReadShopper, pair.access), Shopper)
    await shop.world.advance(HOUR - 1)
    assert isinstance(await shop.call(ReadShopper, pair.access), Shopper)
    await shop.world.advance(1)
    assert await shop.call(ReadShopper, pair.access) == TokenRefused(reason="expired")
    await shop.rotated(other.refresh)


@pytest.mark.parametrize("token", [None, "", "made up"])
async def test_logging_out_of_nothing_is_fine(shop: Shop, token: str | None) -> None:
    await shop.sign_in()
    before = stored_families(shop.world)

    assert await shop.log_out(token) == Deleted()

    assert stored_families(shop.world) == before


async def test_an_access_token_logs_nobody_out(shop: Shop) -> None:
    pair = (await shop.sign_in()).tokens
    claims = shop.claims(pair.access, "access")
    assert claims is not None

    message = EndFamily(key_digest=shop.key, caller=CALLER, claims=claims)
    assert await shop.world.ask("alpha", message) == Deleted()

    await shop.rotated(pair.refresh)


async def test_a_token_that_was_exchanged_or_expired_still_logs_its_family_out(shop: Shop) -> None:
    exchanged = (await shop.sign_in()).tokens
    newest = await shop.rotated(exchanged.refresh)

    await shop.log_out(exchanged.refresh)

    assert await shop.refresh(newest.refresh) == "revoked"
    expired = (await shop.sign_in()).tokens
    await shop.world.advance(20 * DAY)
    live = await shop.rotated(expired.refresh)
    await shop.world.advance(20 * DAY)
    assert await shop.refresh(expired.refresh) == "expired"
    await shop.log_out(expired.refresh)
    assert await shop.refresh(live.refresh) == "revoked"


# --- a store that went back -----------------------------------------------------------------------


async def test_a_store_that_went_back_revives_no_exchanged_token(shop: Shop) -> None:
    first = (await shop.sign_in()).tokens
    await shop.world.advance(1)
    image = shop.world.site.store.image.copy()
    second = await shop.rotated(first.refresh)

    shop = await rolled_back(shop, image)

    assert await shop.refresh(first.refresh) == "revoked"
    assert await shop.refresh(second.refresh) == "revoked"
    assert not [entry for entry in await audited(shop) if entry[1] == "refresh_replayed"]


async def test_nobody_is_accused_of_a_token_that_the_store_lost(shop: Shop) -> None:
    first = (await shop.sign_in()).tokens
    image = shop.world.site.store.image.copy()
    await shop.world.advance(0.4)
    second = await shop.rotated(first.refresh)
    assert shop.claims(first.refresh).issued_at == shop.claims(second.refresh).issued_at

    shop = await rolled_back(shop, image)

    assert await shop.refresh(second.refresh) == "revoked"


async def test_a_store_that_went_back_revives_no_chain_that_was_logged_out(shop: Shop) -> None:
    first = (await shop.sign_in()).tokens
    await shop.world.advance(1)
    second = await shop.rotated(first.refresh)
    image = shop.world.site.store.image.copy()
    await shop.log_out(second.refresh)

    shop = await rolled_back(shop, image)

    assert await shop.refresh(second.refresh) == "revoked"
    assert await shop.refresh(first.refresh) == "replayed"


async def test_after_a_store_went_back_new_chains_are_good(shop: Shop) -> None:
    image = shop.world.site.store.image.copy()
    lost = (await shop.sign_in()).tokens

    shop = await rolled_back(shop, image)
    pair = (await shop.sign_in()).tokens

    assert await shop.refresh(lost.refresh) == "revoked"
    pair = await shop.rotated(pair.refresh)
    shop = shop.at(await shop.world.successor())
    await shop.rotated(pair.refresh)


# --- in the list of sessions ----------------------------------------------------------------------


@pytest.fixture
async def home() -> Shop:
    """Open a shop whose customers come to the account surface too."""
    return await open_shop(policy=ROOMY)


async def test_families_are_listed_among_the_sessions(home: Shop) -> None:
    account = await enter(home.world)
    caller = Caller(address="203.0.113.77", scheme="https", device_label="Firefox on Linux")
    begun = await home.world.ask("alpha", Begin(caller=caller))
    assert isinstance(begun, Begun)

    newest, own = (await listed_sessions(home.world, account)).items

    assert (newest.surface, newest.device, newest.current) == ("store", "Firefox on Linux", False)
    assert newest.address == "203.0.113.0/24"
    assert newest.created_at_ms == newest.seen_at_ms == home.world.now_ms
    assert (own.surface, own.current) == ("account", True)


@pytest.mark.parametrize("one", [True, False])
async def test_ending_a_session_of_the_list_revokes_its_family(home: Shop, one: bool) -> None:  # noqa: FBT001
    account = await enter(home.world)
    pair = (await home.sign_in()).tokens
    newest = (await listed_sessions(home.world, account)).items[0]

    ended = await visit(home.world, EndSessions, account, session_id=newest.id if one else None)

    assert ended == Deleted()
    assert await home.refresh(pair.refresh) == "revoked"
    assert [each.surface for each in (await listed_sessions(home.world, account)).items] == [
        "account"
    ]
    (stored,) = stored_families(home.world).values()
    family = decode("family", stored)
    assert isinstance(family, Family)
    assert family.revoked


async def test_logging_out_or_a_replay_takes_the_family_off_the_list(home: Shop) -> None:
    account = await enter(home.world)
    first, second = (await home.sign_in()).tokens, (await home.sign_in()).tokens
    await home.log_out(first.refresh)
    assert len((await listed_sessions(home.world, account)).items) == 2

    await home.rotated(second.refresh)
    await home.refresh(second.refresh)

    assert len((await listed_sessions(home.world, account)).items) == 1


async def test_the_merchant_can_sign_a_shopper_out(home: Shop) -> None:
    begun = await home.sign_in()
    again = await home.sign_in()
    revoke = RevokeSessions(key_digest=None, customer_id=begun.customer.id)

    assert await home.world.ask("alpha", revoke) == SessionsRevoked(count=2)

    assert await home.refresh(begun.tokens.refresh) == "revoked"
    assert await home.refresh(again.tokens.refresh) == "revoked"


class Tamper(Request, frozen=True):
    """Change what is kept of a customer or a family, past all desks."""

    record: Customer | Family
    name: str


def tamper(turn: Turn, message: Tamper) -> Outcome:
    turn.ledger.put(message.record, message.name)
    return Deleted()


async def test_a_chain_lives_only_while_its_record_and_the_list_both_say_so(
    home: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(storefront._DESKS, Tamper, tamper)  # noqa: SLF001
    begun, other = await home.sign_in(), await home.sign_in(OTHER)
    claims = home.claims(other.tokens.refresh)
    assert claims is not None
    (stored,) = stored_under(home.world, f"family:{claims.family}").values()

    unlisted = replace(begun.customer, sessions=())
    await home.world.ask("alpha", Tamper(unlisted, unlisted.id))
    revoked = replace(decode("family", stored), revoked=True)
    await home.world.ask("alpha", Tamper(revoked, claims.family))

    assert await home.refresh(begun.tokens.refresh) == "revoked"
    assert await home.refresh(other.tokens.refresh) == "revoked"
    assert await home.log_out(begun.tokens.refresh) == Deleted()


async def test_past_the_bound_the_oldest_of_all_surfaces_end() -> None:
    shop = await open_shop(policy=ROOMY[:-1] + b',"sessions":{"perCustomer":2}}')
    first = (await shop.sign_in()).tokens
    account = await enter(shop.world)
    second = (await shop.sign_in()).tokens
    assert await shop.refresh(first.refresh) == "revoked"

    assert len((await listed_sessions(shop.world, account)).items) == 2
    await enter(shop.world)
    again = await enter(shop.world)

    assert await shop.refresh(second.refresh) == "revoked"
    assert [each.surface for each in (await listed_sessions(shop.world, again)).items] == [
        "account"
    ] * 2
    await shop.sign_in()
    third = (await shop.sign_in()).tokens
    await shop.rotated(third.refresh)


async def test_who_proves_a_mailbox_ends_what_was_begun_without_proof(home: Shop) -> None:
    await home.world.ask("alpha", Begin(verified=False))
    intruder = (await home.sign_in()).tokens
    gone = (await home.sign_in()).tokens
    await home.log_out(gone.refresh)
    assert isinstance(await home.call(ReadShopper, gone.access), Shopper)

    await enter(home.world)

    assert await home.refresh(intruder.refresh) == "revoked"
    for pair in (intruder, gone):
        assert await home.call(ReadShopper, pair.access) == TokenRefused(reason="invalid")
    fresh = (await home.sign_in()).tokens
    assert isinstance(await home.call(ReadShopper, fresh.access), Shopper)
    await home.rotated(fresh.refresh)


async def test_use_is_noted_once_an_hour_and_the_listing_outlives_the_chain(home: Shop) -> None:
    account = await enter(home.world)
    pair = (await home.sign_in()).tokens
    began_ms = home.world.now_ms

    await home.world.advance(HOUR - 1)
    pair = await home.rotated(pair.refresh)
    early = (await listed_sessions(home.world, account)).items[0]
    await home.world.advance(1)
    pair = await home.rotated(pair.refresh)
    noted = (await listed_sessions(home.world, account)).items[0]

    assert early.seen_at_ms == began_ms
    assert noted.seen_at_ms == began_ms + HOUR * 1000
    assert pair.refresh_expires_at_ms <= noted.expires_at_ms
    assert noted.expires_at_ms - pair.refresh_expires_at_ms == HOUR * 1000


async def test_a_chain_is_listed_as_long_as_it_can_be_exchanged() -> None:
    shop = await open_shop(policy=b'{"refresh":{"ttl":3600}}')
    pair = (await shop.sign_in()).tokens
    customer = (await shop.sign_in()).customer.id
    await shop.world.advance(HOUR - 1)
    pair = await shop.rotated(pair.refresh)
    await shop.world.advance(HOUR - 2)
    # One more sign-in drops whatever has expired out of the customer's list.
    assert (await shop.sign_in()).customer.id == customer
    pair = await shop.rotated(pair.refresh)

    revoke = RevokeSessions(key_digest=None, customer_id=customer)
    await shop.world.ask("alpha", revoke)

    assert await shop.refresh(pair.refresh) == "revoked"


async def test_a_longer_ttl_is_noted_at_once() -> None:
    shop = await open_shop(policy=b'{"refresh":{"ttl":3600}}')
    begun = await shop.sign_in()
    await shop.world.put("alpha", headless=True, policy=b"{}")

    pair = await shop.rotated(begun.tokens.refresh)
    await shop.world.advance(3 * HOUR)
    later = await shop.sign_in()

    assert len(later.customer.sessions) == 2
    await shop.rotated(pair.refresh)


async def test_records_of_families_are_kept_until_their_end_and_no_longer(shop: Shop) -> None:
    pair = (await shop.sign_in()).tokens
    (name,) = stored_families(shop.world)
    margin_ms = shop.world.site.store.ttl_ms(name) - 180 * DAY * 1000

    await shop.world.advance(DAY)
    pair = await shop.rotated(pair.refresh)
    await shop.world.advance(DAY)
    await shop.log_out(pair.refresh)

    assert 0 <= margin_ms <= DAY * 1000
    assert shop.world.site.store.ttl_ms(name) == 178 * DAY * 1000 + margin_ms
