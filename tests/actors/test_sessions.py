import pytest

from doorward.actors import tokens
from doorward.actors.messages.envelope import Caller, Presented
from doorward.actors.messages.refusals import NotFound, OriginRefused, SessionRequired
from doorward.actors.messages.sign_in import (
    Me,
    ReadMe,
    SignedIn,
    SignedOut,
    SignOut,
    UpdateMe,
    VerifyCode,
)
from doorward.actors.partitions import record_prefix
from tests.actors.harness import CALLER, EMAIL, World, cookie, wrong

DAY = 86_400


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha", "bravo")


async def sign_out(world: World, secret: str, slug: str = "alpha") -> object:
    return await world.ask(slug, SignOut(caller=CALLER, session=cookie(secret)))


async def sign_in_often(world: World, times: int) -> list[SignedIn]:
    await world.put(
        "alpha",
        policy=b'{"codes":{"perEmailPerMinute":100,"perEmailPerHour":1000,"perEmailPerDay":1000},'
        b'"verifications":{"perAddressPerMinute":1000}}',
    )
    return [await world.sign_in() for _ in range(times)]


async def test_a_session_tells_whose_it_is(world: World) -> None:
    signed_in = await world.sign_in()

    me = await world.me(signed_in.secret)

    assert me == Me(customer=signed_in.customer)
    assert signed_in.customer.email == EMAIL
    assert signed_in.ttl_seconds == 30 * DAY
    assert signed_in.expires_at_ms == world.now_ms + 30 * DAY * 1_000


async def test_a_session_has_256_random_bits(world: World) -> None:
    first, second = await world.sign_in(), await world.sign_in(email="bob@example.org")

    assert len(first.secret) == len(second.secret) == 43
    assert first.secret != second.secret


async def test_who_presents_nothing_is_nobody(world: World) -> None:
    assert await world.me(None) == Me(customer=None)


async def test_a_session_that_was_never_given_is_no_session(world: World) -> None:
    assert await world.me("made up") == Me(customer=None)


async def test_a_made_up_session_is_not_adopted_by_signing_in(world: World) -> None:
    signed_in = await world.sign_in(session="made up")

    assert signed_in.secret != "made up"
    assert await world.me("made up") == Me(customer=None)


async def test_the_first_sign_in_makes_the_customer_and_later_ones_find_it(world: World) -> None:
    first = await world.sign_in()
    await world.advance(100)

    second = await world.sign_in()

    assert first.customer == second.customer
    assert [event.name for event in world.events].count("customer_created") == 1


async def test_signing_in_again_ends_the_session_that_was_presented(world: World) -> None:
    first, other = await world.sign_in(), await world.sign_in()

    second = await world.sign_in(session=first.secret)

    assert await world.me(first.secret) == Me(customer=None)
    assert await world.me(other.secret) == Me(customer=other.customer)
    assert await world.me(second.secret) == Me(customer=second.customer)


async def test_signing_in_as_somebody_else_ends_the_session_that_was_presented(
    world: World,
) -> None:
    ann = await world.sign_in()

    bob = await world.sign_in(email="bob@example.org", session=ann.secret)

    assert bob.customer.id != ann.customer.id
    assert await world.me(ann.secret) == Me(customer=None)
    assert await world.me(bob.secret) == Me(customer=bob.customer)


async def test_a_failed_sign_in_ends_nothing(world: World) -> None:
    signed_in = await world.sign_in()
    code = await world.code()

    await world.verify(wrong(code), session=signed_in.secret)

    assert await world.me(signed_in.secret) == Me(customer=signed_in.customer)


async def test_signing_out_ends_the_session(world: World) -> None:
    signed_in, other = await world.sign_in(), await world.sign_in()

    outcome = await sign_out(world, signed_in.secret)

    assert outcome == SignedOut(secure=True)
    assert await world.me(signed_in.secret) == Me(customer=None)
    assert await world.me(other.secret) == Me(customer=other.customer)


async def test_signing_out_again_is_fine(world: World) -> None:
    signed_in = await world.sign_in()
    await sign_out(world, signed_in.secret)

    assert await sign_out(world, signed_in.secret) == SignedOut(secure=True)
    assert await sign_out(world, "made up") == SignedOut(secure=True)
    assert await world.ask("alpha", SignOut(caller=CALLER)) == SignedOut(secure=True)


async def test_a_sign_out_holds_on_the_next_host(world: World) -> None:
    signed_in, other = await world.sign_in(), await world.sign_in()
    await sign_out(world, signed_in.secret)

    after = await world.successor()

    assert await after.me(signed_in.secret) == Me(customer=None)
    assert await after.me(other.secret) == Me(customer=other.customer)


