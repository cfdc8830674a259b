"""Shoppers on the store surface, and what a world is asked on their behalf; hashes are made up."""

from dataclasses import dataclass, replace
from typing import Self

from doorward.actors import tokens
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.operator import AddKey, KeyMade
from doorward.actors.messages.store import (
    BeginLogin,
    BeginSignUp,
    FinishLogin,
    FinishSignUp,
    LoginBegun,
    Person,
    SignUpBegun,
    StoreCall,
    StoreSignedIn,
    Verdict,
)
from doorward.actors.post.contents import AccountNews
from tests.actors.harness import CALLER, EMAIL, World

PASSWORD = "correct horse battery staple"
ROOMY = (
    b'{"passwords":{"loginsPerAddressPerMinute":100000,"signUpsPerAddressPerMinute":100000},'
    b'"keys":{"publishablePerMinute":100000}}'
)
"""A policy without limits of volume; locks stay as they are."""


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

    async def sign_up(
        self,
        email: str = EMAIL,
        password: str = PASSWORD,
        *,
        name: str = "Ann",
        phone: str | None = None,
        caller: Caller = CALLER,
    ) -> Outcome:
        """Sign up as HTTP does it: begin, hash, finish."""
        person = Person(name, email, phone)
        begun = await self.ask(
            BeginSignUp, person=person, password_length=len(password), caller=caller
        )
        if not isinstance(begun, SignUpBegun):
            return begun
        return await self.ask(
            FinishSignUp, person=person, password_hash=hashed(password), caller=caller
        )

    async def signed_up(self, email: str = EMAIL, password: str = PASSWORD) -> StoreSignedIn:
        """Sign up and be let in."""
        signed_in = await self.sign_up(email, password)
        assert isinstance(signed_in, StoreSignedIn), signed_in
        return signed_in

    async def begin(
        self, email: str = EMAIL, *, device: str | None = None, **fields: object
    ) -> Outcome:
        """Reserve a try; ``device`` is a device's secret."""
        values = {"email": email, "device": digest_of(device)} | fields
        return await self.ask(BeginLogin, **values)

    async def begun(self, email: str = EMAIL, *, device: str | None = None) -> LoginBegun:
        """Reserve a try for which there is room."""
        begun = await self.begin(email, device=device)
        assert isinstance(begun, LoginBegun), begun
        return begun

    async def finish(
        self,
        begun: LoginBegun,
        verdict: Verdict,
        email: str = EMAIL,
        *,
        device: str | None = None,
        **fields: object,
    ) -> Outcome:
        """Settle a try."""
        values = {
            "email": email,
            "reservation": begun.reservation,
            "verdict": verdict,
            "compared_with": begun.password_hash or "",
            "device": digest_of(device),
        }
        return await self.ask(FinishLogin, **(values | fields))

    async def log_in(
        self,
        email: str = EMAIL,
        password: str = PASSWORD,
        *,
        device: str | None = None,
        caller: Caller = CALLER,
    ) -> Outcome:
        """Log in as HTTP does it: begin, compare, finish."""
        begun = await self.begin(email, device=device, caller=caller)
        if not isinstance(begun, LoginBegun):
            return begun
        verdict: Verdict = "right" if begun.password_hash == hashed(password) else "wrong"
        return await self.finish(begun, verdict, email, device=device, caller=caller)

    async def logged_in(
        self, email: str = EMAIL, password: str = PASSWORD, *, device: str | None = None
    ) -> StoreSignedIn:
        """Log in and be let in."""
        signed_in = await self.log_in(email, password, device=device)
        assert isinstance(signed_in, StoreSignedIn), signed_in
        return signed_in

    async def fail(
        self, times: int = 5, email: str = EMAIL, *, device: str | None = None
    ) -> list[Outcome]:
        """Log in with a wrong password, again and again."""
        return [await self.log_in(email, "wrong", device=device) for _ in range(times)]


async def open_shop(world: World, slug: str = "alpha", **document: object) -> Shop:
    """Set up a headless storefront with a publishable key; by default without limits of volume."""
    await world.furnish(slug, **({"headless": True, "policy": ROOMY} | document))
    return Shop(world, await publishable_key(world, slug), slug)


async def publishable_key(world: World, slug: str = "alpha") -> str:
    """Make a publishable key; return its SHA-256."""
    made = await world.ask(slug, AddKey(key_kind="publishable", name="web"))
    assert isinstance(made, KeyMade), made
    return tokens.digest(made.secret)


def news(world: World, email: str = EMAIL, slug: str = "alpha") -> list[str]:
    """Tell what an email was mailed about, oldest first; sign-in mails are not news."""
    contents = [mail.content for mail in world.mails(slug, email)]
    return [content.news for content in contents if isinstance(content, AccountNews)]


def digest_of(secret: str | None) -> str | None:
    """Digest a secret as HTTP does it, if there is one."""
    return tokens.digest(secret) if secret is not None else None
