"""The steward (``actors/cluster/steward``) in what matters here; ``next_moves`` is the real one.

It beats to every host in turn. What it knows when it decides is what was answered to the last beat;
what it decided goes out with the next. A look at this is one round.
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time
from typing import Final

from bench.scale.processes import Ground, Process
from doorward.actors.cluster.placement import Move, next_moves

ORPHAN: Final = "a lost host's"
DRAIN: Final = "a leaving host's"
EVEN: Final = "evenness of counts"
LOAD: Final = "evenness of load"
REASONS: Final = (ORPHAN, DRAIN, EVEN, LOAD)


@dataclass(slots=True)
class Absence:
    """A host that does not answer: lost, last heard, known to be gone, and back, each when."""

    process: Process
    lost_at: float
    heard_at: float
    gone_at: float | None = None
    back_at: float | None = None


class Steward:
    """Places partitions.

    Attributes:
        hosts: Names of all hosts planned, in the order they came.
        owners: The table.
        moves: Partitions moved, by reason.
        versions: How often the table changed.
        losses: Hosts that were found silent or gone.
        deciding_seconds: Processor time spent in ``next_moves``.
    """

    def __init__(self, ground: Ground, start: Callable[[str], None]) -> None:
        """Know nobody; ``start`` begins to start a host of that name."""
        self._ground = ground
        self._start = start
        self._last = 0
        self._absent: dict[str, Absence] = {}
        self._former: list[tuple[float, Process]] = []
        self._moving: set[int] = set()
        self._beat_at = 0.0
        self._nobody_at = -math.inf
        self.hosts: list[str] = []
        self.leaving: set[str] = set()
        self.processes: dict[str, Process] = {}
        self.owners: list[str] = [""] * ground.protocol.partitions
        self.placed: dict[str, set[int]] = {}
        self.loads: dict[int, float] = dict(enumerate(ground.rates))
        self.moves: Counter[str] = Counter()
        self.versions = 0
        self.losses = 0
        self.rounds = 0
        self.deciding_seconds = 0.0
        self._silent: set[str] = set()

    # --- what happens to hosts --------------------------------------------------------------------

    def plan(self) -> str:
        """Name one more host."""
        self._last += 1
        name = f"host-{self._last}"
        self.hosts.append(name)
        self.placed[name] = set()
        return name

    def enter(self, process: Process) -> None:
        """Let a started process answer for its host from the next beat on."""
        before = self.processes.get(process.name)
        if before is not None:
            self._former.append((self._ground.agenda.now, before))
        self.processes[process.name] = process
        self.back(process)

    def miss(self, process: Process, gone_at: float | None = None) -> None:
        """Hear a process no more; ``gone_at``: when Ray says so, if it does."""
        known = self._absent.get(process.name)
        heard_at = known.heard_at if known else self._last_beat_to(process.name)
        self._absent[process.name] = Absence(process, self._ground.agenda.now, heard_at, gone_at)

    def back(self, process: Process) -> None:
        """Hear a process again from the next beat on."""
        if (absence := self._absent.get(process.name)) is not None:
            absence.back_at = self._ground.agenda.now

    def drain(self, name: str) -> None:
        """Let a host give up what it has and end."""
        self.leaving.add(name)

    def members(self) -> list[str]:
        """List the hosts that are to stay and are heard of."""
        return [
            name
            for name in self.hosts
            if name in self.processes and name not in self.leaving and name not in self._absent
        ]

    def placed_late(self) -> list[str]:
        """List the hosts that were lost so long ago that they must not be in the table any more."""
        within = self._ground.protocol.placed_within(len(self.hosts))
        latest = self._ground.agenda.now - within
        if self._nobody_at > latest:
            return []
        return [n for n, a in self._absent.items() if a.lost_at < latest and self.placed.get(n)]

    # --- a round ----------------------------------------------------------------------------------

    def round(self) -> None:
        """Decide by what is known, and beat."""
        now = self._ground.agenda.now
        self.rounds += 1
        self._hear_those_back()
        silent = {name for name, absence in self._absent.items() if self._is_silent(absence)}
        self.losses += len(silent - self._silent)
        self._silent = silent
        self._replace(now)
        self._end_those_done(silent)
        moves = self._decided(silent)
        self._apply(moves)
        self._beat(moves, silent)
        self._beat_at = now

    def _last_beat_to(self, name: str) -> float:
        """Tell when a beat last reached a host that was well until now."""
        protocol, now = self._ground.protocol, self._ground.agenda.now
        offset = self.hosts.index(name) * protocol.ray_call_seconds if name in self.hosts else 0.0
        latest = self._beat_at + offset
        return latest if latest <= now else latest - protocol.round_seconds(len(self.hosts))

    def _is_silent(self, absence: Absence) -> bool:
        now = self._ground.agenda.now
        known_gone = absence.gone_at is not None and absence.gone_at <= now
        return known_gone or now - absence.heard_at > self._ground.protocol.silent_seconds

    def _hear_those_back(self) -> None:
        back = [
            name
            for name, absence in self._absent.items()
            if absence.back_at is not None and absence.back_at <= self._beat_at
        ]
        for name in back:
            del self._absent[name]

    def _replace(self, now: float) -> None:
        """Give up on hosts that were silent for too long, and start others."""
        limit = now - self._ground.protocol.replaced_seconds
        lost = [n for n, a in self._absent.items() if a.heard_at < limit and a.back_at is None]
        for name in lost:
            stays = name not in self.leaving
            self._remove(name)
            if stays:
                self._start(self.plan())

    def _end_those_done(self, silent: set[str]) -> None:
        done = [
            name
            for name in sorted(self.leaving - silent)
            if name in self.processes and not self.placed[name] and not self.processes[name].held
        ]
        for name in done:
            self._remove(name)

    def _remove(self, name: str) -> None:
        process = self.processes.pop(name, None)
        self._absent.pop(name, None)
        self.hosts.remove(name)
        self.leaving.discard(name)
        if process is not None:
            self._former.append((self._ground.agenda.now, process))
            if not process.ended:
                process.abandon()

    def _decided(self, silent: set[str]) -> list[Move]:
        watch = self._ground.watch
        arrived = {
            partition
            for partition in self._moving
            if watch.served_by[partition] is self.processes.get(self.owners[partition])
            and watch.served_since[partition] <= self._beat_at
        }
        self._moving -= arrived
        live = [name for name in self.hosts if name in self.processes and name not in silent]
        if not set(live) - self.leaving:
            self._nobody_at = self._ground.agenda.now
            watch.nobody_left()
        began = process_time()
        moves = next_moves(
            self.owners,
            [name for name in live if name not in self.leaving],
            leaving=[name for name in live if name in self.leaving],
            load=self.loads,
            moving=self._moving,
            at_once=self._ground.protocol.moves_at_once,
        )
        self.deciding_seconds += process_time() - began
        return moves

    def _apply(self, moves: list[Move]) -> None:
        self.versions += bool(moves)
        for partition, source, target in moves:
            self.moves[self._reason(source, target)] += 1
            self.owners[partition] = target
            self.placed.get(source, set()).discard(partition)
            self.placed[target].add(partition)
            self._moving.add(partition)
            if not self.processes[target].running:
                # It fails already, and nobody knows yet: the time begins again.
                self._ground.watch.failed_again([partition])

    def _reason(self, source: str, target: str) -> str:
        if source in self.leaving:
            return DRAIN
        absence = self._absent.get(source)
        if source not in self.hosts or (absence is not None and self._is_silent(absence)):
            return ORPHAN
        return EVEN if len(self.placed[source]) > len(self.placed[target]) + 1 else LOAD

    def _beat(self, moves: list[Move], silent: set[str]) -> None:
        """Tell those for whom something has changed or is under way; the rest hear nothing new."""
        ground, now = self._ground, self._ground.agenda.now
        kept = now - ground.protocol.former_seconds
        self._former = [(at, process) for at, process in self._former if at >= kept]
        owners = [process for _, process in self._former]
        owners += [self._absent[name].process for name in sorted(silent) if name in self._absent]
        told = {move.source for move in moves} | {self.owners[p] for p in self._moving}
        told |= self._absent.keys()
        for index, name in enumerate(self.hosts):
            if name in told and name in self.processes:
                at = now + index * ground.protocol.ray_call_seconds
                at += ground.protocol.way.drawn(ground.random)
                wanted = frozenset(self.placed[name])
                ground.agenda.at(at, self.processes[name].order, wanted, frozenset(owners))
