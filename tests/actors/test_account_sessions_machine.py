"""Sessions with two secrets against a model: a secret opens what is live, and nothing else ever."""

from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from doorward.actors.messages.account import (
    Account,
    AccountSignedIn,
    Credentials,
    EndSessions,
    Logout,
    ReadAccount,
)
from doorward.actors.messages.sign_in import Me, ReadMe
from tests.actors.harness import CALLER, Runner, World, cookie
from tests.actors.visiting import ROOMY, enter, holding, listed_sessions

DAY_SECONDS = 86_400
TTL_MS = 30 * DAY_SECONDS * 1_000
EMAILS = ["ann@example.org", "bea@example.org"]
SLUGS = ["alpha", "bravo"]
WAYS = ["cookie", "bearer", "both"]


class Given:
    """A session that was given out: whose it is, and until when it lives."""

    def __init__(self, owner: tuple[str, str], signed_in: AccountSignedIn, until_ms: int) -> None:
        self.owner = owner
        self.signed_in = signed_in
        self.until_ms = until_ms

    def by(self, way: str) -> Credentials:
        return holding(
            cookie_secret=self.signed_in.cookie_secret if way != "bearer" else None,
            bearer=self.signed_in.bearer_secret if way != "cookie" else None,
        )


class TwoSecrets(RuleBasedStateMachine):
    """Two customers at two storefronts."""

    def __init__(self) -> None:
        super().__init__()
        self.run = Runner()
        self.given: list[Given] = []
        self.live: list[Given] = []
        self.bound = 50

    @initialize(bound=st.sampled_from([1, 2, 50]))
    def open(self, bound: int) -> None:
        self.bound = bound
        policy = ROOMY[:-1] + b',"sessions":{"perCustomer":%d}}' % bound
        self.world = self.run(self._open(policy))

    @staticmethod
    async def _open(policy: bytes) -> World:
        return await (await World().open()).furnish(*SLUGS, policy=policy)

    @rule(slug=st.sampled_from(SLUGS), email=st.sampled_from(EMAILS))
    def sign_in(self, slug: str, email: str) -> None:
        self.entered((slug, email), self.run(enter(self.world, slug, email)))

    @precondition(lambda self: self.given)
    @rule(data=st.data(), email=st.sampled_from(EMAILS), way=st.sampled_from(WAYS))
    def sign_in_with_old_secrets(self, data: st.DataObject, email: str, way: str) -> None:
        old = data.draw(st.sampled_from(self.given))
        signed_in = self.run(enter(self.world, "alpha", email, presented=old.by(way)))

        if old.owner[0] == "alpha":
            self.live = [each for each in self.live if each is not old]
        self.entered(("alpha", email), signed_in)

    @precondition(lambda self: self.given)
    @rule(data=st.data(), slug=st.sampled_from(SLUGS), way=st.sampled_from(WAYS))
    def log_out(self, data: st.DataObject, slug: str, way: str) -> None:
        one = data.draw(st.sampled_from(self.given))
        self.run(self.world.ask(slug, Logout(caller=CALLER, presented=one.by(way))))

        if one.owner[0] == slug:
            self.live = [each for each in self.live if each is not one]

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def end_all_others(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.live))
        message = EndSessions(caller=CALLER, presented=one.by("both"))
        self.run(self.world.ask(one.owner[0], message))

        self.live = [each for each in self.live if each is one or each.owner != one.owner]

    @precondition(lambda self: any(each.owner[0] == "alpha" for each in self.live))
    @rule(data=st.data())
    def end_one_by_its_id(self, data: st.DataObject) -> None:
        here = [each for each in self.live if each.owner[0] == "alpha"]
        asks = data.draw(st.sampled_from(here))
        mine = [each for each in here if each.owner == asks.owner]
        items = self.run(listed_sessions(self.world, asks.signed_in)).items
        assert len(items) == len(mine)
        place = data.draw(st.integers(0, len(items) - 1))
        message = EndSessions(
            caller=CALLER, presented=asks.by("bearer"), session_id=items[place].id
        )
        self.run(self.world.ask("alpha", message))

        ended = mine[::-1][place]
        assert items[place].current == (ended is asks)
        self.live = [each for each in self.live if each is not ended]

    @rule(days=st.sampled_from([0.05, 1, 29.99, 30]))
    def wait(self, days: float) -> None:
        self.run(self.world.advance(days * DAY_SECONDS))
        self.live = [each for each in self.live if self.world.now_ms < each.until_ms]

    @rule()
    def go_on_with_another_host(self) -> None:
        self.world = self.run(self.world.successor())

    @invariant()
    def a_secret_opens_what_is_live_at_its_own_storefront_and_nothing_else(self) -> None:
        for slug in SLUGS:
            for way in WAYS:
                opened = self.run(self._opened(slug, way))
                assert opened == [
                    each in self.live and each.owner[0] == slug for each in self.given
                ]

    @invariant()
    def no_secret_opens_anything_in_the_others_place_or_on_the_other_surface(self) -> None:
        if self.given:
            assert not any(self.run(self._misused()))

    def entered(self, owner: tuple[str, str], signed_in: AccountSignedIn) -> None:
        fresh = Given(owner, signed_in, self.world.now_ms + TTL_MS)
        self.given.append(fresh)
        mine = [each for each in self.live if each.owner == owner]
        surplus = mine[: max(0, len(mine) + 1 - self.bound)]
        self.live = [*(each for each in self.live if each not in surplus), fresh]

    async def _opened(self, slug: str, way: str) -> list[bool]:
        asked = [ReadAccount(caller=CALLER, presented=each.by(way)) for each in self.given]
        return [isinstance(told, Account) for told in await self.world.ask_all(slug, asked)]

    async def _misused(self) -> list[bool]:
        secrets = [each.signed_in for each in self.given]
        asked = [
            *(holding(cookie_secret=each.bearer_secret) for each in secrets),
            *(holding(bearer=each.cookie_secret) for each in secrets),
            *(
                holding(cookie_secret=one.cookie_secret, bearer=other.bearer_secret)
                for one, other in pairwise(secrets)
            ),
        ]
        told = await self.world.ask_all(
            "alpha", [ReadAccount(caller=CALLER, presented=each) for each in asked]
        )
        portal = await self.world.ask_all(
            "alpha",
            [ReadMe(caller=CALLER, session=cookie(each.cookie_secret)) for each in secrets],
        )
        return [
            *(isinstance(each, Account) for each in told),
            *(each != Me(customer=None) for each in portal),
        ]

    def teardown(self) -> None:
        self.run.close()


TwoSecrets.TestCase.settings = settings(max_examples=20, stateful_step_count=12, deadline=None)
test_two_secrets_behave_as_the_model_says = TwoSecrets.TestCase
