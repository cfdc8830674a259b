"""What erasing a customer leaves of tries at their password: what bounds guesses, for a while."""

from doorward.actors.desks.logins import lane_of
from doorward.actors.messages.merchant_customers import CustomerErased, EraseCustomer
from doorward.actors.messages.store import Locked, LoginRefused
from doorward.actors.partitions import record_prefix
from doorward.actors.records.store import Tries
from doorward.actors.systems.erasing import erase_customer
from doorward.actors.tokens import email_id
from tests.actors.harness import EMAIL, World
from tests.actors.ordering import stored_under
from tests.actors.shopping import Shop, digest_of, open_shop


async def erased(shop: Shop, customer_id: str) -> None:
    message = EraseCustomer(key_digest=None, customer_id=customer_id)
    assert isinstance(await erase_customer(shop.world.ask, "alpha", message, None), CustomerErased)


def is_lasting(world: World, name: str) -> bool:
    _, expiry = world.site.store.image.records[f"{record_prefix('alpha')}tries:{name}"]
    return not expiry


async def test_an_erasure_leaves_no_tries_that_last_and_none_of_a_device() -> None:
    shop = await open_shop(await World().open())
    signed_up = await shop.signed_up()
    await shop.fail(2)
    await shop.fail(1, device=signed_up.device_secret)
    assert is_lasting(shop.world, email_id(EMAIL))

    await erased(shop, signed_up.shopper.id)

    assert not is_lasting(shop.world, email_id(EMAIL))
    lane = lane_of(EMAIL, digest_of(signed_up.device_secret) or "")
    assert stored_under(shop.world, f"tries:{lane}") == {}
    assert stored_under(shop.world, Tries.kind) != {}


async def test_an_erasure_is_no_way_to_more_guesses() -> None:
    shop = await open_shop(await World().open())
    signed_up = await shop.signed_up()
    await shop.fail(4)

    await erased(shop, signed_up.shopper.id)

    assert await shop.log_in(password="wrong") == LoginRefused()
    assert isinstance(await shop.begin(), Locked)


async def test_erasing_a_customer_nobody_guessed_at_makes_no_tries() -> None:
    shop = await open_shop(await World().open())
    signed_up = await shop.signed_up()
    before = stored_under(shop.world, "tries:")

    await erased(shop, signed_up.shopper.id)

    assert stored_under(shop.world, "tries:").keys() <= before.keys()
