"""Who may answer for a storefront: partitions, epochs, and a lease that is proof of recent owning.

*The claim.* At any moment at most one host answers for a partition, and no host ever writes to a
partition that another has taken. Placement only hints at who should; the store decides who does.

*Normal operation.* A host takes a partition by raising its epoch in the store and writing its own
random owner id beside it. Every commit names (epoch, owner) and is refused by the store unless both
are equal to what it holds: that is the fence, and it needs no clock. Answers from memory need more,
because they ask nobody: a host answers for a partition only while

    now < proven_at + lease - margin            (its own boot-time clock)

where ``proven_at`` is when it *sent* the latest request to which the store replied that the
partition was still its own. Renewal happens in the host's working loop, a third of the lease apart,
so a host that no longer works no longer renews.

*Change of owner.* The new owner raises the epoch at some moment T of the store. Every proof the old
owner has was answered before T, so was sent before T: it stops answering before T + lease, whatever
it believes, and whether it is slow, frozen or cut off. The new owner learned of T when its take was
answered, later than T, and answers only a full lease after that. No clocks are compared, only two
spans of the same length are measured on two machines; the margin pays for their drift. The wait is
skipped where there is nobody to wait for: the old owner released the partition (its last commit is
answered and it has stopped), is known to be dead, or is this very host. Each of these only if the
old owner had done its own waiting (``settled``): otherwise the one before *it* may still answer.

*Placement.* Which partitions a host is ``wanted`` for somebody else may say (a cluster's steward),
and who is ``silent``. Both are hints: a silent owner's partition is taken at once instead of when
its sign of life has run out, and waited for all the same.

*Crash.* A crashed owner's lease runs out the same way. What it had in memory was either committed
(then it is in the store) or not (then nobody was told).

*Recovery from an unknown ending.* When a flush may or may not have happened, the host gives up all
its partitions, forgets what it remembered and takes them again. Its late commit, if it is still on
its way, then meets a higher epoch.

*Claims nobody knows of.* A take that was given up on may have been done, a release may not. As long
as this host lives nobody else would take such a partition; so whatever it lost and is not wanted
for, it looks up for a while, and releases what the store has under its id (``disown``).

*A store that went back in time* shows a lower epoch or sequence than this host was told, or than
the high-water file of an earlier run says. The take script then burns every code and link issued so
far (``burned_before_ms``): one that was already used may be unused again in this store.

What serialises: one event loop; every method here runs in the host's loop only. What survives a
crash: epochs, owners, sequences (in the store), and the high-water marks (on disk).
"""

from collections.abc import Awaitable, Callable, Container
from typing import Final

from doorward.actors.clocks import StoreClock, Ticks
from doorward.actors.errors import NotOwner, StoreUnreachable, Unavailable
from doorward.actors.journal import Bid, Claim, Ending, Journal, Taken
from doorward.actors.partitions import PARTITIONS, partition_prefix

RENEWALS_PER_LEASE: Final = 3
MARGIN_OF_LEASE: Final = 0.1
"""A tenth of the lease for clocks that run at different speeds (crystal drift is below 0.1 %)."""
LOOKS: Final = 20
"""How often to look for a claim nobody knows of, as often as an owner renews: a call that was given
up on may be under way for some seconds."""
ALL: Final = frozenset(range(PARTITIONS))
FindGone = Callable[[frozenset[str]], Awaitable[frozenset[str]]]


