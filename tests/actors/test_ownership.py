from collections.abc import Callable

import pytest

from doorward.actors.clocks import StoreClock
from doorward.actors.errors import NotOwner, StoreUnreachable
from doorward.actors.journal import Bid, Commit, Ending
from doorward.actors.ownership import ALL, LOOKS, FindGone, Ownership
from doorward.actors.partitions import PARTITIONS
from tests.actors.harness import LEASE_SECONDS, START_MS, Site
from tests.actors.simulation.model_journal import ModelJournal, T, Work, done

P = 7
OTHERS = 8
SERVING = LEASE_SECONDS * 0.9


class Wire:
    """Loses what it is told to lose: of the next calls, the questions or the answers."""

    def __init__(self) -> None:
        self.questions_lost: list[bool] = []
        self.answers_lost: list[bool] = []
        self.between: Callable[[], None] = lambda: None

    async def carry(self, work: Work[T], *, lane: bool = False) -> T:
        if self.questions_lost and self.questions_lost.pop(0):
            raise StoreUnreachable("the question was lost")
        result = done(work)
        self.between()
        if self.answers_lost and self.answers_lost.pop(0):
            raise StoreUnreachable("the answer was lost")
        return result


class Contender:
    """One host's ownership of a shared store."""

    def __init__(
        self,
        site: Site,
        name: str,
        *,
        dead: tuple[str, ...] = (),
        wanted: frozenset[int] = frozenset({P}),
        look_again_seconds: float | None = None,
        find_gone: FindGone | None = None,
    ) -> None:
        self.site = site
        self.wire = Wire()
        self.clock = StoreClock(site.ticks)
        self.clock.start_at(site.wall_ms())
        self.ownership = Ownership(
            ModelJournal(site.store, self.wire),
            owner=name,
            lease_seconds=LEASE_SECONDS,
            ticks=site.ticks,
            clock=self.clock,
            dead=dead,
            wanted=wanted,
            look_again_seconds=look_again_seconds,
            find_gone=find_gone,
        )

    async def take(self) -> list[int]:
        return [partition.index for partition in await self.ownership.acquire()]

    async def take_without_answer(self) -> None:
        self.wire.answers_lost = [False, True]
        with pytest.raises(StoreUnreachable):
            await self.ownership.acquire()
        self.ownership.lose_all()

    def serves(self) -> bool:
        return self.ownership.serves(P)

    def silence(self) -> None:
        """Let everybody believe that this host is gone."""
        self.site.store.image.marks.pop(self.ownership.owner, None)


@pytest.fixture
def site() -> Site:
    return Site()


async def owner_of(site: Site, name: str = "ann") -> Contender:
    contender = Contender(site, name)
    await contender.take()
    await contender.ownership.renew()
    return contender


async def test_nobodys_partition_is_served_at_once(site: Site) -> None:
    ann = Contender(site, "ann")

    taken = await ann.take()

    assert taken == [P]
    assert ann.serves()
    assert not ann.ownership.serves(OTHERS)


async def test_all_partitions_are_wanted_unless_somebody_says_which(site: Site) -> None:
    ann = Contender(site, "ann", wanted=ALL)

    taken = await ann.ownership.acquire()

    assert len(taken) == PARTITIONS == len(ann.ownership.held())
    assert not ann.ownership.wants_more()


async def test_what_is_owned_is_not_taken_again(site: Site) -> None:
    ann = await owner_of(site)

    assert await ann.take() == []
    assert site.store.row(P).epoch == 1


async def test_a_proof_lasts_a_lease_less_its_margin(site: Site) -> None:
    ann = await owner_of(site)

    site.seconds += SERVING - 0.001
    before = ann.serves()
    site.seconds += 0.002

    assert before
    assert not ann.serves()


async def test_the_proof_counts_from_when_it_was_asked_for(site: Site) -> None:
    ann = await owner_of(site)

    def slow() -> None:
        site.seconds += 1.0

    ann.wire.between = slow
    await ann.ownership.renew()
    site.seconds += SERVING - 1.001
    before = ann.serves()
    site.seconds += 0.002

    assert before
    assert not ann.serves()


