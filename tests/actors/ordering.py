"""Orders as a merchant sends them, and what a world needs to be asked about them."""

from collections.abc import Callable

import msgspec

from doorward.actors import tokens
from doorward.actors.desks.keys import SCOPES
from doorward.actors.messages.envelope import Caller, Outcome, Request
from doorward.actors.messages.merchant import (
    AddSellerRemark,
    ChangeOrder,
    ConfirmPayment,
    GetOrder,
    ItemDocument,
    ListOrders,
    OrderChanges,
    OrderDocument,
    OrderFound,
    OrdersFound,
    PutOrder,
)
from doorward.actors.messages.operator import AddKey, KeyMade
from doorward.actors.messages.orders import (
    AddBuyerRemark,
    ClaimPayment,
    OrderPage,
    ReadOrderPage,
)
from doorward.actors.partitions import partition_of_access_token, record_prefix, shared_name
from tests.actors.harness import CALLER, EMAIL, World

Make = Callable[..., Request]
LINE = ItemDocument(id="1", name="Kopi Gayo 250 g", quantity=2, unit_price=60_000)
PLAIN = OrderDocument(
    order_number="A-1",
    email=EMAIL,
    currency="IDR",
    items=(LINE,),
    subtotal=120_000,
    shipping=10_000,
    total=130_000,
)


def document(number: str = "A-1", /, **changes: object) -> OrderDocument:
    """Make an order of one line."""
    return msgspec.structs.replace(PLAIN, **({"order_number": number} | changes))


async def key_of(world: World, slug: str = "alpha", scopes: tuple[str, ...] = ()) -> str:
    """Make a secret key; return its SHA-256."""
    message = AddKey(key_kind="secret", name="backend", scopes=scopes or tuple(sorted(SCOPES)))
    made = await world.ask(slug, message)
    assert isinstance(made, KeyMade)
    return tokens.digest(made.secret)


async def put(
    world: World, number: str = "A-1", /, *, slug: str = "alpha", **changes: object
) -> OrderFound:
    """Put an order as the operator does."""
    message = PutOrder(key_digest=None, document=document(number, **changes))
    found = await world.ask(slug, message)
    assert isinstance(found, OrderFound), found
    return found


async def get(world: World, number: str = "A-1", *, slug: str = "alpha") -> OrderFound:
    """Read an order as the operator does."""
    found = await world.ask(slug, GetOrder(key_digest=None, order_number=number))
    assert isinstance(found, OrderFound), found
    return found


async def change(world: World, number: str = "A-1", /, **changes: object) -> Outcome:
    """Change an order."""
    message = ChangeOrder(key_digest=None, order_number=number, changes=OrderChanges(**changes))
    return await world.ask("alpha", message)


async def confirm(world: World, number: str = "A-1") -> Outcome:
    """Confirm a payment."""
    return await world.ask("alpha", ConfirmPayment(key_digest=None, order_number=number))


async def listed(world: World, slug: str = "alpha", **asked: object) -> OrdersFound:
    """Read a page of orders."""
    found = await world.ask(slug, ListOrders(key_digest=None, **asked))
    assert isinstance(found, OrdersFound), found
    return found


async def listed_numbers(world: World, *, page: int = 20, **asked: object) -> list[str]:
    """Read the numbers of all orders, page by page."""
    numbers: list[str] = []
    after = None
    while True:
        found = await listed(world, limit=page, after=after, **asked)
        numbers += [item.order.order_number for item in found.items]
        after = found.after
        if after is None:
            return numbers


async def say(world: World, body: str = "Hello", number: str = "A-1", **more: object) -> Outcome:
    """Write as the seller."""
    message = AddSellerRemark(key_digest=None, order_number=number, body=body, **more)
    return await world.ask("alpha", message)


def leads_to(token: str) -> str:
    """Tell whom to ask about an access token."""
    partition = partition_of_access_token(token)
    assert partition is not None
    return shared_name(partition)


async def by_token(world: World, token: str, kind: Make = ReadOrderPage, **more: object) -> Outcome:
    """Ask about an order by its access token."""
    values = {"caller": CALLER} | more
    return await world.ask(leads_to(token), kind(token_digest=tokens.digest(token), **values))


async def page(world: World, token: str) -> OrderPage:
    """Read the page that a token opens."""
    read = await by_token(world, token)
    assert isinstance(read, OrderPage), read
    return read


async def write(world: World, token: str, body: str = "Hi", **more: object) -> Outcome:
    """Write as the buyer."""
    return await by_token(world, token, AddBuyerRemark, body=body, **more)


async def claim(world: World, token: str, caller: Caller = CALLER) -> Outcome:
    """Say that the money was transferred."""
    return await by_token(world, token, ClaimPayment, caller=caller)


def stored_under(world: World, name: str, slug: str = "alpha") -> dict[str, bytes]:
    """Read what a storefront has at rest under names that begin so."""
    prefix = record_prefix(slug) + name
    records = world.site.store.image.records
    return {key: stored for key, (stored, _) in records.items() if key.startswith(prefix)}
