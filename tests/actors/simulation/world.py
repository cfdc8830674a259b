"""A world: one store, some machines, some storefronts, and what their shoppers hold in hand."""

import asyncio
from collections import defaultdict, deque
from random import Random
from typing import Final

from doorward.actors.errors import StoreUnreachable, TurnFailed
from doorward.actors.keyring import Keyring
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.operator import PutStorefront, StorefrontDocument, StorefrontView
from doorward.actors.partitions import partition_of
from doorward.actors.post.mail import Mail
from doorward.actors.post.transport import Retryable
from tests.actors.simulation.history import History, Mailbox, Violation, sign_in_of
from tests.actors.simulation.machine import Design, Machine, Marks, Reply
from tests.actors.simulation.promises import Promises
from tests.actors.simulation.stormy_wire import PREFIX
from tests.actors.simulation.virtual_loop import VirtualLoop

EPOCH_MS: Final = 1_700_000_000_000
PATIENCE_SECONDS: Final = 20.0
"""Longer than any answer may take: a dozen flushes, each given up after its timeout."""
TRACE_LINES: Final = 60
EMAILS: Final = ("ann@example.org", "bob@example.org", "cid@example.org")
ADDRESSES: Final = ("192.0.2.1", "192.0.2.2", "2001:db8::/64")
TIGHT: Final = b'{"codes":{"perAddressPerMinute":4},"verifications":{"perAddressPerMinute":8}}'


def neighbour_of(slug: str) -> str:
    """Find a slug of the same partition: its turns are committed together with the other's."""
    return next(
        name
        for number in range(100_000)
        if partition_of(name := f"shop-{number}") == partition_of(slug)
    )


POLICIES: Final = {"alpha": b"{}", neighbour_of("alpha"): TIGHT, "bravo": b"{}"}
MAILBOXES: Final[list[Mailbox]] = [(slug, email) for slug in POLICIES for email in EMAILS]
LIMITS: Final = (
    ("codes.storefront", 600, 600),
    ("codes.address", 60, 4),
    ("codes.email.minute", 3, 3),
    ("verifications.storefront", 1_200, 1_200),
    ("verifications.address", 120, 8),
)
"""Rule, limit by default, limit under ``TIGHT``; all within a minute."""