async def test_renewal_is_due_three_times_a_lease(site: Site) -> None:
    ann = await owner_of(site)

    due = [ann.ownership.renewal_due()]
    site.seconds += LEASE_SECONDS / 3
    due.append(ann.ownership.renewal_due())

    assert due == [False, True]


async def test_who_owns_nothing_proves_nothing(site: Site) -> None:
    ann = Contender(site, "ann")

    assert await ann.ownership.renew() == []
    assert site.store.image.marks == {}


async def test_a_living_owners_partition_is_left_alone(site: Site) -> None:
    ann, bob = await owner_of(site), Contender(site, "bob")

    taken = await bob.take()

    assert taken == []
    assert not bob.ownership.wants_more()
    assert ann.serves()


async def test_who_stands_by_looks_again_when_an_owner_would_renew(site: Site) -> None:
    await owner_of(site)
    bob = Contender(site, "bob")
    await bob.take()

    site.seconds += LEASE_SECONDS / 3

    assert bob.ownership.wants_more()


async def test_a_new_owner_waits_for_the_lease_of_the_old_one(site: Site) -> None:
    ann, bob = await owner_of(site), Contender(site, "bob")
    ann.silence()

    taken = await bob.take()
    served = []
    for _ in range(31):
        served.append((ann.serves(), bob.serves()))
        await bob.ownership.renew()
        site.seconds += LEASE_SECONDS / 30
    served.append((ann.serves(), bob.serves()))

    assert taken == [P]
    assert served[0] == (True, False)
    assert served[-1] == (False, True)
    assert (True, True) not in served


async def test_the_old_owner_learns_that_it_lost(site: Site) -> None:
    ann, bob = await owner_of(site), Contender(site, "bob")
    ann.silence()
    await bob.take()

    lost = await ann.ownership.renew()

    assert [partition.index for partition in lost] == [P]
    assert not ann.serves()
    assert isinstance(ann.ownership.refusal(P), NotOwner)


async def test_a_released_partition_is_served_at_once(site: Site) -> None:
    ann, bob = await owner_of(site), Contender(site, "bob")

    await ann.ownership.release()
    await bob.take()

    assert not ann.serves()
    assert bob.serves()


async def test_nobody_waits_for_the_lease_of_the_dead(site: Site) -> None:
    ann = await owner_of(site)
    bob = Contender(site, "bob", dead=(ann.ownership.owner,))

    await bob.take()

    assert bob.serves()


async def test_a_host_does_not_wait_for_itself(site: Site) -> None:
    ann = await owner_of(site)
    ann.ownership.lose_all()

    await ann.take()

    assert ann.serves()
    assert site.store.row(P).epoch == 2


async def test_a_take_whose_answer_was_lost_still_waits_for_the_last_owner(site: Site) -> None:
    ann, bob = await owner_of(site), Contender(site, "bob")
    ann.silence()
    await bob.take_without_answer()

    await bob.take()

    assert site.store.row(P).owner == "bob"
    assert ann.serves()
    assert not bob.serves()


async def test_a_wait_is_not_cut_short_by_taking_again(site: Site) -> None:
    ann, bob = await owner_of(site), Contender(site, "bob")
    ann.silence()
    await bob.take()
    bob.ownership.lose_all()

    await bob.take()

    assert ann.serves()
    assert not bob.serves()


async def test_a_wait_that_is_over_is_not_begun_again(site: Site) -> None:
    ann, bob = await owner_of(site), Contender(site, "bob")
    ann.silence()
    await bob.take()
    site.seconds += LEASE_SECONDS
    bob.ownership.lose_all()

    await bob.take()

    assert bob.serves()


async def test_who_still_waits_has_nothing_to_release(site: Site) -> None:
    ann, bob, cid = await owner_of(site), Contender(site, "bob"), Contender(site, "cid")
    ann.silence()
    await bob.take()
    await bob.ownership.release()

    await cid.take()

    assert ann.serves()
    assert not cid.serves()