async def test_a_session_lives_thirty_days_however_often_it_is_used(world: World) -> None:
    signed_in = await world.sign_in()

    for _ in range(30):
        alive = await world.me(signed_in.secret)
        await world.advance(DAY)
    dead = await world.me(signed_in.secret)

    assert alive == Me(customer=signed_in.customer)
    assert dead == Me(customer=None)


async def test_a_session_is_alive_to_its_last_millisecond(world: World) -> None:
    signed_in = await world.sign_in()

    await world.advance(30 * DAY - 0.001)
    alive = await world.me(signed_in.secret)
    await world.advance(0.001)

    assert alive == Me(customer=signed_in.customer)
    assert await world.me(signed_in.secret) == Me(customer=None)


async def test_a_dead_session_changes_nothing(world: World) -> None:
    signed_in = await world.sign_in()
    await world.advance(30 * DAY)

    outcome = await world.ask(
        "alpha", UpdateMe(caller=CALLER, session=cookie(signed_in.secret), name="Ann")
    )

    assert outcome == SessionRequired()


async def test_a_customer_holds_fifty_sessions_and_the_oldest_end(world: World) -> None:
    sessions = await sign_in_often(world, 55)

    alive = [await world.me(session.secret) != Me(customer=None) for session in sessions]

    assert alive == [False] * 5 + [True] * 50


async def test_the_bound_counts_live_sessions_only(world: World) -> None:
    sessions = await sign_in_often(world, 50)
    await sign_out(world, sessions[30].secret)

    await world.sign_in()

    assert await world.me(sessions[0].secret) == Me(customer=sessions[0].customer)


async def test_an_ended_session_leaves_nothing_in_the_store(world: World) -> None:
    sessions = await sign_in_often(world, 52)
    await sign_out(world, sessions[-1].secret)
    await world.sign_in(session=sessions[-2].secret)

    prefix = f"{record_prefix('alpha')}session:"
    kept = [key for key in world.site.store.image.records if key.startswith(prefix)]

    assert len(kept) == 49


async def test_two_customers_do_not_share_their_bound(world: World) -> None:
    bob = await world.sign_in(email="bob@example.org")

    await sign_in_often(world, 51)

    assert await world.me(bob.secret) == Me(customer=bob.customer)


async def test_one_storefronts_session_is_none_at_another(world: World) -> None:
    signed_in = await world.sign_in("alpha")

    me = await world.me(signed_in.secret, "bravo")
    await sign_out(world, signed_in.secret, "bravo")
    changed = await world.ask(
        "bravo", UpdateMe(caller=CALLER, session=cookie(signed_in.secret), name="Eve")
    )

    assert me == Me(customer=None)
    assert changed == SessionRequired()
    assert await world.me(signed_in.secret, "alpha") == Me(customer=signed_in.customer)


async def test_the_same_mailbox_is_two_people_at_two_storefronts(world: World) -> None:
    alpha, bravo = await world.sign_in("alpha"), await world.sign_in("bravo")
    message = UpdateMe(caller=CALLER, session=cookie(alpha.secret), name="Ann")
    await world.ask("alpha", message)
    await sign_out(world, alpha.secret)

    me = await world.me(bravo.secret, "bravo")

    assert alpha.customer.id != bravo.customer.id
    assert me == Me(customer=bravo.customer)


async def test_signing_in_elsewhere_ends_no_session_here(world: World) -> None:
    alpha = await world.sign_in("alpha")

    await world.sign_in("bravo", session=alpha.secret)

    assert await world.me(alpha.secret) == Me(customer=alpha.customer)


async def test_over_https_only_the_cookie_counts_that_no_sibling_can_plant(world: World) -> None:
    signed_in = await world.sign_in()
    planted = Presented(plain=tokens.digest(signed_in.secret))

    assert await world.ask("alpha", ReadMe(caller=CALLER, session=planted)) == Me(customer=None)


