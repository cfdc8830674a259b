"""Two secrets of one session: what opens what, and that both end together."""

import pytest

from doorward.actors import tokens
from doorward.actors.desks.live_sessions import prefix_of
from doorward.actors.messages.account import (
    Account,
    AccountSignedIn,
    Credentials,
    EndSessions,
    ListSessions,
    Logout,
    ReadAccount,
    UpdateAccount,
)
from doorward.actors.messages.envelope import Caller, Presented
from doorward.actors.messages.refusals import Deleted, NotFound, OriginRefused, SessionRequired
from doorward.actors.messages.sign_in import Me, SignedOut, SignOut
from tests.actors.harness import CALLER, World, cookie
from tests.actors.ordering import stored_under
from tests.actors.visiting import ROOMY, enter, holding, listed_sessions, visit

DAY = 86_400
HOUR = 3_600


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha", "bravo", policy=ROOMY)


async def opens(world: World, presented: Credentials, slug: str = "alpha") -> bool:
    found = await visit(world, ReadAccount, presented, slug)
    assert isinstance(found, Account) or found == SessionRequired()
    return isinstance(found, Account)


async def logout(world: World, presented: Credentials) -> object:
    return await world.ask("alpha", Logout(caller=CALLER, presented=presented))


async def alive(world: World, *signed_in: AccountSignedIn) -> list[bool]:
    return [await opens(world, holding(each)) for each in signed_in]


async def test_cookie_bearer_and_both_open_the_same_account(world: World) -> None:
    signed_in = await enter(world)

    found = [
        await visit(world, ReadAccount, presented)
        for presented in (
            holding(cookie_secret=signed_in.cookie_secret),
            holding(bearer=signed_in.bearer_secret),
            holding(signed_in),
        )
    ]

    assert found[0] == found[1] == found[2]
    assert isinstance(found[0], Account)
    assert found[0].account == signed_in.account


async def test_each_secret_opens_nothing_in_the_others_place(world: World) -> None:
    signed_in = await enter(world)

    assert not await opens(world, holding(cookie_secret=signed_in.bearer_secret))
    assert not await opens(world, holding(bearer=signed_in.cookie_secret))
    assert not await opens(
        world,
        holding(cookie_secret=signed_in.bearer_secret, bearer=signed_in.cookie_secret),
    )


async def test_a_bearer_opens_only_whole(world: World) -> None:
    ann, again = await enter(world), await enter(world)
    half = len(ann.bearer_secret) // 2

    for made_up in (
        ann.bearer_secret[:half] + again.bearer_secret[half:],
        again.bearer_secret[:half] + ann.bearer_secret[half:],
        ann.bearer_secret[:-1] + ("A" if ann.bearer_secret[-1] != "A" else "Q"),
        ann.bearer_secret[:half],
        ann.bearer_secret + "=",
    ):
        assert not await opens(world, holding(bearer=made_up))
    assert await alive(world, ann, again) == [True, True]


async def test_secrets_of_different_sessions_open_nothing_together(world: World) -> None:
    ann, again = await enter(world), await enter(world)
    bea = await enter(world, email="bea@example.org")

    for other in (again, bea):
        mixed = holding(cookie_secret=ann.cookie_secret, bearer=other.bearer_secret)
        assert not await opens(world, mixed)
    assert await alive(world, ann, again, bea) == [True] * 3


async def test_a_dead_secret_beside_a_live_one_opens_nothing(world: World) -> None:
    live = await enter(world)

    for presented in (
        holding(cookie_secret=live.cookie_secret, bearer="made up"),
        holding(cookie_secret="made up", bearer=live.bearer_secret),
    ):
        assert not await opens(world, presented)


@pytest.mark.parametrize("by", ["cookie", "bearer", "both"])
async def test_whichever_secret_logs_out_both_are_dead(world: World, by: str) -> None:
    signed_in, other = await enter(world), await enter(world)
    presented = holding(
        cookie_secret=signed_in.cookie_secret if by != "bearer" else None,
        bearer=signed_in.bearer_secret if by != "cookie" else None,
    )

    assert await logout(world, presented) == SignedOut(secure=True)

    assert not await opens(world, holding(cookie_secret=signed_in.cookie_secret))
    assert not await opens(world, holding(bearer=signed_in.bearer_secret))
    assert await opens(world, holding(other))
    assert len(stored_under(world, "session:")) == 1
    heir = await world.successor()
    assert await alive(heir, signed_in, other) == [False, True]


async def test_logging_out_of_nothing_is_fine(world: World) -> None:
    for presented in (Credentials(), holding(bearer="made up"), holding(cookie_secret="x")):
        assert await logout(world, presented) == SignedOut(secure=True)


async def test_logging_out_of_two_sessions_at_once_is_refused_and_ends_neither(
    world: World,
) -> None:
    ann, bea = await enter(world), await enter(world, email="bea@example.org")

    refused = await logout(
        world, holding(cookie_secret=ann.cookie_secret, bearer=bea.bearer_secret)
    )

    assert refused == SessionRequired()
    assert await alive(world, ann, bea) == [True, True]