async def test_a_dead_host_that_still_waited_is_no_reason_not_to_wait(site: Site) -> None:
    ann, bob = await owner_of(site), Contender(site, "bob")
    ann.silence()
    await bob.take()
    cid = Contender(site, "cid", dead=("bob",))

    await cid.take()

    assert ann.serves()
    assert not cid.serves()


async def test_a_store_that_went_back_is_not_believed_about_owners_either(site: Site) -> None:
    await owner_of(site, "bob")
    image = site.store.image.copy()
    ann = Contender(site, "ann", dead=("bob",))
    await ann.take()
    site.store.image = image
    cid = Contender(site, "cid", dead=("bob",))
    cid.ownership.expect(ann.ownership.high_water())

    await cid.take()

    assert ann.serves()
    assert not cid.serves()


async def test_who_is_beaten_to_a_partition_does_not_own_it(site: Site) -> None:
    ann, bob = Contender(site, "ann"), Contender(site, "bob")

    def beat() -> None:
        bob.wire.between = lambda: None
        row = site.store.row(P)
        site.store.image.rows[P] = row.__class__(row.epoch + 1, "ann", 0, 0, 0)

    bob.wire.between = beat
    taken = await bob.take()

    assert taken == []
    assert not bob.serves()
    assert not ann.serves()


async def test_an_unreachable_store_takes_nothing_away_that_a_lease_allows(site: Site) -> None:
    ann = await owner_of(site)
    ann.wire.questions_lost = [True]

    with pytest.raises(StoreUnreachable):
        await ann.ownership.renew()

    assert ann.serves()


async def test_who_lost_everything_says_that_the_store_is_away(site: Site) -> None:
    ann = await owner_of(site)

    lost = ann.ownership.lose_all()

    assert [partition.index for partition in lost] == [P]
    assert not ann.serves()
    assert isinstance(ann.ownership.refusal(P), StoreUnreachable)
    assert isinstance(ann.ownership.refusal(OTHERS), NotOwner)


async def test_a_store_that_went_back_is_noticed_when_renewing(site: Site) -> None:
    ann = await owner_of(site)
    image = site.store.image.copy()
    ann.ownership.lose_all()
    await ann.take()
    site.store.image = image

    lost = await ann.ownership.renew()

    assert [partition.index for partition in lost] == [P]


async def test_a_store_that_lost_commits_burns_what_it_issued(site: Site) -> None:
    ann = await owner_of(site)
    image = site.store.image.copy()
    site.store.commit(Commit(P, 1, "ann", 1, site.wall_ms(), []))
    ann.ownership.partitions[P].acknowledged_seq = 1
    site.store.image = image
    ann.ownership.lose_all()
    site.seconds += 5

    taken = await ann.ownership.acquire()

    assert taken[0].went_back
    assert taken[0].burned_before_ms == START_MS + 5_000
    assert ann.ownership.rollbacks == 1


async def test_an_earlier_runs_marks_are_a_floor(site: Site) -> None:
    ann = Contender(site, "ann")
    ann.ownership.expect({P: (5, 9)})

    taken = await ann.ownership.acquire()

    assert taken[0].went_back
    assert ann.ownership.high_water() == {P: (6, 9)}


async def test_the_high_water_tells_what_was_acknowledged(site: Site) -> None:
    ann = await owner_of(site)

    assert ann.ownership.high_water() == {P: (1, 0)}


async def test_taking_brings_the_clock_to_the_partitions_time(site: Site) -> None:
    ann = await owner_of(site)
    late_ms = site.wall_ms() + 3_600_000
    site.store.commit(Commit(P, 1, "ann", 1, late_ms, []))
    bob = Contender(site, "bob", dead=("ann",))

    await bob.take()

    assert bob.clock.now_ms() == late_ms
    assert ann.clock.now_ms() == site.wall_ms()


async def test_a_late_commit_of_an_earlier_epoch_is_refused(site: Site) -> None:
    ann = await owner_of(site)
    late = Commit(P, 1, "ann", 1, site.wall_ms(), [])
    ann.ownership.lose_all()
    await ann.take()

    assert site.store.commit(late) is Ending.FENCED


