"""Setting a password by mail, as a world is asked about it; hashes are made up."""

from typing import Final

from doorward.actors import tokens
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.store import (
    BeginReset,
    FinishReset,
    ForgetPassword,
    PasswordMailed,
    PasswordSet,
    ResetBegun,
)
from doorward.actors.post.contents import AccountNews
from doorward.actors.post.mail import Mail
from tests.actors.harness import CALLER, EMAIL, World
from tests.actors.shopping import Shop, hashed

NEW: Final = "a quite different password"
STRANGER: Final = "stranger@example.org"


def account_mails(world: World, email: str = EMAIL, slug: str = "alpha") -> list[Mail]:
    """Read all mails about somebody's account, oldest first."""
    return [mail for mail in world.mails(slug, email) if isinstance(mail.content, AccountNews)]


def token_of(world: World, sort: str, email: str = EMAIL, slug: str = "alpha") -> str:
    """Read the token in the newest mail of a sort."""
    for mail in reversed(account_mails(world, email, slug)):
        if isinstance(mail.content, AccountNews) and mail.content.news == sort:
            return mail.content.link.rpartition("/")[2]
    raise AssertionError(sort)


async def forget(shop: Shop, email: str = EMAIL, *, caller: Caller = CALLER) -> Outcome:
    """Ask for the mail."""
    return await shop.ask(ForgetPassword, email=email, caller=caller)


async def reset_token(shop: Shop, email: str = EMAIL) -> str:
    """Ask for the mail and read the token in it."""
    assert isinstance(await forget(shop, email), PasswordMailed)
    return token_of(shop.world, "set_password", email, shop.slug)


async def begin(
    shop: Shop, token: str, length: int = len(NEW), *, caller: Caller = CALLER
) -> Outcome:
    """Begin to set a password."""
    return await shop.ask(
        BeginReset, token_digest=tokens.digest(token), password_length=length, caller=caller
    )


async def finish(
    shop: Shop, token: str, password: str = NEW, *, caller: Caller = CALLER
) -> Outcome:
    """Set a password whose beginning was admitted."""
    return await shop.ask(
        FinishReset,
        token_digest=tokens.digest(token),
        password_hash=hashed(password),
        caller=caller,
    )


async def reset(shop: Shop, token: str, password: str = NEW) -> Outcome:
    """Set a password as HTTP does it: begin, hash, finish."""
    begun = await begin(shop, token, len(password))
    return await finish(shop, token, password) if isinstance(begun, ResetBegun) else begun


async def was_reset(shop: Shop, email: str = EMAIL, password: str = NEW) -> None:
    """Forget a password and set another."""
    outcome = await reset(shop, await reset_token(shop, email), password)
    assert isinstance(outcome, PasswordSet), outcome
