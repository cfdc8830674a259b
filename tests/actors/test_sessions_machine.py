"""Sessions against a model of a few lines: at most so many, the oldest ended, never extended."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from doorward.actors.messages.sign_in import Me, ReadMe, SignedIn, SignOut
from tests.actors.harness import CALLER, Runner, World, cookie

DAY_SECONDS = 86_400
TTL_MS = 30 * DAY_SECONDS * 1_000
POLICY = (
    '{{"codes":{{"perEmailPerMinute":100,"perEmailPerHour":1000,"perEmailPerDay":1000}},'
    '"verifications":{{"perAddressPerMinute":100000}},"sessions":{{"perCustomer":{bound}}}}}'
)


class Sessions(RuleBasedStateMachine):
    """One customer's sessions."""

    def __init__(self) -> None:
        super().__init__()
        self.run = Runner()
        self.bound = 0
        self.live: list[tuple[str, int]] = []
        self.given: list[str] = []

    @initialize(bound=st.sampled_from([1, 3, 50]))
    def open(self, bound: int) -> None:
        self.bound = bound
        self.world = self.run(self._open(POLICY.format(bound=bound).encode()))

    @staticmethod
    async def _open(policy: bytes) -> World:
        return await (await World().open()).furnish("alpha", policy=policy)

    @rule(times=st.sampled_from([1, 1, 1, 2, 26]))
    def sign_in(self, times: int) -> None:
        for _ in range(times):
            self.signed_in(self.run(self.world.sign_in()))
        # More than a hundred codes in a minute no policy allows.
        self.run(self.world.advance(61 if times > 1 else 0))
        self.forget_the_expired()

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def sign_in_with_an_old_cookie(self, data: st.DataObject) -> None:
        old = data.draw(st.sampled_from(self.given))
        signed_in = self.run(self.world.sign_in(session=old))

        self.live = [entry for entry in self.live if entry[0] != old]
        self.signed_in(signed_in)

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def sign_out(self, data: st.DataObject) -> None:
        secret = data.draw(st.sampled_from(self.given))
        message = SignOut(caller=CALLER, session=cookie(secret))
        self.run(self.world.ask("alpha", message))

        self.live = [entry for entry in self.live if entry[0] != secret]

    @rule(days=st.sampled_from([0.001, 1, 10, 29.999, 30]))
    def wait(self, days: float) -> None:
        self.run(self.world.advance(days * DAY_SECONDS))
        self.forget_the_expired()

    @rule()
    def go_on_with_another_host(self) -> None:
        self.world = self.run(self.world.successor())

    @invariant()
    def exactly_the_live_ones_are_signed_in(self) -> None:
        if self.given:
            told = self.run(self._told(self.given))
            alive = dict(self.live)
            assert [me != Me(customer=None) for me in told] == [s in alive for s in self.given]

    def signed_in(self, signed_in: SignedIn) -> None:
        self.forget_the_expired()
        self.given.append(signed_in.secret)
        self.live.append((signed_in.secret, self.world.now_ms + TTL_MS))
        self.live = self.live[-self.bound :]
        assert signed_in.expires_at_ms == self.world.now_ms + TTL_MS

    def forget_the_expired(self) -> None:
        self.live = [entry for entry in self.live if self.world.now_ms < entry[1]]

    async def _told(self, secrets: list[str]) -> list[object]:
        asked = [ReadMe(caller=CALLER, session=cookie(secret)) for secret in secrets]
        return [*await self.world.ask_all("alpha", asked)]

    def teardown(self) -> None:
        self.run.close()


Sessions.TestCase.settings = settings(max_examples=25, stateful_step_count=15)
test_sessions_behave_as_the_model_says = Sessions.TestCase
