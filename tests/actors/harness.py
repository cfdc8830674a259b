"""The real host on a model store, with a clock that is set and chance that is seeded.

``World`` is one host as a test sees it: ask it, let time pass, read the mail it sent. Several of
them may share a ``Site`` (a store and a clock), as hosts share a Redis and the time of day.
"""

import asyncio
from collections.abc import Awaitable, Callable, Container, Sequence
from random import Random
from typing import Final, Self, TypeVar

from doorward.actors import tokens
from doorward.actors.clocks import StoreClock
from doorward.actors.hooks import Hooks
from doorward.actors.host import Host
from doorward.actors.journal import Journal
from doorward.actors.keyring import Keyring
from doorward.actors.ledger import Event
from doorward.actors.messages.envelope import Caller, Outcome, Presented, Request
from doorward.actors.messages.operator import PutStorefront, StorefrontDocument, StorefrontView
from doorward.actors.messages.sign_in import (
    CodeSent,
    ReadMe,
    RequestCode,
    SignedIn,
    VerifyCode,
    VerifyLink,
)
from doorward.actors.opening import opened
from doorward.actors.ownership import Ownership, Partition
from doorward.actors.post.mail import Mail
from doorward.actors.records.mail import MailJob
from doorward.actors.turns import Place
from tests.actors.simulation.model_journal import ModelJournal
from tests.actors.simulation.model_store import ModelStore
from tests.actors.simulation.virtual_loop import VirtualLoop

T = TypeVar("T")

START_MS: Final = 1_700_000_000_000
LEASE_SECONDS: Final = 3.0
CALLER: Final = Caller(address="192.0.2.1", scheme="https")
ORIGIN: Final = "https://alpha.example"
EMAIL: Final = "ann@example.org"
MASTER_KEY: Final = bytes(range(32))