# --- told what to have ----------------------------------------------------------------------------


class Coroner:
    """Tells who is gone, and notes whom it was asked about."""

    def __init__(self, *gone: str) -> None:
        self.gone = frozenset(gone)
        self.asked: list[frozenset[str]] = []

    async def __call__(self, owners: frozenset[str]) -> frozenset[str]:
        self.asked.append(owners)
        return owners & self.gone


async def test_who_is_wanted_for_nothing_takes_nothing(site: Site) -> None:
    ann = Contender(site, "ann", wanted=frozenset())

    assert not ann.ownership.wants_more()
    assert await ann.take() == []
    assert site.store.image.rows == {}


async def test_who_is_wanted_for_nothing_yet_does_not_say_that_the_store_is_away(
    site: Site,
) -> None:
    ann = Contender(site, "ann", wanted=frozenset())

    assert isinstance(ann.ownership.refusal(P), NotOwner)


async def test_only_what_is_wanted_is_taken(site: Site) -> None:
    ann = await owner_of(site)

    ann.ownership.want(frozenset({P, OTHERS}), ())
    taken = await ann.take()

    assert taken == [OTHERS]
    assert [partition.index for partition in ann.ownership.held()] == [P, OTHERS]


async def test_who_is_told_something_new_looks_at_once(site: Site) -> None:
    await owner_of(site)
    bob = Contender(site, "bob")
    looks = []
    for wanted, silent in (
        (frozenset({P}), ()),
        (frozenset({P}), ()),
        (frozenset({P, OTHERS}), ()),
        (frozenset({P}), ()),
        (frozenset({P}), frozenset({"cid"})),
        (frozenset({P}), frozenset({"cid"})),
    ):
        await bob.take()
        bob.ownership.want(wanted, silent)
        looks.append(bob.ownership.wants_more())

    assert looks == [False, False, True, True, True, False]


async def test_how_soon_somebody_looks_again_can_be_said(site: Site) -> None:
    await owner_of(site)
    bob = Contender(site, "bob", look_again_seconds=0.1)
    await bob.take()
    looks = [bob.ownership.wants_more()]

    site.seconds += 0.1
    looks.append(bob.ownership.wants_more())

    assert looks == [False, True]


async def test_a_silent_owners_partition_is_taken_at_once_and_answered_for_a_lease_later(
    site: Site,
) -> None:
    ann, bob = await owner_of(site), Contender(site, "bob")
    bob.ownership.want(frozenset({P}), frozenset({"ann"}))

    taken = await bob.take()
    served = []
    for _ in range(31):
        served.append((ann.serves(), bob.serves()))
        await bob.ownership.renew()
        site.seconds += LEASE_SECONDS / 30
    served.append((ann.serves(), bob.serves()))

    assert taken == [P]
    assert served[0] == (True, False)
    assert served[-1] == (False, True)
    assert (True, True) not in served


async def test_who_is_silent_is_taken_from_only_what_is_his(site: Site) -> None:
    await owner_of(site)
    bob = Contender(site, "bob")
    bob.ownership.want(frozenset({P}), frozenset({"cid"}))

    assert await bob.take() == []


async def test_nobody_waits_for_who_is_proven_gone(site: Site) -> None:
    await owner_of(site)
    coroner = Coroner("ann")
    bob = Contender(site, "bob", find_gone=coroner)

    taken = await bob.take()

    assert taken == [P]
    assert bob.serves()
    assert coroner.asked == [frozenset({"ann"})]


async def test_who_is_not_proven_gone_is_left_alone_or_waited_for(site: Site) -> None:
    ann, bob = await owner_of(site), Contender(site, "bob", find_gone=Coroner("cid"))
    alive = await bob.take()
    ann.silence()
    site.seconds += LEASE_SECONDS / 3

    assert alive == []
    assert await bob.take() == [P]
    assert not bob.serves()


