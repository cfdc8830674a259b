"""Forgotten passwords: asking is neutral, the mailed token works once and ends all else."""

from collections.abc import Sequence

import pytest

from doorward.actors import tokens
from doorward.actors.journal import Commit, Ending
from doorward.actors.messages.account import Account, AccountSignedIn, ReadAccount
from doorward.actors.messages.envelope import Caller
from doorward.actors.messages.refusals import KeyRefused, NotFound, SessionRequired, TooMany
from doorward.actors.messages.store import (
    BeginReset,
    FinishReset,
    ForgetPassword,
    HeadlessOff,
    Issues,
    Locked,
    LoginRefused,
    PasswordMailed,
    PasswordSet,
    ResetBegun,
    StoreSignedIn,
)
from doorward.actors.records.codec import decode
from doorward.actors.records.sign_in import Customer
from tests.actors.aftermath import audited, minted, preview
from tests.actors.harness import EMAIL, World
from tests.actors.ordering import key_of, stored_under
from tests.actors.resets import (
    NEW,
    STRANGER,
    begin,
    finish,
    forget,
    reset,
    reset_token,
    token_of,
    was_reset,
)
from tests.actors.shopping import PASSWORD, ROOMY, Shop, elsewhere, news, open_shop
from tests.actors.simulation.model_journal import ModelJournal
from tests.actors.simulation.model_store import ModelStore
from tests.actors.visiting import enter, visit

HOUR = 3_600


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


# --- asking ---------------------------------------------------------------------------------------


async def test_a_customer_is_mailed_a_link_that_lives_an_hour(shop: Shop) -> None:
    mailed = await forget(shop)

    assert isinstance(mailed, PasswordMailed)
    assert news(shop.world) == ["confirm_email", "set_password"]
    token = token_of(shop.world, "set_password")
    assert token[0] == "p"
    assert len(token) == 26
    job = shop.world.jobs[-1][2]
    assert job.expires_at_ms == shop.world.now_ms + HOUR * 1_000


async def test_an_unknown_email_is_answered_alike_and_mailed_nothing(shop: Shop) -> None:
    known = await forget(shop, caller=elsewhere(1))
    unknown = await forget(shop, STRANGER, caller=elsewhere(2))

    assert isinstance(known, PasswordMailed)
    assert isinstance(unknown, PasswordMailed)
    assert known.standing.rule == unknown.standing.rule
    assert shop.world.mails(email=STRANGER) == []
    assert [(job.to, job.is_blank) for _, _, job in shop.world.jobs[-2:]] == [
        (EMAIL, False),
        (STRANGER, True),
    ]


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


async def touched(shop: Shop, email: str, number: int, *, times: int = 1) -> list[str]:
    """Ask on a host that remembers nothing; tell what it read and wrote, in order."""
    journal = Noted(shop.world.site.store)
    name = f"host-{number}"
    gone = [f"host-{other}" for other in range(1, number)]
    heir = World(shop.world.site, owner=name, dead=gone, journal=journal, seed=number)
    await heir.open()
    for _ in range(times):
        assert isinstance(await forget(shop.at(heir), email), PasswordMailed)
    return journal.kinds


async def test_known_and_unknown_emails_cost_the_same_work(shop: Shop) -> None:
    known = await touched(shop, EMAIL, 2)
    unknown = await touched(shop, STRANGER, 3)

    assert known == unknown
    assert {"read customer", "read action-tokens"} <= set(known), known


async def test_so_they_do_over_their_budget(shop: Shop) -> None:
    known = await touched(shop, EMAIL, 2, times=5)
    unknown = await touched(shop, STRANGER, 3, times=5)

    assert known == unknown


async def test_over_the_emails_budget_nothing_is_mailed_and_nothing_is_told(shop: Shop) -> None:
    outcomes = [await forget(shop) for _ in range(5)]

    assert all(isinstance(outcome, PasswordMailed) for outcome in outcomes)
    assert news(shop.world).count("set_password") == 3


async def test_what_is_over_budget_crowds_out_no_token_that_was_mailed(shop: Shop) -> None:
    token = await reset_token(shop)
    for number in range(150):
        await forget(shop, caller=elsewhere(number))

    assert isinstance(await reset(shop, token), PasswordSet)


async def test_codes_and_forgotten_passwords_share_a_budget(shop: Shop) -> None:
    for _ in range(3):
        await shop.world.request()

    await forget(shop)

    assert "set_password" not in news(shop.world)


async def test_the_limit_of_an_address_is_told(shop: Shop) -> None:
    outcomes = [await forget(shop, f"{number}@example.org") for number in range(61)]

    assert [isinstance(outcome, TooMany) for outcome in outcomes] == [False] * 60 + [True]