async def test_logging_out_with_a_dead_secret_beside_ends_the_live_one(world: World) -> None:
    signed_in = await enter(world)

    await logout(world, holding(cookie_secret="long dead", bearer=signed_in.bearer_secret))

    assert await alive(world, signed_in) == [False]


async def test_signing_in_ends_every_session_that_was_presented(world: World) -> None:
    ann, bea = await enter(world), await enter(world, email="bea@example.org")
    mixed = holding(cookie_secret=ann.cookie_secret, bearer=bea.bearer_secret)

    fresh = await enter(world, presented=mixed)

    assert await alive(world, ann, bea, fresh) == [False, False, True]


async def test_another_storefronts_secrets_open_nothing(world: World) -> None:
    signed_in = await enter(world)
    await enter(world, "bravo")

    assert not await opens(world, holding(signed_in), "bravo")
    assert not await opens(world, holding(bearer=signed_in.bearer_secret), "bravo")
    await world.ask("bravo", Logout(caller=CALLER, presented=holding(signed_in)))
    assert await alive(world, signed_in) == [True]


async def test_a_session_opens_its_own_surface_only(world: World) -> None:
    portal = await world.sign_in()
    account = await enter(world)

    assert portal.customer.id == account.account.id
    assert not await opens(world, holding(cookie_secret=portal.secret))
    for secret in (account.cookie_secret, account.bearer_secret):
        assert await world.me(secret) == Me(customer=None)
    await logout(world, holding(cookie_secret=portal.secret))
    assert await world.me(portal.secret) == Me(customer=portal.customer)


async def test_a_session_lives_thirty_days_however_much_it_is_used(world: World) -> None:
    signed_in = await enter(world)
    for _ in range(29):
        await world.advance(DAY)
        assert await alive(world, signed_in) == [True]
    await world.advance(DAY - 1)

    assert await alive(world, signed_in) == [True]
    await world.advance(1)
    assert await alive(world, signed_in) == [False]
    assert not await opens(world, holding(bearer=signed_in.bearer_secret))


async def test_over_https_a_plain_cookie_is_no_cookie(world: World) -> None:
    signed_in = await enter(world)
    digest = tokens.digest(signed_in.cookie_secret)

    assert not await opens(world, Credentials(cookie=Presented(plain=digest)))
    assert await opens(world, Credentials(cookie=Presented(plain="0" * 64, secure=digest)))


async def test_the_oldest_session_ends_with_both_secrets_past_the_bound(world: World) -> None:
    await world.put("alpha", policy=ROOMY[:-1] + b',"sessions":{"perCustomer":2}}')
    first, portal = await enter(world), await world.sign_in()
    third = await enter(world)

    assert await alive(world, first, third) == [False, True]
    assert await world.me(portal.secret) == Me(customer=portal.customer)
    fourth = await enter(world)
    assert await world.me(portal.secret) == Me(customer=None)
    assert await alive(world, third, fourth) == [True, True]
    assert len(stored_under(world, "session:")) == 2


# --- the customer's own list ------------------------------------------------------------------


async def test_a_customer_sees_own_sessions_newest_first(world: World) -> None:
    phone = Caller(address="2001:db8:1:2::/64", scheme="https", device_label="Safari on iOS")
    first = await enter(world, caller=phone)
    await world.advance(60)
    await world.sign_in()
    await enter(world, email="bea@example.org")

    listed = (await listed_sessions(world, first)).items

    assert [(item.surface, item.current) for item in listed] == [
        ("portal", False),
        ("account", True),
    ]
    assert (listed[1].device, listed[1].address) == ("Safari on iOS", "2001:db8:1::/48")
    assert listed[0].address == "192.0.2.0/24"
    assert listed[0].created_at_ms == listed[0].seen_at_ms == world.now_ms
    assert len({item.id for item in listed}) == 2


async def test_expired_sessions_are_not_listed(world: World) -> None:
    await enter(world)
    await world.advance(20 * DAY)
    second = await enter(world)
    await world.advance(10 * DAY)

    assert len((await listed_sessions(world, second)).items) == 1


async def test_last_seen_moves_once_an_hour_and_reads_stay_reads(world: World) -> None:
    signed_in = await enter(world)
    began_at_ms = world.now_ms
    await world.advance(HOUR - 1)
    flushes = world.host.figures.flushes
    (unmoved,) = (await listed_sessions(world, signed_in)).items
    assert world.host.figures.flushes == flushes
    await world.advance(1)
    (moved,) = (await listed_sessions(world, signed_in)).items
    written = world.host.figures.flushes
    await listed_sessions(world, signed_in)

    assert unmoved.seen_at_ms == began_at_ms
    assert moved.seen_at_ms == began_at_ms + HOUR * 1_000
    assert moved.expires_at_ms == unmoved.expires_at_ms
    assert world.host.figures.flushes == written


