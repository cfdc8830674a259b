"""Customers on the account surface, and what a world is asked on their behalf."""

from doorward.actors import tokens
from doorward.actors.messages.account import (
    AccountSignedIn,
    AddressFields,
    Credentials,
    ListSessions,
    PresentedBearer,
    Requested,
    RequestSignIn,
    SessionCall,
    SessionList,
    VerifySignIn,
)
from doorward.actors.messages.envelope import Caller, Outcome
from tests.actors.harness import CALLER, EMAIL, World, cookie

ROOMY = (
    b'{"codes":{"perEmailPerMinute":100,"perEmailPerHour":1000,"perEmailPerDay":1000,'
    b'"perAddressPerMinute":100000,"perStorefrontPerMinute":100000},'
    b'"verifications":{"perAddressPerMinute":100000,"perStorefrontPerMinute":100000},'
    b'"signIn":{"open":true}}'
)
PLAIN = AddressFields(name="Ann", line1="Jl. Braga 1", city="Bandung", country="ID")


def holding(
    signed_in: AccountSignedIn | None = None,
    *,
    cookie_secret: str | None = None,
    bearer: str | None = None,
) -> Credentials:
    """Make what is presented; of somebody who is signed in, both secrets."""
    if signed_in is not None:
        cookie_secret, bearer = signed_in.cookie_secret, signed_in.bearer_secret
    presented = PresentedBearer.of(bearer) if bearer is not None else None
    return Credentials(cookie=cookie(cookie_secret), bearer=presented)


async def ask_for(
    world: World,
    slug: str = "alpha",
    email: str = EMAIL,
    *,
    with_link: bool = True,
    caller: Caller = CALLER,
) -> Outcome:
    """Ask for a mail to sign in with."""
    message = RequestSignIn(email=email, caller=caller, with_link=with_link)
    return await world.ask(slug, message)


async def code_of(world: World, slug: str = "alpha", email: str = EMAIL) -> str:
    """Ask for a mail and read the code in it."""
    assert isinstance(await ask_for(world, slug, email), Requested)
    code = world.mail(slug, email).code
    assert code is not None
    return code


async def answer(
    world: World,
    code: str,
    slug: str = "alpha",
    email: str = EMAIL,
    *,
    presented: Credentials | None = None,
    caller: Caller = CALLER,
) -> Outcome:
    """Try a code."""
    message = VerifySignIn(
        caller=caller, email=email, code=code, presented=presented or Credentials()
    )
    return await world.ask(slug, message)


async def follow(world: World, token: str, slug: str = "alpha") -> Outcome:
    """Sign in with a mailed link's token."""
    return await world.ask(slug, VerifySignIn(caller=CALLER, token_digest=tokens.digest(token)))


async def enter(
    world: World,
    slug: str = "alpha",
    email: str = EMAIL,
    *,
    presented: Credentials | None = None,
    caller: Caller = CALLER,
) -> AccountSignedIn:
    """Sign in with a fresh code."""
    code = await code_of(world, slug, email)
    signed_in = await answer(world, code, slug, email, presented=presented, caller=caller)
    assert isinstance(signed_in, AccountSignedIn), signed_in
    return signed_in


async def visit(
    world: World,
    kind: type[SessionCall],
    presented: Credentials | AccountSignedIn,
    slug: str = "alpha",
    **fields: object,
) -> Outcome:
    """Ask something that only who is signed in may."""
    if isinstance(presented, AccountSignedIn):
        presented = holding(presented)
    return await world.ask(slug, kind(caller=CALLER, presented=presented, **fields))


async def listed_sessions(world: World, presented: Credentials | AccountSignedIn) -> SessionList:
    """Read a customer's own sessions."""
    found = await visit(world, ListSessions, presented)
    assert isinstance(found, SessionList), found
    return found
