import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

# Last, so that nothing of the root hides what is installed: bench is no part of the package.
sys.path.append(str(Path(__file__).parents[3]))

from bench.scale import report, watch
from bench.scale.__main__ import main
from bench.scale.agenda import Agenda
from bench.scale.processes import Process
from bench.scale.protocol import Around, Between, Protocol, Scene, described
from bench.scale.steward import DRAIN, EVEN, ORPHAN
from bench.scale.store import Claim, Store
from bench.scale.watch import Violation
from bench.scale.world import World, rates
from doorward.actors.cluster.placement import next_moves
from doorward.actors.partitions import PARTITIONS, partition_of

SMALL = Scene(hosts=50, storefronts=20_000, requests_per_second=5_000.0, seconds=150.0)
SEEDS = range(6)
STORMY = replace(SMALL, freezes=1.0, kills=30.0, machine_losses=0.0, frozen=Between(1.0, 4.0))
CAUGHT_WITHIN = 5


def world(seed: int, scene: Scene = SMALL, process: type[Process] = Process) -> World:
    made = World(seed, Protocol(), scene, process=process)
    made.run()
    return made


def test_a_small_cluster_keeps_every_promise_whatever_fails() -> None:
    worlds = [world(seed) for seed in SEEDS]

    seen = {kind for each in worlds for kind in each.watch.outages}
    moves = sum((each.steward.moves for each in worlds), Counter())
    assert seen == set(watch.KINDS)
    assert all(moves[reason] for reason in (ORPHAN, DRAIN, EVEN))
    for each in worlds:
        share = PARTITIONS / SMALL.hosts
        assert each.steward.moves[ORPHAN] < (share + 1) * each.steward.losses
        assert sum(sample.spread <= 1 for sample in each.happened.evenness) > 0.8 * len(
            each.happened.evenness
        )
        assert sum(each.watch.met.values()) < 0.1 * each.requests()


