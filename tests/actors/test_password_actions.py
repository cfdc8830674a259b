"""What mailed links do about passwords: confirm a sign-up, end a lock, set a password."""

import msgspec
import pytest

from doorward.actors import tokens
from doorward.actors.desks import action_tokens
from doorward.actors.messages.account import ActionPreview, ActionTaken, NewPassword, TakeAction
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.refusals import Invalid, NotFound, TooMany
from doorward.actors.messages.store import Locked, LoginRefused, ResetBegun, StoreSignedIn
from doorward.actors.opening import account_token
from doorward.actors.records.codec import decode
from doorward.actors.records.mail import AccountLetter
from doorward.actors.records.sign_in import Customer
from tests.actors.aftermath import audited, mint, minted, preview, take, taken
from tests.actors.harness import CALLER, EMAIL, World
from tests.actors.ordering import stored_under
from tests.actors.resets import NEW, STRANGER, finish, forget, reset_token, token_of, was_reset
from tests.actors.shopping import PASSWORD, ROOMY, Shop, hashed, news, open_shop
from tests.actors.test_erasures import erase


@pytest.fixture
async def shop() -> Shop:
    shop = await open_shop(await World().open())
    await shop.signed_up()
    return shop


def customer_of(world: World) -> Customer:
    (raw,) = stored_under(world, "customer:").values()
    record = decode("customer", raw)
    assert isinstance(record, Customer)
    return record


async def take_with(
    world: World, token: str, length: int, password_hash: str | None = None
) -> Outcome:
    password = NewPassword(length, password_hash)
    digest = tokens.digest(token)
    return await world.ask(
        "alpha", TakeAction(token_digest=digest, caller=CALLER, password=password)
    )


# --- confirming a sign-up -------------------------------------------------------------------------


async def test_a_sign_up_is_mailed_a_confirmation_that_keeps_its_password(shop: Shop) -> None:
    before = customer_of(shop.world)

    done = await taken(shop.world, token_of(shop.world, "confirm_email"))

    customer = customer_of(shop.world)
    assert done == {"emailVerified": True}
    assert customer.email_verified
    assert before.password is not None
    assert customer.password == msgspec.structs.replace(before.password, proven=True)
    assert (customer.sessions, customer.devices) == (before.sessions, before.devices)
    assert isinstance(await shop.log_in(), StoreSignedIn)


async def test_a_confirmed_password_survives_the_next_code(shop: Shop) -> None:
    await taken(shop.world, token_of(shop.world, "confirm_email"))

    await shop.world.sign_in()

    assert isinstance(await shop.log_in(), StoreSignedIn)


async def test_a_merchants_confirmation_takes_away_what_a_stranger_may_have_set(
    shop: Shop,
) -> None:
    await taken(shop.world, await minted(shop.world, "confirm_email"))

    customer = customer_of(shop.world)
    assert customer.email_verified
    assert (customer.password, customer.sessions, customer.devices) == (None, (), ())
    assert isinstance(await shop.log_in(), LoginRefused)


@pytest.mark.parametrize("way", ["code", "reset", "removal"])
async def test_a_confirmation_says_nothing_of_a_password_set_or_gone_since(
    shop: Shop, way: str
) -> None:
    token = token_of(shop.world, "confirm_email")
    await shop.world.advance(1)
    if way == "code":
        await shop.world.sign_in()
    elif way == "reset":
        await was_reset(shop)
    else:
        await taken(shop.world, await minted(shop.world, "restore_password"))
    password = customer_of(shop.world).password

    assert await taken(shop.world, token) == {"emailVerified": True}

    assert customer_of(shop.world).password == password
    assert isinstance(await shop.log_in(), LoginRefused)


async def test_the_preview_of_a_confirmation_names_nobody(shop: Shop) -> None:
    shown = await preview(shop.world, token_of(shop.world, "confirm_email"))

    assert isinstance(shown, ActionPreview)
    context = msgspec.json.decode(shown.context, type=dict[str, str])
    assert list(context) == ["signUp"]
    assert customer_of(shop.world).id not in context["signUp"]


# --- ending a lock --------------------------------------------------------------------------------


