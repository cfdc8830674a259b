"""Mails that leave a moment later, all on one timer.

Writing and sending a mail takes longer than the answer before it took. Done at once, it would tell
by the time of this answer, or of the next, whether there was one (contract §3: the same work for
known and unknown emails).
"""

import asyncio
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Final

from doorward.actors.records.mail import MailJob

LIMIT: Final = 10_000
"""Mails; each is small and in the store as well."""

Send = Callable[[int, str, MailJob], None]


class Postponed:
    """Mails by when they leave; what still waits when it is stopped is in the store."""

    def __init__(self, send: Send, *, limit: int = LIMIT) -> None:
        """Hold mails for ``send``, at most ``limit``."""
        self._send = send
        self._limit = limit
        self._waiting: list[tuple[float, int, tuple[int, str, MailJob]]] = []
        self._number = 0
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, seconds: float, partition: int, mail_id: str, job: MailJob) -> bool:
        """Hold a mail for so long; False when there is no room, or after ``stop``."""
        if self._stopped or len(self._waiting) >= self._limit:
            return False
        self._number += 1
        due = asyncio.get_running_loop().time() + seconds
        heappush(self._waiting, (due, self._number, (partition, mail_id, job)))
        if self._waiting[0][1] == self._number:
            self._arm()
        return True

    def withdraw(self, partition: int) -> None:
        """Let go of a partition's mails: they are in the store, for its next owner."""
        left = [entry for entry in self._waiting if entry[2][0] != partition]
        if len(left) < len(self._waiting):
            heapify(left)
            self._waiting = left
            self._arm()

    def stop(self) -> None:
        """Let nothing leave any more."""
        self._stopped = True
        self._waiting.clear()
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(self._waiting[0][0], self._leave) if self._waiting else None

    def _leave(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._waiting and self._waiting[0][0] <= now:
            self._send(*heappop(self._waiting)[2])
        self._arm()