def test_what_is_served_again_is_so_within_what_the_protocol_says() -> None:
    seen = world(1).watch.outages

    protocol = Protocol()
    lease, silent, beat = protocol.lease_seconds, protocol.silent_seconds, protocol.beat_seconds
    assert max(seen[watch.KILLED_NEAR]) < 2.0
    assert lease < min(seen[watch.KILLED_FAR]) < max(seen[watch.KILLED_FAR]) < lease + 2.0
    for kind in (watch.MACHINE_GONE, watch.FROZEN_GONE):
        assert max(seen[kind]) < silent + lease + 3 * beat
    assert sorted(seen[watch.PLANNED])[len(seen[watch.PLANNED]) // 2] < 0.3


def test_a_seed_tells_all_of_a_large_run() -> None:
    first, again, other = world(7), world(7), world(8)

    assert first.watch.outages == again.watch.outages != other.watch.outages
    assert first.steward.owners == again.steward.owners
    assert first.happened == again.happened


# --- saboteurs: the watch can find something ------------------------------------------------------


class Hasty(Process):
    def wait_seconds(self, claim: Claim[Process]) -> float:
        return 0.0


class Heedless(Process):
    def has_lease(self) -> bool:
        return True


class Idle(Process):
    def order(self, wanted: frozenset[int], silent: frozenset[Process]) -> None:
        if self._ground.agenda.now < SMALL.warm_up_seconds:
            super().order(wanted, silent)


class Clinging(Process):
    def _leave(self, partition: int) -> None:
        self._ground.store.release(partition, self, self.held[partition].epoch)


class Secretive(Process):
    def _begin(self, partition: int) -> None:
        if self._ground.agenda.now < SMALL.warm_up_seconds:
            super()._begin(partition)


@pytest.mark.parametrize(
    ("saboteur", "finding"),
    [
        (Hasty, "both serve"),
        (Heedless, "both serve|without a lease"),
        (Idle, "is unserved"),
        (Clinging, "both serve"),
        (Secretive, "not served by whom"),
    ],
)
def test_a_saboteur_in_a_large_run_is_caught(saboteur: type[Process], finding: str) -> None:
    assert re.search(finding, caught(saboteur))


def caught(saboteur: type[Process]) -> str:
    for seed in range(CAUGHT_WITHIN):
        try:
            world(seed, STORMY, saboteur)
        except Violation as violation:
            return str(violation)
    pytest.fail("nobody noticed")


def test_what_is_not_placed_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.scale.steward.next_moves", only_at_first())
    patient = replace(Protocol(), replaced_seconds=1_000.0)

    with pytest.raises(Violation, match="not placed again"):
        World(0, patient, replace(SMALL, kills=0.0, machine_losses=0.0, scaled=0.0)).run()


def only_at_first() -> Callable[..., object]:
    calls = Counter[str]()

    def moves(*args: object, **kwargs: object) -> object:
        calls["made"] += 1
        return next_moves(*args, **kwargs) if calls["made"] < 10 else []

    return moves


# --- its parts ------------------------------------------------------------------------------------


def test_what_is_due_happens_in_order_and_not_after_the_end() -> None:
    agenda, happened = Agenda(), list[tuple[str, float]]()

    agenda.at(2.0, lambda: happened.append(("second", agenda.now)))
    agenda.at(1.0, lambda: agenda.after(1.0, lambda: happened.append(("third", agenda.now))))
    agenda.at(9.0, lambda: happened.append(("never", agenda.now)))
    agenda.run(5.0)

    assert happened == [("second", 2.0), ("third", 2.0)]
    assert agenda.now == 5.0


def test_load_is_spread_over_partitions_as_the_storefronts_are() -> None:
    scene = Scene(storefronts=3, requests_per_second=1_100.0)

    found = rates(scene, PARTITIONS)

    expected = Counter[int]()
    for rank in (1, 2, 3):
        expected[partition_of(f"storefront-{rank}")] += 600.0 / rank
    assert {p: pytest.approx(rate) for p, rate in enumerate(found) if rate} == expected


def test_drawn_times_stay_within_what_they_are_said_to_be() -> None:
    random = Random(5)

    around = [Around(0.1, 0.4).drawn(random) for _ in range(2_000)]
    between = [Between(0.2, 30.0).drawn(random) for _ in range(2_000)]

    assert max(around) == 0.4
    assert sum(around) / len(around) == pytest.approx(0.1, rel=0.1)
    assert 0.2 <= min(between) < 0.25
    assert 25 < max(between) <= 30


def test_a_claim_is_taken_as_it_was_seen_or_not_at_all() -> None:
    store: Store[str] = Store(1)
    seen = store.claim(0)

    assert store.take(0, "one", seen, waits=True)
    assert not store.take(0, "two", seen, waits=False)
    store.release(0, "two", 1)
    assert store.claim(0) == Claim(1, "one", settled=False)
    assert store.commit(0, "one", 1)
    store.release(0, "one", 1)
    assert store.claim(0) == Claim(1, None, settled=True)


def test_every_figure_is_told_with_its_unit_and_source() -> None:
    figures = described(Protocol(), Scene())

    assert all(each.value and each.unit and each.source for each in figures)
    assert {"lease_seconds", "hot_factor"} <= {each.name for each in figures}
    assert "| lease_seconds | 3 | s |" in "\n".join(report.parameters(figures))


def test_the_command_prints_a_report_for_a_cluster() -> None:
    options = ["--hosts", "12", "--storefronts", "500", "--seconds", "60", "--partitions", "64"]

    ended = CliRunner().invoke(main, options, catch_exceptions=False)

    assert ended.exit_code == 0
    assert "### 12 hosts, 64 partitions" in ended.stdout
    assert "| planned move |" in ended.stdout
    assert "nothing violated" in ended.stdout


def test_the_command_prints_what_a_run_goes_by() -> None:
    ended = CliRunner().invoke(main, ["--figures"], catch_exceptions=False)

    assert "| beat_seconds | 0.25 | s |" in ended.stdout
