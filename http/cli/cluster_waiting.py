"""Waiting until a cluster is as it was told to be."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import NamedTuple

from doorward.actors.cluster.operating import Orders
from doorward.actors.cluster.tables import Status
from doorward.actors.errors import ClusterRefused


class Patience(NamedTuple):
    """How long to wait.

    Attributes:
        seconds: In all.
        stuck_seconds: While nothing changes and somebody says what is wrong.
        steady_seconds: While it is as wanted, and nobody moves anything any more.
        look_seconds: Between two looks.
    """

    seconds: float = 120.0
    stuck_seconds: float = 12.0
    steady_seconds: float = 0.8
    look_seconds: float = 0.2


async def wait_until(
    orders: Orders,
    is_done: Callable[[Status], bool | Awaitable[bool]],
    *,
    show: Callable[[str], None],
    patience: Patience,
) -> Status:
    """Look at a cluster until it is as wanted.

    Args:
        orders: Whom to ask.
        is_done: Tells whether it is so.
        show: Told how far it has come.
        patience: How long to wait.

    Raises:
        ClusterRefused: It does not come about; says what is known of why.
    """
    watch = _Watch(asyncio.get_running_loop().time, patience)
    while True:
        try:
            status = await orders.status()
            done = is_done(status)
            if watch.is_over(status, is_done=await done if isawaitable(done) else done):
                return status
            watch.see(progress_of(status), _details(status), trouble_of(status), show)
        except ClusterRefused as error:
            watch.see(str(error), str(error), str(error), show)
        watch.demand_hope()
        await asyncio.sleep(patience.look_seconds)


def is_settled(status: Status) -> bool:
    """Tell whether every partition is served, by as many hosts as are wanted and no others."""
    are_live = all(host.state == "live" for host in status.hosts)
    return are_live and len(status.hosts) == status.wanted_hosts and is_served(status)


def is_served(status: Status) -> bool:
    """Tell whether every partition is served, and where it should be."""
    return status.served == status.partitions and all(
        host.held == host.wanted for host in status.hosts
    )


def progress_of(status: Status) -> str:
    """Tell in a line how far a cluster has come."""
    live = sum(host.state == "live" for host in status.hosts)
    parts = [
        f"{status.served} of {status.partitions} partitions served",
        f"{live} of {status.wanted_hosts} hosts live",
    ]
    leaving = sum(host.state == "leaving" for host in status.hosts)
    return ", ".join([*parts, f"{leaving} leaving"] if leaving else parts)


def trouble_of(status: Status) -> str:
    """Tell in a line what steward and hosts say is wrong; empty when nothing is."""
    said = [f"the steward says: {status.trouble}"] if status.trouble else []
    said += [f"{host.name} says: {host.trouble}" for host in status.hosts if host.trouble]
    return "; ".join(said)


def _details(status: Status) -> object:
    return status.version, [(host.name, host.state, host.pid, host.held) for host in status.hosts]


class _Watch:
    """What was seen while waiting, and when."""

    def __init__(self, ticks: Callable[[], float], patience: Patience) -> None:
        self._ticks = ticks
        self._patience = patience
        self._began = self._changed_at = ticks()
        self._details: object = None
        self._shown = self._trouble = ""
        self._done: tuple[int, float] | None = None

    def is_over(self, status: Status, *, is_done: bool) -> bool:
        """Tell whether it has been done for long enough."""
        now = self._ticks()
        if not is_done:
            self._done = None
        elif self._done is None or self._done[0] != status.version:
            self._done = status.version, now
        return self._done is not None and now - self._done[1] >= self._patience.steady_seconds

    def see(self, text: str, details: object, trouble: str, show: Callable[[str], None]) -> None:
        """Take note of how it is."""
        if details != self._details:
            self._details, self._changed_at = details, self._ticks()
        if text != self._shown:
            show(text)
        self._shown, self._trouble = text, trouble

    def demand_hope(self) -> None:
        """Demand that it may yet come about.

        Raises:
            ClusterRefused: Nothing changes and something is wrong, or it takes too long.
        """
        now, patience = self._ticks(), self._patience
        if self._trouble and now - self._changed_at > patience.stuck_seconds:
            raise ClusterRefused(self._trouble)
        if now - self._began > patience.seconds:
            raise ClusterRefused(
                f"not done in {patience.seconds:.0f} seconds, and goes on by itself: {self._shown}"
            )