class World:
    """Everything there is in one run; all chance comes from the seed."""

    def __init__(self, loop: VirtualLoop, seed: int, design: Design) -> None:
        self.loop = loop
        self.seed = seed
        self.random = Random(seed)
        self.design = design
        self.clock_step_ms = 0
        self.store = design.store(self.wall_ms)
        self.keyring = Keyring([self.random.randbytes(32)])
        self.placement = tuple(sorted({partition_of(slug) for slug in POLICIES}))
        self.marks: Marks = {}
        self.transport = self
        self.history = History(self.store, self.keyring, MAILBOXES)
        self.promises = Promises(self.history)
        self.machines: list[Machine] = []
        self.started = 0
        self.inbox: defaultdict[Mailbox, list[Mail]] = defaultdict(list)
        self.trace: deque[str] = deque(maxlen=TRACE_LINES)
        self.steps = 0
        self.broken: list[str] = []
        self.post_fails = True
        loop.watch = self._watch

    def wall_ms(self) -> int:
        """Tell the store's wall clock; it may be set, by less than what records are kept longer."""
        return EPOCH_MS + int(self.loop.time() * 1000) + self.clock_step_ms

    def note(self, text: str) -> None:
        """Add a line to what is shown when something breaks."""
        self.trace.append(f"{self.loop.time():.3f} {text}")

    # --- machines ---------------------------------------------------------------------------------

    def living(self) -> list[Machine]:
        """List the machines that exist, frozen ones too."""
        return [machine for machine in self.machines if not machine.gone]

    def told(self) -> Marks:
        """Tell how far the store had come, as far as any host was ever told."""
        told: Marks = {}
        for machine in self.machines:
            for index, (epoch, seq) in machine.ownership.high_water().items():
                known_epoch, known_seq = told.get(index, (0, 0))
                told[index] = max(epoch, known_epoch), max(seq, known_seq)
        return told

    def start_machine(self, dead: tuple[str, ...] = ()) -> Machine:
        """Start one more; sometimes with next to no memory, so that it forgets all the time."""
        self.started += 1
        memory_bytes = self.random.choice((60_000, 64_000_000))
        machine = Machine(self, f"host-{self.started}", memory_bytes, dead)
        self.machines.append(machine)
        machine.start()
        return machine

    def serving(self, slug: str) -> Machine | None:
        """Find the machine that answers for a storefront now."""
        index = partition_of(slug)
        return next((m for m in self.living() if m.ownership.serves(index)), None)

    def trouble(self, machine: str, what: str, error: BaseException | None) -> None:
        """Note a machine's trouble; only what the wire did is expected."""
        self.note(f"{machine} {what}: {error!r}")
        expected = error is None or (
            isinstance(error, StoreUnreachable) and error.reason.startswith(PREFIX)
        )
        if not expected:
            self.broken.append(f"{machine} {what}: {error!r}")

    # --- mail -------------------------------------------------------------------------------------

    async def send(self, mail: Mail) -> None:
        """Carry a mail, as a transport: sometimes slowly, sometimes not at once."""
        await asyncio.sleep(self.random.uniform(0, 0.3))
        if self.post_fails and self.random.random() < 0.1:
            raise Retryable("the simulation said so")
        # A mail may be under way when the store is put back: it comes all the same.
        committed = self.history.mailed.get(mail.id) or self.history.lost_mails.get(mail.id)
        letter = sign_in_of(committed.job) if committed else None
        known = self.history.issued.get(letter.challenge_id) if letter else None
        if known is None or known.mailbox != (mail.slug, mail.to):
            raise self.breach(f"a mail left for {mail.to} that was not durable")
        token = mail.link.rpartition("token=")[2] if mail.link else ""
        if (mail.code or "") != known.code or token != known.token:
            raise self.breach(f"a mail to {mail.to} holds a secret that cannot verify")
        self.inbox[mail.slug, mail.to].append(mail)

    async def close(self) -> None:
        """A transport is closed with its machine; the post goes on."""

    # --- asking -----------------------------------------------------------------------------------

    async def ask(self, slug: str, message: Request) -> Reply:
        """Send a message to a machine that probably serves the storefront."""
        machine = self.serving(slug)
        if machine is None or self.random.random() < 0.1:
            if not self.living():
                return Reply(turned_away=True)
            machine = self.random.choice(self.living())
        reply = await machine.ask(slug, message, patience_seconds=PATIENCE_SECONDS)
        if isinstance(reply.error, TurnFailed):
            self.broken.append(f"a turn failed: {type(message).__name__} {reply.error!r}")
        if reply.outcome is None and reply.error is None and machine.up and not reply.frozen:
            self.broken.append(f"{machine.name} never answered {type(message).__name__}")
        return reply

    async def insist(self, slug: str, message: Request) -> Outcome:
        """Ask until there is an answer."""
        for _ in range(200):
            reply = await self.ask(slug, message)
            if reply.outcome is not None:
                return reply.outcome
            await asyncio.sleep(0.1)
        raise self.breach(f"nobody answers for {slug}")

    async def furnish(self) -> None:
        """Set up the storefronts."""
        for slug, policy in POLICIES.items():
            document = StorefrontDocument(display_name=slug, published=True, policy=policy)
            put = await self.insist(slug, PutStorefront(document=document))
            assert isinstance(put, StorefrontView)

    # --- breaches ---------------------------------------------------------------------------------

    def breach(self, what: str) -> Violation:
        """Note a breach, also where raising would only end some machine's task."""
        self.broken.append(what)
        return Violation(what)

    def check(self) -> None:
        """Raise what was broken so far.

        Raises:
            Violation: Something was.
        """
        found = [*self.broken, *self.loop.complaints]
        if found:
            raise Violation(found[0])

    def _watch(self) -> None:
        for index in self.placement:
            serving = [m.name for m in self.living() if m.ownership.serves(index)]
            if len(serving) > 1:
                raise Violation(f"{' and '.join(serving)} both serve partition {index}")
