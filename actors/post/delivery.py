"""Keeps trying to send each mail until it is taken, refused for good, or not worth sending.

Concurrency: everything here runs on one event loop and between two ``await``s nobody else does, so
there are no locks. A mail in hand is in exactly one place: the queue of what is ready, one worker,
or the timer of its next try. A worker never waits for a retry: a mail whose receiver is slow or
greylisting holds up nobody but itself.

Somebody waits at a screen for an *urgent* mail (a code); news can wait. So urgent mails go first,
and however many others there are, half the room is theirs: a merchant who moves ten thousand
orders at once keeps nobody from signing in.

What survives a crash: nothing, and nothing needs to. The durable outbox still holds every mail
that was not settled; its reader offers them again. A mail that was taken and not yet settled when
the process died is therefore sent twice, with the same ``Message-ID`` and the same code.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Literal

import structlog

from doorward.actors.post.backoff import Backoff, Handle, Timer
from doorward.actors.post.mail import Mail
from doorward.actors.post.transport import Retryable, Transport, Undeliverable

Ending = Literal["sent", "expired", "undeliverable"]
Making = Callable[[], Mail | None]
"""Makes the mail when it is about to be sent, once per try: no secret waits in memory, and the
minutes that it says are left are true. None: no longer worth sending (settled as expired)."""

_TURN: Final = 64
"""Mails a worker sends before it lets others run: a transport that never waits would keep the
event loop for as long as there is mail."""
_WARN_EVERY_MS: Final = 10_000
"""In an outage every mail fails again and again; the log says so now and then, counters always."""

_log = structlog.get_logger("doorward.post")


class _Job:
    """One mail in hand; ``mail_id`` is known from the start, or from the first try on."""

    __slots__ = ("mail", "mail_id", "tries", "urgent")

    def __init__(self, mail: Mail | Making, mail_id: str | None, *, urgent: bool) -> None:
        self.mail = mail
        self.mail_id = mail_id
        self.urgent = urgent
        self.tries = 0


class Delivery:
    """Sends what it is offered, with a bounded number of mails in hand.

    Attributes:
        sent: Mails that the transport took.
        retried: Tries that failed and were followed by another.
        failed: Mails given up because they are undeliverable.
        expired: Mails given up because their code or link would be dead on arrival.
    """

    def __init__(  # noqa: PLR0913 -- a record of settings, keyword-only
        self,
        transport: Transport,
        *,
        clock_ms: Callable[[], int],
        settle: Callable[[str, Ending], None],
        concurrency: int = 8,
        pending_limit: int = 10_000,
        backoff: Backoff | None = None,
        timer: Timer | None = None,
    ) -> None:
        """Set up; nothing is sent before ``start``.

        Args:
            transport: Where mails go; closed by ``stop``.
            clock_ms: Store time, as in ``expires_at_ms``.
            settle: Called exactly once per mail that is done with: its id and how it ended. Must
                not block; what it raises is logged and changes nothing.
            concurrency: How many mails may be with the transport at once.
            pending_limit: How many mails may be in hand, retries included; while half as many
                are, no more are taken that are not urgent.
            backoff: How long to wait before a retry.
            timer: Calls back later; the running loop's ``call_later`` when absent.
        """
        self.sent = 0
        self.retried = 0
        self.failed = 0
        self.expired = 0
        self._transport = transport
        self._clock_ms = clock_ms
        self._settle = settle
        self._concurrency = concurrency
        self._pending_limit = pending_limit
        self._backoff = backoff or Backoff()
        self._timer = timer
        self._pending = 0
        self._in_hand: dict[str, _Job] = {}
        self._ready: deque[_Job] = deque()
        self._ready_news: deque[_Job] = deque()
        self._retries: dict[_Job, Handle] = {}
        self._idle: list[asyncio.Future[None]] = []
        self._workers: list[asyncio.Task[None]] = []
        self._stopped = False
        self._warned_ms: int | None = None

    @property
    def pending(self) -> int:
        """How many mails are in hand: ready, being sent, or waiting for a retry."""
        return self._pending

    @property
    def full(self) -> bool:
        """Whether there is no room for any mail at all."""
        return self._pending >= self._pending_limit

    def offer(
        self, mail: Mail | Making, *, mail_id: str | None = None, urgent: bool = True
    ) -> bool:
        """Take a mail in hand.

        Args:
            mail: The mail, or what makes it when it is about to be sent.
            mail_id: The id of a mail yet to be made. With it, a mail that is in hand already is
                not taken twice, and one that cannot be made is settled as undeliverable; without
                it, such a mail can only be counted and logged.
            urgent: Whether somebody waits for it.

        Returns:
            True when it is in hand (also when it already was); False when there is no room or
            ``stop`` was called: offer it again later.
        """
        known_id = mail.id if isinstance(mail, Mail) else mail_id
        if self._stopped:
            return False
        if known_id in self._in_hand:
            return True
        if self._pending >= (self._pending_limit if urgent else self._pending_limit // 2):
            return False
        job = _Job(mail, known_id, urgent=urgent)
        if known_id is not None:
            self._in_hand[known_id] = job
        self._pending += 1
        self._make_ready(job)
        return True

    def withdraw(self, prefix: str) -> bool:
        """Let go of every mail whose id begins so and that is not with the transport, unsettled.

        Returns:
            Whether none of them is left; those that are being sent end as they end.
        """
        going = {name: job for name, job in self._in_hand.items() if name.startswith(prefix)}
        if not going:
            return True
        ready = {*going.values()} & {*self._ready, *self._ready_news}
        for name, job in going.items():
            handle = self._retries.pop(job, None)
            if handle is not None:
                handle.cancel()
            elif job not in ready:
                continue
            del self._in_hand[name]
            self._pending -= 1
        self._ready = deque(job for job in self._ready if job not in ready)
        self._ready_news = deque(job for job in self._ready_news if job not in ready)
        return not any(name in self._in_hand for name in going)

    async def start(self) -> None:
        """Begin sending what was and will be offered."""
        self._timer = self._timer or asyncio.get_running_loop().call_later
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._concurrency)]

    async def stop(self, *, grace_seconds: float = 5.0) -> None:
        """Finish what is with the transport, leave the rest to the outbox, close the transport.

        Args:
            grace_seconds: How long a mail may still take; after that it is cut off unsettled.
        """
        self._stopped = True
        for handle in self._retries.values():
            handle.cancel()
        while self._idle:
            self._wake_one()
        if self._workers:
            _, late = await asyncio.wait(self._workers, timeout=grace_seconds)
            for worker in late:
                worker.cancel()
            await asyncio.gather(*self._workers, return_exceptions=True)
        await self._transport.close()

    def _make_ready(self, job: _Job) -> None:
        (self._ready if job.urgent else self._ready_news).append(job)
        self._wake_one()

    def _next(self) -> _Job | None:
        ready = self._ready or self._ready_news
        return ready.popleft() if ready and not self._stopped else None

    def _wake_one(self) -> None:
        if self._idle:
            idle = self._idle.pop()
            if not idle.done():
                idle.set_result(None)

    async def _work(self) -> None:
        while not self._stopped:
            for _ in range(_TURN):
                if (job := self._next()) is None:
                    break
                await self._try(job)
            if self._ready or self._ready_news:
                await asyncio.sleep(0)
            elif not self._stopped:
                idle = asyncio.get_running_loop().create_future()
                self._idle.append(idle)
                await idle

    async def _try(self, job: _Job) -> None:
        mail = self._made(job)
        if mail is None:
            return
        job.tries += 1
        try:
            await self._transport.send(mail)
        except Undeliverable as refused:
            self._end(job, "undeliverable", refused.reason)
        except Retryable as failed:
            self._again(job, mail.expires_at_ms, failed.reason)
        except Exception as unforeseen:  # noqa: BLE001 -- a fault of ours must not stop the post
            # Tried again like any other failure: the deadline bounds it. Its text may quote the
            # address, so the log gets its type.
            self._again(job, mail.expires_at_ms, type(unforeseen).__name__)
        else:
            self._end(job, "sent")

    def _made(self, job: _Job) -> Mail | None:
        """Return the mail to be sent now, or None when the job has ended instead."""
        try:
            mail = job.mail if isinstance(job.mail, Mail) else job.mail()
        except Exception as unmade:  # noqa: BLE001 -- whatever it is, the next try would fail alike
            self._end(job, "undeliverable", type(unmade).__name__)
            return None
        if mail is not None and job.mail_id is None and not self._named(job, mail.id):
            return None
        if mail is None or self._clock_ms() >= mail.expires_at_ms:
            self._end(job, "expired", "too late to be of use")
            return None
        return mail

    def _named(self, job: _Job, mail_id: str) -> bool:
        """Give a job its id; drop it without settling when another job has that mail in hand."""
        if self._in_hand.setdefault(mail_id, job) is not job:
            self._pending -= 1
            return False
        job.mail_id = mail_id
        return True

    def _again(self, job: _Job, expires_at_ms: int, reason: str) -> None:
        if self._stopped or self._timer is None:
            return
        now_ms = self._clock_ms()
        wait_seconds = self._backoff.seconds(job.tries, urgent=job.urgent)
        if now_ms + wait_seconds * 1000 >= expires_at_ms:
            self._end(job, "expired", reason)
            return
        self.retried += 1
        self._warn(now_ms, reason)
        self._retries[job] = self._timer(wait_seconds, lambda: self._due(job))

    def _due(self, job: _Job) -> None:
        # A timer of the caller's may fire although it was called off; the job may be gone then.
        if self._retries.pop(job, None) is not None and not self._stopped:
            self._make_ready(job)

    def _end(self, job: _Job, ending: Ending, reason: str = "") -> None:
        self._pending -= 1
        if ending == "sent":
            self.sent += 1
        elif ending == "expired":
            self.expired += 1
        else:
            self.failed += 1
        if ending != "sent":
            _log.warning(
                "mail_given_up", id=job.mail_id, ending=ending, reason=reason, tries=job.tries
            )
        if job.mail_id is not None:
            del self._in_hand[job.mail_id]
            self._tell(job.mail_id, ending)

    def _tell(self, mail_id: str, ending: Ending) -> None:
        try:
            self._settle(mail_id, ending)
        except Exception as error:  # noqa: BLE001 -- the mail is gone; the post must go on
            _log.error("mail_not_settled", id=mail_id, ending=ending, error=type(error).__name__)

    def _warn(self, now_ms: int, reason: str) -> None:
        if self._warned_ms is None or now_ms - self._warned_ms >= _WARN_EVERY_MS:
            self._warned_ms = now_ms
            _log.warning("mail_delayed", reason=reason, pending=self._pending, retried=self.retried)
