"""One seeded run: shoppers knock, machines fail, and every promise is held."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final

from doorward.actors import gate, host, tokens
from doorward.actors.messages.envelope import Caller, Presented
from doorward.actors.messages.refusals import TooMany
from doorward.actors.messages.sign_in import (
    CodeSent,
    Me,
    ReadMe,
    RequestCode,
    SignedIn,
    SignOut,
    UpdateMe,
    VerifyCode,
    VerifyLink,
)
from tests.actors.simulation.faults import CLOCK_STEP_MS, Faults, picked
from tests.actors.simulation.history import Mailbox, Violation
from tests.actors.simulation.machine import Design
from tests.actors.simulation.virtual_loop import VirtualLoop, run_virtually
from tests.actors.simulation.world import (
    ADDRESSES,
    EMAILS,
    LIMITS,
    MAILBOXES,
    POLICIES,
    TIGHT,
    World,
)

FAVOUR: Final = 0.4
HEALED_SECONDS: Final = 15.0

Knock = Callable[[], Coroutine[Any, Any, None]]


class Run:
    """One run of a world."""

    def __init__(self, world: World, steps: int) -> None:
        self.world = world
        self.random = world.random
        self.steps = steps
        self.knocking: list[asyncio.Task[None]] = []
        self.names = 0
        # Every run has a mood of its own, and a mailbox that is besieged.
        self.trouble = self.random.choice((0.05, 0.15, 0.3))
        self.favourite = self.random.choice(MAILBOXES)
        self.faults = Faults(world)
        self._knocks: list[tuple[Knock, int]] = [
            (self.request_code, 20),
            (self.verify_right, 16),
            (self.verify_wrong, 12),
            (self.verify_burst, 8),
            (self.verify_link, 6),
            (self.verify_foreign, 3),
            (self.who_am_i, 14),
            (self.rename, 6),
            (self.sign_out, 5),
        ]

    async def all(self) -> None:
        """Run it all and hold it to what must be true at its end."""
        for _ in range(2):
            self.world.start_machine()
        await self.world.furnish()
        for _ in range(self.steps):
            await self.step()
        await self.heal()
        await self.settle()

    async def step(self) -> None:
        """Do one thing, let some time pass, and look."""
        self.world.steps += 1
        if self.random.random() > self.trouble:
            knock = picked(self.random, self._knocks)
            self.knocking.append(asyncio.create_task(knock()))
        else:
            self.faults.happen()
        served = any(self.world.serving(slug) for slug in POLICIES)
        pauses = (0.0, 0.0, 0.002, 0.05, 0.3, 1.0, 2.5) if served else (0.3, 1.0, 2.5)
        await asyncio.sleep(self.random.choice(pauses))
        self.look()

    def look(self) -> None:
        """Raise what has gone wrong so far."""
        left = []
        for task in self.knocking:
            if task.done():
                task.result()
            else:
                left.append(task)
        self.knocking = left
        self.world.check()

    # --- shoppers ---------------------------------------------------------------------------------

    async def request_code(self) -> None:
        mailbox, address = self._mailbox(), self.random.choice(ADDRESSES)
        attempt = self.world.promises.begin_code(mailbox, address)
        message = RequestCode(email=mailbox[1], caller=Caller(address))
        reply = await self.world.ask(mailbox[0], message)
        self.world.note(f"code for {mailbox}: {_short(reply.outcome or reply.error)}")
        self.world.promises.code_requested(attempt, reply)

    async def verify_right(self) -> None:
        mailbox = self._mailbox(mailed=True)
        codes = [mail.code for mail in self.world.inbox[mailbox] if mail.code]
        if codes:
            older = self.random.random() < 0.2
            await self.verify(mailbox, self.random.choice(codes) if older else codes[-1])

    async def verify_wrong(self) -> None:
        await self.verify(self._mailbox(mailed=True), f"{self.random.randrange(10**6):06d}")

    async def verify_burst(self) -> None:
        mailbox = self._mailbox(mailed=True)
        codes = [f"{self.random.randrange(10**6):06d}" for _ in range(self.random.randint(2, 12))]
        mails = self.world.inbox[mailbox]
        if mails and mails[-1].code:
            codes += [mails[-1].code] * self.random.randint(0, 3)
        self.random.shuffle(codes)
        await asyncio.gather(*(self.verify(mailbox, code) for code in codes))

    async def verify_foreign(self) -> None:
        """Try a code at a storefront that did not send it."""
        (slug, email), other = self._mailbox(mailed=True), self.random.choice(list(POLICIES))
        mails = self.world.inbox[slug, email]
        if mails and mails[-1].code and other != slug:
            await self.verify((other, email), mails[-1].code)

    async def verify(self, mailbox: Mailbox, code: str) -> None:
        presented = self._session(mailbox[0]) if self.random.random() < 0.2 else None
        address = self.random.choice(ADDRESSES)
        attempt = self.world.promises.begin_verification(mailbox, address, code=code)
        self.world.promises.begin_ending(attempt, presented)
        message = VerifyCode(
            email=mailbox[1], code=code, caller=Caller(address), session=_cookie(presented)
        )
        reply = await self.world.ask(mailbox[0], message)
        self.world.note(f"verify {code} of {mailbox}: {_short(reply.outcome or reply.error)}")
        self.world.promises.verified(attempt, presented, reply)

    async def verify_link(self) -> None:
        linked = [
            (box, mail.link)
            for box, mails in self.world.inbox.items()
            for mail in mails
            if mail.link
        ]
        if not linked:
            return
        mailbox, link = self.random.choice(linked[-3:])
        address, token = self.random.choice(ADDRESSES), link.rpartition("token=")[2]
        attempt = self.world.promises.begin_verification(mailbox, address, token=token)
        message = VerifyLink(token_digest=tokens.digest(token), caller=Caller(address))
        reply = await self.world.ask(mailbox[0], message)
        self.world.note(f"link of {mailbox}: {_short(reply.outcome or reply.error)}")
        self.world.promises.verified(attempt, None, reply)

    async def who_am_i(self) -> None:
        slug = self.random.choice(list(POLICIES))
        secret = self._session(slug if self.random.random() < 0.95 else None) or "never given"
        await self.read_me(slug, secret)

    async def read_me(self, slug: str, secret: str) -> None:
        known = self.world.promises.sessions.get(secret)
        own = known is not None and known.mailbox[0] == slug
        attempt = self.world.promises.begin(known.mailbox if own and known else (slug, EMAILS[0]))
        message = ReadMe(caller=Caller(ADDRESSES[0]), session=_cookie(secret))
        reply = await self.world.ask(slug, message)
        self.world.promises.told_who(attempt, secret, reply)

    async def rename(self) -> None:
        secret = self._session(None)
        if secret is None:
            return
        mailbox = self.world.promises.sessions[secret].mailbox
        self.names += 1
        name = f"name-{self.names}"
        attempt = self.world.promises.begin(mailbox, name=name)
        message = UpdateMe(caller=Caller(ADDRESSES[0]), session=_cookie(secret), name=name)
        reply = await self.world.ask(mailbox[0], message)
        self.world.promises.renamed(attempt, secret, reply)

    async def sign_out(self) -> None:
        secret = self._session(None)
        if secret is None:
            return
        mailbox = self.world.promises.sessions[secret].mailbox
        attempt = self.world.promises.begin(mailbox)
        self.world.promises.begin_ending(attempt, secret)
        message = SignOut(caller=Caller(ADDRESSES[0]), session=_cookie(secret))
        reply = await self.world.ask(mailbox[0], message)
        self.world.note(f"sign out of {mailbox}: {_short(reply.outcome or reply.error)}")
        self.world.promises.signed_out(attempt, secret, reply)

    # --- the end ----------------------------------------------------------------------------------

    async def heal(self) -> None:
        """End all trouble; from now on everything has to work."""
        world = self.world
        world.note("heal")
        for machine in world.living():
            machine.weather.clear()
            self.faults.thaw(machine)
            machine.place(frozenset(world.placement), frozenset())
        # Marks run out by the store's wall clock: set back, it keeps a dead host's for an hour.
        world.clock_step_ms = max(world.clock_step_ms, CLOCK_STEP_MS)
        deadline = world.loop.time() + HEALED_SECONDS
        while not all(world.serving(slug) for slug in POLICIES):
            if world.loop.time() > deadline:
                raise Violation(f"not healed after {HEALED_SECONDS} s")
            if not world.living():
                world.start_machine()
            await asyncio.sleep(0.1)
            self.look()
        await asyncio.gather(*self.knocking)
        # Mails that were not taken are tried again after half a minute at most.
        world.post_fails = False
        await asyncio.sleep(32)

    async def settle(self) -> None:
        """Hold every promise that was made, now that there is nothing to excuse breaking it."""
        world = self.world
        self.look()
        for secret, known in list(world.promises.sessions.items()):
            await self.read_me(known.mailbox[0], secret)
        await asyncio.gather(*(self.sign_in_anew(mailbox) for mailbox in MAILBOXES))
        self.look()
        world.promises.phantom_guesses()
        world.promises.exceeded(_limits())

    async def sign_in_anew(self, mailbox: Mailbox) -> None:
        """Ask for a code and use it; a spent budget is the only excuse."""
        slug, email = mailbox
        sent = await self.world.insist(slug, RequestCode(email=email, caller=Caller("192.0.2.99")))
        if isinstance(sent, TooMany):
            return
        if not isinstance(sent, CodeSent):
            raise Violation(f"{mailbox} cannot ask for a code: {_short(sent)}")
        await asyncio.sleep(2)
        mail = self.world.inbox[mailbox][-1] if self.world.inbox[mailbox] else None
        if mail is None:
            raise Violation(f"no mail came to {mailbox}")
        token = mail.link.rpartition("token=")[2] if mail.link else ""
        caller = Caller("192.0.2.99")
        signed_in = await self.world.insist(
            slug,
            VerifyCode(email=email, code=mail.code, caller=caller)
            if mail.code
            else VerifyLink(token_digest=tokens.digest(token), caller=caller),
        )
        if not isinstance(signed_in, SignedIn):
            raise Violation(f"{mailbox} cannot sign in: {_short(signed_in)}")
        me = await self.world.insist(slug, ReadMe(caller=caller, session=_cookie(signed_in.secret)))
        if me != Me(customer=signed_in.customer):
            raise Violation(f"{mailbox} is not who signed in")

    def _mailbox(self, *, mailed: bool = False) -> Mailbox:
        if self.random.random() < FAVOUR:
            return self.favourite
        known = [box for box, mails in self.world.inbox.items() if mails]
        return self.random.choice(known if mailed and known else MAILBOXES)

    def _session(self, slug: str | None) -> str | None:
        known = [
            secret
            for secret, signed in self.world.promises.sessions.items()
            if slug in {None, signed.mailbox[0]}
        ]
        return self.random.choice(known[-8:]) if known else None


def simulate(seed: int, steps: int, design: Design | None = None) -> World:
    """Run a seed.

    Raises:
        Violation: A promise was broken; says how to repeat it.
    """
    worlds: list[World] = []

    async def main(loop: VirtualLoop) -> None:
        worlds.append(World(loop, seed, design or Design()))
        await Run(worlds[0], steps).all()

    # The post spreads its retries by the interpreter's own randomness.
    before = random.getstate()
    random.seed(seed)
    try:
        with _flights_as_of(seed):
            run_virtually(main)
    except Violation as violation:
        raise Violation(_report(worlds[0], steps, violation)) from violation
    finally:
        random.setstate(before)
    return worlds[0]


@contextmanager
def _flights_as_of(seed: int) -> Iterator[None]:
    """Let every other seed send next to nothing at a time: then flights overlap all the while."""
    usual = gate.WORTH_ANOTHER_FLIGHT, host.TURNS
    if seed % 2:
        gate.WORTH_ANOTHER_FLIGHT, host.TURNS = 2, 3  # type: ignore[misc]
    try:
        yield
    finally:
        gate.WORTH_ANOTHER_FLIGHT, host.TURNS = usual  # type: ignore[misc]


def _report(world: World, steps: int, violation: Violation) -> str:
    again = f"DOORWARD_SIM_FIRST={world.seed} DOORWARD_SIM_SEEDS=1 DOORWARD_SIM_STEPS={steps}"
    return "\n".join(
        [f"{violation}", f"step {world.steps}; again: {again}", "before it:", *world.trace]
    )


def _limits() -> Iterator[tuple[str, str, int, int]]:
    for slug, policy in POLICIES.items():
        for rule, by_default, tight in LIMITS:
            yield slug, rule, tight if policy == TIGHT else by_default, 60_000
        yield slug, "codes.email.hour", 10, 3_600_000
        yield slug, "codes.email.day", 20, 86_400_000


def _cookie(secret: str | None) -> Presented:
    return Presented(plain=tokens.digest(secret)) if secret is not None else Presented()


def _short(what: object) -> str:
    return type(what).__name__
