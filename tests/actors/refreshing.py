"""Shoppers of the store surface who are signed in, and what a world is asked on their behalf."""

from msgspec.structs import replace

from doorward.actors import jwts, storefront, tokens
from doorward.actors.desks import families
from doorward.actors.messages.envelope import Caller, Outcome, Request
from doorward.actors.messages.operator import AddKey, KeyMade
from doorward.actors.messages.store import (
    Claims,
    EndFamily,
    ExchangeRefresh,
    Reason,
    ShopperCall,
    TokenPair,
    TokenRefused,
)
from doorward.actors.records.sign_in import Customer, Email, Password
from doorward.actors.records.store import Family
from doorward.actors.turns import Turn
from tests.actors.harness import CALLER, EMAIL, World
from tests.actors.ordering import stored_under


class Begin(Request, frozen=True, kw_only=True):
    """Sign a customer in as a right password does; the first time makes them."""

    email: str = EMAIL
    verified: bool = True
    caller: Caller = CALLER


class Begun(Outcome, frozen=True, kw_only=True):
    """Who is signed in, and with what."""

    customer: Customer
    tokens: TokenPair


def begin(turn: Turn, message: Begin) -> Outcome:
    found = turn.storefront()
    assert found is not None
    name = tokens.email_id(message.email)
    known = turn.ledger.get(Email, name) or Email()
    customer = turn.ledger.get(Customer, known.customer_id) if known.customer_id else None
    if customer is None:
        customer = Customer(
            id=tokens.identifier(turn.random),
            email=message.email,
            email_verified=message.verified,
            created_at_ms=turn.now_ms,
            password=Password("$argon2id$", turn.now_ms),
        )
        turn.ledger.put(replace(known, customer_id=customer.id), name)
    customer, pair = families.started(turn, found, customer, caller=message.caller)
    turn.ledger.put(customer, customer.id)
    return Begun(customer=customer, tokens=pair)


storefront._DESKS[Begin] = begin  # noqa: SLF001 - passwords are not what is looked at here


async def publishable_key(world: World, slug: str = "alpha") -> str:
    """Make a publishable key; return its SHA-256."""
    made = await world.ask(slug, AddKey(key_kind="publishable", name="web", scopes=()))
    assert isinstance(made, KeyMade), made
    return tokens.digest(made.secret)


class Shop:
    """A storefront's store surface, with a key of its own."""

    def __init__(self, world: World, key: str, slug: str = "alpha") -> None:
        self.world = world
        self.key = key
        self.slug = slug

    async def sign_in(self, email: str = EMAIL, *, verified: bool = True) -> Begun:
        """Sign in, as if with a password."""
        begun = await self.world.ask(self.slug, Begin(email=email, verified=verified))
        assert isinstance(begun, Begun), begun
        return begun

    def claims(self, token: str | None, typ: jwts.Typ = "refresh") -> Claims | None:
        """Read a token as HTTP does."""
        return jwts.read(self.world.site.keyring, token or "", typ)

    def exchange(self, token: str | None) -> ExchangeRefresh:
        """Make the message by which a token is exchanged."""
        return ExchangeRefresh(key_digest=self.key, caller=CALLER, claims=self.claims(token))

    async def refresh(self, token: str | None) -> TokenPair | Reason | Outcome:
        """Exchange a token; tell the reason when it is refused."""
        done = await self.world.ask(self.slug, self.exchange(token))
        if isinstance(done, TokenRefused):
            return done.reason
        return getattr(done, "tokens", done)

    async def rotated(self, token: str) -> TokenPair:
        """Exchange a token that is good."""
        pair = await self.refresh(token)
        assert isinstance(pair, TokenPair), pair
        return pair

    async def log_out(self, token: str | None) -> Outcome:
        """End a token's chain."""
        message = EndFamily(key_digest=self.key, caller=CALLER, claims=self.claims(token))
        return await self.world.ask(self.slug, message)

    async def call(self, kind: type[ShopperCall], access: str | None, **fields: object) -> Outcome:
        """Ask something with an access token."""
        claims = self.claims(access, "access")
        message = kind(key_digest=self.key, caller=CALLER, claims=claims, **fields)
        return await self.world.ask(self.slug, message)

    def at(self, world: World) -> "Shop":
        """Go on with another host."""
        return Shop(world, self.key, self.slug)


async def open_shop(slug: str = "alpha", world: World | None = None, **document: object) -> Shop:
    """Open a storefront that serves the store surface."""
    world = world or await World().open()
    await world.furnish(slug, **({"headless": True} | document))
    return Shop(world, await publishable_key(world, slug), slug)


def stored_families(world: World, slug: str = "alpha") -> dict[str, bytes]:
    """Read the families at rest."""
    return stored_under(world, f"{Family.kind}:", slug)