async def test_a_lock_is_mailed_once_with_a_link_that_ends_it(shop: Shop) -> None:
    await shop.fail(8)
    assert news(shop.world).count("locked") == 1
    assert isinstance(await shop.log_in(), Locked)

    done = await taken(shop.world, token_of(shop.world, "locked"))

    assert done == {"unlocked": True}
    assert isinstance(await shop.log_in(), StoreSignedIn)


async def test_ending_a_lock_ends_nothing_else(shop: Shop) -> None:
    before = customer_of(shop.world)
    await shop.fail(5)

    await taken(shop.world, token_of(shop.world, "locked"))

    assert customer_of(shop.world) == before


async def test_a_known_devices_own_lock_lasts(shop: Shop) -> None:
    device = (await shop.logged_in()).device_secret
    await shop.fail(5, device=device)
    await shop.fail(5)

    await taken(shop.world, token_of(shop.world, "locked"))

    assert isinstance(await shop.log_in(device=device), Locked)
    assert isinstance(await shop.log_in(), StoreSignedIn)


async def test_a_password_that_is_off_is_locked_in_silence() -> None:
    policy = ROOMY.replace(b'"passwords":{', b'"passwords":{"wrongInARow":10,')
    shop = await open_shop(await World().open(), policy=policy)
    await shop.signed_up()
    for _ in range(4):
        await shop.fail(5)
        assert isinstance(await shop.log_in(), Locked)
        await shop.world.advance(901)

    assert news(shop.world)[-2:] == ["locked", "password_disabled"]
    # Of the four locks, three go with the news that it is off or come after them.
    assert sorted(job.is_blank for _, _, job in shop.world.jobs[-4:]) == [False] + [True] * 3


async def test_ending_a_lock_does_not_turn_a_password_on_again() -> None:
    policy = ROOMY.replace(b'"passwords":{', b'"passwords":{"wrongInARow":10,')
    shop = await open_shop(await World().open(), policy=policy)
    await shop.signed_up()
    await shop.fail(5)
    first = token_of(shop.world, "locked")
    await shop.world.advance(901)
    await shop.fail(5)
    assert isinstance(await shop.log_in(), Locked)

    assert await taken(shop.world, first) == {"unlocked": True}

    assert isinstance(await shop.log_in(), LoginRefused)


async def test_a_lock_that_is_over_is_no_fault(shop: Shop) -> None:
    await shop.fail(5)
    await shop.world.advance(901)

    assert await taken(shop.world, token_of(shop.world, "locked")) == {"unlocked": False}


async def test_one_lock_is_ended_by_one_click_only(shop: Shop) -> None:
    await shop.fail(5)
    token = token_of(shop.world, "locked")
    await taken(shop.world, token)
    await shop.fail(5)

    assert isinstance(await take(shop.world, token), NotFound)
    assert isinstance(await shop.log_in(), Locked)


async def test_a_link_of_before_an_erasure_ends_no_lock(shop: Shop) -> None:
    await shop.fail(5)
    world = shop.world
    token = token_of(world, "locked")
    await erase(world, customer_of(world).id)

    assert isinstance(await take(world, token), NotFound)


# --- setting a password ---------------------------------------------------------------------------


async def test_a_preview_tells_how_long_a_password_must_be(shop: Shop) -> None:
    shown = await preview(shop.world, await reset_token(shop))

    assert isinstance(shown, ActionPreview)
    assert (shown.action, shown.context, shown.password_minimum) == ("set_password", b"{}", 8)


async def test_only_what_sets_a_password_tells_that(shop: Shop) -> None:
    shown = await preview(shop.world, await minted(shop.world, "revoke_sessions"))

    assert isinstance(shown, ActionPreview)
    assert shown.password_minimum is None


async def test_without_a_password_it_is_asked_for_and_the_token_lives(shop: Shop) -> None:
    token = await reset_token(shop)

    refused = await take(shop.world, token)

    assert isinstance(refused, Invalid)
    assert refused.name == "password"
    assert isinstance(await preview(shop.world, token), ActionPreview)


async def test_a_short_one_is_refused_and_the_token_lives(shop: Shop) -> None:
    token = await reset_token(shop)

    refused = await take_with(shop.world, token, 7)
    hashed_all_the_same = await take_with(shop.world, token, 7, hashed("short"))

    assert (
        refused
        == hashed_all_the_same
        == Invalid(name="password", rule="must have at least 8 characters")
    )
    assert isinstance(await take_with(shop.world, token, 8), ResetBegun)


