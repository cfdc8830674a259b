"""Mails about passwords, and setting one by mail, as a world is asked about them.

Hashes are made up: nothing here hashes.
"""

from dataclasses import dataclass, replace
from typing import Final, Self

from doorward.actors import tokens
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.operator import AddKey, KeyMade
from doorward.actors.messages.store import (
    BeginLogin,
    BeginReset,
    BeginSignUp,
    FinishLogin,
    FinishReset,
    FinishSignUp,
    ForgetPassword,
    LoginBegun,
    PasswordMailed,
    PasswordSet,
    Person,
    ResetBegun,
    SignUpBegun,
    StoreCall,
    StoreSignedIn,
)
from doorward.actors.post.contents import AccountNews
from doorward.actors.post.mail import Mail
from tests.actors.harness import CALLER, EMAIL, World

PASSWORD: Final = "correct horse battery staple"
NEW: Final = "a quite different password"
STRANGER: Final = "stranger@example.org"
ROOMY: Final = (
    b'{"passwords":{"loginsPerAddressPerMinute":100000,"signUpsPerAddressPerMinute":100000},'
    b'"keys":{"publishablePerMinute":100000}}'
)
"""A policy without limits of volume on passwords; locks stay as they are."""


def hashed(password: str) -> str:
    """Make what stands for a password's hash."""
    return f"hash:{password}"


def elsewhere(number: int) -> Caller:
    """Make a caller from another address."""
    return Caller(address=f"198.51.100.{number}", scheme="https")


@dataclass(frozen=True)
class Shop:
    """A headless storefront as one of its frontends knows it, by the SHA-256 of its key."""

    world: World
    key: str
    slug: str = "alpha"

    def at(self, world: World) -> Self:
        """Reach the same storefront on another host."""
        return replace(self, world=world)

    def call(self, kind: type[StoreCall], **fields: object) -> StoreCall:
        """Make a call with the key."""
        return kind(**({"key_digest": self.key, "caller": CALLER} | fields))

    async def ask(self, kind: type[StoreCall], **fields: object) -> Outcome:
        """Make a call and be answered."""
        return await self.world.ask(self.slug, self.call(kind, **fields))

    async def signed_up(self, email: str = EMAIL) -> StoreSignedIn:
        """Sign up as HTTP does it: begin, hash, finish."""
        person = Person("Ann", email)
        begun = await self.ask(BeginSignUp, person=person, password_length=len(PASSWORD))
        assert isinstance(begun, SignUpBegun), begun
        signed_in = await self.ask(FinishSignUp, person=person, password_hash=hashed(PASSWORD))
        assert isinstance(signed_in, StoreSignedIn), signed_in
        return signed_in

    async def log_in(
        self, email: str = EMAIL, password: str = PASSWORD, *, device: str | None = None
    ) -> Outcome:
        """Log in as HTTP does it: begin, compare, finish; ``device`` is a device's secret."""
        known = tokens.digest(device) if device is not None else None
        begun = await self.ask(BeginLogin, email=email, device=known)
        if not isinstance(begun, LoginBegun):
            return begun
        return await self.ask(
            FinishLogin,
            email=email,
            reservation=begun.reservation,
            verdict="right" if begun.password_hash == hashed(password) else "wrong",
            compared_with=begun.password_hash or "",
            device=known,
        )

    async def logged_in(self, email: str = EMAIL, password: str = PASSWORD) -> StoreSignedIn:
        """Log in and be let in."""
        signed_in = await self.log_in(email, password)
        assert isinstance(signed_in, StoreSignedIn), signed_in
        return signed_in

    async def fail(self, times: int = 5, email: str = EMAIL, *, device: str | None = None) -> None:
        """Log in with a wrong password, again and again."""
        for _ in range(times):
            await self.log_in(email, "wrong", device=device)


async def open_shop(world: World, slug: str = "alpha", **document: object) -> Shop:
    """Set up a headless storefront with a publishable key, with a roomy policy."""
    await world.furnish(slug, **({"headless": True, "policy": ROOMY} | document))
    made = await world.ask(slug, AddKey(key_kind="publishable", name="web"))
    assert isinstance(made, KeyMade), made
    return Shop(world, tokens.digest(made.secret), slug)


def account_mails(world: World, email: str = EMAIL, slug: str = "alpha") -> list[Mail]:
    """Read all mails about somebody's account, oldest first."""
    return [mail for mail in world.mails(slug, email) if isinstance(mail.content, AccountNews)]


def news(world: World, email: str = EMAIL) -> list[str]:
    """Tell what somebody was mailed about their account, oldest first."""
    contents = [mail.content for mail in account_mails(world, email)]
    return [content.news for content in contents if isinstance(content, AccountNews)]


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
