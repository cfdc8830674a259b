"""What the store has committed, seen from inside it, and what must hold of that alone.

The history watches every commit as the store decides it. It trusts nobody: whether a write was
entitled is judged here again, from the takes it saw.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Final

from doorward.actors import tokens
from doorward.actors.journal import Commit, Ending
from doorward.actors.keyring import Keyring
from doorward.actors.partitions import partition_of
from doorward.actors.records.codec import decode, decode_job
from doorward.actors.records.mail import MailJob, SignInLetter
from doorward.actors.records.sign_in import Challenge, Email
from tests.actors.simulation.model_store import ModelStore, Row

Mailbox = tuple[str, str]
"""A slug and an email."""

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
CODES: Final = ((3, MINUTE_MS), (10, HOUR_MS), (20, DAY_MS))
GUESSES: Final = ((10, HOUR_MS), (30, DAY_MS))
WRONG_PER_CODE: Final = 5


class Violation(AssertionError):
    """A promise was broken."""


@dataclass
class Issued:
    """A challenge that was committed, and what became of it (by event number)."""

    id: bytes
    mailbox: Mailbox
    has_code: bool
    expires_at_ms: int
    issued: int
    wrong: int = 0
    burned: int | None = None
    replaced: int | None = None
    dead: int | None = None
    accepted: int = 0
    code: str = ""
    token: str = ""

    def is_open(self, now_ms: int) -> bool:
        """Tell whether it can be answered at this moment."""
        return now_ms < self.expires_at_ms and all(
            event is None for event in (self.burned, self.replaced, self.dead)
        )


@dataclass(frozen=True)
class Mailed:
    """A mail job that was committed."""

    job: MailJob
    partition: int
    seq: int


@dataclass(frozen=True)
class Guessed:
    """A wrong guess that was committed."""

    at_ms: int
    partition: int
    seq: int


class History:
    """Watches a store."""

    def __init__(self, store: ModelStore, keyring: Keyring, mailboxes: list[Mailbox]) -> None:
        self._store = store
        self._keyring = keyring
        self._by_name = {(slug, tokens.email_id(email)): (slug, email) for slug, email in mailboxes}
        self._holders: dict[int, tuple[int, str]] = {}
        self._burned_ms: dict[int, int] = {}
        self._lost: dict[int, tuple[int, int]] = {}
        self._unburned: dict[int, int] = {}
        self._current: dict[Mailbox, Issued] = {}
        self.issued: dict[bytes, Issued] = {}
        self.mailed: dict[str, Mailed] = {}
        self.lost_mails: dict[str, Mailed] = {}
        self.guesses: dict[Mailbox, list[Guessed]] = {mailbox: [] for mailbox in mailboxes}
        self.events = 0
        self.applied = 0
        self.refused = 0
        store.watchers.append(self)

    def tick(self) -> int:
        """Number the next event."""
        self.events += 1
        return self.events

    def taken(self, owner: str, partition: int, row: Row) -> None:
        self._holders[partition] = (row.epoch, owner)
        if row.burned_ms > self._burned_ms.get(partition, 0):
            self._burned_ms[partition] = row.burned_ms
            if partition not in self._lost:
                raise Violation(f"{owner} burned codes of partition {partition} that lost nothing")
            epoch, seq = self._lost[partition]
            # Until it has come as far again, somebody else may find less than he was told of.
            if row.epoch > epoch and row.seq >= seq:
                del self._lost[partition]
            self._unburned.pop(partition, None)
            self._burn({partition})

    def committed(self, commit: Commit, ending: Ending, before: Row) -> None:
        if ending is not Ending.COMMITTED or before.seq == commit.seq:
            self.refused += ending is not Ending.COMMITTED
            return
        self.applied += 1
        if self._holders.get(commit.partition) != (commit.epoch, commit.owner):
            raise Violation(f"stale-epoch write accepted from {commit.owner}")
        if commit.seq != before.seq + 1:
            raise Violation(f"write {commit.seq} of {commit.owner} accepted after {before.seq}")
        if commit.epoch > self._unburned.get(commit.partition, commit.epoch):
            raise Violation(f"{commit.owner} writes on what was put back and burned no code")
        event = self.tick()
        jobs = [decode_job(value) for what, _, value, _ in commit.operations if what == "m"]
        for job in jobs:
            self._meet(job, event)
        for what, key, value, _ in commit.operations:
            if what == "s" and key.split(":")[3] == Email.kind:
                record = decode(Email.kind, value)
                assert isinstance(record, Email)
                _, _, slug, _, name = key.split(":")
                self._email(self._by_name[slug, name], record, event, commit)
        for job in jobs:
            self._mail(job, event, commit)

    def went_back(self, lost: dict[int, tuple[int, int]], noticed: set[int], snapshot: int) -> None:
        """Follow a store that was put back to what it was at event ``snapshot``.

        Args:
            lost: Partitions that lost something, and the epoch and sequence they had reached: codes
                of these may be burned, by whoever finds less than he was told of.
            noticed: Those whose loss everybody left can tell: codes of these must be burned.
            snapshot: What was committed later is lost.
        """
        event, rows = self.tick(), self._store.image.rows
        self._holders = {p: (row.epoch, row.owner) for p, row in rows.items()}
        self._burned_ms = {p: row.burned_ms for p, row in rows.items()}
        for partition, (epoch, seq) in lost.items():
            known_epoch, known_seq = self._lost.get(partition, (0, 0))
            self._lost[partition] = max(epoch, known_epoch), max(seq, known_seq)
        self._unburned |= {p: self._store.row(p).epoch for p in noticed}
        self.lost_mails |= {name: m for name, m in self.mailed.items() if not self._kept(m)}
        self.mailed = {name: m for name, m in self.mailed.items() if self._kept(m)}
        for mailbox, found in self.guesses.items():
            self.guesses[mailbox] = [guess for guess in found if self._kept(guess)]
        self._current.clear()
        for mailbox, record in self._emails():
            if record.challenge is not None:
                known = self._current[mailbox] = self._issued(mailbox, record.challenge)
                known.wrong, known.accepted, known.replaced = record.challenge.wrong, 0, None
                known.burned = event if record.challenge.burned else None
        self._burn(noticed)
        self._burn(lost, since=snapshot)

    def answering(self, mailbox: Mailbox, *, code: str = "", token: str = "") -> Issued | None:
        """Find the newest challenge of a mailbox that this answers."""
        return next(
            (
                issued
                for issued in reversed(self.issued.values())
                if issued.mailbox == mailbox
                and ((code and issued.code == code) or (token and issued.token == token))
            ),
            None,
        )

    def codes_between(self, mailbox: Mailbox, after_ms: int, until_ms: int) -> int:
        """Count the mails committed to a mailbox in ``(after, until]``."""
        return sum(
            after_ms < mail.job.sent_at_ms <= until_ms
            for mail in self.mailed.values()
            if (mail.job.slug, mail.job.to) == mailbox
        )

    def _burn(self, partitions: Container[int], *, since: int = 0) -> None:
        """Note that what was issued in these partitions after an event must not work any more."""
        event = self.tick()
        for known in self.issued.values():
            here = partition_of_mailbox(known.mailbox) in partitions
            if here and known.issued > since and known.dead is None:
                known.dead = event

    def _meet(self, job: MailJob, event: int) -> None:
        """Learn of a challenge from its mail; only its mail tells what would answer it."""
        letter = sign_in_of(job)
        known = self.issued.get(letter.challenge_id)
        if known is None:
            known = self.issued[letter.challenge_id] = Issued(
                letter.challenge_id, (job.slug, job.to), letter.has_code, job.expires_at_ms, event
            )
        secret = letter.key_id, job.life, letter.challenge_id
        if letter.has_code:
            known.code = self._keyring.code(*secret)
        else:
            known.token = self._keyring.link_token(*secret)

    def _email(self, mailbox: Mailbox, record: Email, event: int, commit: Commit) -> None:
        challenge, before = record.challenge, self._current.get(mailbox)
        if before is not None and (challenge is None or challenge.id != before.id):
            self._current.pop(mailbox).replaced = event
            if challenge is None:
                before.accepted += 1
                if before.accepted > 1:
                    raise Violation(f"a challenge of {mailbox} was accepted twice")
        if challenge is None:
            return
        known = self._current[mailbox] = self._issued(mailbox, challenge)
        if known.replaced is not None:
            raise Violation(f"a replaced challenge of {mailbox} came back")
        if challenge.wrong < known.wrong or (known.burned and not challenge.burned):
            raise Violation(f"the attempts at a code of {mailbox} were counted anew")
        if challenge.wrong > WRONG_PER_CODE:
            raise Violation(f"{challenge.wrong} wrong guesses at one code of {mailbox}")
        guess = Guessed(commit.at_ms, commit.partition, commit.seq)
        self.guesses[mailbox] += [guess] * (challenge.wrong - known.wrong)
        known.wrong = challenge.wrong
        if challenge.burned and known.burned is None:
            known.burned = event

    def _issued(self, mailbox: Mailbox, challenge: Challenge) -> Issued:
        if challenge.id not in self.issued:
            raise Violation(f"a challenge of {mailbox} is stored and its mail is not")
        return self.issued[challenge.id]

    def _mail(self, job: MailJob, event: int, commit: Commit) -> None:
        mailbox, sent_ms = (job.slug, job.to), job.sent_at_ms
        if job.id in self.mailed:
            raise Violation(f"a mail was committed twice to {mailbox}")
        self.mailed[job.id] = Mailed(job, commit.partition, commit.seq)
        letter = sign_in_of(job)
        known = self.issued[letter.challenge_id]
        if known is not self._current.get(mailbox) and known.replaced is None:
            # Issued and replaced or used within one commit.
            known.replaced = event
        for limit, window_ms in CODES:
            if self.codes_between(mailbox, sent_ms - window_ms, sent_ms) > limit:
                raise Violation(f"more than {limit} codes to {mailbox} in {window_ms} ms")
        if letter.has_code and self._is_link_only(mailbox, sent_ms, commit):
            raise Violation(f"a code went to {mailbox} whose guesses were spent")

    def _is_link_only(self, mailbox: Mailbox, now_ms: int, commit: Commit) -> bool:
        # What was guessed in this very commit may have come after the mail's turn.
        times = [guess.at_ms for guess in self.guesses[mailbox] if guess.seq != commit.seq]
        return any(
            last - first < window_ms and last > now_ms - DAY_MS
            for limit, window_ms in GUESSES
            for first, last in zip(times, times[limit - 1 :], strict=False)
        )

    def _emails(self) -> Iterator[tuple[Mailbox, Email]]:
        for key in list(self._store.image.records):
            _, _, slug, kind, name = key.split(":", 4)
            stored = self._store.get(key) if kind == Email.kind else None
            if stored is not None:
                record = decode(kind, stored)
                assert isinstance(record, Email)
                yield self._by_name[slug, name], record

    def _kept(self, trace: Mailed | Guessed) -> bool:
        return trace.seq <= self._store.row(trace.partition).seq


def partition_of_mailbox(mailbox: Mailbox) -> int:
    """Tell which partition a mailbox is in."""
    return partition_of(mailbox[0])


def sign_in_of(job: MailJob) -> SignInLetter:
    """Return what a mail carries; nothing but sign-in is asked for here."""
    assert isinstance(job.letter, SignInLetter)
    return job.letter
