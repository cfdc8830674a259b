"""What a simulation goes by: the protocol's own constants, and what is assumed about the world.

Every figure has its unit and its source beside it. Constants of the cluster are imported from where
they rule, so that the simulation cannot go by others.
"""

import math
from dataclasses import dataclass
from random import Random
from typing import Annotated, Final, NamedTuple, get_type_hints

from doorward.actors.cluster.deciding import MOVES_AT_ONCE, REPLACED_SECONDS
from doorward.actors.cluster.seats import FORMER_SECONDS, LOAD_SECONDS, SILENT_SECONDS
from doorward.actors.cluster.steward import BEAT_SECONDS
from doorward.actors.cluster.system import STRAY_SECONDS
from doorward.actors.ownership import MARGIN_OF_LEASE, RENEWALS_PER_LEASE
from doorward.actors.partitions import PARTITIONS
from doorward.actors.work_loop import TICK_SECONDS
from doorward.config.concerns import Hosting


class Told(NamedTuple):
    """One figure for the report."""

    name: str
    value: str
    unit: str
    source: str


class Around(NamedTuple):
    """A time that is mostly short: exponential with this mean, cut off at ``longest``."""

    mean: float
    longest: float

    def drawn(self, random: Random) -> float:
        """Draw one."""
        return min(self.longest, random.expovariate(1 / self.mean))

    def __str__(self) -> str:
        return f"exponential, mean {self.mean:g}, at most {self.longest:g}"


class Between(NamedTuple):
    """A time of any order of magnitude between two: uniform in its logarithm."""

    least: float
    most: float

    def drawn(self, random: Random) -> float:
        """Draw one."""
        return math.exp(random.uniform(math.log(self.least), math.log(self.most)))

    def __str__(self) -> str:
        return f"log-uniform, {self.least:g} to {self.most:g}"


class Of(NamedTuple):
    """A figure's unit and where it is from."""

    unit: str
    source: str


_WAY: Final = Around(0.002, 0.05)
_STORE_CALL: Final = Around(0.001, 0.05)
_FLUSH: Final = Around(0.004, 0.2)
_MAIL: Final = Around(0.1, 2.0)
_RAY_NOTICE: Final = Around(0.2, 1.0)
_START: Final = Between(3.0, 8.0)
_FROZEN: Final = Between(0.2, 30.0)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How the cluster works, and how long its steps take."""

    partitions: Annotated[int, Of("partitions", "actors/partitions.py")] = PARTITIONS
    beat_seconds: Annotated[float, Of("s", "steward.py: between two beats to a host")] = (
        BEAT_SECONDS
    )
    silent_seconds: Annotated[float, Of("s", "seats.py: unheard, then silent")] = SILENT_SECONDS
    replaced_seconds: Annotated[float, Of("s", "deciding.py: unheard, then replaced")] = (
        REPLACED_SECONDS
    )
    former_seconds: Annotated[float, Of("s", "seats.py: an ended process stays silent")] = (
        FORMER_SECONDS
    )
    moves_at_once: Annotated[int, Of("partitions", "deciding.py")] = MOVES_AT_ONCE
    load_seconds: Annotated[float, Of("s", "seats.py: loads are averaged over")] = LOAD_SECONDS
    lease_seconds: Annotated[float, Of("s", "config/concerns.py")] = float(Hosting().lease_seconds)
    renewals_per_lease: Annotated[int, Of("per lease", "actors/ownership.py")] = RENEWALS_PER_LEASE
    margin_of_lease: Annotated[float, Of("of a lease", "actors/ownership.py")] = MARGIN_OF_LEASE
    tick_seconds: Annotated[float, Of("s", "work_loop.py: a claim is looked at again")] = (
        TICK_SECONDS
    )
    stray_seconds: Annotated[float, Of("s", "system.py: a message looks for its host")] = (
        STRAY_SECONDS
    )
    ray_call_seconds: Annotated[float, Of("s", "measured: 2,000 Ray calls/s for one process")] = (
        0.0005
    )
    way: Annotated[Around, Of("s", "assumed: a beat reaches its host")] = _WAY
    store_call: Annotated[Around, Of("s", "assumed: one call to Redis, waiting for it")] = (
        _STORE_CALL
    )
    flush: Annotated[Around, Of("s", "docs/benchmarks.md: what is on its way at a move")] = _FLUSH
    mail: Annotated[Around, Of("s", "assumed: SMTP; a move waits for mails being sent")] = _MAIL
    mails: Annotated[float, Of("per request", "assumed: requests that send a mail")] = 0.2
    writes: Annotated[float, Of("per request", "assumed: requests that commit something")] = 0.5
    ray_notice: Annotated[Around, Of("s", "assumed: Ray tells that a process ended")] = _RAY_NOTICE
    start: Annotated[Between, Of("s", "measured: a Ray process starts")] = _START

    @property
    def serving_seconds(self) -> float:
        """How long a host answers after its latest proof of owning."""
        return self.lease_seconds * (1 - self.margin_of_lease)

    def round_seconds(self, hosts: int) -> float:
        """Tell how long the steward needs to reach everybody, if that is longer than a beat."""
        return max(self.beat_seconds, hosts * self.ray_call_seconds)

    def placed_within(self, hosts: int) -> float:
        """Tell how soon a lost host's partitions are given to others, at the latest."""
        return self.silent_seconds + self.lease_seconds + self.round_seconds(hosts)

    def served_within(self, hosts: int) -> float:
        """Tell how soon a partition is served again, at the latest, if nothing else fails.

        Its host is found silent at the round after the time is over; or it finishes what is under
        way, with nobody silent. The next one is told with that round's beat; looks, takes, waits.
        """
        found = self.silent_seconds + self.round_seconds(hosts)
        finished = max(self.flush.longest, self.mail.longest) + 2 * self.store_call.longest
        told = self.round_seconds(hosts) + self.way.longest
        taken = 3 * self.store_call.longest + self.tick_seconds
        return max(found, finished) + told + taken + self.lease_seconds


