"""What shoppers were told, and what must hold from then on.

Only answers count here. An attempt that nobody answered may or may not have happened, so it excuses
what follows from either; an answer that cannot be explained by any order of the attempts is a
violation.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Final

from doorward.actors.messages.refusals import TooMany
from doorward.actors.messages.sign_in import CodeSent, Me, SignedIn, SignedOut, SignInRefused
from tests.actors.simulation.history import (
    WRONG_PER_CODE,
    History,
    Mailbox,
    Violation,
    partition_of_mailbox,
)
from tests.actors.simulation.machine import Reply

_MANY_SESSIONS: Final = 45
"""Sign-ins of a customer after which the oldest session may have been ended (50 is the bound)."""


@dataclass(eq=False)
class Attempt:
    """Something a shopper tried, from when it was sent until its answer was there."""

    mailbox: Mailbox
    began: int
    ended: float = inf
    code: str = ""
    token: str = ""
    name: str | None = None
    refused: bool = False
    lost: bool = False
    counted: "list[Counted]" = field(default_factory=list)


@dataclass(eq=False)
class Signed:
    """A session somebody was given."""

    secret: str
    mailbox: Mailbox
    customer_id: str
    since: int
    expires_at_ms: int
    ended: float = inf
    ending: list[Attempt] = field(default_factory=list)
    unknown: bool = False


@dataclass(eq=False)
class Counted:
    """A call that may count under a limit: between which times, and whether it surely did."""

    begun_ms: float = -inf
    ended_ms: float = inf
    certain: bool = False


class Promises:
    """The ledger of what was acknowledged."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._accepted: dict[bytes, None] = {}
        self._guesses: list[Attempt] = []
        self._customers: dict[Mailbox, str] = {}
        self._names: defaultdict[Mailbox, list[Attempt]] = defaultdict(list)
        self._counted: defaultdict[tuple[str, str, str], list[Counted]] = defaultdict(list)
        self._rollbacks: dict[int, int] = {}
        self.sessions: dict[str, Signed] = {}
        self.codes_sent = 0
        self.answered = 0

    def begin(self, mailbox: Mailbox, **what: str) -> Attempt:
        """Note that something is about to be tried."""
        attempt = Attempt(mailbox, self._history.tick(), **what)  # type: ignore[arg-type]
        if attempt.code:
            self._guesses.append(attempt)
        if attempt.name is not None:
            self._names[mailbox].append(attempt)
        return attempt

    def begin_code(self, mailbox: Mailbox, address: str) -> Attempt:
        """Note that a code is about to be asked for."""
        _, email = mailbox
        subjects = (
            ("codes.storefront", ""),
            ("codes.address", address),
            ("codes.email.minute", email),
            ("codes.email.hour", email),
            ("codes.email.day", email),
        )
        return self._counting(self.begin(mailbox), subjects)

    def begin_verification(self, mailbox: Mailbox, address: str, **what: str) -> Attempt:
        """Note that a code or link is about to be tried."""
        subjects = (("verifications.storefront", ""), ("verifications.address", address))
        return self._counting(self.begin(mailbox, **what), subjects)

    def begin_ending(self, attempt: Attempt, secret: str | None) -> None:
        """Note that an attempt will end a session if it succeeds."""
        if secret in self.sessions:
            self.sessions[secret].ending.append(attempt)

    # --- answers ----------------------------------------------------------------------------------

    def code_requested(self, attempt: Attempt, reply: Reply) -> None:
        """Hold the answer to a code request to the limits."""
        self._end(attempt, reply)
        self._count(attempt, reply)
        self.codes_sent += isinstance(reply.outcome, CodeSent)

    def verified(self, attempt: Attempt, presented: str | None, reply: Reply) -> None:
        """Hold the answer to a code or link to what was mailed before."""
        self._end(attempt, reply)
        self._count(attempt, reply)
        if isinstance(reply.outcome, SignedIn):
            self._signed_in(attempt, presented, reply, reply.outcome)
        elif isinstance(reply.outcome, SignInRefused):
            attempt.refused = True
            self._refused(attempt, reply)
        if reply.outcome is not None and not isinstance(reply.outcome, SignedIn):
            self._ended_nothing(attempt, presented)

    def told_who(self, attempt: Attempt, secret: str, reply: Reply) -> None:
        """Hold a "you are …" to the sign-ins and sign-outs that were acknowledged."""
        self._end(attempt, reply)
        if isinstance(reply.outcome, Me):
            known = self.sessions.get(secret)
            own = known is not None and known.mailbox[0] == attempt.mailbox[0]
            self._who(attempt, known if own else None, reply, reply.outcome)

    def renamed(self, attempt: Attempt, secret: str, reply: Reply) -> None:
        """Hold a change of name to the session it was made with."""
        self._end(attempt, reply)
        known = self.sessions.get(secret)
        if isinstance(reply.outcome, Me):
            self._who(attempt, known, reply, reply.outcome)
        elif reply.outcome is not None or reply.turned_away:
            self._names[attempt.mailbox].remove(attempt)
            if reply.outcome is not None:
                self._who(attempt, known, reply, Me(customer=None))

    def signed_out(self, attempt: Attempt, secret: str, reply: Reply) -> None:
        """Note a sign-out that was acknowledged."""
        self._end(attempt, reply)
        known = self.sessions.get(secret)
        if known is None:
            return
        if isinstance(reply.outcome, SignedOut):
            # Overtaken, it leaves ``attempt`` among those that may have ended the session.
            known.ended = min(known.ended, attempt.ended)
        elif reply.turned_away:
            self._ended_nothing(attempt, secret)

    def went_back(self, lost: Collection[int], snapshot: int) -> None:
        """Give up what a store that was put back to event ``snapshot`` cannot keep."""
        self._rollbacks |= dict.fromkeys(lost, self._history.tick())
        for known in self.sessions.values():
            if partition_of_mailbox(known.mailbox) in lost:
                signed_later = known.since > snapshot
                ended_later = snapshot < known.ended < inf
                known.unknown |= signed_later or ended_later or bool(known.ending)
        for mailbox, attempts in self._names.items():
            if partition_of_mailbox(mailbox) in lost:
                for attempt in attempts:
                    attempt.lost |= attempt.ended > snapshot
        kept = {known.customer_id for known in self.sessions.values() if known.since <= snapshot}
        self._customers = {
            mailbox: customer_id
            for mailbox, customer_id in self._customers.items()
            if partition_of_mailbox(mailbox) not in lost or customer_id in kept
        }
        for (slug, _, _), counted in self._counted.items():
            if partition_of_mailbox((slug, "")) in lost:
                for one in counted:
                    one.certain = False

    def phantom_guesses(self) -> None:
        """Hold the wrong guesses that were counted to those that were made."""
        for issued in self._history.issued.values():
            made = sum(
                guess.mailbox == issued.mailbox
                and guess.ended > issued.issued
                and guess.code != issued.code
                for guess in self._guesses
            )
            if issued.wrong > made:
                raise Violation(f"{issued.wrong} wrong guesses were counted, {made} were made")

    # --- how --------------------------------------------------------------------------------------

    def _end(self, attempt: Attempt, reply: Reply) -> None:
        if reply.outcome is not None or reply.turned_away:
            self.answered += 1
            event = self._history.tick()
            if not self._was_overtaken(attempt):
                attempt.ended = event

    def _was_overtaken(self, attempt: Attempt) -> bool:
        """Tell whether the store was put back while this was on its way: its effect may be lost."""
        return attempt.began < self._rollbacks.get(partition_of_mailbox(attempt.mailbox), 0)

    def _signed_in(
        self, attempt: Attempt, presented: str | None, reply: Reply, outcome: SignedIn
    ) -> None:
        mailbox = attempt.mailbox
        issued = self._history.answering(mailbox, code=attempt.code, token=attempt.token)
        if issued is None:
            raise Violation(f"what was never mailed to {mailbox} was accepted")
        if issued.id in self._accepted:
            raise Violation(f"a code or link of {mailbox} was accepted twice")
        self._accepted[issued.id] = None
        if issued.dead is not None and issued.dead < attempt.began:
            raise Violation(f"a code of {mailbox} from before the store went back was accepted")
        if issued.replaced is not None and issued.replaced < attempt.began:
            raise Violation(f"a replaced or used code of {mailbox} was accepted")
        if reply.begun_ms >= issued.expires_at_ms:
            raise Violation(f"an expired code of {mailbox} was accepted")
        wrong = sum(
            guess.refused
            and guess.mailbox == mailbox
            and guess.code != issued.code
            and guess.began > issued.issued
            and guess.ended < attempt.began
            for guess in self._guesses
        )
        if issued.has_code and issued.dead is None and wrong >= WRONG_PER_CODE:
            raise Violation(f"a code of {mailbox} was accepted after {wrong} wrong guesses")
        self._admit(attempt, presented, outcome)
        self._name_read(attempt, outcome.customer.name)

    def _admit(self, attempt: Attempt, presented: str | None, outcome: SignedIn) -> None:
        mailbox, customer = attempt.mailbox, outcome.customer
        if outcome.secret in self.sessions:
            raise Violation("a session's secret was given twice")
        if customer.email != mailbox[1]:
            raise Violation(f"{mailbox} was signed in as somebody else")
        overtaken = self._was_overtaken(attempt)
        if not overtaken and self._customers.setdefault(mailbox, customer.id) != customer.id:
            raise Violation(f"{mailbox} became another customer")
        if presented in self.sessions:
            old = self.sessions[presented]
            if old.mailbox[0] == mailbox[0]:
                old.ended = min(old.ended, attempt.ended)
        fresh = Signed(
            outcome.secret,
            mailbox,
            customer.id,
            self._history.tick(),
            outcome.expires_at_ms,
            unknown=overtaken,
        )
        self.sessions[outcome.secret] = fresh
        of_customer = [known for known in self.sessions.values() if known.mailbox == mailbox]
        for known in of_customer[:-_MANY_SESSIONS]:
            known.unknown = True

    def _refused(self, attempt: Attempt, reply: Reply) -> None:
        mailbox = attempt.mailbox
        issued = self._history.answering(mailbox, code=attempt.code, token=attempt.token)
        if (
            issued is not None
            and issued.issued < attempt.began
            and issued.is_open(reply.ended_ms)
            and issued.id not in self._accepted
        ):
            raise Violation(f"the right code or link of {mailbox} was refused")

    def _ended_nothing(self, attempt: Attempt, secret: str | None) -> None:
        if secret in self.sessions and attempt in self.sessions[secret].ending:
            self.sessions[secret].ending.remove(attempt)

    def _who(self, attempt: Attempt, known: Signed | None, reply: Reply, told: Me) -> None:
        if told.customer is None:
            if (
                known is not None
                and not known.unknown
                and not known.ending
                and known.since < attempt.began
                and reply.ended_ms < known.expires_at_ms
            ):
                raise Violation(f"a session of {known.mailbox} was lost")
            return
        if known is None:
            raise Violation(f"somebody was signed in at {attempt.mailbox[0]} by a foreign session")
        if known.ended < attempt.began and not known.unknown:
            raise Violation(f"a session of {known.mailbox} was alive after its end")
        if reply.begun_ms >= known.expires_at_ms:
            raise Violation(f"a session of {known.mailbox} outlived its time")
        if told.customer.id != known.customer_id or told.customer.email != known.mailbox[1]:
            raise Violation(f"a session of {known.mailbox} was somebody else's")
        self._name_read(attempt, told.customer.name)

    def _name_read(self, read: Attempt, name: str | None) -> None:
        """Hold a name that was read to the writes that may have been the last before."""
        writes = self._names[read.mailbox]
        first = Attempt(read.mailbox, began=0, ended=0)
        written = next((write for write in writes if write.name == name), None)
        if written is None and name is not None:
            raise Violation(f"{read.mailbox} has a name that nobody gave it")
        source = written or first
        for later in writes:
            if source.ended < later.began and later.ended < read.began and not later.lost:
                raise Violation(f"a name of {read.mailbox} was lost: {later.name}, now {name}")

    def _counting(self, attempt: Attempt, subjects: Iterable[tuple[str, str]]) -> Attempt:
        for rule, subject in subjects:
            counted = Counted()
            attempt.counted.append(counted)
            self._counted[attempt.mailbox[0], rule, subject].append(counted)
        return attempt

    def _count(self, attempt: Attempt, reply: Reply) -> None:
        refused = isinstance(reply.outcome, TooMany)
        if refused or reply.turned_away:
            for one in attempt.counted:
                one.begun_ms, one.ended_ms = inf, -inf
            if isinstance(reply.outcome, TooMany):
                self._explain(attempt, reply, reply.outcome)
            return
        for one in attempt.counted:
            one.begun_ms = reply.begun_ms
            if reply.outcome is not None and not self._was_overtaken(attempt):
                one.ended_ms, one.certain = reply.ended_ms, True

    def _explain(self, attempt: Attempt, reply: Reply, refusal: TooMany) -> None:
        rule, slug = refusal.standing.rule, attempt.mailbox[0]
        counted = next(
            found
            for (where, name, _), found in self._counted.items()
            if where == slug and name == rule.name and any(one in found for one in attempt.counted)
        )
        possible = sum(
            one.ended_ms > reply.begun_ms - rule.window_ms and one.begun_ms <= reply.ended_ms
            for one in counted
        )
        if possible < rule.limit:
            raise Violation(f"{rule.name} refused though only {possible} were counted at {slug}")

    def exceeded(self, limits: Iterator[tuple[str, str, int, int]]) -> None:
        """Hold what was let through to the limits: (slug, rule, limit, window in ms)."""
        allowed = {(slug, rule): (limit, window_ms) for slug, rule, limit, window_ms in limits}
        for (slug, rule, subject), counted in self._counted.items():
            limit, window_ms = allowed[slug, rule]
            certain = [one for one in counted if one.certain]
            for first in certain:
                inside = sum(
                    one.begun_ms >= first.begun_ms and one.ended_ms < first.begun_ms + window_ms
                    for one in certain
                )
                if inside > limit:
                    raise Violation(f"{rule} of {slug} {subject}: {inside} in {window_ms} ms")