async def test_proof_that_is_outdated_proves_nothing(site: Site) -> None:
    await owner_of(site)
    coroner = Coroner("ann")
    bob = Contender(site, "bob", find_gone=coroner)
    await bob.take()
    await bob.ownership.release()
    coroner.gone = frozenset()
    await owner_of(site, "ann")

    assert await bob.take() == []


async def test_who_is_proven_gone_and_had_not_waited_itself_is_waited_for(site: Site) -> None:
    ann, bob = await owner_of(site), Contender(site, "bob")
    bob.ownership.want(frozenset({P}), frozenset({"ann"}))
    await bob.take()
    cid = Contender(site, "cid", find_gone=Coroner("bob"))

    taken = await cid.take()

    assert taken == [P]
    assert ann.serves()
    assert not cid.serves()


async def test_nobody_is_asked_whether_we_or_nobody_are_gone(site: Site) -> None:
    coroner = Coroner()
    ann = Contender(site, "ann", find_gone=coroner)
    await ann.take()
    ann.ownership.lose_all()
    await ann.take()

    assert coroner.asked == []
    assert ann.serves()


async def test_what_is_given_up_is_served_by_the_next_at_once_and_the_rest_goes_on(
    site: Site,
) -> None:
    both = frozenset({P, OTHERS})
    ann, bob = Contender(site, "ann", wanted=both), Contender(site, "bob", wanted=both)
    await ann.take()
    await ann.ownership.renew()

    await ann.ownership.give_up([ann.ownership.partitions[P]])
    given = [ann.ownership.serves(P), ann.ownership.serves(OTHERS)]
    taken = await bob.take()

    assert given == [False, True]
    assert taken == [P]
    assert bob.ownership.serves(P)
    assert "ann" in site.store.image.marks


async def test_who_releases_everything_is_heard_of_no_more(site: Site) -> None:
    ann = await owner_of(site)

    await ann.ownership.release()

    assert "ann" not in site.store.image.marks


async def test_what_is_given_up_is_not_served_even_if_the_store_never_heard_of_it(
    site: Site,
) -> None:
    ann, bob = await owner_of(site), Contender(site, "bob")
    ann.wire.questions_lost = [True]

    with pytest.raises(StoreUnreachable):
        await ann.ownership.give_up([ann.ownership.partitions[P]])

    assert not ann.serves()
    assert await bob.take() == []


# --- claims nobody knows of -----------------------------------------------------------------------


async def disowned(contender: Contender) -> bool:
    """Look for claims, if it is time to, as a host does with every tick."""
    due = contender.ownership.has_doubts()
    if due:
        await contender.ownership.disown()
    return due


async def test_a_take_nobody_knows_of_is_released_once_it_is_not_wanted(site: Site) -> None:
    ann, bob = Contender(site, "ann"), Contender(site, "bob")
    await ann.take_without_answer()
    ann.ownership.want(frozenset(), ())
    taken = site.store.row(P).owner

    looked = await disowned(ann)
    await bob.take()

    assert (taken, looked) == ("ann", True)
    assert bob.serves()


async def test_what_could_not_be_released_is_released_later(site: Site) -> None:
    ann, bob = await owner_of(site), Contender(site, "bob")
    ann.ownership.want(frozenset(), ())
    ann.wire.questions_lost = [True]
    with pytest.raises(StoreUnreachable):
        await ann.ownership.give_up([ann.ownership.partitions[P]])
    ann.ownership.lose_all()

    await disowned(ann)
    await bob.take()

    assert bob.serves()


async def test_what_was_lost_and_is_not_wanted_any_more_is_released(site: Site) -> None:
    both = frozenset({P, OTHERS})
    ann, bob = Contender(site, "ann", wanted=both), Contender(site, "bob")
    await ann.take()
    ann.ownership.lose_all()
    ann.ownership.want(frozenset({OTHERS}), ())
    await ann.take()
    await ann.ownership.renew()
    before = await bob.take()

    await disowned(ann)
    bob.ownership.want(frozenset({P}), frozenset({"cid"}))
    after = await bob.take()

    assert (before, after) == ([], [P])
    assert ann.ownership.serves(OTHERS)
    assert "ann" in site.store.image.marks