@dataclass(frozen=True, kw_only=True)
class Scene:
    """How large the cluster is and what happens to it."""

    hosts: Annotated[int, Of("hosts", "asked for")] = 1_000
    hosts_per_machine: Annotated[int, Of("hosts", "assumed: one per core")] = 8
    storefronts: Annotated[int, Of("storefronts", "asked for")] = 1_000_000
    zipf: Annotated[float, Of("exponent", "asked for: load of the storefront of that rank")] = 1.0
    requests_per_second: Annotated[float, Of("requests/s", "asked for: of all storefronts")] = (
        100_000.0
    )
    seconds: Annotated[float, Of("s", "chosen: simulated time")] = 600.0
    warm_up_seconds: Annotated[float, Of("s", "chosen: before anything fails or is counted")] = 20.0
    kills: Annotated[float, Of("s between", "chosen, far too harsh: a process is killed")] = 10.0
    machine_losses: Annotated[
        float, Of("s between", "chosen, as above: a whole machine is gone")
    ] = 100.0
    freezes: Annotated[float, Of("s between", "chosen, as above: a process stops for a while")] = (
        10.0
    )
    frozen: Annotated[Between, Of("s", "chosen: how long it stops")] = _FROZEN
    drains: Annotated[float, Of("s between", "chosen: an operator drains a host")] = 60.0
    scaled: Annotated[
        float, Of("of the hosts", "chosen: join at 1/3 and leave at 2/3 of the time")
    ] = 0.05
    hot_factor: Annotated[
        float, Of("times", "asked for: one partition, from 4/10 to 6/10 of the time")
    ] = 100.0


def described(*parameters: Protocol | Scene) -> list[Told]:
    """List every figure with its unit and source."""
    return [
        Told(name, _written(getattr(each, name)), *hint.__metadata__[0])
        for each in parameters
        for name, hint in get_type_hints(type(each), include_extras=True).items()
    ]


def _written(value: object) -> str:
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)
