from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from doorward.actors import tokens
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.operator import AddKey, KeyMade, PutStorefront, StorefrontDocument
from doorward.actors.messages.store import (
    BeginLogin,
    BeginSignUp,
    FinishLogin,
    FinishSignUp,
    Locked,
    LoginBegun,
    LoginRefused,
    LoginReleased,
    LoginWaits,
    Person,
    SignUpBegun,
    StoreCall,
    StoreSignedIn,
)
from tests.actors.desk_world import DeskWorld
from tests.actors.harness import CALLER, EMAIL

HASH = "hash:right"
SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
QUARTER_MS = 15 * MINUTE_MS
LIMIT = 5
IN_A_ROW = 12
POLICY = (
    b'{"passwords.loginsPerAddressPerMinute": 10000000, "passwords.wrongInARow": 12,'
    b' "sessions.perCustomer": 1}'
)
STEPS_MS = [1, SECOND_MS, 29_999, 30_000, 5 * MINUTE_MS, QUARTER_MS - 1, QUARTER_MS]


class Lane:
    """What a model remembers of one lane: moments, and tries under way by their deadlines."""

    def __init__(self) -> None:
        self.wrong_at: list[int] = []
        self.locked_until_ms = 0
        self.under_way: dict[str, int] = {}

    def count_wrong(self, at_ms: int) -> None:
        self.wrong_at = [at for at in self.wrong_at if at > at_ms - QUARTER_MS] + [at_ms]
        if len(self.wrong_at) == LIMIT:
            self.wrong_at, self.locked_until_ms = [], at_ms + QUARTER_MS


class Logins(RuleBasedStateMachine):
    """Tries at one password in every order, from anywhere and from the customer's own device."""

    def __init__(self) -> None:
        super().__init__()
        self.world = DeskWorld()
        document = StorefrontDocument(
            display_name="Alpha", published=True, headless=True, policy=POLICY
        )
        self.world.ask("alpha", PutStorefront(document=document))
        made = self.world.ask("alpha", AddKey(key_kind="publishable", name="web"))
        assert isinstance(made, KeyMade)
        self.key = tokens.digest(made.secret)
        person = Person("Ann", EMAIL)
        begun = self.ask(BeginSignUp, person=person, password_length=8)
        assert isinstance(begun, SignUpBegun)
        signed_in = self.ask(FinishSignUp, person=person, password_hash=HASH)
        assert isinstance(signed_in, StoreSignedIn)
        assert signed_in.device_secret is not None
        self.device = tokens.digest(signed_in.device_secret)
        self.lanes = {False: Lane(), True: Lane()}
        self.settled: list[str] = []
        self.row = 0
        self.disabled = False

    def ask(self, kind: type[StoreCall], **fields: object) -> Outcome:
        values = {"key_digest": self.key, "caller": CALLER} | fields
        return self.world.ask("alpha", kind(**values))

    def seen(self, *, own: bool) -> Lane:
        """Tell a lane as whoever touches it now finds it: what is overdue was wrong."""
        lane = self.lanes[own]
        for name, until_ms in sorted(lane.under_way.items(), key=lambda each: each[1]):
            if until_ms <= self.world.now_ms:
                del lane.under_way[name]
                self.settled.append(name)
                self.fail(lane, until_ms)
        return lane

    def fail(self, lane: Lane, at_ms: int) -> None:
        lane.count_wrong(at_ms)
        self.row += 1
        self.disabled = self.disabled or self.row >= IN_A_ROW

    @rule(step_ms=st.sampled_from(STEPS_MS))
    def wait(self, step_ms: int) -> None:
        self.world.now_ms += step_ms

    @rule(own=st.booleans(), times=st.integers(1, LIMIT + 1))
    def begin(self, *, own: bool, times: int) -> None:
        for _ in range(times):
            self.begin_once(own=own)

    def begin_once(self, *, own: bool) -> None:
        lane, now_ms = self.seen(own=own), self.world.now_ms
        counting = [at for at in lane.wrong_at if at > now_ms - QUARTER_MS]

        begun = self.ask(BeginLogin, email=EMAIL, device=self.device if own else None)

        if now_ms < lane.locked_until_ms:
            assert begun == Locked(wait_ms=lane.locked_until_ms - now_ms)
        elif len(counting) + len(lane.under_way) >= LIMIT:
            assert begun == LoginWaits()
        else:
            assert isinstance(begun, LoginBegun)
            assert begun.password_hash == (None if self.disabled else HASH)
            lane.under_way[begun.reservation] = now_ms + 30 * SECOND_MS

    @precondition(lambda self: any(lane.under_way for lane in self.lanes.values()))
    @rule(
        own=st.booleans(),
        which=st.integers(0, LIMIT - 1),
        verdict=st.sampled_from(["right", "wrong", "wrong", "wrong", "unevaluated"]),
    )
    def settle(self, *, own: bool, which: int, verdict: str) -> None:
        own = own if self.lanes[own].under_way else not own
        names = list(self.lanes[own].under_way)
        name = names[which % len(names)]
        lane = self.seen(own=own)
        in_time = lane.under_way.pop(name, None) is not None

        outcome = self.finish(name, verdict)

        self.settled.append(name)
        if not in_time:
            assert outcome == LoginRefused()
        elif verdict == "unevaluated":
            assert outcome == LoginReleased()
        elif verdict == "wrong" or self.disabled:
            assert outcome == LoginRefused()
            self.fail(lane, self.world.now_ms)
        else:
            assert isinstance(outcome, StoreSignedIn)
            lane.wrong_at, self.lanes[False].wrong_at, self.row = [], [], 0

    @precondition(lambda self: self.settled)
    @rule(verdict=st.sampled_from(["right", "wrong", "unevaluated"]), data=st.data())
    def settle_again(self, verdict: str, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.settled))
        self.seen(own=name.startswith("d"))

        assert self.finish(name, verdict) == LoginRefused()

    def finish(self, name: str, verdict: str) -> Outcome:
        return self.ask(
            FinishLogin,
            email=EMAIL,
            reservation=name,
            verdict=verdict,
            compared_with=HASH,
            device=self.device,
        )

    @invariant()
    def no_lane_has_room_for_more_than_five_wrong_ones(self) -> None:
        for lane in self.lanes.values():
            assert len(lane.wrong_at) < LIMIT or len(lane.under_way) == 0


TestLogins = Logins.TestCase
TestLogins.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