class Partition:
    """One partition as this host knows it.

    ``seq`` numbers the latest commit that was sent, ``acknowledged_seq`` the latest that the store
    is known to have. ``settled``: the store knows that this host has waited for whoever was before
    it. ``turns`` counts the turns run for it.
    """

    __slots__ = (
        "acknowledged_seq",
        "burned_before_ms",
        "epoch",
        "index",
        "owned",
        "prefix",
        "proven_at",
        "seq",
        "serve_from",
        "settled",
        "turns",
        "went_back",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.prefix = partition_prefix(index)
        self.epoch = 0
        self.seq = 0
        self.acknowledged_seq = 0
        self.owned = False
        self.serve_from = 0.0
        self.settled = False
        self.proven_at = 0.0
        self.burned_before_ms = 0
        self.went_back = False
        self.turns = 0


class Ownership:
    """The partitions of one host."""

    def __init__(  # noqa: PLR0913 - the wiring of one object
        self,
        journal: Journal,
        *,
        owner: str,
        lease_seconds: float,
        ticks: Ticks,
        clock: StoreClock,
        dead: Container[str] = (),
        alone: bool = False,
        wanted: frozenset[int] = ALL,
        look_again_seconds: float | None = None,
        find_gone: FindGone | None = None,
    ) -> None:
        """Own nothing yet.

        Args:
            journal: The store.
            owner: This host's random id; never used twice.
            lease_seconds: How long a proof of owning lasts.
            ticks: The boot-time clock.
            clock: Store time.
            dead: Owners that are known to be dead: nobody waits for their lease.
            alone: Whether nobody else can reach the store, so that nobody is ever waited for.
            wanted: The partitions to take.
            look_again_seconds: How soon to look again at what somebody alive holds; as often as an
                owner renews where it is not said.
            find_gone: Tells which of some owners are certainly dead, where that can be told.
        """
        self._journal = journal
        self._ticks = ticks
        self._clock = clock
        self._lease = lease_seconds
        self._serving = lease_seconds * (1 - MARGIN_OF_LEASE)
        self._dead = dead
        self._alone = alone
        self._look_again = look_again_seconds or lease_seconds / RENEWALS_PER_LEASE
        self._find_gone = find_gone
        self._gone: frozenset[str] = frozenset()
        self._silent: Container[str] = ()
        self.wanted = wanted
        self._renewed_at = 0.0
        self._look_again_at = 0.0
        self._doubts: dict[int, int] = {}
        self._disowned_at = 0.0
        self.owner = owner
        self.partitions: Final = [Partition(index) for index in range(PARTITIONS)]
        self.reachable = False
        self.rollbacks = 0

    def serves(self, partition: int) -> bool:
        """Tell whether this host may answer for a partition right now."""
        known = self.partitions[partition]
        now = self._ticks()
        return known.owned and known.serve_from <= now < known.proven_at + self._serving

    def refusal(self, partition: int) -> Unavailable:
        """Say why this host does not serve: the store cannot be reached, or somebody else may."""
        # One that is wanted for nothing yet has not asked the store for anything either.
        if not self.reachable and partition in self.wanted:
            return StoreUnreachable("the store cannot be reached")
        return NotOwner("this host does not own the storefront's partition now")

    def held(self) -> list[Partition]:
        """List the partitions this host believes to own."""
        return [partition for partition in self.partitions if partition.owned]

    def want(self, wanted: frozenset[int], silent: Container[str]) -> None:
        """Be told what to take, and which owners were not heard of."""
        if (wanted, silent) != (self.wanted, self._silent):
            self._look_again_at = 0.0
        self.wanted, self._silent = wanted, silent

    def wants_more(self) -> bool:
        """Tell whether to try and take what this host is wanted for and does not own."""
        return self._ticks() >= self._look_again_at and not all(
            self.partitions[index].owned for index in self.wanted
        )

    def renewal_due(self) -> bool:
        """Tell whether it is time to prove owning again."""
        return self._ticks() >= self._renewed_at + self._lease / RENEWALS_PER_LEASE

    async def acquire(self) -> list[Partition]:
        """Take every wanted partition that nobody alive holds.

        Returns:
            Those newly taken; each serves once the lease of its last owner is certainly over.

        Raises:
            StoreUnreachable: When the store does not answer; nothing is owned that was not before.
        """
        lost = [p for p in (self.partitions[index] for index in self.wanted) if not p.owned]
        claims = await self._journal.claims([partition.index for partition in lost])
        self.reachable = True
        if self._find_gone is not None:
            owners = {claim.owner for claim in claims} - {"", self.owner}
            self._gone = await self._find_gone(frozenset(owners)) if owners else frozenset()
        bids = [
            (partition, claim)
            for partition, claim in zip(lost, claims, strict=True)
            if self._may_take(claim)
        ]
        if not bids:
            # Somebody alive has them.
            self._look_again_at = self._ticks() + self._look_again
            return []
        sent = self._ticks()
        self._doubts.update((partition.index, LOOKS) for partition, _ in bids)
        results = await self._journal.take(
            self.owner,
            [
                Bid(
                    partition.index,
                    claim.epoch,
                    claim.owner,
                    partition.epoch,
                    partition.acknowledged_seq,
                    waits=self._must_wait(partition, claim),
                )
                for partition, claim in bids
            ],
            self._clock.now_ms(),
        )
        taken = []
        for (partition, claim), result in zip(bids, results, strict=True):
            self._doubts.pop(partition.index, None)
            if result is not None:
                self._own(partition, claim, result, sent)
                taken.append(partition)
        return taken

    def has_doubts(self) -> bool:
        """Tell whether it is time to look for claims that nobody knows of."""
        is_due = self._ticks() >= self._disowned_at + self._lease / RENEWALS_PER_LEASE
        return is_due and any(index not in self.wanted for index in self._doubts)

    async def disown(self) -> None:
        """Release what the store has under this host's id though it neither holds nor wants it.

        Raises:
            StoreUnreachable: When the store does not answer; it is to be looked for again.
        """
        looked_for = [index for index in self._doubts if index not in self.wanted]
        claims = await self._journal.claims(looked_for)
        self._disowned_at = self._ticks()
        ours = [
            (index, claim.epoch)
            for index, claim in zip(looked_for, claims, strict=True)
            if claim.owner == self.owner and not self.partitions[index].owned
        ]
        if ours:
            await self._journal.release(self.owner, ours, leaves=False)
        for index in looked_for:
            self._doubts[index] -= 1
            if not self._doubts[index]:
                del self._doubts[index]

    async def renew(self) -> list[Partition]:
        """Prove owning again.

        Returns:
            Partitions that turned out to be somebody else's, or gone back in time: now lost.

        Raises:
            StoreUnreachable: When the store does not answer; the lease runs on.
        """
        held = self.held()
        if not held:
            return []
        sent = self._ticks()
        waited = self._waited(held)
        endings = await self._journal.confirm(
            self.owner,
            [(partition.index, partition.epoch) for partition in held],
            int(self._lease * 1000),
            settled={partition.index for partition in held if not partition.settled} & waited,
        )
        self._renewed_at = sent
        lost = []
        for partition, ending in zip(held, endings, strict=True):
            if ending is Ending.COMMITTED:
                partition.proven_at = sent
                partition.settled = partition.settled or partition.index in waited
            else:
                self.lose(partition)
                lost.append(partition)
        return lost

    def lose(self, partition: Partition) -> None:
        """Stop answering for a partition; its epoch and sequence stay known, as a floor."""
        partition.owned = False
        self._doubts[partition.index] = LOOKS

    def lose_all(self) -> list[Partition]:
        """Stop answering for anything: the store's state is unknown."""
        held = self.held()
        for partition in held:
            self.lose(partition)
        self.reachable = False
        return held

    async def release(self) -> None:
        """Give everything up, after the last commit is answered and intake has stopped.

        Raises:
            StoreUnreachable: When the store does not answer; the next owner waits for the lease.
        """
        await self._release(self.held(), leaves=True)

    async def give_up(self, partitions: list[Partition]) -> None:
        """Give some up, under the same conditions; the rest goes on.

        Raises:
            StoreUnreachable: As above.
        """
        await self._release(partitions, leaves=False)

    def high_water(self) -> dict[int, tuple[int, int]]:
        """Tell the highest (epoch, sequence) acknowledged per partition."""
        return {p.index: (p.epoch, p.acknowledged_seq) for p in self.partitions if p.epoch}

    def expect(self, marks: dict[int, tuple[int, int]]) -> None:
        """Set the floor below which the store has gone back in time (an earlier run's marks)."""
        for index, (epoch, seq) in marks.items():
            self.partitions[index].epoch = epoch
            self.partitions[index].acknowledged_seq = seq

    def _own(self, partition: Partition, claim: Claim, result: Taken, sent: float) -> None:
        partition.serve_from = self._serve_from(partition, claim)
        partition.epoch = result.epoch
        partition.seq = partition.acknowledged_seq = result.seq
        partition.burned_before_ms = result.burned_before_ms
        partition.owned, partition.proven_at = True, sent
        partition.settled = False
        partition.went_back = result.went_back
        self._clock.start_at(result.at_ms)
        self.rollbacks += result.went_back

    async def _release(self, partitions: list[Partition], *, leaves: bool) -> None:
        for partition in partitions:
            self.lose(partition)
        held = [(partition.index, partition.epoch) for partition in partitions]
        waited = self._waited(partitions)
        await self._journal.release(self.owner, held, settled=waited, leaves=leaves)
        for partition in partitions:
            self._doubts.pop(partition.index, None)

    def _waited(self, partitions: list[Partition]) -> set[int]:
        """Tell for which of some this host has waited for whoever was before it."""
        now = self._ticks()
        return {partition.index for partition in partitions if partition.serve_from <= now}

    def _may_take(self, claim: Claim) -> bool:
        return self._is_gone(claim) or not claim.alive or claim.owner in self._silent

    def _is_gone(self, claim: Claim) -> bool:
        """Tell whether the claim's owner cannot be answering any more."""
        owner = claim.owner
        return (
            self._alone
            or not owner
            or owner == self.owner
            or owner in self._dead
            or owner in self._gone
        )

    def _must_wait(self, partition: Partition, claim: Claim) -> bool:
        return self._serve_from(partition, claim) > self._ticks()

    def _serve_from(self, partition: Partition, claim: Claim) -> float:
        """Tell when nobody else can be answering any more, if the partition is taken now."""
        if self._alone:
            return 0.0
        if claim.epoch < partition.epoch or claim.seq < partition.acknowledged_seq:
            # A store that went back in time has forgotten who had it last.
            return self._ticks() + self._lease
        if claim.settled and self._is_gone(claim):
            return 0.0
        if claim.owner == self.owner and claim.epoch == partition.epoch:
            return partition.serve_from  # our own wait, begun when we took it last, goes on
        return self._ticks() + self._lease