async def test_what_is_wanted_is_taken_again_and_not_disowned(site: Site) -> None:
    ann = await owner_of(site)
    ann.ownership.lose_all()

    due = ann.ownership.has_doubts()
    await ann.take()
    site.seconds += LEASE_SECONDS

    assert not due
    assert not ann.ownership.has_doubts()
    assert site.store.row(P).owner == "ann"


async def test_what_is_held_is_never_disowned(site: Site) -> None:
    ann = await owner_of(site)
    ann.ownership.lose_all()
    ann.ownership.want(frozenset(), ())
    site.seconds += 1
    ann.ownership.want(frozenset({P}), ())

    def keep() -> None:
        """Hold it again while it is looked for."""
        ann.ownership.partitions[P].owned = True

    ann.ownership.want(frozenset(), ())
    ann.wire.between = keep
    await disowned(ann)

    assert site.store.row(P).owner == "ann"


async def test_what_somebody_else_has_by_now_is_left_alone(site: Site) -> None:
    ann, bob = await owner_of(site), Contender(site, "bob")
    ann.ownership.lose_all()
    ann.ownership.want(frozenset(), ())
    ann.silence()
    await bob.take()
    row = site.store.row(P)

    await disowned(ann)

    assert site.store.row(P) == row


async def test_a_claim_that_is_released_unheard_is_waited_for_as_before(site: Site) -> None:
    # Ann had not waited for who was before her; whoever comes next has to.
    zoe, ann, bob = await owner_of(site, "zoe"), Contender(site, "ann"), Contender(site, "bob")
    zoe.silence()
    await ann.take_without_answer()
    ann.ownership.want(frozenset(), ())

    await disowned(ann)
    taken = await bob.take()

    assert taken == [P]
    assert zoe.serves()
    assert not bob.serves()


async def test_a_take_that_arrives_late_is_found_by_a_later_look(site: Site) -> None:
    ann, bob = Contender(site, "ann"), Contender(site, "bob")
    ann.wire.questions_lost = [False, True]
    with pytest.raises(StoreUnreachable):
        await ann.take()
    ann.ownership.lose_all()
    ann.ownership.want(frozenset(), ())
    await disowned(ann)
    site.store.take("ann", Bid(P, 0, "", 0, 0), site.wall_ms())
    site.store.image.marks["ann"] = site.wall_ms() + 60_000
    early = await bob.take()

    site.seconds += LEASE_SECONDS / 3
    await disowned(ann)
    late = await bob.take()

    assert (early, late) == ([], [P])


async def test_it_is_looked_for_as_often_as_an_owner_renews_and_not_for_ever(site: Site) -> None:
    ann = await owner_of(site)
    ann.ownership.lose_all()
    ann.ownership.want(frozenset(), ())
    looks = 0
    for _ in range(1_000):
        looks += await disowned(ann)
        site.seconds += LEASE_SECONDS / 30

    assert looks == LOOKS


async def test_while_the_store_is_away_nothing_is_looked_for_in_vain(site: Site) -> None:
    ann, bob = await owner_of(site), Contender(site, "bob")
    ann.ownership.lose_all()
    ann.ownership.want(frozenset(), ())
    for _ in range(2 * LOOKS):
        ann.wire.questions_lost = [True]
        with pytest.raises(StoreUnreachable):
            await ann.ownership.disown()

    await disowned(ann)
    await bob.take()

    assert bob.serves()


async def test_what_was_released_in_order_leaves_no_doubt(site: Site) -> None:
    ann = await owner_of(site)
    ann.ownership.want(frozenset(), ())

    await ann.ownership.give_up([ann.ownership.partitions[P]])
    site.seconds += LEASE_SECONDS

    assert not ann.ownership.has_doubts()


async def test_who_left_does_not_say_that_the_store_is_away(site: Site) -> None:
    ann = await owner_of(site)

    await ann.ownership.release()

    assert isinstance(ann.ownership.refusal(P), NotOwner)
