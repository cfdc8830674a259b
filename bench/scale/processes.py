"""A host's process as ``actors/ownership`` and ``actors/host`` have it, in what matters here.

It leaves what it is no longer wanted for, looks at the claims of what it is wanted for, takes what
it may, and serves after the wait, as long as its proof of owning is fresh. A frozen one does
nothing; when it goes on, it does at once whatever fell due, and believes what it believed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final, NamedTuple

from bench.scale.agenda import Agenda
from bench.scale.protocol import Protocol
from bench.scale.store import Claim, Store
from bench.scale.watch import Cause, Watch

_MOMENT: Final = 1e-9
"""Seconds after which a time is over, in floating point too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all processes stand on."""

    agenda: Agenda
    random: Random
    protocol: Protocol
    store: "Store[Process]"
    watch: Watch
    rates: list[float]


class Hold(NamedTuple):
    """A partition that a process believes to own."""

    epoch: int
    serve_from: float


class Process:
    """One incarnation of a host.

    Attributes:
        name: The host's.
        machine: Where it runs.
        held: What it believes to own.
        leaving: What of that it gives up.
    """

    def __init__(self, ground: Ground, name: str, machine: int) -> None:
        """Run from now on, wanted for nothing."""
        self._ground = ground
        self.name = name
        self.machine = machine
        self.held: dict[int, Hold] = {}
        self.leaving: set[int] = set()
        self.frozen = False
        self.ended = False
        self._wanted: frozenset[int] = frozenset()
        self._silent: frozenset[Process] = frozenset()
        self._looks = 0
        self._waiting: list[Callable[[], None]] = []
        self._renews_from = ground.agenda.now - self._drawn_below(self._renewal_seconds)
        self._stale_proof: float | None = None

    @property
    def running(self) -> bool:
        """Tell whether it does anything."""
        return not (self.frozen or self.ended)

    # --- what it believes -------------------------------------------------------------------------

    def serves(self, partition: int) -> bool:
        """See ``Ownership.serves`` and ``Host._takes``."""
        hold = self.held.get(partition)
        return (
            hold is not None
            and self.running
            and partition not in self.leaving
            and hold.serve_from <= self._now
            and self.has_lease()
        )

    def has_lease(self) -> bool:
        """Tell whether its proof of owning is fresh enough to answer."""
        return self.unproven_seconds() < self._ground.protocol.serving_seconds

    def unproven_seconds(self) -> float:
        """Tell how long ago its latest proof of owning was sent."""
        return self._now - self.proven_at

    @property
    def proven_at(self) -> float:
        """When it last asked the store and was told that what it has is its own."""
        if self._stale_proof is not None:
            return self._stale_proof
        since = self._now - self._renews_from
        return self._renews_from + since // self._renewal_seconds * self._renewal_seconds

    def is_marked_alive(self) -> bool:
        """Tell whether the store still has its sign of life."""
        return self._now < self.proven_at + self._ground.protocol.lease_seconds

    def wait_seconds(self, claim: "Claim[Process]") -> float:
        """Tell how long to wait for the last owner (``Ownership._serve_from``)."""
        gone = claim.owner is None or self._knows_dead(claim.owner)
        return 0.0 if gone and claim.settled else self._ground.protocol.lease_seconds

    def _knows_dead(self, owner: "Process") -> bool:
        """Tell whether it can prove that another one is dead (``actors/residence``)."""
        return owner.ended and owner.machine == self.machine

    def _may_take(self, claim: "Claim[Process]") -> bool:
        owner = claim.owner
        return (
            owner is None
            or self._knows_dead(owner)
            or owner in self._silent
            or not owner.is_marked_alive()
        )

    # --- the steward's orders ---------------------------------------------------------------------

    def order(self, wanted: frozenset[int], silent: "frozenset[Process]") -> None:
        """Be told what it is wanted for and who is silent (``Host.want``)."""
        if not self.running:
            return
        self._wanted, self._silent = wanted, silent
        self._leave_unwanted()
        for partition in sorted(self.leaving & wanted):
            self.leaving.discard(partition)
            self._begin(partition)
        self._look_in(0.0)

    def _leave_unwanted(self) -> None:
        for partition in sorted(self.held.keys() - self._wanted - self.leaving):
            self._leave(partition)

    def _leave(self, partition: int) -> None:
        """Refuse what comes, and wait for what is under way."""
        ground = self._ground
        self.leaving.add(partition)
        # Who is told of itself that it is silent was given up, and came back a moment too late.
        cause = Cause.FROZEN if self in self._silent else Cause.PLANNED
        ground.watch.stopped(partition, self, cause)
        seconds = ground.protocol.flush.drawn(ground.random)
        sending = ground.rates[partition] * ground.protocol.mails * ground.protocol.mail.mean
        if ground.random.random() < min(1.0, sending):
            seconds = max(seconds, ground.protocol.mail.drawn(ground.random))
        ground.agenda.after(seconds, self._release, partition, self.held[partition].epoch)

    def _release(self, partition: int, epoch: int) -> None:
        if self._is_kept_from(partial(self._release, partition, epoch)):
            return
        hold = self.held.get(partition)
        if hold is None or hold.epoch != epoch or partition not in self.leaving:
            return
        self._lose(partition)
        store, seconds = self._ground.store, self._store_seconds()
        self._ground.agenda.after(seconds, store.release, partition, self, epoch)

    # --- taking -----------------------------------------------------------------------------------

    def _look_in(self, seconds: float) -> None:
        """Read the claims of what is missing, and forget about looking later."""
        self._looks += 1
        self._ground.agenda.after(seconds + self._store_seconds(), self._look, self._looks)

    def _look(self, number: int) -> None:
        if number != self._looks or self._is_kept_from(partial(self._look, number)):
            return
        missing = sorted(self._wanted - self.held.keys())
        claims = [(partition, self._ground.store.claim(partition)) for partition in missing]
        bids = [(partition, claim) for partition, claim in claims if self._may_take(claim)]
        if bids:
            self._ground.agenda.after(self._store_seconds(), self._take, bids)
        elif missing:
            self._look_in(self._ground.protocol.tick_seconds)

    def _take(self, bids: "list[tuple[int, Claim[Process]]]") -> None:
        """Arrive at the store, whatever became of the sender meanwhile."""
        taken = []
        for partition, claim in bids:
            waits = self.wait_seconds(claim) > 0
            if self._ground.store.take(partition, self, claim, waits=waits):
                taken.append((partition, claim))
        self._learn(taken)

    def _learn(self, taken: "list[tuple[int, Claim[Process]]]") -> None:
        if self._is_kept_from(partial(self._learn, taken)):
            return
        for partition, claim in taken:
            serve_from = self._now + self.wait_seconds(claim)
            self.held[partition] = Hold(claim.epoch + 1, serve_from)
            self._ground.watch.owns(partition, self)
            self._ground.agenda.at(serve_from, self._begin, partition)
        self._leave_unwanted()
        self._look_in(self._ground.protocol.tick_seconds)

    def _begin(self, partition: int) -> None:
        if not self.serves(partition):
            return
        ground, epoch = self._ground, self.held[partition].epoch
        ground.watch.started(partition, self)
        writes = max(ground.rates[partition] * ground.protocol.writes, 1e-9)
        ground.agenda.after(ground.random.expovariate(writes), self._commit, partition, epoch)

    def _commit(self, partition: int, epoch: int) -> None:
        if self.serves(partition):
            self._ground.store.commit(partition, self, epoch)

    # --- trouble ----------------------------------------------------------------------------------

    def end(self, cause: Cause) -> None:
        """Be gone for good."""
        was_frozen, self.frozen = self.frozen, False
        self._stale_proof = self.proven_at
        self.ended = True
        for partition in sorted(self.held):
            if not was_frozen:
                self._ground.watch.stopped(partition, self, cause)
            self._ground.watch.disowns(partition, self)

    def abandon(self) -> None:
        """Be gone while nobody was served: frozen for too long, or done with."""
        self.end(Cause.PLANNED)

    def freeze(self) -> None:
        """Stop where it stands."""
        self._stale_proof = self.proven_at
        self.frozen = True
        for partition in sorted(self.held):
            self._ground.watch.stopped(partition, self, Cause.FROZEN)

    def thaw(self) -> None:
        """Go on, and answer as long as the old lease lasts; renew it within a tick."""
        self.frozen = False
        self._resume()
        protocol = self._ground.protocol
        lapses_in = protocol.serving_seconds - self.unproven_seconds()
        if lapses_in > 0:
            self._ground.agenda.after(lapses_in + _MOMENT, self._lapse)
        renews_in = self._drawn_below(protocol.tick_seconds) + self._store_seconds()
        self._ground.agenda.after(renews_in, self._renew)

    def _lapse(self) -> None:
        """Stop answering where the lease was not renewed in time."""
        if not self.has_lease():
            for partition in sorted(self.held):
                self._ground.watch.stopped(partition, self, Cause.FROZEN)

    def _renew(self) -> None:
        """Find out what is still its own."""
        if not self.running:
            return
        for partition, hold in sorted(self.held.items()):
            if not self._ground.store.holds(partition, self, hold.epoch):
                self._lose(partition)
        self._stale_proof, self._renews_from = None, self._now
        self._resume()
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()

    def _resume(self) -> None:
        for partition in sorted(self.held):
            self._begin(partition)

    def _lose(self, partition: int) -> None:
        self._ground.watch.stopped(partition, self, Cause.FROZEN)
        del self.held[partition]
        self.leaving.discard(partition)
        self._ground.watch.disowns(partition, self)

    # --- time -------------------------------------------------------------------------------------

    def _is_kept_from(self, then: Callable[[], None]) -> bool:
        """Keep what falls due for a frozen process; tell whether it is not to be done now."""
        if self.frozen or (self._stale_proof is not None and not self.ended):
            self._waiting.append(then)
            return True
        return self.ended

    @property
    def _now(self) -> float:
        return self._ground.agenda.now

    @property
    def _renewal_seconds(self) -> float:
        protocol = self._ground.protocol
        return protocol.lease_seconds / protocol.renewals_per_lease

    def _store_seconds(self) -> float:
        return self._ground.protocol.store_call.drawn(self._ground.random)

    def _drawn_below(self, seconds: float) -> float:
        return self._ground.random.uniform(0.0, seconds)