async def test_a_change_in_the_turn_that_moves_last_seen_keeps_both(world: World) -> None:
    signed_in = await enter(world)
    await world.advance(HOUR)

    await visit(world, UpdateAccount, signed_in, name="Ann")

    (item,) = (await listed_sessions(world, signed_in)).items
    found = await visit(world, ReadAccount, signed_in)
    assert isinstance(found, Account)
    assert (found.account.name, item.seen_at_ms) == ("Ann", world.now_ms)


async def test_one_session_is_ended_by_its_id(world: World) -> None:
    mine, other, portal = await enter(world), await enter(world), await world.sign_in()
    items = (await listed_sessions(world, mine)).items

    assert await visit(world, EndSessions, mine, session_id=items[1].id) == Deleted()
    assert await alive(world, mine, other) == [True, False]
    assert not await opens(world, holding(bearer=other.bearer_secret))
    assert await visit(world, EndSessions, mine, session_id=items[0].id) == Deleted()
    assert await world.me(portal.secret) == Me(customer=None)
    assert await visit(world, EndSessions, mine, session_id=items[1].id) == NotFound()


async def test_all_others_are_ended_and_the_one_that_asks_stays(world: World) -> None:
    mine, other, portal = await enter(world), await enter(world), await world.sign_in()
    bea = await enter(world, email="bea@example.org")

    assert await visit(world, EndSessions, mine) == Deleted()

    assert await alive(world, mine, other, bea) == [True, False, True]
    assert await world.me(portal.secret) == Me(customer=None)
    assert await visit(world, EndSessions, mine) == Deleted()


async def test_a_customer_may_end_the_session_that_asks(world: World) -> None:
    mine = await enter(world)
    (item,) = (await listed_sessions(world, mine)).items

    assert await visit(world, EndSessions, mine, session_id=item.id) == Deleted()
    assert await alive(world, mine) == [False]


@pytest.mark.parametrize("session_id", ["", "made up", "0" * 36])
async def test_an_id_of_nobodys_or_somebody_elses_session_is_not_found(
    world: World, session_id: str
) -> None:
    mine, bea = await enter(world), await enter(world, email="bea@example.org")
    (hers,) = (await listed_sessions(world, bea)).items

    assert await visit(world, EndSessions, mine, session_id=session_id) == NotFound()
    assert await visit(world, EndSessions, mine, session_id=hers.id) == NotFound()
    assert await alive(world, mine, bea) == [True, True]


@pytest.mark.parametrize("kind", [ListSessions, EndSessions, ReadAccount, UpdateAccount])
async def test_who_is_not_signed_in_may_ask_nothing(world: World, kind: type) -> None:
    for presented in (Credentials(), holding(bearer="made up"), holding(cookie_secret="x")):
        assert await visit(world, kind, presented) == SessionRequired()


async def test_a_page_of_another_origin_ends_nothing(world: World) -> None:
    mine = await enter(world)
    foreign = Caller(address=CALLER.address, origin="https://evil.example", scheme="https")
    presented = holding(mine)

    for message in (
        Logout(caller=foreign, presented=presented),
        EndSessions(caller=foreign, presented=presented),
    ):
        assert await world.ask("alpha", message) == OriginRefused()
    assert await alive(world, mine) == [True]


async def test_an_unpublished_storefront_has_no_account(world: World) -> None:
    mine = await enter(world)
    await world.put("alpha", policy=ROOMY, published=False)

    assert await visit(world, ReadAccount, mine) == NotFound()
    assert await logout(world, holding(mine)) == NotFound()
    await world.put("alpha", policy=ROOMY)
    assert await alive(world, mine) == [True]


async def test_a_session_of_a_customer_who_was_erased_opens_nothing(world: World) -> None:
    mine = await enter(world)
    (key,) = (key for key in world.site.store.image.records if ":customer:" in key)
    del world.site.store.image.records[key]
    heir = await world.successor()

    assert await alive(heir, mine) == [False]
    assert await logout(heir, holding(mine)) == SignedOut(secure=True)
    assert stored_under(heir, "session:") == {}
    again = await enter(heir)
    assert again.account.id != mine.account.id


async def test_no_whole_address_is_kept(world: World) -> None:
    await enter(world, caller=Caller(address="203.0.113.77", scheme="https"))

    kept = b"".join(stored_under(world, "").values())

    assert b"203.0.113.0/24" in kept
    assert b"203.0.113.77" not in kept


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("192.0.2.255", "192.0.2.0/24"),
        ("2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:db8:1:2::9", "2001:db8:1::/48"),
        ("local", ""),
        ("", ""),
    ],
)
def test_a_place_is_told_by_its_prefix(address: str, prefix: str) -> None:
    assert prefix_of(address) == prefix


async def test_a_sign_out_of_the_portal_leaves_the_account_signed_in(world: World) -> None:
    portal, account = await world.sign_in(), await enter(world)

    await world.ask("alpha", SignOut(caller=CALLER, session=cookie(account.cookie_secret)))
    await world.ask("alpha", SignOut(caller=CALLER, session=cookie(portal.secret)))

    assert await alive(world, account) == [True]
    assert await world.me(portal.secret) == Me(customer=None)
    assert len((await listed_sessions(world, account)).items) == 1