async def test_a_servers_own_key_says_whose_address_counts() -> None:
    shop = await open_shop(await World().open())
    digest = await key_of(shop.world)

    for number in range(61):
        caller = Caller(
            address="192.0.2.9", key_digest=digest, asserted_address=f"2001:db8:{number:x}::"
        )
        assert isinstance(await forget(shop, STRANGER, caller=caller), PasswordMailed)
    forged = Caller(address="192.0.2.9", key_digest="0" * 64, asserted_address="192.0.2.10")
    for message in (
        shop.call(ForgetPassword, email=EMAIL, caller=forged),
        shop.call(BeginReset, token_digest="0", password_length=9, caller=forged),
        shop.call(FinishReset, token_digest="0", password_hash="x", caller=forged),
    ):
        assert isinstance(await shop.world.ask("alpha", message), KeyRefused)


async def test_a_storefront_without_headless_mode_mails_nothing(shop: Shop) -> None:
    await shop.world.put("alpha", headless=False)

    assert isinstance(await forget(shop), HeadlessOff)
    assert "set_password" not in news(shop.world)


async def test_a_customer_without_a_password_may_set_a_first_one() -> None:
    shop = await open_shop(await World().open())
    await shop.world.sign_in()

    await was_reset(shop)

    assert isinstance(await shop.log_in(password=NEW), StoreSignedIn)


# --- the token ------------------------------------------------------------------------------------


async def test_a_password_that_is_set_signs_in_and_the_old_one_does_not(shop: Shop) -> None:
    await was_reset(shop)

    assert isinstance(await shop.log_in(password=PASSWORD), LoginRefused)
    assert isinstance(await shop.log_in(password=NEW), StoreSignedIn)


async def test_a_token_works_once(shop: Shop) -> None:
    token = await reset_token(shop)
    assert isinstance(await reset(shop, token), PasswordSet)

    assert isinstance(await begin(shop, token), NotFound)
    assert isinstance(await finish(shop, token, "and another one"), NotFound)
    assert isinstance(await shop.log_in(password=NEW), StoreSignedIn)


async def test_of_parallel_resets_exactly_one_wins(shop: Shop) -> None:
    token = tokens.digest(await reset_token(shop))
    calls = [
        shop.call(FinishReset, token_digest=token, password_hash=f"hash:{number}")
        for number in range(50)
    ]

    outcomes = await shop.world.ask_all("alpha", calls)

    assert sum(isinstance(outcome, PasswordSet) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, NotFound) for outcome in outcomes) == 49


async def test_a_token_is_dead_after_an_hour(shop: Shop) -> None:
    token = await reset_token(shop)
    await shop.world.advance(HOUR - 1)
    assert isinstance(await begin(shop, token), ResetBegun)

    await shop.world.advance(1)

    assert isinstance(await begin(shop, token), NotFound)
    assert isinstance(await finish(shop, token), NotFound)


async def test_a_set_password_ends_every_other_way_to_change_it(shop: Shop) -> None:
    others = [await reset_token(shop), await reset_token(shop)]
    await shop.fail(5)
    others.append(token_of(shop.world, "locked"))
    others.append(await minted(shop.world, "restore_password"))
    kept = await minted(shop.world, "revoke_sessions")
    token = await reset_token(shop)

    assert isinstance(await reset(shop, token), PasswordSet)

    for other in others:
        assert isinstance(await preview(shop.world, other), NotFound)
    assert not isinstance(await preview(shop.world, kept), NotFound)


@pytest.mark.parametrize("action", ["restore_password", "revoke_sessions", "confirm_email"])
async def test_a_token_of_another_action_sets_no_password(shop: Shop, action: str) -> None:
    token = await minted(shop.world, action)

    assert isinstance(await begin(shop, token), NotFound)
    assert isinstance(await finish(shop, token), NotFound)


async def test_another_storefronts_token_opens_nothing(shop: Shop) -> None:
    bravo = await open_shop(shop.world, "bravo")
    await bravo.signed_up()
    token = await reset_token(bravo)

    assert isinstance(await reset(shop, token), NotFound)
    assert isinstance(await reset(bravo, token), PasswordSet)


async def test_tokens_that_open_nothing_are_limited_by_address_and_good_ones_are_not(
    shop: Shop,
) -> None:
    token = await reset_token(shop)

    outcomes = [await begin(shop, f"p{number}") for number in range(61)]

    assert [isinstance(outcome, TooMany) for outcome in outcomes] == [False] * 60 + [True]
    assert isinstance(await finish(shop, "p0"), TooMany)
    assert isinstance(await begin(shop, "p0", caller=elsewhere(1)), NotFound)
    assert isinstance(await reset(shop, token), PasswordSet)


@pytest.mark.parametrize(
    ("policy", "least"), [(b"{}", 8), (b'{"passwords":{"lengthMinimum":12}}', 12)]
)
async def test_a_password_that_is_too_short_is_said_to_be(policy: bytes, least: int) -> None:
    shop = await open_shop(await World().open(), policy=policy)
    await shop.signed_up()
    token = await reset_token(shop)

    short = await begin(shop, token, least - 1)

    assert isinstance(short, Issues)
    assert [issue.path for issue in short.issues] == [("password",)]
    assert str(least) in short.issues[0].message
    assert isinstance(await begin(shop, token, least), ResetBegun)


