"""What a steward knows of each host, and what follows from it."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from doorward.actors.cluster import wire
from doorward.actors.cluster.tables import HostStatus, Report, State

SILENT_SECONDS: Final = 1.5
FORMER_SECONDS: Final = 60.0
"""How long an earlier incarnation's id is told as silent: its claims are long taken by then."""
LOAD_SECONDS: Final = 10.0


class Agreed(NamedTuple):
    """What all hosts must have in common: the store, and a digest of their settings."""

    store_id: str
    settings: str


class Seat:
    """What is known of one host."""

    __slots__ = (
        "asks_per_second",
        "former",
        "gone",
        "heard_at",
        "loads",
        "missing",
        "report",
        "seen_at",
        "started_on",
    )

    def __init__(self, now: float) -> None:
        self.report: Report | None = None
        self.seen_at = now
        self.heard_at: float | None = None
        self.gone = False
        self.missing = False
        self.started_on = ""
        self.asks_per_second = 0.0
        self.former: dict[str, float] = {}
        self.loads: dict[int, float] = {}

    @property
    def owner(self) -> str:
        """The owner id of its latest incarnation; empty while it is not known."""
        return self.report.owner if self.report is not None else ""

    @property
    def node(self) -> str:
        """The Ray id of its node; empty while it is not known."""
        return self.report.node if self.report is not None else self.started_on

    def begin(self, node: str, now: float) -> None:
        """Be started, perhaps not for the first time."""
        if self.owner:
            self.former[self.owner] = now
        self.report, self.heard_at = None, None
        self.seen_at, self.started_on = now, node
        self.gone = self.missing = False

    def excuse(self, seconds: float) -> None:
        """Leave so many seconds out: nobody was listening."""
        self.seen_at += seconds
        if self.heard_at is not None:
            self.heard_at += seconds

    def hear(self, report: Report, now: float) -> None:
        """Take a report."""
        before = self.report
        if before is not None and before.owner not in {"", report.owner}:
            self.former[before.owner] = now
            self.loads.clear()
        elif before is not None and self.heard_at is not None and now > self.heard_at:
            self.asks_per_second = (report.asks - before.asks) / (now - self.heard_at)
        self._weigh(report, now - (self.heard_at or now))
        self.report, self.heard_at = report, now
        self.gone = self.missing = False

    def silent_for(self, now: float) -> float:
        """Tell how long nothing was heard, in seconds."""
        return now - (self.seen_at if self.heard_at is None else self.heard_at)

    def is_silent(self, now: float) -> bool:
        """Tell whether it counts as lost, for now."""
        return self.gone or self.silent_for(now) > SILENT_SECONDS

    def is_live(self, now: float, agreed: Agreed) -> bool:
        """Tell whether it may be given partitions."""
        return self.report is not None and not self.is_silent(now) and not self.why_not(agreed)

    def may_yet_answer(self, now: float) -> bool:
        """Tell whether it has not had the time to be heard of."""
        return self.report is None and not self.is_silent(now)

    def why_not(self, agreed: Agreed) -> str:
        """Tell why a host that answers must not be given anything; empty when it may."""
        report = self.report
        if report is None or report.trouble:
            return report.trouble if report is not None else ""
        if report.store_id != agreed.store_id:
            return f"it has store {report.store_id} open, the cluster's is {agreed.store_id}"
        if report.vocabulary != wire.VOCABULARY:
            return "it is of another release"
        if report.settings != agreed.settings:
            return "its settings differ: keys, public URL, hosted domain, mail or lease"
        return ""

    def state(self, now: float, agreed: Agreed, *, leaving: bool) -> State:
        """Tell its state in a word."""
        if self.why_not(agreed):
            return "refused"
        if self.heard_at is None:
            return "starting"
        if self.is_silent(now):
            return "silent"
        return "leaving" if leaving else "live"

    def silent_owners(self, now: float) -> list[str]:
        """List the owner ids of its incarnations that are not heard of."""
        owners = [owner for owner, at in self.former.items() if now - at < FORMER_SECONDS]
        if self.report is not None and self.report.owner and self.is_silent(now):
            owners.append(self.report.owner)
        return owners

    def status(  # noqa: PLR0913 - all that is told of a host and does not come from it
        self,
        name: str,
        now: float,
        agreed: Agreed,
        *,
        wanted: int,
        storefronts: Sequence[int],
        leaving: bool,
    ) -> HostStatus:
        """Tell everything about it; ``storefronts``: how many each partition has."""
        report = self.report or Report(name=name)
        held = () if self.is_silent(now) else report.held
        return HostStatus(
            name=name,
            state=self.state(now, agreed, leaving=leaving),
            node=report.node,
            pid=report.pid,
            wanted=wanted,
            held=len(held),
            storefronts=sum(storefronts[partition] for partition in held),
            depth=report.depth,
            asks_per_second=self.asks_per_second,
            flush_ms=report.flush_ms,
            epoch=report.epoch,
            rss_bytes=report.rss_bytes,
            heard_seconds_ago=None if self.heard_at is None else now - self.heard_at,
            trouble=self.why_not(agreed),
        )

    def _weigh(self, report: Report, seconds: float) -> None:
        """Average the turns per second of each partition over the last ten seconds or so."""
        if not seconds:
            return
        share = min(1.0, seconds / LOAD_SECONDS)
        for partition in {*self.loads, *report.loads}:
            rate = report.loads.get(partition, 0) / seconds
            self.loads[partition] = self.loads.get(partition, 0.0) * (1 - share) + rate * share
