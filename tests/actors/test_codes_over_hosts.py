"""Codes, links and guesses against a model of a few lines, on one host after another."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from doorward.actors.messages.envelope import Caller
from doorward.actors.messages.refusals import TooMany
from doorward.actors.messages.sign_in import CodeSent, SignedIn, SignInRefused, VerifyCode
from tests.actors.harness import EMAIL, Runner, World, wrong

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@dataclass
class Model:
    """All times in ms; a challenge is what was mailed, None once it was answered."""

    mailed: list[int] = field(default_factory=list)
    guessed: list[int] = field(default_factory=list)
    issued: int | None = None
    is_link: bool = False
    wrong: int = 0
    links_until: int = 0

    def within(self, times: list[int], now: int, window: int) -> int:
        return sum(time > now - window for time in times)

    def live(self, now: int) -> bool:
        return self.issued is not None and now < self.issued + 10 * MINUTE and self.wrong < 5

    def request(self, now: int) -> bool:
        limits = ((3, MINUTE), (10, HOUR), (20, DAY))
        if any(self.within(self.mailed, now, window) >= limit for limit, window in limits):
            return False
        self.mailed.append(now)
        link = now < self.links_until
        left = self.issued + 10 * MINUTE - now if self.issued is not None else 0
        if not (self.live(now) and self.is_link == link and left >= 5 * MINUTE):
            self.issued, self.is_link, self.wrong = now, link, 0
        return True

    def guess(self, now: int) -> None:
        if self.live(now) and not self.is_link:
            self.wrong += 1
            self.guessed.append(now)
            spent = ((10, HOUR), (30, DAY))
            if any(self.within(self.guessed, now, window) >= limit for limit, window in spent):
                self.wrong, self.links_until = 5, now + DAY

    def answer(self, now: int, *, link: bool) -> bool:
        right = self.live(now) and self.is_link == link
        if right:
            self.issued = None
        return right


class Codes(RuleBasedStateMachine):
    """One mailbox, its shopper and whoever guesses."""

    def __init__(self) -> None:
        super().__init__()
        self.run = Runner()
        self.model = Model()
        self.addresses = 0
        self.secret = "none yet"

    @initialize()
    def open(self) -> None:
        self.world = self.run(self._open())

    @staticmethod
    async def _open() -> World:
        return await (await World().open()).furnish("alpha")

    @rule(
        seconds=st.sampled_from([0.001, 1, 19, 20, 59.999, 60, 299, 301, 599, 600, 3_600, 86_400])
    )
    def wait(self, seconds: float) -> None:
        self.run(self.world.advance(seconds))

    @rule()
    def request(self) -> None:
        outcome = self.run(self.world.request())
        expected = self.model.request(self.world.now_ms)

        assert isinstance(outcome, CodeSent if expected else TooMany)
        if expected:
            assert (self.world.mail().code is None) == self.model.is_link

    @rule(times=st.integers(1, 4))
    def guess_wrong(self, times: int) -> None:
        for number in range(1, times + 1):
            outcome = self.run(self._tried(wrong(self.code(), number)))

            assert isinstance(outcome, SignInRefused)
            self.model.guess(self.world.now_ms)

    @rule(before=st.integers(1, 4), after=st.integers(0, 4))
    def guess_on_after_asking_again(self, before: int, after: int) -> None:
        self.guess_wrong(before)
        self.request()
        self.guess_wrong(after)
        self.guess_right()

    @precondition(lambda self: self.world.mails())
    @rule()
    def guess_right(self) -> None:
        outcome = self.run(self._tried(self.code()))
        expected = self.model.answer(self.world.now_ms, link=False)

        assert isinstance(outcome, SignedIn if expected else SignInRefused)
        self.remember(outcome)

    @rule(wrong_before=st.integers(0, 8), wrong_after=st.integers(0, 8))
    def guess_all_at_once(self, wrong_before: int, wrong_after: int) -> None:
        code = self.code()
        guesses = [wrong(code, n) for n in range(1, wrong_before + wrong_after + 1)]
        guesses.insert(wrong_before, code)
        # What a turn misses lets others overtake it: with its customer in memory none does.
        self.run(self.world.me(self.secret))
        outcomes = self.run(self._tried_at_once(guesses))

        for guess, outcome in zip(guesses, outcomes, strict=True):
            if guess != code:
                self.model.guess(self.world.now_ms)
                assert isinstance(outcome, SignInRefused)
            elif not self.world.mails():
                assert isinstance(outcome, SignInRefused)
            else:
                expected = self.model.answer(self.world.now_ms, link=False)
                assert isinstance(outcome, SignedIn if expected else SignInRefused)
                self.remember(outcome)

    @precondition(lambda self: len(self.world.mails()) > 1)
    @rule()
    def try_an_older_code(self) -> None:
        codes = [mail.code for mail in self.world.mails() if mail.code]
        older = [code for code in codes if code != self.code()]
        if older:
            outcome = self.run(self._tried(older[-1]))
            assert isinstance(outcome, SignInRefused)
            self.model.guess(self.world.now_ms)

    @precondition(lambda self: any(mail.link for mail in self.world.mails()))
    @rule()
    def follow_the_newest_link(self) -> None:
        newest = self.world.mails()[-1].link is not None
        token = next(mail.link for mail in reversed(self.world.mails()) if mail.link)
        outcome = self.run(self.world.follow(token.rpartition("token=")[2]))
        expected = newest and self.model.answer(self.world.now_ms, link=True)

        assert isinstance(outcome, SignedIn if expected else SignInRefused)
        self.remember(outcome)

    @rule()
    def go_on_with_another_host(self) -> None:
        self.world = self.run(self.world.successor())

    def code(self) -> str:
        """Tell the newest code that was mailed, also when a link followed it."""
        codes = [mail.code for mail in self.world.mails() if mail.code]
        return codes[-1] if codes else "000000"

    def remember(self, outcome: object) -> None:
        if isinstance(outcome, SignedIn):
            self.secret = outcome.secret

    def caller(self) -> Caller:
        # From everywhere, so that no address is refused: that is not what is looked at here.
        self.addresses += 1
        return Caller(address=f"from-{self.addresses}", scheme="https")

    def _message(self, code: str) -> VerifyCode:
        return VerifyCode(email=EMAIL, code=code, caller=self.caller())

    async def _tried(self, code: str) -> object:
        return await self.world.ask("alpha", self._message(code))

    async def _tried_at_once(self, codes: list[str]) -> list[object]:
        return [*await self.world.ask_all("alpha", [self._message(code) for code in codes])]

    def teardown(self) -> None:
        self.run.close()


class Siege(Codes):
    """The same, begun where it gets interesting: nine wrong guesses were made this hour."""

    @initialize()
    def open(self) -> None:
        super().open()
        for count in (5, 4):
            self.request()
            self.guess_wrong(count)
        self.wait(60)


Codes.TestCase.settings = settings(max_examples=80, stateful_step_count=30)
Siege.TestCase.settings = settings(max_examples=50, stateful_step_count=25)
test_codes_behave_as_the_model_says = Codes.TestCase
test_codes_under_siege_behave_as_the_model_says = Siege.TestCase