async def test_over_plain_http_the_plain_cookie_counts() -> None:
    world = await World().open()
    await world.put("alpha", origin="http://localhost:8080")
    caller = Caller(address=CALLER.address, scheme="http")
    code = await world.code()

    signed_in = await world.ask("alpha", VerifyCode(email=EMAIL, code=code, caller=caller))
    assert isinstance(signed_in, SignedIn)
    plain = Presented(plain=tokens.digest(signed_in.secret))
    me = await world.ask("alpha", ReadMe(caller=caller, session=plain))
    secure = await world.me(signed_in.secret)

    assert not signed_in.secure
    assert me == Me(customer=signed_in.customer)
    assert secure == Me(customer=None)


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
async def test_with_nothing_configured_the_callers_own_scheme_decides(
    scheme: str, *, secure: bool
) -> None:
    world = await World().open()
    await world.put("alpha", origin=None)
    caller = Caller(address=CALLER.address, scheme=scheme)  # type: ignore[arg-type]

    outcome = await world.ask("alpha", SignOut(caller=caller))

    assert outcome == SignedOut(secure=secure)


async def test_a_browser_is_known_from_its_first_sign_in_on(world: World) -> None:
    first = await world.verify(await world.code())
    assert isinstance(first, SignedIn)
    await world.advance(100)

    second = await world.verify(await world.code(), device=first.device_secret)
    await world.advance(100)
    third = await world.verify(await world.code())

    assert isinstance(second, SignedIn)
    assert isinstance(third, SignedIn)
    assert first.device_ttl_seconds == 180 * DAY
    assert second.device_secret is None
    assert third.device_secret not in {None, first.device_secret}


async def test_a_made_up_device_is_not_adopted(world: World) -> None:
    signed_in = await world.verify(await world.code(), device="made up")

    assert isinstance(signed_in, SignedIn)
    assert signed_in.device_secret not in {None, "made up"}


async def test_a_customer_has_twenty_devices_and_the_oldest_are_forgotten(world: World) -> None:
    sessions = await sign_in_often(world, 21)

    oldest = await world.verify(await world.code(), device=sessions[0].device_secret)
    newest = await world.verify(await world.code(), device=sessions[-1].device_secret)

    assert isinstance(oldest, SignedIn)
    assert isinstance(newest, SignedIn)
    assert oldest.device_secret is not None
    assert newest.device_secret is None


async def test_a_device_is_forgotten_after_half_a_year(world: World) -> None:
    first = await world.sign_in()
    await world.advance(180 * DAY)

    later = await world.verify(await world.code(), device=first.device_secret)

    assert isinstance(later, SignedIn)
    assert later.device_secret is not None


async def test_unpublishing_hides_sessions_and_keeps_them(world: World) -> None:
    signed_in = await world.sign_in()

    await world.put("alpha", published=False)
    hidden = [await world.me(signed_in.secret), await sign_out(world, signed_in.secret)]
    await world.put("alpha", published=True)

    assert hidden == [NotFound(), NotFound()]
    assert await world.me(signed_in.secret) == Me(customer=signed_in.customer)


async def test_a_foreign_origin_changes_nothing(world: World) -> None:
    signed_in = await world.sign_in()
    foreign = Caller(address=CALLER.address, origin="https://evil.example", scheme="https")
    session = cookie(signed_in.secret)

    outcomes = [
        await world.ask("alpha", SignOut(caller=foreign, session=session)),
        await world.ask("alpha", UpdateMe(caller=foreign, session=session, name="Eve")),
    ]

    assert outcomes == [OriginRefused()] * 2
    assert await world.me(signed_in.secret) == Me(customer=signed_in.customer)


async def test_a_request_for_a_code_leaves_sessions_alone(world: World) -> None:
    signed_in = await world.sign_in()

    for _ in range(10):
        await world.request()

    assert await world.me(signed_in.secret) == Me(customer=signed_in.customer)


async def test_signing_out_is_noted_and_signing_out_of_nothing_is_not(world: World) -> None:
    signed_in = await world.sign_in()

    await sign_out(world, signed_in.secret)
    await sign_out(world, signed_in.secret)

    assert [event.name for event in world.events].count("signed_out") == 1
    assert signed_in.secret not in repr(world.events)


async def test_a_session_whose_customer_is_gone_is_nobodys(world: World) -> None:
    signed_in = await world.sign_in()
    key = f"{record_prefix('alpha')}customer:{signed_in.customer.id}"
    world.site.store.image.records.pop(key)
    after = await world.successor()

    me = await after.me(signed_in.secret)
    out = await sign_out(after, signed_in.secret)

    assert me == Me(customer=None)
    assert out == SignedOut(secure=True)


async def test_a_customer_that_was_lost_is_made_anew(world: World) -> None:
    signed_in = await world.sign_in()
    key = f"{record_prefix('alpha')}customer:{signed_in.customer.id}"
    world.site.store.image.records.pop(key)
    after = await world.successor()

    again = await after.sign_in()

    assert again.customer.id != signed_in.customer.id
    assert again.customer.email == EMAIL