async def test_beginning_changes_nothing(shop: Shop) -> None:
    token = await reset_token(shop)
    before = stored_under(shop.world, "action-token:"), customer_of(shop.world)

    assert isinstance(await begin(shop, token), ResetBegun)

    assert (stored_under(shop.world, "action-token:"), customer_of(shop.world)) == before


# --- what else it does ----------------------------------------------------------------------------


async def test_it_proves_the_mailbox_and_the_password(shop: Shop) -> None:
    assert not customer_of(shop.world).email_verified

    await was_reset(shop)

    customer = customer_of(shop.world)
    assert customer.email_verified
    assert customer.password is not None
    assert customer.password.proven


async def test_all_that_was_signed_in_is_signed_out(shop: Shop) -> None:
    account = await enter(shop.world)
    assert isinstance(account, AccountSignedIn)
    portal = await shop.world.sign_in()
    assert isinstance(await visit(shop.world, ReadAccount, account), Account)

    await was_reset(shop)

    assert isinstance(await visit(shop.world, ReadAccount, account), SessionRequired)
    me = await shop.world.me(portal.secret)
    assert getattr(me, "customer", None) is None
    assert customer_of(shop.world).sessions == ()


async def test_families_are_revoked(shop: Shop) -> None:
    await was_reset(shop)
    await shop.logged_in(password=NEW)
    assert len(customer_of(shop.world).sessions) == 1

    await was_reset(shop, password="yet another password")

    assert customer_of(shop.world).sessions == ()
    families = [decode("family", raw) for raw in stored_under(shop.world, "family:").values()]
    assert len(families) == 2
    assert all(getattr(family, "revoked", False) for family in families)


async def test_a_sign_up_of_somebody_elses_ends_with_the_owners_reset(shop: Shop) -> None:
    assert len(customer_of(shop.world).devices) == 1

    await was_reset(shop)

    assert customer_of(shop.world).devices == ()
    assert isinstance(await shop.log_in(password=PASSWORD), LoginRefused)


async def test_the_devices_of_who_had_proven_the_mailbox_stay_known(shop: Shop) -> None:
    await was_reset(shop)
    await shop.logged_in(password=NEW)
    devices = customer_of(shop.world).devices

    await was_reset(shop, password="yet another password")

    assert customer_of(shop.world).devices == devices != ()


async def test_a_lock_ends_on_every_lane(shop: Shop) -> None:
    await was_reset(shop)
    device = (await shop.logged_in(password=NEW)).device_secret
    assert device is not None
    await shop.fail(5)
    await shop.fail(5, device=device)
    assert isinstance(await shop.log_in(password=NEW), Locked)
    assert isinstance(await shop.log_in(password=NEW, device=device), Locked)
    await shop.world.advance(1)

    await was_reset(shop, password="yet another password")

    for way in (None, device):
        outcome = await shop.log_in(password="yet another password", device=way)
        assert isinstance(outcome, StoreSignedIn)


async def test_a_password_that_was_turned_off_is_on_again() -> None:
    policy = ROOMY.replace(b'"passwords":{', b'"passwords":{"wrongInARow":10,')
    shop = await open_shop(await World().open(), policy=policy)
    await shop.signed_up()
    for _ in range(2):
        await shop.fail(5)
        await shop.world.advance(901)
    assert isinstance(await shop.log_in(), LoginRefused)
    await shop.world.sign_in()
    assert isinstance(await shop.log_in(), LoginRefused)

    await was_reset(shop)

    assert isinstance(await shop.log_in(password=NEW), StoreSignedIn)


async def test_the_customer_is_told_and_can_take_it_back(shop: Shop) -> None:
    await was_reset(shop)

    assert news(shop.world)[-1] == "password_changed"
    assert token_of(shop.world, "password_changed")[0] == "a"


async def test_it_is_in_the_audit_log_once(shop: Shop) -> None:
    await was_reset(shop)

    entries = await audited(shop.world)
    set_ = [entry for entry in entries if "password" in entry.what]
    customer = customer_of(shop.world)
    assert [(entry.who, entry.what, entry.subject) for entry in set_] == [
        (f"customer:{customer.id}", "password_set", customer.id)
    ]


async def test_a_reset_survives_the_host(shop: Shop) -> None:
    token = await reset_token(shop)
    assert isinstance(await reset(shop, token), PasswordSet)

    heir = shop.at(await shop.world.successor())

    assert isinstance(await reset(heir, token), NotFound)
    assert isinstance(await heir.log_in(password=NEW), StoreSignedIn)


async def test_no_token_is_in_the_store(shop: Shop) -> None:
    token = await reset_token(shop)

    image = repr(shop.world.site.store.image)
    assert token not in image
    assert tokens.digest(token) in image