async def test_with_its_hash_it_is_set_once(shop: Shop) -> None:
    token = await reset_token(shop)

    done = await take_with(shop.world, token, len(NEW), hashed(NEW))

    assert isinstance(done, ActionTaken)
    assert msgspec.json.decode(done.result) == {"passwordSet": True, "sessionsEnded": 1}
    again = await take_with(shop.world, token, len(NEW), hashed(PASSWORD))
    assert isinstance(again, NotFound)
    assert isinstance(await shop.log_in(password=NEW), StoreSignedIn)
    assert news(shop.world).count("password_changed") == 1


async def test_it_is_logged_once_under_its_customer(shop: Shop) -> None:
    await take_with(shop.world, await reset_token(shop), len(NEW), hashed(NEW))

    entries = [entry.what for entry in await audited(shop.world)]
    assert entries.count("password_set") == 1
    assert "set_password" not in entries


async def test_other_actions_take_no_notice_of_a_password(shop: Shop) -> None:
    token = await minted(shop.world, "revoke_sessions")

    done = await take_with(shop.world, token, 3, hashed(NEW))

    assert isinstance(done, ActionTaken)
    assert isinstance(await shop.log_in(), StoreSignedIn)


async def test_a_removed_password_ends_families_and_can_be_set_by_mail(shop: Shop) -> None:
    await taken(shop.world, await minted(shop.world, "restore_password"))

    assert customer_of(shop.world).sessions == ()
    assert isinstance(await shop.log_in(), LoginRefused)
    await was_reset(shop)
    assert isinstance(await shop.log_in(password=NEW), StoreSignedIn)


async def test_what_was_changed_by_somebody_else_can_be_taken_back(shop: Shop) -> None:
    await was_reset(shop)

    done = await taken(shop.world, token_of(shop.world, "password_changed"))

    assert done == {"passwordRemoved": True, "sessionsEnded": 0}
    assert isinstance(await shop.log_in(password=NEW), LoginRefused)


async def test_a_new_devices_mail_signs_out_everywhere(shop: Shop) -> None:
    await shop.logged_in()
    assert news(shop.world)[-1] == "new_device"

    done = await taken(shop.world, token_of(shop.world, "new_device"))

    assert done == {"sessionsEnded": 2}
    assert customer_of(shop.world).sessions == ()


@pytest.mark.parametrize("action", ["set_password", "unlock_password"])
async def test_no_merchant_mints_what_would_let_them_in(shop: Shop, action: str) -> None:
    refused = await mint(shop.world, action)

    assert isinstance(refused, Invalid)
    assert refused.name == "action"
    assert action not in action_tokens.ACTIONS


async def test_tokens_that_open_nothing_are_limited_all_the_same(shop: Shop) -> None:
    caller = Caller(address="198.51.100.9")
    message = TakeAction(token_digest="0" * 64, caller=caller, password=NewPassword(9))

    outcomes = [await shop.world.ask("alpha", message) for _ in range(61)]

    assert [isinstance(outcome, TooMany) for outcome in outcomes] == [False] * 60 + [True]


def unmailed(world: World) -> str:
    """Derive the token of the newest mail, which went to nobody."""
    job = world.jobs[-1][2]
    assert job.is_blank
    assert isinstance(job.letter, AccountLetter)
    return account_token(job.letter, world.site.keyring, job.life)


async def test_what_was_never_mailed_does_nothing_even_to_who_could_tell_it(shop: Shop) -> None:
    await forget(shop, STRANGER)
    resets = unmailed(shop.world)
    await shop.fail(5, STRANGER)
    unlocks = unmailed(shop.world)

    assert isinstance(await take_with(shop.world, resets, len(NEW), hashed(NEW)), NotFound)
    assert isinstance(await finish(shop, resets), NotFound)
    assert await taken(shop.world, unlocks) == {"unlocked": False}
    assert isinstance(await shop.log_in(STRANGER, NEW), Locked)
    assert len(stored_under(shop.world, "customer:")) == 1


def test_a_new_password_prints_no_hash() -> None:
    assert "hash:" not in repr(NewPassword(9, hashed(NEW)))
    assert EMAIL not in repr(NewPassword(9))
