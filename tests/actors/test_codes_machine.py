from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from doorward.actors.messages.account import (
    AccountSignedIn,
    Requested,
    RequestSignIn,
    VerifySignIn,
)
from doorward.actors.messages.envelope import Caller
from doorward.actors.messages.refusals import TooMany
from doorward.actors.messages.sign_in import (
    CodeSent,
    RequestCode,
    SignedIn,
    SignInRefused,
    VerifyCode,
    VerifyLink,
)
from doorward.actors.tokens import digest
from tests.actors.desk_world import DeskWorld

EMAIL = "ann@example.org"
CALLER = Caller(address="192.0.2.1")
SIGNED_IN = (SignedIn, AccountSignedIn)
SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
SHORT_WAITS_MS = [1, SECOND_MS, 20 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS]
LONG_WAITS_MS = [10 * MINUTE_MS, HOUR_MS, DAY_MS]
POLICY = (
    b'{"verifications.perAddressPerMinute": 10000000, "codes.perAddressPerMinute": 10000000,'
    b' "signIn.open": true}'
)


class Codes(RuleBasedStateMachine):
    """One mailbox's codes, against a model that remembers everything and computes nothing.

    Both surfaces ask and answer in turns; there is one challenge and one of each budget.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world = DeskWorld()
        self.world.open("alpha", POLICY)
        self.sent: list[int] = []
        self.wrong_at: list[int] = []
        self.issued_ms = 0
        self.answer: str | None = None
        self.link: str | None = None
        self.is_link = False
        self.on_account = False
        self.wrong_here = 0
        self.links_until_ms = 0
        self.spent: set[str] = set()

    def within(self, moments: list[int], span_ms: int) -> int:
        return sum(at > self.world.now_ms - span_ms for at in moments)

    def is_live(self) -> bool:
        return (
            self.answer is not None
            and self.world.now_ms < self.issued_ms + 10 * MINUTE_MS
            and (self.is_link or self.wrong_here < 5)
        )

    @rule(step_ms=st.sampled_from([*SHORT_WAITS_MS * 3, *LONG_WAITS_MS]))
    def wait(self, step_ms: int) -> None:
        self.world.now_ms += step_ms

    @rule(on_account=st.booleans())
    def change_the_surface(self, *, on_account: bool) -> None:
        self.on_account = on_account

    @rule(with_link=st.booleans())
    def request(self, *, with_link: bool = False) -> None:
        fits = (
            self.within(self.sent, MINUTE_MS) < 3
            and self.within(self.sent, HOUR_MS) < 10
            and self.within(self.sent, DAY_MS) < 20
        )
        as_link = self.world.now_ms < self.links_until_ms
        is_resend = (
            self.is_live()
            and self.is_link == as_link
            and self.issued_ms + 5 * MINUTE_MS >= self.world.now_ms
        )
        mails = len(self.world.mails)

        if self.on_account:
            message = RequestSignIn(email=EMAIL, caller=CALLER, with_link=with_link)
            assert isinstance(self.world.ask("alpha", message), Requested)
        else:
            outcome = self.world.ask("alpha", RequestCode(email=EMAIL, caller=CALLER))
            assert isinstance(outcome, CodeSent if fits else TooMany)
        assert len(self.world.mails) == mails + fits
        if not fits:
            return
        self.sent.append(self.world.now_ms)
        mail = self.world.mails[-1]
        both = self.on_account and with_link and not as_link
        assert (mail.code is None) == as_link
        assert (mail.link is not None) == (as_link or both)
        answer = mail.code or mail.link
        if is_resend:
            assert answer == self.answer
        else:
            assert answer is not None
            self.answer, self.is_link = answer, as_link
            self.issued_ms, self.wrong_here = self.world.now_ms, 0
            self.link = None
        if both:
            assert self.link in {None, mail.link}
            self.link = mail.link

    @rule(times=st.integers(1, 6))
    def guess_wrong(self, times: int) -> None:
        for _ in range(times):
            self.guess_wrong_once()

    @rule(each=st.integers(3, 5))
    def fail_on_several_codes(self, each: int) -> None:
        for _ in range(4):
            self.request()
            self.guess_wrong(each)
            self.world.now_ms += 6 * MINUTE_MS

    def guess_wrong_once(self) -> None:
        right = self.answer if self.answer and not self.is_link else "000000"
        is_evaluated = self.is_live() and not self.is_link

        outcome = self.verify(f"{(int(right) + 1) % 1_000_000:06d}")

        assert isinstance(outcome, SignInRefused)
        if is_evaluated:
            self.wrong_here += 1
            self.wrong_at.append(self.world.now_ms)
            if (
                self.within(self.wrong_at, HOUR_MS) >= 10
                or self.within(self.wrong_at, DAY_MS) >= 30
            ):
                self.answer = None
                self.links_until_ms = self.world.now_ms + DAY_MS

    @precondition(lambda self: self.answer is not None)
    @rule()
    def answer_right(self) -> None:
        assert self.answer is not None
        is_live = self.is_live()

        outcome = self.present(self.answer)

        assert isinstance(outcome, SIGNED_IN if is_live else SignInRefused)
        if is_live:
            if self.link is not None:
                assert isinstance(self.present(self.link), SignInRefused)
            self.spent.add(self.answer)
            self.answer = self.link = None

    @precondition(lambda self: self.answer is not None and self.link is not None)
    @rule()
    def follow_the_link_beside_the_code(self) -> None:
        code, link = self.answer, self.link
        assert code is not None
        assert link is not None
        is_live = self.is_live()

        outcome = self.present(link)

        assert isinstance(outcome, SIGNED_IN if is_live else SignInRefused)
        if is_live:
            assert isinstance(self.present(code), SignInRefused)
            self.spent.add(link)
            self.answer = self.link = None

    @precondition(lambda self: self.spent and self.answer not in self.spent)
    @rule()
    def answer_again(self) -> None:
        link = next((answer for answer in self.spent if answer.startswith("http")), None)
        if link is not None:
            assert isinstance(self.present(link), SignInRefused)

    @invariant()
    def the_budget_of_guesses_is_never_overspent(self) -> None:
        assert self.within(self.wrong_at, HOUR_MS) <= 10
        assert self.within(self.wrong_at, DAY_MS) <= 30

    def present(self, answer: str) -> object:
        if answer.startswith("http"):
            found = digest(answer.partition("token=")[2])
            if self.on_account:
                return self.world.ask("alpha", VerifySignIn(token_digest=found, caller=CALLER))
            return self.world.ask("alpha", VerifyLink(token_digest=found, caller=CALLER))
        return self.verify(answer)

    def verify(self, code: str) -> object:
        if self.on_account:
            return self.world.ask("alpha", VerifySignIn(email=EMAIL, code=code, caller=CALLER))
        return self.world.ask("alpha", VerifyCode(email=EMAIL, code=code, caller=CALLER))


TestCodes = Codes.TestCase
TestCodes.settings = settings(max_examples=120, stateful_step_count=60, deadline=None)
