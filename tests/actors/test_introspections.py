"""What the holder of a secret key is told about a token, and that asking changes nothing."""

import pytest
from msgspec.structs import replace

from doorward.actors import jwts
from doorward.actors.messages.merchant_customers import EraseCustomer
from doorward.actors.messages.refusals import KeyRefused
from doorward.actors.messages.store import Claims, Introspect, Introspected
from tests.actors.ordering import key_of, stored_under
from tests.actors.refreshing import Begun, Shop, open_shop, stored_families

HOUR, DAY = 3_600, 86_400
NO = Introspected(active=False)


@pytest.fixture
async def shop() -> Shop:
    return await open_shop()


@pytest.fixture
async def ann(shop: Shop) -> Begun:
    return await shop.sign_in()


async def told(shop: Shop, claims: Claims | None) -> object:
    key = await key_of(shop.world, shop.slug, scopes=("orders:read",))
    return await shop.world.ask(shop.slug, Introspect(key_digest=key, claims=claims))


async def is_active(shop: Shop, token: str, typ: jwts.Typ) -> bool:
    claims = shop.claims(token, typ)
    answer = await told(shop, claims)
    assert answer in (NO, Introspected(active=True, claims=claims))
    return answer != NO


async def both(shop: Shop, begun: Begun) -> tuple[bool, bool]:
    pair = begun.tokens
    return (
        await is_active(shop, pair.access, "access"),
        await is_active(shop, pair.refresh, "refresh"),
    )


async def test_good_tokens_are_active_and_what_they_say_is_told(shop: Shop, ann: Begun) -> None:
    assert await both(shop, ann) == (True, True)
    assert await told(shop, None) == NO


async def test_an_access_token_is_active_until_its_expiry(shop: Shop, ann: Begun) -> None:
    await shop.world.advance(HOUR - 1)
    assert await both(shop, ann) == (True, True)

    await shop.world.advance(1)

    assert await both(shop, ann) == (False, True)
    await shop.world.advance(30 * DAY)
    assert await both(shop, ann) == (False, False)


async def test_after_a_logout_only_the_access_token_is_active(shop: Shop, ann: Begun) -> None:
    await shop.log_out(ann.tokens.refresh)

    assert await both(shop, ann) == (True, False)


async def test_an_exchanged_token_is_not_active_and_asking_accuses_nobody(
    shop: Shop, ann: Begun
) -> None:
    newest = await shop.rotated(ann.tokens.refresh)
    before = stored_families(shop.world)

    assert await both(shop, ann) == (True, False)

    assert stored_families(shop.world) == before
    assert await is_active(shop, newest.refresh, "refresh")
    await shop.rotated(newest.refresh)


async def test_within_the_grace_the_parent_is_active_too() -> None:
    shop = await open_shop(policy=b'{"refresh":{"graceSeconds":5}}')
    ann = await shop.sign_in()
    await shop.rotated(ann.tokens.refresh)

    assert await both(shop, ann) == (True, True)
    await shop.world.advance(5)
    assert await both(shop, ann) == (True, False)


async def test_tokens_of_other_storefronts_and_lives_are_not_active(shop: Shop, ann: Begun) -> None:
    bravo = await open_shop("bravo", shop.world)

    assert await both(bravo, ann) == (False, False)
    for token, typ in ((ann.tokens.access, "access"), (ann.tokens.refresh, "refresh")):
        claims = shop.claims(token, typ)
        assert claims is not None
        assert await told(shop, replace(claims, life="alpha/0011223344556677")) == NO


async def test_tokens_of_an_erased_customer_are_not_active(shop: Shop, ann: Begun) -> None:
    await shop.world.ask("alpha", EraseCustomer(key_digest=None, customer_id=ann.customer.id))

    assert await both(shop, ann) == (False, False)


async def test_a_live_secret_key_is_needed(shop: Shop, ann: Begun) -> None:
    claims = shop.claims(ann.tokens.access, "access")

    for key in ("0" * 64, shop.key):
        answer = await shop.world.ask("alpha", Introspect(key_digest=key, claims=claims))
        assert answer == KeyRefused()
    by_operator = await shop.world.ask("alpha", Introspect(key_digest=None, claims=claims))
    assert by_operator == Introspected(active=True, claims=claims)


async def test_asking_is_not_in_the_audit_log(shop: Shop, ann: Begun) -> None:
    before = stored_under(shop.world, "audit")

    await shop.world.ask(
        "alpha", Introspect(key_digest=None, claims=shop.claims(ann.tokens.refresh))
    )

    assert stored_under(shop.world, "audit") == before