class Site:
    """What hosts have in common: the store, the time, the keys."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.wall_step_ms = 0
        self.store = ModelStore(self.wall_ms)
        self.keyring = Keyring([MASTER_KEY])

    def ticks(self) -> float:
        return self.seconds

    def wall_ms(self) -> int:
        return START_MS + round((self.seconds - 1_000.0) * 1000) + self.wall_step_ms


class World:
    """One host, its storefronts, and the mail it sent."""

    def __init__(
        self,
        site: Site | None = None,
        *,
        owner: str = "host-1",
        dead: Container[str] = (),
        memory_bytes: int = 64_000_000,
        mailbox_limit: int = 1_000,
        journal: Journal | None = None,
        place: Place | None = None,
        wanted: Sequence[int] | None = None,
        seed: int = 0,
    ) -> None:
        self.site = site or Site()
        self.random = Random(seed)
        self.clock = StoreClock(self.site.ticks)
        self.journal = journal or ModelJournal(self.site.store)
        self.ownership = Ownership(
            self.journal,
            owner=owner,
            lease_seconds=LEASE_SECONDS,
            ticks=self.site.ticks,
            clock=self.clock,
            dead=dead,
        )
        self.events: list[Event] = []
        self.jobs: list[tuple[int, str, MailJob]] = []
        self.taken: list[Partition] = []
        self.troubles: list[tuple[str, BaseException | None]] = []
        self.wanted = wanted
        self.host = Host(
            self.journal,
            self.ownership,
            clock=self.clock,
            place=place or Place(keyring=self.site.keyring),
            random=self.random.randbytes,
            hooks=Hooks(
                self.events.append,
                lambda *sent: self.jobs.append(sent),
                self.taken.extend,
                lambda *trouble: self.troubles.append(trouble),
            ),
            memory_bytes=memory_bytes,
            mailbox_limit=mailbox_limit,
        )

    async def open(self) -> Self:
        """Open the store and take what can be taken."""
        store = await self.journal.open()
        self.clock.start_at(store.now_ms)
        await self.host.tend()
        return self

    async def successor(self, *, dead: bool = True) -> "World":
        """Start another host after this one, which remembers nothing of it."""
        number = int(self.ownership.owner.partition("-")[2]) + 1
        gone = (self.ownership.owner,) if dead else ()
        world = World(self.site, owner=f"host-{number}", dead=gone, seed=number)
        world.jobs = self.jobs
        return await world.open()

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    async def advance(self, seconds: float) -> None:
        """Let time pass, as on a host that works on all the while."""
        self.site.seconds += seconds
        await self.host.tend()
        await self.work()

    def send(self, slug: str, message: Request) -> "asyncio.Future[Outcome]":
        """Put a message into a mailbox; ``work`` lets the host see to it."""
        return self.host.ask(slug, message)

    async def work(self) -> None:
        """Let the host work until nobody waits any more."""
        while self.host.is_busy():
            self.host.cycle()
            await self.host.gate.landed()

    async def ask(self, slug: str, message: Request) -> Outcome:
        """Ask and be answered."""
        future = self.send(slug, message)
        await self.work()
        return await future

    async def ask_all(self, slug: str, messages: Sequence[Request]) -> list[Outcome]:
        """Ask all at once: the turns run in one batch."""
        futures = [self.send(slug, message) for message in messages]
        await self.work()
        return [await future for future in futures]

    # --- storefronts and shoppers -----------------------------------------------------------------

    async def furnish(self, *slugs: str, **document: object) -> Self:
        """Set up published storefronts."""
        for slug in slugs or ("alpha",):
            put = await self.put(slug, **document)
            assert isinstance(put, StorefrontView), put
        return self

    async def put(self, slug: str, **document: object) -> Outcome:
        """Create or change a storefront."""
        values = {"display_name": slug, "published": True, "origin": f"https://{slug}.example"}
        made = StorefrontDocument(**(values | document))  # type: ignore[arg-type]
        return await self.ask(slug, PutStorefront(document=made))

    async def request(
        self, slug: str = "alpha", email: str = EMAIL, *, caller: Caller = CALLER
    ) -> Outcome:
        """Ask for a code."""
        return await self.ask(slug, RequestCode(email=email, caller=caller))

    async def code(self, slug: str = "alpha", email: str = EMAIL) -> str:
        """Ask for a code and read it in the mail."""
        sent = await self.request(slug, email)
        assert isinstance(sent, CodeSent), sent
        code = self.mail(slug, email).code
        assert code is not None
        return code

    async def verify(
        self,
        code: str,
        slug: str = "alpha",
        email: str = EMAIL,
        *,
        session: str | None = None,
        device: str | None = None,
    ) -> Outcome:
        """Try a code, with the cookies a browser has."""
        message = VerifyCode(
            email=email, code=code, caller=CALLER, session=cookie(session), device=cookie(device)
        )
        return await self.ask(slug, message)

    async def follow(self, token: str, slug: str = "alpha") -> Outcome:
        """Sign in with a mailed link's token."""
        return await self.ask(slug, VerifyLink(token_digest=tokens.digest(token), caller=CALLER))

    async def sign_in(
        self, slug: str = "alpha", email: str = EMAIL, *, session: str | None = None
    ) -> SignedIn:
        """Sign in with a fresh code."""
        signed_in = await self.verify(await self.code(slug, email), slug, email, session=session)
        assert isinstance(signed_in, SignedIn), signed_in
        return signed_in

    async def me(self, secret: str | None, slug: str = "alpha") -> Outcome:
        """Ask who is signed in."""
        return await self.ask(slug, ReadMe(caller=CALLER, session=cookie(secret)))

    def mails(self, slug: str = "alpha", email: str = EMAIL) -> list[Mail]:
        """Read all mails to somebody, oldest first."""
        found = [
            opened(job, self.site.keyring, at_ms=job.sent_at_ms)
            for _, _, job in self.jobs
            if (job.slug, job.to) == (slug, email) and not job.is_blank
        ]
        return [mail for mail in found if mail is not None]

    def mail(self, slug: str = "alpha", email: str = EMAIL) -> Mail:
        """Read the newest mail to somebody."""
        return self.mails(slug, email)[-1]

    def token(self, slug: str = "alpha", email: str = EMAIL) -> str:
        """Read the token of the newest mail's link."""
        link = self.mail(slug, email).link
        assert link is not None
        return link.rpartition("token=")[2]


def cookie(secret: str | None) -> Presented:
    """Make what a browser presents over https."""
    return Presented(secure=tokens.digest(secret)) if secret is not None else Presented()


def wrong(code: str, number: int = 1) -> str:
    """Make a code that is not this one."""
    return f"{(int(code) + number) % 1_000_000:06d}"


class Runner:
    """Runs a world from plain functions, for state machines, which know no loop."""

    def __init__(self) -> None:
        self._loop = VirtualLoop()

    def __call__(self, work: Awaitable[T]) -> T:
        return self._loop.run_until_complete(_awaited(work))

    def close(self) -> None:
        self._loop.close()


async def _awaited(work: Awaitable[T]) -> T:
    return await work


Make = Callable[..., Awaitable[World]]
