"""Shoppers of a cluster, and a ledger of all they were ever told: what must hold whatever happens.

Each mails himself one code, tries it in several processes at once, stays for a while and perhaps
leaves. Whoever hears ``Unavailable`` concludes nothing and sends nothing again.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Final

from doorward.actors.cluster.system import ClusterSystem
from doorward.actors.errors import TurnFailed, Unavailable
from doorward.actors.messages.envelope import Caller, Outcome, Request
from doorward.actors.messages.operator import PutStorefront, StorefrontDocument, StorefrontView
from doorward.actors.messages.sign_in import (
    CodeSent,
    Me,
    ReadMe,
    RequestCode,
    SignedIn,
    SignedOut,
    SignOut,
    VerifyCode,
)
from doorward.actors.partitions import partition_of
from tests.actors.cluster.quarters import Process, Quarters
from tests.actors.harness import cookie
from tests.actors.simulation.virtual_loop import VirtualLoop

SLUGS: Final = ("alpha", "bravo", "charlie", "delta")
PLACES: Final = tuple(sorted({partition_of(slug) for slug in SLUGS}))
ANSWERED_WITHIN_SECONDS: Final = 3.0 + 2.0 + 0.5
"""As long as a message may look for its host, then a call, and some more."""


@dataclass
class Stay:
    """A session somebody was told of; ``leaving`` once he asked to leave, whatever came of it."""

    slug: str
    email: str
    secret: str
    leaving: bool = False


class Ledger:
    """What was acknowledged, and what was wrong about it."""

    def __init__(self, quarters: Quarters, systems: list[ClusterSystem], seed: int) -> None:
        self.quarters = quarters
        self.systems = systems
        self.random = Random(seed)
        self.told_of_codes: dict[str, str] = {}
        self.stays: list[Stay] = []
        self.asked = 0
        self.unavailable = 0
        self.broken: list[str] = []
        self.all_processes: list[Process] = []

    def watch(self, loop: VirtualLoop) -> None:
        """See to it that at no moment two answer for the same."""
        loop.watch = self._look

    def _look(self) -> None:
        for place in PLACES:
            serving = [
                process.owner
                for process in self.quarters.owners.values()
                if not process.dead
                and process.hosting is not None
                and process.hosting.ownership.serves(place)
            ]
            if len(serving) > 1:
                self.broken.append(f"{serving} both serve {place}")

    # --- asking -----------------------------------------------------------------------------------

    async def ask(self, slug: str, message: Request) -> Outcome | None:
        """Ask once, in any process; None when nobody can tell."""
        self.asked += 1
        loop = self.quarters.loop
        began = loop.time()
        try:
            outcome = await self.random.choice(self.systems).ask(slug, message)
        except Unavailable:
            self.unavailable += 1
            outcome = None
        except TurnFailed as error:
            self.broken.append(f"a turn failed: {error!r}")
            outcome = None
        if loop.time() - began > ANSWERED_WITHIN_SECONDS:
            self.broken.append(f"{type(message).__name__} took {loop.time() - began:.1f} s")
        return outcome

    async def insist(self, slug: str, message: Request) -> Outcome:
        """Ask until there is an answer; only for what may be done twice."""
        for _ in range(50):
            if (outcome := await self.ask(slug, message)) is not None:
                return outcome
            await asyncio.sleep(0.2)
        raise AssertionError(f"nobody answers for {slug}")

    async def furnish(self) -> None:
        for slug in SLUGS:
            put = PutStorefront(document=StorefrontDocument(display_name=slug, published=True))
            assert isinstance(await self.insist(slug, put), StorefrontView)

    # --- shopping ---------------------------------------------------------------------------------

    async def shop(self, number: int) -> None:
        """Come, sign in if that can be, look, and perhaps leave."""
        slug, email = self.random.choice(SLUGS), f"{number}@example.org"
        caller = Caller(address=f"of-{number}", scheme="https")
        sent = await self.ask(slug, RequestCode(email=email, caller=caller))
        if not isinstance(sent, CodeSent):
            return
        self.told_of_codes[email] = slug
        code = await self._mailed(email)
        verify = VerifyCode(email=email, code=code, caller=caller)
        tried = await asyncio.gather(*(self.ask(slug, verify) for _ in range(3)))
        tried.append(await self.ask(slug, verify))
        signed_in = [outcome for outcome in tried if isinstance(outcome, SignedIn)]
        if len(signed_in) > 1:
            self.broken.append(f"{email} used one code {len(signed_in)} times")
        if signed_in:
            stay = Stay(slug, email, signed_in[0].secret)
            self.stays.append(stay)
            await self._stay(stay, caller)

    async def _mailed(self, email: str) -> str:
        for _ in range(600):
            found = [mail.code for mail in self.quarters.posted if mail.to == email]
            if found:
                return found[0] or ""
            await asyncio.sleep(0.1)
        self.broken.append(f"{email} never got the code that was promised")
        return "000000"

    async def _stay(self, stay: Stay, caller: Caller) -> None:
        for _ in range(self.random.randint(0, 4)):
            await asyncio.sleep(self.random.uniform(0.1, 3.0))
            await self._look_in(stay)
        if self.random.random() < 0.4:
            stay.leaving = True
            session = cookie(stay.secret)
            left = await self.ask(stay.slug, SignOut(caller=caller, session=session))
            if isinstance(left, SignedOut):
                await self._look_in(stay, left=True)

    async def _look_in(self, stay: Stay, *, left: bool = False, insist: bool = False) -> None:
        """See whether a session is what it was said to be."""
        caller = Caller(address=f"of {stay.email}", scheme="https")
        message = ReadMe(caller=caller, session=cookie(stay.secret))
        me = await (self.insist if insist else self.ask)(stay.slug, message)
        if isinstance(me, Me):
            here = me.customer.email if me.customer is not None else None
            if here != (None if left else stay.email):
                self.broken.append(f"{stay.email} is {here}, left: {left}")

    # --- in the end -------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Look at everything that was ever acknowledged, now that nothing goes wrong any more."""
        for stay in self.stays:
            if not stay.leaving:
                await self._look_in(stay, insist=True)
        mailed = Counter(
            mail.to for mail in {mail.id: mail for mail in self.quarters.posted}.values()
        )
        for email in self.told_of_codes:
            if not mailed[email]:
                self.broken.append(f"{email} never got a mail")
        twice = [email for email, count in mailed.items() if count > 1]
        if twice:
            self.broken.append(f"{twice} asked for one code and got several")
        assert self.broken == [], self.broken[:3]
