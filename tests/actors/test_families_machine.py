"""Chains of refresh tokens against a model that keeps every token and computes next to nothing."""

from copy import deepcopy
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from doorward.actors.messages.merchant_customers import RevokeSessions
from doorward.actors.messages.refusals import Deleted
from doorward.actors.messages.store import Exchanged, Introspect, Introspected, TokenPair
from doorward.actors.partitions import partition_of
from tests.actors.harness import Runner, World
from tests.actors.refreshing import Shop, open_shop

EMAILS = ["ann@example.org", "bea@example.org"]
SLUGS = ["alpha", "bravo"]
TTL, FAMILY, GRACE = 3_600, 9_000, 10
WAITS = [0.001, 0.4, 1, 9, 9.999, 10, 60, 1_800, 3_599, 3_600]


@dataclass
class Chain:
    """The tokens of a family, oldest first, and how many of them the store knows of."""

    email: str
    end_ms: int
    pairs: list[TokenPair] = field(default_factory=list)
    issued_ms: list[int] = field(default_factory=list)
    alive: bool = True
    burned: bool = False
    known: int = 0

    def add(self, pair: TokenPair, now_ms: int) -> None:
        self.pairs.append(pair)
        self.issued_ms.append(now_ms)
        self.known = len(self.pairs)

    def expiry_ms(self, at: int) -> int:
        return min(self.issued_ms[at] // 1000 * 1000 + TTL * 1000, self.end_ms)

    def answer(self, at: int, now_ms: int, grace: int) -> str:
        """Tell what comes of a token: ``next``, ``same``, or the reason why nothing does."""
        newest = self.known - 1
        if now_ms >= self.expiry_ms(at):
            return "expired"
        if at >= newest:
            return "next" if self.alive and at == newest else "revoked"
        if self.alive and at == newest - 1 and now_ms < self.issued_ms[newest] + grace * 1000:
            return "same"
        is_late = self.known == 0 or self.second(at) >= self.second(newest)
        return "revoked" if self.burned and is_late else "replayed"

    def second(self, at: int) -> int:
        return self.issued_ms[at] // 1000


async def settled(world: World) -> World:
    """Wait until a host has taken over: after a store went back it waits for an old lease."""
    while not all(world.ownership.serves(partition_of(slug)) for slug in SLUGS):
        await world.advance(1)
    return world


class Families(RuleBasedStateMachine):
    """Two customers of one storefront, a second storefront, and a store that may go back."""

    def __init__(self) -> None:
        super().__init__()
        self.run = Runner()
        self.chains: list[Chain] = []
        self.customers: dict[str, str] = {}

    @initialize(grace=st.sampled_from([0, GRACE]))
    def open(self, grace: int) -> None:
        self.grace = grace
        self.shop, self.other = self.run(self._open(grace))
        self.mark()

    @staticmethod
    async def _open(grace: int) -> tuple[Shop, Shop]:
        policy = b'{"refresh":{"ttl":%d,"family":%d,"graceSeconds":%d}}' % (TTL, FAMILY, grace)
        shop = await open_shop(policy=policy)
        return shop, await open_shop("bravo", shop.world)

    @property
    def now_ms(self) -> int:
        return self.shop.world.now_ms

    # --- what shoppers do -------------------------------------------------------------------------

    @rule(email=st.sampled_from(EMAILS))
    def sign_in(self, email: str) -> None:
        begun = self.run(self.shop.sign_in(email))
        chain = Chain(email, (self.now_ms // 1000 + FAMILY) * 1000)
        chain.add(begun.tokens, self.now_ms)
        self.chains.append(chain)
        self.customers[email] = begun.customer.id

    @precondition(lambda self: self.chains)
    @rule(data=st.data())
    def exchange_the_newest(self, data: st.DataObject) -> None:
        chain = data.draw(st.sampled_from(self.chains))
        self.exchanged(chain, len(chain.pairs) - 1)

    @precondition(lambda self: self.chains)
    @rule(data=st.data())
    def exchange_any(self, data: st.DataObject) -> None:
        chain = data.draw(st.sampled_from(self.chains))
        self.exchanged(chain, data.draw(st.integers(0, len(chain.pairs) - 1)))

    @precondition(lambda self: self.chains)
    @rule(data=st.data(), copies=st.integers(2, 6))
    def exchange_in_parallel(self, data: st.DataObject, copies: int) -> None:
        chain = data.draw(st.sampled_from(self.chains))
        newest = len(chain.pairs) - 1
        expected = chain.answer(newest, self.now_ms, self.grace)
        messages = [self.shop.exchange(chain.pairs[newest].refresh)] * copies
        done = self.run(self.shop.world.ask_all("alpha", messages))
        won = [each.tokens for each in done if isinstance(each, Exchanged)]

        if expected == "next":
            chain.add(won[0], self.now_ms)
            chain.alive = self.grace > 0
        assert len(won) == (0 if expected != "next" else copies if self.grace else 1)
        assert len(set(won)) <= 1

    @precondition(lambda self: self.chains)
    @rule(data=st.data())
    def log_out(self, data: st.DataObject) -> None:
        chain = data.draw(st.sampled_from(self.chains))
        pair = data.draw(st.sampled_from(chain.pairs))

        assert self.run(self.shop.log_out(pair.refresh)) == Deleted()
        chain.alive = False

    @precondition(lambda self: self.chains)
    @rule(data=st.data())
    def show_it_elsewhere(self, data: st.DataObject) -> None:
        pair = data.draw(st.sampled_from(data.draw(st.sampled_from(self.chains)).pairs))

        assert self.run(self.other.refresh(pair.refresh)) == "invalid"
        assert self.run(self.other.log_out(pair.refresh)) == Deleted()

    @rule(email=st.sampled_from(EMAILS))
    def revoke_all(self, email: str) -> None:
        customer_id = self.customers.get(email, "nobody")
        message = RevokeSessions(key_digest=None, customer_id=customer_id)
        self.run(self.shop.world.ask("alpha", message))
        for chain in self.chains:
            chain.alive &= chain.email != email

    # --- what befalls them ------------------------------------------------------------------------

    @rule(seconds=st.sampled_from(WAITS))
    def wait(self, seconds: float) -> None:
        self.run(self.shop.world.advance(seconds))

    @rule()
    def go_on_with_another_host(self) -> None:
        self.move(self.run(self._succeeded()))

    async def _succeeded(self) -> World:
        return await settled(await self.shop.world.successor())

    @rule()
    def mark(self) -> None:
        self.image = self.shop.world.site.store.image.copy()
        self.marked = len(self.chains), deepcopy(self.chains)

    @rule()
    def go_back_to_the_mark(self) -> None:
        # Something is lost for certain, and a while before the loss is found.
        self.sign_in(EMAILS[0])
        self.wait(0.001)
        self.move(self.run(self._rolled_back()))
        count, before = self.marked
        for at, chain in enumerate(self.chains):
            chain.known = before[at].known if at < count else 0
            chain.alive, chain.burned = False, True
        self.customers = {}
        self.mark()

    async def _rolled_back(self) -> World:
        before = self.shop.world
        before.site.store.image = self.image
        number = int(before.ownership.owner.partition("-")[2]) + 1
        after = World(
            before.site, owner=f"host-{number}", dead=(before.ownership.owner,), seed=number
        )
        after.ownership.expect(before.ownership.high_water())
        return await settled(await after.open())

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def what_can_be_exchanged_is_told_apart_and_asking_changes_nothing(self) -> None:
        shown = [(chain, at) for chain in self.chains for at in range(len(chain.pairs))]
        expected = [
            chain.answer(at, self.now_ms, self.grace) in ("next", "same") for chain, at in shown
        ]
        messages = [
            Introspect(key_digest=None, claims=self.shop.claims(chain.pairs[at].refresh))
            for chain, at in shown
        ]
        told = self.run(self.shop.world.ask_all("alpha", messages))

        assert [isinstance(each, Introspected) and each.active for each in told] == expected

    def exchanged(self, chain: Chain, at: int) -> None:
        expected = chain.answer(at, self.now_ms, self.grace)
        told = self.run(self.shop.refresh(chain.pairs[at].refresh))

        if expected == "next":
            assert isinstance(told, TokenPair)
            assert told not in chain.pairs
            chain.add(told, self.now_ms)
            assert told.refresh_expires_at_ms == chain.expiry_ms(len(chain.pairs) - 1)
        elif expected == "same":
            assert told == chain.pairs[at + 1]
        else:
            assert told == expected
            chain.alive &= expected != "replayed"

    def move(self, world: World) -> None:
        self.shop, self.other = self.shop.at(world), self.other.at(world)

    def teardown(self) -> None:
        self.run.close()


Families.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_families_behave_as_the_model_says = Families.TestCase
